namespace Mapillary.Graph;

/// <summary>The names of the renditions: as people type them, as folders bear them, as the API calls them.</summary>
public static class ImageQualityNames
{
    /// <summary>All names, as a person types them.</summary>
    public static IReadOnlyList<string> All { get; } = ["256", "1024", "2048", "original"];

    /// <summary>The name in folder names and identifiers: 256, 1024, 2048 or original.</summary>
    public static string ToName(this ImageQuality quality) =>
        quality == ImageQuality.Original ? "original" : ((int)quality).ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>The API field that holds the rendition's address.</summary>
    public static string ToField(this ImageQuality quality) => $"thumb_{quality.ToName()}_url";

    /// <summary>Reads a name, whatever its case.</summary>
    /// <exception cref="FormatException">It is none of 256, 1024, 2048 and original.</exception>
    public static ImageQuality Parse(string name) => name?.Trim().ToLowerInvariant() switch
    {
        "256" => ImageQuality.Thumb256,
        "1024" => ImageQuality.Thumb1024,
        "2048" => ImageQuality.Thumb2048,
        "original" => ImageQuality.Original,
        _ => throw new FormatException($"'{name}' is not an image quality. Use 256, 1024, 2048 or original."),
    };
}
