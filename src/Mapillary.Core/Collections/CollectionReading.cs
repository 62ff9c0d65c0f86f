using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Formats.Tar;
using System.Security.Cryptography;
using Mapillary.Graph;
using Microsoft.Win32.SafeHandles;

namespace Mapillary.Collections;

/// <summary>One reading of a collection against its manifest; see <see cref="CollectionCheck"/>. Files may be read on any threads.</summary>
internal sealed class CollectionReading(string root, IRunLog log)
{
    private const int ChunkSize = 1 << 17;

    /// <summary>Tars are made of blocks of this size, and end with two that are empty (POSIX.1-2001, pax, "ustar Interchange Format").</summary>
    private const int TarBlock = 512;

    private readonly CollectionFolder _folder = new(root);
    private readonly Dictionary<string, Expected> _expected = new(StringComparer.Ordinal);
    private readonly HashSet<string> _tars = new(StringComparer.Ordinal);
    private readonly HashSet<string> _foundTars = new(StringComparer.Ordinal);
    private readonly HashSet<string> _links = new(StringComparer.Ordinal);
    private readonly ImageIdSet _finished = new();
    private long _bytes;
    private long _totalBytes;

    /// <summary>Reads a file and tells how much of it.</summary>
    public delegate (string Path, long Length) FileRead(IProgress<CheckProgress>? progress, CancellationToken cancellationToken);

    public ConcurrentQueue<CollectionFinding> Missing { get; } = [];

    public ConcurrentQueue<CollectionFinding> Changed { get; } = [];

    public ConcurrentQueue<CollectionFinding> Unexpected { get; } = [];

    /// <summary>How many images the manifest names.</summary>
    public int Images => _finished.Count;

