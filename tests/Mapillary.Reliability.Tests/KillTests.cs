using System.Diagnostics;
using Mapillary.Cli.Tests;
using Mapillary.Tests;

namespace Mapillary.Reliability.Tests;

/// <summary>
/// A backup that is killed (SIGKILL) at any moment and run again ends as one that was not: the same tree, and nothing that was finished
/// fetched again. The moments are drawn from a seed each.
/// </summary>
public class KillTests(UninterruptedRuns uninterrupted) : IClassFixture<UninterruptedRuns>
{
    /// <summary>All that are drawn; twenty of them with WebP.</summary>
    private const int AllMoments = 60;

    /// <summary>Each kind of moment; all of them take minutes.</summary>
    private const int MomentsAtHand = 9;

    /// <summary>While pictures are fetched, while tars are made and their sources removed, and at the end.</summary>
    private static readonly int[] CutsAtHand = [1, 8, 34, 53];

    /// <summary>How often a moment that came too late, the process having ended, is tried again.</summary>
    private const int Tries = 10;

    public static TheoryData<int> Moments => [.. Enumerable.Range(0, Thoroughness.Of(MomentsAtHand, AllMoments))];

    [Theory]
    [MemberData(nameof(Moments))]
    public async Task Killed_and_run_again_a_backup_ends_as_if_nothing_had_been(int seed)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows knows no SIGKILL; there a process that is ended leaves the same.");
        var moment = Moment.Draw(seed);
        var expected = await uninterrupted.OfAsync(moment.Webp);
        for (var left = Tries; ; left--)
        {
            await using var run = await BackupRun.OpenAsync();
            if (!await IsKilledAsync(run, moment, expected.Requests))
            {
                Assert.True(left > 0, $"The process was never caught alive at {moment}.");
                continue;
            }

            BackupRun.AssertFinishedAreWhole(run.Output(), moment.Webp);
            var finished = BackupRun.Finished(run.Output(), moment.Webp).Keys.ToHashSet();
            var asked = MatrixWorld.FetchesByImage(run.Emulator);
            // With WebP, pictures wait in memory for an encoder, too.
            Assert.True(moment.Webp || asked.Keys.Except(finished).Count() <= BackupRun.Workers, $"{moment}: {asked.Count} images asked for, {finished.Count} finished.");

            var (exitCode, output, error) = await run.EndByItselfAsync(run.Start(run.Emulator.Token, BackupRun.Arguments(moment.Webp)));

            Assert.True(exitCode == 0, $"{moment}: {error}");
            Tree.AssertSame(expected.Contents, Tree.Read(run.Output()), $"{moment}");
            var fetches = MatrixWorld.FetchesByImage(run.Emulator);
            Assert.Equal(BackupRun.Images, fetches.Count);
            // The pictures here are as small as the thumbnail, which is asked for besides where they are not JPEG: once, or twice where it was in flight.
            var ofThumbnail = moment.Webp ? BackupRun.OfThumbnail(run.Output(), webp: true) : null;
            Assert.All(fetches, f =>
            {
                var times = asked.ContainsKey(f.Key) && !finished.Contains(f.Key) ? 2 : 1;
                Assert.True(f.Value == times || (f.Key == ofThumbnail && f.Value - times is 1 or 2), $"{moment}: image {f.Key} was asked for {f.Value} times, finished before: {finished.Contains(f.Key)}.");
            });
            Secrets.AssertKept(run.Emulator, run.Folder, output, error);
            return;
        }
    }

    /// <summary>Some of the moments.</summary>
    public static TheoryData<int> PowerCuts => [.. CutsAtHand.Union(Enumerable.Range(0, Thoroughness.Of(0, 16)))];

    [Theory]
    [MemberData(nameof(PowerCuts))]
    public async Task After_a_power_cut_the_next_backup_ends_as_if_nothing_had_been(int seed)
    {
        var moment = Moment.Draw(seed);
        var expected = await uninterrupted.OfAsync(moment.Webp);
        for (var left = Tries; ; left--)
        {
            await using var run = await BackupRun.OpenAsync();
            using var cut = new PowerCut(run);
            if (!await IsKilledAsync(run, moment, expected.Requests))
            {
                Assert.True(left > 0, $"The process was never caught alive at {moment}.");
                continue;
            }

            var damaged = cut.Take(run, new Random(seed));
            TestContext.Current.TestOutputHelper!.WriteLine($"{moment}: {damaged} files damaged");

            var (exitCode, output, error) = await run.EndByItselfAsync(run.Start(run.Emulator.Token, BackupRun.Arguments(moment.Webp)));

            Assert.True(exitCode == 0, $"{moment}, {damaged} files damaged: {exitCode}: {output}{error}");
            var tree = Tree.Read(run.Output());
            // A file of the collection itself that was damaged is kept.
            foreach (var kept in tree.Keys.Where(p => Path.GetFileName(p).StartsWith(".damaged-", StringComparison.Ordinal)).ToList()) tree.Remove(kept);
            Tree.AssertSame(expected.Contents, tree, $"{moment}, {damaged} files damaged");
            Assert.All(MatrixWorld.FetchesByImage(run.Emulator), f => Assert.True(f.Value <= 4, $"{moment}: image {f.Key} was asked for {f.Value} times."));
            Secrets.AssertKept(run.Emulator, run.Folder, output, error);
            return;
        }
    }

    /// <summary>Begins a backup and kills it at a moment.</summary>
    /// <returns>False where it had ended before.</returns>
    private static async Task<bool> IsKilledAsync(ConsoleRun run, Moment moment, int requests)
    {
        const int KilledBySignal9 = 128 + 9;
        var started = new TaskCompletionSource<Process>();
        var (last, answered) = (moment.RequestOf(requests), 0);
        run.Emulator.Answered += _ =>
        {
            if (Interlocked.Increment(ref answered) == last) started.Task.Result.Kill();
        };
        using var watch = moment.AtFile is { } file ? run.OnChange(file.Change, file.End, file.Time, () => started.Task.Result.Kill()) : null;

        var process = run.Start(run.Emulator.Token, BackupRun.Arguments(moment.Webp));
        started.SetResult(process);
        var (exitCode, output, error) = await run.EndByItselfAsync(process);

        Secrets.AssertFree(output + error, "what was said");
        Assert.True(exitCode is 0 or KilledBySignal9, error);
        return exitCode == KilledBySignal9;
    }

    /// <summary>When a backup is killed: after an answer of the services, or when a change to a file is seen that only the work behind the last picture makes.</summary>
    /// <param name="Webp">Whether it is one with WebP.</param>
    /// <param name="Share">Which answer, as a share of all, from 0 to below 1; null for none.</param>
    /// <param name="AtFile">Which change, to a file whose path ends how, and the how manieth of these; null for none.</param>
    private sealed record Moment(bool Webp, double? Share, (WatcherChangeTypes Change, string End, int Time)? AtFile)
    {
        /// <summary>Of three moments one is with WebP; of nine, three are at the work on disk.</summary>
        public static Moment Draw(int seed)
        {
            var random = new Random(seed);
            var webp = seed % 3 == 2;
            if (seed / 3 % 3 != 2) return new Moment(webp, random.NextDouble(), null);
            (WatcherChangeTypes Change, string End, int Times)[] changes =
            [
                (WatcherChangeTypes.Created, ".tar.part", 2), (WatcherChangeTypes.Changed, ".tar.part", 2), (WatcherChangeTypes.Created, ".tar", 2),
                (WatcherChangeTypes.Deleted, webp ? ".webp" : ".jpg", BackupRun.Images), (WatcherChangeTypes.Created, ".jsonl.gz.part", 2),
                (WatcherChangeTypes.Renamed, ".jsonl.gz", 2), (WatcherChangeTypes.Created, "title", 1), (WatcherChangeTypes.Created, "licenseurl", 1),
            ];
            var (change, end, times) = changes[random.Next(changes.Length)];
            return new Moment(webp, null, (change, end, random.Next(1, times + 1)));
        }

        public int? RequestOf(int requests) => Share is { } share ? 1 + (int)(share * requests) : null;
    }
}

/// <summary>What backups leave that nobody interrupts, with WebP and without; each made when it is first asked for.</summary>
public sealed class UninterruptedRuns
{
    private readonly Lazy<Task<Uninterrupted>> _jpeg = new(() => RunAsync(webp: false));
    private readonly Lazy<Task<Uninterrupted>> _webp = new(() => RunAsync(webp: true));

    public Task<Uninterrupted> OfAsync(bool webp) => webp ? _webp.Value : _jpeg.Value;

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
