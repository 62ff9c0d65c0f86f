namespace Mapillary.Imaging.Exif;

/// <summary>The directories of an EXIF block that tags live in (EXIF 2.32, section 4.5.2).</summary>
public enum ExifDirectory
{
    /// <summary>The first directory (IFD0): camera, author, orientation.</summary>
    Image,

    /// <summary>The Exif directory: times, dimensions, comment, maker note.</summary>
    Exif,

    /// <summary>The GPS directory: position, altitude, direction.</summary>
    Gps,

    /// <summary>The interoperability directory.</summary>
    Interoperability,

    /// <summary>The second directory (IFD1), which describes the thumbnail.</summary>
    Thumbnail,
}
