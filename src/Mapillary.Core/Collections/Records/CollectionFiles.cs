using Mapillary.Collections.Files;

namespace Mapillary.Collections.Records;

/// <summary>What may lie in a collection, and where.</summary>
internal static class CollectionFiles
{
    /// <summary>The folder of the Internet Archive metadata.</summary>
    public const string IaFolder = ".meta";

    /// <summary>The Internet Archive metadata as a table.</summary>
    public const string IaTable = "ia-metadata.csv";

    /// <summary>The Internet Archive metadata as JSON.</summary>
    public const string IaJson = "ia-metadata.json";

    /// <summary>What is known of the uploads of the collection's files.</summary>
    public const string UploadJournal = ".upload.jsonl";

    /// <summary>What the names of the runs' logs begin with.</summary>
    public const string RunLogPrefix = "download.log.";

    /// <summary>What the names of damaged files that were set aside begin with. By their dot they stay out of an item at archive.org.</summary>
    public const string DamagedPrefix = ".damaged-";

    /// <summary>The preview that archive.org shows of an item.</summary>
    public const string Thumbnail = "__ia_thumb__.jpg";

    /// <summary>The map as a page.</summary>
    public const string MapPage = "map.html";

    /// <summary>The map as GeoJSON.</summary>
    public const string MapGeoJson = "map.geojson";

    /// <summary>The map as GPX.</summary>
    public const string MapGpx = "map.gpx";

    /// <summary>The map as a table.</summary>
    public const string MapCsv = "map.csv";

    /// <summary>A picture lies at most this many folders below its collection, which is one of them.</summary>
    private const int DeepestFolder = 3;

    /// <summary>
    /// Whether a file belongs to every collection, though no manifest names it.
    /// </summary>
    /// <param name="place">Its path in the collection, with <c>/</c>.</param>
    public static bool IsOwn(string place) => place
        is CollectionState.FileName
        or ImageRecords.FileName or ImageRecords.FileName + JsonLines.Compressed
        or Manifest.FileName or Manifest.FileName + JsonLines.Compressed
        or FailedEntry.FileName
        or CollectionLock.FileName or CollectionLock.OwnerFileName or CollectionLock.HeldFileName
        or IaTable or IaJson or Thumbnail or UploadJournal
        or MapPage or MapGeoJson or MapGpx or MapCsv
        || (place.StartsWith(DamagedPrefix, StringComparison.Ordinal) && !place.Contains('/', StringComparison.Ordinal))
        || (place.StartsWith(IaFolder + "/", StringComparison.Ordinal) && !place.EndsWith(WholeFile.PartSuffix, StringComparison.Ordinal))
        || (place.StartsWith(RunLogPrefix, StringComparison.Ordinal) && !place.Contains('/', StringComparison.Ordinal));

    /// <summary>
    /// A place as a manifest names it, in its shortest form with <c>/</c>; null when it leads out of the collection, as one in a
    /// manifest that someone else wrote may.
    /// </summary>
    public static string? FindPlace(string collectionPath, string place)
    {
        if (place.Contains('\0', StringComparison.Ordinal)) return null;
        var root = Path.EndsInDirectorySeparator(collectionPath) ? collectionPath : collectionPath + Path.DirectorySeparatorChar;
        var path = Path.GetFullPath(Path.Combine(root, place));
        if (path.Length <= root.Length || !path.StartsWith(root, StringComparison.Ordinal)) return null;
        var names = path[root.Length..].Split(Path.DirectorySeparatorChar);
        return names.Any(CollectionFolder.IsNoName) ? null : string.Join('/', names);
    }

    /// <summary>
    /// The folder that a picture belongs to, and its place there: its collection, where it lies in one, and no link is followed there;
    /// else the folder that it lies in.
    /// </summary>
    /// <param name="picture">The picture's path.</param>
    /// <param name="known">Which folders have a manifest; see <see cref="FindCollection"/>.</param>
    /// <param name="followsLink">Whether a link that lies in no collection stands for the file that it leads to.</param>
    public static (CollectionFolder Folder, string Place) PlaceOf(string picture, Dictionary<string, bool> known, bool followsLink)
    {
        picture = Path.GetFullPath(picture);
        if (followsLink && FindCollection(picture, known) is null && File.Exists(picture) && File.ResolveLinkTarget(picture, returnFinalTarget: true) is { } target) picture = target.FullName;
        if (FindCollection(picture, known) is not { } collection) return CollectionFolder.Of(picture);
        var folder = new CollectionFolder(collection);
        return (folder, folder.PlaceOf(picture));
    }

    /// <summary>The listing of a collection, plain or compressed; null where there is none.</summary>
    public static string? FindListing(string folder) => JsonLines.Find(Path.Combine(folder, ImageRecords.FileName));

    /// <summary>The manifest of a collection, plain or compressed; null where there is none.</summary>
    public static string? FindManifest(string folder) => JsonLines.Find(Path.Combine(folder, Manifest.FileName));

    /// <summary>
    /// Whether a folder is a collection, of this software or of <c>mapillary-downloader</c>: it is named as one, or has a file that only
    /// collections have.
    /// </summary>
    /// <param name="folder">The folder's path.</param>
    public static bool IsCollection(string folder) =>
        CollectionName.TryParse(Path.GetFileName(Path.TrimEndingDirectorySeparator(folder))) is not null
        || CollectionFolder.IsThere(Path.Combine(folder, CollectionState.FileName))
        || FindManifest(folder) is not null
        || FindListing(folder) is not null;

    /// <summary>The collection that a picture lies in: a folder above it that has a manifest; null where there is none.</summary>
    /// <param name="picture">The picture's path.</param>
    /// <param name="known">Which folders have a manifest; what is looked at is added, so that each is looked at once.</param>
    public static string? FindCollection(string picture, Dictionary<string, bool> known)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(picture));
        for (var depth = 0; depth < DeepestFolder && folder is not null; depth++, folder = Path.GetDirectoryName(folder))
        {
            if (!known.TryGetValue(folder, out var isCollection)) known[folder] = isCollection = FindManifest(folder) is not null;
            if (isCollection) return folder;
        }

        return null;
    }
}
