using System.Globalization;

namespace Mapillary.Graph;

/// <summary>What is within a distance of a point.</summary>
/// <param name="Center">The point.</param>
/// <param name="Radius">The distance in metres.</param>
public sealed record GeoCircle(GeoPoint Center, double Radius) : GeoArea
{
    /// <summary>The largest distance in metres. Beyond that, a box or a polygon is meant.</summary>
    public const double LargestRadius = 100_000;

    // The least that a degree has in metres: of a meridian, at the equator; and what the Earth's least radius of curvature makes of one.
    private const double MetresPerDegree = 110_500;

    /// <summary>Reads a point, <c>latitude,longitude</c>.</summary>
    /// <exception cref="FormatException">It does not hold two such numbers; the text says which one is wrong.</exception>
    public static GeoPoint ParseCenter(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        if (parts.Length != 2) throw Bad($"it has {Amount.Of(parts.Length, "part")}");
        var point = new GeoPoint(Number(parts[0]), Number(parts[1]));
        if (point.Latitude is < -90 or > 90) throw Bad($"the latitude {parts[0]} lies outside -90 to 90");
        if (point.Longitude is < -180 or > 180) throw Bad($"the longitude {parts[1]} lies outside -180 to 180");
        return point;

        double Number(string part) => double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
            ? number
            : throw Bad($"'{part}' is not a number");

        FormatException Bad(string why) => new($"'{text}' is not a point: {why}. Expected are two numbers in degrees, latitude,longitude, such as 55.70,13.19.");
    }

    /// <inheritdoc/>
    public override bool Contains(GeoPoint point) => SequenceCensus.Distance(Center, point) * 1000 <= Radius;

    internal override IReadOnlyList<BoundingBox> Bounds
    {
        get
        {
            var reach = Radius / MetresPerDegree;
            var (south, north) = (Math.Max(-90, Center.Latitude - reach), Math.Min(90, Center.Latitude + reach));
            // Meridians are nearest to each other at the circle's end towards the pole; at the pole itself all of them meet.
            var shrink = Math.Cos(Math.Max(Math.Abs(south), Math.Abs(north)) * Math.PI / 180);
            return BoundingBox.Around(Center.Longitude, reach >= 180 * shrink ? 180 : reach / shrink, south, north);
        }
    }

    internal override string Name => string.Create(CultureInfo.InvariantCulture, $"{Center.Latitude}_{Center.Longitude}_{Radius}m");

    /// <summary><c>300 m around 55.7,13.19</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Radius} m around {Center}");
}
