using System.Diagnostics;
using System.Text.Json;
using Mapillary.Emulator;

namespace Mapillary.Reliability.Tests;

/// <summary>SIGTERM, SIGHUP and Ctrl+C end a backup by itself with its journal written; a second process is kept off what one is writing.</summary>
public class InterruptionTests(UninterruptedRuns uninterrupted) : IClassFixture<UninterruptedRuns>
{
    private const int Interrupted = 130;

    public static TheoryData<string, Moment> Signals() => new(
        [.. from signal in new[] { "TERM", "INT" } from moment in Enum.GetValues<Moment>() select (signal, moment), ("HUP", Moment.Fetching)]);

    /// <summary>What a backup is at when the signal comes.</summary>
    public enum Moment
    {
        /// <summary>Pictures are under way.</summary>
        Fetching,

        /// <summary>The service has asked for ten minutes of patience.</summary>
        Waiting,

        /// <summary>A tar is being written.</summary>
        Bundling,
    }

    [Theory]
    [MemberData(nameof(Signals))]
    public async Task A_signal_ends_the_run_with_130_and_the_next_one_goes_on(string signal, Moment moment)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows sends no such signals.");
        var wait = new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.RateLimited429, Which = t => t.Ordinal == 2, RetryAfterSeconds = 600 };
        await using var run = await BackupRun.OpenAsync(BackupRun.Options with { Faults = moment == Moment.Waiting ? [wait] : [] });
        var expected = await uninterrupted.OfAsync(webp: false);
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        run.Emulator.Answered += r =>
        {
            if (moment == Moment.Fetching ? run.Fetches >= BackupRun.Images / 3 : moment == Moment.Waiting && r.StatusCode == 429) reached.TrySetResult();
        };
        using var watch = run.OnChange(WatcherChangeTypes.Created, ".tar.part", 1, () =>
        {
            if (moment == Moment.Bundling) reached.TrySetResult();
        });

        var process = run.Start(run.Emulator.Token, BackupRun.Arguments(webp: false));
        var end = run.EndByItselfAsync(process);
        await Task.WhenAny(reached.Task, end);
        Assert.True(reached.Task.IsCompleted, "The backup ended before its moment came.");
        await SendAsync(signal, process.Id);
        var (exitCode, output, error) = await end;

        Assert.True(exitCode == Interrupted, $"{exitCode}: {error}");
        Assert.Contains("Nothing is lost", error, StringComparison.Ordinal);
        Assert.Empty(Tree.HalfFiles(run.Output()));
        AssertJournalIsWhole(BackupRun.Staging(run.Output()));
        BackupRun.AssertFinishedAreWhole(run.Output());
        var finished = BackupRun.Finished(run.Output()).Keys.ToHashSet();

        var (again, againOutput, againError) = await run.EndByItselfAsync(run.Start(run.Emulator.Token, BackupRun.Arguments(webp: false)));

        Assert.True(again == 0, againError);
        Assert.Contains($"present {finished.Count}", againOutput, StringComparison.Ordinal);
        Tree.AssertSame(expected.Contents, Tree.Read(run.Output()));
        Assert.All(MatrixWorld.FetchesByImage(run.Emulator), f => Assert.True(f.Value <= (finished.Contains(f.Key) ? 1 : 2), $"Image {f.Key} was asked for {f.Value} times."));
        Secrets.AssertKept(run.Emulator, run.Folder, output, error, againOutput, againError);
    }

    [Fact]
    public async Task A_second_process_is_told_who_writes_the_collection_and_the_first_ends_well()
    {
        await using var run = await BackupRun.OpenAsync(BackupRun.Options with { CdnLatency = TimeSpan.FromMilliseconds(60) });
        var expected = await uninterrupted.OfAsync(webp: false);
        var isUnderWay = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        run.Emulator.Answered += r =>
        {
            if (r.Server == ServerKind.Cdn) isUnderWay.TrySetResult();
        };

        var first = run.Start(run.Emulator.Token, BackupRun.Arguments(webp: false));
        var id = first.Id;
        var firstEnd = run.EndByItselfAsync(first);
        await Task.WhenAny(isUnderWay.Task, firstEnd);
        var (exitCode, output, error) = await run.EndByItselfAsync(run.Start(run.Emulator.Token, BackupRun.Arguments(webp: false)));
        var isFirstStillWriting = !firstEnd.IsCompleted;
        var (firstExitCode, firstOutput, firstError) = await firstEnd;

        Assert.True(isFirstStillWriting, "The first process had ended before the second one came.");
        Assert.True(exitCode == 1, $"{exitCode}: {output}{error}");
        Assert.Contains($"process {id} on {Environment.MachineName}", error, StringComparison.Ordinal);
        Assert.True(firstExitCode == 0, firstError);
        Tree.AssertSame(expected.Contents, Tree.Read(run.Output()));
        Assert.All(MatrixWorld.FetchesByImage(run.Emulator).Values, f => Assert.Equal(1, f));
        Secrets.AssertKept(run.Emulator, run.Folder, output, error, firstOutput, firstError);
    }

    private static async Task SendAsync(string signal, int process)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{process}"]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, kill.ExitCode);
    }

    /// <summary>Each journal ends with a whole line, and each line is JSON.</summary>
    private static void AssertJournalIsWhole(string collection)
    {
        var journals = Directory.GetFiles(collection, "*.jsonl");
        Assert.NotEmpty(journals);
        foreach (var journal in journals)
        {
            var text = File.ReadAllText(journal);
            Assert.True(text.Length == 0 || text.EndsWith('\n'), journal);
            foreach (var line in text.Split('\n')[..^1]) JsonDocument.Parse(line).Dispose();
        }

        using var state = JsonDocument.Parse(File.ReadAllText(Path.Combine(collection, "collection.json")));
        Assert.False(state.RootElement.GetProperty("complete").GetBoolean());
    }
}
