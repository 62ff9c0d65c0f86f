using System.Buffers.Binary;
using System.Text;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Exif;
using Mapillary.Imaging.Forms;
using Mapillary.Imaging.Metadata;
using Mapillary.Imaging.Webp;

namespace Mapillary.Tests.Imaging;

public sealed class WebpFormTests : IDisposable
{
    private static readonly MapillaryImage Sphere = MapillaryImage.Parse(
        """{"id":"900000000000017","altitude":-12.5,"camera_type":"spherical","captured_at":1704103200123,"compass_angle":1.5,"geometry":{"type":"Point","coordinates":[-13.5,52.6]},"make":"GoPro","creator":{"username":"Jürgen"}}""");

    private static readonly MapillaryImage Flat = MapillaryImage.Parse(Sphere.Json.Replace("spherical", "perspective", StringComparison.Ordinal));

    private const string Pitched =
        """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" GPano:PosePitchDegrees="3.5"/></rdf:RDF></x:xmpmeta>""";

    private readonly ScratchFolder _folder = new();
    private readonly Dictionary<string, byte[]> _kinds = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_tag_of_the_JPEG_is_in_the_WebP()
    {
        foreach (var program in new[] { "webpinfo", "webpmux", "exiftool" }) Tool.Require(program);
        var form = new WebpForm();
        var photos = JpegFixture.Photos.Where(p => !JpegFixture.Undecodable.Contains(p.Key)).ToDictionary();
        foreach (var (name, photo) in photos)
        {
            var restored = MetadataRestorer.RestoreJpeg(photo, Sphere, RestoreOptions.Default);
            var converted = await form.ConvertAsync(restored.Pieces, TestContext.Current.CancellationToken);
            Assert.Equal((JpegFixture.Width, JpegFixture.Height), (converted.Width, converted.Height));
            Assert.Equal(converted.Length, converted.Pieces.Sum(p => p.Length));
            _folder.Write(name + ".jpg", restored.Pieces);
            var webp = _folder.Write(name + ".webp", converted.Pieces);
            CheckStructure(webp);

            // A second file that had no metadata gets the same from its record.
            var plain = await LibVips.EncodeWebpAsync(photo, form.Quality, form.Effort, TestContext.Current.CancellationToken);
            var direct = MetadataRestorer.RestoreWebp(plain, Sphere, RestoreOptions.Default);
            Assert.True(direct.Changed);
            CheckStructure(_folder.Write(name + " direct.webp", direct.Pieces));
            byte[] once = [.. direct.Pieces.SelectMany(p => p.ToArray())];
            Assert.False(MetadataRestorer.RestoreWebp(once, Sphere, RestoreOptions.Default).Changed);
        }

        var read = Tool.ExifTool(_folder.Path, "-G1", "-IFD0:all", "-ExifIFD:all", "-GPS:all", "-IFD1:all", "-InteropIFD:all", "-XMP:all", "-ICC_Profile:all");
        foreach (var name in photos.Keys)
        {
            var jpeg = read[name + ".jpg"];
            Assert.Equal("equirectangular", jpeg["XMP-GPano:ProjectionType"]);
            // Where in the file the thumbnail stands is told by exiftool as well, and is another place in every file.
            jpeg.Remove("IFD1:ThumbnailOffset");
            read[name + ".webp"].Remove("IFD1:ThumbnailOffset");
            // An extended packet is part of the one packet, so nothing refers to it.
            jpeg.Remove("XMP-xmpNote:HasExtendedXMP");
            // IPTC and comments have their place in the packet.
            var carried = read[name + ".webp"].Where(t => t.Key is "XMP-exif:UserComment" or "XMP-photoshop:City").ToDictionary();
            Assert.Equal(JpegFixture.OtherSegments(photos[name]).AsSpan().IndexOf(JpegFixture.Comment) >= 0 ? "a comment of long ago" : null, carried.GetValueOrDefault("XMP-exif:UserComment"));
            Assert.Equal(JpegFixture.OtherSegments(photos[name]).AsSpan().IndexOf(JpegFixture.Photoshop) >= 0 ? "Berlin" : null, carried.GetValueOrDefault("XMP-photoshop:City"));
            foreach (var tag in carried.Keys) read[name + ".webp"].Remove(tag);
            AssertSame(jpeg, read[name + ".webp"], name);
            foreach (var tag in new[] { "GPS:GPSLatitude", "GPS:GPSLongitude", "GPS:GPSAltitude", "ExifIFD:DateTimeOriginal", "IFD0:Make", "IFD0:Artist", "XMP-GPano:ProjectionType" })
                Assert.Equal(jpeg[tag], read[name + " direct.webp"][tag]);
        }
    }

