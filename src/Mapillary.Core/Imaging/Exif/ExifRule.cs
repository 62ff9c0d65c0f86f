namespace Mapillary.Imaging.Exif;

/// <summary>When a value goes into a block that may already have one.</summary>
public enum ExifRule
{
    /// <summary>Always.</summary>
    Replace,

    /// <summary>Where the tag is missing or blank.</summary>
    IfNone,

    /// <summary>Where the tag is missing or holds a lower version: for tags that hold a version.</summary>
    IfLower,

    /// <summary>Where the directory did not exist: for tags that a directory must have.</summary>
    IfNewDirectory,
}
