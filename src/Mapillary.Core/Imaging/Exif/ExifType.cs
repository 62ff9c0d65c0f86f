using System.Diagnostics.CodeAnalysis;

namespace Mapillary.Imaging.Exif;

/// <summary>The types of values (EXIF 2.32, section 4.6.2; TIFF 6.0, section 2).</summary>
[SuppressMessage("Naming", "CA1720:Identifier contains type name", Justification = "These are the standard's names.")]
public enum ExifType : ushort
{
    /// <summary>8-bit unsigned numbers.</summary>
    Byte = 1,

    /// <summary>Text that ends with a zero byte.</summary>
    Ascii = 2,

    /// <summary>16-bit unsigned numbers.</summary>
    Short = 3,

    /// <summary>32-bit unsigned numbers.</summary>
    Long = 4,

    /// <summary>Fractions of two 32-bit unsigned numbers.</summary>
    Rational = 5,

    /// <summary>8-bit signed numbers.</summary>
    SignedByte = 6,

    /// <summary>Bytes whose meaning the tag defines.</summary>
    Undefined = 7,

    /// <summary>16-bit signed numbers.</summary>
    SignedShort = 8,

    /// <summary>32-bit signed numbers.</summary>
    SignedLong = 9,

    /// <summary>Fractions of two 32-bit signed numbers.</summary>
    SignedRational = 10,

    /// <summary>32-bit floating point numbers.</summary>
    Float = 11,

    /// <summary>64-bit floating point numbers.</summary>
    Double = 12,

    /// <summary>Offsets of directories (TIFF Technical Note 1).</summary>
    Ifd = 13,

    /// <summary>UTF-8 text (EXIF 3.0).</summary>
    Utf8 = 129,
}
