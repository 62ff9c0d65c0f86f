using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

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

    /// <summary>The marker of a comment.</summary>
    public const byte Comment = 0xFE;

    /// <summary>The marker that starts a scan.</summary>
    public const byte StartOfScan = 0xDA;

    /// <summary>The longest content a segment can have: its two length bytes count themselves (T.81, B.1.1.4).</summary>
    public const int LongestPayload = ushort.MaxValue - 2;

    /// <summary>The offset of the first byte behind the segment.</summary>
    public int End => Offset + Length;

    /// <summary>
    /// Whether this is a frame header, or the DHP segment of a hierarchical picture, which is built the same (T.81, table B.1 and B.3.2).
    /// The first one of a file holds the size of the picture.
    /// </summary>
    public bool IsFrameHeader => IsFrame(Marker);

    /// <summary>The content of the segment, behind its length field.</summary>
    public ReadOnlySpan<byte> Payload(ReadOnlySpan<byte> jpeg) => jpeg[(Offset + 4)..End];

    /// <summary>What the segment holds.</summary>
    internal SegmentKind Kind(ReadOnlySpan<byte> jpeg) => SegmentKinds.Of(Marker, Payload(jpeg));

    /// <summary>The content behind the name that segments of a kind start with.</summary>
    internal ReadOnlyMemory<byte> Content(ReadOnlyMemory<byte> jpeg, SegmentKind kind) =>
        jpeg[(Offset + 4 + SegmentKinds.NameOf(kind).Length)..End];

    /// <summary>The content behind the name that segments of a kind start with.</summary>
    internal ReadOnlySpan<byte> Content(ReadOnlySpan<byte> jpeg, SegmentKind kind) =>
        jpeg[(Offset + 4 + SegmentKinds.NameOf(kind).Length)..End];

    /// <summary>Whether a marker is that of a frame header, or of DHP.</summary>
    internal static bool IsFrame(byte marker) => marker is (>= 0xC0 and <= 0xCF and not 0xC4 and not 0xC8 and not 0xCC) or 0xDE;
}

