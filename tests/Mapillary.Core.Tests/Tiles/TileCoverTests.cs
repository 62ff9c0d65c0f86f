using Mapillary.Graph;
using Mapillary.Tiles;

namespace Mapillary.Tests.Tiles;

/// <summary>Which tiles an area takes. Tiles of places are those that the map of OpenStreetMap has for them.</summary>
public class TileCoverTests
{
    [Theory]
    // https://wiki.openstreetmap.org/wiki/Slippy_map_tilenames, by its formulas.
    [InlineData(0, 0, 8192, 8192)]
    [InlineData(51.5074, -0.1278, 8186, 5448)]
    [InlineData(-33.8688, 151.2093, 15073, 9831)]
    [InlineData(85.0511, -180, 0, 0)]
    [InlineData(-85.0511, 179.9999, 16383, 16383)]
    [InlineData(90, 0, 8192, 0)]
    [InlineData(-90, 0, 8192, 16383)]
    public void A_place_is_in_its_tile(double latitude, double longitude, int x, int y) =>
        Assert.Equal((x, y), (Tile.ColumnOf(longitude), Tile.RowOf(latitude)));

    [Fact]
    public void The_edge_of_a_row_is_in_that_row_and_what_is_north_of_it_is_not()
    {
        foreach (var row in new[] { 1, 5100, 8192, 16383 })
            Assert.Equal((row, row - 1), (Tile.RowOf(Tile.NorthOf(row) - 1e-9), Tile.RowOf(Tile.NorthOf(row) + 1e-9)));
    }

    [Fact]
    public void A_place_takes_its_tile_and_the_eight_around_it() =>
        Assert.Equal(Around(8186, 5448), TileCover.Of(new BoundingBox(-0.1279, 51.5073, -0.1278, 51.5074)));

    [Fact]
    public void At_the_antimeridian_the_ring_goes_on_at_the_other_end() =>
        Assert.Equal(
            [new(0, 9000), new(1, 9000), new(16382, 9000), new(16383, 9000)],
            TileCover.Of(new GeoCircle(new GeoPoint(MiddleOf(9000), 179.9999), 50)).Where(t => t.Y == 9000));

    [Theory]
    [InlineData(85.04, 85.06, 0, 1)]
    [InlineData(-85.06, -85.04, 16382, 16383)]
    [InlineData(86, 90, 0, 1)]
    public void At_the_poles_there_is_no_further_row(double south, double north, int first, int last)
    {
        var rows = TileCover.Of(new BoundingBox(10, south, 10.001, north)).Select(t => t.Y).Distinct();

        Assert.Superset(new HashSet<int> { first, last }, rows.ToHashSet());
        Assert.All(rows, row => Assert.InRange(row, 0, 16383));
    }

    /// <summary>Judged by points: each of many within the area lies in one of the tiles, and none of the tiles is further away than the ring.</summary>
    [Theory]
    // A triangle, a ring, a thin line across, one across the antimeridian, one at the map's northern end.
    [InlineData("0,0 0.3,0.02 0.1,0.25")]
    [InlineData("13,55 13.3,55 13.3,55.2 13,55.2|13.05,55.03 13.25,55.03 13.25,55.17 13.05,55.17")]
    [InlineData("13,55 13.4,55.3 13.4,55.3001 13,55.0001")]
    [InlineData("179.9,-17 180.1,-16.9 180,-16.8")]
    [InlineData("10,84.9 10.3,84.9 10.2,85.2")]
    public void A_polygon_takes_the_tiles_that_it_touches(string rings)
    {
        var area = new GeoPolygon("x", [rings.Split('|').Select(ring => ring.Split(' ').Select(p => new GeoPoint(Number(p, 1), Number(p, 0))))]);
        var tiles = TileCover.Of(area);
        var (touched, random) = (new HashSet<Tile>(), new Random(3));
        var (west, east) = (area.Edges.Min(e => e.From.Longitude), area.Edges.Max(e => e.From.Longitude));
        var (south, north) = (area.Edges.Min(e => e.South), area.Edges.Max(e => e.North));
        for (var i = 0; i < 300_000; i++)
        {
            var point = new GeoPoint(south + (random.NextDouble() * (north - south)), west + (random.NextDouble() * (east - west)));
            if (area.Contains(point)) touched.Add(Tile.At(Tile.ColumnOf(point.Longitude), Tile.RowOf(point.Latitude)));
        }

        var ringed = touched.SelectMany(t => Around(t.X, t.Y)).ToHashSet();
        Assert.True(touched.Count > 5);
        Assert.Superset(ringed, tiles.ToHashSet());
        // Corners of tiles that hardly any of the points hit.
        Assert.All(tiles, tile => Assert.Contains(Around(tile.X, tile.Y), ringed.Contains));
        Assert.True(tiles.Count <= ringed.Count * 1.3, $"{tiles.Count} tiles where {ringed.Count} are needed");
        Assert.Equal(tiles.Distinct().Count(), tiles.Count);

        static double Number(string point, int part) => double.Parse(point.Split(',')[part], System.Globalization.CultureInfo.InvariantCulture);
    }

    [Theory]
    [InlineData("-180,-90,180,90")]
    [InlineData("5,45,15,55")]
    public void An_area_of_more_tiles_than_a_day_has_is_refused(string box)
    {
        var error = Assert.Throws<FormatException>(() => TileCover.Of(BoundingBox.Parse(box)));

        Assert.Contains("50,000", error.Message, StringComparison.Ordinal);
        Assert.Contains(box, error.Message, StringComparison.Ordinal);
    }

    private static double MiddleOf(int row) => (Tile.NorthOf(row) + Tile.NorthOf(row + 1)) / 2;

    private static IEnumerable<Tile> Around(int x, int y) =>
        from row in Enumerable.Range(y - 1, 3) where row is >= 0 and < Tile.Count
        from column in Enumerable.Range(x - 1, 3) select Tile.At(column, row);
}
