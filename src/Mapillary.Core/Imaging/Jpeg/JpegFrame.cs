namespace Mapillary.Imaging.Jpeg;

/// <summary>What a JPEG's first frame header says (ITU-T T.81, annex B.2.2).</summary>
/// <param name="Process">The marker's second byte, which tells the process: 0xC0 for baseline, 0xC2 for progressive.</param>
/// <param name="Precision">Bits a sample.</param>
/// <param name="Width">Width in pixels.</param>
/// <param name="Height">Height in pixels.</param>
/// <param name="Components">1 for grey, 3 for colours, 4 for print's colours.</param>
internal readonly record struct JpegFrame(byte Process, int Precision, int Width, int Height, int Components)
{
    /// <summary>Whether a decoder can give lines while it reads: baseline and extended, by Huffman or arithmetic coding.</summary>
    public bool IsSequential => Process is 0xC0 or 0xC1 or 0xC9;

    /// <summary>Reads it.</summary>
    /// <exception cref="InvalidDataException">There is none before the first scan, or it has no size.</exception>
    public static JpegFrame Read(ReadOnlySpan<byte> jpeg)
    {
        var segments = new JpegSegments(jpeg);
        JpegFrame? frame = null;
        while (segments.MoveNext()) frame ??= TryRead(segments.Current, segments.Current.Payload(jpeg));
        if (segments.Fault is null && frame is { Width: > 0, Height: > 0 } found) return found;
        throw new InvalidDataException($"Not a readable JPEG: {segments.Fault ?? "it has no frame header with a size"}.");
    }

    /// <summary>What a segment says, if it is a frame header that is not too short.</summary>
    public static JpegFrame? TryRead(JpegSegment segment, ReadOnlySpan<byte> payload)
    {
        if (!segment.IsFrameHeader || payload.Length < 6) return null;
        var (width, height) = JpegSegments.FrameSize(payload);
        return new JpegFrame(segment.Marker, payload[0], width, height, payload[5]);
    }
}
