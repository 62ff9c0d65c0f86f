using System.Text;
using System.Text.RegularExpressions;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Exif;
using Mapillary.Imaging.Jpeg;
using Mapillary.Imaging.Metadata;

namespace Mapillary.Tests.Imaging;

/// <summary>What happens to the file around the values: nothing else changes, and nothing is lost.</summary>
public sealed class RestoredFileTests : IDisposable
{
    private const string Json =
        """{"id":"900000000000017","altitude":12.5,"camera_parameters":[0.8,0.1,0],"camera_type":"TYPE","captured_at":1704103200123,"compass_angle":1.5,"computed_geometry":{"type":"Point","coordinates":[13.4,52.5]},"creator":{"username":"anna","id":"77"},"exif_orientation":1,"geometry":{"type":"Point","coordinates":[13.5,52.6]},"height":48,"width":64,"make":"GoPro","model":"Max","sequence":"AbC"}""";

    private static readonly MapillaryImage Plain = MapillaryImage.Parse(Json.Replace("TYPE", "perspective", StringComparison.Ordinal));
    private static readonly MapillaryImage Sphere = MapillaryImage.Parse(Json.Replace("TYPE", "spherical", StringComparison.Ordinal));

    // exiftool names the segment before fill bytes, which may be another one afterwards.
    private static readonly Regex FillBytes = new("Skipped unknown 3 bytes after .*");

    private readonly ScratchFolder _folder = new();

