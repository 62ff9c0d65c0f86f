namespace Mapillary.Maps;

/// <summary>A position of a line.</summary>
/// <param name="Longitude">Degrees.</param>
/// <param name="Latitude">Degrees.</param>
internal readonly record struct MapPosition(double Longitude, double Latitude);

/// <summary>Cuts tracks where they cross the antimeridian, so that none runs around the world (RFC 7946, section 3.1.9).</summary>
internal static class AntimeridianCut
{
    /// <summary>The parts of a track, each of two positions or more; none where the track has but one position.</summary>
    public static List<List<MapPosition>> Of(IReadOnlyList<MapPhoto> photos)
    {
        var parts = new List<List<MapPosition>>();
        var part = new List<MapPosition>(photos.Count);
        foreach (var photo in photos)
        {
            var position = new MapPosition(photo.Longitude, photo.Latitude);
            if (part.Count > 0 && Math.Abs(position.Longitude - part[^1].Longitude) > 180)
            {
                var (end, start) = Crossing(part[^1], position);
                if (part[^1] != end) part.Add(end);
                Close(parts, part);
                part = start == position ? [] : [start];
            }

            part.Add(position);
        }

        Close(parts, part);
        return parts;
    }

    private static void Close(List<List<MapPosition>> parts, List<MapPosition> part)
    {
        if (part.Count > 1) parts.Add(part);
    }

    /// <summary>Where the shorter way between two positions meets the antimeridian, as seen from either side.</summary>
    private static (MapPosition End, MapPosition Start) Crossing(MapPosition from, MapPosition to)
    {
        var side = from.Longitude > 0 ? 180.0 : -180.0;
        var way = to.Longitude + (2 * side) - from.Longitude;
        var share = way == 0 ? 0 : (side - from.Longitude) / way;
        var latitude = from.Latitude + (share * (to.Latitude - from.Latitude));
        return (new MapPosition(side, latitude), new MapPosition(-side, latitude));
    }
}
