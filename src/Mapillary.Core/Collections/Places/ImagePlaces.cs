using System.Globalization;
using Mapillary.Collections.Files;
using Mapillary.Collections.Records;
using Mapillary.Graph;

namespace Mapillary.Collections.Places;

/// <summary>
/// Gives each image of a collection its place, in the order of the listing. Two sequences whose ids differ in case only get folders
/// that do not.
/// </summary>
internal sealed class ImagePlaces
{
    public const string UnknownDate = "unknown-date";
    public const string UnknownSequence = "unknown-sequence";

    private readonly CollectionLayout _layout;
    private readonly Dictionary<string, string> _folders = new(StringComparer.OrdinalIgnoreCase);
    private readonly TimePlaces? _times;

    /// <param name="collectionPath">The collection; its folders count as taken.</param>
    /// <param name="layout">How new images are laid out.</param>
    /// <param name="manifest">The collection's.</param>
    public ImagePlaces(string collectionPath, CollectionLayout layout, Manifest manifest)
    {
        _layout = layout;
        var collection = new CollectionFolder(collectionPath);
        if (layout == CollectionLayout.Time)
        {
            _times = new TimePlaces(collection.Folders().Concat(manifest.Folders), manifest);
            return;
        }

        foreach (var folder in collection.Folders())
        {
            Take(folder);
            if (DateOf(folder) is null) continue;
            foreach (var sequence in collection.Folders(folder)) Take(sequence);
        }
    }

    /// <summary>Notes an image that an earlier run listed, before the first one of this run.</summary>
    public void Recall(MapillaryImage image) => _times?.FolderOf(image);

    /// <summary>The image's path in the collection, with <c>/</c> on every system, without the extension.</summary>
    public string Of(MapillaryImage image)
    {
        if (_times is not null) return _times.Of(image);
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

    /// <summary>The layout that a picture's path in the collection is of; null for one that is of none.</summary>
    public static CollectionLayout? LayoutOf(string path)
    {
        var parts = path.Split('/');
        return parts.Length switch
        {
            3 when DateOf(parts[0]) is not null => CollectionLayout.Date,
            2 when TimePlaces.DayOf(parts[0], Path.GetFileNameWithoutExtension(parts[1])) is not null => CollectionLayout.Time,
            2 => CollectionLayout.Sequence,
            _ => null,
        };
    }

    private string Take(string name)
    {
        if (!_folders.TryGetValue(name, out var taken)) _folders[name] = taken = name;
        if (taken == name) return name;
        var other = SafeName.ForCaseTwin(name);
        _folders[other] = other;
        return other;
    }
}
