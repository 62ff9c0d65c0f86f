using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;

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

/// <summary>A value to write into an EXIF block.</summary>
/// <param name="Directory">The directory it belongs to.</param>
/// <param name="Tag">The tag's number.</param>
/// <param name="Type">The type of its values.</param>
/// <param name="BigEndian">The values in big-endian byte order.</param>
/// <param name="Rule">When it is written.</param>
public readonly record struct ExifField(ExifDirectory Directory, ushort Tag, ExifType Type, byte[] BigEndian, ExifRule Rule = ExifRule.Replace)
{
    /// <summary>How many values there are.</summary>
    public uint Count => (uint)(BigEndian.Length / Math.Max(1, SizeOf(Type)));

    /// <summary>
    /// Text. Characters outside of ASCII are written as UTF-8, though the type says ASCII: the type for UTF-8 of EXIF 3.0 is
    /// unknown to most readers, and those that are not to be confused read these bytes as UTF-8.
    /// </summary>
    public static ExifField OfText(ExifDirectory directory, ushort tag, string text, ExifRule rule = ExifRule.Replace)
    {
        var bytes = new byte[Encoding.UTF8.GetByteCount(text) + 1];
        Encoding.UTF8.GetBytes(text, bytes);
        return new ExifField(directory, tag, ExifType.Ascii, bytes, rule);
    }

    /// <summary>A 16-bit number.</summary>
    public static ExifField OfShort(ExifDirectory directory, ushort tag, int value, ExifRule rule = ExifRule.Replace)
    {
        var bytes = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, checked((ushort)value));
        return new ExifField(directory, tag, ExifType.Short, bytes, rule);
    }

    /// <summary>A 32-bit number.</summary>
    public static ExifField OfLong(ExifDirectory directory, ushort tag, uint value, ExifRule rule = ExifRule.Replace)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return new ExifField(directory, tag, ExifType.Long, bytes, rule);
    }

    /// <summary>Fractions: numerator, denominator, and so on.</summary>
    public static ExifField OfRationals(ExifDirectory directory, ushort tag, ExifRule rule, params ReadOnlySpan<uint> numbers)
    {
        var bytes = new byte[numbers.Length * 4];
        for (var i = 0; i < numbers.Length; i++)
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(i * 4), numbers[i]);
        return new ExifField(directory, tag, ExifType.Rational, bytes, rule);
    }

    /// <summary>Writes the values in the byte order of a block.</summary>
    internal void WriteTo(Span<byte> destination, bool bigEndian)
    {
        BigEndian.CopyTo(destination);
        if (!bigEndian) SwapByteOrder(destination[..BigEndian.Length], Type);
    }

    /// <summary>Turns values from one byte order into the other.</summary>
    internal static void SwapByteOrder(Span<byte> values, ExifType type)
    {
        var unit = type is ExifType.Rational or ExifType.SignedRational ? 4 : SizeOf(type);
        if (unit <= 1) return;
        for (var i = 0; i + unit <= values.Length; i += unit)
            values.Slice(i, unit).Reverse();
    }

    /// <summary>The size in bytes of one value, or 0 for a type that does not exist.</summary>
    internal static int SizeOf(ExifType type) => type switch
    {
        ExifType.Byte or ExifType.Ascii or ExifType.SignedByte or ExifType.Undefined or ExifType.Utf8 => 1,
        ExifType.Short or ExifType.SignedShort => 2,
        ExifType.Long or ExifType.SignedLong or ExifType.Float or ExifType.Ifd => 4,
        ExifType.Rational or ExifType.SignedRational or ExifType.Double => 8,
        _ => 0,
    };
}

/// <summary>Numbers of the tags that this module writes or has to know (EXIF 2.32, section 4.6).</summary>
internal static class ExifTag
{
    public const ushort ImageDescription = 0x010E;
    public const ushort Make = 0x010F;
    public const ushort Model = 0x0110;
    public const ushort StripOffsets = 0x0111;
    public const ushort Orientation = 0x0112;
    public const ushort StripByteCounts = 0x0117;
    public const ushort XResolution = 0x011A;
    public const ushort YResolution = 0x011B;
    public const ushort ResolutionUnit = 0x0128;
    public const ushort DateTime = 0x0132;
    public const ushort Artist = 0x013B;
    public const ushort SubIfds = 0x014A;
    public const ushort ThumbnailOffset = 0x0201;
    public const ushort ThumbnailLength = 0x0202;
    public const ushort YCbCrPositioning = 0x0213;
    public const ushort Copyright = 0x8298;
    public const ushort ExifPointer = 0x8769;
    public const ushort GpsPointer = 0x8825;
    public const ushort DngPrivateData = 0xC634;

