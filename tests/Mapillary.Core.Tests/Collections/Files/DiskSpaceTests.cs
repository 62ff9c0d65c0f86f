using Mapillary.Collections.Files;
using Mapillary.Saving;
using Mapillary.Tests.Imaging;

namespace Mapillary.Tests.Collections;

public class DiskSpaceTests
{
    /// <summary>A further disk in a folder: what is free there is not what is free on the disk of the folder above it.</summary>
    [Fact]
    public void The_folder_itself_is_asked_and_not_the_disk_that_its_path_begins_with()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Directory.Exists("/dev/shm"), "Needs the file system of Linux in memory.");
        var inMemory = Workplace.Run("stat", "--file-system", "--format=%a %S", "/dev/shm").Trim().Split(' ').Select(long.Parse).Aggregate((blocks, size) => blocks * size);

        var found = DiskSpace.FreeFor("/dev/shm/not/there/yet");

        // Others may write there meanwhile.
        Assert.InRange(found, inMemory / 2, inMemory * 2);
        Assert.NotInRange(new DriveInfo("/").AvailableFreeSpace, inMemory / 2, inMemory * 2);
    }

    [Theory]
    [InlineData("a/b/c")]
    [InlineData("")]
    public void A_folder_that_is_not_there_yet_is_on_the_disk_of_the_nearest_one_above(string below)
    {
        using var scratch = new ScratchFolder();
        Assert.True(DiskSpace.FreeFor(Path.Combine(scratch.Path, below)) > 0);
        Assert.True(DiskSpace.FreeFor(below.Length == 0 ? "." : below) > 0);
    }

    [Fact]
    public async Task Where_the_free_space_cannot_be_told_the_rule_is_warned_of_once_and_the_run_goes_on()
    {
        var log = new RecordingLog();
        using var budget = new RunBudget(new StopRules { MinimumFreeSpace = 1 << 20 });

        for (var i = 0; i < 3; i++) Assert.True(await budget.TryBeginAsync("\0", log, TestContext.Current.CancellationToken));

        Assert.Contains("The run goes on", Assert.Single(log.Warned), StringComparison.Ordinal);
        Assert.Null(budget.StopReason);
    }
}
