using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;

namespace Mapillary.Collections.Checking;

/// <summary>
/// Mends what a power cut or the disk damaged of a collection's own files: before a run goes on with it, or on demand without asking
/// Mapillary. What is damaged is set aside, never overwritten; what it said is taken from the other files, and from the pictures and tars.
/// What then is missing, Mapillary is asked for by the next run. Nothing is taken from a damaged packed file: what unpacks of one may look
/// like a record and have other values.
/// </summary>
public static class CollectionRepair
{
    /// <summary>What of a collection's state, manifest and listing is missing, damaged or incomplete; nothing is written.</summary>
    /// <param name="collectionPath">Its folder.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <returns>Each file that has to be made again, with what is the matter with it; empty for a sound collection.</returns>
    /// <exception cref="CollectionException">
    /// It is being written, is no collection, does not tell any more whose, or a file is a link or of a later version.
    /// </exception>
    public static IReadOnlyList<CollectionFinding> Find(string collectionPath, CancellationToken cancellationToken = default)
    {
        var folder = FolderOf(collectionPath);
        using var taken = CollectionLock.TakeToRead(folder.Path);
        return OwnFiles.Look(folder, cancellationToken).Faults;
    }

    /// <summary>
    /// Makes a collection's state, manifest and listing again, as far as they are missing, damaged or incomplete: of the tars and pictures, of
    /// what was packed into archives at the top of the folder, and of the records in the pictures. No request is sent. On a sound collection
    /// nothing is written.
    /// </summary>
    /// <param name="collectionPath">Its folder.</param>
    /// <param name="progress">Told how much of the pictures was read; may be null.</param>
    /// <param name="log">Told what cannot be taken in, and what cannot be known.</param>
    /// <param name="cancellationToken">Stops between two pictures; nothing was changed then, or what was made stays.</param>
    /// <exception cref="CollectionException">
    /// It is being written, is no collection, does not tell any more whose, or a file is a link or of a later version.
    /// </exception>
    /// <exception cref="FileNotWrittenException">A file cannot be made again.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static RepairResult Run(
        string collectionPath, IProgress<CheckProgress>? progress, IRunLog log, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(log);
        var folder = FolderOf(collectionPath);
        using (CollectionLock.TakeToRead(folder.Path))
        {
            var sound = OwnFiles.Look(folder, cancellationToken);
            if (sound.Faults.Count == 0) return sound.Result();
        }

        using var taken = CollectionLock.Take(folder.Path, log);
        var faulty = OwnFiles.Look(folder, cancellationToken);
        try
        {
            return faulty.Repair(progress, log, cancellationToken);
        }
        catch (IOException e)
        {
            throw new FileNotWrittenException(e);
        }
    }

    private static CollectionFolder FolderOf(string collectionPath)
    {
        ArgumentException.ThrowIfNullOrEmpty(collectionPath);
        var folder = new CollectionFolder(collectionPath);
        return Directory.Exists(folder.Path) ? folder : throw new CollectionException(
            CollectionFault.Mismatch, folder.Path,
            $"'{folder.Path}' is not the folder of a collection. One that is packed into an archive has to be unpacked first.");
    }

    /// <summary>Looks at the state, the listing and the manifest, and mends them. The lock of the collection must be held.</summary>
    /// <param name="path">The collection.</param>
    /// <param name="name">Whose images, in which form, where the state does not tell any more.</param>
    /// <param name="listing">The listing that the run reads; its area is taken where the state does not tell any more.</param>
    /// <param name="log">Told what was damaged, and what became of it.</param>
    /// <param name="cancellationToken">Stops between two files.</param>
    /// <exception cref="CollectionException">A file is a link, or no plain file, or of a later version, or no file of a collection.</exception>
    internal static void Mend(string path, CollectionName name, AccountListing? listing, IRunLog log, CancellationToken cancellationToken = default)
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
            throw new CollectionException(CollectionFault.Mismatch, path, e.Message, e) { Advice = e.AdviceOf() };
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
            var creatorId = Collection.At(folder.Path).FindCreatorIdInRecords();
            var damaged = SetAside(folder, CollectionState.FileName);
            var state = CollectionState.Of(name) with
            {
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
        var found = Collection.At(folder.Path).ManifestPath;
        var content = Examine(folder, Manifest.FileName);
        var (isDamaged, isWhole) = (content == PackedContent.Damaged, content == PackedContent.Whole);
        var isEmpty = !isDamaged && (state is { Images: > 0 } || (isStateRebuilt && found is not null)) && (found is null || HoldsNothing(found, isWhole));
        if (!isDamaged && !isEmpty) return isWhole;

        string? damaged = null;
        if (found is not null && new FileInfo(found).Length > 0) damaged = SetAside(folder, Path.GetFileName(found));
        else if (found is not null) folder.Delete(Path.GetFileName(found));
        var rebuilt = new RebuiltManifest(folder, log);
        rebuilt.Read(progress: null, cancellationToken);
        rebuilt.Write();
        log.Warn(
            $"'{folder.PathOf(Manifest.FileName)}' was {(isDamaged ? "damaged" : "empty")}{(damaged is null ? "" : $", and was set aside as '{damaged}'")}. "
            + $"It was written again from the pictures and tars that are there: {Amount.Of(rebuilt.Count, "image")}. What is not among them is fetched again.");
        return false;
    }

    /// <summary>What a compressed file is, which counts because there is no plain one; null where none counts.</summary>
    internal static PackedContent? Examine(CollectionFolder folder, string name) =>
        !folder.Has(name) && folder.Has(name + JsonLines.Compressed) ? JsonLines.Examine(folder, name + JsonLines.Compressed) : null;

    /// <summary>What unpacks to too much, or is no file of lines, is found by the first line already.</summary>
    private static void ReadFirstLine(CollectionFolder folder, string name, bool isWhole)
    {
        if (JsonLines.Find(folder.PathOf(name)) is { } found) _ = JsonLines.Read(found, isWhole).Take(1).Count();
    }

    /// <summary>Whether no line of a file is a JSON object: it is empty, or what a power cut left of it is zeros.</summary>
    internal static bool HoldsNothing(string path, bool isWhole)
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
    internal static string SetAside(CollectionFolder folder, string name)
    {
        for (var number = 1; ; number++)
        {
            var aside = number == 1 ? CollectionFiles.DamagedPrefix + name : FormattableString.Invariant($"{CollectionFiles.DamagedPrefix}{number}-{name}");
            if (folder.Has(aside)) continue;
            using var handle = folder.OpenFolderOf(name, out _);
            handle.Move(name, handle, aside, overwrite: false);
            return aside;
        }
    }
}
