using System.Security.Cryptography;
using Mapillary.Collections;

namespace Mapillary.InternetArchive;

/// <summary>A file of a collection that belongs into its item.</summary>
/// <param name="Name">Its path in the collection, with <c>/</c>; its name in the item.</param>
/// <param name="Path">Its whole path.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Modified">When it was changed last.</param>
public sealed record ItemFile(string Name, string Path, long Bytes, DateTimeOffset Modified)
{
    /// <summary>
    /// The files of an item, by their names: all but what begins with a dot at the top (locks, journals, <c>.meta</c>), what is half
    /// written, and the metadata itself, which archive.org keeps in a file of its own.
    /// </summary>
    public static IReadOnlyList<ItemFile> Of(string collectionPath) =>
    [
        .. new DirectoryInfo(collectionPath).EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint })
            .Select(f => new ItemFile(System.IO.Path.GetRelativePath(collectionPath, f.FullName).Replace('\\', '/'), f.FullName, f.Length, new DateTimeOffset(f.LastWriteTimeUtc, TimeSpan.Zero)))
            .Where(f => f.Name[0] != '.' && f.Name is not (CollectionFiles.IaTable or CollectionFiles.IaJson) && !f.Name.EndsWith(WholeFile.PartSuffix, StringComparison.Ordinal))
            .OrderBy(f => f.Name, StringComparer.Ordinal),
    ];

    /// <summary>Reads the file for its MD5, lower-case hexadecimal.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    internal async Task<string> ReadMd5Async(CancellationToken cancellationToken)
    {
        using var content = new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous | FileOptions.SequentialScan);
#pragma warning disable CA5351 // No secret hangs on it: it is the checksum that archive.org keeps.
        return Convert.ToHexString(await MD5.HashDataAsync(content, cancellationToken)).ToLowerInvariant();
#pragma warning restore CA5351
    }
}
