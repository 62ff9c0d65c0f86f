using System.Buffers;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Collections.Tars;
using Mapillary.Graph;

namespace Mapillary.Collections.Checking;

/// <summary>One reading of a collection against its manifest; see <see cref="CollectionCheck"/>. Files may be read on any threads.</summary>
internal sealed class CollectionReading(Collection collection, IRunLog log)
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

    private readonly CollectionFolder _folder = collection.Folder;
    private ExpectedPictures _expected = new();
    private readonly HashSet<string> _foundTars = new(StringComparer.Ordinal);
    private readonly HashSet<string> _links = new(StringComparer.Ordinal);
    private long _bytes;
    private bool _hasPacked;

    /// <summary>Reads a file and tells how much of it.</summary>
    public delegate (string Path, long Length) FileRead(IProgress<CheckProgress>? progress, CancellationToken cancellationToken);

    public ConcurrentQueue<CollectionFinding> Missing { get; } = [];

    public ConcurrentQueue<CollectionFinding> Changed { get; } = [];

    public ConcurrentQueue<CollectionFinding> Unexpected { get; } = [];

    /// <summary>How many images the manifest names.</summary>
    public int Images => _expected.Images.Count;

    /// <summary>How many bytes of pictures were read.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Reads what is to be there.</summary>
    public void ReadManifest(CancellationToken cancellationToken)
    {
        var manifest = Path.GetFileName(collection.ManifestPath!);
        _expected = ExpectedPictures.Read(collection, (id, reason) => Change(manifest, id, reason), cancellationToken);
    }

    /// <summary>What is to be read: the files of the folder that the manifest names. Tells of those that nobody knows. To be gone through once.</summary>
    public IEnumerable<FileRead> Files()
    {
        var folders = new Stack<(DirectoryInfo Folder, string Prefix)>([(new DirectoryInfo(collection.Path), "")]);
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
                else if (_expected.Tars.Contains(place))
                {
                    lock (_foundTars) _foundTars.Add(place);
                    yield return (progress, ct) => ReadArchive(place, () => _folder.OpenRead(place), new ArchiveScope(place, tar: place, progress, ct));
                }
                else if (_expected.ByPlace.TryGetValue(place, out var expected))
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
        MostUnpackedBeside + (MostUnpackedPerByte * Math.Min(packed, ExpectedPictures.MostBytes)) + (2 * expected);

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
        var state = ReadOwn(CollectionState.FileName, () => collection.State);
        var failed = ReadOwn(FailedEntry.FileName, () => FailedEntry.ReadAll(_folder.PathOf(FailedEntry.FileName), log)) ?? [];
        var listing = Path.GetFileName(collection.ListingPath) ?? ImageRecords.FileName;
        var listed = ReadOwn(listing, () => collection.Listing(log, cancellationToken));
        var pending = listed is null ? []
            : listed.Ids.Where(id => !_expected.Images.Contains(id)).Select(id => id.ToString()).Where(id => !failed.ContainsKey(id)).ToList();
        if (state is { Complete: true })
        {
            foreach (var id in pending) Miss(listing, id, "lists it, and the collection, which calls itself complete, does not have it");
            if (state.Images != Images) Change(CollectionState.FileName, null, FormattableString.Invariant($"says {state.Images} images, and the manifest has {Images}"));
            if (listed is not null && state.Listed != listed.Count) Change(CollectionState.FileName, null, FormattableString.Invariant($"says {state.Listed} listed images, and the listing has {listed.Count}"));
        }

        foreach (var (place, expected) in _expected.ByPlace)
        {
            if (listed?.Contains(expected.ImageId) == false)
                Miss(listing, expected.ImageId, $"has no record of this image, which the manifest has as '{place}'");
        }

        return pending.Count;
    }

    /// <summary>Tells what was not there, when all files have been read.</summary>
    public void TellMissing()
    {
        var lost = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (place, expected) in _expected.ByPlace)
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

    private (string Path, long Length) ReadFile(FileInfo file, string place, ExpectedPicture expected, IProgress<CheckProgress>? progress, CancellationToken cancellationToken)
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

            scope.MostUnpacked = MostUnpacked(file.Length, _expected.Bytes);
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
            if (!ReadEntry(archive, scope) && ++surplus > _expected.ByPlace.Count + MostSurplus)
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
        if (_expected.ByPlace.TryGetValue(name, out var expected) && (scope.Tar is null || expected.Tar == scope.Tar))
            return ReadPicture(archive, place, expected, scope);
        if (scope.Tar is not null && _expected.Superseded.TryGetValue((scope.Tar, name), out var superseded))
            return ReadPicture(archive, place, superseded, scope);
        if (scope.Tar is null && scope.Depth < DeepestArchive && archive.Kind == PictureArchiveEntryKind.File)
        {
            if (_expected.Tars.Contains(name))
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

    private bool ReadPicture(PictureArchive archive, string place, ExpectedPicture expected, ArchiveScope scope)
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
        Stream content, long length, ExpectedPicture expected, IProgress<CheckProgress>? progress, CancellationToken cancellationToken)
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
                progress?.Report(new CheckProgress(all, _expected.Bytes));
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
        return Sha256Digest.Read(sha256) == expected.Sha256 ? null : "has another content: its SHA-256 differs";
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
}
