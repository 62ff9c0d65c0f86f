namespace Mapillary.Imaging.Exif;

/// <summary>Where in a block the things stand that are known; the rest may belong to maker notes, or to nobody.</summary>
internal sealed class ExifLayout
{
    /// <summary>The five directories.</summary>
    public List<Extent> Tables { get; } = [];

    /// <summary>The thumbnail's picture, and what is linked behind its directory.</summary>
    public List<Extent> Thumbnail { get; } = [];

    /// <summary>Other directories, which stay as they are, and their values.</summary>
    public List<Extent> Subdirectories { get; } = [];

    /// <summary>The thumbnail's picture alone; null where there is none, or one that is not compressed.</summary>
    public Extent? ThumbnailPicture { get; set; }

    /// <summary>Whether the thumbnail's stated length is wrong.</summary>
    public bool IsThumbnailLengthWrong { get; set; }

    /// <summary>The place of the directory that is linked behind the thumbnail's; 0 where there is none.</summary>
    public uint LinkBehindThumbnail { get; set; }

    /// <summary>Where a link further behind leads nowhere, which is set to zero; 0 where there is none.</summary>
    public int BrokenLink { get; set; }
}
