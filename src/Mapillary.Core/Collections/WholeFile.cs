using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Mapillary.Collections;

/// <summary>
/// Files that have their name only when they are whole: written beside it as <c>.part</c>, then renamed over it.
/// </summary>
internal static class WholeFile
{
    public const string PartSuffix = ".part";

    /// <summary>The earliest time that every file system takes (Windows counts from 1601).</summary>
    private static readonly DateTimeOffset EarliestFileTime = new(1601, 1, 2, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Writes a small file.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        var part = path + PartSuffix;
        try
        {
            File.Delete(part);
            using (var stream = new FileStream(part, FileMode.CreateNew, FileAccess.Write, FileShare.None))
                write(stream);
            File.Move(part, path, overwrite: true);
        }
        catch
        {
            File.Delete(part);
            throw;
        }
    }

    /// <summary>Writes a picture from its pieces.</summary>
    /// <param name="path">The final name; its folder is made where it is missing.</param>
    /// <param name="pieces">The bytes.</param>
    /// <param name="time">The file's time; null for now.</param>
    /// <param name="mode">The permissions of the file on Unix; null for those of new files.</param>
    /// <param name="cancellationToken">Stops before the file has its name; nothing is left then.</param>
    public static async Task WriteAsync(
        string path, IReadOnlyList<ReadOnlyMemory<byte>> pieces, DateTimeOffset? time, UnixFileMode? mode, CancellationToken cancellationToken)
    {
        var part = path + PartSuffix;
        try
        {
            using (var file = Create(part))
            {
                await RandomAccess.WriteAsync(file, pieces, 0, cancellationToken);
                if (mode is { } permissions && !OperatingSystem.IsWindows()) File.SetUnixFileMode(file, permissions);
                if (time is { } captured && captured > EarliestFileTime) File.SetLastWriteTimeUtc(file, captured.UtcDateTime);
            }

            cancellationToken.ThrowIfCancellationRequested();
            File.Move(part, path, overwrite: true);
        }
        catch
        {
            File.Delete(part);
            throw;
        }
    }

    /// <summary>The length in bytes of what pieces make, and its SHA-256 in lower-case hexadecimal.</summary>
    public static (long Length, string Sha256) Measure(IReadOnlyList<ReadOnlyMemory<byte>> pieces)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var piece in pieces) hash.AppendData(piece.Span);
        return (pieces.Sum(p => (long)p.Length), Convert.ToHexString(hash.GetHashAndReset()).ToLowerInvariant());
    }

    private static SafeFileHandle Create(string part)
    {
        try
        {
            return Open();
        }
        catch (IOException e) when (e is DirectoryNotFoundException or FileNotFoundException)
        {
            // The latter is what .NET says when another thread makes the folder just after it was found missing.
            Directory.CreateDirectory(Path.GetDirectoryName(part)!);
            return Open();
        }

        SafeFileHandle Open()
        {
            // What a run left that died; a new file, because that one may be a link to somewhere else.
            File.Delete(part);
            return File.OpenHandle(part, FileMode.CreateNew, FileAccess.Write, FileShare.None, FileOptions.Asynchronous);
        }
    }
}
