using Mapillary.Graph;
using Mapillary.Imaging;

namespace Mapillary.Collections;

/// <summary>What the restoring of one file's metadata came to.</summary>
public sealed record RestoredFile
{
    /// <summary>The file.</summary>
    public required string Path { get; init; }

    /// <summary>The image id, from the file's name.</summary>
    public required string Id { get; init; }

    /// <summary>Whether the file was changed; false when it held everything already.</summary>
    public required bool Changed { get; init; }

    /// <summary>What a person should know, such as a broken block that was replaced.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <inheritdoc/>
    public override string ToString() => Path;
}

/// <summary>
/// Restores metadata in files that are on disk. A file is replaced in one step and keeps its time stamp; the manifest of the
/// collection it lies in is kept true. Any number of files may be worked on at once.
/// </summary>
public sealed class FileRestorer(RestoreOptions options, IRunLog log) : IDisposable
{
    private readonly ManifestUpdates _manifests = new(log);

    /// <summary>The image id that a file's name stands for.</summary>
    public static string IdOf(string path) => SafeName.Decode(Path.GetFileNameWithoutExtension(path));

    /// <summary>Whether this is a kind of file whose metadata can be restored.</summary>
    public static bool Handles(string path) => Path.GetExtension(path).ToLowerInvariant() is ".jpg" or ".jpeg" or ".webp";

    /// <summary>Restores the metadata of one file.</summary>
    /// <param name="path">A JPEG or WebP file.</param>
    /// <param name="image">The API's record of it.</param>
    /// <param name="cancellationToken">Stops before the file is replaced.</param>
    /// <exception cref="InvalidDataException">It is neither a JPEG nor a WebP, or it is cut.</exception>
    /// <exception cref="IOException">It cannot be read or replaced.</exception>
    /// <exception cref="CollectionException">Its collection is in use.</exception>
    public async Task<RestoredFile> RestoreAsync(string path, MapillaryImage image, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(image);
        path = Path.GetFullPath(path);
        var bytes = await File.ReadAllBytesAsync(path, cancellationToken);
        var restored = bytes.AsSpan().StartsWith("RIFF"u8)
            ? MetadataRestorer.RestoreWebp(bytes, image, options)
            : MetadataRestorer.RestoreJpeg(bytes, image, options);
        var result = new RestoredFile { Path = path, Id = image.Id, Changed = restored.Changed, Notes = restored.Notes };
        if (!restored.Changed)
        {
            log.Say($"'{path}' holds everything already.");
            return result;
        }

        _manifests.Prepare(path);
        var (length, sha256) = await WholeFile.WriteAsync(path, restored.Pieces, new DateTimeOffset(File.GetLastWriteTimeUtc(path), TimeSpan.Zero), cancellationToken);
        _manifests.Changed(path, path, length, sha256);
        log.Say($"Restored the metadata of '{path}'{(restored.Notes.Count > 0 ? $" ({string.Join("; ", restored.Notes)})" : "")}.");
        return result;
    }

    /// <inheritdoc/>
    public void Dispose() => _manifests.Dispose();
}
