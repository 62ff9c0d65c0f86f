using Mapillary.Graph;

namespace Mapillary.Tests.Graph;

/// <summary>What is in an area and what is not.</summary>
public sealed class GeoAreaTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("mapillary-area-").FullName;

    [Theory]
    [InlineData(-16.5, 179.95, true)]
    [InlineData(-16.5, -179.9, true)]
    [InlineData(-16.5, 180, true)]
    [InlineData(-16.5, -180, true)]
    [InlineData(-16.5, 0, false)]
    [InlineData(-16.5, -179.7, false)]
    [InlineData(-18, 180, false)]
    public void A_box_whose_west_is_greater_than_its_east_crosses_the_antimeridian(double latitude, double longitude, bool isIn)
    {
        var box = BoundingBox.Parse("179.9,-17,-179.8,-16");

        Assert.Equal(isIn, box.Contains(new GeoPoint(latitude, longitude)));
        Assert.Equal(0.3, box.SquareDegrees, 9);
        Assert.Equal([new BoundingBox(179.9, -17, 180, -16), new BoundingBox(-180, -17, -179.8, -16)], box.Bounds);
    }

    [Theory]
    // A degree on WGS-84 at 55.7 N, by the series for it: 111,336 m to the north and 62,876 m to the east.
    [InlineData(0.00269, 0, true)]
    [InlineData(0.00270, 0, false)]
    [InlineData(0, 0.00476, true)]
    [InlineData(0, 0.00479, false)]
    public void A_circle_goes_by_the_distance_on_the_ellipsoid(double north, double east, bool isIn) =>
        Assert.Equal(isIn, new GeoCircle(new GeoPoint(55.7, 13.19), 300).Contains(new GeoPoint(55.7 + north, 13.19 + east)));

    [Theory]
    [InlineData(0, 0, 300)]
    [InlineData(55.7, 13.19, 100_000)]
    [InlineData(-17, 179.999, 5_000)]
    [InlineData(-17, -180, 5_000)]
    [InlineData(85, 40, 100_000)]
    [InlineData(89.9, 40, 20_000)]
    [InlineData(-90, 0, 1_000)]
    public void All_of_a_circle_is_within_its_bounds(double latitude, double longitude, double radius)
    {
        var circle = new GeoCircle(new GeoPoint(latitude, longitude), radius);
        var random = new Random(1);
        var inside = 0;
        for (var i = 0; i < 20_000; i++)
        {
            var reach = radius / 110_000;
            var point = new GeoPoint(
                Math.Clamp(latitude + (((random.NextDouble() * 2) - 1) * reach), -90, 90),
                Math.IEEERemainder(longitude + (((random.NextDouble() * 2) - 1) * Math.Min(180, reach / Math.Max(1e-6, Math.Cos(latitude * Math.PI / 180)))), 360));
            if (!circle.Contains(point)) continue;
            inside++;
            Assert.Contains(circle.Bounds, b => b.Contains(point));
        }

        Assert.True(inside > 1000, $"{inside}");
    }

    [Theory]
    [InlineData("55.7", "1 part")]
    [InlineData("55.7,13.1,300", "3 parts")]
    [InlineData("91,13", "latitude 91")]
    [InlineData("13,181", "longitude 181")]
    [InlineData("x,13", "'x' is not a number")]
    [InlineData("NaN,13", "'NaN' is not a number")]
    public void A_point_that_is_none_says_what_is_wrong(string text, string reason)
    {
        var error = Assert.Throws<FormatException>(() => GeoCircle.ParseCenter(text));

        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains("latitude,longitude", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 1, true)]
    [InlineData(1, 9, true)]
    [InlineData(9, 9, false)]
    [InlineData(0, 0, true)]
    [InlineData(10, 5, true)]
    [InlineData(5, 5, true)]
    [InlineData(2.5, 2.5, false)]
    [InlineData(2, 2.5, true)]
    [InlineData(-0.0001, 1, false)]
    public void An_L_with_a_hole_has_what_is_in_it_and_on_its_edges(double longitude, double latitude, bool isIn)
    {
        // The western half of a square of 10 degrees and the lower half of the rest, with a hole from 2 to 3.
        var area = Read("""{"type":"Polygon","coordinates":[[[0,0],[10,0],[10,5],[5,5],[5,10],[0,10],[0,0]],[[2,2],[3,2],[3,3],[2,3],[2,2]]]}""");

        Assert.Equal(isIn, area.Contains(new GeoPoint(latitude, longitude)));
        Assert.Equal([new BoundingBox(0, 0, 10, 10)], area.Bounds);
    }

    [Theory]
    [InlineData("""{"type":"Feature","properties":null,"geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1],[0,0]]]}}""")]
    [InlineData("""{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":[[[0,0,9],[1,0,9],[1,1,9],[0,1,9],[0,0,9]]]}}]}""")]
    [InlineData("""{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,1],[0,0]]],[[[5,5],[6,5],[6,6],[5,6]]]]}""")]
    [InlineData("""{"type":"GeometryCollection","geometries":[{"type":"Polygon","coordinates":[[[0,0],[0,1],[1,1],[1,0],[0,0]]]}]}""")]
    public void Polygons_are_found_in_whatever_holds_them(string json)
    {
        var area = Read(json);

        Assert.True(area.Contains(new GeoPoint(0.5, 0.5)));
        Assert.False(area.Contains(new GeoPoint(3, 3)));
        Assert.Equal("town", area.Name);
    }

    [Fact]
    public void Polygons_over_each_other_count_once_and_a_hole_in_one_is_none_in_the_other()
    {
        var area = Read("""
            {"type":"MultiPolygon","coordinates":[[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[1,1],[3,1],[3,3],[1,3],[1,1]]],[[[2,2],[6,2],[6,6],[2,6],[2,2]]]]}
            """);

        Assert.Equal([false, true, true], new[] { (1.5, 1.5), (2.5, 2.5), (3.5, 3.5) }.Select(p => area.Contains(new GeoPoint(p.Item2, p.Item1))));
    }

    [Theory]
    // Cut there, as RFC 7946 has it; counted on; and with edges that go over it.
    [InlineData("""{"type":"MultiPolygon","coordinates":[[[[179,-17],[180,-17],[180,-16],[179,-16],[179,-17]]],[[[-180,-17],[-179,-17],[-179,-16],[-180,-16],[-180,-17]]]]}""")]
    [InlineData("""{"type":"Polygon","coordinates":[[[179,-17],[181,-17],[181,-16],[179,-16],[179,-17]]]}""")]
    [InlineData("""{"type":"Polygon","coordinates":[[[-181,-17],[-179,-17],[-179,-16],[-181,-16],[-181,-17]]]}""")]
    [InlineData("""{"type":"Polygon","coordinates":[[[179,-17],[-179,-17],[-179,-16],[179,-16],[179,-17]]]}""")]
    public void An_area_across_the_antimeridian_is_understood_in_every_way_that_is_written(string json)
    {
        var area = Read(json);

        Assert.Equal(
            [true, true, true, true, false, false, false],
            new[] { 179.5, -179.5, 180, -180, 178.9, -178.9, 0 }.Select(longitude => area.Contains(new GeoPoint(-16.5, longitude))));
        Assert.Equal([new BoundingBox(-180, -17, -179, -16), new BoundingBox(179, -17, 180, -16)], area.Bounds.OrderBy(b => b.West));
    }

    [Theory]
    [InlineData("""{"type":"Point","coordinates":[1,2]}""", "holds a Point")]
    [InlineData("""{"type":"FeatureCollection","features":[]}""", "no polygon")]
    [InlineData("""{"type":"Feature","geometry":null}""", "no geometry")]
    [InlineData("""{"type":"Polygon"}""", "no coordinates")]
    [InlineData("""{"type":"Polygon","coordinates":[[[0,0],[1,1]]]}""", "less than three points")]
    [InlineData("""{"type":"Polygon","coordinates":[[[0,0],[1,0],[2,0],[0,0]]]}""", "no area")]
    [InlineData("""{"type":"Polygon","coordinates":[[[0,0],[1,"0"],[2,0],[0,0]]]}""", "no position")]
    [InlineData("""{"type":"Polygon","coordinates":[[0,1]]}""", "no list")]
    [InlineData("""{"type":"Polygon","coordinates":[[[500,0],[501,0],[501,1],[500,0]]]}""", "longitude that is none")]
    [InlineData("""{"type":"Polygon","coordinates":[[[386000,6172000],[387000,6172000],[387000,6173000],[386000,6172000]]]}""", "longitude that is none")]
    [InlineData("""{"type":"Polygon","coordinates":[[[0,95],[1,0],[1,1],[0,95]]]}""", "latitude outside")]
    [InlineData("""{"type":"Polygon","coordinates":[[[0,80],[120,80],[-120,80],[0,80]]]}""", "around a pole")]
    [InlineData("""[1,2]""", "without a type")]
    [InlineData("""{"type":"Polygon","coordinates":""", "no GeoJSON")]
    [InlineData("", "no GeoJSON")]
    public void What_is_no_area_says_why(string json, string reason)
    {
        var error = Assert.Throws<InvalidDataException>(() => Read(json));

        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains("town.geojson", error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private GeoPolygon Read(string json)
    {
        var path = Path.Combine(_folder, "town.geojson");
        File.WriteAllText(path, json);
        return GeoJsonArea.Read(path);
    }
}
