using System.Buffers.Binary;
using System.Text;
using Mapillary.Imaging.Forms;
using Mapillary.Imaging.Webp;
using Mapillary.Saving;

namespace Mapillary.Tests.Imaging;

/// <summary>What a JPEG says in ways that WebP does not have, and what it holds besides its picture.</summary>
public sealed class CarriedMetadataTests : IDisposable
{
    private const string Rdf = "xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"";

    private static readonly byte[] Video = [0, 0, 0, 0x18, .. "ftypmp42"u8, 0, 0, 0, 0, .. "mp42isom"u8, .. new byte[2000]];

    private static readonly string Announcement = Packet(
        "xmlns:hdrgm=\"http://ns.adobe.com/hdr-gain-map/1.0/\" xmlns:Camera=\"http://ns.google.com/photos/1.0/camera/\" xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" "
        + "hdrgm:Version=\"1.0\" Camera:MotionPhoto=\"1\" Camera:MicroVideoOffset=\"2024\" xmp:Rating=\"3\"",
        """
        <Container:Directory xmlns:Container="http://ns.google.com/photos/1.0/container/" xmlns:Item="http://ns.google.com/photos/1.0/container/item/">
        <rdf:Seq><rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="100"/></rdf:li></rdf:Seq></Container:Directory>
        """);

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_field_of_IPTC_has_its_place_in_XMP()
    {
        Tool.Require("exiftool");
        var iptc = Iptc(
            (4, "Profile"), (5, "Straße"), (10, "5"), (12, "IPR:01000000"), (15, "NEW"), (20, "roads"), (20, "trees"), (25, "street"), (25, "tree"), (40, "none"),
            (55, "20090603"), (60, "170222+0200"), (62, "20090602"), (63, "120000+0000"), (65, "a program"), (80, "Anna"), (80, "Ben"), (85, "photographer"), (90, "Berlin"),
            (92, "Mitte"), (95, "BE"), (100, "DEU"), (101, "Germany"), (103, "T1"), (105, "A street"), (110, "a credit"), (115, "a source"), (116, "(c) Anna"), (120, "What is seen"), (122, "Cara"));

        var read = Read(await Convert(JpegFixture.Photo(JpegFixture.Baseline, iptc)));

        Dictionary<string, string> expected = new()
        {
            ["XMP-iptcCore:IntellectualGenre"] = "Profile", ["XMP-dc:Title"] = "Straße", ["XMP-photoshop:Urgency"] = "5", ["XMP-iptcCore:SubjectCode"] = "IPR:01000000",
            ["XMP-photoshop:Category"] = "NEW", ["XMP-photoshop:SupplementalCategories"] = """["roads","trees"]""", ["XMP-dc:Subject"] = """["street","tree"]""",
            ["XMP-photoshop:Instructions"] = "none", ["XMP-photoshop:DateCreated"] = "2009:06:03 17:02:22+02:00", ["XMP-xmp:CreateDate"] = "2009:06:02 12:00:00+00:00",
            ["XMP-xmp:CreatorTool"] = "a program", ["XMP-dc:Creator"] = """["Anna","Ben"]""", ["XMP-photoshop:AuthorsPosition"] = "photographer", ["XMP-photoshop:City"] = "Berlin",
            ["XMP-iptcCore:Location"] = "Mitte", ["XMP-photoshop:State"] = "BE", ["XMP-iptcCore:CountryCode"] = "DEU", ["XMP-photoshop:Country"] = "Germany",
            ["XMP-photoshop:TransmissionReference"] = "T1", ["XMP-photoshop:Headline"] = "A street", ["XMP-photoshop:Credit"] = "a credit", ["XMP-photoshop:Source"] = "a source",
            ["XMP-dc:Rights"] = "(c) Anna", ["XMP-dc:Description"] = "What is seen", ["XMP-photoshop:CaptionWriter"] = "Cara",
        };
        Assert.Equal(expected.OrderBy(e => e.Key, StringComparer.Ordinal), read.OrderBy(e => e.Key, StringComparer.Ordinal));
    }

    [Fact]
    public async Task What_XMP_says_already_stays_as_it_is()
    {
        Tool.Require("exiftool");
        var xmp = JpegFixture.Xmp(Packet("xmlns:photoshop=\"http://ns.adobe.com/photoshop/1.0/\" photoshop:City=\"Lund\"", "<dc:title xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><rdf:Alt><rdf:li xml:lang=\"x-default\">said already</rdf:li></rdf:Alt></dc:title>"));
        var said = JpegFixture.Segment(0xFE, "said already"u8);
        var latin = JpegFixture.Segment(0xFE, [.. "from K"u8, 0xF6, .. "ln"u8, 0]);

        var read = Read(await Convert(JpegFixture.Photo(JpegFixture.Baseline, xmp, said, Iptc((90, "Berlin"), (110, "a credit")), latin)));

        Assert.Equal("Lund", read["XMP-photoshop:City"]);
        Assert.Equal("a credit", read["XMP-photoshop:Credit"]);
        Assert.Equal("said already", read["XMP-dc:Title"]);
        Assert.Equal("from Köln", read["XMP-exif:UserComment"]);
    }

