using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Maps;
using Mapillary.Tests.Imaging;

namespace Mapillary.Tests.Maps;

public sealed class CaptureMapTests : IDisposable
{
    private readonly ScratchFolder _folder = new();
    private readonly RecordingLog _log = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Images_without_a_position_are_counted_and_put_nowhere()
    {
        var map = new CaptureMap();
        map.Add(Records.Image("1", original: (13.5, 52.25)));
        map.Add(Records.Image("2"));
        map.Add(Records.Image("3", original: (0, 0), cameraType: "spherical"));
        map.Add(Records.Image("3", original: (5, 5)));

        var file = map.Write(Path("map.html"), MapFormat.Html, CancellationToken.None);

        Assert.Equal((2, 1, 1, 1), (file.Images, file.WithoutPosition, file.Panoramas, file.Sequences));
        Assert.Null(file.First);
    }

    [Theory]
    [InlineData(MapFormat.Html)]
    [InlineData(MapFormat.GeoJson)]
    [InlineData(MapFormat.Gpx)]
    [InlineData(MapFormat.Csv)]
    public void The_same_images_make_the_same_bytes_in_whatever_order_they_come(MapFormat format)
    {
        var images = Records.Town().Select(MapillaryImage.Parse).Append(Records.Image("7", null, (1, 1))).Append(Records.Image("10", null, (1, 2))).ToList();
        var there = new CaptureMap();
        foreach (var image in images) there.Add(image);
        var back = new CaptureMap();
        foreach (var image in Enumerable.Reverse(images)) back.Add(image);

        var one = there.Write(Path("one"), format, CancellationToken.None);
        back.Write(Path("two"), format, CancellationToken.None);

        Assert.Equal(images.Count, one.Images);
        Assert.Equal(6, one.Sequences);
        Assert.Equal(new FileInfo(one.Path).Length, one.Length);
        Assert.Equal(File.ReadAllBytes(Path("one")), File.ReadAllBytes(Path("two")));
    }

    [Theory]
    [InlineData(PositionSource.Computed, 2)]
    [InlineData(PositionSource.Original, 1)]
    public void The_position_is_the_one_asked_for(PositionSource source, double expected)
    {
        var map = new CaptureMap(source);
        map.Add(Records.Image("1", original: (1, 1), computed: (2, 2)));
        map.Add(Records.Image("2", original: (expected, 1)));
        map.Add(Records.Image("3", computed: (expected, 1)));

        map.Write(Path("map.geojson"), MapFormat.GeoJson, CancellationToken.None);

        using var json = System.Text.Json.JsonDocument.Parse(File.ReadAllText(Path("map.geojson")));
        var points = json.RootElement.GetProperty("features").EnumerateArray().Where(f => f.GetProperty("geometry").GetProperty("type").GetString() == "Point");
        Assert.All(points, p => Assert.Equal(expected, p.GetProperty("geometry").GetProperty("coordinates")[0].GetDouble()));
    }

    [Fact]
    public void A_folder_without_a_listing_is_named()
    {
        var error = Assert.Throws<CollectionException>(() => new CaptureMap().AddListing(_folder.Path, _log, CancellationToken.None));

        Assert.Equal(CollectionFault.Mismatch, error.Fault);
        Assert.Contains(_folder.Path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_map_that_cannot_be_written_leaves_nothing()
    {
        var map = new CaptureMap();
        map.Add(Records.Image("1", original: (1, 1)));
        Directory.CreateDirectory(Path("map.html/inside"));

        var error = Assert.Throws<CollectionException>(() => map.Write(Path("map.html"), MapFormat.Html, CancellationToken.None));

        Assert.Equal(CollectionFault.NotWritable, error.Fault);
        Assert.Equal(["map.html"], Directory.EnumerateFileSystemEntries(_folder.Path).Select(System.IO.Path.GetFileName));
    }

    [Fact]
    public void A_stopped_map_leaves_nothing()
    {
        var map = new CaptureMap();
        map.Add(Records.Image("1", original: (1, 1)));

        Assert.Throws<OperationCanceledException>(() => map.Write(Path("map.html"), MapFormat.Html, new CancellationToken(canceled: true)));

        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public async Task Maps_in_a_collection_belong_to_it()
    {
        await using var workplace = await Workplace.OpenAsync(new Emulator.EmulatorOptions { Users = [new Emulator.EmulatedUser { Name = "x", Images = 5 }] });
        await workplace.SaveAsync("x");
        var collection = workplace.Collection("x");

        foreach (var format in Enum.GetValues<MapFormat>())
        {
            var map = new CaptureMap();
            map.AddListing(collection, workplace.Log, CancellationToken.None);
            var file = map.Write(System.IO.Path.Combine(collection, format.ToFileName()), format, CancellationToken.None);
            Assert.Equal(5, file.Images);
            Assert.Equal(format == MapFormat.Html ? 5 : 0, file.Pictures);
        }

        Assert.True((await CollectionCheck.RunAsync(collection, 1, null, workplace.Log, CancellationToken.None)).IsIntact);
    }

    private string Path(string name) => System.IO.Path.Combine(_folder.Path, name);
}
