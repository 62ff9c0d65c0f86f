using System.Buffers.Binary;
using System.Text;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Forms;
using Mapillary.Imaging.Jpeg;
using Mapillary.Imaging.Metadata;

namespace Mapillary.Tests.Imaging;

public sealed class JpegFormTests : IDisposable
{
    private static readonly MapillaryImage Sphere = MapillaryImage.Parse(
        """{"id":"900000000000017","altitude":-12.5,"camera_type":"spherical","captured_at":1704103200123,"compass_angle":1.5,"geometry":{"type":"Point","coordinates":[-13.5,52.6]},"make":"GoPro","creator":{"username":"Jürgen"}}""");

    /// <summary>A slope for each colour, named red, green and blue by its components and not transformed.</summary>
    private static readonly byte[] NamedColours = JpegFixture.Photo(JpegWriter.Extended(8, 3, (c, x, y) => c == 0 ? x * 4 : c == 1 ? y * 5 : 255 - (x + y) * 2));

    private static readonly byte[] Grey = JpegFixture.Photo(JpegWriter.Extended(8, 1, (_, x, y) => x * 2 + (y / 8 % 2) * 60), JpegFixture.Jfif, JpegFixture.Exif(JpegFixture.Camera(true)));

    private static readonly byte[] AdobeTransformed = JpegFixture.App(14, [.. "Adobe"u8, 0, 100, 0, 0, 0, 0, 1]);
    private static readonly byte[] AdobeAsItIs = JpegFixture.App(14, [.. "Adobe"u8, 0, 100, 0, 0, 0, 0, 0]);

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_tag_goes_into_the_new_picture_and_every_other_segment_to_the_byte()
    {
        foreach (var program in new[] { "djpeg", "exiftool" }) Tool.Require(program);
        var photos = JpegFixture.Photos.Where(p => !JpegFixture.Undecodable.Contains(p.Key)).Append(new("grey", Grey)).ToDictionary();
        foreach (var (name, photo) in photos)
        {
            var restored = MetadataRestorer.RestoreJpeg(photo, Sphere, RestoreOptions.Default);
            byte[] served = [.. restored.Pieces.SelectMany(p => p.ToArray())];
            var made = await Recompress(restored.Pieces);

            Assert.True(JpegCheck.FindFault(made) is null, name);
            Assert.Equal(0, Tool.RunFor("djpeg", made).ExitCode);
            Assert.Equal(
                Carried(served).Where(s => !s.AsSpan(4).StartsWith("Adobe"u8) && !s.AsSpan(4).StartsWith("MPF\0"u8)),
                Carried(made).Where(s => !s.AsSpan(4).StartsWith("MPF\0"u8)));
            Assert.Equal(BehindEnd(served), BehindEnd(made));
            _folder.Write(name + ".served.jpg", served);
            _folder.Write(name + ".made.jpg", made);
        }

        var read = Tool.ExifTool(_folder.Path, "-G1", "-all", "-ColorComponents", "-ImageSize");
        var faults = Tool.ExifToolFaults(_folder.Path);
        foreach (var name in photos.Keys)
        {
            Assert.Equal(Described(read[name + ".served.jpg"]), Described(read[name + ".made.jpg"]));
            // Fill bytes between segments are no metadata.
            Assert.Empty(faults[name + ".made.jpg"].Except(faults[name + ".served.jpg"]));
        }
    }

    public static TheoryData<string> Colours() => ["jfif", "bare", "progressive", "restarts", "arithmetic", "exif", "named colours", "grey", "transformed as Adobe's segment says"];

