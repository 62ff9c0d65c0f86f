using System.Globalization;

namespace Mapillary.Graph;

/// <summary>An area between two meridians and two parallels, in degrees.</summary>
/// <param name="West">The western edge, -180 to 180.</param>
/// <param name="South">The southern edge, -90 to 90.</param>
/// <param name="East">The eastern edge, greater than <paramref name="West"/>.</param>
/// <param name="North">The northern edge, greater than <paramref name="South"/>.</param>
public sealed record BoundingBox(double West, double South, double East, double North)
{
    /// <summary>Reads <c>west,south,east,north</c>.</summary>
    /// <exception cref="FormatException">It does not hold four such numbers; the text says which one is wrong.</exception>
    public static BoundingBox Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        if (parts.Length != 4)
            throw Bad(text, $"it has {parts.Length} part{(parts.Length == 1 ? "" : "s")}");
        var numbers = new double[4];
        for (var i = 0; i < 4; i++)
        {
            if (!double.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out numbers[i]) || !double.IsFinite(numbers[i]))
                throw Bad(text, $"'{parts[i]}' is not a number");
        }

        var box = new BoundingBox(numbers[0], numbers[1], numbers[2], numbers[3]);
        if (box.West is < -180 or > 180 || box.East is < -180 or > 180) throw Bad(text, "a longitude lies outside -180 to 180");
        if (box.South is < -90 or > 90 || box.North is < -90 or > 90) throw Bad(text, "a latitude lies outside -90 to 90");
        if (box.West >= box.East) throw Bad(text, "the west is not less than the east");
        if (box.South >= box.North) throw Bad(text, "the south is not less than the north");
        return box;
    }

    /// <summary>Whether the point lies inside or on the edge.</summary>
    public bool Contains(GeoPoint point) =>
        point.Longitude >= West && point.Longitude <= East && point.Latitude >= South && point.Latitude <= North;

    /// <summary>The four quarters.</summary>
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
    public double SquareDegrees => (East - West) * (North - South);

    /// <summary><c>west,south,east,north</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{West},{South},{East},{North}");

    private static FormatException Bad(string text, string why) =>
        new($"'{text}' is not a bounding box: {why}. Expected are four numbers in degrees, west,south,east,north, such as 13.37,52.50,13.40,52.52.");
}
