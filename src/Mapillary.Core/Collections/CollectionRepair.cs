using System.Security.Cryptography;
using Mapillary.Graph;
using Mapillary.Imaging;

namespace Mapillary.Collections;

/// <summary>
/// Mends what a power cut or the disk damaged of a collection's own files, before a run goes on with it. What is damaged is set aside,
/// never overwritten; what it said is taken from the other files, and from the pictures and tars. What then is missing, Mapillary is
/// asked for. Nothing is taken from a damaged file itself: what unpacks of one may look like a record and have other values.
/// </summary>
internal static class CollectionRepair
{
    /// <summary>What the names of damaged files begin with. By their dot they stay out of an item at archive.org.</summary>
    public const string DamagedPrefix = ".damaged-";

    /// <summary>Looks at the state, the listing and the manifest, and mends them. The lock of the collection must be held.</summary>
    /// <param name="path">The collection.</param>
    /// <param name="name">Whose images, in which form, where the state does not tell any more.</param>
    /// <param name="listing">The listing that the run reads; its area is taken where the state does not tell any more.</param>
    /// <param name="log">Told what was damaged, and what became of it.</param>
    /// <param name="cancellationToken">Stops between two files.</param>
    /// <exception cref="CollectionException">A file is a link, or no plain file, or of a later version, or no file of a collection.</exception>
    public static void Mend(string path, CollectionName name, AccountListing? listing, IRunLog log, CancellationToken cancellationToken = default)
    {
        var folder = new CollectionFolder(path);
        try
        {
            var isListingWhole = MendRecords(folder, log);
            var (state, isRebuilt) = MendState(folder, name, listing, log);
            var isManifestWhole = MendManifest(folder, isRebuilt, state, log, cancellationToken);
            ReadFirstLine(folder, ImageRecords.FileName, isListingWhole);
            ReadFirstLine(folder, Manifest.FileName, isManifestWhole);
        }
        catch (InvalidDataException e)
        {
            throw new CollectionException(CollectionFault.Mismatch, path, e.Message, e);
        }
    }

    private static (CollectionState? State, bool IsRebuilt) MendState(CollectionFolder folder, CollectionName name, AccountListing? listing, IRunLog log)
    {
        try
        {
            return (CollectionState.Read(folder.Path), false);
        }
        catch (InvalidDataException e)
        {
            // Where the listing is none, nothing is changed.
            var creatorId = RenamedUser.CreatorIdIn(folder.Path);
            var damaged = SetAside(folder, CollectionState.FileName);
            var state = new CollectionState
            {
                User = name.User,
                AreaName = name.Area?.Name,
                AreaText = name.Area?.Text,
                Quality = name.Quality.ToName(),
                Fields = name.Form.Fields(),
                BoundingBox = listing?.Area?.ToString(),
                CreatorId = name.Area is null ? creatorId : null,
            };
            state.Write(folder.Path);
            log.Warn($"{e.Message} It was set aside as '{damaged}' and written again. Whether the collection was limited to an area cannot be told any more: "
                + $"it counts as {(state.BoundingBox is { } area ? $"limited to {area}" : "limited to none")}, as this run asks for.");
            return (state, true);
        }
    }

    /// <summary>Sets a damaged listing aside; the run lists all again.</summary>
    /// <returns>Whether a compressed listing was looked through and is whole.</returns>
    private static bool MendRecords(CollectionFolder folder, IRunLog log)
    {
        var content = Examine(folder, ImageRecords.FileName);
        if (content != PackedContent.Damaged) return content == PackedContent.Whole;
        var damaged = SetAside(folder, ImageRecords.FileName + JsonLines.Compressed);
        log.Warn($"'{folder.PathOf(ImageRecords.FileName + JsonLines.Compressed)}' is damaged. It was set aside as '{damaged}', and all records are asked for again.");
        return false;
    }

