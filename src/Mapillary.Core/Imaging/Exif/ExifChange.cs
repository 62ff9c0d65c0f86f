using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Mapillary.Imaging.Exif;

/// <summary>One value that merging put into an EXIF block, not yet in words.</summary>
/// <param name="New">The value.</param>
/// <param name="OldType">The type of the value it replaces.</param>
/// <param name="Old">The value it replaces, in the block's byte order; null where there was none.</param>
/// <param name="IsOldBigEndian">The byte order of the replaced value.</param>
internal readonly record struct ExifChange(ExifField New, ExifType OldType, ReadOnlyMemory<byte>? Old, bool IsOldBigEndian)
{
    private const int MostNumbers = 16;

    public MetadataChange InWords()
    {
        string? before = null;
        if (Old is { } old)
        {
            var value = old.ToArray();
            if (!IsOldBigEndian) ExifField.SwapByteOrder(value, OldType);
            before = Text(OldType, value);
        }

        return new MetadataChange(ExifTag.NameOf(New.Directory, New.Tag), before, Text(New.Type, New.BigEndian));
    }

    private string Text(ExifType type, byte[] value)
    {
        ReadOnlySpan<byte> bytes = value;
        if (New.Tag == ExifTag.UserComment && bytes.StartsWith("ASCII\0\0\0"u8)) return Encoding.UTF8.GetString(bytes[8..].TrimEnd(" \0"u8));
        switch (type)
        {
            case ExifType.Ascii or ExifType.Utf8:
                var end = bytes.IndexOf((byte)0);
                return Encoding.UTF8.GetString((end < 0 ? bytes : bytes[..end]).TrimEnd((byte)' '));
            case ExifType.Undefined when !bytes.ContainsAnyExceptInRange((byte)' ', (byte)'~'):
                return Encoding.ASCII.GetString(bytes);
            case ExifType.Undefined when bytes.Length > MostNumbers:
                return $"{bytes.Length} bytes";
        }

        var size = ExifField.SizeOf(type);
        var numbers = new List<string>();
        for (var at = 0; at + size <= bytes.Length && numbers.Count < MostNumbers; at += size) numbers.Add(Number(type, bytes[at..]));
        if (bytes.Length > numbers.Count * size) numbers.Add("...");
        return string.Join(' ', numbers);
    }

    private static string Number(ExifType type, ReadOnlySpan<byte> value) => string.Create(CultureInfo.InvariantCulture, $"{(type switch
    {
        ExifType.Short => BinaryPrimitives.ReadUInt16BigEndian(value),
        ExifType.SignedShort => BinaryPrimitives.ReadInt16BigEndian(value),
        ExifType.Long or ExifType.Ifd => BinaryPrimitives.ReadUInt32BigEndian(value),
        ExifType.SignedLong => BinaryPrimitives.ReadInt32BigEndian(value),
        ExifType.SignedByte => (sbyte)value[0],
        ExifType.Float => BinaryPrimitives.ReadSingleBigEndian(value),
        ExifType.Double => BinaryPrimitives.ReadDoubleBigEndian(value),
        ExifType.Rational => (double)BinaryPrimitives.ReadUInt32BigEndian(value) / BinaryPrimitives.ReadUInt32BigEndian(value[4..]),
        ExifType.SignedRational => (double)BinaryPrimitives.ReadInt32BigEndian(value) / BinaryPrimitives.ReadInt32BigEndian(value[4..]),
        _ => value[0],
    }):0.##########}");
}
