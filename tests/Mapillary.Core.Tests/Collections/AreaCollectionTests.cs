using Mapillary.Collections;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Download;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.InternetArchive.Describing;
using Mapillary.Saving;
using Mapillary.Tests.Tiles;
using MetadataExtractor;
using MetadataExtractor.Formats.Exif;

namespace Mapillary.Tests.Collections;

/// <summary>The images of an area, by whoever captured them, in one collection that says so.</summary>
public class AreaCollectionTests
{
    private static readonly GeoPoint Lund = new(55.70, 13.19);

    private static readonly GeoPolygon Area = new("lund", [[[new(55.69, 13.17), new(55.69, 13.21), new(55.71, 13.21), new(55.71, 13.17)]]]);

    [Fact]
    public async Task Each_photo_names_its_own_author_in_the_file_the_listing_and_the_items_metadata()
    {
        await using var town = await Town.OpenAsync(40, Lund, (0.005, 0.01));

        var saved = await SaveAsync(town, Area);

        var path = town.Workplace.Collection("area-lund");
        Assert.Equal((40, path), (saved.Count(s => s.Status == SavedImageStatus.Saved), Assert.Single(saved.Select(s => s.CollectionPath).Distinct())));
        var authors = ImageRecords.Read(Path.Combine(path, ImageRecords.FileName)).ToDictionary(i => i.Id, i => i.Creator);
        Assert.Equal(["anna", "ben", "cora", "dan"], authors.Values.Distinct().Order());
        foreach (var image in saved)
        {
            var artist = ImageMetadataReader.ReadMetadata(image.Path!).OfType<ExifIfd0Directory>().Single().GetDescription(ExifDirectoryBase.TagArtist);
            Assert.Equal(town.Workplace.Emulator.World.Image(image.Id).Sequence.User.Name, artist);
            Assert.Equal(artist, authors[image.Id]);
        }

        var item = IaMetadata.Describe(path, town.Workplace.Log, TestContext.Current.CancellationToken);
        Assert.Equal(("mapillary-area-lund-original", "Mapillary images of lund"), (item.Identifier, item.Title));
        Assert.Equal(["anna", "ben", "cora", "dan"], item.Tags.Single(t => t.Name == "creator").Values.Order());
        Assert.StartsWith("Street-level imagery from Mapillary of the area 'lund' (the polygon 'lund'). Contains 40 images", item.Description, StringComparison.Ordinal);
        Assert.Contains("by 4 users", item.Description, StringComparison.Ordinal);
        Assert.DoesNotContain("selection", item.Description, StringComparison.Ordinal);
        var state = CollectionState.Read(path)!;
        Assert.Equal(("lund", "the polygon 'lund'", null, true), (state.AreaName, state.AreaText, state.CreatorId, state.ListedToEnd));
        // That it is by several users is no surprise.
        Assert.Empty(town.Workplace.Log.Warned);
    }

    [Fact]
    public async Task A_second_run_adds_what_is_new_and_its_listing_leads_back_into_it()
    {
        await using var town = await Town.OpenAsync(40, Lund, (0.005, 0.01));
        var late = town.Images[7].Id;
        town.Workplace.Emulator.World.Withdraw(late);
        Assert.Equal(39, (await SaveAsync(town, Area)).Count);
        town.Workplace.Emulator.World.Restore(late);

        var again = await SaveAsync(town, Area);

        Assert.Equal(late, Assert.Single(again, s => s.Status == SavedImageStatus.Saved).Id);
        Assert.Equal(39, again.Count(s => s.Status == SavedImageStatus.Present));
        using var saver = town.Workplace.Saver();
        var listed = ImageRecords.ReadToGoOn(Path.Combine(town.Workplace.Collection("area-lund"), ImageRecords.FileName), town.Workplace.Log);
        Assert.All(await Workplace.ToListAsync(saver.SaveAsync(Stream(listed), TestContext.Current.CancellationToken)), s => Assert.Equal(SavedImageStatus.Present, s.Status));
        Assert.Single(System.IO.Directory.GetDirectories(town.Workplace.Folder, "mapillary-*"));
    }

