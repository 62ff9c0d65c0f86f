namespace Mapillary.Graph;

/// <summary>
/// Makes sequences of a listing, in whatever order its images come. Of an image, when and where it was captured is kept, 24 bytes, not its record:
/// its length can only be told when all of a sequence is there.
/// </summary>
public sealed class SequenceCensus
{
    // WGS-84: the radius of the equator in kilometres, and the square of the eccentricity of the meridians.
    private const double EquatorialRadius = 6378.137;
    private const double SquaredEccentricity = 0.00669437999014;

    private readonly Dictionary<string, Tally> _sequences = new(StringComparer.Ordinal);
    private readonly ImageIdSet _seen = new();

    /// <summary>How many images there were, each counted once.</summary>
    public int Images => _seen.Count;

    /// <summary>How many of them belong to no sequence.</summary>
    public int WithoutSequence { get; private set; }

    /// <summary>How many sequences there were.</summary>
    public int Count => _sequences.Count;

    /// <summary>How many images the largest sequence has.</summary>
    public int MostImages => _sequences.Count == 0 ? 0 : _sequences.Values.Max(t => t.Images);

    /// <summary>Counts an image; a second time it counts no more.</summary>
    /// <param name="image">The image.</param>
    /// <param name="sequenceId">The sequence that it was asked for by; else the one that its record names.</param>
    /// <returns>Whether it was counted.</returns>
    public bool Add(MapillaryImage image, string? sequenceId = null)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (!_seen.Add(image.Id)) return false;
        if ((sequenceId ?? image.SequenceId) is not { } id)
        {
            WithoutSequence++;
            return true;
        }

        if (!_sequences.TryGetValue(id, out var tally)) _sequences[id] = tally = new Tally();
        tally.Add(image);
        return true;
    }

    /// <summary>The sequences, the newest first; those without any time last.</summary>
    public IReadOnlyList<MapillarySequence> ToSequences() =>
        [.. _sequences.Select(s => s.Value.ToSequence(s.Key)).OrderByDescending(s => s.First).ThenBy(s => s.Id, StringComparer.Ordinal)];

    /// <summary>
    /// The distance of two points on WGS-84 in kilometres: by the haversine formula, on a sphere that is bent as the ellipsoid is between
    /// them and in their direction (Euler's radius). Right to 0.005 % up to 1,000 km, and at worst to half a percent.
    /// </summary>
    internal static double Distance(GeoPoint from, GeoPoint to)
    {
        var (south, north) = (double.DegreesToRadians(from.Latitude), double.DegreesToRadians(to.Latitude));
        var (up, across) = (Squared(Math.Sin((north - south) / 2)), Math.Cos(south) * Math.Cos(north) * Squared(Math.Sin(double.DegreesToRadians(to.Longitude - from.Longitude) / 2)));
        if (up + across == 0) return 0;
        var flattening = 1 - (SquaredEccentricity * Squared(Math.Sin((south + north) / 2)));
        var alongParallel = EquatorialRadius / Math.Sqrt(flattening);
        var alongMeridian = alongParallel * (1 - SquaredEccentricity) / flattening;
        var radius = (up + across) / ((up / alongMeridian) + (across / alongParallel));
        return 2 * radius * Math.Asin(Math.Min(1, Math.Sqrt(up + across)));

        static double Squared(double value) => value * value;
    }

    private sealed class Tally
    {
        private readonly List<(long Time, GeoPoint Point)> _way = [];
        private readonly Dictionary<string, int> _cameraTypes = new(StringComparer.Ordinal);
        private int _panoramas;
        private DateTimeOffset? _first;
        private DateTimeOffset? _last;
        private BoundingBox? _bounds;
        private string? _creator;

        public int Images { get; private set; }

        public void Add(MapillaryImage image)
        {
            Images++;
            if (image.IsPanorama) _panoramas++;
            if (image.CameraType is { } type) _cameraTypes[type] = _cameraTypes.GetValueOrDefault(type) + 1;
            _creator ??= image.Creator;
            if (image.CapturedAt is { } time)
            {
                if (!(time >= _first)) _first = time;
                if (!(time <= _last)) _last = time;
            }

            if (image.PositionOf(PositionSource.Computed) is not { } point) return;
            _bounds = _bounds is null
                ? new BoundingBox(point.Longitude, point.Latitude, point.Longitude, point.Latitude)
                : new BoundingBox(
                    Math.Min(_bounds.West, point.Longitude), Math.Min(_bounds.South, point.Latitude),
                    Math.Max(_bounds.East, point.Longitude), Math.Max(_bounds.North, point.Latitude));
            if (image.CapturedAt is { } moment) _way.Add((moment.UtcTicks, point));
        }

        public MapillarySequence ToSequence(string id)
        {
            // Of one moment, in an order that does not depend on the listing's.
            var way = _way.OrderBy(p => p.Time).ThenBy(p => p.Point.Latitude).ThenBy(p => p.Point.Longitude).Select(p => p.Point).ToList();
            return new MapillarySequence
            {
                Id = id,
                Images = Images,
                Panoramas = _panoramas,
                First = _first,
                Last = _last,
                CameraType = _cameraTypes.OrderByDescending(t => t.Value).ThenBy(t => t.Key, StringComparer.Ordinal).Select(t => t.Key).FirstOrDefault(),
                Bounds = _bounds,
                LengthKm = way.Zip(way.Skip(1), Distance).Sum(),
                Creator = _creator,
            };
        }
    }
}
