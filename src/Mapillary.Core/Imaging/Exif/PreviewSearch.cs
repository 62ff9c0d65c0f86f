namespace Mapillary.Imaging.Exif;

/// <summary>
/// Finds the previews that cameras put behind the end of a picture, and address in their maker notes. An address counts only where a
/// picture really starts at its end, so nothing depends on which maker's notes they are.
/// </summary>
/// <remarks>
/// As exiftool's documentation describes the makers' notes: most state an address as an entry of a directory (Minolta 0x0081 and 0x0088,
/// Olympus 0x0088, 0x1036 and 0x0101, Nikon 0x0201, Pentax and Casio 0x0004, Sigma 0x001A, Sony 0x2001, Sony Ericsson 0x0201); Canon in the
/// sixth of the numbers of PreviewImageInfo (0x00B6); Samsung in the third number of four bytes of notes that begin with "STMN". They count
/// from the start of the EXIF block, of the notes, of a TIFF structure in the notes, or of the file.
/// </remarks>
internal readonly ref struct PreviewSearch
{
    private const int EntryLength = 12;
    private const ushort CanonPreviewInfo = 0x00B6;
    private const int CanonAddress = 5 * 4;
    private const int SamsungAddress = 2 * 4;

    // Sony puts a header of its own in front of the picture.
    private const int SonyHeader = 32;

    private readonly ReadOnlySpan<byte> _file;
    private readonly int _blockAt;
    private readonly ReadOnlySpan<byte> _block;
    private readonly int _notesAt;

    /// <summary>Makes ready to look through the maker notes, and what stands behind them in the block, as notes can be longer than they say.</summary>
    /// <param name="file">The file.</param>
    /// <param name="blockAt">Where in it the EXIF block starts.</param>
    /// <param name="block">The block.</param>
    /// <param name="notesAt">Where in the block the maker notes start.</param>
    public PreviewSearch(ReadOnlySpan<byte> file, int blockAt, ReadOnlySpan<byte> block, int notesAt)
    {
        _file = file;
        _blockAt = blockAt;
        _block = block;
        _notesAt = notesAt;
    }

    /// <summary>The addresses that lead to a picture behind the block.</summary>
    public List<PreviewAddress> Find()
    {
        var found = new List<PreviewAddress>();
        if (_block[_notesAt..].StartsWith("STMN"u8) && _notesAt + SamsungAddress + 4 <= _block.Length)
        {
            Follow(_notesAt + SamsungAddress, isBigEndian: false, found);
            Follow(_notesAt + SamsungAddress, isBigEndian: true, found);
        }

        for (var entry = _notesAt; entry + EntryLength <= _block.Length; entry += 2)
        {
            // One byte of an entry's type is zero, which says its byte order.
            if (_block[entry + 3] == 0 && IsAddress(entry, isBigEndian: false)) FollowEntry(entry, isBigEndian: false, found);
            if (_block[entry + 2] == 0 && IsAddress(entry, isBigEndian: true)) FollowEntry(entry, isBigEndian: true, found);
        }

        return found;
    }

    /// <summary>Whether a number that stands where no description has one leads from the block's start to a picture behind the block.</summary>
    public bool AnyUnexplained(bool isBigEndian)
    {
        for (var at = _notesAt; at + 4 <= _block.Length; at += 2)
        {
            var address = ByteOrder.Read32(_block, at, isBigEndian);
            if (address >= _block.Length && address < _file.Length - _blockAt && IsPicture(_blockAt + (int)address)) return true;
        }

        return false;
    }

    /// <summary>Whether an entry of a directory stands there that holds one number, or the place of many bytes or of Canon's numbers.</summary>
    private bool IsAddress(int entry, bool isBigEndian)
    {
        var count = ByteOrder.Read32(_block, entry + 4, isBigEndian);
        return ByteOrder.Read16(_block, entry + 2, isBigEndian) switch
        {
            4 or 9 or 13 => count == 1 || (count * 4 > CanonAddress && ByteOrder.Read16(_block, entry, isBigEndian) == CanonPreviewInfo),
            1 or 7 => count > 4,
            _ => false,
        };
    }

    private void FollowEntry(int entry, bool isBigEndian, List<PreviewAddress> found)
    {
        if (ByteOrder.Read16(_block, entry, isBigEndian) != CanonPreviewInfo)
        {
            Follow(entry + 8, isBigEndian, found);
            return;
        }

        // Canon counts from the start of the block.
        var numbers = ByteOrder.Read32(_block, entry + 8, isBigEndian);
        if (numbers + (long)CanonAddress + 4 <= _block.Length) Follow((int)numbers + CanonAddress, isBigEndian, found);
    }

    /// <summary>Looks where the number at a place of the block leads to, from all that it may count from.</summary>
    private void Follow(int at, bool isBigEndian, List<PreviewAddress> found)
    {
        var address = ByteOrder.Read32(_block, at, isBigEndian);
        if (address >= _file.Length) return;
        // The block; the notes; a TIFF structure in the notes, behind a header as Casio's and others', Nikon's, Sony Ericsson's; the file.
        foreach (var from in (ReadOnlySpan<int>)[0, _notesAt, _notesAt + 8, _notesAt + 10, _notesAt + 12, -_blockAt])
        {
            var target = _blockAt + from + (int)address;
            if (target < _blockAt + _block.Length || target >= _file.Length) continue;
            if (!IsPicture(target) && !IsPicture(target + SonyHeader)) continue;
            found.Add(new PreviewAddress(at, isBigEndian, from == -_blockAt ? null : from, target));
            return;
        }
    }

    /// <summary>
    /// Whether a picture starts there. Some cameras spoil its first byte; the three behind it do not occur within the data of a scan.
    /// </summary>
    private bool IsPicture(int at) =>
        at + 4 <= _file.Length && _file[at + 1] == 0xD8 && _file[at + 2] == 0xFF
        && (_file[at] == 0xFF || _file[at + 3] is 0xC4 or 0xDB or (>= 0xE0 and <= 0xEF));
}
