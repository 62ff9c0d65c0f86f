using Mapillary.Cli.Tests;

namespace Mapillary.Reliability.Tests;

/// <summary>File systems that lack something: what they refuse is said, and the backup is whole.</summary>
public class OddFileSystemTests
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
}
