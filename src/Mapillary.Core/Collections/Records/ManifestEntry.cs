namespace Mapillary.Collections.Records;

/// <summary>One finished image.</summary>
/// <param name="Id">The image id.</param>
/// <param name="Path">Its path in the collection, with <c>/</c> on every system.</param>
/// <param name="Bytes">The file's size.</param>
/// <param name="Sha256">Its SHA-256, lower-case hexadecimal.</param>
/// <param name="Tar">The tar that holds it, or null while it is a file.</param>
internal sealed record ManifestEntry(string Id, string Path, long Bytes, string Sha256, string? Tar)
{
    /// <summary>How the file was made; null where nobody noted it, as earlier versions did not.</summary>
    public MadeWith? Made { get; init; }

    /// <summary>What is doubtful about the picture; null for a sound one.</summary>
    public string? Warning { get; init; }

    /// <summary>
    /// Earlier copies of the image that this one replaced, the latest last. They lie in tars, which are never changed. While the entry is
    /// pending, the file that it replaces is one of them.
    /// </summary>
    public IReadOnlyList<ManifestEntry> Superseded { get; init; } = [];

    /// <summary>Whether the file is about to take the place of an earlier one; see <see cref="Replacement"/>.</summary>
    public bool IsPending { get; init; }

    /// <summary>Whether the file was found to be another one than was saved. It stays, and the image counts as one that is not there.</summary>
    public bool IsDamaged { get; init; }

    /// <summary>The entry of a file that is about to take the place of this one.</summary>
    public ManifestEntry ReplacedBy(ManifestEntry next) =>
        next with { Superseded = [.. Superseded, this with { Superseded = [] }], IsPending = true };

    /// <summary>The entry when its file is in its place: of the earlier copies those in tars are left.</summary>
    public ManifestEntry InPlace() => this with { Superseded = [.. Superseded.Where(c => c.Tar is not null)], IsPending = false };

    /// <summary>The entry when a tar holds the file. If this tar held an earlier copy, that is the same, or the tar was another one.</summary>
    public ManifestEntry InTar(string tar) => this with { Tar = tar, Superseded = [.. Superseded.Where(c => c.Tar != tar)] };

    /// <summary>The entry of an earlier copy that counts again.</summary>
    public ManifestEntry BackTo(ManifestEntry copy) =>
        copy with { Superseded = [.. Superseded.Where(c => c.Tar is not null && !ReferenceEquals(c, copy))] };
}
