using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Records;
using Mapillary.Emulator;
using Mapillary.Graph;

namespace Mapillary.Tests.Collections;

/// <summary>A collection says which shard it is, and whether its listing was read to its end; it takes no other shard.</summary>
public class ShardedCollectionTests
{
    private static readonly EmulatorOptions World = new() { Users = [new EmulatedUser { Name = "anna", Images = 24, Sequences = 8 }], PageLimit = 5 };

    [Fact]
    public async Task It_keeps_its_shard_and_a_second_run_of_the_same_goes_on()
    {
        await using var place = await Workplace.OpenAsync(World);

        var first = await SaveAsync(place, "1/3");
        var second = await SaveAsync(place, "1/3");

        Assert.NotEmpty(first);
        Assert.All(second, image => Assert.Equal(SavedImageStatus.Present, image.Status));
        var state = StateIn(place);
        Assert.Equal(("1/3", true, first.Count), (state.Shard, state.ListedToEnd, state.Images));
        var check = await CollectionCheck.RunAsync(place.Collection("anna"), 2, null, SilentLog.Instance, TestContext.Current.CancellationToken);
        Assert.Equal(("1/3", true, true), (check.Shard, check.ListedToEnd, check.IsIntact));
    }

    [Theory]
    [InlineData("2/3")]
    [InlineData("1/2")]
    [InlineData(null)]
    public async Task It_refuses_another_shard_and_the_whole_account(string? other)
    {
        await using var place = await Workplace.OpenAsync(World);
        await SaveAsync(place, "1/3");
        var before = Names(place);

        var refused = await Assert.ThrowsAsync<CollectionException>(() => SaveAsync(place, other));

        Assert.Equal(CollectionFault.OtherShard, refused.Fault);
        Assert.Contains("holds shard 1/3", refused.Message, StringComparison.Ordinal);
        if (other is not null) Assert.Contains($"shard {other}", refused.Message, StringComparison.Ordinal);
        var outside = (await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None))).Where(i => !Shard.Parse("1/3").Has(i)).Select(i => i.Id).ToHashSet();
        Assert.DoesNotContain(ImageRecords.Read(ImageRecords.Of(place.Collection("anna"))), i => outside.Contains(i.Id));
        Assert.DoesNotContain(Names(place).Except(before), name => outside.Contains(Path.GetFileNameWithoutExtension(name)));
        Assert.Equal("1/3", StateIn(place).Shard);
    }

    [Fact]
    public async Task Two_shards_in_one_pipeline_do_not_become_one_collection()
    {
        await using var place = await Workplace.OpenAsync(World);
        using var saver = place.Saver();

        var refused = await Assert.ThrowsAsync<CollectionException>(() => Workplace.ToListAsync(saver.SaveAsync(BothAsync(place), TestContext.Current.CancellationToken)));

        Assert.Equal(CollectionFault.OtherShard, refused.Fault);
    }

    [Fact]
    public async Task Images_of_the_shard_that_come_by_their_ids_belong_to_it()
    {
        await using var place = await Workplace.OpenAsync(World);
        var saved = await SaveAsync(place, "1/3");
        File.Delete(saved[0].Path!);
        using (var saver = place.Saver())
        {
            var image = (await Workplace.ToListAsync(place.Listing.ByIdAsync([saved[0].Id])))[0].Image!;
            await Workplace.ToListAsync(saver.SaveAsync(OneAsync(image), TestContext.Current.CancellationToken));
        }

        Assert.True(File.Exists(saved[0].Path));
        Assert.Equal(("1/3", true), (StateIn(place).Shard, StateIn(place).ListedToEnd));
    }

    [Fact]
    public async Task A_collection_of_the_whole_account_takes_a_shard_and_stays_what_it_is()
    {
        await using var place = await Workplace.OpenAsync(World);
        await SaveAsync(place, shard: null);

        await SaveAsync(place, "2/3");

        Assert.Null(StateIn(place).Shard);
    }

    [Fact]
    public async Task A_listing_that_breaks_is_not_read_to_its_end()
    {
        await using var place = await Workplace.OpenAsync(World with
        {
            Faults = [new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.Transient500, Which = t => t.Path.Contains("after=", StringComparison.Ordinal), Times = int.MaxValue }],
        });

        await Assert.ThrowsAsync<GraphException>(() => SaveAsync(place, shard: null));

        Assert.Equal(false, StateIn(place).ListedToEnd);
    }

    [Fact]
    public async Task A_listing_of_which_some_were_picked_or_that_leaves_some_out_is_not_one_of_all()
    {
        await using var place = await Workplace.OpenAsync(World);
        using (var saver = place.Saver())
            await Workplace.ToListAsync(saver.SaveAsync(EverySecondAsync(place.Listing.OfUserAsync("anna", ImageFilter.None)), TestContext.Current.CancellationToken));
        Assert.Equal(false, StateIn(place).ListedToEnd);

        await SaveAsync(place, shard: null);
        Assert.Equal(true, StateIn(place).ListedToEnd);

        using (var saver = place.Saver())
            await Workplace.ToListAsync(saver.SaveAsync(place.Listing.OfUserAsync("anna", ImageFilter.None, maxPages: 1), TestContext.Current.CancellationToken));
        Assert.Equal(false, StateIn(place).ListedToEnd);
    }

    private static async IAsyncEnumerable<MapillaryImage> BothAsync(Workplace place)
    {
        foreach (var shard in (string[])["1/3", "2/3"])
            await foreach (var image in place.Listing.OfUserAsync("anna", new ImageFilter { Shard = Shard.Parse(shard) })) yield return image;
    }

    private static async IAsyncEnumerable<MapillaryImage> OneAsync(MapillaryImage image)
    {
        await Task.CompletedTask;
        yield return image;
    }

    private static async IAsyncEnumerable<MapillaryImage> EverySecondAsync(IAsyncEnumerable<MapillaryImage> images)
    {
        var number = 0;
        await foreach (var image in images)
            if (number++ % 2 == 0) yield return image;
    }

    private static async Task<List<SavedImage>> SaveAsync(Workplace place, string? shard)
    {
        using var saver = place.Saver();
        var filter = shard is null ? ImageFilter.None : new ImageFilter { Shard = Shard.Parse(shard) };
        return await Workplace.ToListAsync(saver.SaveAsync(place.Listing.OfUserAsync("anna", filter), TestContext.Current.CancellationToken));
    }

    private static CollectionState StateIn(Workplace place) => CollectionState.Read(place.Collection("anna"))!;

    private static List<string> Names(Workplace place) =>
        [.. Directory.EnumerateFiles(place.Collection("anna"), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
}
