namespace Mapillary.Collections;

/// <summary>
/// A collection that was packed into one archive. What tells of its pictures is unpacked into a folder of its own, which goes when this
/// is disposed of; the pictures are not.
/// </summary>
internal sealed class PackedCollection : IDisposable
{
    private readonly string _temporary;

    private PackedCollection(string temporary) => _temporary = temporary;

    /// <summary>What the names of the collection's entries begin with: empty, or the one folder that was packed.</summary>
    public string Prefix { get; private set; } = "";

    /// <summary>Where the collection's own files are.</summary>
    public string Folder => FolderOf(Prefix);

    /// <summary>The manifest.</summary>
    public string ManifestPath => JsonLines.Find(Path.Combine(Folder, Manifest.FileName))!;

    /// <summary>Finds a collection in an archive.</summary>
    /// <param name="archivePath">The archive.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="CollectionException">There is no manifest in it.</exception>
    /// <exception cref="InvalidDataException">It is damaged before its manifest.</exception>
    /// <exception cref="IOException">It cannot be read, or there is no room for what is unpacked.</exception>
    public static PackedCollection Open(string archivePath, CancellationToken cancellationToken)
    {
        var packed = new PackedCollection(Directory.CreateTempSubdirectory("mapillary-").FullName);
        try
        {
            InvalidDataException? damage = null;
            try
            {
                packed.Unpack(archivePath, cancellationToken);
            }
            catch (InvalidDataException e)
            {
                // What stands before the damage may do; the damage is named when the pictures are read.
                damage = e;
            }

            if (JsonLines.Find(Path.Combine(packed.FolderOf(""), Manifest.FileName)) is not null) packed.Prefix = "";
            if (JsonLines.Find(Path.Combine(packed.Folder, Manifest.FileName)) is not null) return packed;
            throw damage is null
                ? new CollectionException(
                    CollectionFault.Mismatch,
                    archivePath,
                    $"'{archivePath}' has no {Manifest.FileName} in it, or in the one folder that it holds: it is no packed collection.")
                : new InvalidDataException($"'{archivePath}' is damaged: {damage.Message}", damage);
        }
        catch
        {
            packed.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_temporary, recursive: true);

    private static bool IsOwn(string place) => place
        is CollectionState.FileName or FailedEntry.FileName
        or ImageRecords.FileName or ImageRecords.FileName + JsonLines.Compressed
        or Manifest.FileName or Manifest.FileName + JsonLines.Compressed;

    /// <summary>Which of the two places it is that the collection has in the archive is known when the manifest is there.</summary>
    private string FolderOf(string prefix) => Path.Combine(_temporary, prefix.Length == 0 ? "top" : "folder");

    private void Unpack(string archivePath, CancellationToken cancellationToken)
    {
        using var file = CollectionReading.Open(archivePath);
        var left = CollectionReading.MostUnpacked(file.Length, expected: 0);
        using var archive = PictureArchive.Open(archivePath, file, left, cancellationToken);
        while (archive.MoveNext())
        {
            cancellationToken.ThrowIfCancellationRequested();
            var name = CollectionReading.PlaceOf(archive.Name);
            if (Prefix.Length == 0) Prefix = name[..(name.IndexOf('/', StringComparison.Ordinal) + 1)];
            var isInFolder = Prefix.Length > 0 && name.StartsWith(Prefix, StringComparison.Ordinal);
            var place = isInFolder ? name[Prefix.Length..] : name;
            if (archive.Kind != PictureArchiveEntryKind.File || !IsOwn(place)) continue;
            var folder = Directory.CreateDirectory(FolderOf(isInFolder ? Prefix : "")).FullName;
            if (File.Exists(Path.Combine(folder, place))) throw new InvalidDataException($"it holds '{name}' twice");
            left -= Copy(archive.EntryContent, Path.Combine(folder, place), left, cancellationToken);
        }
    }

    private static long Copy(Stream content, string path, long most, CancellationToken cancellationToken)
    {
        try
        {
            using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
            var buffer = new byte[1 << 16];
            for (int read; (read = content.Read(buffer, 0, buffer.Length)) > 0;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                file.Write(buffer, 0, read);
                if (file.Position > most)
                    throw new InvalidDataException($"'{Path.GetFileName(path)}' unpacks to far more than is expected: {ByteSize.Format(most)}");
            }

            return file.Position;
        }
        catch
        {
            // Half of a manifest is none.
            File.Delete(path);
            throw;
        }
    }
}
