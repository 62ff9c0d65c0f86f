namespace Mapillary.Collections.Tars;

/// <summary>What an entry of an archive is.</summary>
internal enum PictureArchiveEntryKind
{
    /// <summary>A file.</summary>
    File,

    /// <summary>A folder.</summary>
    Folder,

    /// <summary>A link, of either kind.</summary>
    Link,

    /// <summary>A file of which the archive leaves out the holes.</summary>
    SparseFile,

    /// <summary>A pipe, a device, or what only one program knows.</summary>
    Other,
}
