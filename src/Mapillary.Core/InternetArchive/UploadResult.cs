namespace Mapillary.InternetArchive;

/// <summary>How far a file is on its way into archive.org.</summary>
public enum PublishedFileState
{
    /// <summary>It is to be uploaded.</summary>
    Planned,

    /// <summary>archive.org has taken it over.</summary>
    Sent,

    /// <summary>archive.org has taken it over and, asked for it, does not list it yet: it waits there for its turn.</summary>
    Queued,

    /// <summary>archive.org lists it with our MD5.</summary>
    Verified,

    /// <summary>It could not be uploaded; the next run tries again.</summary>
    Failed,
}

/// <summary>What became of a file of a collection.</summary>
public sealed record PublishedFile
{
    /// <summary>Its name in the item, with <c>/</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The item.</summary>
    public required string Identifier { get; init; }

    /// <summary>How far it is.</summary>
    public required PublishedFileState State { get; init; }

    /// <summary>Its size in bytes.</summary>
    public required long Length { get; init; }

    /// <summary>Its MD5, lower-case hexadecimal; null where it was not needed yet.</summary>
    public string? Md5 { get; init; }

    /// <summary>Whether it went up in this run.</summary>
    public bool IsNew { get; init; }

    /// <summary>Why it could not be uploaded; null where it could.</summary>
    public string? Error { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{Identifier}/{Name}";
}

/// <summary>What became of a collection that was uploaded.</summary>
public sealed record UploadResult
{
    /// <summary>The collection's folder.</summary>
    public required string CollectionPath { get; init; }

    /// <summary>Its items on archive.org: one, unless it is spread over several.</summary>
    public required IReadOnlyList<string> Identifier { get; init; }

    /// <summary>All its files, by items and names.</summary>
    public required IReadOnlyList<PublishedFile> Files { get; init; }

    /// <summary>How long it took.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>
    /// How far the collection is: Failed when a file is, else Queued while archive.org has files that it does not list yet, else Verified.
    /// </summary>
    public PublishedFileState Status =>
        Files.Any(f => f.State == PublishedFileState.Failed) ? PublishedFileState.Failed
        : Files.Any(f => f.State != PublishedFileState.Verified) ? PublishedFileState.Queued
        : PublishedFileState.Verified;

    /// <summary>How many files went up in this run.</summary>
    public int FilesSent => Files.Count(f => f.IsNew);

    /// <summary>Their size in bytes.</summary>
    public long BytesSent => Files.Where(f => f.IsNew).Sum(f => f.Length);

    /// <summary>The size of all files in bytes.</summary>
    public long Bytes => Files.Sum(f => f.Length);

    /// <summary>The items' pages.</summary>
    public IReadOnlyList<string> Url => [.. Identifier.Select(i => $"https://archive.org/details/{i}")];

    /// <inheritdoc/>
    public override string ToString() => string.Join(", ", Identifier);
}
