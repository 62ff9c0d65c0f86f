using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using Mapillary.Collections.Files;
using Mapillary.Collections.Records;
using Mapillary.Collections.Tars;
using Mapillary.Graph;

namespace Mapillary.Collections.Checking;

/// <summary>One reading of a collection against its manifest; see <see cref="CollectionCheck"/>. Files may be read on any threads.</summary>
internal sealed class CollectionReading(string root, IRunLog log)
{
    private const int ChunkSize = 1 << 17;

    /// <summary>A day's tar, within what it was packed into, within a packed collection.</summary>
    private const int DeepestArchive = 3;

    /// <summary>How many entries of an archive nobody has to know, beside as many as there are images.</summary>
    private const int MostSurplus = 10_000;

    /// <summary>How much may be unpacked of an archive beside twice what the manifest names.</summary>
    private const long MostUnpackedBeside = 1L << 28;

    /// <summary>Text, such as the listing's, packs to a twentieth; a bomb to a thousandth.</summary>
    private const int MostUnpackedPerByte = 32;

    /// <summary>How much of an entry's name is told; an archive may have names of 64 KB, as many as it likes.</summary>
    private const int MostShownName = 300;

    /// <summary>More than any disk holds, and little enough for sums.</summary>
    private const long MostBytes = 1L << 56;

    private readonly CollectionFolder _folder = new(root);
    private readonly Dictionary<string, Expected> _expected = new(StringComparer.Ordinal);
    // Earlier copies of images, by tar and path there. They may be gone; what is there is still what was written.
    private readonly Dictionary<(string Tar, string Place), Expected> _superseded = [];
    private readonly HashSet<string> _tars = new(StringComparer.Ordinal);
    private readonly HashSet<string> _foundTars = new(StringComparer.Ordinal);
    private readonly HashSet<string> _links = new(StringComparer.Ordinal);
    private readonly ImageIdSet _finished = new();
    private long _bytes;
    private long _totalBytes;
    private bool _hasPacked;

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

