using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Collections.Tars;

namespace Mapillary.Collections.Checking;

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
    public string ManifestPath => Collection.At(Folder).ManifestPath!;

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

            if (Collection.At(packed.FolderOf("")).ManifestPath is not null) packed.Prefix = "";
            if (Collection.At(packed.Folder).ManifestPath is not null) return packed;
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

    /// <summary>Opens the archive for reading. It is the user's to name, and may be a link to one.</summary>
    /// <exception cref="CollectionException">It is no plain file.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static FileStream OpenRead(string archivePath)
    {
        var (folder, name) = CollectionFolder.Of(File.ResolveLinkTarget(archivePath, returnFinalTarget: true)?.FullName ?? archivePath);
        return folder.OpenRead(name);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            FilePatience.Current.Run(FileAct.Delete, _temporary, () => Directory.Delete(_temporary, recursive: true), isHeldElsewhere: () => false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The system clears its temporary folder, and what was found in the archive counts.
        }
    }

    private static bool IsOwn(string place) => place
        is CollectionState.FileName or FailedEntry.FileName
        or ImageRecords.FileName or ImageRecords.FileName + JsonLines.Compressed
        or Manifest.FileName or Manifest.FileName + JsonLines.Compressed;

    /// <summary>Which of the two places it is that the collection has in the archive is known when the manifest is there.</summary>
    private string FolderOf(string prefix) => Path.Combine(_temporary, prefix.Length == 0 ? "top" : "folder");

    private void Unpack(string archivePath, CancellationToken cancellationToken)
    {
        using var file = OpenRead(archivePath);
        var left = CollectionReading.MostUnpacked(file.Length, expected: 0);
        using var archive = PictureArchive.Open(archivePath, new BufferedStream(file, 1 << 16), left, cancellationToken);
        while (archive.MoveNext())
        {
            cancellationToken.ThrowIfCancellationRequested();
            var name = CollectionReading.PlaceOf(archive.Name);
            if (Prefix.Length == 0) Prefix = name[..(name.IndexOf('/', StringComparison.Ordinal) + 1)];
            var isInFolder = Prefix.Length > 0 && name.StartsWith(Prefix, StringComparison.Ordinal);
            var place = isInFolder ? name[Prefix.Length..] : name;
            if (archive.Kind != PictureArchiveEntryKind.File || !IsOwn(place)) continue;
            var folder = new CollectionFolder(FolderOf(isInFolder ? Prefix : ""));
            if (folder.Has(place)) throw new InvalidDataException($"it holds '{name}' twice");
            left -= Copy(archive.EntryContent, folder, place, left, cancellationToken);
        }
    }

    private static long Copy(Stream content, CollectionFolder folder, string place, long most, CancellationToken cancellationToken)
    {
        try
        {
            using var file = folder.Create(place, FileShare.Read);
            var buffer = new byte[1 << 16];
            for (int read; (read = content.Read(buffer, 0, buffer.Length)) > 0;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                file.Write(buffer, 0, read);
                if (file.Position > most)
                    throw new InvalidDataException($"'{place}' unpacks to far more than is expected: {ByteSize.Format(most)}");
            }

            return file.Position;
        }
        catch
        {
            // Half of a manifest is none.
            folder.Delete(place);
            throw;
        }
    }
}
