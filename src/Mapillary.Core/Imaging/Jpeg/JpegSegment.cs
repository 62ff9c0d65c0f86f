using System.Buffers.Binary;

namespace Mapillary.Imaging.Jpeg;

/// <summary>One marker segment of a JPEG file (ITU-T T.81, annex B.1.1.4).</summary>
/// <param name="Marker">The marker's second byte: 0xE1 for APP1, 0xDA for the start of a scan.</param>
/// <param name="Offset">Where the segment's 0xFF stands, in bytes from the start of the file; fill bytes stand before it.</param>
/// <param name="Length">Length in bytes, the two of the marker and the two of the length field included.</param>
public readonly record struct JpegSegment(byte Marker, int Offset, int Length)
{
    /// <summary>The marker of APP0 (JFIF).</summary>
    public const byte App0 = 0xE0;

    /// <summary>The marker of APP1 (EXIF, XMP).</summary>
    public const byte App1 = 0xE1;

    /// <summary>The marker of APP2 (ICC profile, MPF).</summary>
    public const byte App2 = 0xE2;

    /// <summary>The marker of APP13 (Photoshop, with IPTC in it).</summary>
    public const byte App13 = 0xED;

    /// <summary>The marker of APP14 (Adobe).</summary>
    public const byte App14 = 0xEE;

    /// <summary>The marker of APP15, the last of the segments for applications.</summary>
    public const byte App15 = 0xEF;

    /// <summary>The marker of a comment.</summary>
    public const byte Comment = 0xFE;

    /// <summary>The marker that starts a scan.</summary>
    public const byte StartOfScan = 0xDA;

    /// <summary>The longest content a segment can have: its two length bytes count themselves (T.81, B.1.1.4).</summary>
    public const int LongestPayload = ushort.MaxValue - 2;

    /// <summary>What it holds, as its marker and the name at its start tell.</summary>
    internal SegmentKind Kind { get; init; }

    /// <summary>How many fill bytes stand before its marker, and belong to it (T.81, B.1.1.2).</summary>
    internal int Fill { get; init; }

    /// <summary>The offset of the first byte behind the segment.</summary>
    public int End => Offset + Length;

    /// <summary>
    /// Whether this is a frame header, or the DHP segment of a hierarchical picture, which is built the same (T.81, table B.1 and B.3.2).
    /// The first one of a file holds the size of the picture.
    /// </summary>
    public bool IsFrameHeader => IsFrame(Marker);

    /// <summary>The content of the segment, behind its length field.</summary>
    public ReadOnlySpan<byte> Payload(ReadOnlySpan<byte> jpeg) => jpeg[(Offset + 4)..End];

    /// <summary>The content behind the name that segments of its kind start with.</summary>
    internal ReadOnlyMemory<byte> Content(ReadOnlyMemory<byte> jpeg) => jpeg[(Offset + SegmentKinds.ContentAt(Kind))..End];

    /// <summary>The content behind the name that segments of its kind start with.</summary>
    internal ReadOnlySpan<byte> Content(ReadOnlySpan<byte> jpeg) => jpeg[(Offset + SegmentKinds.ContentAt(Kind))..End];

    /// <summary>Makes a whole segment.</summary>
    /// <param name="kind">EXIF or XMP, which stand in APP1.</param>
    /// <param name="content">What stands behind the name that segments of the kind start with.</param>
    /// <exception cref="OverflowException">It is longer than a segment can be.</exception>
    internal static byte[] Create(SegmentKind kind, ReadOnlySpan<byte> content)
    {
        var contentAt = SegmentKinds.ContentAt(kind);
        var segment = new byte[contentAt + content.Length];
        segment[0] = 0xFF;
        segment[1] = App1;
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(2), checked((ushort)(segment.Length - 2)));
        SegmentKinds.NameOf(kind).CopyTo(segment.AsSpan(4));
        content.CopyTo(segment.AsSpan(contentAt));
        return segment;
    }

    /// <summary>Whether a marker is that of a frame header, or of DHP.</summary>
    internal static bool IsFrame(byte marker) => marker is (>= 0xC0 and <= 0xCF and not 0xC4 and not 0xC8 and not 0xCC) or 0xDE;
}
