using System.Diagnostics;
using System.Globalization;
using Mapillary.Collections;
using Mapillary.Collections.Records;
using Mapillary.Emulator;

namespace Mapillary.Reliability.Tests;

/// <summary>
/// A long run of the program with its own waits, 2 % of every fault that does not end a run: memory does not grow, and the ledger is right
/// to the image. Takes minutes; <c>MAPILLARY_SOAK=1</c> has it run.
/// </summary>
public class SoakTests
{
    private const int Images = 20_000;

    /// <summary>Of fifty images one meets a given fault.</summary>
    private const int Share = 50;

    private const int PageLimit = 100;

    /// <summary>How many cursors expire: as many pages in a hundred as of all else, spread over the run.</summary>
    private const int Expiries = Images / PageLimit / Share;

    /// <summary>Many, because each picture that trickles holds one of them for a minute.</summary>
    private const int Workers = 256;

    private const int RequestsASample = 100;
    private const long Mebibyte = 1024 * 1024;

    /// <summary>What the specification allows, whatever the number of images.</summary>
    private const long MostMemory = 256 * Mebibyte;

    private static readonly FaultKind[] Passing =
    [
        FaultKind.Expired403, FaultKind.NotFound404, FaultKind.Truncated, FaultKind.TruncatedWithRightLength, FaultKind.Trickle, FaultKind.Html200, FaultKind.Html503,
        FaultKind.Empty, FaultKind.ConnectionReset, FaultKind.TrailingBytes, FaultKind.CorruptExif, FaultKind.ExistingXmp,
    ];

    private static readonly FaultKind[] OfTheListing =
    [
        FaultKind.RateLimited403, FaultKind.RateLimited429, FaultKind.TooMuchData, FaultKind.Transient500, FaultKind.Html503, FaultKind.CutJson, FaultKind.ConnectionReset,
        FaultKind.DuplicateAcrossPages, FaultKind.EmptyPageWithNext,
    ];