    /// <summary>Rebuilds a manifest that is damaged, or empty though images were saved, from the pictures and tars.</summary>
    /// <returns>Whether a compressed manifest was looked through and is whole.</returns>
    private static bool MendManifest(CollectionFolder folder, bool isStateRebuilt, CollectionState? state, IRunLog log, CancellationToken cancellationToken)
    {
        var found = JsonLines.Find(folder.PathOf(Manifest.FileName));
        var content = Examine(folder, Manifest.FileName);
        var (isDamaged, isWhole) = (content == PackedContent.Damaged, content == PackedContent.Whole);
        var isEmpty = !isDamaged && (state is { Images: > 0 } || (isStateRebuilt && found is not null)) && (found is null || HoldsNothing(found, isWhole));
        if (!isDamaged && !isEmpty) return isWhole;

        string? damaged = null;
        if (found is not null && new FileInfo(found).Length > 0) damaged = SetAside(folder, Path.GetFileName(found));
        else if (found is not null) folder.Delete(Path.GetFileName(found));
        var rebuilt = new RebuiltManifest(folder, log);
        rebuilt.AddTars(cancellationToken);
        rebuilt.AddPictures(cancellationToken);
        rebuilt.Write();
        log.Warn(FormattableString.Invariant(
            $"'{folder.PathOf(Manifest.FileName)}' was {(isDamaged ? "damaged" : "empty")}{(damaged is null ? "" : $", and was set aside as '{damaged}'")}. It was written again from the pictures and tars that are there: {rebuilt.Count:N0} images. What is not among them is fetched again."));
        return false;
    }

    /// <summary>What a compressed file is, which counts because there is no plain one; null where none counts.</summary>
    private static PackedContent? Examine(CollectionFolder folder, string name) =>
        !folder.Has(name) && folder.Has(name + JsonLines.Compressed) ? JsonLines.Examine(folder, name + JsonLines.Compressed) : null;

    /// <summary>What unpacks to too much, or is no file of lines, is found by the first line already.</summary>
    private static void ReadFirstLine(CollectionFolder folder, string name, bool isWhole)
    {
        if (JsonLines.Find(folder.PathOf(name)) is { } found) _ = JsonLines.Read(found, isWhole).Take(1).Count();
    }

    /// <summary>Whether no line of a file is a JSON object: it is empty, or what a power cut left of it is zeros.</summary>
    private static bool HoldsNothing(string path, bool isWhole)
    {
        var lines = 0;
        foreach (var line in JsonLines.Read(path, isWhole))
        {
            if (line.AsSpan().TrimStart().StartsWith("{") || ++lines > JsonLines.MostBrokenLines) return false;
        }

        return true;
    }

    /// <summary>Gives a damaged file another name in the collection.</summary>
    /// <returns>That name.</returns>
    private static string SetAside(CollectionFolder folder, string name)
    {
        for (var number = 1; ; number++)
        {
            var aside = number == 1 ? DamagedPrefix + name : FormattableString.Invariant($"{DamagedPrefix}{number}-{name}");
            if (folder.Has(aside)) continue;
            using var handle = folder.OpenFolderOf(name, out _);
            handle.Move(name, handle, aside, overwrite: false);
            return aside;
        }
    }
}

/// <summary>A manifest that is made of the tars and pictures that are there. How the pictures were made, and which were doubtful, it does not know.</summary>
internal sealed class RebuiltManifest(CollectionFolder folder, IRunLog log)
{
    private readonly Dictionary<string, ManifestEntry> _entries = new(StringComparer.Ordinal);
    private readonly List<ManifestTar> _tars = [];

    /// <summary>How many images it has.</summary>
    public int Count => _entries.Count;

    /// <summary>Adds the pictures in tars, the tars in the order of their names.</summary>
    public void AddTars(CancellationToken cancellationToken)
    {
        foreach (var tar in folder.Files(isDeep: false).Select(f => f.Name).Where(n => n.EndsWith(".tar", StringComparison.Ordinal)).Order(Comparer<string>.Create(CompareTars)).ToList())
        {
            try
            {
                AddTar(tar, cancellationToken);
                _tars.Add(TarFile.Measure(folder.PathOf(tar)));
            }
            catch (Exception e) when (e is InvalidDataException or IOException or CollectionException or UnauthorizedAccessException)
            {
                log.Warn($"'{folder.PathOf(tar)}' cannot be read to its end: {e.Message} What it holds behind that is fetched again.");
            }
        }
    }