    /// <summary>Every kind of WebP, each with chunks that others left in it, against a JPEG with the same EXIF block.</summary>
    [Fact]
    public void A_WebP_of_any_kind_gets_every_tag_and_keeps_its_other_chunks()
    {
        foreach (var program in new[] { "cwebp", "dwebp", "webpinfo", "webpmux", "exiftool" }) Tool.Require(program);
        var camera = JpegFixture.Camera(bigEndian: true);
        var canon = Canon();
        byte[] odd = Chunk("exif", "in small letters, of an odd length!"u8), unknown = Chunk("ABCD", [1, 2, 3]);
        var additions = new Dictionary<string, (byte[][] Chunks, byte[][] Jpeg)>
        {
            ["nothing"] = ([], []),
            ["exif"] = ([Chunk("EXIF", camera)], [JpegFixture.Exif(camera)]),
            ["maker note"] = ([Chunk("EXIF", canon)], [JpegFixture.Exif(canon)]),
            ["exif with a prefix"] = ([Chunk("EXIF", [.. "Exif\0\0"u8, .. camera])], [JpegFixture.Exif(camera)]),
            ["exif twice"] = ([Chunk("EXIF", JpegFixture.Small(false)), Chunk("EXIF", [.. "Exif\0\0"u8, .. camera])], [JpegFixture.Exif(JpegFixture.Small(false)), JpegFixture.Exif(camera)]),
            ["exif thrice, one broken"] = ([Chunk("EXIF", "rubbish"u8), Chunk("EXIF", camera), unknown, Chunk("EXIF", JpegFixture.Small(true))], [JpegFixture.Exif(camera), JpegFixture.Exif(JpegFixture.Small(true))]),
            ["broken exif"] = ([Chunk("EXIF", "rubbish"u8)], []),
            ["xmp"] = ([Chunk("XMP ", Encoding.UTF8.GetBytes(JpegFixture.OtherXmp))], [JpegFixture.Xmp(JpegFixture.OtherXmp)]),
            ["xmp twice"] = ([Chunk("XMP ", Encoding.UTF8.GetBytes(JpegFixture.OtherXmp)), Chunk("XMP ", Encoding.UTF8.GetBytes(Pitched))], [JpegFixture.Xmp(JpegFixture.OtherXmp), JpegFixture.Xmp(Pitched)]),
            ["unknown chunks"] = ([odd, unknown, Chunk("EXIF", camera), odd], [JpegFixture.Exif(camera)]),
        };
        foreach (var (addition, (chunks, segments)) in additions)
        {
            foreach (var (kind, plain) in Kinds())
            {
                foreach (var image in new[] { Sphere, Flat })
                {
                    var served = WithChunks(plain, chunks);
                    var restored = MetadataRestorer.RestoreWebp(served, image, RestoreOptions.Default);
                    var name = $"{kind}, {addition}, {image.CameraType}";
                    byte[] once = [.. restored.Pieces.SelectMany(p => p.ToArray())];
                    Assert.False(MetadataRestorer.RestoreWebp(once, image, RestoreOptions.Default).Changed, name);
                    Assert.Equal(OtherChunks(served), OtherChunks(once));
                    Assert.Equal(served[12] == 'V' && served[15] == 'X' ? served[20] & 0x12 : kind == "lossless with alpha" ? 0x10 : 0, once[20] & 0x12);
                    var servedPath = _folder.Write(name + ".served", served);
                    var path = _folder.Write(name + ".webp", once);
                    CheckStructure(path, hasXmp: image == Sphere || addition.StartsWith("xmp", StringComparison.Ordinal));
                    if (kind != "animated") Assert.Equal(Tool.RunFor("dwebp", null, servedPath, "-pam", "-o", "-").Output, Tool.RunFor("dwebp", null, path, "-pam", "-o", "-").Output);
                    _folder.Write(name + ".jpg", MetadataRestorer.RestoreJpeg(JpegFixture.Photo(JpegFixture.Baseline, segments), image, RestoreOptions.Default).Pieces);
                }
            }
        }

        var read = Tool.ExifTool(_folder.Path, "-G1", "-u", "-ext", "webp", "-ext", "jpg");
        Assert.Equal(additions.Count * Kinds().Count * 2 * 2, read.Count);
        foreach (var name in read.Keys.Where(k => k.EndsWith(".webp", StringComparison.Ordinal)))
        {
            var expected = Described(read[Path.ChangeExtension(name, ".jpg")]);
            Assert.True(expected.Count > 30, name);
            AssertSame(expected, Described(read[name]), name);
        }

        var faults = Tool.ExifToolFaults(_folder.Path, "-ext", "webp", "-ext", "served");
        foreach (var name in faults.Keys.Where(k => k.EndsWith(".webp", StringComparison.Ordinal)))
        {
            var fresh = faults[name].Except(faults[Path.ChangeExtension(name, ".served")]).ToList();
            Assert.True(fresh.Count == 0, $"{name}: {string.Join("; ", fresh)}");
        }
    }

