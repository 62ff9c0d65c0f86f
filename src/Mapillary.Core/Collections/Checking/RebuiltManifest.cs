using System.Globalization;
using System.Security.Cryptography;
using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Collections.Tars;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.Imaging.Metadata;

namespace Mapillary.Collections.Checking;

/// <summary>
/// A manifest that is made of the tars and pictures that are there, and of what was packed into <c>.zip</c> and <c>.tar.gz</c> since. How
/// the pictures were made, and which were doubtful, it does not know.
/// </summary>
/// <param name="folder">The collection.</param>
/// <param name="log">Told what is left out, and why.</param>
/// <param name="found">Told each picture that is whole: its image, and the record that it holds of it; null where it holds none.</param>
internal sealed class RebuiltManifest(CollectionFolder folder, IRunLog log, Action<string, MapillaryImage?>? found = null)
{
    private readonly Dictionary<string, ManifestEntry> _entries = new(StringComparer.Ordinal);
    private readonly List<ManifestTar> _tars = [];
    private readonly List<CollectionFinding> _leftOut = [];
    private IProgress<CheckProgress>? _progress;
    private long _read;
    private long _total;

    /// <summary>How many images it has.</summary>
    public int Count => _entries.Count;

    /// <summary>The pictures and tars that are there and could not be taken in.</summary>
    public IReadOnlyList<CollectionFinding> LeftOut => _leftOut;

