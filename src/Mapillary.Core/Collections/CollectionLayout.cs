using System.Globalization;
using Mapillary.Graph;

namespace Mapillary.Collections;

/// <summary>How a collection's pictures are laid out in folders.</summary>
public enum CollectionLayout
{
    /// <summary><c>2024-01-15/&lt;sequence&gt;/&lt;id&gt;.jpg</c>, the day in UTC.</summary>
    Date,

    /// <summary><c>&lt;sequence&gt;/&lt;id&gt;.jpg</c>.</summary>
    Sequence,
}

/// <summary>Gives each image of a collection its place. Two sequences whose ids differ in case only get folders that do not.</summary>
internal sealed class ImagePlaces
{
    public const string UnknownDate = "unknown-date";
    public const string UnknownSequence = "unknown-sequence";

    private readonly CollectionLayout _layout;
    private readonly Dictionary<string, string> _folders = new(StringComparer.OrdinalIgnoreCase);

    /// <param name="collectionPath">The collection; its folders count as taken.</param>
    /// <param name="layout">How new images are laid out.</param>
    public ImagePlaces(string collectionPath, CollectionLayout layout)
    {
        _layout = layout;
        foreach (var folder in Directory.EnumerateDirectories(collectionPath))
        {
            Take(Path.GetFileName(folder));
            if (DateOf(Path.GetFileName(folder)) is null) continue;
            foreach (var sequence in Directory.EnumerateDirectories(folder)) Take(Path.GetFileName(sequence));
        }
    }

    /// <summary>The image's path in the collection, with <c>/</c> on every system, without the extension.</summary>
    public string Of(MapillaryImage image)
    {
        var sequence = Take(image.SequenceId is { } id ? SafeName.ForId(id) : UnknownSequence);
        var name = SafeName.ForId(image.Id);
        return _layout == CollectionLayout.Sequence ? $"{sequence}/{name}" : $"{DateName(image.CapturedAt)}/{sequence}/{name}";
    }

    /// <summary>The name of a day's folder and tar.</summary>
    public static string DateName(DateTimeOffset? capturedAt) =>
        capturedAt?.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) ?? UnknownDate;

    /// <summary>The day whose folder has this name, or null when it is no day's folder.</summary>
    public static string? DateOf(string folder) =>
        folder == UnknownDate || DateOnly.TryParseExact(folder, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _) ? folder : null;

    private string Take(string name)
    {
        lock (_folders)
        {
            if (!_folders.TryGetValue(name, out var taken)) _folders[name] = taken = name;
            if (taken == name) return name;
            var other = SafeName.ForCaseTwin(name);
            _folders[other] = other;
            return other;
        }
    }
}
