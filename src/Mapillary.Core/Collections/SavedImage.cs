namespace Mapillary.Collections;

/// <summary>How an image that was to be saved ended. Each ends as exactly one of these.</summary>
public enum SavedImageStatus
{
    /// <summary>Fetched now, and whole on disk.</summary>
    Saved,

    /// <summary>Was there already, from an earlier run.</summary>
    Present,

    /// <summary>Mapillary does not have it, or not in this quality.</summary>
    Unavailable,

    /// <summary>Not downloaded, although Mapillary has it; the next run tries again.</summary>
    Failed,
}

/// <summary>What became of one image.</summary>
public sealed record SavedImage
{
    /// <summary>The image id.</summary>
    public required string Id { get; init; }

    /// <summary>How it ended.</summary>
    public required SavedImageStatus Status { get; init; }

    /// <summary>The file; null where there is none, or where it is in a tar.</summary>
    public string? Path { get; init; }

    /// <summary>The tar that holds it; null where it is in none.</summary>
    public string? TarPath { get; init; }

    /// <summary>The file's size in bytes; 0 where there is none.</summary>
    public long Length { get; init; }

    /// <summary>The SHA-256 of the file, in lower-case hexadecimal.</summary>
    public string? Sha256 { get; init; }

    /// <summary>The image's sequence.</summary>
    public string? SequenceId { get; init; }

    /// <summary>When it was captured.</summary>
    public DateTimeOffset? CapturedAt { get; init; }

    /// <summary>The collection's folder.</summary>
    public required string CollectionPath { get; init; }

    /// <summary>In what an image that was there already is not what this run would have made of it.</summary>
    internal MadeDifference Differs { get; init; }

    /// <summary>Why it was not saved; null when it was.</summary>
    public string? Error { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Path ?? Id;
}

/// <summary>
/// What became of the images that were listed. <see cref="Listed"/> is the sum of the other four, always.
/// </summary>
public sealed record Ledger(long Saved, long Present, long Unavailable, long Failed)
{
    /// <summary>The empty one.</summary>
    public static Ledger Empty { get; } = new(0, 0, 0, 0);

    /// <summary>All images.</summary>
    public long Listed => Saved + Present + Unavailable + Failed;

    /// <summary>The ledger with one image more.</summary>
    public Ledger With(SavedImageStatus status) => status switch
    {
        SavedImageStatus.Saved => this with { Saved = Saved + 1 },
        SavedImageStatus.Present => this with { Present = Present + 1 },
        SavedImageStatus.Unavailable => this with { Unavailable = Unavailable + 1 },
        _ => this with { Failed = Failed + 1 },
    };

    /// <summary>The ledger as a line for people.</summary>
    public override string ToString() =>
        FormattableString.Invariant($"listed {Listed:N0} = saved {Saved:N0} + present {Present:N0} + unavailable {Unavailable:N0} + failed {Failed:N0}");
}
