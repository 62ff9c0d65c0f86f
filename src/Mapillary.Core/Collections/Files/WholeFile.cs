using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Mapillary.Collections.Files;

/// <summary>
/// Files that have their name only when they are whole: written beside it as <c>.part</c>, then renamed over it.
/// </summary>
internal static class WholeFile
{
    public const string PartSuffix = ".part";

    private const int CopyChunk = 1 << 20;

    /// <summary>The earliest time that every file system takes (Windows counts from 1601).</summary>
    private static readonly DateTimeOffset EarliestFileTime = new(1601, 1, 2, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Writes a small file; what has its name is replaced, be it a link, and what that leads to stays as it is.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="place">The file's place in it; folders that are missing are made.</param>
    /// <param name="write">Writes the content.</param>
    /// <exception cref="CollectionException">A folder on the way is a link.</exception>
    /// <exception cref="FileHeldException">Another program has the file open.</exception>
    public static void Write(CollectionFolder folder, string place, Action<Stream> write)
    {
        using var parent = folder.OpenFolderOf(place, out var name, isMade: true);
        var part = name + PartSuffix;
        try
        {
            using (var stream = new FileStream(Create(parent, part, FileOptions.None), FileAccess.ReadWrite))
            {
                write(stream);
                // A file system may keep the new name before the content: after a power cut the file would be empty, and the one before gone.
                stream.Flush(flushToDisk: true);
            }

            parent.Move(part, parent, name, overwrite: true);
        }
        catch (Exception e)
        {
            parent.DeleteLeftOver(part);
            if (e is IOException fault && CollectionFolder.Named(fault, folder.PathOf(place)) is var named && named != e) throw named;
            throw;
        }
    }

    /// <summary>Writes a picture from its pieces; what has its name is replaced, be it a link, and what that leads to stays as it is.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="place">The file's place in it; folders that are missing are made.</param>
    /// <param name="pieces">The bytes.</param>
    /// <param name="time">The file's time; null for now.</param>
    /// <param name="mode">The permissions of the file on Unix; null for those of new files.</param>
    /// <param name="cancellationToken">Stops before the file has its name; nothing is left then.</param>
    /// <param name="isFlushed">Whether it is on the disk itself before it has its name, as what no manifest has the hash of.</param>
    /// <returns>Why the file system would not set its time or permissions; null where it did.</returns>
    /// <exception cref="CollectionException">A folder on the way is a link.</exception>
    /// <exception cref="FileHeldException">Another program has the file open.</exception>
    public static async Task<Exception?> WriteAsync(
        CollectionFolder folder, string place, IReadOnlyList<ReadOnlyMemory<byte>> pieces, DateTimeOffset? time, UnixFileMode? mode, CancellationToken cancellationToken, bool isFlushed = false)
    {
        using var parent = folder.OpenFolderOf(place, out var name, isMade: true);
        var part = name + PartSuffix;
        Exception? refusal;
        try
        {
            using (var file = Create(parent, part, FileOptions.Asynchronous))
            {
                await RandomAccess.WriteAsync(file, pieces, 0, cancellationToken);
                refusal = SetAttributes(file, time, mode);
                if (isFlushed) RandomAccess.FlushToDisk(file);
            }

            cancellationToken.ThrowIfCancellationRequested();
            parent.Move(part, parent, name, overwrite: true, cancellationToken);
            return refusal;
        }
        catch (Exception e)
        {
            parent.DeleteLeftOver(part);
            if (e is IOException fault && CollectionFolder.Named(fault, folder.PathOf(place)) is var named && named != e) throw named;
            throw;
        }
    }

    /// <summary>Copies a file, as to another disk, after which it may be removed: the copy has its name when it is on the disk and was read back.</summary>
    /// <param name="from">The file's folder.</param>
    /// <param name="place">Its place there.</param>
    /// <param name="folder">The copy's folder.</param>
    /// <param name="newPlace">The copy's place there, where nothing may be; folders that are missing are made.</param>
    /// <param name="cancellationToken">Stops before the copy has its name; nothing is left then.</param>
    /// <returns>Why the file system would not set its time or permissions; null where it did.</returns>
    /// <exception cref="CollectionException">It, or a folder on the way, is a link.</exception>
    /// <exception cref="IOException">It cannot be written, or does not read back as it was.</exception>
    public static Exception? Copy(CollectionFolder from, string place, CollectionFolder folder, string newPlace, CancellationToken cancellationToken)
    {
        using var parent = folder.OpenFolderOf(newPlace, out var name, isMade: true);
        var part = name + PartSuffix;
        try
        {
            byte[] hash;
            Exception? refusal;
            using (var source = from.OpenRead(place))
            using (var copy = new FileStream(Create(parent, part, FileOptions.None), FileAccess.ReadWrite, bufferSize: 0))
            {
                hash = CopyHashed(source, copy, cancellationToken);
                refusal = SetAttributes(
                    copy.SafeFileHandle, File.GetLastWriteTimeUtc(source.SafeFileHandle), OperatingSystem.IsWindows() ? null : File.GetUnixFileMode(source.SafeFileHandle));
                copy.Flush(flushToDisk: true);
            }

            using (var written = CollectionFolder.StreamOf(parent.OpenFile(part, FileAccess.Read, CollectionFolder.Any, FileOptions.SequentialScan), FileAccess.Read))
            {
                if (!SHA256.HashData(written).AsSpan().SequenceEqual(hash))
                    throw new IOException($"The copy of '{from.PathOf(place)}' was read back and is another one; it was not kept, the file was.");
            }

            cancellationToken.ThrowIfCancellationRequested();
            parent.Move(part, parent, name, overwrite: false, cancellationToken);
            parent.Flush();
            return refusal;
        }
        catch (Exception e)
        {
            parent.DeleteLeftOver(part);
            if (e is IOException fault && CollectionFolder.Named(fault, folder.PathOf(newPlace)) is var named && named != e) throw named;
            throw;
        }
    }

    private static byte[] CopyHashed(Stream source, Stream copy, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var chunk = new byte[CopyChunk];
        for (int read; (read = source.Read(chunk)) > 0;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            hash.AppendData(chunk, 0, read);
            copy.Write(chunk, 0, read);
        }

        return hash.GetHashAndReset();
    }

    /// <summary>
    /// Sets a file's time and permissions. Not every file system has them: shares of Windows refuse with EPERM, FAT and exFAT have no time
    /// before 1980. The picture's content is what matters.
    /// </summary>
    private static Exception? SetAttributes(SafeFileHandle file, DateTimeOffset? time, UnixFileMode? mode)
    {
        Exception? refusal = null;
        if (mode is { } permissions && !OperatingSystem.IsWindows()) Try(() => File.SetUnixFileMode(file, permissions));
        if (time is { } captured && captured > EarliestFileTime) Try(() => File.SetLastWriteTimeUtc(file, captured.UtcDateTime));
        return refusal;

        void Try(Action set)
        {
            try
            {
                set();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
            {
                refusal = e;
            }
        }
    }

    /// <summary>The length in bytes of what pieces make, and its SHA-256 in lower-case hexadecimal.</summary>
    public static (long Length, string Sha256) Measure(IReadOnlyList<ReadOnlyMemory<byte>> pieces)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var piece in pieces) hash.AppendData(piece.Span);
        return (pieces.Sum(p => (long)p.Length), Convert.ToHexString(hash.GetHashAndReset()).ToLowerInvariant());
    }

    /// <summary>
    /// A new file in the place of what a run left that died, which may also be a link that somebody put there. Its lock lets others read:
    /// a process that is begun at this moment has the file open for a while, when it has its name already.
    /// </summary>
    private static SafeFileHandle Create(FolderHandle folder, string part, FileOptions options)
    {
        folder.DeleteFile(part);
        return folder.CreateFile(part, FileShare.Read, options);
    }
}
