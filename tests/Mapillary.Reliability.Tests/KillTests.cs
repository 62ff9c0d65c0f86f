using System.Diagnostics;
using System.Globalization;
using Mapillary.Cli.Tests;
using Mapillary.Emulator;

namespace Mapillary.Reliability.Tests;

/// <summary>
/// A backup that is killed (SIGKILL) at any moment and run again ends as one that was not: the same tree, and nothing that was finished
/// fetched again. The moments are drawn from a seed each; <c>MAPILLARY_KILLS</c> says how many there are, up to 60.
/// </summary>
public class KillTests(UninterruptedRuns uninterrupted) : IClassFixture<UninterruptedRuns>
{
    /// <summary>All that are known; every third is a run with WebP.</summary>
    private const int AllMoments = 60;

    /// <summary>Enough for the kinds of moments to come up each; all of them take minutes.</summary>
    private const int MomentsByDefault = 12;

    /// <summary>How often a moment that came too late, the process having ended, is tried again.</summary>
    private const int Tries = 10;

    public static TheoryData<int> Moments()
    {
        var wanted = Environment.GetEnvironmentVariable("MAPILLARY_KILLS") is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : MomentsByDefault;
        return [.. Enumerable.Range(0, Math.Min(wanted, AllMoments))];
    }

    [Theory]
    [MemberData(nameof(Moments))]
    public async Task Killed_and_run_again_a_backup_ends_as_if_nothing_had_been(int seed)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows knows no SIGKILL; there a process that is ended leaves the same.");
        var webp = seed % 3 == 2;
        var expected = await uninterrupted.OfAsync(webp);
        var random = new Random(seed);
        for (var left = Tries; ; left--)
        {
            await using var run = await BackupRun.OpenAsync();
            var when = await KillAsync(run, webp, seed, random, expected.Requests);
            if (when is null)
            {
                Assert.True(left > 0, "The process was never caught alive.");
                continue;
            }

            BackupRun.AssertFinishedAreWhole(run.Output(), webp);
            var finished = BackupRun.Finished(run.Output(), webp).Keys.ToHashSet();
            var asked = MatrixWorld.FetchesByImage(run.Emulator);
            Assert.True(asked.Keys.Except(finished).Count() <= BackupRun.Workers, $"{when}: {asked.Count} images asked for, {finished.Count} finished.");

            var (exitCode, output, error) = await run.EndByItselfAsync(run.Start(run.Emulator.Token, BackupRun.Arguments(webp)));

            Assert.True(exitCode == 0, $"{when}: {error}");
            Tree.AssertSame(expected.Contents, Tree.Read(run.Output()), when);
            var fetches = MatrixWorld.FetchesByImage(run.Emulator);
            Assert.Equal(BackupRun.Images, fetches.Count);
            Assert.All(fetches, f => Assert.True(f.Value == (asked.ContainsKey(f.Key) && !finished.Contains(f.Key) ? 2 : 1), $"{when}: image {f.Key} was asked for {f.Value} times, finished before: {finished.Contains(f.Key)}."));
            Secrets.AssertKept(run.Emulator, run.Folder, output, error);
            return;
        }
    }

    /// <summary>Begins a backup and kills it.</summary>
    /// <returns>When that was, in words; null where it had ended before.</returns>
    private static async Task<string?> KillAsync(ConsoleRun run, bool webp, int seed, Random random, int requests)
    {
        // A third of the moments lies in the work on disk behind the last request, the others anywhere.
        return seed / 3 % 3 == 2 ? await KillAtWorkOnDiskAsync(run, webp, random) : await KillAtRequestAsync(run, webp, random.Next(1, requests + 1));
    }

    private static async Task<string?> KillAtRequestAsync(ConsoleRun run, bool webp, int request)
    {
        var started = new TaskCompletionSource<Process>();
        var answered = 0;
        run.Emulator.Answered += _ =>
        {
            if (Interlocked.Increment(ref answered) == request) started.Task.Result.Kill();
        };
        return await WasKilledAsync(run, webp, started) ? $"killed after request {request}" : null;
    }

    /// <summary>Kills when a change to the collection's files is seen that only the work behind the last picture makes.</summary>
    private static async Task<string?> KillAtWorkOnDiskAsync(ConsoleRun run, bool webp, Random random)
    {
        (WatcherChangeTypes Change, string End)[] changes =
        [
            (WatcherChangeTypes.Created, ".tar.part"), (WatcherChangeTypes.Changed, ".tar.part"), (WatcherChangeTypes.Renamed, ".tar"),
            (WatcherChangeTypes.Renamed, ".tar"), (WatcherChangeTypes.Deleted, webp ? ".webp" : ".jpg"), (WatcherChangeTypes.Created, ".jsonl.gz.part"),
            (WatcherChangeTypes.Renamed, ".jsonl.gz"), (WatcherChangeTypes.Created, "title"), (WatcherChangeTypes.Created, "__ia_thumb__.jpg.part"),
        ];
        var (change, end) = changes[random.Next(changes.Length)];
        // The how manieth of its kind: of those that come often, any of the first.
        var time = change == WatcherChangeTypes.Deleted ? random.Next(1, BackupRun.Images) : end.Contains("tar", StringComparison.Ordinal) || end.Contains("jsonl", StringComparison.Ordinal) ? random.Next(1, 3) : 1;
        var when = $"killed when {end} was {change}, time {time}";
        var started = new TaskCompletionSource<Process>();
        using var watch = run.OnChange(change, end, time, () => started.Task.Result.Kill());
        return await WasKilledAsync(run, webp, started) ? when : null;
    }

    private static async Task<bool> WasKilledAsync(ConsoleRun run, bool webp, TaskCompletionSource<Process> started)
    {
        const int KilledBySignal9 = 128 + 9;
        var process = run.Start(run.Emulator.Token, BackupRun.Arguments(webp));
        started.SetResult(process);
        var (exitCode, output, error) = await run.EndByItselfAsync(process);
        Secrets.AssertFree(output + error, "what was said");
        Assert.True(exitCode is 0 or KilledBySignal9, error);
        return exitCode == KilledBySignal9;
    }
}

/// <summary>What backups leave that nobody interrupts, with WebP and without; each made when it is first asked for.</summary>
public sealed class UninterruptedRuns
{
    private readonly Lazy<Task<Uninterrupted>> _jpeg = new(() => RunAsync(webp: false));
    private readonly Lazy<Task<Uninterrupted>> _webp = new(() => RunAsync(webp: true));

    public Task<Uninterrupted> OfAsync(bool webp)
    {
        if (!webp) return _jpeg.Value;
        Mapillary.Tests.Workplace.Run("cwebp", "-version");
        return _webp.Value;
    }

    private static async Task<Uninterrupted> RunAsync(bool webp)
    {
        await using var run = await BackupRun.OpenAsync();
        var (exitCode, _, error) = await run.RunAsync(BackupRun.Arguments(webp));
        Assert.True(exitCode == 0, error);
        return new Uninterrupted(Tree.Read(run.Output()), run.Emulator.Requests.Count);
    }
}

/// <summary>A run that was not interrupted.</summary>
/// <param name="Contents">What it left.</param>
/// <param name="Requests">How many requests it made.</param>
public sealed record Uninterrupted(SortedDictionary<string, string> Contents, int Requests);
