using System.Buffers.Binary;

namespace Mapillary.Imaging;

/// <summary>Numbers of TIFF and of what is built like it, which are written in one byte order or the other.</summary>
internal static class ByteOrder
{
    /// <summary>Reads 16 bits at a place.</summary>
    public static ushort Read16(ReadOnlySpan<byte> bytes, int at, bool isBigEndian) =>
        isBigEndian ? BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]) : BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    /// <summary>Reads 32 bits at a place.</summary>
    public static uint Read32(ReadOnlySpan<byte> bytes, int at, bool isBigEndian) =>
        isBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]) : BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    /// <summary>Writes 16 bits to a place.</summary>
    public static void Write16(Span<byte> bytes, int at, ushort value, bool isBigEndian)
    {
        if (isBigEndian) BinaryPrimitives.WriteUInt16BigEndian(bytes[at..], value);
        else BinaryPrimitives.WriteUInt16LittleEndian(bytes[at..], value);
    }

    /// <summary>Writes 32 bits to a place.</summary>
    public static void Write32(Span<byte> bytes, int at, uint value, bool isBigEndian)
    {
        if (isBigEndian) BinaryPrimitives.WriteUInt32BigEndian(bytes[at..], value);
        else BinaryPrimitives.WriteUInt32LittleEndian(bytes[at..], value);
    }
}
