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
/// numbers of PreviewImageInfo (0x00B6); Samsung in the third number (of four bytes) of notes that begin with "STMN". They count from the start of the
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

    /// <summary>Looks through the maker notes, and what stands behind them in the block, as notes can be longer than they say.</summary>
    /// <param name="file">The file.</param>
    /// <param name="blockAt">Where in it the block starts.</param>
    /// <param name="block">The block.</param>
    /// <param name="notesAt">Where in the block the maker notes start.</param>
    public static List<PreviewAddress> Find(ReadOnlySpan<byte> file, int blockAt, ReadOnlySpan<byte> block, int notesAt)
    {
        var found = new List<PreviewAddress>();
        if (block[notesAt..].StartsWith("STMN"u8) && notesAt + SamsungAddress + 4 <= block.Length)
        {
            Follow(file, blockAt, block, notesAt, notesAt + SamsungAddress, isBigEndian: false, found);
            Follow(file, blockAt, block, notesAt, notesAt + SamsungAddress, isBigEndian: true, found);
        }

        for (var entry = notesAt; entry + EntryLength <= block.Length; entry += 2)
        {
            // The type of an entry has one byte that is zero, and this is rarely so of anything else.
            if (block[entry + 3] == 0 && IsAddress(block, entry, isBigEndian: false)) FollowEntry(file, blockAt, block, notesAt, entry, isBigEndian: false, found);
            if (block[entry + 2] == 0 && IsAddress(block, entry, isBigEndian: true)) FollowEntry(file, blockAt, block, notesAt, entry, isBigEndian: true, found);
        }

        return found;
    }

    /// <summary>Whether a number in the maker notes, in a place where no description has one, leads from the block's start to a picture behind it.</summary>
    public static bool AnyUnexplained(ReadOnlySpan<byte> file, int blockAt, ReadOnlySpan<byte> block, int notesAt, bool isBigEndian)
    {
        for (var at = notesAt; at + 4 <= block.Length; at += 2)
        {
            var address = ByteOrder.Read32(block, at, isBigEndian);
            if (address >= block.Length && address < file.Length - blockAt && IsPicture(file, blockAt + (int)address)) return true;
        }

        return false;
    }

    /// <summary>Whether an entry of a directory stands there that holds one number, or the place of many bytes or of Canon's numbers.</summary>
    private static bool IsAddress(ReadOnlySpan<byte> block, int entry, bool isBigEndian)
    {
        var count = ByteOrder.Read32(block, entry + 4, isBigEndian);
        return ByteOrder.Read16(block, entry + 2, isBigEndian) switch
        {
            4 or 9 or 13 => count == 1 || (count * 4 > CanonAddress && ByteOrder.Read16(block, entry, isBigEndian) == CanonPreviewInfo),
            1 or 7 => count > 4,
            _ => false,
        };
    }

    private static void FollowEntry(ReadOnlySpan<byte> file, int blockAt, ReadOnlySpan<byte> block, int notesAt, int entry, bool isBigEndian, List<PreviewAddress> found)
    {
        if (ByteOrder.Read16(block, entry, isBigEndian) != CanonPreviewInfo)
        {
            Follow(file, blockAt, block, notesAt, entry + 8, isBigEndian, found);
        }
        else if (ByteOrder.Read32(block, entry + 8, isBigEndian) is var numbers && numbers + (long)CanonAddress + 4 <= block.Length)
        {
            // Canon counts from the start of the block.
            Follow(file, blockAt, block, notesAt, (int)numbers + CanonAddress, isBigEndian, found);
        }
    }

    /// <summary>Looks where the number at a place of the block leads to, from all that it may count from.</summary>
    private static void Follow(ReadOnlySpan<byte> file, int blockAt, ReadOnlySpan<byte> block, int notesAt, int at, bool isBigEndian, List<PreviewAddress> found)
    {
        var address = ByteOrder.Read32(block, at, isBigEndian);
        if (address >= file.Length) return;
        // The block; the notes; a TIFF structure in the notes, behind a header as Casio's and others', Nikon's, Sony Ericsson's; the file.
        foreach (var from in (ReadOnlySpan<int>)[0, notesAt, notesAt + 8, notesAt + 10, notesAt + 12, -blockAt])
        {
            var target = blockAt + from + (int)address;
            if (target < blockAt + block.Length || target >= file.Length || !(IsPicture(file, target) || IsPicture(file, target + SonyHeader))) continue;
            found.Add(new PreviewAddress(at, isBigEndian, from == -blockAt ? null : from, target));
            return;
        }
    }

    /// <summary>
    /// Whether a picture starts there. Some cameras spoil its first byte; the three behind it do not occur within the data of a scan.
    /// </summary>
    private static bool IsPicture(ReadOnlySpan<byte> file, int at) =>
        at + 4 <= file.Length && file[at + 1] == 0xD8 && file[at + 2] == 0xFF && (file[at] == 0xFF || file[at + 3] is 0xC4 or 0xDB or (>= 0xE0 and <= 0xEF));
}