    [Theory]
    [MemberData(nameof(Colours))]
    public async Task The_picture_shows_the_same_in_the_same_colours(string name)
    {
        Tool.Require("djpeg");
        var photo = name switch
        {
            "named colours" => NamedColours,
            "grey" => Grey,
            "transformed as Adobe's segment says" => JpegFixture.Photo(JpegFixture.Baseline, AdobeTransformed),
            _ => JpegFixture.Photos[name],
        };

        var (before, after) = (Pixels(photo), Pixels(await Recompress([photo], 95)));

        Assert.Equal(name == "grey" ? "P5" : "P6", Encoding.ASCII.GetString(after, 0, 2));
        Assert.Equal(before.Length, after.Length);
        var difference = before.Zip(after, (a, b) => Math.Abs(a - b)).Average();
        Assert.InRange(difference, 0, 6);
    }

    [Theory]
    [InlineData(5, "<unknown>")]
    [InlineData(40, "40")]
    [InlineData(85, "85")]
    [InlineData(100, "100")]
    public async Task The_quality_is_that_asked_for_and_every_reader_can_read_it(int quality, string estimate)
    {
        Tool.Require("exiftool");

        var made = await Recompress([JpegFixture.Photos["exif"]], quality);

        _folder.Write("1.jpg", made);
        var read = Tool.ExifTool(_folder.Path, "-JPEGQualityEstimate", "-EncodingProcess")["1.jpg"];
        // Of a quality under 25 no table is the usual one, because 8 bits do not hold it; 0 is baseline, which has no others.
        Assert.Equal(estimate, read["JPEGQualityEstimate"]);
        Assert.Equal("0", read["EncodingProcess"]);
    }

    [Fact]
    public async Task Further_pictures_behind_the_first_are_found_where_the_index_says()
    {
        Tool.Require("exiftool");
        var served = JpegFixture.Photos["mpf"];

        var made = await Recompress([served]);

        var before = Tool.Run("exiftool", "-b", "-MPImage2", _folder.Write("a.jpg", served));
        Assert.NotEmpty(before);
        Assert.Equal(before, Tool.Run("exiftool", "-b", "-MPImage2", _folder.Write("b.jpg", made)));
    }

