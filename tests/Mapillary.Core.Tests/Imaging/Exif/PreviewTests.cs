using System.Text.RegularExpressions;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Forms;
using Mapillary.Imaging.Metadata;

namespace Mapillary.Tests.Imaging;

/// <summary>
/// Previews that cameras put behind the end of the picture: their maker notes tell where, each maker's in another way. exiftool follows
/// what they tell, and finds the same preview before and after.
/// </summary>
public sealed class PreviewTests : IDisposable
{
    /// <summary>The maker notes for a place in the block, with the place of the preview; both count from the start of the block.</summary>
    private delegate byte[] Notes(TiffBuilder block, uint at, uint preview);

    // The block stands behind the start of the image, the marker, the length and the name of its segment.
    private const uint BlockAt = 12;

    private static readonly byte[] Preview = JpegFixture.Photo(JpegFixture.Progressive);
    private static readonly byte[] SpoiledPreview = [0, .. Preview[1..]];
    private static readonly uint Length = (uint)Preview.Length;

    // exiftool guesses by how much offsets may be wrong from where the notes stand.
    private static readonly Regex Guess = new(@"\(fix by -?\d+\?\)");

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Exiftool_finds_the_same_preview_before_and_after()
    {
        Tool.Require("exiftool");
        foreach (var (name, make, notes, preview) in Makers())
        {
            foreach (var bigEndian in new[] { false, true })
            {
                var file = $"{name} {(bigEndian ? "big" : "little")}";
                var served = Served(make, notes, preview, bigEndian);
                _folder.Write(file + " a.jpg", served);
                var restored = Restore(served, Record(make, "1"));
                Assert.True(restored.Notes.Count == 0, $"{file}: {string.Join("; ", restored.Notes)}");
                _folder.Write(file + " b.jpg", restored.Pieces);
                var once = Bytes(restored);
                Assert.False(Restore(once, Record(make, "1")).Changed, file);
                _folder.Write(file + " c.jpg", Restore(once, Record(make, "12345678901234567")).Pieces);
            }
        }

        var read = Tool.ExifTool(_folder.Path, "-G1:4", "-b", "-u", "-validate", "-warning", "-error", "-PreviewImage", "-MakerNotes:all");
        foreach (var (file, before) in read.Where(r => r.Key.EndsWith(" a.jpg", StringComparison.Ordinal)))
        {
            Assert.True(before.Any(t => t.Key.EndsWith(":PreviewImage", StringComparison.Ordinal) && Convert.FromBase64String(t.Value["base64:".Length..]).SequenceEqual(Preview)), file);
            foreach (var restored in new[] { " b.jpg", " c.jpg" })
            {
                var after = read[file.Replace(" a.jpg", restored, StringComparison.Ordinal)];
                Assert.Equal(before.Where(IsTold), after.Where(IsTold));
                Assert.Subset(Faults(before), Faults(after));
            }
        }

        // Where the preview starts is to be another place.
        static bool IsTold(KeyValuePair<string, string> tag) =>
            !tag.Key.EndsWith("PreviewImageStart", StringComparison.Ordinal) && !tag.Key.StartsWith("ExifTool:", StringComparison.Ordinal);

        static HashSet<string> Faults(Dictionary<string, string> tags) =>
            [.. tags.Where(t => t.Key.EndsWith(":Warning", StringComparison.Ordinal) || t.Key.EndsWith(":Error", StringComparison.Ordinal)).Select(t => Guess.Replace(t.Value, ""))];
    }

    [Fact]
    public async Task A_picture_that_is_compressed_again_has_its_preview_and_its_trailer_where_it_says()
    {
        Tool.Require("exiftool");
        var makers = Makers().ToList();
        foreach (var (name, make, notes, preview) in makers)
        {
            var converted = await new JpegForm(40).ConvertAsync([Served(make, notes, preview, bigEndian: false)], TestContext.Current.CancellationToken);
            _folder.Write(name + ".jpg", converted.Pieces);
        }

        _folder.Write("afcp.jpg", (await new JpegForm(40).ConvertAsync([WithTrailer(bigEndian: true)], TestContext.Current.CancellationToken)).Pieces);

        var read = Tool.ExifTool(_folder.Path, "-G1:4", "-b", "-PreviewImage", "-AFCP:all", "-warning");
        foreach (var (name, _, _, _) in makers)
        {
            // As a part of the notes: exiftool shows what it finds behind a picture by searching, too.
            Assert.Contains(read[name + ".jpg"], t => t.Key.EndsWith(":PreviewImage", StringComparison.Ordinal) && !t.Key.StartsWith("File:", StringComparison.Ordinal)
                && Convert.FromBase64String(t.Value["base64:".Length..]).SequenceEqual(Preview));
        }

        Assert.Equal("What is seen", read["afcp.jpg"]["AFCP:Text"]);
        Assert.DoesNotContain("ExifTool:Warning", read["afcp.jpg"].Keys);
    }

