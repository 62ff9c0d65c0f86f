
namespace Mapillary.Reliability.Tests;

/// <summary>A disk that is full or read-only ends a backup cleanly: it says so, all that is finished is whole, and the next run goes on.</summary>
public class DiskTests(UninterruptedRuns uninterrupted) : IClassFixture<UninterruptedRuns>
{
    private const int EnoughKibibytes = 64 * 1024;

    /// <summary>Sizes at which the disk is full among the first pictures, among the last, and while tars are written.</summary>
    [Theory]
    [InlineData(64, false)]
    [InlineData(500, false)]
    [InlineData(1500, false)]
    [InlineData(2000, false)]
    [InlineData(2600, false)]
    [InlineData(3000, true)]
    [InlineData(3200, true)]
    public async Task A_full_disk_ends_the_run_cleanly_and_with_room_the_next_one_ends_it_as_if_nothing_had_been(int kibibytes, bool areAllFetched)
    {
        await using var run = await BackupRun.OpenAsync();
        using var disk = TinyDisk.Mount(run.Output(), kibibytes);
        var expected = await uninterrupted.OfAsync(webp: false);

        var (exitCode, output, error) = await run.EndByItselfAsync(run.Start(run.Emulator.Token, BackupRun.Arguments(webp: false)));

        Assert.True(exitCode == 1, $"{exitCode}: {output}{error}");
        Assert.Contains("No space left on device", error, StringComparison.Ordinal);
        Assert.Contains(BackupRun.Staging("mapillary_data"), error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        Assert.Empty(Tree.HalfFiles(run.Output()));
        BackupRun.AssertFinishedAreWhole(run.Output());
        var finished = BackupRun.Finished(run.Output()).Keys.ToHashSet();
        Assert.Equal(areAllFetched, finished.Count == BackupRun.Images);

        disk.Resize(EnoughKibibytes);
        var (again, againOutput, againError) = await run.EndByItselfAsync(run.Start(run.Emulator.Token, BackupRun.Arguments(webp: false)));

        Assert.True(again == 0, againError);
        Tree.AssertSame(expected.Contents, Tree.Read(run.Output()));
        Assert.All(MatrixWorld.FetchesByImage(run.Emulator), f => Assert.True(f.Value <= (finished.Contains(f.Key) ? 1 : 2), $"Image {f.Key} was asked for {f.Value} times."));
        Secrets.AssertKept(run.Emulator, run.Folder, output, error, againOutput, againError);
    }

    [Fact]
    public async Task A_read_only_folder_is_named_before_anything_is_fetched()
    {
        await using var run = await BackupRun.OpenAsync();
        using var disk = TinyDisk.Mount(run.Output(), EnoughKibibytes);
        disk.MakeReadOnly();

        var (exitCode, output, error) = await run.EndByItselfAsync(run.Start(run.Emulator.Token, BackupRun.Arguments(webp: false)));

        Assert.True(exitCode == 1, error);
        Assert.Contains("Read-only file system", error, StringComparison.Ordinal);
        Assert.Contains("mapillary_data", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        Assert.Equal(0, run.Fetches);
        Secrets.AssertKept(run.Emulator, run.Folder, output, error);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_collection_that_has_become_read_only_stays_as_it_is(bool isComplete)
    {
        await using var run = await BackupRun.OpenAsync();
        using var disk = TinyDisk.Mount(run.Output(), isComplete ? EnoughKibibytes : 1500);
        await run.EndByItselfAsync(run.Start(run.Emulator.Token, BackupRun.Arguments(webp: false)));
        disk.Resize(EnoughKibibytes);
        disk.MakeReadOnly();
        var (before, fetches) = (Tree.Read(run.Output()), run.Fetches);

        var (exitCode, output, error) = await run.EndByItselfAsync(run.Start(run.Emulator.Token, BackupRun.Arguments(webp: false)));

        Assert.True(exitCode == 1, error);
        Assert.Contains("Read-only file system", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        Tree.AssertSame(before, Tree.Read(run.Output()));
        Assert.Equal(fetches, run.Fetches);
        disk.MakeWritable();
        var (again, _, againError) = await run.RunAsync(BackupRun.Arguments(webp: false));
        Assert.True(again == 0, againError);
        Tree.AssertSame((await uninterrupted.OfAsync(webp: false)).Contents, Tree.Read(run.Output()));
        Secrets.AssertKept(run.Emulator, run.Folder, output, error, againError);
    }
}
