using Mapillary.Collections;
using Mapillary.Collections.Files;
using Mapillary.Tests.Imaging;

namespace Mapillary.Tests.Collections;

/// <summary>The file that takes the place of a lock where those of the file system keep nobody out; the clock is the test's.</summary>
public class HeldLockTests
{
    private const string Place = ".lock.held";

    [Fact]
    public void A_process_on_another_machine_holds_it_as_long_as_it_is_heard_of()
    {
        using var folder = new ScratchFolder();
        var clock = new VirtualClock(runsAhead: false);
        var log = new RecordingLog();
        WriteOfElsewhere(folder.Path, clock.GetUtcNow());
        Assert.Contains("process 7 on elsewhere", Assert.Throws<CollectionException>(() => Take(folder.Path, log, clock)).Message, StringComparison.Ordinal);

        clock.Advance(HeldFile.LongestSilence - TimeSpan.FromSeconds(1));
        var refused = Assert.Throws<CollectionException>(() => Take(folder.Path, log, clock));
        Assert.Equal(CollectionFault.InUse, refused.Fault);
        Assert.Contains(Path.Combine(folder.Path, Place), refused.Message, StringComparison.Ordinal);
        Assert.Throws<CollectionException>(() => HeldFile.RefuseHeld(new CollectionFolder(folder.Path), Place, folder.Path, clock));
        Assert.Empty(log.Warned);

        clock.Advance(TimeSpan.FromSeconds(1));
        HeldFile.RefuseHeld(new CollectionFolder(folder.Path), Place, folder.Path, clock);
        using (Take(folder.Path, log, clock))
        {
            Assert.Contains("process 7 on elsewhere", Assert.Single(log.Warned), StringComparison.Ordinal);
            Assert.Equal([Path.Combine(folder.Path, Place)], Directory.EnumerateFiles(folder.Path));
        }

        Assert.Empty(Directory.EnumerateFiles(folder.Path));
    }

    [Fact]
    public void Its_heartbeat_goes_on_by_itself_and_ends_with_it()
    {
        using var folder = new ScratchFolder();
        var clock = new VirtualClock(runsAhead: false);
        var file = Path.Combine(folder.Path, Place);
        using (Take(folder.Path, new RecordingLog(), clock))
        {
            for (var beat = 0; beat < 20; beat++)
            {
                var before = File.ReadAllText(file);
                clock.Advance(HeldFile.Beat);
                Assert.NotEqual(before, File.ReadAllText(file));
                Assert.Equal(before.Length, File.ReadAllText(file).Length);
            }
        }

        clock.Advance(HeldFile.Beat);
        Assert.False(File.Exists(file));
    }

    [Fact]
    public void Of_many_that_take_over_one_gets_it()
    {
        for (var round = 0; round < Thoroughness.Of(20, 500); round++)
        {
            using var folder = new ScratchFolder();
            var clock = new VirtualClock(runsAhead: false);
            WriteOfElsewhere(folder.Path, clock.GetUtcNow());
            clock.Advance(HeldFile.LongestSilence);
            var taken = new System.Collections.Concurrent.ConcurrentBag<HeldFile>();
            var refused = 0;

            Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ =>
            {
                try
                {
                    taken.Add(Take(folder.Path, SilentLog.Instance, clock));
                }
                catch (CollectionException)
                {
                    Interlocked.Increment(ref refused);
                }
            });

            Assert.Equal((1, 7), (taken.Count, refused));
            taken.Single().Dispose();
            Assert.Empty(Directory.EnumerateFiles(folder.Path));
        }
    }

    [Fact]
    public void One_that_was_taken_over_says_so_and_leaves_the_other_its_file()
    {
        using var folder = new ScratchFolder();
        var clock = new VirtualClock(runsAhead: false);
        var log = new RecordingLog();
        using (Take(folder.Path, log, clock))
        {
            WriteOfElsewhere(folder.Path, clock.GetUtcNow());
            clock.Advance(HeldFile.Beat);
            Assert.Contains("taken over by another process", Assert.Single(log.Warned), StringComparison.Ordinal);
        }

        Assert.Contains("elsewhere", File.ReadAllText(Path.Combine(folder.Path, Place)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\0\0\0\0")]
    [InlineData("{\"host\":null}")]
    [InlineData("[[[[")]
    public void One_that_does_not_say_who_made_it_counts_from_when_it_was_written(string content)
    {
        using var folder = new ScratchFolder();
        File.WriteAllText(Path.Combine(folder.Path, Place), content);

        Assert.Throws<CollectionException>(() => Take(folder.Path, SilentLog.Instance, TimeProvider.System));
        File.SetLastWriteTimeUtc(Path.Combine(folder.Path, Place), DateTime.UtcNow - HeldFile.LongestSilence);
        Take(folder.Path, SilentLog.Instance, TimeProvider.System).Dispose();
    }

    private static HeldFile Take(string folder, IRunLog log, TimeProvider clock) => HeldFile.Take(new CollectionFolder(folder), Place, folder, log, clock);

    private static void WriteOfElsewhere(string folder, DateTimeOffset heartbeat)
    {
        File.Delete(Path.Combine(folder, Place));
        File.WriteAllText(
            Path.Combine(folder, Place),
            $$"""{"host":"elsewhere","system":"x","process":7,"begun":"1","token":"a","heartbeat":"{{heartbeat:yyyy-MM-ddTHH:mm:ss}}+00:00"}""");
    }
}
