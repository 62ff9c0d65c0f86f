using System.Buffers;
using System.Formats.Tar;
using System.Text;

namespace Mapillary.Collections;

/// <summary>
/// Writes uncompressed tars that are the same bytes for the same files on any machine: entries sorted by name, owner 0, mode 0644,
/// the files' own times, ustar form wherever it can hold the name.
/// </summary>
internal static class TarFile
{
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    private const int ChunkSize = 1 << 17;

    /// <summary>Ustar holds sizes of up to 11 octal digits.</summary>
    private const long LargestUstarEntry = (1L << 33) - 1;

    /// <summary>A free name for a tar: <c>x.tar</c>, else <c>x.2.tar</c>, <c>x.3.tar</c> and so on.</summary>
    public static string FreePath(string folder, string name)
    {
        var path = Path.Combine(folder, name + ".tar");
        for (var number = 2; File.Exists(path); number++) path = Path.Combine(folder, FormattableString.Invariant($"{name}.{number}.tar"));
        return path;
    }

    /// <summary>
    /// Writes a tar, reads it back, compares it with its sources byte by byte, and only then gives it its name.
    /// </summary>
    /// <param name="path">A name that is free.</param>
    /// <param name="folder">What the entries' names are relative to.</param>
    /// <param name="names">The entries, relative, with <c>/</c>, each once.</param>
    /// <param name="cancellationToken">Stops; nothing is left then.</param>
    /// <returns>The tar's size in bytes.</returns>
    /// <exception cref="IOException">It cannot be written, or what is read back differs.</exception>
    public static long Write(string path, string folder, IReadOnlyCollection<string> names, CancellationToken cancellationToken)
    {
        var part = path + WholeFile.PartSuffix;
        var sorted = names.Order(StringComparer.Ordinal).ToList();
        try
        {
            using (var file = new FileStream(part, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20))
            using (var tar = new TarWriter(file, TarEntryFormat.Ustar))
            {
                foreach (var name in sorted)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    WriteEntry(tar, name, Path.Combine(folder, name));
                }
            }

            Compare(part, folder, sorted, cancellationToken);
            File.Move(part, path, overwrite: false);
            return new FileInfo(path).Length;
        }
        catch
        {
            File.Delete(part);
            throw;
        }
    }

    private static void WriteEntry(TarWriter tar, string name, string source)
    {
        using var content = OpenSource(source);
        TarEntry entry = content.Length <= LargestUstarEntry && FitsUstar(name)
            ? new UstarTarEntry(TarEntryType.RegularFile, name)
            : new PaxTarEntry(TarEntryType.RegularFile, name);
        entry.Mode = Mode;
        entry.ModificationTime = WholeSeconds(File.GetLastWriteTimeUtc(source));
        entry.DataStream = content;
        tar.WriteEntry(entry);
    }

    private static void Compare(string path, string folder, List<string> names, CancellationToken cancellationToken)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20, FileOptions.SequentialScan);
        using var tar = new TarReader(file);
        foreach (var name in names)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var entry = tar.GetNextEntry();
            using var source = OpenSource(Path.Combine(folder, name));
            if (entry?.Name != name || entry.Length != source.Length || !SameBytes(entry.DataStream ?? Stream.Null, source))
                throw new IOException($"The tar '{path}' was read back and differs from its source at '{name}'; it was not kept, the sources were.");
        }

        if (tar.GetNextEntry() is { } further)
            throw new IOException($"The tar '{path}' was read back and holds '{further.Name}' twice; it was not kept, the sources were.");
    }

    private static bool SameBytes(Stream one, Stream other)
    {
        var (a, b) = (ArrayPool<byte>.Shared.Rent(ChunkSize), ArrayPool<byte>.Shared.Rent(ChunkSize));
        try
        {
            while (true)
            {
                var read = one.ReadAtLeast(a.AsSpan(0, ChunkSize), ChunkSize, throwOnEndOfStream: false);
                var otherRead = other.ReadAtLeast(b.AsSpan(0, ChunkSize), ChunkSize, throwOnEndOfStream: false);
                if (!a.AsSpan(0, read).SequenceEqual(b.AsSpan(0, otherRead))) return false;
                if (read < ChunkSize) return true;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(a);
            ArrayPool<byte>.Shared.Return(b);
        }
    }

    private static FileStream OpenSource(string path) => new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);

    /// <summary>Ustar holds names of 100 ASCII bytes, or of up to 155 and 100 divided at a slash.</summary>
    private static bool FitsUstar(string name)
    {
        if (!Ascii.IsValid(name)) return false;
        if (name.Length <= 100) return true;
        var slash = name.LastIndexOf('/', Math.Min(name.Length - 1, 155));
        return slash > 0 && name.Length - slash - 1 is > 0 and <= 100;
    }

    /// <summary>Ustar times are whole seconds since 1970.</summary>
    private static DateTimeOffset WholeSeconds(DateTime utc)
    {
        var time = new DateTimeOffset(utc, TimeSpan.Zero);
        return time < DateTimeOffset.UnixEpoch ? DateTimeOffset.UnixEpoch : DateTimeOffset.FromUnixTimeSeconds(time.ToUnixTimeSeconds());
    }
}
