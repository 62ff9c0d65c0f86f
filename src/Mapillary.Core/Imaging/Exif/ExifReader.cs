using Mapillary.Imaging.Jpeg;

namespace Mapillary.Imaging.Exif;

/// <summary>
/// Reads an EXIF block. Every offset and count is checked against the block's bounds; what cannot be right is dropped and named.
/// </summary>
internal sealed class ExifReader
{
    // From IFD1 on, the first is the thumbnail's; more than a few are a loop, or a broken block.
    private const int MostChainedDirectories = 16;

    private readonly TiffBytes _tiff;
    private readonly ExifDirectories _directories = new();
    private readonly ExifLayout _layout = new();
    private readonly List<string> _faults = [];

    // The places of all directories so far: one that comes again is a loop.
    private readonly HashSet<uint> _visited = [];

    private ExifReader(TiffBytes tiff) => _tiff = tiff;

    /// <summary>Reads a block.</summary>
    /// <param name="bytes">The bytes from the byte order mark on.</param>
    /// <returns>The block, or null if it has no readable header and first directory.</returns>
    public static ExifBlock? Read(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length < TiffBytes.HeaderLength) return null;
        bool isBigEndian;
        if (bytes.Span.StartsWith("II"u8)) isBigEndian = false;
        else if (bytes.Span.StartsWith("MM"u8)) isBigEndian = true;
        else return null;