    public static TheoryData<string> Kinds() => ["12 bits", "12 bits of colour", "lossless", "hierarchical", "four colours", "colours that Adobe's segment leaves open", "two components"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_picture_that_would_not_stay_the_same_but_for_its_quality_is_refused(string kind)
    {
        var photo = kind switch
        {
            "12 bits" => JpegFixture.TwelveBits,
            "12 bits of colour" => JpegFixture.TwelveBitsOfColour,
            "lossless" => JpegFixture.Lossless,
            "hierarchical" => JpegWriter.Hierarchical(),
            "four colours" => WithComponents(4),
            "two components" => WithComponents(2),
            _ => JpegFixture.Photo(JpegFixture.Baseline, AdobeAsItIs),
        };

        Assert.Null(JpegCheck.FindFault(photo));
        await Assert.ThrowsAsync<NotSupportedException>(() => Recompress([photo]));
    }

    [Fact]
    public async Task A_damaged_picture_is_refused_with_the_decoders_own_words()
    {
        var damaged = JpegFixture.Baseline.ToArray();
        // Half of the scan is gone, the end marker is not.
        var scan = damaged.AsSpan().IndexOf<byte>([0xFF, 0xDA]);
        damaged = [.. damaged[..(scan + (damaged.Length - scan) / 2)], 0xFF, 0xD9];

        var error = await Assert.ThrowsAsync<EncodingException>(() => Recompress([damaged]));

        Assert.Contains("premature end", error.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("baseline.jpg", 0xC0)]
    [InlineData("progressive.jpg", 0xC2)]
    public async Task A_small_file_that_claims_to_be_immense_does_not_take_the_machines_memory(string name, byte marker)
    {
        var immense = JpegFixture.Load(name);
        var frame = immense.AsSpan().LastIndexOf<byte>([0xFF, marker]);
        new byte[] { 0xFF, 0xDC, 0xFF, 0xDC }.CopyTo(immense, frame + 5); // 65,500 × 65,500

        // What is decoded of it is little, however much it claims; and what is more than the machine has is not begun.
        var error = await Record.ExceptionAsync(() => Recompress([immense]));
        Assert.True(error is EncodingException or NotSupportedException, error?.ToString());
    }

    [Fact]
    public async Task What_is_cut_or_no_picture_is_refused()
    {
        byte[][] files = [[], "<html>"u8.ToArray(), JpegFixture.Baseline[..100], JpegFixture.Baseline[..^2], [0xFF, 0xD8, 0xFF, 0xD9]];
        foreach (var file in files) await Assert.ThrowsAsync<InvalidDataException>(() => Recompress([file]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(101)]
    public void A_quality_off_the_scale_is_refused(int quality) => Assert.Throws<ArgumentOutOfRangeException>(() => new JpegForm(quality));

    private static async Task<byte[]> Recompress(IReadOnlyList<ReadOnlyMemory<byte>> jpeg, int quality = 85)
    {
        var made = await new JpegForm(quality).ConvertAsync(jpeg, TestContext.Current.CancellationToken);
        Assert.Equal((JpegFixture.Width, JpegFixture.Height), (made.Width, made.Height));
        Assert.Equal(made.Length, made.Pieces.Sum(p => p.Length));
        return [.. made.Pieces.SelectMany(p => p.ToArray())];
    }

    private static byte[] Pixels(byte[] jpeg)
    {
        var (exitCode, output, errors) = Tool.RunFor("djpeg", jpeg);
        Assert.True(exitCode == 0, errors);
        return output;
    }

    /// <summary>The baseline picture, whose frame header claims another number of components.</summary>
    private static byte[] WithComponents(byte count)
    {
        var jpeg = JpegFixture.Baseline;
        var frame = jpeg.AsSpan().LastIndexOf<byte>([0xFF, 0xC0]);
        var header = new byte[6 + count * 3];
        jpeg.AsSpan(frame + 4, 5).CopyTo(header);
        header[5] = count;
        for (var i = 0; i < count; i++) (header[6 + i * 3], header[7 + i * 3]) = ((byte)(i + 1), 0x11);
        var length = 2 + BinaryPrimitives.ReadUInt16BigEndian(jpeg.AsSpan(frame + 2));
        return [.. jpeg[..frame], .. JpegFixture.Segment(0xC0, header), .. jpeg[(frame + length)..]];
    }

    /// <summary>The segments before the first scan that are no part of the coding.</summary>
    private static List<byte[]> Carried(byte[] jpeg)
    {
        var segments = new List<byte[]>();
        for (var at = 2; jpeg[at + 1] != 0xDA;)
        {
            if (jpeg[at + 1] == 0xFF)
            {
                at++;
                continue;
            }

            var end = at + 2 + BinaryPrimitives.ReadUInt16BigEndian(jpeg.AsSpan(at + 2));
            if (jpeg[at + 1] is (>= 0xE0 and <= 0xEF) or 0xFE) segments.Add(jpeg[at..end]);
            at = end;
        }

        return segments;
    }

    private static byte[] BehindEnd(byte[] jpeg)
    {
        var scan = JpegFixture.FromScanOn(jpeg);
        return scan[(scan.IndexOf<byte>([0xFF, 0xD9]) + 2)..].ToArray();
    }

    /// <summary>What a file says of the picture: all but how it is coded, and where in the file something stands.</summary>
    private static List<KeyValuePair<string, string>> Described(Dictionary<string, string> tags) =>
    [
        .. tags.Where(t => t.Key.Split(':')[0] is not ("System" or "ExifTool" or "Adobe")
            && t.Key is not ("File:EncodingProcess" or "File:YCbCrSubSampling" or "File:BitsPerSample" or "IFD1:ThumbnailOffset")
            && !t.Key.StartsWith("MPImage", StringComparison.Ordinal)
            && !t.Key.Contains("MPImageStart", StringComparison.Ordinal))
            .OrderBy(t => t.Key, StringComparer.Ordinal),
    ];
}
