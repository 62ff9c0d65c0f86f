using Mapillary.Emulator;
using Mapillary.Graph;

namespace Mapillary.Tests.Graph;

public class ShardTests
{
    // Computed with coreutils: printf %s 7nfcwfvjdtphz7yj6zat6a | sha256sum | cut -c1-16, taken as a number modulo 16, plus 1.
    [Theory]
    [InlineData("7nfcwfvjdtphz7yj6zat6a", "10/16")]
    [InlineData("LwrHXqFRN_pszCopTKHF_Q", "10/16")]
    [InlineData("--49xbCtIcKmxBbYALHRWA", "5/16")]
    [InlineData("é", "4/16")]
    public void A_sequence_is_in_the_shard_that_it_was_always_in(string sequence, string shard) =>
        Assert.Equal([shard], Enumerable.Range(1, 16).Select(n => Shard.Parse($"{n}/16")).Where(s => s.HasSequence(sequence)).Select(s => s.ToString()));

    [Theory]
    [InlineData("0/4", "the first shard is 1")]
    [InlineData("-1/4", "two whole numbers")]
    [InlineData("5/4", "no shard 5 of 4")]
    [InlineData("1/0", "at least one shard")]
    [InlineData("x", "two whole numbers")]
    [InlineData("", "two whole numbers")]
    [InlineData("1/2/3", "two whole numbers")]
    [InlineData("1.5/3", "two whole numbers")]
    [InlineData("1/99999999999", "two whole numbers")]
    public void A_bad_one_says_what_is_wrong_and_what_is_expected(string text, string reason)
    {
        var error = Assert.Throws<FormatException>(() => Shard.Parse(text));

        Assert.Contains($"'{text}'", error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains("3/16", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(16)]
    public async Task All_shards_together_are_everything_and_no_image_is_in_two(int count)
    {
        await using var place = await Workplace.OpenAsync(new EmulatorOptions
        {
            Users = [new EmulatedUser { Name = "anna", Images = 600, Sequences = 60 }],
            Oddities = new Dictionary<Oddity, double> { [Oddity.MissingSequence] = 0.1 },
        });

        var shards = new List<List<MapillaryImage>>();
        for (var n = 1; n <= count; n++)
            shards.Add(await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", new ImageFilter { Shard = Shard.Parse($"{n}/{count}") })));

        Assert.Equal(place.Emulator.World.Images.Select(i => i.Id).Order(), shards.SelectMany(s => s).Select(i => i.Id).Order());
        Assert.All(
            shards.SelectMany((images, shard) => images.Select(i => (i.SequenceId, shard))).Where(p => p.SequenceId is not null).GroupBy(p => p.SequenceId),
            sequence => Assert.Single(sequence.Select(p => p.shard).Distinct()));
    }

    [Fact]
    public void Shards_are_of_about_one_size()
    {
        var ids = Enumerable.Range(0, 16_000).Select(i => $"sequence-{i}").ToList();

        Assert.All(Enumerable.Range(1, 16), n => Assert.InRange(ids.Count(Shard.Parse($"{n}/16").HasSequence), 850, 1150));
    }

    [Fact]
    public async Task Sequences_asked_for_by_id_fall_into_shards_as_a_whole_also_where_records_do_not_name_them()
    {
        await using var place = await Workplace.OpenAsync(new EmulatorOptions
        {
            Users = [new EmulatedUser { Name = "anna", Images = 60, Sequences = 6 }],
            Oddities = new Dictionary<Oddity, double> { [Oddity.MissingSequence] = 0.5 },
        });

        var found = new List<string>();
        foreach (var shard in new[] { "1/3", "2/3", "3/3" })
        {
            foreach (var sequence in place.Emulator.World.Sequences)
            {
                if (new ImageFilter { Shard = Shard.Parse(shard) }.ForSequence(sequence.Id) is not { } filter) continue;
                var images = await Workplace.ToListAsync(place.Listing.OfSequenceAsync(sequence.Id, filter));
                Assert.Equal(sequence.Images.Select(i => i.Id), images.Select(i => i.Id));
                found.AddRange(images.Select(i => i.Id));
            }
        }

        Assert.Equal(place.Emulator.World.Images.Select(i => i.Id).Order(), found.Order());
    }
}
