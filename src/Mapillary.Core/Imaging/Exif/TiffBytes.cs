namespace Mapillary.Imaging.Exif;

/// <summary>The bytes of a TIFF structure, with its byte order.</summary>
/// <param name="bytes">The bytes from the byte order mark on.</param>
/// <param name="isBigEndian">The byte order: true for Motorola ("MM"), false for Intel ("II").</param>
internal readonly struct TiffBytes(ReadOnlyMemory<byte> bytes, bool isBigEndian)
{
    /// <summary>The byte order mark, a number that is always 42, and the place of the first directory.</summary>
    public const int HeaderLength = 8;

    /// <summary>The bytes from the byte order mark on.</summary>
    public ReadOnlyMemory<byte> Memory => bytes;

    /// <summary>The same.</summary>
    public ReadOnlySpan<byte> Span => bytes.Span;

    /// <summary>How many there are.</summary>
    public int Length => bytes.Length;

    /// <summary>The byte order: true for Motorola ("MM"), false for Intel ("II").</summary>
    public bool IsBigEndian => isBigEndian;

    /// <summary>The number of 16 bits at a place.</summary>
    public ushort UInt16(int at) => ByteOrder.Read16(bytes.Span, at, isBigEndian);

    /// <summary>The number of 32 bits at a place.</summary>
    public uint UInt32(int at) => ByteOrder.Read32(bytes.Span, at, isBigEndian);

    /// <summary>The values of an entry.</summary>
    public ReadOnlySpan<byte> Value(ExifEntry entry) => bytes.Span.Slice(entry.ValueAt, entry.Length);

    /// <summary>
    /// One of an entry's values as a place, a length or a count: of any type of whole numbers, as cameras choose them. Null for other
    /// types, values that are not there, and negative ones.
    /// </summary>
    public uint? Number(ExifEntry entry, int index = 0)
    {
        if (index >= entry.Count) return null;
        var at = entry.ValueAt + index * ExifField.SizeOf(entry.Type);
        var number = entry.Type switch
        {
            ExifType.Byte => bytes.Span[at],
            ExifType.SignedByte => (sbyte)bytes.Span[at],
            ExifType.Short => UInt16(at),
            ExifType.SignedShort => (short)UInt16(at),
            ExifType.Long or ExifType.Ifd => UInt32(at),
            ExifType.SignedLong => (int)UInt32(at),
            _ => -1L,
        };
        return number >= 0 ? (uint)number : null;
    }
}