            tar = OneOf(tar);
            if (!_expected.TryAdd(place, new Expected(entry.Id, tar, entry.Bytes, Digest.Parse(entry.Sha256)))) Change(manifest, entry.Id, $"names '{place}', as it does for image {_expected[place].ImageId}");
            else if (tar is not null) _tars.Add(tar);
            AddBytes(entry);
            foreach (var copy in entry.Superseded) Supersede(copy);
        }

        void Supersede(ManifestEntry copy)
        {
            if (copy.Tar is null || CollectionFiles.FindPlace(root, copy.Path) is not { } place) return;
            if (OneOf(CollectionFiles.FindPlace(root, copy.Tar)) is not { } tar) return;
            _superseded[(tar, place)] = new Expected(copy.Id, tar, copy.Bytes, Digest.Parse(copy.Sha256));
            _tars.Add(tar);
            AddBytes(copy);
        }

        void AddBytes(ManifestEntry entry) => _totalBytes = Math.Min(MostBytes, _totalBytes + Math.Clamp(entry.Bytes, 0, MostBytes));

        string? OneOf(string? tar) => tar is null || names.TryAdd(tar, tar) ? tar : names[tar];
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
                    lock (_foundTars) _foundTars.Add(place);
                    yield return (progress, ct) => ReadArchive(place, () => _folder.OpenRead(place), new ArchiveScope(place, tar: place, progress, ct));
                }
                else if (_expected.TryGetValue(place, out var expected))
                {
                    expected.IsFile = true;
                    yield return (progress, ct) => ReadFile((FileInfo)item, place, expected, progress, ct);
                }
                else if (next.Prefix.Length == 0 && PictureArchive.IsPacked(place))
                {
                    _hasPacked = true;
                    yield return (progress, ct) => ReadArchive(place, () => _folder.OpenRead(place), new ArchiveScope(place, tar: null, progress, ct));
                }
                else if (!CollectionFiles.IsOwn(place))
                {
                    Surprise(place, place.EndsWith(WholeFile.PartSuffix, StringComparison.Ordinal) ? "is half of a file that a run was writing when it died" : "is in no manifest");
                }
            }
        }
    }

    /// <summary>Reads a whole collection that is one archive, instead of <see cref="Files"/>.</summary>
    /// <param name="archivePath">The archive.</param>
    /// <param name="prefix">What the names of its entries begin with.</param>
    /// <param name="progress">Told how far it is; may be null.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    public void ReadPacked(string archivePath, string prefix, IProgress<CheckProgress>? progress, CancellationToken cancellationToken)
    {
        _hasPacked = true;
        ReadArchive(Path.GetFileName(archivePath), () => PackedCollection.OpenRead(archivePath), new ArchiveScope("", tar: null, progress, cancellationToken) { Prefix = prefix });
    }

    /// <summary>How many bytes are unpacked of an archive that can only be read by unpacking it: more is a bomb.</summary>
    /// <param name="packed">The length of the archive's file in bytes.</param>
    /// <param name="expected">How many bytes of pictures are expected.</param>
    public static long MostUnpacked(long packed, long expected) =>
        MostUnpackedBeside + (MostUnpackedPerByte * Math.Min(packed, MostBytes)) + (2 * expected);

    /// <summary>An entry's name as a place in the collection: GNU tar begins with <c>./</c> what it packs of a folder.</summary>
    public static string PlaceOf(string name)
    {
        while (name.StartsWith("./", StringComparison.Ordinal)) name = name[2..];
        return name;
    }

    /// <summary>Holds the listing and the state against the manifest.</summary>
    /// <returns>How many listed images are neither here nor named as failed.</returns>
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
        var lost = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (place, expected) in _expected)
        {
            if (expected.IsFound) continue;
            if (expected.Tar is not { } tar)
            {
                Miss(place, expected.ImageId, Absence(place));
            }
            else if (!_foundTars.Contains(tar))
            {
                if (lost.Add(tar)) Miss(tar, null, Absence(tar));
                var elsewhere = _hasPacked ? ", and no other archive here holds it" : "";
                Miss(place, expected.ImageId, $"its tar '{tar}' {Absence(tar)}{elsewhere}");
            }
            else
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
                if (FindDifference(Stream.Null, file.Length, expected, progress, cancellationToken) is { } difference)
                    Change(place, expected.ImageId, difference);
                return (file.FullName, 0);
            }

            using var stream = _folder.OpenRead(place);
            if (FindDifference(stream, stream.Length, expected, progress, cancellationToken) is { } reason)
                Change(place, expected.ImageId, reason);
            return (file.FullName, expected.Bytes);
        }
        catch (Exception e) when (IsUnreadable(e) || e is CollectionException)
        {
            Change(place, expected.ImageId, $"cannot be read: {e.Message}");
            return (file.FullName, 0);
        }
    }

    /// <summary>Reads an archive that is a file.</summary>
    /// <param name="name">What it is called.</param>
    /// <param name="open">Opens it.</param>
    /// <param name="scope">Where it lies.</param>
    private (string Path, long Length) ReadArchive(string name, Func<FileStream> open, ArchiveScope scope)
    {
        try
        {
            using var file = open();
            if (file.Length == 0)
            {
                Change(name, null, "is empty");
                return (name, 0);
            }

            scope.MostUnpacked = MostUnpacked(file.Length, _totalBytes);
            using var archive = Open(name, new BufferedStream(file, 1 << 16), scope);
            ReadEntries(archive, scope);
        }
        catch (Exception e) when (IsUnreadable(e) || e is CollectionException)
        {
            Change(name, null, e is InvalidDataException ? $"is damaged: {e.Message}" : $"cannot be read to its end: {e.Message}");
        }

        return (name, scope.Read);
    }

    /// <summary>A tar that the manifest names is read as one, whatever its name is.</summary>
    private static PictureArchive Open(string name, Stream stream, ArchiveScope scope) => scope.Tar is null
        ? PictureArchive.Open(name, stream, scope.MostUnpacked, scope.CancellationToken)
        : PictureArchive.OpenTar(stream, scope.MostUnpacked, scope.CancellationToken);

    private void ReadEntries(PictureArchive archive, ArchiveScope scope)
    {
        var surplus = 0;
        while (archive.MoveNext())
        {
            scope.CancellationToken.ThrowIfCancellationRequested();
            if (!ReadEntry(archive, scope) && ++surplus > _expected.Count + MostSurplus)
                throw new InvalidDataException($"it holds more than {surplus} entries besides those of the manifest; the rest was not read");
        }
    }

    /// <returns>Whether the entry is one of those that the manifest names.</returns>
    private bool ReadEntry(PictureArchive archive, ArchiveScope scope)
    {
        // A tar that the manifest names was written by a run, and holds nothing else.
        var name = scope.Tar is null ? PlaceOf(archive.Name) : archive.Name;
        if (scope.Tar is null && archive.Kind == PictureArchiveEntryKind.Folder) return false;
        if (!name.StartsWith(scope.Prefix, StringComparison.Ordinal))
        {
            Surprise(scope.PlaceOf(name), "is in no manifest");
            return false;
        }

        name = name[scope.Prefix.Length..];
        var place = scope.PlaceOf(name);
        if (_expected.TryGetValue(name, out var expected) && (scope.Tar is null || expected.Tar == scope.Tar))
            return ReadPicture(archive, place, expected, scope);
        if (scope.Tar is not null && _superseded.TryGetValue((scope.Tar, name), out var superseded))
            return ReadPicture(archive, place, superseded, scope);
        if (scope.Tar is null && scope.Depth < DeepestArchive && archive.Kind == PictureArchiveEntryKind.File)
        {
            if (_tars.Contains(name))
            {
                ReadInner(archive, name, scope.Inner(place, name));
                return true;
            }

            if (scope.Place.Length == 0 && PictureArchive.IsPacked(name) && !name.Contains('/', StringComparison.Ordinal))
            {
                ReadInner(archive, name, scope.Inner(place, tar: null));
                return false;
            }
        }

        if (scope.Tar is not null) Surprise(place, "is an entry of the tar that the manifest does not know");
        else if (!CollectionFiles.IsOwn(name)) Surprise(place, "is in no manifest");
        return false;
    }

    private bool ReadPicture(PictureArchive archive, string place, Expected expected, ArchiveScope scope)
    {
        if (archive.Kind != PictureArchiveEntryKind.File)
        {
            Surprise(place, $"is {archive.KindName}, not a file");
            return false;
        }

        if (expected.Claim(scope.Place) is { } other)
        {
            Surprise(place, other == scope.Place ? "is there twice" : $"is in '{other}' as well");
            return false;
        }

        try
        {
            if (FindDifference(archive.EntryContent, archive.Length, expected, scope.Progress, scope.CancellationToken) is { } difference)
                Change(place, expected.ImageId, difference);
            scope.Read += archive.Length;
        }
        catch (InvalidDataException e)
        {
            Change(place, expected.ImageId, $"cannot be read: {e.Message}");
        }

        return true;
    }

    /// <summary>Reads an archive that is an entry of another one.</summary>
    private void ReadInner(PictureArchive outer, string name, ArchiveScope scope)
    {
        try
        {
            if (scope.Tar is not null)
            {
                lock (_foundTars)
                {
                    if (!_foundTars.Add(scope.Tar)) throw new InvalidDataException("there is another one of that name");
                }
            }

            using var archive = Open(name, outer.EntryContent, scope);
            ReadEntries(archive, scope);
        }
        catch (InvalidDataException e)
        {
            // Where the outer one is damaged, that is told as well.
            Change(scope.Place, null, $"is damaged: {e.Message}");
        }
    }

    /// <summary>What is different about a picture; null when it is what was written.</summary>
    private string? FindDifference(
        Stream content, long length, Expected expected, IProgress<CheckProgress>? progress, CancellationToken cancellationToken)
    {
        if (length != expected.Bytes) return FormattableString.Invariant($"has {length} bytes, not {expected.Bytes}");
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(ChunkSize);
        try
        {
            for (var done = 0L; done < length;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var count = content.Read(buffer, 0, (int)Math.Min(buffer.Length, length - done));
                if (count == 0) return FormattableString.Invariant($"ends after {done} of {length} bytes");
                hash.AppendData(buffer, 0, count);
                done += count;
                var all = Interlocked.Add(ref _bytes, count);
                progress?.Report(new CheckProgress(all, _totalBytes));
            }

            // A zip may say one length and hold another; nobody unpacks what is more than that.
            if (content.Read(buffer, 0, 1) > 0) return FormattableString.Invariant($"has more than {length} bytes");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        Span<byte> sha256 = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(sha256);
        return Digest.Read(sha256) == expected.Sha256 ? null : "has another content: its SHA-256 differs";
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

    /// <summary>Where an archive lies in the collection, and how its entries are read.</summary>
    /// <param name="place">Its place; empty for one that is the collection.</param>
    /// <param name="tar">The tar that the manifest has it for; null for one that was made of the collection later.</param>
    /// <param name="progress">Told how far the reading is; may be null.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    private sealed class ArchiveScope(string place, string? tar, IProgress<CheckProgress>? progress, CancellationToken cancellationToken)
    {
        public string Place => place;

        public string? Tar => tar;

        public IProgress<CheckProgress>? Progress => progress;

        public CancellationToken CancellationToken => cancellationToken;

        /// <summary>What the names of its entries begin with.</summary>
        public string Prefix { get; init; } = "";

        /// <summary>In how many archives it is, itself one of them.</summary>
        public int Depth { get; private init; } = 1;

        public long MostUnpacked { get; set; }

        /// <summary>How many bytes of pictures were read of it.</summary>
        public long Read { get; set; }

        /// <summary>An archive that is an entry of this one.</summary>
        public ArchiveScope Inner(string place, string? tar) =>
            new(place, tar, progress, cancellationToken) { Depth = Depth + 1, MostUnpacked = MostUnpacked };

        /// <summary>An entry's place, as it is told.</summary>
        public string PlaceOf(string name)
        {
            var shown = name.Length <= MostShownName ? name : name[..MostShownName] + "...";
            return place.Length == 0 ? shown : $"{place}:{shown}";
        }
    }

    /// <summary>What the manifest says of an image, and where it was found. Small, because there may be a million.</summary>
    private sealed class Expected(string imageId, string? tar, long bytes, Digest? sha256)
    {
        private string? _archive;

        public string ImageId { get; } = imageId;

        public string? Tar { get; } = tar;

        public long Bytes { get; } = bytes;

        public Digest? Sha256 { get; } = sha256;

        public bool IsFile { get; set; }

        /// <summary>Whether the image was found where it counts: a copy beside a tar that is gone does not.</summary>
        public bool IsFound => _archive is not null || (Tar is null && IsFile);

        /// <summary>Takes the image for found, and tells where it was already.</summary>
        /// <param name="archive">The archive that it is in; empty for one that lies in a packed collection as it lies in a folder.</param>
        public string? Claim(string archive)
        {
            if (archive.Length > 0) return Interlocked.CompareExchange(ref _archive, archive, null);
            var other = IsFile ? archive : null;
            IsFile = true;
            return other;
        }
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
