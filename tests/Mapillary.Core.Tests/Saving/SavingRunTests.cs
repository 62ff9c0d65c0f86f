using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Saving;
using Mapillary.Services;

namespace Mapillary.Tests.Backup;

/// <summary>What is told of a run while it lasts.</summary>
public class SavingRunTests
{
    [Fact]
    public async Task A_run_tells_how_far_it_is_also_while_nothing_ends()
    {
        await using var place = await Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = 3 }] });
        var images = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));
        var clock = new VirtualClock(runsAhead: false);
        var goOn = new TaskCompletionSource();
        var told = new ConcurrentQueue<SaveProgress>();
        var twice = new TaskCompletionSource();
        using var saver = place.Saver();
        var run = new SavingRun(saver, place.Log, clock: clock);

        var saving = run.SaveAsync(
            Held(),
            _ => { },
            now =>
            {
                told.Enqueue(now);
                if (told.Count == 2) twice.TrySetResult();
            },
            TestContext.Current.CancellationToken);
        while (!twice.Task.IsCompleted)
        {
            await clock.WaitersAsync(1);
            clock.Advance(TimeSpan.FromMilliseconds(200));
            await Task.Yield();
        }

        goOn.SetResult();
        await saving;

        Assert.All(told.Take(2), now => Assert.Equal((Ledger.Empty, (long?)null), (now.Ledger, now.Total)));
        Assert.Equal(new Ledger(3, 0, 0, 0), run.Ledger);

        async IAsyncEnumerable<MapillaryImage> Held([EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            await goOn.Task.WaitAsync(cancellationToken);
            foreach (var image in images) yield return image;
        }
    }

    [Fact]
    public async Task The_stages_add_up_in_the_end()
    {
        const int Images = 40;
        await using var place = await Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = Images, Sequences = 2 }] });
        using var saver = place.Saver(new SaveOptions { Quality = ImageQuality.Thumb256 });
        var run = new SavingRun(saver, place.Log);

        await run.SaveAsync(place.Listing.OfUserAsync("anna", ImageFilter.None, cancellationToken: TestContext.Current.CancellationToken), _ => { }, progress: null, TestContext.Current.CancellationToken);

        var stages = saver.Stages;
        Assert.Equal((Images, true, Images, null), (stages.Listed, stages.IsListingRead, stages.Downloaded, stages.Encoded));
        Assert.True(stages.DownloadedBytes > 0);
        Assert.Equal((0, TimeSpan.Zero), (stages.RequestsWaiting, stages.HeldBackFor));
    }

    [Fact]
    public void Before_the_listing_is_read_neither_a_total_nor_a_percentage_is_told()
    {
        var now = new SaveProgress(new Ledger(3, 0, 0, 0), 3_072, new SaveStages { Listed = 10, Downloaded = 4, DownloadedBytes = 4_096, Connections = 8 });

        Assert.Equal("3 images, 3.0 KiB saved", now.Overall);
        Assert.Null(now.PercentComplete);
        Assert.Equal([("Listed", "10 images so far"), ("Downloaded", "4 images, 4.0 KiB, up to 8 at once")], now.Lines);
    }

    [Fact]
    public void Once_it_is_known_what_is_to_come_it_is_told_and_so_are_losses_and_waits()
    {
        var now = new SaveProgress(
            new Ledger(1_200, 30, 4, 16), 5 * 1024 * 1024,
            new SaveStages { Listed = 5_000, IsListingRead = true, Downloaded = 1_220, DownloadedBytes = 6 * 1024 * 1024, Encoded = 1_210, Connections = 24, RequestsWaiting = 1 })
        {
            Total = 5_000,
            Rate = 2 * 1024 * 1024,
            TimeLeft = "3 min 20 s",
        };

        Assert.Equal("1,250 of 5,000 images, 3 min 20 s left, 16 failed, 4 unavailable, 30 were there, 5.0 MiB saved", now.Overall);
        Assert.Equal(25, now.PercentComplete);
        Assert.Equal(
            [("Listed", "5,000 images"), ("Downloaded", "1,220 images, 6.0 MiB, 2.0 MiB/s, up to 24 at once"), ("Encoded", "1,210 images"), ("Waiting", "1 request to be tried again")],
            now.Lines);
        Assert.Equal(
            "anna: Saving, " + now.Overall + "; waiting 1 request to be tried again; listed 5,000 images; downloaded 1,220 images, 6.0 MiB, 2.0 MiB/s, up to 24 at once; encoded 1,210 images",
            new BackupProgress("anna", "Saving", now).ToString());
    }

    [Fact]
    public void That_the_service_asks_for_fewer_requests_outweighs_single_requests_that_wait()
    {
        var now = new SaveProgress(Ledger.Empty, 0, new SaveStages { RequestsWaiting = 12, HeldBackFor = TimeSpan.FromSeconds(27.4) });

        Assert.Contains(("Waiting", "Mapillary asks for fewer requests: all wait for 28 s"), now.Lines);
    }

    [Fact]
    public async Task Requests_count_as_waiting_until_their_wait_is_over()
    {
        var clock = new VirtualClock(runsAhead: false);
        var waits = new RetryWaits(clock);
        var rules = new RetryRules { Clock = clock, FirstWait = TimeSpan.FromSeconds(10), Attempts = 3 };
        var failures = 1;
        var retries = rules.ToRetries(e => e is TimeoutException ? new RetryVerdict(false, TimeSpan.FromSeconds(5)) : null, _ => { }, waits);

        var request = retries.ExecuteAsync(_ => failures-- > 0 ? throw new TimeoutException() : default, TestContext.Current.CancellationToken).AsTask();
        await clock.WaitersAsync(1);

        Assert.Equal((1, TimeSpan.Zero), (waits.Requests, waits.HeldBackFor));
        clock.Advance(TimeSpan.FromSeconds(5));
        await request;
        Assert.Equal(0, waits.Requests);
    }

    [Fact]
    public async Task A_pause_for_all_is_told_with_its_length()
    {
        var clock = new VirtualClock(runsAhead: false);
        var waits = new RetryWaits(clock);
        var rules = new RetryRules { Clock = clock };
        var failures = 1;
        var retries = rules.ToRetries(e => e is TimeoutException ? new RetryVerdict(true, TimeSpan.FromSeconds(40)) : null, _ => { }, waits);

        var request = retries.ExecuteAsync(_ => failures-- > 0 ? throw new TimeoutException() : default, TestContext.Current.CancellationToken).AsTask();
        await clock.WaitersAsync(1);

        clock.Advance(TimeSpan.FromSeconds(15));
        Assert.Equal(TimeSpan.FromSeconds(25), waits.HeldBackFor);
        clock.Advance(TimeSpan.FromSeconds(25));
        await request;
        Assert.Equal(TimeSpan.Zero, waits.HeldBackFor);
    }

    [Fact]
    public async Task Items_are_taken_ahead_of_whoever_reads_and_a_fault_behind_them_is_his()
    {
        var tenTaken = new TaskCompletionSource();
        var read = new List<int>();

        var error = await Assert.ThrowsAsync<InvalidDataException>(async () =>
        {
            await foreach (var item in Source().AheadAsync(10, TestContext.Current.CancellationToken))
            {
                // Were they taken only as they are read, this would wait for ever.
                await tenTaken.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
                read.Add(item);
            }
        });

        Assert.Equal("the listing broke off", error.Message);
        Assert.Equal(Enumerable.Range(0, read.Count), read);

        async IAsyncEnumerable<int> Source()
        {
            for (var i = 0; i < 10; i++) yield return i;
            tenTaken.SetResult();
            await Task.Yield();
            throw new InvalidDataException("the listing broke off");
        }
    }
}
