using Mapillary.Graph;

namespace Mapillary.Tiles;

/// <summary>A tile of zoom 14, the one that has images (https://www.mapillary.com/developer/api-documentation, vector tiles), in Web Mercator.</summary>
/// <param name="X">From 0 at the antimeridian, eastwards.</param>
/// <param name="Y">From 0 in the north.</param>
internal readonly record struct Tile(int X, int Y)
{
    public const int Zoom = 14;

    /// <summary>How many there are in a row, and how many rows.</summary>
    public const int Count = 1 << Zoom;

    /// <summary>The latitude at which the map ends, in degrees north and south: it is a square. What lies beyond is in no tile.</summary>
    public static double LargestLatitude { get; } = double.RadiansToDegrees(Math.Atan(Math.Sinh(Math.PI)));

    /// <summary>The row of a latitude; beyond the ends of the map that of the end.</summary>
    public static int RowOf(double latitude) => Math.Clamp((int)Math.Floor(VerticalOf(latitude) * Count), 0, Count - 1);

    /// <summary>The column of a longitude. Around the Earth, columns go on counting, below 0 and from <see cref="Count"/> on.</summary>
    public static int ColumnOf(double longitude) => (int)Math.Floor((longitude + 180) / 360 * Count);

    /// <summary>The latitude of the northern edge of a row.</summary>
    public static double NorthOf(int row) => double.RadiansToDegrees(Math.Atan(Math.Sinh(Math.PI * (1 - (2.0 * row / Count)))));

    /// <summary>The tile of a column that may lie around the Earth.</summary>
    public static Tile At(int column, int row) => new(((column % Count) + Count) % Count, row);

    /// <summary>Whether a place in it, or beside it, is at most a tile's width from a box.</summary>
    public bool IsNear(TileExtent extent, BoundingBox box)
    {
        var (north, south) = ((VerticalOf(box.North) * Count) - 1, (VerticalOf(box.South) * Count) + 1);
        if (Y + extent.Bottom < north || Y + extent.Top > south) return false;
        var (west, east) = (((box.West + 180) / 360 * Count) - 1, ((box.East + 180) / 360 * Count) + 1);
        // The map ends at the antimeridian, and the Earth does not.
        for (var turn = -Count; turn <= Count; turn += Count)
        {
            if (X + turn + extent.Right >= west && X + turn + extent.Left <= east) return true;
        }

        return false;
    }

    /// <summary><c>14/8800/5100</c>, as in its address.</summary>
    public override string ToString() => FormattableString.Invariant($"{Zoom}/{X}/{Y}");

    /// <summary>Where a latitude is on the map, 0 in the north to 1 in the south.</summary>
    private static double VerticalOf(double latitude)
    {
        var bounded = double.DegreesToRadians(Math.Clamp(latitude, -LargestLatitude, LargestLatitude));
        return (1 - (Math.Asinh(Math.Tan(bounded)) / Math.PI)) / 2;
    }
}