    /// <summary>Reads the tars, in the order of their names, then what was packed, then the pictures that are in no tar.</summary>
    /// <param name="progress">Told how far it is; may be null.</param>
    /// <param name="cancellationToken">Stops between two pictures.</param>
    public void Read(IProgress<CheckProgress>? progress, CancellationToken cancellationToken)
    {
        _progress = progress;
        var top = folder.Files(isDeep: false).ToList();
        var tars = top.Where(f => f.Name.EndsWith(".tar", StringComparison.Ordinal))
            .OrderBy(f => f.Name, Comparer<string>.Create(CompareTars)).ToList();
        var packed = top.Where(f => PictureArchive.IsPacked(f.Name)).OrderBy(f => f.Name, StringComparer.Ordinal).ToList();
        var pictures = folder.Files(skip: FileAttributes.Hidden).Where(f => IsPicture(folder.PlaceOf(f.FullName)))
            .OrderBy(f => f.FullName, StringComparer.Ordinal).ToList();
        _total = tars.Concat(packed).Concat(pictures).Sum(f => f.Length);
        foreach (var tar in tars) ReadArchive(tar, () => ReadTar(tar.Name, cancellationToken));
        foreach (var archive in packed) ReadArchive(archive, () => ReadPacked(archive.Name, cancellationToken));
        foreach (var picture in pictures) ReadPicture(picture, cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>Takes over what an earlier manifest says; where a picture is elsewhere now, that counts.</summary>
    public void Keep(IEnumerable<ManifestEntry> entries)
    {
        foreach (var kept in entries)
        {
            if (!_entries.TryGetValue(kept.Id, out var there) || (there.Path, there.Tar) == (kept.Path, kept.Tar)) _entries[kept.Id] = kept;
            else if (there.Sha256 == kept.Sha256) _entries[kept.Id] = there with { Made = kept.Made, Warning = kept.Warning };
        }
    }

    /// <summary>Whether an image is in it.</summary>
    public bool Has(string imageId) => _entries.ContainsKey(imageId);

    /// <summary>Writes the manifest, whole or not at all.</summary>
    public void Write() => Manifest.Write(folder, _tars, _entries.Values);

    private static bool IsUnreadable(Exception e) =>
        e is InvalidDataException or IOException or CollectionException or UnauthorizedAccessException;

    private static bool IsPicture(string place) =>
        PictureForm.IsPicture(place) && place.Contains('/', StringComparison.Ordinal) && !CollectionFiles.IsOwn(place);

    private void ReadArchive(FileInfo archive, Action read)
    {
        try
        {
            read();
        }
        catch (Exception e) when (IsUnreadable(e))
        {
            _leftOut.Add(new CollectionFinding(archive.Name, null, $"cannot be read to its end: {e.Message}"));
            log.Warn($"'{archive.FullName}' cannot be read to its end: {e.Message} What it holds behind that is fetched again.");
        }
        finally
        {
            Tell(archive.Length);
        }
    }

    private void ReadTar(string name, CancellationToken cancellationToken)
    {
        using (var file = new BufferedStream(folder.OpenRead(name), 1 << 16))
        {
            using var tar = PictureArchive.OpenTar(file, long.MaxValue, cancellationToken);
            ReadEntries(tar, name, isOwn: true, cancellationToken);
        }

        _tars.Add(TarFile.Measure(folder.PathOf(name)));
    }

    private void ReadPacked(string name, CancellationToken cancellationToken)
    {
        using var file = folder.OpenRead(name);
        var most = CollectionReading.MostUnpacked(file.Length, expected: 0);
        using var archive = PictureArchive.Open(name, new BufferedStream(file, 1 << 16), most, cancellationToken);
        ReadEntries(archive, tar: null, isOwn: false, cancellationToken);
    }

    /// <param name="archive">The archive.</param>
    /// <param name="tar">The tar of the collection that it is, by its name; null for what was packed later.</param>
    /// <param name="isOwn">Whether it was written by a run, which names its entries by their places to the letter.</param>
    /// <param name="cancellationToken">Stops between two pictures.</param>
    private void ReadEntries(PictureArchive archive, string? tar, bool isOwn, CancellationToken cancellationToken)
    {
        while (archive.MoveNext())
        {
            cancellationToken.ThrowIfCancellationRequested();
            // The archive may be somebody else's.
            var place = isOwn ? archive.Name : CollectionReading.PlaceOf(archive.Name);
            if (archive.Kind != PictureArchiveEntryKind.File || CollectionFiles.FindPlace(folder.Path, place) != place) continue;
            if (tar is null && place.EndsWith(".tar", StringComparison.Ordinal) && !place.Contains('/', StringComparison.Ordinal))
            {
                ReadPackedTar(archive, place, cancellationToken);
            }
            else if (IsPicture(place) && archive.Length <= CollectionFolder.LargestPicture)
            {
                var picture = new byte[archive.Length];
                archive.EntryContent.ReadExactly(picture);
                Add(place, picture, tar);
            }
        }
    }

    /// <summary>Reads a tar of the collection that was packed into another archive.</summary>
    private void ReadPackedTar(PictureArchive archive, string name, CancellationToken cancellationToken)
    {
        // It is there as a file as well.
        if (_tars.Exists(t => t.Name == name)) return;
        var length = archive.Length;
        using var content = new HashedStream(archive.EntryContent);
        using (var tar = PictureArchive.OpenTar(content, long.MaxValue, cancellationToken))
            ReadEntries(tar, name, isOwn: true, cancellationToken);
        _tars.Add(new ManifestTar(name, length, content.Md5()));
    }

    private void ReadPicture(FileInfo file, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var place = folder.PlaceOf(file.FullName);
        try
        {
            Add(place, folder.ReadPictureAsync(place, cancellationToken).GetAwaiter().GetResult(), tar: null);
        }
        catch (Exception e) when (IsUnreadable(e))
        {
            _leftOut.Add(new CollectionFinding(place, null, $"cannot be read: {e.Message}"));
            log.Warn($"'{file.FullName}' cannot be read: {e.Message} Its image is fetched again.");
        }

        Tell(file.Length);
    }

    private void Tell(long length) => _progress?.Report(new CheckProgress(_read += length, _total));

    /// <summary>
    /// Adds a picture, where it is whole and says which image it is; one of the same image that came before is an earlier copy.
    /// </summary>
    private void Add(string place, byte[] picture, string? tar)
    {
        var finding = tar is null ? place : $"{tar}:{place}";
        var where = tar is null ? folder.PathOf(place) : $"{place} in {folder.PathOf(tar)}";
        if (PictureForm.FindFault(picture) is { } fault)
        {
            _leftOut.Add(new CollectionFinding(finding, null, $"is no whole picture: {fault}"));
            log.Warn($"'{where}' is no whole picture, and its image is fetched again: {fault}.");
            return;
        }

        var record = ImageMetadata.FindRecord(picture);
        if (FindId(place, record) is not { } id)
        {
            _leftOut.Add(new CollectionFinding(finding, null, "does not say which image it is"));
            log.Warn($"'{where}' does not say which image it is, and is left out of the manifest.");
            return;
        }

        if (record is not null && record.Id != id)
        {
            log.Warn($"'{where}' is named as image {id}, and holds the record of image {record.Id}. The name counts.");
            record = null;
        }

        var entry = new ManifestEntry(id, place, picture.Length, Convert.ToHexString(SHA256.HashData(picture)).ToLowerInvariant(), tar);
        if (_entries.TryGetValue(id, out var other))
        {
            // The same file in a tar and beside it: a run died between the two.
            if (tar is null && (other.Sha256, other.Path) == (entry.Sha256, entry.Path)) return;
            entry = other.ReplacedBy(entry).InPlace();
        }

        _entries[id] = entry;
        found?.Invoke(id, record);
    }

    /// <summary>
    /// The image of a picture: by its name, or by its record where the name is a time. Any other name is no id, unless the record bears it out.
    /// </summary>
    private static string? FindId(string place, MapillaryImage? record)
    {
        var name = Path.GetFileNameWithoutExtension(place);
        if (TimePlaces.IsTime(name)) return record?.Id ?? TimePlaces.IdIn(name);
        var id = FileIdentity.IdOf(place);
        return id.Length > 0 && (id.All(char.IsAsciiDigit) || id == record?.Id) ? id : null;
    }

    /// <summary><c>x.tar</c> comes before <c>x.2.tar</c>, and that before <c>x.10.tar</c>.</summary>
    private static int CompareTars(string one, string other)
    {
        var ((name, number), (otherName, otherNumber)) = (Parts(one), Parts(other));
        return string.CompareOrdinal(name, otherName) is var names and not 0 ? names
            : number.CompareTo(otherNumber) is var numbers and not 0 ? numbers
            : string.CompareOrdinal(one, other);

        static (string Name, int Number) Parts(string tar)
        {
            var parts = tar.Split('.');
            return (parts[0], parts.Length > 2 && int.TryParse(parts[1], NumberStyles.None, null, out var number) ? number : 0);
        }
    }

    /// <summary>A tar within an archive, hashed while it is read.</summary>
    private sealed class HashedStream(Stream content) : ForwardStream
    {
#pragma warning disable CA5351 // No secret hangs on it: it is the checksum that archive.org keeps.
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
#pragma warning restore CA5351

        public override int Read(byte[] buffer, int offset, int count)
        {
            var read = content.Read(buffer, offset, count);
            _hash.AppendData(buffer, offset, read);
            return read;
        }

        /// <summary>The MD5 of the whole, lower-case hexadecimal; what was not read yet is read now.</summary>
        public string Md5()
        {
            CopyTo(Null);
            return Convert.ToHexString(_hash.GetHashAndReset()).ToLowerInvariant();
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing) _hash.Dispose();
            base.Dispose(disposing);
        }
    }
}
