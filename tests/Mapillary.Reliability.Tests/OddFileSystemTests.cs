using System.Diagnostics;
using Mapillary.Emulator;

namespace Mapillary.Reliability.Tests;

/// <summary>File systems that lack something: what they refuse is said, and the backup is whole.</summary>
public class OddFileSystemTests(UninterruptedRuns uninterrupted) : IClassFixture<UninterruptedRuns>
{
    [Fact]
    public async Task Where_no_time_can_be_set_one_warning_says_so_and_every_picture_is_there()
    {
        await using var run = await BackupRun.OpenAsync();
        run.Preload(PreloadLibrary.NoTimes);

        var (exitCode, output, error) = await run.EndByItselfAsync(run.Start(run.Emulator.Token, [.. BackupRun.Arguments(webp: false), "--no-tar"]));

        Assert.True(exitCode == 0, $"{exitCode}: {output}{error}");
        Assert.Single((output + error).Split('\n'), line => line.Contains("could not be set", StringComparison.Ordinal));
        BackupRun.AssertFinishedAreWhole(run.Output());
        Assert.Equal(BackupRun.Images, BackupRun.Finished(run.Output()).Count);
        // The times are those of the writing: this really was such a file system.
        Assert.All(Directory.EnumerateFiles(BackupRun.Place(run.Output()), "*.jpg", SearchOption.AllDirectories), f => Assert.True(File.GetLastWriteTimeUtc(f) > DateTime.UtcNow.AddHours(-1)));
        Secrets.AssertKept(run.Emulator, run.Folder, output, error);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Where_locks_keep_nobody_out_a_second_process_is_refused_and_one_that_was_killed_is_taken_over(bool areGranted)
    {
        await using var run = await BackupRun.OpenAsync(BackupRun.Options with { CdnLatency = TimeSpan.FromMilliseconds(60) });
        run.Preload(PreloadLibrary.NoLocks(areGranted));
        var isUnderWay = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        run.Emulator.Answered += r =>
        {
            if (r.Server == ServerKind.Cdn) isUnderWay.TrySetResult();
        };
        var first = run.Start(run.Emulator.Token, BackupRun.Arguments(webp: false));
        var id = first.Id;
        var firstEnd = run.EndByItselfAsync(first);
        await Task.WhenAny(isUnderWay.Task, firstEnd);
        Assert.False(firstEnd.IsCompleted, "The first process ended before the second one came.");

        var (exitCode, output, error) = await run.EndByItselfAsync(run.Start(run.Emulator.Token, BackupRun.Arguments(webp: false)));

        Assert.True(exitCode == 1, $"{exitCode}: {output}{error}");
        Assert.Contains($"process {id} on {Environment.MachineName}", error, StringComparison.Ordinal);
        Assert.False(firstEnd.IsCompleted, "The first process had ended before the second one was refused.");
        using (var writer = Process.GetProcessById(id)) writer.Kill();
        var (_, _, firstError) = await firstEnd;
        Assert.Single(firstError.Split('\n'), line => line.Contains("no locks that keep other processes out", StringComparison.Ordinal));
        Assert.NotEmpty(Directory.EnumerateFiles(BackupRun.Staging(run.Output()), ".lock.held"));

        (exitCode, output, error) = await run.EndByItselfAsync(run.Start(run.Emulator.Token, BackupRun.Arguments(webp: false)));

        Assert.True(exitCode == 0, $"{exitCode}: {output}{error}");
        Assert.Contains($"process {id} on {Environment.MachineName}", error, StringComparison.Ordinal);
        Assert.Contains("was taken over", error, StringComparison.Ordinal);
        Tree.AssertSame((await uninterrupted.OfAsync(webp: false)).Contents, Tree.Read(run.Output()));
        Secrets.AssertKept(run.Emulator, run.Folder, output, error, firstError);
    }
}