    /// <summary>How many bytes of pictures were read.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    public void ReadManifest(string path, CancellationToken cancellationToken)
    {
        var manifest = Path.GetFileName(path);
        // Few tars hold many images: each tar's name once.
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var entry in Manifest.ReadEntries(path, line => Change(manifest, null, $"line {line} is no entry"), cancellationToken))
        {
            _finished.Add(entry.Id);
            var place = CollectionFiles.FindPlace(root, entry.Path);
            var tar = entry.Tar is null ? null : CollectionFiles.FindPlace(root, entry.Tar);
            if (place is null || (entry.Tar is not null && tar is null))
            {
                Change(manifest, entry.Id, $"names '{(place is null ? entry.Path : entry.Tar)}', which is outside of the collection");
                continue;
            }

            if (tar is not null && !names.TryAdd(tar, tar)) tar = names[tar];
            if (!_expected.TryAdd(place, new Expected(entry.Id, tar, entry.Bytes, Digest.Parse(entry.Sha256)))) Change(manifest, entry.Id, $"names '{place}', as it does for image {_expected[place].ImageId}");
            else if (tar is not null) _tars.Add(tar);
            _totalBytes += entry.Bytes;
        }
    }

    /// <summary>What is to be read: the files of the folder that the manifest names. Tells of those that nobody knows. To be gone through once.</summary>
    public IEnumerable<FileRead> Files()
    {
        var folders = new Stack<(DirectoryInfo Folder, string Prefix)>([(new DirectoryInfo(root), "")]);
        while (folders.TryPop(out var next))
        {
            foreach (var item in ItemsOf(next.Folder, next.Prefix))
            {
                var place = next.Prefix + item.Name;
                if ((item.Attributes & FileAttributes.ReparsePoint) != 0 && item.LinkTarget is not null)
                {
                    _links.Add(place);
                    Surprise(place, "is a link; it was not followed");
                }
                else if (item is DirectoryInfo folder)
                {
                    folders.Push((folder, place + "/"));
                }
                else if (_tars.Contains(place))
                {
                    _foundTars.Add(place);
                    yield return (progress, ct) => ReadTar((FileInfo)item, place, progress, ct);
                }
                else if (_expected.TryGetValue(place, out var expected))
                {
                    expected.IsFile = true;
                    yield return (progress, ct) => ReadFile((FileInfo)item, place, expected, progress, ct);
                }
                else if (!CollectionFiles.IsOwn(place))
                {
                    Surprise(place, place.EndsWith(WholeFile.PartSuffix, StringComparison.Ordinal) ? "is half of a file that a run was writing when it died" : "is in no manifest");
                }
            }
        }
    }

    /// <summary>Holds the listing and the state against the manifest.</summary>
    /// <returns>How many listed images are neither here nor named as not to be had.</returns>
    public int HoldListingAgainstManifest(CancellationToken cancellationToken)
    {
        var state = ReadOwn(CollectionState.FileName, () => CollectionState.Read(root));
        var failed = ReadOwn(FailedEntry.FileName, () => FailedEntry.ReadAll(Path.Combine(root, FailedEntry.FileName), log)) ?? [];
        var listing = Path.GetFileName(ImageRecords.FindIn(root)) ?? ImageRecords.FileName;
        var pending = new List<string>();
        var listed = ReadOwn(listing, () => ReadListing(listing, failed, pending, cancellationToken));
        if (state is { Complete: true })
        {
            foreach (var id in pending) Miss(listing, id, "lists it, and the collection, which calls itself complete, does not have it");
            if (state.Images != Images) Change(CollectionState.FileName, null, FormattableString.Invariant($"says {state.Images} images, and the manifest has {Images}"));
            if (listed is not null && state.Listed != listed.Count) Change(CollectionState.FileName, null, FormattableString.Invariant($"says {state.Listed} listed images, and the listing has {listed.Count}"));
        }

        foreach (var (place, expected) in listed is null ? [] : _expected)
        {
            if (!listed!.Contains(expected.ImageId)) Miss(listing, expected.ImageId, $"has no record of this image, which the manifest has as '{place}'");
        }

        return pending.Count;
    }

    /// <summary>Tells what was not there, when all files have been read.</summary>
    public void TellMissing()
    {
        foreach (var tar in _tars.Where(t => !_foundTars.Contains(t))) Miss(tar, null, Absence(tar));
        foreach (var (place, expected) in _expected)
        {
            if (expected.Tar is not { } tar)
            {
                if (!expected.IsFile) Miss(place, expected.ImageId, Absence(place));
            }
            else if (!_foundTars.Contains(tar))
            {
                Miss(place, expected.ImageId, $"its tar '{tar}' {Absence(tar)}");
            }
            else if (!expected.IsInTar)
            {
                Miss($"{tar}:{place}", expected.ImageId, "is not in the tar");
            }
        }
    }

    private static bool IsUnreadable(Exception e) => e is IOException or InvalidDataException or UnauthorizedAccessException;

    private IReadOnlyList<FileSystemInfo> ItemsOf(DirectoryInfo folder, string prefix)
    {
        try
        {
            return folder.GetFileSystemInfos("*", new EnumerationOptions { AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false });
        }
        catch (Exception e) when (IsUnreadable(e))
        {
            Change(prefix.TrimEnd('/'), null, $"cannot be read: {e.Message}");
            return [];
        }
    }

    private (string Path, long Length) ReadFile(FileInfo file, string place, Expected expected, IProgress<CheckProgress>? progress, CancellationToken cancellationToken)
    {
        try
        {
            // Also keeps pipes and devices, whose length is 0, from being opened.
            if (file.Length != expected.Bytes || file.Length == 0)
            {
                if (FindDifference(null, 0, file.Length, expected, progress, cancellationToken) is { } difference) Change(place, expected.ImageId, difference);
                return (file.FullName, 0);
            }

            using var handle = _folder.Open(place, options: FileOptions.SequentialScan);
            if (FindDifference(handle, 0, RandomAccess.GetLength(handle), expected, progress, cancellationToken) is { } reason) Change(place, expected.ImageId, reason);
            return (file.FullName, expected.Bytes);
        }
        catch (Exception e) when (IsUnreadable(e) || e is CollectionException)
        {
            Change(place, expected.ImageId, $"cannot be read: {e.Message}");
            return (file.FullName, 0);
        }
    }

    private (string Path, long Length) ReadTar(FileInfo file, string name, IProgress<CheckProgress>? progress, CancellationToken cancellationToken)
    {
        var read = 0L;
        try
        {
            if (file.Length == 0)
            {
                Change(name, null, "is empty");
                return (file.FullName, 0);
            }

            using var stream = _folder.OpenRead(name, FileShare.Read, FileOptions.None);
            using var tar = new TarReader(stream, leaveOpen: true);
            var end = 0L;
            while (tar.GetNextEntry() is { } item)
            {
                // The reader passes over what it does not copy: it stands behind the entry and what fills its last block.
                end = stream.Position;
                var padding = (TarBlock - (item.Length % TarBlock)) % TarBlock;
                var content = end - padding - item.Length;
                if (!HasTrueSum(stream.SafeFileHandle, content - TarBlock)) Change(name, null, $"the header of '{item.Name}' is damaged");
                if (!_expected.TryGetValue(item.Name, out var expected) || expected.Tar != name)
                {
                    Surprise($"{name}:{item.Name}", "is an entry of the tar that the manifest does not know");
                }
                else if (expected.IsInTar || item.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile))
                {
                    Surprise($"{name}:{item.Name}", expected.IsInTar ? "is twice in the tar" : $"is a {item.EntryType}, not a file");
                }
                else
                {
                    expected.IsInTar = true;
                    if (FindDifference(stream.SafeFileHandle, content, item.Length, expected, progress, cancellationToken) is { } difference)
                        Change($"{name}:{item.Name}", expected.ImageId, difference);
                    read += item.Length;
                }

                if (!IsEmpty(stream.SafeFileHandle, end - padding, padding, cancellationToken)) Change(name, null, $"holds something between '{item.Name}' and the next entry");
            }

            if (file.Length - end < 2 * TarBlock) Change(name, null, "is cut: the mark of its end is not there");
            else if (!IsEmpty(stream.SafeFileHandle, end, file.Length - end, cancellationToken)) Change(name, null, "holds something behind its end");
        }
        catch (Exception e) when (IsUnreadable(e) || e is CollectionException)
        {
            Change(name, null, $"cannot be read to its end: {e.Message}");
        }

        return (file.FullName, read);
    }

    /// <summary>What is different about a picture; null when it is what was written.</summary>
    private string? FindDifference(SafeFileHandle? file, long offset, long length, Expected expected, IProgress<CheckProgress>? progress, CancellationToken cancellationToken)
    {
        if (length != expected.Bytes) return FormattableString.Invariant($"has {length} bytes, not {expected.Bytes}");
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(ChunkSize);
        try
        {
            for (var done = 0L; done < length;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var count = RandomAccess.Read(file!, buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - done)), offset + done);
                if (count == 0) return FormattableString.Invariant($"ends after {done} of {length} bytes");
                hash.AppendData(buffer, 0, count);
                done += count;
                var all = Interlocked.Add(ref _bytes, count);
                progress?.Report(new CheckProgress(all, _totalBytes));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        Span<byte> sha256 = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(sha256);
        return Digest.Read(sha256) == expected.Sha256 ? null : "has another content: its SHA-256 differs";
    }

    /// <summary>Whether a tar's header adds up to the sum that stands in it; .NET does not look.</summary>
    private static bool HasTrueSum(SafeFileHandle tar, long offset)
    {
        Span<byte> header = stackalloc byte[TarBlock];
        if (RandomAccess.Read(tar, header, offset) < TarBlock) return false;
        var said = header.Slice(148, 8);
        var sum = 0;
        foreach (var digit in said.TrimEnd((byte)' ').TrimEnd((byte)0).TrimStart((byte)' '))
        {
            if (digit is < (byte)'0' or > (byte)'7') return false;
            sum = (sum * 8) + digit - '0';
        }

        said.Fill((byte)' ');
        foreach (var value in header) sum -= value;
        return sum == 0;
    }

    private static bool IsEmpty(SafeFileHandle file, long offset, long length, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(ChunkSize);
        try
        {
            for (var done = 0L; done < length;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var count = RandomAccess.Read(file, buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - done)), offset + done);
                if (count == 0) return true;
                if (buffer.AsSpan(0, count).ContainsAnyExcept((byte)0)) return false;
                done += count;
            }

            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private ImageIdSet ReadListing(string name, Dictionary<string, FailedEntry> failed, List<string> pending, CancellationToken cancellationToken)
    {
        var listed = new ImageIdSet();
        foreach (var image in ImageRecords.Read(Path.Combine(root, name), log))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (listed.Add(image.Id) && !_finished.Contains(image.Id) && !failed.ContainsKey(image.Id)) pending.Add(image.Id);
        }

        return listed;
    }

    /// <summary>Reads one of the collection's own files; null, and a finding, when it is not there or broken.</summary>
    private T? ReadOwn<T>(string name, Func<T?> read)
        where T : class
    {
        try
        {
            if (!_folder.Has(name) && name != FailedEntry.FileName) Miss(name, null, "is not there");
            else return read();
        }
        catch (Exception e) when (IsUnreadable(e))
        {
            Change(name, null, $"cannot be read: {e.Message}");
        }

        return null;
    }

    private string Absence(string place)
    {
        for (var way = place; ; way = way[..way.LastIndexOf('/')])
        {
            if (_links.Contains(way)) return $"lies behind the link '{way}'";
            if (!way.Contains('/', StringComparison.Ordinal)) return "is not there";
        }
    }

    private void Miss(string path, string? id, string reason) => Missing.Enqueue(new CollectionFinding(path, id, reason));

    private void Change(string path, string? id, string reason) => Changed.Enqueue(new CollectionFinding(path, id, reason));

    private void Surprise(string path, string reason) => Unexpected.Enqueue(new CollectionFinding(path, null, reason));

    /// <summary>What the manifest says of an image, and where it was found. Small, because there may be a million.</summary>
    private sealed class Expected(string imageId, string? tar, long bytes, Digest? sha256)
    {
        public string ImageId { get; } = imageId;

        public string? Tar { get; } = tar;

        public long Bytes { get; } = bytes;

        public Digest? Sha256 { get; } = sha256;

        public bool IsFile { get; set; }

        public bool IsInTar { get; set; }
    }

    /// <summary>A SHA-256 in a fifth of the memory of its text.</summary>
    private readonly record struct Digest(UInt128 High, UInt128 Low)
    {
        public static Digest Read(ReadOnlySpan<byte> bytes) => new(BinaryPrimitives.ReadUInt128BigEndian(bytes), BinaryPrimitives.ReadUInt128BigEndian(bytes[16..]));

        /// <summary>Null for what is none, and fits no file.</summary>
        public static Digest? Parse(string hexadecimal)
        {
            Span<byte> bytes = stackalloc byte[SHA256.HashSizeInBytes];
            if (hexadecimal.Length != 2 * bytes.Length) return null;
            for (var i = 0; i < bytes.Length; i++)
            {
                if (!byte.TryParse(hexadecimal.AsSpan(2 * i, 2), System.Globalization.NumberStyles.AllowHexSpecifier, null, out bytes[i])) return null;
            }

            return Read(bytes);
        }
    }
}