    [Fact]
    public async Task Text_that_no_charset_is_named_for_is_read_as_it_was_meant()
    {
        Tool.Require("exiftool");
        byte[] windows = [.. "K"u8, 0xF6, .. "ln "u8, 0x93, .. "am Rhein"u8, 0x94];
        var read = Read(await Convert(JpegFixture.Photo(JpegFixture.Baseline, Resource(Field(90, windows)))));
        Assert.Equal("Köln “am Rhein”", read["XMP-photoshop:City"]);
    }

    [Fact]
    public async Task Broken_IPTC_costs_nothing_but_itself()
    {
        foreach (var broken in new byte[][] { [], [.. "8BIM"u8, 4, 4, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF], [.. "8BIM"u8, 4, 4, 200], Field(90, "Berlin"u8)[..7], [0x1C, 2, 90, 0x80, 4, 0xFF, 0xFF, 0xFF, 0xFF] })
        {
            foreach (var content in new[] { broken, [.. "8BIM"u8, 4, 4, 0, 0, 0, 0, 0, (byte)broken.Length, .. broken] })
            {
                var converted = await Convert(JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.App(13, [.. "Photoshop 3.0\0"u8, .. content])));
                Assert.Equal((JpegFixture.Width, JpegFixture.Height), (converted.Width, converted.Height));
            }
        }
    }

    public static TheoryData<string, string?, string?> Kinds() => new()
    {
        { "motion photo", "a video (2.0 KiB)", null },
        { "second picture", "a further picture", null },
        { "two further pictures", "2 further pictures", null },
        { "gain map", "a gain map, which makes a brighter picture", null },
        { "gain map by ISO", "a gain map, which makes a brighter picture", null },
        { "depth map", "a depth map", null },
        { "thermal picture", "a thermal picture", null },
        { "preview", null, "a preview" },
        { "text behind the end", null, "9 bytes behind the picture's end" },
        { "zeros behind the end", null, null },
        { "announced and not there", null, null },
        { "maker's own segment", null, "the segments APP11 'HDR_RI ver=11'" },
        { "field without a place", null, "the IPTC fields 2:118, which have no place in XMP" },
        { "part of a profile", null, "a colour profile whose parts are not all there" },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_a_WebP_cannot_hold_is_named(string kind, string? part, string? leftOut)
    {
        var converted = await Convert(OfKind(kind));

        Assert.Equal(part is null ? [] : [part], converted.Parts);
        Assert.Equal(leftOut is null ? [] : [leftOut], converted.LeftOut);
    }

    [Fact]
    public async Task What_tells_of_parts_that_are_not_there_is_not_written_and_all_else_is()
    {
        var xmp = Encoding.UTF8.GetString(WebpContainer.Read(Bytes(await Convert(OfKind("announced and not there")))).Xmp.Span);
        foreach (var gone in new[] { "hdrgm:Version", "MotionPhoto", "MicroVideo", "Directory", "GainMap" }) Assert.DoesNotContain(gone, xmp, StringComparison.Ordinal);
        Assert.Contains("Rating", xmp, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_JPEG_that_holds_more_than_its_picture_stays_unless_it_is_forced_away(bool force)
    {
        var path = _folder.Write("motion.jpg", OfKind("motion photo"));
        var log = new RecordingLog();
        using var converter = new WebpConverter(new WebpForm(), destination: null, keepOriginal: false, force, encoders: 1, log);

        var file = await converter.ConvertAsync(path, TestContext.Current.CancellationToken);

        Assert.True(File.Exists(file.Path));
        Assert.Equal((!force, !force), (File.Exists(path), file.IsSourceKept));
        Assert.Contains("a video (2.0 KiB)", Assert.Single(log.Warned), StringComparison.Ordinal);
        Assert.Contains(path, log.Warned[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(1, 0)]
    [InlineData(7, 2)]
    public async Task A_colour_profile_is_read_from_parts_that_are_numbered_as_exiftool_takes_them(byte first, byte total)
    {
        Tool.Require("exiftool");
        var profile = JpegFixture.Icc[18..];
        byte[] cuts = total switch { 3 => [0, 50, 100, 132], 2 => [0, 50, 132], _ => [0, 132] };
        var parts = Enumerable.Range(0, cuts.Length - 1).Select(i => JpegFixture.App(2, [.. "ICC_PROFILE\0"u8, (byte)(first + i), total, .. profile[cuts[i]..cuts[i + 1]]])).ToArray();
        var jpeg = _folder.Write("profile.jpg", JpegFixture.Photo(JpegFixture.Baseline, parts));

        var carried = WebpContainer.Read(Bytes(await Convert(File.ReadAllBytes(jpeg)))).IccProfile.ToArray();

        Assert.Equal(profile, carried);
        Assert.Equal(Tool.Run("exiftool", "-b", "-ICC_Profile", jpeg), carried);
    }

    private static byte[] OfKind(string kind) => kind switch
    {
        "motion photo" => [.. JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Jfif), .. Video],
        "second picture" => JpegFixture.Photos["mpf"],
        "two further pictures" => [.. JpegFixture.Photo(JpegFixture.Baseline, Pictures(0x000000, 0x020003)), .. JpegFixture.Baseline, .. JpegFixture.Baseline],
        "gain map" => [.. JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Xmp(Announcement)), .. JpegFixture.Baseline],
        "gain map by ISO" => [.. JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.App(2, [.. "urn:iso:std:iso:ts:21496:-1\0"u8, 0, 0, 0, 0])), .. JpegFixture.Baseline],
        "depth map" => [.. JpegFixture.Photo(JpegFixture.Baseline, Pictures(0x020002)), .. JpegFixture.Baseline],
        "thermal picture" => JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.App(1, [.. "FLIR\0"u8, 1, 0, 0, .. new byte[100]])),
        "preview" => [.. JpegFixture.Photo(JpegFixture.Baseline, Pictures(0x010002)), .. JpegFixture.Baseline],
        "text behind the end" => [.. JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Jfif), .. "some text"u8],
        "zeros behind the end" => [.. JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Jfif), .. new byte[99]],
        "announced and not there" => JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Xmp(Announcement)),
        "maker's own segment" => JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.UnknownApp),
        "field without a place" => JpegFixture.Photo(JpegFixture.Baseline, Iptc((118, "a contact"))),
        _ => JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.IccInParts[0], JpegFixture.IccInParts[2]),
    };

    private static Task<ConvertedImage> Convert(byte[] jpeg) => new WebpForm().ConvertAsync([jpeg], TestContext.Current.CancellationToken);

    private static byte[] Bytes(ConvertedImage image) => [.. image.Pieces.SelectMany(p => p.ToArray())];

    /// <summary>What exiftool reads of a WebP's XMP.</summary>
    private Dictionary<string, string> Read(ConvertedImage webp)
    {
        _folder.Write("1.webp", webp.Pieces);
        return Tool.ExifTool(_folder.Path, "-G1", "-XMP:all", "-ext", "webp")["1.webp"];
    }

    /// <summary>An index of pictures of these kinds behind the first one; their places are not true.</summary>
    private static byte[] Pictures(params uint[] kinds)
    {
        var index = new TiffBuilder(bigEndian: true);
        var entries = new List<byte>([.. index.Bytes32(0x20030000), .. new byte[12]]);
        foreach (var kind in kinds) entries.AddRange([.. index.Bytes32(kind), .. index.Bytes32(500), .. index.Bytes32(1000), .. new byte[4]]);
        index.Image.AddRange([TiffEntry.Undefined(0xB000, "0100"u8.ToArray()), index.Long(0xB001, (uint)kinds.Length + 1), TiffEntry.Undefined(0xB002, [.. entries])]);
        return JpegFixture.App(2, [.. "MPF\0"u8, .. index.Build()]);
    }

    private static string Packet(string attributes, string elements) =>
        $"<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF {Rdf}><rdf:Description rdf:about=\"\" {attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta>";

    /// <summary>Photoshop's segment with fields in UTF-8, which is said in the envelope.</summary>
    private static byte[] Iptc(params (byte Number, string Text)[] fields) =>
        Resource([0x1C, 1, 90, 0, 3, 0x1B, (byte)'%', (byte)'G', .. fields.SelectMany(f => Field(f.Number, Encoding.UTF8.GetBytes(f.Text)))]);

    private static byte[] Field(byte number, ReadOnlySpan<byte> text) => [0x1C, 2, number, (byte)(text.Length >> 8), (byte)text.Length, .. text];

    private static byte[] Resource(byte[] iptc)
    {
        var length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, iptc.Length);
        // Another resource, with a name of odd length, stands before it.
        return JpegFixture.App(13, [.. "Photoshop 3.0\0"u8, .. "8BIM"u8, 3, 0xED, 3, .. "abc"u8, 0, 0, 0, 1, 9, 0, .. "8BIM"u8, 4, 4, 0, 0, .. length, .. iptc, .. new byte[iptc.Length % 2]]);
    }
}
