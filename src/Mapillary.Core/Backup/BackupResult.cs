using Mapillary.Collections;
using Mapillary.Graph;
using Mapillary.Saving;

namespace Mapillary.Backup;

/// <summary>What a backup is to do.</summary>
public sealed record BackupOptions
{
    /// <summary>How images are saved; the destination is the folder in which finished collections appear.</summary>
    public SaveOptions Save { get; init; } = new();

    /// <summary>Which images are wanted.</summary>
    public ImageFilter Filter { get; init; } = ImageFilter.None;

    /// <summary>Whether a collection that was limited to an area may become one of the whole account. Not together with an area.</summary>
    public bool AllAreas { get; init; }

    /// <summary>In how many windows of capture time a user is listed at once; see <see cref="ImageListing.OfUserInWindowsAsync"/>.</summary>
    public int ListingParallelism { get; init; } = 1;

    /// <summary>What goes into one tar; null leaves the files as they are.</summary>
    public TarGrouping? Tar { get; init; } = TarGrouping.Date;

    /// <summary>Whether a user whose collection is on archive.org, and not here, is skipped.</summary>
    public bool SkipArchived { get; init; } = true;

    /// <summary>Whether to go on where it cannot be told whether the collection is on archive.org.</summary>
    public bool GoOnWhenUntold { get; init; }

    /// <summary>What is listed, as the collection has to know it.</summary>
    internal AccountListing Listing => new(Filter.BoundingBox, AllAreas);
}

/// <summary>How the backup of a user ended; texts for the reason that <see cref="SavedImageStatus"/> gives.</summary>
public static class BackupStatus
{
    /// <summary>Everything that Mapillary has is in the collection, and the collection is in its place.</summary>
    public const string Complete = nameof(Complete);

    /// <summary>Some images failed; the collection stays in staging, and the next run goes on there.</summary>
    public const string Incomplete = nameof(Incomplete);

    /// <summary>A stop rule ended the run; the collection stays in staging, and the next run goes on there.</summary>
    public const string Stopped = nameof(Stopped);

    /// <summary>The user has no images, or there is no such user.</summary>
    public const string Empty = nameof(Empty);

    /// <summary>The collection is on archive.org already.</summary>
    public const string Archived = nameof(Archived);

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = [Complete, Incomplete, Stopped, Empty, Archived];
}

/// <summary>What became of a user's backup.</summary>
public sealed record BackupResult
{
    /// <summary>The user.</summary>
    public required string User { get; init; }

    /// <summary>How it ended: one of <see cref="BackupStatus"/>.</summary>
    /// <exception cref="ArgumentException">It is set to something else.</exception>
    public required string Status { get; init => field = Choice.Of(value, BackupStatus.All); }

    /// <summary>The collection's folder; null where there is none.</summary>
    public string? CollectionPath { get; init; }

    /// <summary>What became of the images.</summary>
    public Ledger Ledger { get; init; } = Ledger.Empty;

    /// <summary>How many images were fetched in this run.</summary>
    public long Saved => Ledger.Saved;

    /// <summary>How many images were there already.</summary>
    public long Present => Ledger.Present;

    /// <summary>How many images Mapillary does not have, or not in this quality.</summary>
    public long Unavailable => Ledger.Unavailable;

    /// <summary>How many images could not be fetched; the next run tries again.</summary>
    public long Failed => Ledger.Failed;

    /// <summary>How many of the saved and present images have a picture that is much smaller than its record says.</summary>
    public long Doubtful { get; init; }

    /// <summary>Whether the collection was complete before and Mapillary has nothing new; its files are then what they were.</summary>
    public bool IsUnchanged { get; init; }

    /// <summary>Why a stop rule ended the run; null where none did.</summary>
    public string? StopReason { get; init; }

    /// <summary>The size in bytes of what was saved in this run.</summary>
    public long Bytes { get; init; }

    /// <summary>The size in bytes of what was there already.</summary>
    public long PresentBytes { get; init; }

    /// <summary>Why images ended without their picture, the most frequent reason first.</summary>
    public IReadOnlyList<LossKind> Losses { get; init => field = ItemList.Of(value); } = ItemList<LossKind>.Empty;

    /// <summary>Images that were there already and were made with other options; null where there are none.</summary>
    public MadeOtherwise? MadeOtherwise { get; init; }

    /// <summary>The tars written in this run.</summary>
    public IReadOnlyList<SequenceTar> Tars { get; init => field = ItemList.Of(value); } = ItemList<SequenceTar>.Empty;

    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; init; }
}