    [Fact]
    public async Task Several_EXIF_blocks_and_packets_of_a_JPEG_become_one_in_the_WebP()
    {
        byte[] oddPrefix = JpegFixture.App(1, [.. "Exif\0\x01"u8, .. JpegFixture.Small(false)]);
        var webp = await Convert(JpegFixture.Photo(JpegFixture.Baseline, oddPrefix, JpegFixture.Exif(Canon()), JpegFixture.Xmp(JpegFixture.OtherXmp), JpegFixture.Xmp(Pitched)));
        var block = ExifBlock.Parse(webp.Exif)!;
        Assert.True(block.HasMakerNote);
        Assert.Equal("the document\0"u8, block.ValueOf(ExifDirectory.Image, 0x010D).Span);
        var packet = Encoding.UTF8.GetString(webp.Xmp.Span);
        Assert.Contains("Rot &amp; grün", packet);
        Assert.Contains("PosePitchDegrees", packet);
        Assert.Equal(JpegFixture.Small(false), (await Convert(JpegFixture.Photo(JpegFixture.Baseline, oddPrefix))).Exif.ToArray());
    }

    [Fact]
    public async Task The_colour_profile_is_put_together_from_its_parts()
    {
        var profile = Enumerable.Range(0, 3000).Select(i => (byte)(i * 7)).ToArray();
        byte[][] parts =
        [
            JpegFixture.App(2, [.. "ICC_PROFILE\0"u8, 2, 3, .. profile[1000..1999]]),
            JpegFixture.App(2, [.. "ICC_PROFILE\0"u8, 1, 3, .. profile[..1000]]),
            JpegFixture.App(2, [.. "ICC_PROFILE\0"u8, 3, 3, .. profile[1999..]]),
        ];
        Assert.Equal(profile, (await Convert(JpegFixture.Photo(JpegFixture.Baseline, parts))).IccProfile.ToArray());
        Assert.True((await Convert(JpegFixture.Photo(JpegFixture.Baseline, parts[..2]))).IccProfile.IsEmpty);
    }

