using System.Globalization;

namespace Mapillary.Graph;

/// <summary>
/// An area between two meridians and two parallels, in degrees. Where its west is greater than its east it crosses the antimeridian
/// (RFC 7946, 5.2): 179.9,-17,-179.8,-16 is 0.3 degrees wide.
/// </summary>
/// <param name="West">The western edge, -180 to 180.</param>
/// <param name="South">The southern edge, -90 to 90.</param>
/// <param name="East">The eastern edge, -180 to 180.</param>
/// <param name="North">The northern edge, greater than <paramref name="South"/>.</param>
public sealed record BoundingBox(double West, double South, double East, double North) : GeoArea
{
    /// <summary>Reads <c>west,south,east,north</c>.</summary>
    /// <exception cref="FormatException">It does not hold four such numbers; the text says which one is wrong.</exception>
    public static BoundingBox Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        if (parts.Length != 4)
            throw Bad(text, $"it has {Amount.Of(parts.Length, "part")}");
        var numbers = new double[4];
        for (var i = 0; i < 4; i++)
        {
            if (!double.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out numbers[i]) || !double.IsFinite(numbers[i]))
                throw Bad(text, $"'{parts[i]}' is not a number");
        }

        var box = new BoundingBox(numbers[0], numbers[1], numbers[2], numbers[3]);
        if (box.West is < -180 or > 180 || box.East is < -180 or > 180) throw Bad(text, "a longitude lies outside -180 to 180");
        if (box.South is < -90 or > 90 || box.North is < -90 or > 90) throw Bad(text, "a latitude lies outside -90 to 90");
        // Across the antimeridian nobody means more than half of the Earth; two edges that were exchanged by mistake are nearly always that.
        if (box.West == box.East || box.Width >= 180 && box.CrossesAntimeridian) throw Bad(text, "the west is not less than the east");
        if (box.South >= box.North) throw Bad(text, "the south is not less than the north");
        return box;
    }

    /// <inheritdoc/>
    public override bool Contains(GeoPoint point) =>
        point.Latitude >= South && point.Latitude <= North
        && (CrossesAntimeridian ? point.Longitude >= West || point.Longitude <= East : point.Longitude >= West && point.Longitude <= East);

    /// <summary>The four quarters of a box that does not cross the antimeridian.</summary>
    public IReadOnlyList<BoundingBox> Quarters()
    {
        var (middleX, middleY) = ((West + East) / 2, (South + North) / 2);
        return
        [
            new BoundingBox(West, South, middleX, middleY), new BoundingBox(middleX, South, East, middleY),
            new BoundingBox(West, middleY, middleX, North), new BoundingBox(middleX, middleY, East, North),
        ];
    }

    /// <summary>The area in square degrees, which is how the API measures it.</summary>
    public double SquareDegrees => Width * (North - South);

    internal override IReadOnlyList<BoundingBox> Bounds =>
        CrossesAntimeridian ? [this with { East = 180 }, this with { West = -180 }] : [this];

    internal override string Name => string.Create(CultureInfo.InvariantCulture, $"{West}_{South}_{East}_{North}");

    private bool CrossesAntimeridian => West > East;

    private double Width => CrossesAntimeridian ? East - West + 360 : East - West;

    /// <summary>The box, or two, of what is so many degrees to the west and the east of a meridian, whichever of its names that has.</summary>
    internal static IReadOnlyList<BoundingBox> Around(double longitude, double reach, double south, double north)
    {
        if (reach >= 180) return [new BoundingBox(-180, south, 180, north)];
        var (west, east) = (Normal(longitude - reach), Normal(longitude + reach));
        return new BoundingBox(west, south, east, north).Bounds;

        static double Normal(double degrees) => degrees < -180 ? degrees + 360 : degrees > 180 ? degrees - 360 : degrees;
    }

    /// <summary><c>west,south,east,north</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{West},{South},{East},{North}");

    private static FormatException Bad(string text, string why) =>
        new($"'{text}' is not a bounding box: {why}. Expected are four numbers in degrees, west,south,east,north, such as 13.37,52.50,13.40,52.52.");
}