    [Fact]
    public async Task Twenty_thousand_images_with_every_fault_cost_no_memory_and_none_is_lost()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("MAPILLARY_SOAK") == "1", "Takes minutes; MAPILLARY_SOAK=1 has it run.");
        var isHealed = false;
        bool IsGone(EmulatedImage image) => image.Ordinal % Share == Passing.Length;
        bool IsBroken(EmulatedImage image) => image.Ordinal % Share == Passing.Length + 1;
        var (pictures, nextExpiry) = (0, Images / Expiries);
        // Cursors expire with time. One that did again before the listing was further would end the run.
        bool IsExpired(FaultTarget target) => target.Path.Contains("&after=", StringComparison.Ordinal) && Volatile.Read(ref pictures) >= nextExpiry && (nextExpiry += Images / Expiries) > 0;
        await using var run = await BackupRun.OpenAsync(new EmulatorOptions
        {
            Users = [new EmulatedUser { Name = BackupRun.User, Images = Images }],
            PageLimit = PageLimit,
            Faults =
            [
                .. Passing.Select((kind, i) => new FaultRule { Server = ServerKind.Cdn, Kind = kind, Which = t => t.Ordinal % Share == i }),
                new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.NotFound404, Which = t => IsGone(t.Image!), Times = int.MaxValue },
                new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.TruncatedWithRightLength, Which = t => IsBroken(t.Image!) && !isHealed, Times = int.MaxValue },
                new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.ExpiredCursor400, Which = IsExpired, Times = int.MaxValue },
                .. OfTheListing.Select(kind => new FaultRule { Server = ServerKind.Graph, Kind = kind, Rate = 1.0 / Share, MaxCells = 2000, RetryAfterSeconds = kind == FaultKind.RateLimited429 ? 2 : null }),
            ],
        });
        run.Emulator.Answered += r =>
        {
            if (r.Server == ServerKind.Cdn) Interlocked.Increment(ref pictures);
        };
        string[] arguments = ["backup", BackupRun.User, "--quality", "256", "--workers", $"{Workers}", "--no-tar"];
        var lost = Images / Share;

        var clock = Stopwatch.StartNew();
        var process = run.Start(run.Emulator.Token, arguments);
        var samples = Sample(run.Emulator, process.Id);
        var (exitCode, output, error) = await run.EndAsync(process);
        var (time, requests, memory) = (clock.Elapsed, run.Emulator.Requests.Count, samples.ToList());

        Assert.True(exitCode == 2, $"{exitCode}: {error}");
        AssertLedger(BackupRun.Staging(run.Output()), new Ledger(Images - (2 * lost), 0, lost, lost), output);
        var failures = MatrixWorld.FailuresOf(BackupRun.Staging(run.Output()));
        Assert.Equal(Ids(IsGone), Failed(SavedImageStatus.Unavailable));
        Assert.Equal(Ids(IsBroken), Failed(SavedImageStatus.Failed));
        Assert.Empty(Tree.HalfFiles(run.Output()));
        BackupRun.AssertFinishedAreWhole(run.Output());
        var fetches = MatrixWorld.FetchesByImage(run.Emulator);
        Assert.All(run.Emulator.World.Images, i => Assert.Equal(FetchesOf(i), fetches[i.Id]));

        var thirds = memory.Chunk((memory.Count + 2) / 3).Select(Median).ToList();
        TestContext.Current.TestOutputHelper!.WriteLine(Words(time, requests, thirds, memory.Max()));
        Assert.True(memory.Max() < MostMemory, Words(time, requests, thirds, memory.Max()));
        // The first third holds the start; what grows with the images would show in the last.
        Assert.True(thirds[2] < thirds[1] * 1.15, Words(time, requests, thirds, memory.Max()));

        isHealed = true;
        var (again, againOutput, againError) = await run.EndAsync(run.Start(run.Emulator.Token, arguments));

        Assert.True(again == 0, againError);
        AssertLedger(BackupRun.Place(run.Output()), new Ledger(lost, Images - (2 * lost), lost, 0), againOutput);
        BackupRun.AssertFinishedAreWhole(run.Output());
        Secrets.AssertKept(run.Emulator, run.Folder, output, error, againOutput, againError);

        IEnumerable<string> Ids(Func<EmulatedImage, bool> which) => run.Emulator.World.Images.Where(which).Select(i => i.Id).Order(StringComparer.Ordinal);

        IEnumerable<string> Failed(string status) => failures.Where(f => f.Value.Status == status).Select(f => f.Key).Order(StringComparer.Ordinal);

        int FetchesOf(EmulatedImage image) => IsBroken(image) ? new Download.FetchRules().Retry.Attempts
            : IsGone(image) || image.Ordinal % Share < Passing.Length - 3 ? 2
            : 1;
    }

    /// <summary>The process's memory at every so manieth request that it makes.</summary>
    private static List<long> Sample(EmulatorHost emulator, int processId)
    {
        var samples = new List<long>();
        var answered = 0;
        emulator.Answered += _ =>
        {
            if (Interlocked.Increment(ref answered) % RequestsASample != 0) return;
            var status = $"/proc/{processId}/status";
            if (!File.Exists(status)) return;
            var kibibytes = File.ReadLines(status).First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
            lock (samples) samples.Add(long.Parse(kibibytes, CultureInfo.InvariantCulture) * 1024);
        };
        return samples;
    }

    private static long Median(long[] values) => values.Order().ElementAt(values.Length / 2);

    private static string Words(TimeSpan time, int requests, List<long> thirds, long most) => string.Create(CultureInfo.InvariantCulture,
        $"{Images} images, {requests} requests in {time.TotalSeconds:0} s; memory in thirds {string.Join(", ", thirds.Select(t => $"{t / Mebibyte} MiB"))}, at most {most / Mebibyte} MiB");

    private static void AssertLedger(string collection, Ledger expected, string output)
    {
        Assert.Contains(expected.ToString(), output, StringComparison.Ordinal);
        var state = CollectionState.Read(collection)!;
        Assert.Equal((Images, expected.Saved + expected.Present, expected.Unavailable, expected.Failed), (state.Listed, state.Images, state.Unavailable, state.Failed));
    }
}
