using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Collections.Tars;

namespace Mapillary.Collections.Checking;

/// <summary>Something about a collection that is not as it should be.</summary>
/// <param name="Path">The file, in the collection, with <c>/</c> on every system; for an entry of an archive, the archive's name, a colon and the entry's.</param>
/// <param name="ImageId">The image it is about; null where it is about none.</param>
/// <param name="Reason">What is the matter.</param>
public sealed record CollectionFinding(string Path, string? ImageId, string Reason)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Path}: {Reason}";
}

/// <summary>How far the reading of a collection is.</summary>
/// <param name="Bytes">How many bytes of pictures were read.</param>
/// <param name="TotalBytes">How many there are to read, as the manifest has it.</param>
public sealed record CheckProgress(long Bytes, long TotalBytes);

/// <summary>What reading a collection back came to.</summary>
public sealed record CollectionCheck
{
    /// <summary>The collection's folder.</summary>
    public required string Path { get; init; }

    /// <summary>That folder's own name.</summary>
    public string Collection => System.IO.Path.GetFileName(Path);

    /// <summary>Whether everything that the manifest names is there and the same, and nothing else is.</summary>
    public bool IsIntact => Missing.Count + Changed.Count + Unexpected.Count == 0;

    /// <summary>How many images the manifest names.</summary>
    public required int Images { get; init; }

    /// <summary>How many bytes of pictures were read and hashed.</summary>
    public required long Bytes { get; init; }

    /// <summary>How many images the listing holds that are neither here nor named as failed: what an interrupted run has left to do.</summary>
    public required int Pending { get; init; }

    /// <summary>
    /// Whether the listing of all images was read to its end; null where somebody chose the images, or nothing says it. Where it was not,
    /// nobody knows how many more there are.
    /// </summary>
    public bool? ListedToEnd { get; init; }

    /// <summary>The shard of the user's images that this is, such as 3/16; null for none.</summary>
    public string? Shard { get; init; }

    /// <summary>What is not there.</summary>
    public required IReadOnlyList<CollectionFinding> Missing { get; init => field = ItemList.Of(value); }

    /// <summary>What is there, but is not what was written.</summary>
    public required IReadOnlyList<CollectionFinding> Changed { get; init => field = ItemList.Of(value); }

    /// <summary>What nobody knows of.</summary>
    public required IReadOnlyList<CollectionFinding> Unexpected { get; init => field = ItemList.Of(value); }

    /// <inheritdoc/>
    public override string ToString() => $"{Path}: {(IsIntact ? "intact" : "damaged")}";

    /// <summary>
    /// Reads a collection back and hashes every picture, those in tars too, against the manifest. Nothing is written, no link is
    /// followed, and nothing is opened because a manifest names it: what lies in the folder is looked up in the manifest. What was
    /// packed later, into <c>.zip</c> or <c>.tar.gz</c> at the top of the collection, is read as well.
    /// </summary>
    /// <param name="collectionPath">The collection: its folder, or the one archive that it was packed into.</param>
    /// <param name="throttleLimit">The most files read at once.</param>
    /// <param name="progress">Told how far it is, from any thread; may be null.</param>
    /// <param name="log">Told each file.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="CollectionException">It is being written, is no collection with a manifest, or its manifest or lock is a link.</exception>
    /// <exception cref="InvalidDataException">The manifest is damaged, or something else; or the archive is, before the manifest.</exception>
    /// <exception cref="IOException">The archive cannot be read, or there is no room to unpack its manifest and listing.</exception>
    public static async Task<CollectionCheck> RunAsync(
        string collectionPath, int throttleLimit, IProgress<CheckProgress>? progress, IRunLog log, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(collectionPath);
        ArgumentNullException.ThrowIfNull(log);
        var root = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(collectionPath));
        if (PictureArchive.IsArchive(root) && File.Exists(root))
            return await Task.Run(() => ReadPacked(root, progress, log, cancellationToken), cancellationToken);
        var collection = Places.Collection.At(root);
        if (collection.ManifestPath is null) throw NoManifest(collection);
        using var taken = CollectionLock.TakeToRead(root);
        var reading = new CollectionReading(collection, log);
        reading.ReadManifest(cancellationToken);
        await foreach (var bytes in reading.Files().InParallelAsync(throttleLimit, (check, ct) => Task.FromResult(check(progress, ct)), cancellationToken))
            log.Say($"Read {ByteSize.Format(bytes.Length)} of {bytes.Path}.");
        var pending = reading.HoldListingAgainstManifest(cancellationToken);
        reading.TellMissing();
        // Where there was no lock to hold, a run may have begun meanwhile.
        if (taken is null) CollectionLock.TakeToRead(root)?.Dispose();

        return ResultOf(root, collection, reading, pending, log);
    }

    private static CollectionCheck ReadPacked(
        string archivePath, IProgress<CheckProgress>? progress, IRunLog log, CancellationToken cancellationToken)
    {
        using var packed = PackedCollection.Open(archivePath, cancellationToken);
        var collection = Places.Collection.At(packed.Folder);
        var reading = new CollectionReading(collection, log);
        reading.ReadManifest(cancellationToken);
        reading.ReadPacked(archivePath, packed.Prefix, progress, cancellationToken);
        log.Say($"Read {ByteSize.Format(reading.Bytes)} of {archivePath}.");
        var pending = reading.HoldListingAgainstManifest(cancellationToken);
        reading.TellMissing();
        return ResultOf(archivePath, collection, reading, pending, log);
    }

    private static CollectionCheck ResultOf(string path, Collection collection, CollectionReading reading, int pending, IRunLog log)
    {
        var state = StateOf(collection, log);
        return new CollectionCheck
        {
            Path = path,
            ListedToEnd = state?.ListedToEnd,
            Shard = state?.Shard,
            Images = reading.Images,
            Bytes = reading.Bytes,
            Pending = pending,
            Missing = Sorted(reading.Missing),
            Changed = Sorted(reading.Changed),
            Unexpected = Sorted(reading.Unexpected),
        };
    }

    /// <summary>What the collection says of itself. What it lies in is read all the same where that is damaged.</summary>
    private static CollectionState? StateOf(Collection collection, IRunLog log)
    {
        try
        {
            return collection.State;
        }
        catch (Exception e) when (e is InvalidDataException or CollectionException)
        {
            if (e.AdviceOf() is { } advice) log.Warn(e.Message, advice);
            else log.Warn(e.Message);
            return null;
        }
    }

    private static CollectionException NoManifest(Collection collection)
    {
        var why = collection.ListingPath is not null && !collection.Folder.Has(CollectionState.FileName)
            ? "mapillary-downloader made it, which writes none"
            : "it is no collection of this module, or lost it";
        return new CollectionException(CollectionFault.Mismatch, collection.Path, $"'{collection.Path}' has no {Manifest.FileName} to compare with: {why}.")
        {
            Advice = Advice.RepairCollection,
        };
    }

    private static List<CollectionFinding> Sorted(IEnumerable<CollectionFinding> findings) =>
        [.. findings.OrderBy(f => f.Path, StringComparer.Ordinal).ThenBy(f => f.ImageId, StringComparer.Ordinal)];
}