    public const ushort ExifVersion = 0x9000;
    public const ushort DateTimeOriginal = 0x9003;
    public const ushort DateTimeDigitized = 0x9004;
    public const ushort OffsetTime = 0x9010;
    public const ushort OffsetTimeOriginal = 0x9011;
    public const ushort OffsetTimeDigitized = 0x9012;
    public const ushort ComponentsConfiguration = 0x9101;
    public const ushort MakerNote = 0x927C;
    public const ushort UserComment = 0x9286;
    public const ushort SubSecTime = 0x9290;
    public const ushort SubSecTimeOriginal = 0x9291;
    public const ushort SubSecTimeDigitized = 0x9292;
    public const ushort FlashpixVersion = 0xA000;
    public const ushort ColorSpace = 0xA001;
    public const ushort PixelXDimension = 0xA002;
    public const ushort PixelYDimension = 0xA003;
    public const ushort InteroperabilityPointer = 0xA005;
    public const ushort FocalLengthIn35mmFilm = 0xA405;

    public const ushort GpsVersionId = 0x0000;
    public const ushort GpsLatitudeRef = 0x0001;
    public const ushort GpsLatitude = 0x0002;
    public const ushort GpsLongitudeRef = 0x0003;
    public const ushort GpsLongitude = 0x0004;
    public const ushort GpsAltitudeRef = 0x0005;
    public const ushort GpsAltitude = 0x0006;
    public const ushort GpsTimeStamp = 0x0007;
    public const ushort GpsImgDirectionRef = 0x0010;
    public const ushort GpsImgDirection = 0x0011;
    public const ushort GpsMapDatum = 0x0012;
    public const ushort GpsDateStamp = 0x001D;

    /// <summary>The standard's name of a tag that this module writes; the number of any other.</summary>
    public static string NameOf(ExifDirectory directory, ushort tag) => (directory == ExifDirectory.Gps, tag) switch
    {
        (false, ImageDescription) => nameof(ImageDescription),
        (false, Make) => nameof(Make),
        (false, Model) => nameof(Model),
        (false, Orientation) => nameof(Orientation),
        (false, XResolution) => nameof(XResolution),
        (false, YResolution) => nameof(YResolution),
        (false, ResolutionUnit) => nameof(ResolutionUnit),
        (false, DateTime) => nameof(DateTime),
        (false, Artist) => nameof(Artist),
        (false, YCbCrPositioning) => nameof(YCbCrPositioning),
        (false, Copyright) => nameof(Copyright),
        (false, ExifVersion) => nameof(ExifVersion),
        (false, DateTimeOriginal) => nameof(DateTimeOriginal),
        (false, DateTimeDigitized) => nameof(DateTimeDigitized),
        (false, OffsetTime) => nameof(OffsetTime),
        (false, OffsetTimeOriginal) => nameof(OffsetTimeOriginal),
        (false, OffsetTimeDigitized) => nameof(OffsetTimeDigitized),
        (false, ComponentsConfiguration) => nameof(ComponentsConfiguration),
        (false, UserComment) => nameof(UserComment),
        (false, SubSecTime) => nameof(SubSecTime),
        (false, SubSecTimeOriginal) => nameof(SubSecTimeOriginal),
        (false, SubSecTimeDigitized) => nameof(SubSecTimeDigitized),
        (false, FlashpixVersion) => nameof(FlashpixVersion),
        (false, ColorSpace) => nameof(ColorSpace),
        (false, PixelXDimension) => nameof(PixelXDimension),
        (false, PixelYDimension) => nameof(PixelYDimension),
        (false, FocalLengthIn35mmFilm) => nameof(FocalLengthIn35mmFilm),
        (true, GpsVersionId) => "GPSVersionID",
        (true, GpsLatitudeRef) => "GPSLatitudeRef",
        (true, GpsLatitude) => "GPSLatitude",
        (true, GpsLongitudeRef) => "GPSLongitudeRef",
        (true, GpsLongitude) => "GPSLongitude",
        (true, GpsAltitudeRef) => "GPSAltitudeRef",
        (true, GpsAltitude) => "GPSAltitude",
        (true, GpsTimeStamp) => "GPSTimeStamp",
        (true, GpsImgDirectionRef) => "GPSImgDirectionRef",
        (true, GpsImgDirection) => "GPSImgDirection",
        (true, GpsMapDatum) => "GPSMapDatum",
        (true, GpsDateStamp) => "GPSDateStamp",
        _ => $"{directory} 0x{tag:X4}",
    };
}
