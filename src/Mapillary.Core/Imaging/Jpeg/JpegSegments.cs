using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Mapillary.Imaging.Jpeg;

/// <summary>
/// The segments of a JPEG file from its start up to and including the header of the first scan, or on to its end, without copying
/// anything: <c>foreach (var segment in new JpegSegments(bytes))</c>. Fill bytes, and stray bytes between segments, are skipped as
/// decoders do. Walking ends early at what cannot be read; <see cref="Fault"/> then says why. Nothing else here walks through a JPEG;
/// <see cref="JpegAnatomy"/> keeps what a walk finds.
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
    private string? _breakOff;
    private string? _frameFault;

    /// <summary>Starts a walk over the file's bytes.</summary>
    /// <param name="jpeg">The file.</param>
    /// <param name="throughScans">Whether to go on behind the header of the first scan: through all scans, up to the end marker.</param>
    public JpegSegments(ReadOnlySpan<byte> jpeg, bool throughScans = false)
    {
        _jpeg = jpeg;
        _throughScans = throughScans;
        if (jpeg.StartsWith(StartOfImage)) _position = StartOfImage.Length;
        else _breakOff = "it is not a JPEG";
    }

    /// <summary>The two bytes that every JPEG file starts with.</summary>
    public static ReadOnlySpan<byte> StartOfImage => [0xFF, 0xD8];

    /// <summary>The two bytes that a picture ends with.</summary>
    internal static ReadOnlySpan<byte> EndOfImage => [0xFF, 0xD9];

    /// <summary>The segment the walk stands at.</summary>
    public JpegSegment Current { get; private set; }

    /// <summary>
    /// Why this is no picture to work with, in words for a person: the walk ended too early, or the frame header is missing or has no size.
    /// Null while nothing is wrong.
    /// </summary>
    public readonly string? Fault => _frameFault ?? _breakOff;

    /// <summary>What the first frame header says; zeros before it was found.</summary>
    internal JpegFrame Frame { get; private set; }

    /// <summary>The first byte behind the end marker, once a walk through the scans has come to it.</summary>
    public int End { get; private set; }

    /// <summary>The walk itself, for <c>foreach</c>.</summary>
    public readonly JpegSegments GetEnumerator() => this;

    /// <summary>Goes to the next segment.</summary>
    /// <returns>False behind the first scan header or the end marker, and where no segment can be read.</returns>
    public bool MoveNext()
    {
        if (_breakOff is not null || End > 0) return false;
        if (Current.Marker == JpegSegment.StartOfScan && !_isInScans)
        {
            if (!_throughScans) return false;
            _isInScans = true;
        }

        var from = _position;
        while (true)
        {
            if (!TryFindMarker(_jpeg, ref _position))
            {
                _breakOff = $"the picture ends before its {(_isInScans ? "end marker" : "picture data")} (cut after {_jpeg.Length} bytes)";
                return false;
            }

            var marker = _jpeg[_position + 1];
            if (marker == EndOfImage[1])
            {
                if (_isInScans) End = _position + EndOfImage.Length;
                else _breakOff = "it holds no picture data";
                return false;
            }

            if (_isInScans && marker is not 0x01 and (< 0xC0 or 0xD8))
            {
                _breakOff = $"its picture data is broken at byte {_position}";
                return false;
            }

            if (StandsAlone(marker))
            {
                from = _position += 2;
                continue;
            }

            if (!TryReadLength(_jpeg, _position, out var length))
            {
                _breakOff = _isInScans
                    ? $"the picture ends before its end marker (cut or broken at byte {_position} of {_jpeg.Length})"
                    : $"the segment at byte {_position} is broken or cut (file of {_jpeg.Length} bytes)";
                return false;
            }

            if (!_isInScans && ++_count > Most)
            {
                _breakOff = $"it has more than {Most} segments before its picture data";
                return false;
            }

            var gap = _jpeg[from.._position];
            Current = new JpegSegment(marker, _position, length)
            {
                Kind = SegmentKinds.Of(marker, _jpeg.Slice(_position + 4, length - 4)),
                Fill = gap.Length - gap.TrimEnd((byte)0xFF).Length,
            };
            _position += length;
            if (!_isInScans) CheckFrame();
            return true;
        }
    }

    /// <summary>What is wrong with a whole picture, as <see cref="Fault"/> has it at the end of a walk; allocates nothing.</summary>
    internal static string? FindFault(ReadOnlySpan<byte> jpeg)
    {
        var segments = new JpegSegments(jpeg, throughScans: true);
        while (segments.MoveNext())
        {
        }

        return segments.Fault;
    }

    /// <summary>Notes the frame, and whether one with a size stands in front of the picture data.</summary>
    private void CheckFrame()
    {
        if (Current.IsFrameHeader)
        {
            var frame = JpegFrame.Read(Current, _jpeg);
            if (Frame == default) Frame = frame;
            _frameFault ??= frame.SizeFault;
        }
        else if (Current.Marker == JpegSegment.StartOfScan && Frame == default)
        {
            _frameFault ??= "it has picture data without a frame header";
        }
    }

    /// <summary>Moves to the next marker at or behind the position: 0xFF and a byte that is neither stuffing nor fill.</summary>
    internal static bool TryFindMarker(ReadOnlySpan<byte> jpeg, ref int position)
    {
        // Of picture data every two hundredth byte or so is a stuffed 0xFF: both bytes are looked at, in many places at once. The place is
        // counted here: as a field of the walk it would be written and read again at every step.
        ref var first = ref MemoryMarshal.GetReference(jpeg);
        var at = position;
        for (; at + Vector256<byte>.Count < jpeg.Length; at += Vector256<byte>.Count)
        {
            var isMark = Vector256.Equals(Vector256.LoadUnsafe(ref first, (nuint)at), Vector256.Create((byte)0xFF));
            if (isMark == Vector256<byte>.Zero) continue;
            var next = Vector256.LoadUnsafe(ref first, (nuint)at + 1);
            var isMarker = Vector256.AndNot(isMark, Vector256.Equals(next, Vector256<byte>.Zero) | Vector256.Equals(next, Vector256.Create((byte)0xFF)));
            if (isMarker == Vector256<byte>.Zero) continue;
            position = at + BitOperations.TrailingZeroCount(isMarker.ExtractMostSignificantBits());
            return true;
        }

        for (; at + 1 < jpeg.Length; at++)
        {
            if (jpeg[at] != 0xFF || jpeg[at + 1] is 0x00 or 0xFF) continue;
            position = at;
            return true;
        }

        position = at;
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
