using System.Text.Json;
using Mapillary.Graph;
using Mapillary.Maps;
using Mapillary.Tests.Imaging;

namespace Mapillary.Tests.Maps;

/// <summary>The rules are those of RFC 7946.</summary>
public sealed class GeoJsonMapTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Each_sequence_is_a_line_and_each_image_a_point_with_its_facts()
    {
        var features = Write(
            Records.Image("22", "b", (13.5, 52.25), capturedAt: Records.Start.AddSeconds(2), altitude: 31.5, angle: -90, cameraType: "spherical", model: "Max"),
            Records.Image("11", "b", (13.25, 52.5), capturedAt: Records.Start, altitude: -2),
            Records.Image("33", "a", (-0.125, 0), make: null, model: null, creator: null));

        Assert.Equal(["LineString", "Point", "Point", "Point"], features.Select(TypeOf));
        Assert.Equal("[[13.25,52.5],[13.5,52.25]]", CoordinatesOf(features[0]));
        Assert.Equal(
            """{"sequence":"b","count":2,"first":"2024-05-04T08:30:00.250Z","last":"2024-05-04T08:30:02.250Z","camera":"GoPro HERO8 Black, GoPro Max","creator":"anna"}""",
            features[0].GetProperty("properties").GetRawText());
        Assert.Equal("[13.5,52.25]", CoordinatesOf(features[2]));
        var facts = features[2].GetProperty("properties");
        Assert.Equal("22", facts.GetProperty("id").GetString());
        Assert.Equal("b", facts.GetProperty("sequence").GetString());
        Assert.Equal(Records.Start.AddSeconds(2), facts.GetProperty("captured_at").GetDateTimeOffset());
        Assert.Equal(270, facts.GetProperty("compass_angle").GetDouble());
        Assert.Equal("spherical", facts.GetProperty("camera_type").GetString());
        Assert.True(facts.GetProperty("is_pano").GetBoolean());
        Assert.Equal(("GoPro", "Max"), (facts.GetProperty("make").GetString(), facts.GetProperty("model").GetString()));
        Assert.Equal("https://www.mapillary.com/app/?pKey=22&focus=photo", facts.GetProperty("url").GetString());
        Assert.Equal("[-0.125,0]", CoordinatesOf(features[3]));
        Assert.Equal(JsonValueKind.Null, features[3].GetProperty("properties").GetProperty("captured_at").ValueKind);
    }

    [Fact]
    public void Images_without_a_sequence_make_no_line()
    {
        var features = Write(Records.Image("1", null, (1, 1)), Records.Image("2", null, (2, 2)), Records.Image("3", null, (2, 2), creator: null));

        Assert.Equal(["Point", "Point", "Point"], features.Select(TypeOf));
    }

    [Theory]
    [InlineData(new double[] { 179, 10, -179, 20 }, "[[[179,10],[180,15]],[[-180,15],[-179,20]]]")]
    [InlineData(new double[] { -179.5, 10, 178.5, 12 }, "[[[-179.5,10],[-180,10.5]],[[180,10.5],[178.5,12]]]")]
    [InlineData(new double[] { 179, 0, -179, 0, 179, 0 }, "[[[179,0],[180,0]],[[-180,0],[-179,0],[-180,0]],[[180,0],[179,0]]]")]
    [InlineData(new double[] { 178, 0, 180, 1, -179, 2 }, "[[[178,0],[180,1]],[[-180,1],[-179,2]]]")]
    [InlineData(new double[] { 180, 1, -179, 2 }, "[[-180,1],[-179,2]]")]
    [InlineData(new double[] { 179, 1, -180, 2 }, "[[179,1],[180,2]]")]
    [InlineData(new double[] { 180, 1, -180, 1 }, null)]
    [InlineData(new double[] { -90, 0, 89, 0 }, "[[-90,0],[89,0]]")]
    public void Tracks_are_cut_where_they_cross_the_antimeridian(double[] positions, string? expected)
    {
        var images = positions.Chunk(2).Select((p, i) => Records.Image($"{i + 1}", original: (p[0], p[1]), capturedAt: Records.Start.AddSeconds(i))).ToArray();

        var lines = Write(images).Where(f => TypeOf(f) != "Point").ToList();

        Assert.Equal(expected is null ? [] : [expected], lines.Select(CoordinatesOf));
        if (expected is not null) Assert.Equal(expected.StartsWith("[[[", StringComparison.Ordinal) ? "MultiLineString" : "LineString", TypeOf(lines[0]));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(360, 0)]
    [InlineData(359.996, 359.996)]
    [InlineData(359.99999999, 0)]
    [InlineData(-0.00000001, 0)]
    [InlineData(-90, 270)]
    public void Directions_are_degrees_below_360(double angle, double expected) =>
        Assert.Equal(expected, Write(Records.Image("1", original: (1, 1), angle: angle))[0].GetProperty("properties").GetProperty("compass_angle").GetDouble());

    // A third coordinate is a height above the ellipsoid (RFC 7946, section 4); what Mapillary has is above the sea.
    [Fact]
    public void Altitudes_above_the_sea_are_facts_and_no_coordinates()
    {
        var features = Write(Records.Image("1", original: (1, 1), altitude: -5.25), Records.Image("2", original: (2, 2), altitude: 0), Records.Image("3", original: (3, 3)));

        Assert.Equal(["[[1,1],[2,2],[3,3]]", "[1,1]", "[2,2]", "[3,3]"], features.Select(CoordinatesOf));
        Assert.Equal(["-5.25", "0", "null"], features.Skip(1).Select(f => f.GetProperty("properties").GetProperty("altitude").GetRawText()));
    }

    [Fact]
    public void Names_from_outside_stay_what_they_are()
    {
        const string Hostile = "\"}]</script>\u0001\u202e😀";

        var features = Write(Records.Image("1", Hostile, (1, 1), creator: Hostile, make: Hostile));

        Assert.All(["sequence", "creator", "make"], name => Assert.Equal(Hostile, features[0].GetProperty("properties").GetProperty(name).GetString()));
    }

    private static string? TypeOf(JsonElement feature) => feature.GetProperty("geometry").GetProperty("type").GetString();

    private static string CoordinatesOf(JsonElement feature) => feature.GetProperty("geometry").GetProperty("coordinates").GetRawText();

    private List<JsonElement> Write(params MapillaryImage[] images)
    {
        var map = new CaptureMap();
        foreach (var image in images) map.Add(image);
        var file = map.Write(Path.Combine(_folder.Path, "map.geojson"), MapFormat.GeoJson, CancellationToken.None);
        using var json = JsonDocument.Parse(File.ReadAllBytes(file.Path));
        Assert.Equal("FeatureCollection", json.RootElement.GetProperty("type").GetString());
        var features = json.RootElement.Clone().GetProperty("features").EnumerateArray().ToList();
        Assert.All(features, f => Assert.Equal("Feature", f.GetProperty("type").GetString()));
        return features;
    }
}
