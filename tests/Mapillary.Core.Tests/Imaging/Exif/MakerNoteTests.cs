using System.Text;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Metadata;

namespace Mapillary.Tests.Imaging;

/// <summary>
/// Maker notes hold offsets of their own, each maker's in another way. Blocks laid out as the five makers do must read the same before
/// and after: by exiftool, which follows all those offsets.
/// </summary>
public sealed class MakerNoteTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Exiftool_reads_the_same_maker_notes_before_and_after()
    {
        Tool.Require("exiftool");
        foreach (var (name, make, makeNote, littleEndianOnly) in Layouts())
        {
            foreach (var bigEndian in littleEndianOnly ? [false] : new[] { false, true })
            {
                var block = TiffBuilder.Camera(bigEndian, JpegFixture.Progressive);
                block.Image[0] = TiffEntry.Ascii(0x010F, make);
                block.MakerNote = (at, tail) => makeNote(block, at, tail);
                block.Tail = Encoding.ASCII.GetBytes("value behind all others\0");
                var served = JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Jfif, JpegFixture.Comment, JpegFixture.Exif(block.Build()));
                var file = name + (bigEndian ? " big" : " little");
                _folder.Write(file + " a.jpg", served);

                // Twice with different values, so that the room of the first is used again by the second.
                var first = MetadataRestorer.RestoreJpeg(served, Image(make, "1"), RestoreOptions.Default);
                _folder.Write(file + " b.jpg", first.Pieces);
                byte[] once = [.. first.Pieces.SelectMany(p => p.ToArray())];
                _folder.Write(file + " c.jpg", MetadataRestorer.RestoreJpeg(once, Image(make, "12345678901234567"), RestoreOptions.Default).Pieces);
            }
        }

        var read = Tool.ExifTool(_folder.Path, "-G1", "-u", "-MakerNotes:all", "-warning");
        foreach (var before in read.Where(r => r.Key.EndsWith(" a.jpg", StringComparison.Ordinal)))
        {
            Assert.True(before.Value.Count >= 3, $"{before.Key}: {string.Join(", ", before.Value)}");
            Assert.Equal("", before.Value.GetValueOrDefault("ExifTool:Warning", ""));
            Assert.Equal(before.Value, read[before.Key.Replace(" a.jpg", " b.jpg", StringComparison.Ordinal)]);
            Assert.Equal(before.Value, read[before.Key.Replace(" a.jpg", " c.jpg", StringComparison.Ordinal)]);
        }
    }

    [Fact]
    public void A_value_that_maker_notes_hold_behind_their_stated_end_stays()
    {
        Tool.Require("exiftool");
        // As Nikon's COOLPIX P6000 does: the last value, four zeros of two bytes, begins in the notes and ends four bytes behind them.
        var block = TiffBuilder.Camera(bigEndian: false, JpegFixture.Progressive);
        block.Image[0] = TiffEntry.Ascii(0x010F, "NIKON");
        block.MakerNote = (_, _) => [.. "Nikon\0"u8, 2, 0x10, 0, 0, .. TiffHeader(block), .. block.Directory(8, [TiffEntry.Undefined(0x0001, "0210"u8.ToArray()), block.Short(0x0E22, 0, 0, 0, 0)])];
        var bytes = block.Build();
        var length = bytes.AsSpan().IndexOf(new byte[] { 0x7C, 0x92, 7, 0 }) + 4;
        bytes[length] -= 4;
        var served = JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Exif(bytes));
        _folder.Write("before.jpg", served);
        _folder.Write("after.jpg", MetadataRestorer.RestoreJpeg(served, Image("NIKON", "1"), RestoreOptions.Default).Pieces);

        var read = Tool.ExifTool(_folder.Path, "-G1", "-Nikon:NEFBitDepth");
        Assert.Equal("0 0 0 0", read["before.jpg"]["Nikon:NEFBitDepth"]);
        Assert.Equal("0 0 0 0", read["after.jpg"]["Nikon:NEFBitDepth"]);
    }

    private static MapillaryImage Image(string make, string id) => MapillaryImage.Parse(
        $$"""{"id":"{{id}}","captured_at":1704103200123,"make":"{{make}}","geometry":{"type":"Point","coordinates":[13.5,52.6]},"creator":{"username":"user {{id}}"},"sequence":"AbC"}""");

    /// <summary>The layouts as exiftool's documentation of maker notes describes them.</summary>
    private static IEnumerable<(string Name, string Make, Func<TiffBuilder, uint, uint, byte[]> Note, bool LittleEndianOnly)> Layouts()
    {
        // Canon: a bare directory, its offsets count from the start of the EXIF block.
        yield return ("canon", "Canon", (b, at, _) => b.Directory(at,
        [
            TiffEntry.Ascii(0x0006, "IMG:EOS 300D DIGITAL"), TiffEntry.Ascii(0x0007, "Firmware Version 1.1.1"), TiffEntry.Ascii(0x0009, "An owner with a name"),
        ]), false);

        // The same with a value outside of the note, where no standard tag points to.
        yield return ("canon outside", "Canon", (b, at, tail) => b.Directory(at,
        [
            TiffEntry.Ascii(0x0006, "IMG:EOS 300D DIGITAL"), TiffEntry.Ascii(0x0007, "Firmware Version 1.1.1"), TiffEntry.Ascii(0x0009, "value behind all others"),
        ]) is var note ? PointTo(b, note, 2, tail) : [], false);

        // Nikon type 3: a header, then a TIFF structure of its own, which its offsets count from.
        yield return ("nikon", "NIKON CORPORATION", (b, _, _) =>
        [
            .. "Nikon\0"u8, 2, 0x10, 0, 0, .. TiffHeader(b),
            .. b.Directory(8, [TiffEntry.Undefined(0x0001, "0210"u8.ToArray()), TiffEntry.Ascii(0x0004, "FINE        "), TiffEntry.Ascii(0x0005, "AUTO        "), TiffEntry.Ascii(0x0007, "AF-S  ")]),
        ], false);

        // Olympus of old: a header of 8 bytes, offsets from the start of the EXIF block.
        yield return ("olympus", "OLYMPUS OPTICAL CO.,LTD", (b, at, _) =>
        [
            .. "OLYMP\0"u8, 1, 0,
            .. b.Directory(at + 8, [TiffEntry.Ascii(0x0207, "SR951"), TiffEntry.Undefined(0x0209, Encoding.ASCII.GetBytes("OLYMPUS DIGITAL CAMERA\0")), b.Rational(0x0204, 100, 100)]),
        ], false);

        // Panasonic: a header of 12 bytes, offsets from the start of the EXIF block, no link behind the directory.
        yield return ("panasonic", "Panasonic", (b, at, _) =>
        [
            .. "Panasonic\0\0\0"u8,
            .. b.Directory(at + 12, [b.Short(0x0001, 2), TiffEntry.Undefined(0x0025, Encoding.ASCII.GetBytes("S010504200159\0\0\0")), TiffEntry.Ascii(0x0051, "LUMIX G VARIO 14-45mm")], link: false),
        ], false);

        // Fujifilm: always little-endian, offsets from the start of the note.
        yield return ("fujifilm", "FUJIFILM", (_, _, _) =>
        [
            .. "FUJIFILM"u8, 12, 0, 0, 0,
            .. new TiffBuilder(bigEndian: false).Directory(12, [TiffEntry.Undefined(0x0000, "0130"u8.ToArray()), TiffEntry.Ascii(0x1000, "NORMAL "), TiffEntry.Ascii(0x0010, "FPX 4211025 592D38313130 2008:11:22 852010110136")]),
        ], false);
    }

    private static byte[] TiffHeader(TiffBuilder b)
    {
        var mark = b.Bytes16(42);
        return [.. mark[0] == 0 ? "MM"u8 : "II"u8, .. mark, .. b.Bytes32(8)];
    }

    /// <summary>Lets an entry of a directory point to another place.</summary>
    private static byte[] PointTo(TiffBuilder b, byte[] directory, int entry, uint place)
    {
        b.Bytes32(place).CopyTo(directory, 2 + entry * 12 + 8);
        return directory;
    }
}
