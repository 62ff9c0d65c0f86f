using System.Buffers.Binary;

namespace Mapillary.Imaging;

/// <summary>An address in maker notes of a picture that stands behind the EXIF block.</summary>
/// <param name="At">Where the address stands, in bytes from the start of the block; it has four bytes.</param>
/// <param name="IsBigEndian">Its byte order, which can be another one than the block's.</param>
/// <param name="CountsFrom">What it counts from, in bytes from the start of the block; null for the start of the file.</param>
/// <param name="Target">Where in the file it leads to.</param>
internal readonly record struct PreviewAddress(int At, bool IsBigEndian, int? CountsFrom, int Target)
{
    /// <summary>Reads it from a block, or from the block that came out of it.</summary>
    public uint Read(ReadOnlySpan<byte> block) => ByteOrder.Read32(block, At, IsBigEndian);
}

/// <summary>
/// Finds the previews that cameras put behind the end of a picture, and address in their maker notes. An address counts only where a
/// picture really starts at its end, so nothing depends on which maker's notes they are.
/// </summary>
/// <remarks>
/// As exiftool's documentation describes the makers' notes: most state an address as an entry of a directory (Minolta 0x0081 and 0x0088,
/// Olympus 0x0088, 0x1036 and 0x0101, Nikon 0x0201, Pentax and Casio 0x0004, Sony 0x2001, Sony Ericsson 0x0201); Canon in the sixth of the
/// numbers of PreviewImageInfo (0x00B6); Samsung in the third number of notes that begin with "STMN". They count from the start of the
/// EXIF block, of the notes, of a TIFF structure in the notes, or of the file.
/// </remarks>
internal static class PreviewAddresses
{
    private const int EntryLength = 12;
    private const ushort CanonPreviewInfo = 0x00B6;
    private const int CanonAddress = 5 * 4;
    private const int SamsungAddress = 2 * 4;

    // Sony puts a header of its own in front of the picture.
    private const int SonyHeader = 32;

    // The header of a TIFF structure in the notes stands in one of these places: Fujifilm's and Olympus's, Casio's and others', Nikon's, Panasonic's.
    private static readonly int[] Headers = [0, 8, 10, 12];

    /// <summary>Looks through the maker notes, and what stands behind them in the block, as notes can be longer than they say.</summary>
    /// <param name="file">The file.</param>
    /// <param name="blockAt">Where in it the block starts.</param>
    /// <param name="block">The block.</param>
    /// <param name="notesAt">Where in the block the maker notes start.</param>
    /// <param name="unexplained">Where pictures start whose address is stated in a way that no maker's description tells.</param>
    public static List<PreviewAddress> Find(ReadOnlySpan<byte> file, int blockAt, ReadOnlySpan<byte> block, int notesAt, out List<int> unexplained)
    {
        var found = new List<PreviewAddress>();
        unexplained = [];
        // What an address can count from, as places in the file.
        Span<int> origins = stackalloc int[Headers.Length + 2];
        origins[0] = blockAt;
        for (var i = 0; i < Headers.Length; i++) origins[i + 1] = blockAt + notesAt + Headers[i];
        origins[^1] = 0;
        // Less than this leads nowhere behind the block, whatever it counts from; more leads behind the file.
        var least = (uint)Math.Max(0, block.Length - notesAt - Headers[^1]);
        var range = (uint)file.Length - least;
        for (var at = notesAt; at + 4 <= block.Length; at += 2)
        {
            var little = BinaryPrimitives.ReadUInt32LittleEndian(block[at..]);
            var big = BinaryPrimitives.ReverseEndianness(little);
            if (little - least < range) Follow(file, blockAt, block, notesAt, origins, at, isBigEndian: false, found, unexplained);
            if (big - least < range) Follow(file, blockAt, block, notesAt, origins, at, isBigEndian: true, found, unexplained);
        }

        unexplained.RemoveAll(u => found.Exists(f => f.Target == u));
        return found;
    }

    /// <summary>Looks where the number at a place of the block leads to.</summary>
    private static void Follow(
        ReadOnlySpan<byte> file, int blockAt, ReadOnlySpan<byte> block, int notesAt, ReadOnlySpan<int> origins, int at, bool isBigEndian, List<PreviewAddress> found, List<int> unexplained)
    {
        var address = ByteOrder.Read32(block, at, isBigEndian);
        foreach (var origin in origins)
        {
            var target = origin + (long)address;
            if (target < blockAt + block.Length || target >= file.Length) continue;
            var start = (int)target;
            var isPicture = IsPicture(file, start);
            if (!isPicture && !IsPicture(file, start + SonyHeader)) continue;
            if (IsDescribed(block, notesAt, at, isBigEndian, origin - blockAt, mustBeData: !isPicture))
            {
                found.Add(new PreviewAddress(at, isBigEndian, origin == 0 ? null : origin - blockAt, start));
                return;
            }

            if (isPicture) unexplained.Add(start);
        }
    }

    /// <summary>
    /// Whether a picture starts there. Some cameras spoil its first byte; the three behind it do not occur within the data of a scan.
    /// </summary>
    private static bool IsPicture(ReadOnlySpan<byte> file, int at) =>
        at + 4 <= file.Length && file[at + 1] == 0xD8 && file[at + 2] == 0xFF && (file[at] == 0xFF || file[at + 3] is 0xC4 or 0xDB or (>= 0xE0 and <= 0xEF));

    private static bool IsDescribed(ReadOnlySpan<byte> block, int notesAt, int at, bool isBigEndian, int countsFrom, bool mustBeData)
    {
        if (at >= 8)
        {
            var (type, count) = (ByteOrder.Read16(block, at - 6, isBigEndian), ByteOrder.Read32(block, at - 4, isBigEndian));
            // One number; or so many bytes, which is the picture itself.
            if (!mustBeData && type is 4 or 9 or 13 && count == 1) return true;
            if (type is 1 or 7 && count > 4) return true;
        }

        if (mustBeData) return false;
        if (at == notesAt + SamsungAddress && block[notesAt..].StartsWith("STMN"u8)) return true;
        for (var entry = notesAt; entry + EntryLength <= block.Length; entry += 2)
        {
            if (ByteOrder.Read16(block, entry, isBigEndian) == CanonPreviewInfo && ByteOrder.Read16(block, entry + 2, isBigEndian) == 4
                && countsFrom + (long)ByteOrder.Read32(block, entry + 8, isBigEndian) + CanonAddress == at) return true;
        }

        return false;
    }
}
