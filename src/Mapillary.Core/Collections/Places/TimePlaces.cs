using System.Globalization;
using System.Text.RegularExpressions;
using Mapillary.Collections.Records;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;

namespace Mapillary.Collections.Places;

/// <summary>
/// The places of <see cref="CollectionLayout.Time"/>. They follow from the order in which images are listed, from the manifest, and from
/// the folders that are there, but never from which download ends first.
/// </summary>
internal sealed partial class TimePlaces
{
    private const int MarkLength = 8;

    private readonly Manifest _manifest;
    // Which sequence has a mark, and in which folder its images lie; marks that differ in case only are the same to some file systems.
    private readonly Dictionary<string, string> _sequences = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, string> _folders = new(StringComparer.OrdinalIgnoreCase);
    // Which image each place was given to in this run that the manifest did not have, both as keys: to one that then failed too, so
    // that it finds its place free the next time.
    private readonly Dictionary<ulong, ulong> _given = [];

    /// <param name="folders">The names of the folders that are there, or were until they went into tars.</param>
    /// <param name="manifest">Knows which places earlier runs gave away.</param>
    public TimePlaces(IEnumerable<string> folders, Manifest manifest)
    {
        _manifest = manifest;
        foreach (var folder in folders.Order(StringComparer.Ordinal))
        {
            if (TimeFolder().Match(folder) is { Success: true } match) _folders.TryAdd(match.Groups["mark"].Value, folder);
        }
    }

    /// <summary>The folder of an image's sequence. To be asked in the order of the listing: the first image gives the folder its time.</summary>
    public string FolderOf(MapillaryImage image)
    {
        var mark = MarkOf(image.SequenceId);
        if (image.CapturedAt is not { } time) return $"{ImagePlaces.UnknownDate}_{mark}";
        if (!_folders.TryGetValue(mark, out var folder)) _folders[mark] = folder = $"{Text(time, "yyyyMMdd_HHmmss")}_{mark}";
        return folder;
    }

    /// <summary>The image's path in the collection, with <c>/</c> and without extension. To be asked in the order of the listing.</summary>
    public string Of(MapillaryImage image)
    {
        var folder = FolderOf(image);
        var name = SafeName.ForId(image.Id);
        if (image.CapturedAt is not { } time) return $"{folder}/{name}";
        var place = $"{folder}/{Text(time, "yyyyMMdd_HHmmss_fff")}";
        return Give(place, image.Id) ? place : $"{place}_{name}";
    }

    /// <summary>Whether a file's name, without extension, is a time and not an image id.</summary>
    public static bool IsTime(string name) => TimeFile().IsMatch(name);

    /// <summary>The image whose id stands behind the time in a file's name, without extension; null where only the time does.</summary>
    public static string? IdIn(string name) => TimeFile().Match(name).Groups["id"] is { Success: true } id ? SafeName.Decode(id.Value) : null;

    /// <summary>Whether a folder's name is one of this layout.</summary>
    public static bool IsTimeFolder(string folder) => TimeFolder().IsMatch(folder) || folder.StartsWith(ImagePlaces.UnknownDate + "_", StringComparison.Ordinal);

    /// <summary>The day of a file of this layout, in UTC; null for one of another layout.</summary>
    /// <param name="folder">The name of its folder.</param>
    /// <param name="name">Its name, without extension.</param>
    public static string? DayOf(string folder, string name) =>
        folder.StartsWith(ImagePlaces.UnknownDate + "_", StringComparison.Ordinal) ? ImagePlaces.UnknownDate
        : TimeFolder().IsMatch(folder) && IsTime(name) && DateOnly.TryParseExact(name.AsSpan(0, 8), "yyyyMMdd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
            ? day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)
            : null;

    /// <summary>The end of a sequence's folder: the first letters of its id, or, where another sequence has the same, all in a form that none other has.</summary>
    private string MarkOf(string? sequenceId)
    {
        // Not cut, so that it is the mark of no sequence.
        if (sequenceId is null) return ImagePlaces.UnknownSequence;
        var name = SafeName.ForId(sequenceId);
        var mark = name[..Math.Min(MarkLength, name.Length)];
        if (_sequences.TryAdd(mark, sequenceId) || _sequences[mark] == sequenceId) return mark;
        return SafeName.ForCaseTwin(name);
    }

    private bool Give(string place, string id)
    {
        if (PictureForm.Extensions.Select(e => _manifest.FindByPath(place + e)).FirstOrDefault(e => e is not null) is { } entry) return entry.Id == id;
        var (key, image) = (TextKey.Of(place), TextKey.Of(id));
        return _given.TryAdd(key, image) || _given[key] == image;
    }

    private static string Text(DateTimeOffset time, string format) => time.UtcDateTime.ToString(format, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^[0-9]{8}_[0-9]{6}_(?<mark>.+)\z", RegexOptions.CultureInvariant)]
    private static partial Regex TimeFolder();

    [GeneratedRegex(@"^[0-9]{8}_[0-9]{6}_[0-9]{3}(_(?<id>.+))?\z", RegexOptions.CultureInvariant)]
    private static partial Regex TimeFile();
}
