using Mapillary.Collections.Files;
using Mapillary.Collections.Records;
using Mapillary.Graph;

namespace Mapillary.Collections.Places;

/// <summary>
/// A collection, to be read: what it says of itself, what it lists, what it has, and where its pictures are. Each of its files is read when
/// something of it is asked for, in one pass, and not again while it stays the same. What is kept of it is small: there may be a million images.
/// </summary>
internal sealed class Collection
{
    /// <summary>How many records of a listing are looked at for the user's number, in a collection from before it was noted.</summary>
    private const int RecordsLookedAt = 20;

    private CollectionState? _state;
    private Kept<ListingIndex>? _listing;
    private Kept<ManifestIndex>? _manifest;
    private CollectionCensus? _census;

    private Collection(string path)
    {
        Path = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        Folder = new CollectionFolder(Path);
    }

    /// <summary>The collection in a folder. Nothing is read yet, and it may be none.</summary>
    public static Collection At(string path) => new(path);

    /// <summary>A collection whose images its writer has counted already.</summary>
    public static Collection At(string path, CollectionCensus census) => new(path) { _census = census };

    /// <summary>Its folder.</summary>
    public string Path { get; }

    /// <summary>That folder's own name.</summary>
    public string Name => System.IO.Path.GetFileName(Path);

    /// <summary>Its files.</summary>
    public CollectionFolder Folder { get; }

    /// <summary>The listing, plain or compressed; null where there is none.</summary>
    public string? ListingPath => CollectionFiles.FindListing(Path);

    /// <summary>The manifest, plain or compressed; null where there is none, as in the collections of other tools.</summary>
    public string? ManifestPath => CollectionFiles.FindManifest(Path);

    /// <summary>Whether this module made it.</summary>
    public bool IsOurs => Folder.Has(CollectionState.FileName) || ManifestPath is not null;

    /// <summary>Whether it is a collection at all, of this module or of <c>mapillary-downloader</c>: named as one, or with a file that only collections have.</summary>
    public bool IsThere => CollectionFiles.IsCollection(Path);

    /// <summary>What it says of itself; null where it says nothing.</summary>
    /// <exception cref="CollectionException">The file is a link, or no plain file, or of a later version.</exception>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public CollectionState? State => _state ??= CollectionState.Read(Path);

    /// <summary>The number of the user whose collection it is; null where it does not tell.</summary>
    public string? FindCreatorId() => State?.CreatorId ?? FindCreatorIdInRecords();

    /// <summary>The number of the user whose records it has; null where the first of them do not tell.</summary>
    public string? FindCreatorIdInRecords() =>
        ListingPath is { } records ? ImageRecords.Read(records).Take(RecordsLookedAt).Select(i => i.CreatorId).FirstOrDefault(id => id is not null) : null;

    /// <summary>How its pictures are kept.</summary>
    public CollectionPlaces Places => new(Folder);

    /// <summary>What it lists; nothing where it has no listing.</summary>
    /// <inheritdoc cref="ImageRecords.Read"/>
    public ListingIndex Listing(IRunLog log, CancellationToken cancellationToken)
    {
        if (ListingPath is not { } path) return new ListingIndex();
        var stamp = Stamp.Of(path);
        if (_listing?.Stamp != stamp) _listing = new(ListingIndex.Read(path, log, cancellationToken), stamp);
        return _listing.Value;
    }

    /// <summary>What it has; null where it has no manifest.</summary>
    /// <inheritdoc cref="Manifest.ReadLines"/>
    public ManifestIndex? ReadManifest(Action<int> brokenLine, CancellationToken cancellationToken)
    {
        if (ManifestPath is not { } path) return null;
        var stamp = Stamp.Of(path);
        if (_manifest?.Stamp != stamp) _manifest = new(ManifestIndex.Read(path, brokenLine, cancellationToken), stamp);
        return _manifest.Value;
    }

    /// <summary>
    /// Counts the images. Listed is not there, for an image without this rendition, or one that failed, is listed too: they are counted by the
    /// manifest, or, in a collection of the other tool, by what it noted as downloaded.
    /// </summary>
    /// <param name="quality">The rendition.</param>
    /// <param name="log">Told what cannot be read.</param>
    /// <param name="cancellationToken">Stops between two lines.</param>
    /// <exception cref="InvalidDataException">A compressed file is damaged or cut.</exception>
    public CollectionCensus Census(ImageQuality quality, IRunLog log, CancellationToken cancellationToken)
    {
        if (_census is not null) return _census;
        var path = ManifestPath;
        if (ReadManifest(line => log.Warn($"{path}, line {line}, is not an entry and was skipped; its image is not counted."), cancellationToken) is { } manifest)
            return Listing(log, cancellationToken).CensusOf(manifest.IsFinished, manifest.Finished);
        var noted = OtherToolsProgress.Read(Folder, quality, log);
        return Listing(log, cancellationToken).CensusOf(noted is null ? null : noted.Contains, finished: null);
    }

    /// <summary>The pictures that are files; those in tars are not among them. Where there is no manifest, files are named by their images.</summary>
    /// <typeparam name="T">What is kept of each.</typeparam>
    /// <param name="keep">Makes that of the image's id and the file's path.</param>
    /// <param name="brokenLine">Told the number of each line of the manifest that says nothing.</param>
    /// <param name="cancellationToken">Stops between two pictures.</param>
    public ImageIdMap<T> Pictures<T>(Func<string, string, T> keep, Action<int> brokenLine, CancellationToken cancellationToken)
    {
        var pictures = new ImageIdMap<T>();
        if (ManifestPath is not { } manifest)
        {
            foreach (var path in Folder.Files().Select(f => f.FullName).Where(FileIdentity.IsImage).Order(StringComparer.Ordinal))
            {
                cancellationToken.ThrowIfCancellationRequested();
                var id = FileIdentity.IdOf(path);
                pictures.TryAdd(id, keep(id, path));
            }

            return pictures;
        }

        foreach (var line in Manifest.ReadLines(manifest, brokenLine, cancellationToken))
        {
            if (line.Id is null) continue;
            // A picture behind a link may lie anywhere.
            if (line.Entry is { Tar: null } entry && CollectionFiles.FindPlace(Path, entry.Path) is { } place && Folder.FindLength(place) is not null)
                pictures[line.Id] = keep(line.Id, System.IO.Path.Combine(Path, place));
            else
                pictures.Remove(line.Id);
        }

        return pictures;
    }

    /// <summary>What was read of a file, and the file that it was read of.</summary>
    private sealed record Kept<T>(T Value, Stamp Stamp);

    /// <summary>By what a file is known to be the same: another process may write it, until this one has locked the collection.</summary>
    private readonly record struct Stamp(string Path, long Length, DateTime Written)
    {
        public static Stamp Of(string path)
        {
            var file = new FileInfo(path);
            return new Stamp(path, file.Exists ? file.Length : 0, file.LastWriteTimeUtc);
        }
    }
}
