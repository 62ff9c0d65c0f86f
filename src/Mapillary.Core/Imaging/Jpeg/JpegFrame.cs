using System.Buffers.Binary;

namespace Mapillary.Imaging.Jpeg;

/// <summary>What a JPEG's frame header says (ITU-T T.81, annex B.2.2).</summary>
/// <param name="Process">The marker's second byte, which tells the process: 0xC0 for baseline, 0xC2 for progressive.</param>
/// <param name="Precision">Bits a sample.</param>
/// <param name="Width">Width in pixels; zero where the header is too short to state one.</param>
/// <param name="Height">Height in pixels; zero where the header states none.</param>
/// <param name="Components">1 for grey, 3 for colours, 4 for print's colours.</param>
internal readonly record struct JpegFrame(byte Process, int Precision, int Width, int Height, int Components)
{
    // Precision, height, width, number of components.
    private const int ShortestPayload = 6;

    /// <summary>Whether a decoder can give lines while it reads: baseline and extended, by Huffman or arithmetic coding.</summary>
    public bool IsSequential => Process is 0xC0 or 0xC1 or 0xC9;

    /// <summary>What is wrong with the size, in words for a person; null for a size to work with.</summary>
    public string? SizeFault => (Width, Height) switch
    {
        ( > 0, > 0) => null,
        // T.81, B.2.5: the height may follow behind the first scan. No decoder at hand reads such a picture.
        ( > 0, 0) => "its frame header has no size (the height is left to a DNL segment, which is not supported)",
        _ => "its frame header has no size",
    };

    /// <summary>Reads a frame header.</summary>
    public static JpegFrame Read(JpegSegment segment, ReadOnlySpan<byte> jpeg)
    {
        var payload = segment.Payload(jpeg);
        return payload.Length < ShortestPayload
            ? new JpegFrame(segment.Marker, 0, 0, 0, 0)
            : new JpegFrame(
                segment.Marker,
                payload[0],
                BinaryPrimitives.ReadUInt16BigEndian(payload[3..]),
                BinaryPrimitives.ReadUInt16BigEndian(payload[1..]),
                payload[5]);
    }
}
