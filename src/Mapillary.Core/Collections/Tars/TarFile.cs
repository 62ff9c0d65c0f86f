using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Mapillary.Collections.Files;
using Mapillary.Collections.Records;

namespace Mapillary.Collections.Tars;

/// <summary>
/// Writes uncompressed tars that are the same bytes for the same files on any machine: entries sorted by name, owner 0, mode 0644,
/// the files' own times, ustar form wherever it can hold the name (POSIX.1-2001, pax, "ustar Interchange Format"). The headers are
/// written here, because SharpCompress (0.50.8) writes no owner, no mode and no pax records, and those of System.Formats.Tar differ
/// from one .NET version to the next. SharpCompress reads the tars back.
/// </summary>
internal static class TarFile
{
    private const int BlockSize = 512;
    private const int Mode = 0b110_100_100;
    private const int ChunkSize = 1 << 19;

    /// <summary>How many bytes are written before they are read back.</summary>
    private const int ReadBackStep = 1 << 20;

    /// <summary>For headers and padding; content goes past it.</summary>
    private const int HeaderBuffer = 4096;

    /// <summary>Ustar holds sizes of up to 11 octal digits.</summary>
    private const long LargestUstarEntry = (1L << 33) - 1;

    /// <summary>And as many of its times: whole seconds from 1970 to 2242.</summary>
    private const long LatestUstarTime = (1L << 33) - 1;

    /// <summary>A free name for a tar: <c>x.tar</c>, else <c>x.2.tar</c>, <c>x.3.tar</c> and so on.</summary>
    public static string FreePath(string folder, string name)
    {
        var number = 1;
        while (PathOf(folder, name, number) is var path && (Path.Exists(path) || CollectionFolder.IsThere(path))) number++;
        return PathOf(folder, name, number);
    }

    /// <summary>The tars of a name that are there, in the order of their numbers; <c>mapillary-downloader</c> goes on with <c>x.1.tar</c>.</summary>
    public static IEnumerable<string> Existing(string folder, string name)
    {
        for (var number = 1; PathOf(folder, name, number) is var path && CollectionFolder.IsThere(path); number++)
        {
            yield return path;
            if (number == 1 && Path.Combine(folder, name + ".1.tar") is var others && CollectionFolder.IsThere(others)) yield return others;
        }
    }

    /// <summary>Which of the files a tar holds byte for byte, and where each begins in it. Of a tar that is broken, those before the break.</summary>
    public static Dictionary<string, long> FindSame(string path, string folder, IReadOnlySet<string> names, CancellationToken cancellationToken)
    {
        var same = new Dictionary<string, long>(StringComparer.Ordinal);
        using var file = new BufferedStream(Open(path), 1 << 16);
        using var tar = PictureArchive.OpenTar(file, long.MaxValue, cancellationToken);
        try
        {
            while (tar.MoveNext())
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (!names.Contains(tar.Name)) continue;
                using var source = OpenSource(folder, tar.Name);
                if (IsSame(tar, source)) same[tar.Name] = tar.ContentStart!.Value;
                else same.Remove(tar.Name);
            }
        }
        catch (InvalidDataException)
        {
            // Not one of ours, or cut: what it held up to here was compared.
        }