        var tiff = new TiffBytes(bytes, isBigEndian);
        if (tiff.UInt16(2) != 42) return null;
        var reader = new ExifReader(tiff);
        return reader.ReadDirectories() ? new ExifBlock(tiff, reader._directories, reader._layout, reader._faults) : null;
    }

    private bool ReadDirectories()
    {
        if (ReadDirectory(_tiff.UInt32(4), needsLink: true) is not { } image) return false;
        _directories.Set(ExifDirectory.Image, image.Entries);
        ReadChild(ExifDirectory.Image, ExifTag.ExifPointer, ExifDirectory.Exif);
        ReadChild(ExifDirectory.Image, ExifTag.GpsPointer, ExifDirectory.Gps);
        ReadChild(ExifDirectory.Exif, ExifTag.InteroperabilityPointer, ExifDirectory.Interoperability);
        ReadThumbnail(image.Link);
        ReadSubdirectories();
        return true;
    }

    private void ReadChild(ExifDirectory parent, ushort pointer, ExifDirectory child)
    {
        if (_directories.Find(parent, pointer) is not { } entry) return;
        if (_tiff.Number(entry) is { } place && ReadDirectory(place, needsLink: false) is { } directory)
        {
            _directories.Set(child, directory.Entries);
            return;
        }

        _faults.Add($"dropped the broken {child} directory of the EXIF block");
        _directories.Remove(parent, pointer);
    }

    private void ReadThumbnail(uint offset)
    {
        if (offset == 0) return;
        if (ReadDirectory(offset, needsLink: true) is not { } directory)
        {
            _faults.Add("dropped the broken thumbnail directory of the EXIF block");
            return;
        }

        _directories.Set(ExifDirectory.Thumbnail, directory.Entries);
        _layout.Thumbnail.AddRange(FindStrips());
        ReadThumbnailPicture();
        ReadFurther(directory);
    }

    /// <summary>
    /// Finds the thumbnail's picture. Some cameras state it a few bytes longer than the block has: then it ends with its own end marker.
    /// </summary>
    private void ReadThumbnailPicture()
    {
        if (_directories.Find(ExifDirectory.Thumbnail, ExifTag.ThumbnailOffset) is not { } offset) return;
        var length = _directories.Find(ExifDirectory.Thumbnail, ExifTag.ThumbnailLength);
        if (length is not null && PictureAt(offset, length.Value, 0) is { } picture)
        {
            _layout.ThumbnailPicture = picture;
            _layout.Thumbnail.Add(picture);
            return;
        }

        if (_tiff.Number(offset) is { } start && start < _tiff.Length && length is not null
            && _tiff.Span[(int)start..] is var rest && rest.StartsWith(JpegSegments.StartOfImage)
            && rest.LastIndexOf(JpegSegments.EndOfImage) is > 0 and var end)
        {
            picture = new Extent((int)start, (int)start + end + JpegSegments.EndOfImage.Length);
            _layout.ThumbnailPicture = picture;
            _layout.IsThumbnailLengthWrong = true;
            _layout.Thumbnail.Add(picture);
            _faults.Add("corrected the length of the EXIF thumbnail, which reached behind the block");
            return;
        }

        _faults.Add("dropped an EXIF thumbnail that lies outside of the block");
        _directories.Remove(ExifDirectory.Thumbnail, ExifTag.ThumbnailOffset, ExifTag.ThumbnailLength);
    }

    /// <summary>
    /// Follows the chain of directories behind the thumbnail's. EXIF has none there; what is there stays, but the chain has to end.
    /// </summary>
    private void ReadFurther(ReadTable directory)
    {
        _layout.LinkBehindThumbnail = directory.Link;
        var tables = new List<Extent>();
        for (var i = 0; directory.Link != 0; i++)
        {
            if (i < MostChainedDirectories && FindTable(directory.Link, needsLink: true) is { } table
                && !tables.Exists(t => t.Start < table.Extent.End && table.Extent.Start < t.End))
            {
                var (extent, count, link) = table;
                tables.Add(extent);
                _layout.Thumbnail.Add(extent);
                for (var n = 0; n < count; n++)
                {
                    if (ReadEntry(EntryAt(extent, n)) is { IsApart: true } entry) _layout.Thumbnail.Add(entry.Extent);
                }

                directory = new ReadTable([], link, extent.End - 4);
                continue;
            }

            _faults.Add("cut a broken chain of EXIF directories");
            if (i == 0) _layout.LinkBehindThumbnail = 0;
            else _layout.BrokenLink = directory.LinkAt;
            return;
        }
    }

    /// <summary>
    /// Finds the bytes of directories that EXIF does not know. Neither these nor the lists of their places can be longer together than the
    /// block. Where they are, they lie over each other: the block is broken, and the search ends.
    /// </summary>
    private void ReadSubdirectories()
    {
        List<ExifEntry>? pointers = null;
        foreach (var directory in ExifDirectories.All)
        {
            foreach (var entry in _directories[directory])
            {
                if (entry.PointsToDirectories) (pointers ??= []).Add(entry);
            }
        }

        var (room, places) = (_tiff.Length, _tiff.Length / 4);
        for (var i = 0; i < pointers?.Count; i++)
        {
            for (var n = 0; n < pointers[i].Count; n++)
            {
                if (--places < 0) return;
                if (_tiff.Number(pointers[i], n) is not { } place) continue;
                if (FindTable(place, needsLink: false) is not var (extent, count, _)) continue;
                if ((room -= extent.Length) < 0) return;
                _layout.Subdirectories.Add(extent);
                for (var e = 0; e < count; e++)
                {
                    if (ReadEntry(EntryAt(extent, e)) is not { } entry) continue;
                    if (entry.IsApart) _layout.Subdirectories.Add(entry.Extent);
                    if (entry.PointsToDirectories) pointers.Add(entry);
                }
            }
        }
    }

    /// <summary>Reads one directory. Entries whose type or place is impossible are skipped and noted.</summary>
    /// <returns>Null where there is no directory, one larger than any is, or one that was read before: then the block loops.</returns>
    private ReadTable? ReadDirectory(uint offset, bool needsLink)
    {
        if (FindTable(offset, needsLink) is not var (extent, count, link) || count > ExifDirectories.MostEntries) return null;
        _layout.Tables.Add(extent);
        var entries = new List<ExifEntry>(count);
        for (var i = 0; i < count; i++)
        {
            if (ReadEntry(EntryAt(extent, i)) is { } entry) entries.Add(entry);
        }

        if (entries.Count < count) _faults.Add($"dropped {count - entries.Count} broken of {count} entries of an EXIF directory");
        return new ReadTable([.. entries], link, EntryAt(extent, count));
    }

    /// <summary>Where a directory stands, how many entries it has, and its link; no link where the block ends before it.</summary>
    private (Extent Extent, int Count, uint Link)? FindTable(uint offset, bool needsLink)
    {
        if (offset < TiffBytes.HeaderLength || offset + 2L > _tiff.Length || !_visited.Add(offset)) return null;
        var at = (int)offset;
        var count = _tiff.UInt16(at);
        var linkAt = at + 2 + count * ExifEntry.Size;
        var hasLink = linkAt + 4 <= _tiff.Length;
        if (linkAt > _tiff.Length || (needsLink && !hasLink)) return null;
        return (new Extent(at, hasLink ? linkAt + 4 : linkAt), count, hasLink ? _tiff.UInt32(linkAt) : 0);
    }

    private static int EntryAt(Extent table, int index) => table.Start + 2 + index * ExifEntry.Size;

    private ExifEntry? ReadEntry(int at)
    {
        var type = (ExifType)_tiff.UInt16(at + 2);
        var count = _tiff.UInt32(at + 4);
        var length = (ulong)ExifField.SizeOf(type) * count;
        if (length > (ulong)_tiff.Length || ExifField.SizeOf(type) == 0) return null;
        var valueAt = length <= ExifEntry.LongestWithin ? (uint)at + 8 : _tiff.UInt32(at + 8);
        if (valueAt < TiffBytes.HeaderLength || valueAt + length > (ulong)_tiff.Length) return null;
        return new ExifEntry(_tiff.UInt16(at), type, count, at + 8, (int)valueAt, (int)length);
    }

    /// <summary>Where a thumbnail lies that is not compressed.</summary>
    private IEnumerable<Extent> FindStrips()
    {
        if (_directories.Find(ExifDirectory.Thumbnail, ExifTag.StripOffsets) is not { } offsets
            || _directories.Find(ExifDirectory.Thumbnail, ExifTag.StripByteCounts) is not { } lengths) yield break;
        for (var i = 0; i < Math.Min(offsets.Count, lengths.Count); i++)
        {
            if (PictureAt(offsets, lengths, i) is { } strip) yield return strip;
        }
    }

    private Extent? PictureAt(ExifEntry offsets, ExifEntry lengths, int index)
    {
        if (_tiff.Number(offsets, index) is not { } start || _tiff.Number(lengths, index) is not { } length) return null;
        return (ulong)start + length <= (ulong)_tiff.Length ? new Extent((int)start, (int)(start + length)) : null;
    }

    /// <summary>A directory that was read.</summary>
    /// <param name="Entries">Its entries.</param>
    /// <param name="Link">The place of the next one in its chain; 0 where it is the last.</param>
    /// <param name="LinkAt">Where that place stands.</param>
    private readonly record struct ReadTable(ExifEntry[] Entries, uint Link, int LinkAt);
}