    [Fact]
    public async Task A_listing_that_lacks_a_tile_leaves_a_collection_that_says_so()
    {
        await using var town = await Town.OpenAsync(40, Lund, (0.005, 0.01), new EmulatorOptions
        {
            Faults = [new FaultRule { Server = ServerKind.Tiles, Kind = FaultKind.TileMissing404, Every = 2, Times = int.MaxValue }],
        });

        await SaveAsync(town, Area);

        var path = town.Workplace.Collection("area-lund");
        Assert.False(CollectionState.Read(path)!.ListedToEnd);
        Assert.Contains(
            "may not be all images of the area", IaMetadata.Describe(path, town.Workplace.Log, TestContext.Current.CancellationToken).Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_user_who_is_called_as_an_area_is_has_a_collection_of_their_own_or_is_refused()
    {
        await using var town = await Town.OpenAsync(8, Lund, (0.001, 0.001));
        await SaveAsync(town, Area);
        using var saver = town.Workplace.Saver();
        var image = new MapillaryImage { Id = "1", Creator = "area-lund", CreatorId = "9" };

        var refused = await Assert.ThrowsAsync<CollectionException>(() => Workplace.ToListAsync(saver.SaveAsync(Stream([image]), TestContext.Current.CancellationToken)));

        Assert.Contains("holds the area 'lund'", refused.Message, StringComparison.Ordinal);
        Assert.Contains("not user 'area-lund'", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_users_own_collection_is_not_taken_for_the_areas()
    {
        await using var town = await Town.OpenAsync(8, Lund, (0.001, 0.001));
        await SaveAsync(town, Area);

        // All records of the area's collection may be anna's, and its name is another one.
        await town.Workplace.SaveAsync("anna");

        Assert.Equal(
            ["mapillary-anna-original", "mapillary-area-lund-original"],
            System.IO.Directory.GetDirectories(town.Workplace.Folder, "mapillary-*").Select(Path.GetFileName).Order());
        Assert.Equal(["anna"], NearbyCollections.Users(town.Workplace.Folder));
    }

    [Fact]
    public async Task Shards_of_an_area_are_merged_into_the_areas_collection()
    {
        await using var town = await Town.OpenAsync(60, Lund, (0.005, 0.01));
        var parts = new List<string>();
        foreach (var shard in new[] { "1/2", "2/2" })
        {
            var folder = Path.Combine(town.Workplace.Folder, shard[..1]);
            await SaveAsync(town, Area, new ImageFilter { Shard = Shard.Parse(shard) }, folder);
            parts.Add(Path.Combine(folder, "mapillary-area-lund-original"));
        }

        var merged = Path.Combine(town.Workplace.Folder, "merged");
        var check = await CollectionMerge.RunAsync(parts, merged, shards: null, emptyShards: [], throttleLimit: 2, progress: null, town.Workplace.Log, TestContext.Current.CancellationToken);

        var state = CollectionState.Read(Path.Combine(merged, "mapillary-area-lund-original"))!;
        Assert.Equal(("lund", 60, true), (state.AreaName, state.Images, state.Complete));
        Assert.True(check.IsIntact);
    }

    [Theory]
    [InlineData("13.17,55.69,13.21,55.71", "mapillary-area-13.17_55.69_13.21_55.71-original")]
    [InlineData(null, "mapillary-area-55.7_13.19_300m-original")]
    public async Task A_box_and_a_circle_name_their_collection_by_their_numbers(string? box, string folder)
    {
        await using var town = await Town.OpenAsync(8, Lund, (0.001, 0.001));

        await SaveAsync(town, box is null ? new GeoCircle(Lund, 300) : BoundingBox.Parse(box));

        Assert.Equal(folder, Path.GetFileName(Assert.Single(System.IO.Directory.GetDirectories(town.Workplace.Folder, "mapillary-*"))));
    }

    private static async Task<List<SavedImage>> SaveAsync(Town town, GeoArea area, ImageFilter? filter = null, string? folder = null)
    {
        using var saver = new ImageSaver(
            new SaveOptions { Destination = folder ?? town.Workplace.Folder }, FetchRules.For(town.Workplace.Endpoints, Workplace.QuickRetry), town.Workplace.Graph, town.Workplace.Log);
        return await Workplace.ToListAsync(saver.SaveAsync(ImagesAsync(), TestContext.Current.CancellationToken));

        async IAsyncEnumerable<MapillaryImage> ImagesAsync()
        {
            await foreach (var answer in town.Listing().ListAsync(area, filter ?? ImageFilter.None, TestContext.Current.CancellationToken))
            {
                if (answer.Image is { } image) yield return image;
            }
        }
    }

#pragma warning disable CS1998 // A list has nothing to wait for.
    private static async IAsyncEnumerable<MapillaryImage> Stream(IEnumerable<MapillaryImage> images)
    {
        foreach (var image in images) yield return image;
    }
#pragma warning restore CS1998
}
