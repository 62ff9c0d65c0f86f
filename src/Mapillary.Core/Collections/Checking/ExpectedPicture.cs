using Mapillary.Collections.Records;

namespace Mapillary.Collections.Checking;

/// <summary>What the manifest says of an image, and where it was found. Small, because there may be a million.</summary>
internal sealed class ExpectedPicture(string imageId, string? tar, long bytes, Sha256Digest sha256)
{
    private string? _archive;

    public string ImageId { get; } = imageId;

    public string? Tar { get; } = tar;

    public long Bytes { get; } = bytes;

    public Sha256Digest Sha256 { get; } = sha256;

    public bool IsFile { get; set; }

    /// <summary>Whether the image was found where it counts: a copy beside a tar that is gone does not.</summary>
    public bool IsFound => _archive is not null || (Tar is null && IsFile);

    /// <summary>Takes the image for found, and tells where it was already.</summary>
    /// <param name="archive">The archive that it is in; empty for one that lies in a packed collection as it lies in a folder.</param>
    public string? Claim(string archive)
    {
        if (archive.Length > 0) return Interlocked.CompareExchange(ref _archive, archive, null);
        var other = IsFile ? archive : null;
        IsFile = true;
        return other;
    }
}
