using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;

namespace Mapillary.Maps;

/// <summary>Which images of a collection are picture files, and where; those in tars are not.</summary>
internal static class CollectionPictures
{
    /// <returns>The places by image ids.</returns>
    public static Dictionary<string, PicturePlace> Find(string collectionPath, IRunLog log, CancellationToken cancellationToken)
    {
        var pictures = new Dictionary<string, PicturePlace>(StringComparer.Ordinal);
        var places = new Dictionary<PicturePlace, PicturePlace>();
        foreach (var (id, path) in Files(collectionPath, log, cancellationToken))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var name = Path.GetFileName(path);
            var extension = Path.GetExtension(path);
            var place = new PicturePlace(Path.GetDirectoryName(path)!, name == id + extension ? null : name, extension);
            if (!places.TryAdd(place, place)) place = places[place];
            pictures.TryAdd(id, place);
        }

        return pictures;
    }

    /// <summary>As the manifest says; a folder of another tool has none, and its files are named by their ids.</summary>
    private static IEnumerable<(string Id, string Path)> Files(string collectionPath, IRunLog log, CancellationToken cancellationToken)
    {
        // A picture behind a link may lie anywhere.
        var folder = new CollectionFolder(collectionPath);
        if (JsonLines.Find(Path.Combine(collectionPath, Manifest.FileName)) is { } manifest)
        {
            return Manifest.ReadEntries(manifest, line => log.Warn($"{manifest}, line {line}, is not an entry and was skipped; the map does not show this picture."), cancellationToken)
                .Where(e => e.Tar is null)
                .Select(e => (e.Id, Place: CollectionFiles.FindPlace(collectionPath, e.Path)))
                .Where(e => e.Place is not null)
                .Where(e => folder.FindLength(e.Place!) is not null)
                .Select(e => (e.Id, Path.Combine(collectionPath, e.Place!)));
        }

        return folder.Files()
            .Select(f => f.FullName)
            .Where(FileIdentity.IsImage)
            .Order(StringComparer.Ordinal)
            .Select(path => (FileIdentity.IdOf(path), path));
    }
}
