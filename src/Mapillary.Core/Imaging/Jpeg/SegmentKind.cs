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

/// <summary>Tells kinds of segments apart. Nobody else knows the names that they start with.</summary>
internal static class SegmentKinds
{
    // Writers put something else than zero into the sixth byte of EXIF's.
    private const int CheckedOfExif = 5;

    /// <summary>What a segment with that marker and content is.</summary>
    public static SegmentKind Of(byte marker, ReadOnlySpan<byte> payload) => marker switch
    {
        JpegSegment.App0 when payload.StartsWith(NameOf(SegmentKind.Jfif)) => SegmentKind.Jfif,
        JpegSegment.App1 => OfApp1(payload),
        JpegSegment.App2 when payload.StartsWith(NameOf(SegmentKind.IccProfile)) => SegmentKind.IccProfile,
        JpegSegment.App2 when payload.StartsWith(NameOf(SegmentKind.MultiPictureIndex)) => SegmentKind.MultiPictureIndex,
        JpegSegment.App2 when payload.StartsWith(NameOf(SegmentKind.GainMap)) => SegmentKind.GainMap,
        JpegSegment.App13 when payload.StartsWith(NameOf(SegmentKind.Photoshop)) => SegmentKind.Photoshop,
        JpegSegment.App14 when payload.StartsWith(NameOf(SegmentKind.Adobe)) => SegmentKind.Adobe,
        JpegSegment.Comment => SegmentKind.Comment,
        _ when JpegSegment.IsFrame(marker) => SegmentKind.Frame,
        _ => SegmentKind.Other,
    };

    /// <summary>The name that segments of a kind start with; empty for kinds that have none.</summary>
    public static ReadOnlySpan<byte> NameOf(SegmentKind kind) => kind switch
    {
        SegmentKind.Jfif => "JFIF\0"u8,
        SegmentKind.Exif => "Exif\0\0"u8,
        SegmentKind.Xmp => "http://ns.adobe.com/xap/1.0/\0"u8,
        SegmentKind.ExtendedXmp => "http://ns.adobe.com/xmp/extension/\0"u8,
        SegmentKind.Thermal => "FLIR\0"u8,
        SegmentKind.IccProfile => "ICC_PROFILE\0"u8,
        SegmentKind.MultiPictureIndex => "MPF\0"u8,
        // ISO 21496-1.
        SegmentKind.GainMap => "urn:iso:std:iso:ts:21496:-1\0"u8,
        SegmentKind.Photoshop => "Photoshop 3.0\0"u8,
        SegmentKind.Adobe => "Adobe"u8,
        _ => default,
    };

    private static SegmentKind OfApp1(ReadOnlySpan<byte> payload)
    {
        var exif = NameOf(SegmentKind.Exif);
        if (payload.Length >= exif.Length && payload.StartsWith(exif[..CheckedOfExif])) return SegmentKind.Exif;
        foreach (var kind in (ReadOnlySpan<SegmentKind>)[SegmentKind.Xmp, SegmentKind.ExtendedXmp, SegmentKind.Thermal])
        {
            if (payload.StartsWith(NameOf(kind))) return kind;
        }

        return SegmentKind.Other;
    }
}
