using System.Buffers;
using System.Security.Cryptography;
using Mapillary.Collections;
using Mapillary.Collections.Files;
using Mapillary.Collections.Records;

namespace Mapillary.InternetArchive.Describing;

/// <summary>A file of a collection that belongs into its item.</summary>
/// <param name="Name">Its path in the collection, with <c>/</c>; its name in the item.</param>
/// <param name="Path">Its whole path.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Modified">When it was changed last.</param>
public sealed record ItemFile(string Name, string Path, long Bytes, DateTimeOffset Modified)
{
    private const int ChunkSize = 1 << 17;

    /// <summary>
    /// The files of an item, by their names: all but what begins with a dot at the top (locks, journals, <c>.meta</c>), what is half
    /// written, and the metadata itself, which archive.org keeps in a file of its own.
    /// </summary>
    public static IReadOnlyList<ItemFile> Of(string collectionPath)
    {
        var folder = new CollectionFolder(collectionPath);
        return
        [
            .. folder.Files()
                .Select(f => new ItemFile(folder.PlaceOf(f.FullName), f.FullName, f.Length, new DateTimeOffset(f.LastWriteTimeUtc, TimeSpan.Zero)))
                .Where(f => f.Name[0] != '.' && f.Name is not (CollectionFiles.IaTable or CollectionFiles.IaJson) && !f.Name.EndsWith(WholeFile.PartSuffix, StringComparison.Ordinal))
                .OrderBy(f => f.Name, StringComparer.Ordinal),
        ];
    }

    /// <summary>Opens the file, as one of its collection: through no link.</summary>
    /// <exception cref="IOException">It cannot be read, is a link, or is no plain file.</exception>
    internal FileStream Open()
    {
        try
        {
            // Its name in the item is its place in the collection.
            return new CollectionFolder(Path[..^Name.Length]).OpenRead(Name, FileShare.Read, FileOptions.Asynchronous | FileOptions.SequentialScan);
        }
        catch (Exception e) when (e is CollectionException or UnauthorizedAccessException)
        {
            throw new IOException(e.Message, e);
        }
    }

    /// <summary>Reads the file for its MD5 and SHA-256, lower-case hexadecimal.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    internal async Task<(string Md5, string Sha256)> ReadHashesAsync(CancellationToken cancellationToken)
    {
        using var content = Open();
#pragma warning disable CA5351 // No secret hangs on it: it is the checksum that archive.org keeps.
        using var md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
#pragma warning restore CA5351
        using var sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var chunk = ArrayPool<byte>.Shared.Rent(ChunkSize);
        try
        {
            for (int read; (read = await content.ReadAsync(chunk, cancellationToken)) > 0;)
            {
                md5.AppendData(chunk, 0, read);
                sha256.AppendData(chunk, 0, read);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }

        return (Convert.ToHexString(md5.GetHashAndReset()).ToLowerInvariant(), Convert.ToHexString(sha256.GetHashAndReset()).ToLowerInvariant());
    }
}