    [Fact]
    public void A_preview_whose_address_nobody_describes_is_said_to_be_lost()
    {
        var restored = Restore(Served("Somebody", Unknown, Preview, bigEndian: false), Record("Somebody", "1"));
        Assert.Equal(["the preview of the maker notes can no longer be found"], restored.Notes);
        Assert.Empty(Restore(Bytes(restored), Record("Somebody", "1")).Notes);
    }

    [Fact]
    public void Nothing_behind_the_header_moves_where_the_XMP_packet_has_padding_for_it()
    {
        Tool.Require("exiftool");
        var padded = JpegFixture.OtherXmp.Replace("<?xpacket end", new string(' ', 4000) + "\n<?xpacket end", StringComparison.Ordinal);
        var served = Served("Somebody", Unknown, Preview, bigEndian: false, JpegFixture.Xmp(padded));

        foreach (var type in new[] { "perspective", "spherical" })
        {
            var restored = Restore(served, MapillaryImage.Parse($$"""{"id":"1","make":"Somebody","camera_type":"{{type}}","captured_at":1704103200123}"""));

            Assert.Empty(restored.Notes);
            Assert.Equal(served.Length, restored.Length);
            Assert.Equal(Preview, Bytes(restored)[^Preview.Length..]);
            _folder.Write(type + ".jpg", restored.Pieces);
            var read = Tool.ExifTool(_folder.Path, "-G1", "-XMP:all")[type + ".jpg"];
            Assert.Equal(("4", "Rot & grün"), (read["XMP-xmp:Rating"], read["XMP-xmp:Label"]));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_places_in_an_AFCP_trailer_are_true_afterwards(bool bigEndian)
    {
        Tool.Require("exiftool");
        var served = WithTrailer(bigEndian);
        _folder.Write("a.jpg", served);
        _folder.Write("b.jpg", Restore(served, Record("A maker", "1")).Pieces);

        var read = Tool.ExifTool(_folder.Path, "-G1", "-AFCP:all", "-warning", "-validate");

        Assert.Equal("What is seen", read["a.jpg"]["AFCP:Text"]);
        Assert.Equal("What is seen", read["b.jpg"]["AFCP:Text"]);
        Assert.DoesNotContain("ExifTool:Warning", read["b.jpg"].Keys);
    }

    /// <summary>A picture with an AFCP trailer that holds a text.</summary>
    private static byte[] WithTrailer(bool bigEndian)
    {
        var numbers = new TiffBuilder(bigEndian);
        byte[] picture = JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Jfif);
        byte[] mark = [.. "AXS"u8, (byte)(bigEndian ? '!' : '*')];
        byte[] text = "What is seen"u8.ToArray();
        var start = (uint)picture.Length;
        return
        [
            .. picture, .. mark, .. "01"u8, .. numbers.Bytes16(1), .. numbers.Bytes32(0),
            .. "TEXT"u8, .. numbers.Bytes32((uint)text.Length), .. numbers.Bytes32(start + 24), .. text,
            .. mark, .. numbers.Bytes32(start), .. numbers.Bytes32(0),
        ];
    }

    /// <summary>The notes as exiftool's documentation describes them.</summary>
    private static IEnumerable<(string Name, string Make, Notes Notes, byte[] Preview)> Makers()
    {
        // Most: a directory, whose numbers count from the start of the block.
        // Canon's begins with its length in 16 bits, and is half as long as its entry says.
        yield return ("canon", "Canon", (b, at, preview) => b.Directory(at,
            [TiffEntry.Ascii(0x0006, "IMG:EOS 300D"), b.Long(0x00B6, IsBigEndian(b) ? 24u << 16 : 24u, 2, Length, 64, 48, preview, 0, 0, 0, 0, 0, 0)]), Preview);
        yield return ("minolta", "KONICA MINOLTA", (b, at, preview) => b.Directory(at, [TiffEntry.Undefined(0x0000, "MLT0"u8.ToArray()), b.Long(0x0088, preview), b.Long(0x0089, Length)]), Preview);
        yield return ("minolta spoiled", "Minolta Co., Ltd.", (b, at, preview) => b.Directory(at, [TiffEntry.Undefined(0x0000, "MLT0"u8.ToArray()), b.Long(0x0088, preview), b.Long(0x0089, Length)]), SpoiledPreview);
        yield return ("minolta data", "Minolta Co., Ltd.", (b, at, preview) => DataElsewhere(b, at, TiffEntry.Undefined(0x0000, "MLT0"u8.ToArray()), 0x0081, preview, Length), SpoiledPreview);
        yield return ("olympus", "OLYMPUS OPTICAL CO.,LTD", (b, at, preview) => [.. "OLYMP\0"u8, 1, 0, .. b.Directory(at + 8, [b.Long(0x0088, preview), b.Long(0x0089, Length), TiffEntry.Ascii(0x0207, "SR951")])], Preview);
        yield return ("olympus later", "OLYMPUS CORPORATION", (b, at, preview) => [.. "OLYMP\0"u8, 2, 0, .. b.Directory(at + 8, [TiffEntry.Ascii(0x0207, "SR951"), b.Long(0x1036, preview), b.Long(0x1037, Length)])], SpoiledPreview);
        yield return ("sigma", "SIGMA", (b, at, preview) => [.. "SIGMA\0\0\0"u8, 1, 0, .. b.Directory(at + 10, [TiffEntry.Ascii(0x0017, "Firm: 1.2"), b.Long(0x001A, preview), b.Long(0x001B, Length)])], Preview);
        yield return ("casio", "CASIO COMPUTER CO.,LTD.", (b, at, preview) => [.. "QVC\0\0\0"u8, .. b.Directory(at + 6, [b.Short(0x0002, 64, 48), b.Long(0x0003, Length), b.Long(0x0004, preview)])], Preview);

        // Sony puts a header of its own before the picture, and spoils its first byte.
        yield return ("sony", "SONY", (b, at, preview) => [.. "SONY DSC \0\0\0"u8, .. DataElsewhere(b, at + 12, b.Long(0x0102, 1), 0x2001, preview, Length + 32)], [.. new byte[32], .. SpoiledPreview]);

        // From the start of the notes.
        yield return ("olympus latest", "OLYMPUS IMAGING CORP.", (b, at, preview) =>
        [
            .. "OLYMPUS\0"u8, .. IsBigEndian(b) ? "MM"u8 : "II"u8, 3, 0,
            .. b.Directory(12, [new TiffEntry(0x2020, 13, 1, b.Bytes32(12 + 18))]), .. b.Directory(12 + 18, [b.Long(0x0100, 1), b.Long(0x0101, preview - at), b.Long(0x0102, Length)]),
        ], Preview);

        // From a TIFF structure within the notes.
        yield return ("nikon", "NIKON CORPORATION", (b, at, preview) =>
        [
            .. "Nikon\0"u8, 2, 0x10, 0, 0, .. IsBigEndian(b) ? "MM"u8 : "II"u8, .. b.Bytes16(42), .. b.Bytes32(8),
            .. b.Directory(8, [TiffEntry.Undefined(0x0001, "0210"u8.ToArray()), b.Long(0x0011, 8 + 30)]),
            .. b.Directory(8 + 30, [b.Short(0x0103, 6), b.Long(0x0201, preview - at - 10), b.Long(0x0202, Length)]),
        ], Preview);
        yield return ("sony ericsson", "Sony Ericsson", (b, at, preview) =>
        [
            .. "SEMC MS\0"u8, .. new byte[12], .. b.Directory(8, [b.Long(0x0201, preview - at - 12), b.Long(0x0202, Length), TiffEntry.Undefined(0x2000, "0100"u8.ToArray())]),
        ], Preview);

        // No directory: numbers one behind the other.
        yield return ("samsung", "SAMSUNG", (b, at, preview) => [.. "STMN010\0"u8, .. b.Bytes32(preview), .. b.Bytes32(Length), .. new byte[80]], Preview);
    }

    /// <summary>A directory with an entry, and with bytes that stand at a place of their own.</summary>
    private static byte[] DataElsewhere(TiffBuilder b, uint at, TiffEntry first, ushort tag, uint place, uint length)
    {
        var directory = b.Directory(at, [first, new TiffEntry(tag, 7, length, new byte[5])])[..30];
        b.Bytes32(place).CopyTo(directory, 2 + 12 + 8);
        return directory;
    }

    private static bool IsBigEndian(TiffBuilder b) => b.Bytes16(42)[0] == 0;

    /// <summary>Notes that are no directory.</summary>
    private static byte[] Unknown(TiffBuilder block, uint at, uint preview) => [.. "notes of a kind that nobody knows"u8, 0, .. block.Bytes32(preview), .. block.Bytes32(Length)];

    private static byte[] Served(string make, Notes notes, byte[] preview, bool bigEndian, params byte[][] segments)
    {
        byte[] served = [];
        // The length of the block is known once it was built.
        for (var i = 0; i < 2; i++)
        {
            var place = (uint)served.Length - BlockAt;
            var block = TiffBuilder.Camera(bigEndian, JpegFixture.Progressive);
            block.Image[0] = TiffEntry.Ascii(0x010F, make);
            block.MakerNote = (at, _) => notes(block, at, place);
            served = JpegFixture.Photo(JpegFixture.Baseline, [JpegFixture.Exif(block.Build()), .. segments]);
        }

        return [.. served, .. preview];
    }

    private static MapillaryImage Record(string make, string id) => MapillaryImage.Parse(
        $$"""{"id":"{{id}}","captured_at":1704103200123,"make":"{{make}}","geometry":{"type":"Point","coordinates":[13.5,52.6]},"creator":{"username":"user {{id}}"},"sequence":"AbC"}""");

    private static RestoredImage Restore(byte[] jpeg, MapillaryImage image) => MetadataRestorer.RestoreJpeg(jpeg, image, RestoreOptions.Default);

    private static byte[] Bytes(RestoredImage image) => [.. image.Pieces.SelectMany(p => p.ToArray())];
}
