using Mapillary.Imaging.Exif;
using Mapillary.Imaging.Jpeg;
using Mapillary.Imaging.Xmp;

namespace Mapillary.Imaging.Metadata;

/// <summary>
/// What in a JPEG counts from the start of the EXIF block, or of the file, to something behind the header: the index of further pictures,
/// previews of the maker notes, AFCP trailers. When the header gets another length, they are put right.
/// </summary>
internal sealed class MovedBytes
{
    private static readonly int BlockAtInSegment = 4 + SegmentKinds.NameOf(SegmentKind.Exif).Length;

    private readonly ReadOnlyMemory<byte> _jpeg;
    private readonly JpegHeader _header;
    private readonly FileEdits _edits;
    private readonly byte[]? _exif;

    /// <summary>Makes ready.</summary>
    /// <param name="jpeg">The file as it was.</param>
    /// <param name="header">What it holds in front of the picture data.</param>
    /// <param name="edits">What is changed in the header; receives what has to change besides.</param>
    /// <param name="exif">The new EXIF segment, which is among the edits and is changed in its place; null where the old one stays.</param>
    public MovedBytes(ReadOnlyMemory<byte> jpeg, JpegHeader header, FileEdits edits, byte[]? exif)
    {
        _jpeg = jpeg;
        _header = header;
        _edits = edits;
        _exif = exif;
    }

    private ReadOnlySpan<byte> File => _jpeg.Span;

    /// <summary>Puts all addresses right, if possible by leaving in its place what they lead to.</summary>
    /// <param name="block">The EXIF block as it was.</param>
    /// <param name="notes">Receives what can no longer be found.</param>
    public void KeepAddresses(ExifBlock block, List<string> notes)
    {
        var segment = _header.Exif.Find(s => s.Content(_jpeg, SegmentKind.Exif).Equals(block.Bytes));
        var blockAt = segment.Offset + BlockAtInSegment;
        List<PreviewAddress> previews = [];
        var isUnexplained = false;
        if (segment.Length > 0 && block.MakerNoteAt is { } notesAt)
        {
            var search = new PreviewSearch(File, blockAt, block.Bytes.Span, notesAt);
            previews = search.Find();
            isUnexplained = previews.Count == 0 && search.AnyUnexplained(block.IsBigEndian);
        }

        var places = AfcpTrailer.FindPlaces(File);
        if (isUnexplained || previews.Count + places.Count > 0) UsePadding();

        CorrectMultiPictureIndex();
        var newBlockAt = _exif is null ? blockAt : _header.InsertAt + BlockAtInSegment;
        foreach (var preview in previews) Correct(preview, blockAt, newBlockAt);
        foreach (var (at, isBigEndian) in places) Correct(at, isBigEndian);
        if (isUnexplained && (_edits.Growth != 0 || newBlockAt != blockAt))
            notes.Add("the preview of the maker notes can no longer be found");
    }

    /// <summary>Puts addresses right where not only the header but the picture itself got another length.</summary>
    /// <param name="served">The file as it was.</param>
    /// <param name="end">The first byte in it behind the picture.</param>
    /// <param name="header">The new header, with the segments of the old one.</param>
    /// <param name="trailer">What stood behind the picture, and does so again.</param>
    /// <param name="shift">By how many bytes that moves.</param>
    public static void FollowTrailer(ReadOnlyMemory<byte> served, int end, byte[] header, byte[] trailer, int shift)
    {
        if (trailer.Length == 0 || shift == 0) return;
        if (JpegHeader.Read(served.Span).Exif is [var old, ..] && JpegHeader.Read(header).Exif is [var now, ..]
            && ExifBlock.Parse(old.Content(served, SegmentKind.Exif)) is { MakerNoteAt: { } notesAt } block)
        {
            var newBlockAt = now.Offset + BlockAtInSegment;
            foreach (var preview in new PreviewSearch(served.Span, old.Offset + BlockAtInSegment, block.Bytes.Span, notesAt).Find())
            {
                if (preview.Target < end) continue;
                var address = preview.Target + shift - (preview.CountsFrom is { } from ? newBlockAt + from : 0);
                ByteOrder.Write32(header, newBlockAt + preview.At, (uint)address, preview.IsBigEndian);
            }
        }

        foreach (var (at, isBigEndian) in AfcpTrailer.FindPlaces(served.Span))
        {
            var place = ByteOrder.Read32(served.Span, at, isBigEndian);
            if (at >= end && place >= end && place <= served.Length) ByteOrder.Write32(trailer, at - end, (uint)(place + shift), isBigEndian);
        }
    }

    /// <summary>
    /// Takes what the header grows by from the XMP packet's padding, which is there for that (XMP specification part 1, section 7.3.2).
    /// </summary>
    private void UsePadding()
    {
        var growth = _edits.Growth;
        if (growth <= 0 || _header.Xmp is not [var first, ..]) return;
        var edit = _edits.Find(first.Offset, first.End);
        var packet = (edit?.Replacement ?? _jpeg[first.Offset..first.End]).Span[(4 + SegmentKinds.NameOf(SegmentKind.Xmp).Length)..];
        var (start, end) = XmpPacket.FindPadding(packet);
        if (end - start < growth) return;
        var shorter = MetadataRestorer.Segment(SegmentKind.Xmp, [.. packet[..(end - growth)], .. packet[end..]]);
        if (edit is { } old) _edits.Change(old, shorter);
        else _edits.Replace(first.Offset, first.End, shorter);
    }

    private void CorrectMultiPictureIndex()
    {
        if (_header.MultiPictureIndex is not { } segment) return;
        // The index counts from its own start.
        var shift = _edits.Growth - (_edits.Moved(segment.Offset) - segment.Offset);
        if (shift != 0 && MultiPictureIndex.Shifted(File[segment.Offset..segment.End], shift) is { } shifted)
            _edits.Replace(segment.Offset, segment.End, shifted);
    }

    private void Correct(PreviewAddress preview, int blockAt, int newBlockAt)
    {
        var old = preview.Read(File[blockAt..]);
        var address = (uint)(_edits.Moved(preview.Target) - (preview.CountsFrom is { } from ? newBlockAt + from : 0));
        if (address == old) return;
        if (_exif is null)
        {
            var bytes = new byte[4];
            ByteOrder.Write32(bytes, 0, address, preview.IsBigEndian);
            _edits.Replace(blockAt + preview.At, blockAt + preview.At + bytes.Length, bytes);
        }
        else if (BlockAtInSegment + preview.At + 4 <= _exif.Length && preview.Read(_exif.AsSpan(BlockAtInSegment)) == old)
        {
            ByteOrder.Write32(_exif, BlockAtInSegment + preview.At, address, preview.IsBigEndian);
        }
    }

    private void Correct(int at, bool isBigEndian)
    {
        var place = ByteOrder.Read32(File, at, isBigEndian);
        if (place > File.Length || _edits.Moved((int)place) == place) return;
        var bytes = new byte[4];
        ByteOrder.Write32(bytes, 0, (uint)_edits.Moved((int)place), isBigEndian);
        _edits.Replace(at, at + bytes.Length, bytes);
    }
}
