using System.Text;
using Mapillary.Collections;
using Mapillary.Collections.Records;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Forms;
using Mapillary.Imaging.Metadata;
using Mapillary.Imaging.Webp;

namespace Mapillary.Tests.Imaging;

public sealed class PictureFormTests : IDisposable
{
    private static readonly byte[] AsInk = JpegFixture.App(14, [.. "Adobe"u8, 0, 100, 0, 0, 0, 0, 0]);
    private static readonly byte[] AsInkTransformed = JpegFixture.App(14, [.. "Adobe"u8, 0, 100, 0, 0, 0, 0, 2]);

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, PictureForm> States() => new()
    {
        { "", PictureForm.AsServed },
        { "\"webp\": false,", PictureForm.AsServed },
        { "\"webp\": true,", new WebpForm() },
        { "\"webp\": false, \"jpeg_quality\": 85,", new JpegForm(85) },
        { "\"jpeg_quality\": 101,", PictureForm.AsServed },
    };

    [Theory]
    [MemberData(nameof(States))]
    public void A_collection_of_an_earlier_version_is_of_the_form_that_it_was_made_in(string fields, PictureForm form)
    {
        File.WriteAllText(Path.Combine(_folder.Path, CollectionState.FileName), $$"""
            { "version": 1, "user": "anna", "quality": "original", {{fields}} "bounding_box": null, "listed": 2, "images": 2, "unavailable": 0, "failed": 0,
              "complete": false, "cursor": null, "stopped": null, "updated": "2026-01-02T03:04:05+00:00", "tool": "Mapillary for PowerShell 0.1.0" }
            """);

        Assert.Equal(form, CollectionState.Read(_folder.Path)!.Form);
    }

    [Theory]
    [InlineData("mapillary-anna-original-webp", "WebP")]
    [InlineData("mapillary-anna-original", "JPEG")]
    [InlineData("mapillary-anna-webp-1024", "JPEG")]
    public void The_name_of_a_collection_tells_the_format_and_is_made_of_it_again(string name, string format)
    {
        var parsed = CollectionName.TryParse(name)!;
        Assert.Equal(format, parsed.Form.Format);
        Assert.Equal(name, new CollectionName(parsed.User, parsed.Quality, parsed.Form).ToString());
    }

    [Fact]
    public void A_collection_goes_on_in_its_form_alone()
    {
        PictureForm[] forms = [PictureForm.AsServed, new WebpForm(), new JpegForm(85), new JpegForm(84)];
        foreach (var one in forms) Assert.Equal([one], forms.Where(one.GoesWith));
        Assert.True(new WebpForm(75).GoesWith(new WebpForm(90, 6)));
    }

    /// <summary>Ink is stored as its opposite: 255 is none (Adobe, technical note 5116).</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_colours_of_print_become_those_that_they_look_like(bool isTransformed)
    {
        Tool.Require("dwebp");
        // White; then cyan. Transformed, the opposite of what is stored is taken for red, green and blue: white for black, and cyan for red.
        Func<int, int, int, int> sample = isTransformed
            ? (c, x, _) => x < 32 ? (c == 0 ? 0 : c == 3 ? 255 : 128) : c switch { 0 => 76, 1 => 85, _ => 255 }
            : (c, x, _) => x < 32 || c > 0 ? 255 : 0;
        var jpeg = JpegFixture.Photo(JpegWriter.Extended(8, 4, sample), isTransformed ? AsInkTransformed : AsInk, JpegFixture.Icc);

        var webp = await new WebpForm(quality: 95).ConvertAsync([jpeg], TestContext.Current.CancellationToken);

        var pixels = Tool.Run("dwebp", "-quiet", _folder.Write("1.webp", webp.Pieces), "-ppm", "-o", "-");
        var start = pixels.Length - (JpegFixture.Width * JpegFixture.Height * 3);
        var (white, cyan) = (start + (24 * JpegFixture.Width * 3) + (10 * 3), start + (24 * JpegFixture.Width * 3) + (54 * 3));
        Assert.All(pixels[white..(white + 3)], value => Assert.InRange(value, 240, 255));
        Assert.InRange(pixels[cyan], 0, 60);
        Assert.InRange(pixels[cyan + 1], 130, 200);
        Assert.InRange(pixels[cyan + 2], 190, 255);
        // The profile is that of the ink.
        Assert.True(WebpContainer.Read(webp.Pieces.SelectMany(p => p.ToArray()).ToArray()).IccProfile.IsEmpty);
    }

    [Fact]
    public async Task Pictures_that_are_not_decoded_are_told_from_damaged_ones()
    {
        var kind = await Assert.ThrowsAsync<NotSupportedException>(() => new WebpForm().ConvertAsync([JpegFixture.TwelveBitsOfColour], TestContext.Current.CancellationToken));
        Assert.Contains("12 bits", kind.Message, StringComparison.Ordinal);
        if (OperatingSystem.IsWindows())
        {
            // The library's build for Windows has no arithmetic coding.
            var lacking = await Assert.ThrowsAsync<NotSupportedException>(() => new WebpForm().ConvertAsync([JpegFixture.Arithmetic], TestContext.Current.CancellationToken));
            Assert.Contains("on this system", lacking.Message, StringComparison.Ordinal);
            return;
        }

        var arithmetic = await new WebpForm().ConvertAsync([JpegFixture.Arithmetic], TestContext.Current.CancellationToken);
        Assert.Equal((JpegFixture.Width, JpegFixture.Height), (arithmetic.Width, arithmetic.Height));
    }

