namespace Mapillary.Imaging.Exif;

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
