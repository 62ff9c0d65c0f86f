namespace Mapillary.Collections;

/// <summary>
/// How an image that was to be saved ended. Each ends as exactly one of these. They are texts and no enumeration, because PowerShell's
/// <c>ConvertTo-Json</c> writes a number for a value of one.
/// </summary>
public static class SavedImageStatus
{
    /// <summary>Fetched now, and whole on disk.</summary>
    public const string Saved = nameof(Saved);

    /// <summary>Was there already, from an earlier run.</summary>
    public const string Present = nameof(Present);

    /// <summary>Mapillary does not have it, or not in this quality.</summary>
    public const string Unavailable = nameof(Unavailable);

    /// <summary>Not downloaded, although Mapillary has it; the next run tries again.</summary>
    public const string Failed = nameof(Failed);

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = [Saved, Present, Unavailable, Failed];
}

/// <summary>What became of one image.</summary>
public sealed record SavedImage
{
    /// <summary>The image id.</summary>
    public required string Id { get; init; }

    /// <summary>How it ended: one of <see cref="SavedImageStatus"/>.</summary>
    /// <exception cref="ArgumentException">It is set to something else.</exception>
    public required string Status { get; init => field = Choice.Of(value, SavedImageStatus.All); }

    /// <summary>The file; null where there is none, or where it is in a tar.</summary>
    public string? Path { get; init; }

    /// <summary>The tar that holds it; null where it is in none.</summary>
    public string? TarPath { get; init; }

    /// <summary>
    /// The file; where there is none, a path that leads nowhere and says why. It is what cmdlets that take <c>-LiteralPath</c> from the
    /// pipeline look for, so that their error names the tar, or how the image ended.
    /// </summary>
    public string Location => Path ?? (TarPath is { } tar ? $"{tar}/{Id} (in this tar)" : $"{CollectionPath}/{Id} ({Status})");

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

    /// <summary>What is doubtful about the picture: that it is much smaller than its record says. Null for a sound one.</summary>
    public string? Warning { get; init; }

    /// <summary>Why it was not saved; null when it was.</summary>
    public string? Error { get; init; }

    /// <summary>The reason in it alone, which is the same for all images that share it.</summary>
    internal string? Reason { get; init; }

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
    public Ledger With(string status) => status switch
    {
        SavedImageStatus.Saved => this with { Saved = Saved + 1 },
        SavedImageStatus.Present => this with { Present = Present + 1 },
        SavedImageStatus.Unavailable => this with { Unavailable = Unavailable + 1 },
        _ => this with { Failed = Failed + 1 },
    };

    /// <summary>The ledger as a line for people.</summary>
    public override string ToString() =>
        $"listed {Amount.Of(Listed)} = saved {Amount.Of(Saved)} + present {Amount.Of(Present)} + unavailable {Amount.Of(Unavailable)} + failed {Amount.Of(Failed)}";
}
