using System.Buffers.Binary;

namespace Mapillary.Imaging;

/// <summary>
/// The index of further pictures behind the end of a JPEG (CIPA DC-007, MPF). It states their places relative to itself, so it has to
/// be put right when segments between it and them change length.
/// </summary>
internal static class MultiPictureIndex
{
    private const ushort EntriesTag = 0xB002;
    private const int EntryLength = 16;

    public static ReadOnlySpan<byte> Prefix => "MPF\0"u8;

    /// <summary>The segment with every place moved.</summary>
    /// <param name="segment">The APP2 segment from its 0xFF on.</param>
    /// <param name="shift">Bytes by which the further pictures move away from the index.</param>
    /// <returns>Null where the index cannot be read.</returns>
    public static byte[]? Shifted(ReadOnlySpan<byte> segment, int shift)
    {
        var copy = segment.ToArray();
        var index = copy.AsSpan(4 + Prefix.Length);
        if (index.Length < 8 || !(index.StartsWith("MM"u8) || index.StartsWith("II"u8))) return null;
        var bigEndian = index[0] == 'M';
        var directory = ReadUInt32(index, 4, bigEndian);
        if (directory + 2L > index.Length) return null;
        var count = ReadUInt16(index, (int)directory, bigEndian);
        for (var at = (int)directory + 2; count > 0 && at + 12 <= index.Length; at += 12, count--)
        {
            if (ReadUInt16(index, at, bigEndian) != EntriesTag) continue;
            var length = ReadUInt32(index, at + 4, bigEndian);
            var offset = ReadUInt32(index, at + 8, bigEndian);
            if (length < EntryLength || (long)offset + length > index.Length) return null;
            for (var entry = (int)offset; entry + EntryLength <= offset + length; entry += EntryLength)
            {
                // The first picture is the file itself, its place is 0 by definition.
                var place = ReadUInt32(index, entry + 8, bigEndian);
                if (place != 0) WriteUInt32(index, entry + 8, (uint)(place + shift), bigEndian);
            }

            return copy;
        }

        return null;
    }

    private static ushort ReadUInt16(ReadOnlySpan<byte> bytes, int at, bool bigEndian) =>
        bigEndian ? BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]) : BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint ReadUInt32(ReadOnlySpan<byte> bytes, int at, bool bigEndian) =>
        bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]) : BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static void WriteUInt32(Span<byte> bytes, int at, uint value, bool bigEndian)
    {
        if (bigEndian) BinaryPrimitives.WriteUInt32BigEndian(bytes[at..], value);
        else BinaryPrimitives.WriteUInt32LittleEndian(bytes[at..], value);
    }
}
