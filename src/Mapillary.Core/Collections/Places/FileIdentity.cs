using Mapillary.Collections.Files;
using Mapillary.Collections.Records;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.Imaging.Metadata;

namespace Mapillary.Collections.Places;

/// <summary>Tells which images the files on disk are.</summary>
public static class FileIdentity
{
    /// <summary>The image id that a file's name stands for.</summary>
    public static string IdOf(string path) => SafeName.Decode(Path.GetFileNameWithoutExtension(path));

    /// <summary>Whether a file is a picture of an image, whose metadata can be restored, by its name. A collection's preview is no image of its own.</summary>
    public static bool IsImage(string path) =>
        PictureForm.IsPicture(path) && Path.GetFileName(path) != CollectionFiles.Thumbnail;

    /// <summary>
    /// The image ids of picture files. A file's name says it, unless that is a time (<see cref="CollectionLayout.Time"/>): then the
    /// manifest of its collection, else what an earlier restoring wrote into the file's UserComment. Nothing is locked.
    /// </summary>
    /// <param name="paths">The files.</param>
    /// <param name="log">Told which manifest or file cannot be read.</param>
    /// <param name="cancellationToken">Stops between two files.</param>
    /// <returns>The id of each; where nothing says it, what the file's name would be the id of.</returns>
    public static IReadOnlyDictionary<string, string> IdsOf(IEnumerable<string> paths, IRunLog log, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(paths);
        ArgumentNullException.ThrowIfNull(log);
        var ids = paths.Distinct(StringComparer.Ordinal).ToDictionary(p => p, IdOf, StringComparer.Ordinal);
        var collections = new Dictionary<string, bool>(StringComparer.Ordinal);
        foreach (var files in ids.Keys.Where(p => TimePlaces.IsTime(Path.GetFileNameWithoutExtension(p))).ToList().GroupBy(p => CollectionFiles.FindCollection(p, collections)))
        {
            var places = files.Key is { } collection ? PlacesOf(collection, log, cancellationToken) : null;
            foreach (var file in files)
            {
                cancellationToken.ThrowIfCancellationRequested();
                string? id = null;
                if (places?.TryGetValue(TextKey.Of(new CollectionFolder(files.Key!).PlaceOf(file)), out var known) == true) id = known.ToString();
                if ((id ?? ReadComment(file, collections, log)) is { } found) ids[file] = found;
            }
        }

        return ids;
    }

    /// <summary>The ids of a collection's images by keys of their paths; null where the manifest is damaged.</summary>
    private static Dictionary<ulong, ImageKey>? PlacesOf(string collection, IRunLog log, CancellationToken cancellationToken)
    {
        var manifest = Collection.At(collection).ManifestPath!;
        var places = new ImageIdMap<ulong>();
        try
        {
            foreach (var line in Manifest.ReadLines(manifest, line => log.Warn($"{manifest}, line {line}, is not an entry and was skipped."), cancellationToken))
            {
                if (line.Entry is { } entry) places[entry.Id] = TextKey.Of(entry.Path);
                else if (line.Id is not null) places.Remove(line.Id);
            }

            var ids = new Dictionary<ulong, ImageKey>();
            foreach (var (id, place) in places) ids[place] = id;
            return ids;
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException or CollectionException)
        {
            log.Warn($"'{manifest}' cannot be read, and the files are asked which images they are: {e.Message}");
            return null;
        }
    }

    private static string? ReadComment(string path, Dictionary<string, bool> collections, IRunLog log)
    {
        try
        {
            var (folder, place) = CollectionFiles.PlaceOf(path, collections, followsLink: true);
            return RecordComment.FindId(folder.ReadPictureAsync(place, CancellationToken.None).GetAwaiter().GetResult());
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException or CollectionException)
        {
            log.Say($"'{path}' does not say which image it is: {e.Message}");
            return null;
        }
    }
}
