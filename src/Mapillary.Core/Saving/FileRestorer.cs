using Mapillary.Collections;
using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Metadata;

namespace Mapillary.Saving;

/// <summary>
/// Restores metadata in files that are on disk. A file is replaced in one step and keeps its time stamp; the manifest of the
/// collection it lies in is kept true. Any number of files may be worked on at once.
/// </summary>
public sealed class FileRestorer(RestoreOptions options, IRunLog log) : IDisposable
{
    private readonly ManifestUpdates _manifests = new(log);
    private readonly RunRemarks _remarks = new();

    /// <summary>The files in a folder, and in its folders, whose metadata can be restored, in the order of their paths; links are left out.</summary>
    public static IEnumerable<string> FilesIn(string folder) => new CollectionFolder(folder).Files().Select(f => f.FullName).Where(FileIdentity.IsImage).Order(StringComparer.Ordinal);

    /// <summary>Restores the metadata of one file.</summary>
    /// <param name="path">A JPEG or WebP file.</param>
    /// <param name="image">The API's record of it.</param>
    /// <param name="cancellationToken">Stops before the file is replaced.</param>
    /// <exception cref="InvalidDataException">It is neither a JPEG nor a WebP, or it is cut.</exception>
    /// <exception cref="IOException">It cannot be read or replaced.</exception>
    /// <exception cref="CollectionException">Its collection is in use, or it is a link there, or it is no plain file.</exception>
    public async Task<RestoredFile> RestoreAsync(string path, MapillaryImage image, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(image);
        // What a link leads to is restored, and the link stays, but not in a collection: that may be somebody else's.
        var (folder, place) = _manifests.PlaceOf(path, followsLink: true);
        path = folder.PathOf(place);
        using var file = await FileBytes.ReadAsync(folder, place, cancellationToken);
        var restored = file.Bytes.Span.StartsWith("RIFF"u8)
            ? MetadataRestorer.RestoreWebp(file.Bytes, image, options)
            : MetadataRestorer.RestoreJpeg(file.Bytes, image, options);
        _remarks.NoteTime(image);
        var result = new RestoredFile { Path = path, Id = image.Id, Changed = restored.Changed, Changes = restored.DescribeChanges(), Notes = restored.Notes };
        if (!restored.Changed)
        {
            log.Say($"'{path}' holds everything already.");
            _manifests.Note(path, MadeNow);
            return result;
        }

        ManifestEntry? entry = null;
        if (_manifests.Prepare(path))
        {
            var (length, sha256) = WholeFile.Measure(restored.Pieces);
            entry = _manifests.Begin(path, path, length, sha256, MadeNow);
        }

        try
        {
            _remarks.NoteRefusal(path, await WholeFile.WriteAsync(folder, place, restored.Pieces, file.Time, file.Mode, cancellationToken), log);
        }
        catch
        {
            _manifests.Undo(path, entry);
            throw;
        }

        _manifests.End(path, entry);
        log.Say($"Restored the metadata of '{path}': {string.Join("; ", restored.Notes.Append($"{result.Changes.Count} values"))}.");
        return result;
    }

    /// <summary>Tells what was doubtful about the records, once all files are done.</summary>
    public void TellDoubts() => _remarks.Tell(log);

    /// <inheritdoc/>
    public void Dispose() => _manifests.Dispose();

    /// <summary>Nothing but its metadata is restored: where nobody noted the quality of a WebP, it stays unknown how it was made.</summary>
    private MadeWith? MadeNow(ManifestEntry entry)
    {
        if (entry.Made is null && entry.Path.EndsWith(".webp", StringComparison.Ordinal)) return null;
        return (entry.Made ?? MadeWith.Default).RestoredBy(options);
    }

    /// <summary>A file's content, time and permissions.</summary>
    private sealed record FileBytes(PooledBytes Content, DateTimeOffset Time, UnixFileMode? Mode) : IDisposable
    {
        public ReadOnlyMemory<byte> Bytes => Content.Memory;

        public static async Task<FileBytes> ReadAsync(CollectionFolder folder, string place, CancellationToken cancellationToken)
        {
            using var file = folder.Open(place, options: FileOptions.Asynchronous);
            folder.PictureLength(file, place);
            var time = new DateTimeOffset(File.GetLastWriteTimeUtc(file), TimeSpan.Zero);
            UnixFileMode? mode = OperatingSystem.IsWindows() ? null : File.GetUnixFileMode(file);
            return new FileBytes(await PooledBytes.ReadAllAsync(file, cancellationToken), time, mode);
        }

        public void Dispose() => Content.Dispose();
    }
}