    public static TheoryData<int> Qualities => Thoroughness.IsFull ? [50, 75, 90] : [75];

    /// <summary>The encoder is that of <c>cwebp</c>, whatever decodes before it: about as many bytes, about as true.</summary>
    [Theory]
    [MemberData(nameof(Qualities))]
    public async Task WebP_is_as_small_and_as_true_as_that_of_cwebp(int quality)
    {
        foreach (var program in new[] { "cwebp", "djpeg", "dwebp" }) Tool.Require(program);
        var photos = RealPhotos.Files.Select(File.ReadAllBytes).ToList();
        if (photos.Count == 0) photos = [.. Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Photos"), "*.jpg").Select(File.ReadAllBytes)];
        var (ours, theirs, noiseOfOurs, noiseOfTheirs) = (0L, 0L, 0.0, 0.0);
        foreach (var photo in photos)
        {
            var original = Tool.RunFor("djpeg", photo, "-pnm").Output;
            var made = await LibVips.EncodeWebpAsync(photo, quality, effort: 4, TestContext.Current.CancellationToken);
            var judged = Tool.RunFor("cwebp", photo, "-quiet", "-q", quality.ToString(System.Globalization.CultureInfo.InvariantCulture), "-m", "4", "-o", "-", "--", "-").Output;
            (ours, theirs) = (ours + made.Length, theirs + judged.Length);
            (noiseOfOurs, noiseOfTheirs) = (noiseOfOurs + Psnr(original, made), noiseOfTheirs + Psnr(original, judged));
        }

        var (bytes, noise) = (ours / (double)theirs, (noiseOfOurs - noiseOfTheirs) / photos.Count);
        TestContext.Current.TestOutputHelper!.WriteLine(FormattableString.Invariant($"{photos.Count} photos, quality {quality}: {bytes:0.0000} of the bytes, {noise:+0.000;-0.000} dB"));
        Assert.InRange(bytes, 0.97, 1.03);
        Assert.InRange(noise, -0.1, 0.1);
    }

    private double Psnr(byte[] original, byte[] webp)
    {
        var pixels = Tool.Run("dwebp", "-quiet", _folder.Write("judged.webp", webp), "-ppm", "-o", "-");
        var length = Math.Min(original.Length, pixels.Length) - 20;
        var squares = 0L;
        for (var i = 1; i <= length; i++) squares += (original[^i] - pixels[^i]) * (original[^i] - pixels[^i]);
        return 10 * Math.Log10(255.0 * 255.0 * length / squares);
    }

    /// <summary>Pictures of all kinds, each with a record of its own in it, judged by WebP's own program and by exiftool.</summary>
    [Fact]
    public async Task Converted_pictures_of_all_kinds_are_valid_and_say_what_their_JPEG_says()
    {
        foreach (var program in new[] { "webpinfo", "exiftool" }) Tool.Require(program);
        var photos = JpegFixture.Photos.Where(p => !JpegFixture.Undecodable.Contains(p.Key)).Select(p => p.Value).Concat(RealPhotos.Files.Select(File.ReadAllBytes)).ToList();
        var count = Thoroughness.Of(photos.Count, 500);
        await Parallel.ForAsync(0, count, async (i, ct) =>
        {
            var record = MapillaryImage.Parse($$"""
                {"id":"{{i + 1}}","captured_at":{{1_704_103_200_123L + (i * 1000L)}},"camera_type":"{{(i % 3 == 0 ? "spherical" : "perspective")}}","compass_angle":{{i % 360}},
                 "geometry":{"type":"Point","coordinates":[{{i % 180}}.5,{{i % 80}}.25]},"make":"Make {{i}}","creator":{"username":"anna"} }
                """);
            var jpeg = MetadataRestorer.RestoreJpeg(photos[i % photos.Count], record, RestoreOptions.Default);
            var webp = await new WebpForm(i * 7 % 101, effort: i % 3).ConvertAsync(jpeg.Pieces, ct);
            _folder.Write($"{i}.jpg", jpeg.Pieces);
            _folder.Write($"{i}.webp", webp.Pieces);
        });

        var (exitCode, output, errors) = Tool.RunFor("webpinfo", null, [.. Enumerable.Range(0, count).Select(i => Path.Combine(_folder.Path, $"{i}.webp"))]);
        Assert.True(exitCode == 0, errors);
        Assert.Equal(count, Encoding.UTF8.GetString(output).Split("No error detected").Length - 1);
        var read = Tool.ExifTool(_folder.Path, "-G1", "-EXIF:all", "-XMP:all", "-ICC_Profile:all", "-ImageSize");
        for (var i = 0; i < count; i++)
        {
            // Carried into XMP, and joined out of it.
            var (jpeg, webp) = (Described(read[$"{i}.jpg"]), Described(read[$"{i}.webp"]));
            Assert.True(jpeg.Count > 10 && jpeg.SequenceEqual(webp), $"{i}: {string.Join("; ", jpeg.Except(webp))} | {string.Join("; ", webp.Except(jpeg))}");
        }

        static List<string> Described(Dictionary<string, string> tags) =>
        [
            .. tags.Where(t => t.Key is not ("IFD1:ThumbnailOffset" or "XMP-xmpNote:HasExtendedXMP" or "XMP-exif:UserComment" or "XMP-photoshop:City"))
                .Select(t => $"{t.Key}: {t.Value}").Order(StringComparer.Ordinal),
        ];
    }
}