    /// <summary>Adds the pictures that are in no tar.</summary>
    public void AddPictures(CancellationToken cancellationToken)
    {
        foreach (var file in folder.Files(skip: FileAttributes.Hidden).Where(f => PictureForm.IsPicture(f.FullName)).OrderBy(f => f.FullName, StringComparer.Ordinal))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var place = folder.PlaceOf(file.FullName);
            if (!place.Contains('/', StringComparison.Ordinal) || CollectionFiles.IsOwn(place)) continue;
            try
            {
                Add(place, folder.ReadPictureAsync(place, cancellationToken).GetAwaiter().GetResult(), tar: null);
            }
            catch (Exception e) when (e is InvalidDataException or IOException or CollectionException or UnauthorizedAccessException)
            {
                log.Warn($"'{file.FullName}' cannot be read: {e.Message} Its image is fetched again.");
            }
        }
    }

    /// <summary>Writes the manifest, whole or not at all.</summary>
    public void Write() => Manifest.Write(folder, _tars, _entries.Values);

    private void AddTar(string name, CancellationToken cancellationToken)
    {
        using var file = new BufferedStream(folder.OpenRead(name), 1 << 16);
        using var tar = PictureArchive.OpenTar(file, long.MaxValue, cancellationToken);
        while (tar.MoveNext())
        {
            cancellationToken.ThrowIfCancellationRequested();
            // The tar may be somebody else's.
            if (tar.Kind != PictureArchiveEntryKind.File || !PictureForm.IsPicture(tar.Name) || CollectionFiles.FindPlace(folder.Path, tar.Name) != tar.Name) continue;
            if (tar.Length > CollectionFolder.LargestPicture) continue;
            var picture = new byte[tar.Length];
            tar.EntryContent.ReadExactly(picture);
            Add(tar.Name, picture, name);
        }
    }

    /// <summary>Adds a picture, where it is whole and says which image it is; one of the same image that came before is an earlier copy.</summary>
    private void Add(string place, byte[] picture, string? tar)
    {
        var where = tar is null ? folder.PathOf(place) : $"{place} in {folder.PathOf(tar)}";
        if (FindFault(picture) is { } fault)
        {
            log.Warn($"'{where}' is no whole picture, and its image is fetched again: {fault}.");
            return;
        }

        var id = TimePlaces.IsTime(Path.GetFileNameWithoutExtension(place)) ? ImageMetadata.FindId(picture) : FileRestorer.IdOf(place);
        if (string.IsNullOrEmpty(id))
        {
            log.Warn($"'{where}' does not say which image it is, and is left out of the manifest.");
            return;
        }

        var entry = new ManifestEntry(id, place, picture.Length, Convert.ToHexString(SHA256.HashData(picture)).ToLowerInvariant(), tar);
        if (_entries.TryGetValue(id, out var other))
        {
            // The same file in a tar and beside it: a run died between the two.
            if (tar is null && (other.Sha256, other.Path) == (entry.Sha256, entry.Path)) return;
            entry = other.ReplacedBy(entry).InPlace();
        }

        _entries[id] = entry;
    }

    private static string? FindFault(byte[] picture)
    {
        if (!picture.AsSpan().StartsWith("RIFF"u8)) return JpegCheck.FindFault(picture);
        try
        {
            WebpContainer.Read(picture);
            return null;
        }
        catch (InvalidDataException e)
        {
            return e.Message;
        }
    }

    /// <summary><c>x.tar</c> comes before <c>x.2.tar</c>, and that before <c>x.10.tar</c>.</summary>
    private static int CompareTars(string one, string other)
    {
        var ((name, number), (otherName, otherNumber)) = (Parts(one), Parts(other));
        return string.CompareOrdinal(name, otherName) is var names and not 0 ? names : number.CompareTo(otherNumber) is var numbers and not 0 ? numbers : string.CompareOrdinal(one, other);

        static (string Name, int Number) Parts(string tar)
        {
            var parts = tar.Split('.');
            return (parts[0], parts.Length > 2 && int.TryParse(parts[1], System.Globalization.NumberStyles.None, null, out var number) ? number : 0);
        }
    }
}