        return same;
    }

    /// <summary>
    /// Writes a tar, reads it back beside that, compares it with its sources byte by byte, and only then gives it its name.
    /// </summary>
    /// <param name="path">A name that is free.</param>
    /// <param name="folder">What the entries' names are relative to.</param>
    /// <param name="names">The entries, relative, with <c>/</c>, each once.</param>
    /// <param name="sha256Of">What the SHA-256 of each file should be; null for one that nobody noted, and where nothing is noted at all.</param>
    /// <param name="cancellationToken">Stops; nothing is left then.</param>
    /// <returns>
    /// The tar, by its file name, without its MD5 where nothing is noted, and null where no file was left for it; where each file begins in
    /// it, in bytes; and the files that are not in it, because their SHA-256 is another one.
    /// </returns>
    /// <exception cref="IOException">It cannot be written, or what is read back differs.</exception>
    public static (ManifestTar? Tar, IReadOnlyDictionary<string, long> Offsets, IReadOnlyList<string> Differing) Write(
        string path, string folder, IReadOnlyCollection<string> names, Func<string, string?>? sha256Of, CancellationToken cancellationToken)
    {
        using var tars = CollectionFolder.Of(path).Folder.OpenFolderOf(Path.GetFileName(path), out var tarName);
        var part = tarName + WholeFile.PartSuffix;
        var entries = new ConcurrentQueue<string>();
        var offsets = new Dictionary<string, long>(StringComparer.Ordinal);
        var differing = new List<string>();
        var isHashed = sha256Of is not null;
        try
        {
            tars.DeleteFile(part);
            ManifestTar written;
            using (var file = new FileStream(tars.CreateFile(part, FileShare.Read, FileOptions.None), FileAccess.ReadWrite, HeaderBuffer))
            {
                using var readBack = new TarReadBack(
                    CollectionFolder.StreamOf(tars.OpenFile(part, FileAccess.Read, CollectionFolder.Any, FileOptions.SequentialScan), FileAccess.Read), isHashed);
                // A thread of its own: it waits for the writing, and blocks meanwhile.
                var reading = Task.Factory.StartNew(() => Compare(path, readBack, folder, TakeFrom(entries), cancellationToken), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
                var told = 0L;
                try
                {
                    foreach (var name in names.Order(StringComparer.Ordinal))
                    {
                        cancellationToken.ThrowIfCancellationRequested();
                        // A source that changes meanwhile is found by the reading.
                        if (reading.IsFaulted) break;
                        if (TryWriteEntry(file, folder, name, sha256Of?.Invoke(name)) is not { } offset)
                        {
                            differing.Add(name);
                            continue;
                        }

                        offsets[name] = offset;

                        // Before the reading is told of it.
                        entries.Enqueue(name);
                        if (file.Position - told < ReadBackStep) continue;
                        file.Flush();
                        readBack.Written(told = file.Position);
                    }

                    file.Write(new byte[2 * BlockSize]);
                    // The sources go next: what a power cut leaves must not be less than they were.
                    file.Flush(flushToDisk: true);
                }
                finally
                {
                    readBack.End();
                    Task.WaitAny([reading], CancellationToken.None);
                }

                reading.GetAwaiter().GetResult();
                written = new ManifestTar(tarName, file.Length, isHashed ? readBack.Md5() : "");
            }

            if (differing.Count == names.Count)
            {
                tars.DeleteLeftOver(part);
                return (null, offsets, differing);
            }

            tars.Move(part, tars, tarName, overwrite: false, cancellationToken);
            return (written, offsets, differing);
        }
        catch (Exception e)
        {
            tars.DeleteLeftOver(part);
            if (e is IOException fault) throw new FileNotWrittenException(CollectionFolder.Named(fault, path));
            throw;
        }
    }

    /// <summary>Reads a tar for its checksum.</summary>
    public static ManifestTar Measure(string path)
    {
        using var file = Open(path);
#pragma warning disable CA5351 // No secret hangs on it: it is the checksum that archive.org keeps.
        return new ManifestTar(Path.GetFileName(path), file.Length, Convert.ToHexString(MD5.HashData(file)).ToLowerInvariant());
#pragma warning restore CA5351
    }

    /// <summary>Writes what stands before an entry's content: its header, and a pax header only for what ustar cannot say.</summary>
    /// <param name="tar">The tar.</param>
    /// <param name="name">The entry's name.</param>
    /// <param name="length">The content's length in bytes.</param>
    /// <param name="modified">The file's time, UTC.</param>
    internal static void WriteHeader(Stream tar, string name, long length, DateTime modified)
    {
        var seconds = new DateTimeOffset(modified, TimeSpan.Zero).ToUnixTimeSeconds();
        var ustarTime = Math.Clamp(seconds, 0, LatestUstarTime);
        var records = (FitsUstar(name) ? "" : PaxRecord("path", name))
            + (length <= LargestUstarEntry ? "" : PaxRecord("size", length.ToString(CultureInfo.InvariantCulture)));
        // Parts of seconds alone are worth no header of their own, the picture's metadata have them; but readers take the time of an
        // entry that has a header for exact.
        if (records.Length > 0 || seconds != ustarTime) records += PaxRecord("mtime", ((modified - DateTime.UnixEpoch).Ticks / (decimal)TimeSpan.TicksPerSecond).ToString("0.#######", CultureInfo.InvariantCulture));
        if (records.Length > 0)
        {
            var extended = Encoding.UTF8.GetBytes(records);
            tar.Write(Header("PaxHeaders/" + AsciiTail(name, 80), 'x', extended.Length, ustarTime));
            tar.Write(extended);
            Pad(tar, extended.Length);
        }

        tar.Write(Header(FitsUstar(name) ? name : AsciiTail(name, 100), '0', Math.Min(length, LargestUstarEntry), ustarTime));
    }

    /// <summary>Whether a file's SHA-256 is another one than it should be.</summary>
    public static bool Differs(string folder, string name, string sha256)
    {
        using var content = OpenSource(folder, name);
        return !IsHash(SHA256.HashData(content), sha256);
    }

    /// <summary>Writes an entry, unless its SHA-256 is another one than it should be: then the tar is as it was before.</summary>
    /// <returns>Where its content begins; null where it was not written.</returns>
    private static long? TryWriteEntry(FileStream tar, string folder, string name, string? sha256)
    {
        var start = tar.Position;
        using var content = OpenSource(folder, name);
        var length = content.Length;
        WriteHeader(tar, name, length, File.GetLastWriteTimeUtc(content.SafeFileHandle));
        var offset = tar.Position;
        if (sha256 is null) content.CopyTo(tar, ChunkSize);
        else if (!IsHash(CopyHashed(content, tar), sha256))
        {
            tar.SetLength(start);
            tar.Position = start;
            return null;
        }

        if (content.Position != length) throw new IOException($"'{Path.GetFullPath(Path.Combine(folder, name))}' changed while it was bundled; its tar was not kept, the sources were.");
        Pad(tar, length);
        return offset;
    }

    private static byte[] CopyHashed(FileStream content, FileStream tar)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var chunk = ArrayPool<byte>.Shared.Rent(ChunkSize);
        try
        {
            for (int read; (read = content.Read(chunk)) > 0;)
            {
                hash.AppendData(chunk, 0, read);
                tar.Write(chunk, 0, read);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }

        return hash.GetHashAndReset();
    }

    private static bool IsHash(byte[] hash, string text) => Convert.ToHexString(hash).Equals(text, StringComparison.OrdinalIgnoreCase);

    private static IEnumerable<string> TakeFrom(ConcurrentQueue<string> names)
    {
        while (names.TryDequeue(out var name)) yield return name;
    }

    private static byte[] Header(string name, char type, long size, long modified)
    {
        var header = new byte[BlockSize];
        var slash = name.Length <= 100 ? -1 : name.LastIndexOf('/', Math.Min(name.Length - 1, 155));
        Text(slash < 0 ? name : name[(slash + 1)..], 0);
        Text(slash < 0 ? "" : name[..slash], 345);
        Octal(Mode, 100, 7);
        Octal(0, 108, 7);
        Octal(0, 116, 7);
        Octal(size, 124, 11);
        Octal(modified, 136, 11);
        header[156] = (byte)type;
        Text("ustar\000", 257);
        Octal(0, 329, 7);
        Octal(0, 337, 7);
        // The sum is over the header with blanks in its own place.
        header.AsSpan(148, 8).Fill((byte)' ');
        Octal(header.Sum(b => b), 148, 6);
        header[154] = 0;
        return header;

        void Text(string text, int at) => Encoding.ASCII.GetBytes(text, header.AsSpan(at));

        void Octal(long value, int at, int digits) => Text(Convert.ToString(value, 8).PadLeft(digits, '0'), at);
    }

    /// <summary>A record begins with its own length in bytes, these digits included.</summary>
    private static string PaxRecord(string key, string value)
    {
        var rest = $" {key}={value}\n";
        var bytes = Encoding.UTF8.GetByteCount(rest);
        var length = bytes + 1;
        while (bytes + length.ToString(CultureInfo.InvariantCulture).Length != length) length++;
        return length.ToString(CultureInfo.InvariantCulture) + rest;
    }

    /// <summary>What a reader that knows no pax shows: the end of the name, which tells images apart.</summary>
    private static string AsciiTail(string name, int length)
    {
        var ascii = string.Concat(name.Select(c => char.IsAscii(c) ? c : '_'));
        return ascii.Length <= length ? ascii : ascii[^length..].TrimStart('/');
    }

    private static string PathOf(string folder, string name, int number) =>
        Path.Combine(folder, number == 1 ? name + ".tar" : FormattableString.Invariant($"{name}.{number}.tar"));

    private static void Pad(Stream tar, long length) => tar.Write(new byte[Padding(length)]);

    private static long Padding(long length) => (BlockSize - (length % BlockSize)) % BlockSize;

    /// <summary>Reads a tar back: it must hold the files, in this order, byte for byte, and nothing else.</summary>
    /// <param name="path">What it is called in an error.</param>
    /// <param name="file">The tar; it is read to its end.</param>
    /// <param name="folder">What the entries' names are relative to.</param>
    /// <param name="names">The entries; each is asked for when the tar has got to it.</param>
    /// <param name="cancellationToken">Stops between two entries.</param>
    /// <exception cref="IOException">It does not.</exception>
    internal static void Compare(string path, Stream file, string folder, IEnumerable<string> names, CancellationToken cancellationToken)
    {
        using var tar = PictureArchive.OpenTar(file, long.MaxValue, cancellationToken);
        using var expected = names.GetEnumerator();
        try
        {
            while (tar.MoveNext())
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (!expected.MoveNext()) throw Differs($"holds '{tar.Name}' twice");
                using var source = OpenSource(folder, expected.Current);
                if (tar.Name != expected.Current || !IsSame(tar, source)) throw Differs($"differs from its source at '{expected.Current}'");
            }

            if (expected.MoveNext()) throw Differs($"differs from its source at '{expected.Current}'");
        }
        catch (InvalidDataException e)
        {
            throw Differs($"is damaged: {e.Message}", e);
        }

        IOException Differs(string how, Exception? e = null) => new($"The tar '{path}' was read back and {how}; it was not kept, the sources were.", e);
    }

    private static bool IsSame(PictureArchive tar, FileStream source) =>
        tar.Kind == PictureArchiveEntryKind.File && tar.Length == source.Length && SameBytes(tar.EntryContent, source);

    private static bool SameBytes(Stream one, Stream other)
    {
        var (a, b) = (ArrayPool<byte>.Shared.Rent(ChunkSize), ArrayPool<byte>.Shared.Rent(ChunkSize));
        try
        {
            while (true)
            {
                var read = Fill(one, a);
                if (!a.AsSpan(0, read).SequenceEqual(b.AsSpan(0, Fill(other, b)))) return false;
                if (read < ChunkSize) return true;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(a);
            ArrayPool<byte>.Shared.Return(b);
        }

        // Into the array itself: a stream of the library copies what is read into a span.
        static int Fill(Stream stream, byte[] buffer)
        {
            var length = 0;
            for (int read; length < ChunkSize && (read = stream.Read(buffer, length, ChunkSize - length)) > 0;) length += read;
            return length;
        }
    }

    private static FileStream OpenSource(string folder, string name) => new CollectionFolder(folder).OpenRead(name);

    private static FileStream Open(string path)
    {
        var (folder, name) = CollectionFolder.Of(path);
        return folder.OpenRead(name);
    }

    /// <summary>Ustar holds names of 100 ASCII bytes, or of up to 155 and 100 divided at a slash.</summary>
    private static bool FitsUstar(string name)
    {
        if (!Ascii.IsValid(name)) return false;
        if (name.Length <= 100) return true;
        var slash = name.LastIndexOf('/', Math.Min(name.Length - 1, 155));
        return slash > 0 && name.Length - slash - 1 is > 0 and <= 100;
    }
}
