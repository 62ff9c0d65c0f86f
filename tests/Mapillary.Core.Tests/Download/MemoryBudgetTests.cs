using Mapillary.Download;

namespace Mapillary.Tests.Download;

public class MemoryBudgetTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Those_that_grow_do_not_wait_for_each_other_for_ever()
    {
        var budget = new MemoryBudget(100);
        var all = new List<MemoryBudget.Reservation>();
        for (var i = 0; i < 10; i++) all.Add(await budget.ReserveAsync(10, Stop));

        var growing = all.Select(r => r.GrowAsync(10, Stop).AsTask()).ToList();

        // One may go beyond the limit; each that gives back lets the next one.
        for (var i = 0; i < 10; i++)
        {
            await growing[i].WaitAsync(TimeSpan.FromMinutes(1), Stop);
            Assert.All(growing.Skip(i + 1), g => Assert.False(g.IsCompleted));
            all[i].Dispose();
        }

        using var whole = await budget.ReserveAsync(100, Stop);
        Assert.False(budget.ReserveAsync(1, Stop).AsTask().IsCompleted);
    }

    [Fact]
    public async Task Who_grows_within_the_room_does_not_wait()
    {
        var budget = new MemoryBudget(100);
        using var one = await budget.ReserveAsync(10, Stop);
        using var other = await budget.ReserveAsync(10, Stop);

        Assert.True(one.GrowAsync(40, Stop).AsTask().IsCompleted);
        Assert.True(other.GrowAsync(40, Stop).AsTask().IsCompleted);
        Assert.False(budget.ReserveAsync(1, Stop).AsTask().IsCompleted);
    }

    [Fact]
    public async Task Who_gives_up_growing_leaves_the_turn_to_the_next()
    {
        var budget = new MemoryBudget(30);
        using var giveUp = new CancellationTokenSource();
        var all = new List<MemoryBudget.Reservation>();
        for (var i = 0; i < 3; i++) all.Add(await budget.ReserveAsync(10, Stop));
        await all[0].GrowAsync(10, Stop);
        var second = all[1].GrowAsync(10, giveUp.Token).AsTask();
        var third = all[2].GrowAsync(10, Stop).AsTask();

        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        all[0].Dispose();

        await third.WaitAsync(TimeSpan.FromMinutes(1), Stop);
    }

    [Fact]
    public void A_rate_is_looked_at_over_each_stretch()
    {
        var clock = new VirtualClock(runsAhead: false);
        var rate = new LowestRate(clock, TimeSpan.FromSeconds(30), bytesASecond: 100);

        foreach (var bytes in new[] { 3000, 100_000, 3000 })
        {
            clock.Advance(TimeSpan.FromSeconds(29));
            Assert.True(rate.Note(0));
            clock.Advance(TimeSpan.FromSeconds(1));
            Assert.True(rate.Note(bytes));
        }

        clock.Advance(TimeSpan.FromSeconds(30));
        Assert.False(rate.Note(2999));
    }
}
