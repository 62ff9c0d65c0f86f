namespace Mapillary.Imaging.Jpeg;

/// <summary>What a segment of a JPEG holds, as its marker and the name at its start tell.</summary>
internal enum SegmentKind
{
    /// <summary>Anything else.</summary>
    Other,

    /// <summary>A frame header, or the segment that announces a hierarchical picture.</summary>
    Frame,

    /// <summary>JFIF: version and resolution.</summary>
    Jfif,

    /// <summary>EXIF: a TIFF structure.</summary>
    Exif,

    /// <summary>An XMP packet.</summary>
    Xmp,

    /// <summary>A part of an extended XMP packet.</summary>
    ExtendedXmp,

    /// <summary>FLIR's thermal picture.</summary>
    Thermal,

    /// <summary>A part of a colour profile.</summary>
    IccProfile,

    /// <summary>The index of further pictures behind the end.</summary>
    MultiPictureIndex,

    /// <summary>How a gain map is to be applied.</summary>
    GainMap,

    /// <summary>Photoshop's resources, IPTC among them.</summary>
    Photoshop,

    /// <summary>Adobe's, about the coding of the colours.</summary>
    Adobe,

    /// <summary>A comment.</summary>
    Comment,
}