    public static TheoryData<string> PhotoNames => [.. JpegFixture.Photos.Keys];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(PhotoNames))]
    public void Everything_but_EXIF_and_XMP_stays_as_served(string photo)
    {
        var served = JpegFixture.Photos[photo];
        foreach (var image in new[] { Plain, Sphere })
        {
            var restored = Restore(served, image);
            Assert.True(JpegFixture.FromScanOn(served).SequenceEqual(JpegFixture.FromScanOn(restored)));
            Assert.Equal(JpegFixture.OtherSegments(served), JpegFixture.OtherSegments(restored));
            Assert.Null(JpegCheck.FindFault(restored));
        }
    }

    [Theory]
    [MemberData(nameof(PhotoNames))]
    public void Scan_data_are_slices_of_what_was_given(string photo)
    {
        var served = JpegFixture.Photos[photo];
        var last = MetadataRestorer.RestoreJpeg(served, Plain, RestoreOptions.Default).Pieces[^1];
        Assert.True(System.Runtime.InteropServices.MemoryMarshal.TryGetArray(last, out var slice));
        Assert.Same(served, slice.Array);
        Assert.True(slice.Count >= JpegFixture.FromScanOn(served).Length);
    }

    [Theory]
    [MemberData(nameof(PhotoNames))]
    public void Afterwards_there_is_one_EXIF_block_in_front(string photo)
    {
        var restored = Restore(JpegFixture.Photos[photo], Sphere);
        Assert.Single(JpegFixture.ExifBlocks(restored));
        Assert.Single(JpegFixture.XmpPackets(restored));
        var exif = restored.AsSpan().IndexOf("Exif\0\0"u8) - 4;
        var before = restored.AsSpan(2, exif - 2).ToArray();
        Assert.True(before.All(b => b == 0xFF) || before.AsSpan().TrimStart((byte)0xFF)[1] == 0xE0 || before.AsSpan().IndexOf("JFIF\0"u8) == 4 + before.AsSpan().IndexOf<byte>([0xFF, 0xE0]));
    }

    [Theory]
    [MemberData(nameof(PhotoNames))]
    public void Restoring_twice_changes_nothing(string photo)
    {
        foreach (var image in new[] { Plain, Sphere })
        {
            var once = Restore(JpegFixture.Photos[photo], image);
            var again = MetadataRestorer.RestoreJpeg(once, image, RestoreOptions.Default);
            Assert.False(again.Changed);
            Assert.Empty(again.Notes);
            Assert.Equal(once, Bytes(again));
        }
    }

    [Theory]
    [MemberData(nameof(PhotoNames))]
    public void Restoring_another_record_and_the_first_again_does_not_let_the_file_grow_for_ever(string photo)
    {
        var other = MapillaryImage.Parse("""{"id":"1","captured_at":1,"geometry":{"type":"Point","coordinates":[1,2]},"make":"Other maker with a long name"}""");
        var file = Restore(JpegFixture.Photos[photo], Plain);
        var length = 0;
        for (var i = 0; i < 20; i++)
        {
            file = Restore(Restore(file, other), Plain);
            if (i == 4) length = file.Length;
        }

        Assert.InRange(file.Length, 1, length);
    }

    [Fact]
    public void Decoded_pixels_are_the_same()
    {
        Tool.Require("djpeg");
        foreach (var (name, served) in JpegFixture.Photos)
        {
            var before = Tool.RunFor("djpeg", served);
            var after = Tool.RunFor("djpeg", Restore(served, Sphere));
            Assert.Equal(JpegFixture.Undecodable.Contains(name), before.ExitCode != 0);
            if (before.ExitCode == 0) Assert.True(before.Output.Length > JpegFixture.Width * JpegFixture.Height * 3, name);
            Assert.Equal(before.Output, after.Output);
            Assert.Equal((before.ExitCode, before.Errors), (after.ExitCode, after.Errors));
        }
    }

    [Fact]
    public void Exiftool_finds_no_new_fault()
    {
        Tool.Require("exiftool");
        foreach (var (name, served) in JpegFixture.Photos)
        {
            _folder.Write(name + " a.jpg", served);
            _folder.Write(name + " b.jpg", Restore(served, Plain));
            _folder.Write(name + " c.jpg", Restore(served, Sphere));
        }

        var read = Tool.ExifToolFaults(_folder.Path);
        Assert.Contains(read.Values, f => f.Count > 1);
        foreach (var name in JpegFixture.Photos.Keys)
        {
            foreach (var restored in new[] { " b.jpg", " c.jpg" })
            {
                var before = Faults(read[name + " a.jpg"]);
                var after = Faults(read[name + restored]);
                Assert.True(!after.Except(before).Any(), $"{name}{restored}: {string.Join("; ", after.Except(before))}");
            }
        }

        static HashSet<string> Faults(IReadOnlyList<string> faults) => [.. faults.Select(f => FillBytes.Replace(f, "fill bytes"))];
    }

    [Fact]
    public void A_file_of_its_own_keeps_its_tags_thumbnail_and_byte_order()
    {
        Tool.Require("exiftool");
        foreach (var photo in new[] { "exif", "exif big-endian", "exif after icc", "exif last", "exif twice", "exif three times, one broken", "mpf",
            "exif between tables and frame", "exif just before the scan", "icc in parts", "extended xmp before the main packet", "photoshop", "c2pa", "all at once", "arithmetic", "twelve bits", "lossless" })
        {
            _folder.Write(photo + ".jpg", JpegFixture.Photos[photo]);
            _folder.Write(photo + " restored.jpg", Restore(JpegFixture.Photos[photo], Plain));
        }

        var read = Tool.ExifTool(_folder.Path, "-G1");
        foreach (var (file, tags) in read.Where(r => r.Key.Contains("restored", StringComparison.Ordinal)))
        {
            Assert.Equal("Firmware 1.2.3", tags["IFD0:Software"]);
            Assert.Equal("0.004", tags["ExifIFD:ExposureTime"]);
            Assert.Equal("2.8", tags["ExifIFD:FNumber"]);
            Assert.Equal("A lens 28-70mm", tags["ExifIFD:LensModel"]);
            Assert.Equal("R98", tags["InteropIFD:InteropIndex"]);
            Assert.Equal("33", tags["GPS:GPSSpeed"]);
            Assert.Equal(file.StartsWith("exif twice", StringComparison.Ordinal) ? "72" : "300", tags["IFD0:XResolution"]);
            Assert.Equal(JpegFixture.Progressive, Tool.Run("exiftool", "-b", "-ThumbnailImage", Path.Combine(_folder.Path, file)));
            Assert.Equal("GoPro", tags["IFD0:Make"]);
            Assert.Equal("N", tags["GPS:GPSLatitudeRef"]);
            if (file.Contains("times", StringComparison.Ordinal) || file.Contains("twice", StringComparison.Ordinal)) Assert.Equal("the document", tags["IFD0:DocumentName"]);
        }

        Assert.Equal("II", read["exif restored.jpg"]["File:ExifByteOrder"]);
        Assert.Equal("MM", read["exif big-endian restored.jpg"]["File:ExifByteOrder"]);
    }

    [Fact]
    public void A_broken_block_is_replaced_and_said_so()
    {
        foreach (var photo in new[] { "empty exif", "truncated exif", "exif beyond its end", "exif without link" })
        {
            var restored = MetadataRestorer.RestoreJpeg(JpegFixture.Photos[photo], Plain, RestoreOptions.Default);
            Assert.Contains("replaced a broken EXIF block", restored.Notes);
        }
    }

    [Fact]
    public void A_broken_directory_or_entry_costs_only_itself()
    {
        var block = TiffBuilder.Camera(bigEndian: false, JpegFixture.Progressive);
        block.Image.Add(new TiffEntry(0x9C9B, 1, 0x7FFFFFFF, [1, 2, 3, 4]));
        var tiff = block.Build();
        var gps = tiff.AsSpan().IndexOf<byte>([0x25, 0x88, 4, 0, 1, 0, 0, 0]);
        tiff[gps + 10] = 0xFF;

        var restored = MetadataRestorer.RestoreJpeg(JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Exif(tiff)), Plain, RestoreOptions.Default);
        Assert.Equal(2, restored.Notes.Count);
        var kept = ExifBlock.Parse(JpegFixture.ExifBlocks(Bytes(restored))[0])!;
        Assert.Equal("Firmware 1.2.3\0"u8, kept.ValueOf(ExifDirectory.Image, 0x0131).Span);
        Assert.Equal("A lens 28-70mm\0"u8, kept.ValueOf(ExifDirectory.Exif, 0xA434).Span);
        Assert.Equal("N\0"u8, kept.ValueOf(ExifDirectory.Gps, 1).Span);
        Assert.Empty(kept.Faults);
    }

    [Theory]
    [InlineData(64_000, 0, "thumbnail")]
    [InlineData(0, 64_600, "record")]
    [InlineData(0, 65_250, "maker notes")]
    [InlineData(30_000, 34_000, "thumbnail")]
    public void A_block_that_gets_too_long_loses_what_matters_least(int thumbnail, int makerNote, string loss)
    {
        var block = new TiffBuilder(bigEndian: false);
        block.Image.Add(TiffEntry.Ascii(0x0131, "Firmware 1.2.3"));
        if (makerNote > 0) block.MakerNote = (_, _) => new byte[makerNote];
        if (thumbnail > 0) block.Thumbnail = [.. JpegFixture.Progressive, .. new byte[thumbnail]];
        var served = JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Exif(block.Build()));

        var restored = MetadataRestorer.RestoreJpeg(served, Plain, RestoreOptions.Default);
        Assert.Contains(restored.Notes, n => n.Contains(loss, StringComparison.Ordinal));
        var bytes = Bytes(restored);
        Assert.Null(JpegCheck.FindFault(bytes));
        var kept = ExifBlock.Parse(JpegFixture.ExifBlocks(bytes).Single())!;
        Assert.Empty(kept.Faults);
        Assert.Equal("N\0"u8, kept.ValueOf(ExifDirectory.Gps, 1).Span);
        Assert.Equal("Firmware 1.2.3\0"u8, kept.ValueOf(ExifDirectory.Image, 0x0131).Span);
        Assert.Equal(bytes, Restore(bytes, Plain));
    }

    [Fact]
    public void A_value_that_the_API_does_not_know_stays_as_it_was()
    {
        var restored = Restore(JpegFixture.Photos["exif"], MapillaryImage.Parse("""{"id":"5"}"""));
        var block = ExifBlock.Parse(JpegFixture.ExifBlocks(restored)[0])!;
        Assert.Equal("1999:01:02 03:04:05\0"u8, block.ValueOf(ExifDirectory.Exif, 0x9003).Span);
        Assert.Equal("OldMake\0"u8, block.ValueOf(ExifDirectory.Image, 0x010F).Span);
        Assert.Equal("S\0"u8, block.ValueOf(ExifDirectory.Gps, 1).Span);
        Assert.True(block.ValueOf(ExifDirectory.Exif, 0x9010).IsEmpty);
        Assert.True(block.ValueOf(ExifDirectory.Image, 0x013B).IsEmpty);
    }

    [Fact]
    public void A_description_in_the_file_is_kept_and_a_blank_one_is_not()
    {
        foreach (var (old, expected) in new[] { ("My street", "My street\0"), ("          ", "https://www.mapillary.com/app/?pKey=900000000000017&focus=photo\0") })
        {
            var block = new TiffBuilder(bigEndian: true);
            block.Image.Add(TiffEntry.Ascii(0x010E, old));
            var restored = Restore(JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Exif(block.Build())), Plain);
            Assert.Equal(expected, Encoding.UTF8.GetString(ExifBlock.Parse(JpegFixture.ExifBlocks(restored)[0])!.ValueOf(ExifDirectory.Image, 0x010E).Span));
        }
    }

    [Fact]
    public void The_second_picture_of_a_file_is_found_though_EXIF_stood_between()
    {
        Tool.Require("exiftool");
        // The block stands behind the index, so moving it to the front brings the second picture nearer.
        var exif = JpegFixture.Exif(JpegFixture.Camera(false));
        byte[] served = [.. JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Mpf(JpegFixture.Baseline.Length, exif.Length), exif), .. JpegFixture.Baseline];
        var before = Tool.Run("exiftool", "-b", "-MPImage2", _folder.Write("a.jpg", served));
        var after = Tool.Run("exiftool", "-b", "-MPImage2", _folder.Write("b.jpg", Restore(served, Sphere)));
        Assert.Equal((0xFF, 0xD8), (before[0], before[1]));
        Assert.Equal(before, after);
    }

    [Fact]
    public void What_is_no_JPEG_is_refused()
    {
        byte[][] files = [[], "<html>"u8.ToArray(), [0xFF, 0xD8], [0xFF, 0xD8, 0xFF, 0xD9], JpegFixture.Baseline[..60]];
        foreach (var file in files)
            Assert.Throws<InvalidDataException>(() => MetadataRestorer.RestoreJpeg(file, Plain, RestoreOptions.Default));
    }

    [Fact]
    public void Pictures_of_twelve_bits_keep_every_byte()
    {
        Tool.Require("exiftool");
        string[] photos = ["twelve bits", "twelve bits, three components", "lossless"];
        foreach (var photo in photos) _folder.Write(photo + ".jpg", Restore(JpegFixture.Photos[photo], Sphere));
        var read = Tool.ExifTool(_folder.Path);
        foreach (var photo in photos)
        {
            Assert.Equal("12", read[photo + ".jpg"]["BitsPerSample"]);
            Assert.Equal("GoPro", read[photo + ".jpg"]["Make"]);
        }

        // No decoder of 12 bits is at hand. The writer does the same with 8, and djpeg tells whether that is right.
        Tool.Require("djpeg");
        Func<int, int, int, int> slopes = (c, x, y) => c == 0 ? x * 4 : c == 1 ? y * 5 : 255 - (x + y) * 2;
        var pixels = Tool.Run("djpeg", "-dct", "float", _folder.Write("eight bits.jpg", JpegFixture.Photo(JpegWriter.Extended(8, 3, slopes))))[^(JpegFixture.Width * JpegFixture.Height * 3)..];
        for (var i = 0; i < pixels.Length; i++)
            Assert.InRange(pixels[i] - slopes(i % 3, i / 3 % JpegFixture.Width, i / 3 / JpegFixture.Width), -1, 1);
    }

    [Fact]
    public void A_hierarchical_picture_has_the_size_of_the_whole()
    {
        // The first frame has half of it.
        var served = JpegWriter.Hierarchical();
        Assert.Null(JpegCheck.FindFault(served));
        var restored = MetadataRestorer.RestoreJpeg(served, Plain, RestoreOptions.Default);
        Assert.Equal((JpegFixture.Width, JpegFixture.Height), (restored.Width, restored.Height));
        Assert.True(JpegFixture.FromScanOn(served).SequenceEqual(JpegFixture.FromScanOn(Bytes(restored))));
        Assert.Equal(JpegFixture.OtherSegments(served), JpegFixture.OtherSegments(Bytes(restored)));
    }

    [Fact]
    public void A_picture_that_states_its_height_behind_the_scan_is_refused_with_the_reason()
    {
        var served = JpegWriter.HeightBehindScan();
        Assert.Contains("DNL", JpegCheck.FindFault(served));
        var error = Assert.Throws<InvalidDataException>(() => MetadataRestorer.RestoreJpeg(served, Plain, RestoreOptions.Default));
        Assert.Contains("DNL", error.Message);
    }

    [Fact]
    public void A_thumbnail_with_EXIF_of_its_own_stays_as_it_is()
    {
        var restored = Restore(JpegFixture.Photos["thumbnail with exif of its own"], Plain);
        var block = ExifBlock.Parse(JpegFixture.ExifBlocks(restored).Single())!;
        Assert.True(restored.AsSpan().IndexOf(JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Jfif, JpegFixture.Exif(JpegFixture.Small(true)), JpegFixture.Comment)) > 0);
        Assert.Equal("GoPro\0"u8, block.ValueOf(ExifDirectory.Image, 0x010F).Span);
    }

    private static byte[] Restore(byte[] jpeg, MapillaryImage image) => Bytes(MetadataRestorer.RestoreJpeg(jpeg, image, RestoreOptions.Default));

    private static byte[] Bytes(RestoredImage image)
    {
        byte[] bytes = [.. image.Pieces.SelectMany(p => p.ToArray())];
        Assert.Equal(image.Length, bytes.Length);
        return bytes;
    }
}