    [Fact]
    public async Task Extended_XMP_becomes_part_of_the_one_packet()
    {
        const string extended = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:g="http://example.org/g/" g:Depth="much data"/></rdf:RDF></x:xmpmeta>""";
        var main = JpegFixture.OtherXmp.Replace("xmp:Rating=", $"xmlns:xmpNote=\"http://ns.adobe.com/xmp/note/\" xmpNote:HasExtendedXMP=\"{JpegFixture.ExtendedXmpId}\" xmp:Rating=", StringComparison.Ordinal);
        var bytes = Encoding.UTF8.GetBytes(extended);
        var webp = await Convert(JpegFixture.Photo(
            JpegFixture.Baseline,
            JpegFixture.Xmp(main),
            JpegFixture.App(1, JpegFixture.ExtendedXmp(100, bytes[100..], (uint)bytes.Length)),
            JpegFixture.App(1, JpegFixture.ExtendedXmp(0, bytes[..100], (uint)bytes.Length))));
        var packet = Encoding.UTF8.GetString(webp.Xmp.Span);
        Assert.Contains("much data", packet);
        Assert.Contains("Rot &amp; grün", packet);
        Assert.DoesNotContain("HasExtendedXMP", packet);
    }

    [Fact]
    public async Task Pixels_alpha_and_unknown_chunks_stay_as_they_are()
    {
        var lossy = await LibVips.EncodeWebpAsync(JpegFixture.Baseline, quality: 75, effort: 4, TestContext.Current.CancellationToken);
        byte[] unknown = [.. "ABCD"u8, 3, 0, 0, 0, 1, 2, 3, 0];
        byte[] served = [.. lossy, .. unknown];
        BinaryPrimitives.WriteUInt32LittleEndian(served.AsSpan(4), (uint)served.Length - 8);
        byte[] restored = [.. MetadataRestorer.RestoreWebp(served, Sphere, RestoreOptions.Default).Pieces.SelectMany(p => p.ToArray())];
        Assert.True(restored.AsSpan().IndexOf(lossy.AsSpan(12)) > 0);
        Assert.True(restored.AsSpan().IndexOf(unknown) > 0);

        // A lossless picture with alpha, as its header says.
        byte[] lossless = [.. "RIFF"u8, 18, 0, 0, 0, .. "WEBPVP8L"u8, 5, 0, 0, 0, 0x2F, 0x3F, 0xC0, 0x0B, 0x10, 0];
        byte[] extended = [.. MetadataRestorer.RestoreWebp(lossless, Sphere, RestoreOptions.Default).Pieces.SelectMany(p => p.ToArray())];
        Assert.Equal("VP8X"u8, extended.AsSpan(12, 4));
        Assert.Equal(0x1C, extended[20]);
        Assert.Equal((64, 48), (WebpContainer.Read(extended).Width, WebpContainer.Read(extended).Height));
    }

    [Fact]
    public void What_is_no_whole_WebP_is_refused()
    {
        byte[][] files = [[], JpegFixture.Baseline, "RIFF\x04\0\0\0WEBP"u8.ToArray(), [.. "RIFF"u8, 200, 0, 0, 0, .. "WEBPVP8 "u8], [.. "RIFF"u8, 12, 0, 0, 0, .. "WEBPVP8 "u8, 0, 0, 0, 0x7F]];
        foreach (var file in files) Assert.Throws<InvalidDataException>(() => WebpContainer.Read(file));
    }

    [Theory]
    [InlineData(16383, 8192, true)]
    [InlineData(16384, 8192, false)]
    [InlineData(8192, 16384, false)]
    [InlineData(0, 5, false)]
    public void A_side_may_have_16383_pixels(int width, int height, bool fits) => Assert.Equal(fits, WebpForm.CanHold(width, height));

    [Fact]
    public async Task A_picture_that_is_too_wide_is_refused_before_it_is_encoded()
    {
        var wide = JpegFixture.Baseline.ToArray();
        var frame = wide.AsSpan().LastIndexOf<byte>([0xFF, 0xC0]);
        (wide[frame + 7], wide[frame + 8]) = (0x40, 0);
        await Assert.ThrowsAsync<PictureTooLargeException>(() => new WebpForm().ConvertAsync([wide], TestContext.Current.CancellationToken));
    }

    private static void AssertSame(Dictionary<string, string> expected, Dictionary<string, string> actual, string name)
    {
        foreach (var tag in expected.Keys.Union(actual.Keys))
            Assert.True(expected.GetValueOrDefault(tag) == actual.GetValueOrDefault(tag), $"{name}: {tag} is '{actual.GetValueOrDefault(tag)}', not '{expected.GetValueOrDefault(tag)}'");
    }

    private static async Task<WebpContainer> Convert(byte[] jpeg)
    {
        var converted = await new WebpForm().ConvertAsync([jpeg], TestContext.Current.CancellationToken);
        return WebpContainer.Read(converted.Pieces.SelectMany(p => p.ToArray()).ToArray());
    }

    /// <summary>Pictures by other programs: what they are called, and their bytes.</summary>
    private Dictionary<string, byte[]> Kinds()
    {
        if (_kinds.Count > 0) return _kinds;
        var jpeg = _folder.Write("picture.source", JpegFixture.Baseline);
        var pixels = new byte[JpegFixture.Width * JpegFixture.Height * 4];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)(i % 4 == 3 ? i / 64 : i / 7);
        var clear = _folder.Write("clear.source", [.. Encoding.ASCII.GetBytes($"P7\nWIDTH {JpegFixture.Width}\nHEIGHT {JpegFixture.Height}\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"), .. pixels]);
        _kinds["lossy"] = Encoded(jpeg);
        _kinds["lossless"] = Encoded(jpeg, "-lossless");
        _kinds["lossy with alpha"] = Encoded(clear);
        _kinds["lossless with alpha"] = Encoded(clear, "-lossless");
        string lossy = _folder.Write("lossy.source", _kinds["lossy"]), lossless = _folder.Write("lossless.source", _kinds["lossless with alpha"]);
        var animated = Path.Combine(_folder.Path, "animated.source");
        Tool.Run("webpmux", "-frame", lossy, "+100", "-frame", lossless, "+100", "-loop", "3", "-o", animated);
        _kinds["animated"] = File.ReadAllBytes(animated);
        return _kinds;

        static byte[] Encoded(string source, params string[] options) => Tool.Run("cwebp", ["-quiet", .. options, source, "-o", "-"]);
    }

    private static byte[] Canon()
    {
        var block = TiffBuilder.Camera(bigEndian: false, JpegFixture.Progressive);
        block.Image[0] = TiffEntry.Ascii(0x010F, "Canon");
        block.MakerNote = (at, _) => block.Directory(at, [TiffEntry.Ascii(0x0006, "IMG:EOS 300D DIGITAL"), TiffEntry.Ascii(0x0007, "Firmware Version 1.1.1")]);
        return block.Build();
    }

    private static byte[] Chunk(string name, ReadOnlySpan<byte> payload)
    {
        var length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, payload.Length);
        return [.. Encoding.ASCII.GetBytes(name), .. length, .. payload, .. new byte[payload.Length % 2]];
    }

    private static byte[] WithChunks(byte[] webp, byte[][] chunks)
    {
        byte[] file = [.. webp, .. chunks.SelectMany(c => c)];
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(4), file.Length - 8);
        return file;
    }

    /// <summary>All chunks but metadata and the VP8X header, one after the other.</summary>
    private static byte[] OtherChunks(byte[] webp)
    {
        var others = new List<byte>();
        for (var at = 12; at < webp.Length;)
        {
            var length = 8 + BinaryPrimitives.ReadInt32LittleEndian(webp.AsSpan(at + 4));
            length += length % 2;
            if (Encoding.ASCII.GetString(webp, at, 4) is not ("EXIF" or "XMP " or "VP8X")) others.AddRange(webp[at..(at + length)]);
            at += length;
        }

        return [.. others];
    }

    /// <summary>What a file says of the picture: all tags but those of the container and of the file.</summary>
    private static Dictionary<string, string> Described(Dictionary<string, string> tags) => tags
        .Where(t => t.Key.Split(':')[0] is not ("System" or "File" or "RIFF" or "JFIF") && t.Key is not ("IFD1:ThumbnailOffset" or "ExifTool:ExifToolVersion")
            || t.Key is "File:ExifByteOrder")
        .ToDictionary();

    private static void CheckStructure(string webp, bool hasXmp = true)
    {
        var (exitCode, output, errors) = Tool.RunFor("webpinfo", null, webp);
        Assert.True(exitCode == 0 && Encoding.UTF8.GetString(output).Contains("No error detected", StringComparison.Ordinal), errors);
        var features = Encoding.UTF8.GetString(Tool.Run("webpmux", "-info", webp));
        Assert.Contains("EXIF metadata", features);
        Assert.Equal(hasXmp, features.Contains("XMP metadata", StringComparison.Ordinal));
    }
}
