using Mapillary.Collections;

namespace Mapillary.InternetArchive.Uploading;

/// <summary>How far a file is on its way into archive.org; texts for the reason that <see cref="SavedImageStatus"/> gives.</summary>
public static class PublishedFileState
{
    /// <summary>It is to be uploaded.</summary>
    public const string Planned = nameof(Planned);

    /// <summary>archive.org has taken it over.</summary>
    public const string Sent = nameof(Sent);

    /// <summary>archive.org has taken it over and, asked for it, does not list it yet: it waits there for its turn.</summary>
    public const string Queued = nameof(Queued);

    /// <summary>archive.org lists it with our MD5.</summary>
    public const string Verified = nameof(Verified);

    /// <summary>It could not be uploaded; the next run tries again.</summary>
    public const string Failed = nameof(Failed);

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = [Planned, Sent, Queued, Verified, Failed];
}

/// <summary>What became of a file of a collection.</summary>
public sealed record PublishedFile
{
    /// <summary>Its name in the item, with <c>/</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The item.</summary>
    public required string Identifier { get; init; }

    /// <summary>How far it is: one of <see cref="PublishedFileState"/>.</summary>
    /// <exception cref="ArgumentException">It is set to something else.</exception>
    public required string State { get; init => field = Choice.Of(value, PublishedFileState.All); }

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
    public required IReadOnlyList<string> Identifier { get; init => field = ItemList.Of(value); }

    /// <summary>All its files, by items and names.</summary>
    public required IReadOnlyList<PublishedFile> Files { get; init => field = ItemList.Of(value); }

    /// <summary>How long it took.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>
    /// How far the collection is: Failed when a file is, else Queued while archive.org has files that it does not list yet, else Verified.
    /// </summary>
    public string Status =>
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
    public IReadOnlyList<string> Url => ItemList.Of(Identifier.Select(i => $"https://archive.org/details/{i}"));

    /// <summary>The files that could not be uploaded.</summary>
    public IReadOnlyList<PublishedFile> Failed => ItemList.Of(Files.Where(f => f.State == PublishedFileState.Failed));

    /// <inheritdoc/>
    public override string ToString() => string.Join(", ", Identifier);
}
