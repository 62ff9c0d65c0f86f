using System.Buffers.Binary;
using System.Text;

namespace Mapillary.Imaging.Exif;

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
