namespace Mapillary.Graph;

/// <summary>
/// One or several polygons with holes, whose edges are straight in longitude and latitude (RFC 7946, 3.1.1). A point is inside where a line
/// from it crosses the edges of a polygon an odd number of times; on an edge it is inside.
/// </summary>
public sealed record GeoPolygon : GeoArea
{
    /// <summary>In so many strips of latitude the edges are sorted, so that a point is compared with those beside it only.</summary>
    private const int Strips = 1024;

    private readonly List<Edge>?[] _strips = new List<Edge>?[Strips];
    private readonly double _south = double.MaxValue;
    private readonly double _north = double.MinValue;
    private readonly double _west = double.MaxValue;
    private readonly double _east = double.MinValue;

    /// <summary>Makes polygons of rings.</summary>
    /// <param name="name">The polygons' name, such as that of their file.</param>
    /// <param name="polygons">
    /// For each polygon its rings, the outer one and the holes. A ring need not be closed. An edge over more than 180 degrees of longitude goes
    /// the other way, across the antimeridian; longitudes beyond 180 are taken as they are.
    /// </param>
    /// <exception cref="FormatException">A ring is none: of less than three points, around a pole, or without an area.</exception>
    internal GeoPolygon(string name, IEnumerable<IEnumerable<IEnumerable<GeoPoint>>> polygons)
    {
        Name = name;
        var edges = new List<Edge>();
        var number = 0;
        foreach (var polygon in polygons)
        {
            foreach (var ring in polygon) AddRing([.. ring], number, edges);
            number++;
        }

        foreach (var edge in edges)
        {
            (_south, _north) = (Math.Min(_south, edge.South), Math.Max(_north, edge.North));
            (_west, _east) = (Math.Min(_west, Math.Min(edge.From.Longitude, edge.To.Longitude)), Math.Max(_east, Math.Max(edge.From.Longitude, edge.To.Longitude)));
        }

        if (!(_west < _east && _south < _north)) throw new FormatException("it has no area");
        foreach (var edge in edges)
        {
            for (var strip = StripOf(edge.South); strip <= StripOf(edge.North); strip++) (_strips[strip] ??= []).Add(edge);
        }

        Edges = edges;
        Bounds = [.. edges.GroupBy(e => e.Polygon).SelectMany(BoundsOf)];
    }

    /// <summary>All edges. Their longitudes go on beyond 180 where a polygon crosses the antimeridian.</summary>
    internal IReadOnlyList<Edge> Edges { get; }

    internal override string Name { get; }

    internal override IReadOnlyList<BoundingBox> Bounds { get; }

    /// <inheritdoc/>
    public override bool Contains(GeoPoint point)
    {
        if (!(point.Latitude >= _south && point.Latitude <= _north)) return false;
        // The same meridian under its other names.
        for (var turn = -720; turn <= 720; turn += 360)
        {
            var turned = point with { Longitude = point.Longitude + turn };
            if (turned.Longitude >= _west && turned.Longitude <= _east && ContainsUnturned(turned)) return true;
        }

        return false;
    }

    /// <summary>A record's own equality would compare the tables.</summary>
    public bool Equals(GeoPolygon? other) => ReferenceEquals(this, other);

    /// <inheritdoc/>
    public override int GetHashCode() => StringComparer.Ordinal.GetHashCode(Name);

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"the polygon '{Name}'");

    private bool ContainsUnturned(GeoPoint point)
    {
        var (polygon, isInside) = (-1, false);
        foreach (var edge in _strips[StripOf(point.Latitude)] ?? [])
        {
            // The edges of a polygon stand together.
            if (edge.Polygon != polygon)
            {
                if (isInside) return true;
                polygon = edge.Polygon;
            }

            if (edge.Has(point)) return true;
            if (edge.IsEastOf(point)) isInside = !isInside;
        }

        return isInside;
    }

    private int StripOf(double latitude) => Math.Clamp((int)((latitude - _south) / (_north - _south) * Strips), 0, Strips - 1);

    private static IReadOnlyList<BoundingBox> BoundsOf(IEnumerable<Edge> polygon)
    {
        var points = polygon.Select(e => e.From).ToList();
        var (west, east) = (points.Min(p => p.Longitude), points.Max(p => p.Longitude));
        return BoundingBox.Around(Normal((west + east) / 2), (east - west) / 2, points.Min(p => p.Latitude), points.Max(p => p.Latitude));
    }

    private static double Normal(double longitude) => longitude - (360 * Math.Round(longitude / 360));

    private static void AddRing(List<GeoPoint> ring, int polygon, List<Edge> edges)
    {
        if (ring.Count > 1 && ring[^1] == ring[0]) ring.RemoveAt(ring.Count - 1);
        if (ring.Distinct().Count() < 3) throw new FormatException("a ring has less than three points");
        var first = ring[0];
        var from = first;
        foreach (var next in ring.Skip(1).Append(first))
        {
            // The short way around the Earth.
            var to = next with { Longitude = next.Longitude - (360 * Math.Round((next.Longitude - from.Longitude) / 360)) };
            if (to != from) edges.Add(new Edge(polygon, from, to));
            from = to;
        }

        if (from != first) throw new FormatException("a ring goes around a pole, which no ring in longitude and latitude can do: cut it at the antimeridian");
    }

    /// <summary>A side of a ring.</summary>
    internal readonly record struct Edge(int Polygon, GeoPoint From, GeoPoint To)
    {
        public double South => Math.Min(From.Latitude, To.Latitude);

        public double North => Math.Max(From.Latitude, To.Latitude);

        /// <summary>The longitude of the edge where it has this latitude, or its nearest.</summary>
        public double LongitudeAt(double latitude) => From.Latitude == To.Latitude
            ? From.Longitude
            : From.Longitude + ((To.Longitude - From.Longitude) * Math.Clamp((latitude - From.Latitude) / (To.Latitude - From.Latitude), 0, 1));

        /// <summary>Whether the point lies on it.</summary>
        public bool Has(GeoPoint point) =>
            point.Latitude >= South && point.Latitude <= North
            && point.Longitude >= Math.Min(From.Longitude, To.Longitude) && point.Longitude <= Math.Max(From.Longitude, To.Longitude)
            && (To.Longitude - From.Longitude) * (point.Latitude - From.Latitude) == (To.Latitude - From.Latitude) * (point.Longitude - From.Longitude);

        /// <summary>Whether a line from the point to the east crosses it; one through a corner crosses one of the two edges there.</summary>
        public bool IsEastOf(GeoPoint point) =>
            From.Latitude > point.Latitude != To.Latitude > point.Latitude && point.Longitude < LongitudeAt(point.Latitude);
    }
}
