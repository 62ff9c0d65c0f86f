using Mapillary.Graph;

namespace Mapillary.Collections.Records;

/// <summary>
/// What of a manifest is kept in memory by those who read it: of each image where its file is and what is in it (with what is kept of the
/// listing, some 150 MiB for a million images); and the tars. Of the lines of an image the last counts.
/// </summary>
internal sealed class ManifestIndex
{
    private readonly ImageIdMap<RecordedImage> _images = new();
    private readonly Dictionary<string, ManifestTar> _tars = new(StringComparer.Ordinal);
    private readonly List<string> _tarNames = [];
    private readonly Dictionary<string, int> _tarNumbers = new(StringComparer.Ordinal);
    private int _damaged;

    /// <summary>How many images are finished, and not known to be damaged.</summary>
    public int Finished => _images.Count - _damaged;

    /// <summary>The images, those with a damaged file too.</summary>
    public IEnumerable<RecordedImage> Images => _images.Values;

    /// <summary>The tars that were noted, by their names.</summary>
    public IReadOnlyDictionary<string, ManifestTar> Tars => _tars;

    /// <summary>Reads a manifest, in one pass.</summary>
    /// <inheritdoc cref="Manifest.ReadLines"/>
    public static ManifestIndex Read(string path, Action<int> brokenLine, CancellationToken cancellationToken)
    {
        var index = new ManifestIndex();
        foreach (var line in Manifest.ReadLines(path, brokenLine, cancellationToken))
        {
            if (line.Tar is { } tar) index._tars[tar.Name] = tar;
            else index.Note(line.Id!, line.Entry);
        }

        return index;
    }

    /// <summary>Whether an image is finished, and not known to be damaged.</summary>
    public bool IsFinished(ImageKey id) => _images.TryGetValue(id, out var image) && !image.IsDamaged;

    /// <summary>The name of the tar that an image is in; null for one that is a file.</summary>
    public string? TarOf(RecordedImage image) => image.Tar < 0 ? null : _tarNames[image.Tar];

    private void Note(string id, ManifestEntry? entry)
    {
        if (_images.TryGetValue(id, out var before) && before.IsDamaged) _damaged--;
        if (entry is null)
        {
            _images.Remove(id);
            return;
        }

        if (entry.IsDamaged) _damaged++;
        _images[id] = new RecordedImage(TextKey.Of(entry.Path), NumberOf(entry.Tar), entry.Bytes, Sha256Digest.Parse(entry.Sha256), entry.IsDamaged);
    }

    private int NumberOf(string? tar)
    {
        if (tar is null) return -1;
        if (_tarNumbers.TryGetValue(tar, out var number)) return number;
        _tarNames.Add(tar);
        return _tarNumbers[tar] = _tarNames.Count - 1;
    }
}

/// <summary>What a manifest says of an image's file.</summary>
/// <param name="Path">Its path in the collection, as a key (<see cref="TextKey.Of"/>).</param>
/// <param name="Tar">The tar that holds it, by its number; negative while it is a file.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">Its SHA-256.</param>
/// <param name="IsDamaged">Whether it was found to be another one.</param>
internal readonly record struct RecordedImage(ulong Path, int Tar, long Bytes, Sha256Digest Sha256, bool IsDamaged);
