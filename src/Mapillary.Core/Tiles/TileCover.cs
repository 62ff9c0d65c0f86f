using Mapillary.Graph;

namespace Mapillary.Tiles;

/// <summary>
/// Which tiles an area takes: those that it touches and the ring around them, for an image is in the tile of one of its positions, and its other
/// one, original or computed, may lie in the next tile.
/// </summary>
internal static class TileCover
{
    /// <summary>
    /// The most tiles of one listing: so many an app may ask for on a day
    /// (https://www.mapillary.com/developer/api-documentation, rate limits).
    /// </summary>
    public const int MostTiles = 50_000;

    /// <summary>The tiles of an area, row by row from the north, each row from the west.</summary>
    /// <exception cref="FormatException">There are too many.</exception>
    public static IReadOnlyList<Tile> Of(GeoArea area)
    {
        var touched = new HashSet<Tile>();
        if (area is GeoPolygon polygon) AddPolygon(polygon, touched, area);
        else AddBoxes(area, touched);
        var tiles = new HashSet<Tile>();
        foreach (var tile in touched)
        {
            for (var row = Math.Max(0, tile.Y - 1); row <= Math.Min(Tile.Count - 1, tile.Y + 1); row++)
            {
                for (var column = tile.X - 1; column <= tile.X + 1; column++) Add(tiles, Tile.At(column, row), area);
            }
        }

        return [.. tiles.OrderBy(t => t.Y).ThenBy(t => t.X)];
    }

    private static void AddBoxes(GeoArea area, HashSet<Tile> tiles)
    {
        foreach (var box in area.Bounds)
        {
            for (var row = Tile.RowOf(box.North); row <= Tile.RowOf(box.South); row++)
            {
                // A box that ends at the antimeridian touches the first tile beyond.
                for (var column = Tile.ColumnOf(box.West); column <= Tile.ColumnOf(box.East); column++) Add(tiles, Tile.At(column, row), area);
            }
        }
    }

    /// <summary>The tiles that an edge goes through, and between these those that are inside.</summary>
    private static void AddPolygon(GeoPolygon area, HashSet<Tile> tiles, GeoArea named)
    {
        var rows = new SortedDictionary<int, HashSet<int>>();
        foreach (var edge in area.Edges)
        {
            for (var row = Tile.RowOf(edge.North); row <= Tile.RowOf(edge.South); row++)
            {
                var (one, other) = edge.From.Latitude == edge.To.Latitude
                    ? (edge.From.Longitude, edge.To.Longitude)
                    : (edge.LongitudeAt(Tile.NorthOf(row)), edge.LongitudeAt(Tile.NorthOf(row + 1)));
                if (!rows.TryGetValue(row, out var columns)) rows[row] = columns = [];
                for (var column = Tile.ColumnOf(Math.Min(one, other)); column <= Tile.ColumnOf(Math.Max(one, other)); column++)
                {
                    columns.Add(column);
                    Add(tiles, Tile.At(column, row), named);
                }
            }
        }

        foreach (var (row, columns) in rows)
        {
            var ordered = columns.Order().ToList();
            var middle = (Tile.NorthOf(row) + Tile.NorthOf(row + 1)) / 2;
            foreach (var (left, right) in ordered.Zip(ordered.Skip(1)))
            {
                // No edge is between the two: either all of these tiles are inside, or none.
                if (right - left < 2 || !area.Contains(new GeoPoint(middle, Middle(left + 1)))) continue;
                for (var column = left + 1; column < right; column++) Add(tiles, Tile.At(column, row), named);
            }
        }

        static double Middle(int column) => ((column + 0.5) / Tile.Count * 360) - 180;
    }

    private static void Add(HashSet<Tile> tiles, Tile tile, GeoArea area)
    {
        tiles.Add(tile);
        if (tiles.Count > MostTiles)
        {
            throw new FormatException(FormattableString.Invariant(
                $"{area} takes more than {Amount.Of(MostTiles)} tiles, more than Mapillary gives on a day. Divide it, and list one part after the other."));
        }
    }
}