/// <summary>
/// The segments of a JPEG file from its start up to and including the header of the first scan, or on to its end, without copying
/// anything: <c>foreach (var segment in new JpegSegments(bytes))</c>. Fill bytes, and stray bytes between segments, are skipped as
/// decoders do. Walking ends early at what cannot be read; <see cref="Fault"/> then says why.
/// </summary>
public ref struct JpegSegments
{
    /// <summary>The most segments before the first scan. A picture has some ten; with a large profile, and extended XMP, some hundred.</summary>
    internal const int Most = 20_000;

    private readonly ReadOnlySpan<byte> _jpeg;
    private readonly bool _throughScans;
    private bool _isInScans;
    private int _position;
    private int _count;

    /// <summary>Starts a walk over the file's bytes.</summary>
    /// <param name="jpeg">The file.</param>
    /// <param name="throughScans">Whether to go on behind the header of the first scan: through all scans, up to the end marker.</param>
    public JpegSegments(ReadOnlySpan<byte> jpeg, bool throughScans = false)
    {
        _jpeg = jpeg;
        _throughScans = throughScans;
        if (jpeg.StartsWith(StartOfImage)) _position = StartOfImage.Length;
        else Fault = "it is not a JPEG";
    }

    /// <summary>The two bytes that every JPEG file starts with.</summary>
    public static ReadOnlySpan<byte> StartOfImage => [0xFF, 0xD8];

    /// <summary>The two bytes that a picture ends with.</summary>
    internal static ReadOnlySpan<byte> EndOfImage => [0xFF, 0xD9];

    /// <summary>The segment the walk stands at.</summary>
    public JpegSegment Current { get; private set; }

    /// <summary>Why the walk ended too early, in words for a person; null while it goes on, and where it came to its end.</summary>
    public string? Fault { get; private set; }

    /// <summary>The first byte behind the end marker, once a walk through the scans has come to it.</summary>
    public int End { get; private set; }

    /// <summary>The walk itself, for <c>foreach</c>.</summary>
    public readonly JpegSegments GetEnumerator() => this;

    /// <summary>Goes to the next segment.</summary>
    /// <returns>False behind the first scan header or the end marker, and where no segment can be read.</returns>
    public bool MoveNext()
    {
        if (Fault is not null || End > 0) return false;
        if (Current.Marker == JpegSegment.StartOfScan && !_isInScans)
        {
            if (!_throughScans) return false;
            _isInScans = true;
        }

        while (true)
        {
            if (!TryFindMarker(_jpeg, ref _position))
            {
                Fault = $"the picture ends before its {(_isInScans ? "end marker" : "picture data")} (cut after {_jpeg.Length} bytes)";
                return false;
            }

            var marker = _jpeg[_position + 1];
            if (marker == EndOfImage[1])
            {
                if (_isInScans) End = _position + EndOfImage.Length;
                else Fault = "it holds no picture data";
                return false;
            }

            if (_isInScans && marker is not 0x01 and (< 0xC0 or 0xD8))
            {
                Fault = $"its picture data is broken at byte {_position}";
                return false;
            }

            if (StandsAlone(marker))
            {
                _position += 2;
                continue;
            }

            if (!TryReadLength(_jpeg, _position, out var length))
            {
                Fault = _isInScans
                    ? $"the picture ends before its end marker (cut or broken at byte {_position} of {_jpeg.Length})"
                    : $"the segment at byte {_position} is broken or cut (file of {_jpeg.Length} bytes)";
                return false;
            }

            if (!_isInScans && ++_count > Most)
            {
                Fault = $"it has more than {Most} segments before its picture data";
                return false;
            }

            Current = new JpegSegment(marker, _position, length);
            _position += length;
            return true;
        }
    }

    /// <summary>The size in pixels that a frame header states; zero where it is too short to state one.</summary>
    public static (int Width, int Height) FrameSize(ReadOnlySpan<byte> frameHeaderPayload) =>
        frameHeaderPayload.Length < 6
            ? default
            : (BinaryPrimitives.ReadUInt16BigEndian(frameHeaderPayload[3..]), BinaryPrimitives.ReadUInt16BigEndian(frameHeaderPayload[1..]));

    /// <summary>The size in pixels that the first frame header of a file states; zero where none is found.</summary>
    public static (int Width, int Height) FindSize(ReadOnlySpan<byte> jpeg)
    {
        foreach (var segment in new JpegSegments(jpeg))
        {
            if (segment.IsFrameHeader) return FrameSize(segment.Payload(jpeg));
        }

        return default;
    }

    /// <summary>What is wrong with a size that a frame header states, in words for a person; null for a size to work with.</summary>
    internal static string? FindSizeFault(int width, int height) => (width, height) switch
    {
        ( > 0, > 0) => null,
        // T.81, B.2.5: the height may follow behind the first scan. No decoder at hand reads such a picture.
        ( > 0, 0) => "its frame header has no size (the height is left to a DNL segment, which is not supported)",
        _ => "its frame header has no size",
    };

    /// <summary>Moves to the next marker at or behind the position: 0xFF and a byte that is neither stuffing nor fill.</summary>
    internal static bool TryFindMarker(ReadOnlySpan<byte> jpeg, ref int position)
    {
        // Of picture data every two hundredth byte or so is a stuffed 0xFF: both bytes are looked at, in many places at once.
        ref var first = ref MemoryMarshal.GetReference(jpeg);
        for (; position + Vector256<byte>.Count < jpeg.Length; position += Vector256<byte>.Count)
        {
            var isMark = Vector256.Equals(Vector256.LoadUnsafe(ref first, (nuint)position), Vector256.Create((byte)0xFF));
            if (isMark == Vector256<byte>.Zero) continue;
            var next = Vector256.LoadUnsafe(ref first, (nuint)position + 1);
            var isMarker = Vector256.AndNot(isMark, Vector256.Equals(next, Vector256<byte>.Zero) | Vector256.Equals(next, Vector256.Create((byte)0xFF)));
            if (isMarker == Vector256<byte>.Zero) continue;
            position += BitOperations.TrailingZeroCount(isMarker.ExtractMostSignificantBits());
            return true;
        }

        for (; position + 1 < jpeg.Length; position++)
        {
            if (jpeg[position] == 0xFF && jpeg[position + 1] is not (0x00 or 0xFF)) return true;
        }

        return false;
    }

    /// <summary>Whether no length follows the marker: TEM, restart markers, start of image (T.81, table B.1).</summary>
    internal static bool StandsAlone(byte marker) => marker is 0x01 or (>= 0xD0 and <= 0xD8);

    /// <summary>Reads the length of the segment whose marker stands at the position; false if it does not fit into the file.</summary>
    internal static bool TryReadLength(ReadOnlySpan<byte> jpeg, int position, out int length)
    {
        length = 0;
        if (position + 4 > jpeg.Length) return false;
        length = BinaryPrimitives.ReadUInt16BigEndian(jpeg[(position + 2)..]) + 2;
        return length >= 4 && position + length <= jpeg.Length;
    }
}
