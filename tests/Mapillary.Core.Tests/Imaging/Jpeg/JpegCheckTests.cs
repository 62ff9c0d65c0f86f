using System.Text;
using Mapillary.Imaging.Jpeg;

namespace Mapillary.Tests.Imaging;

public class JpegCheckTests
{
    public static TheoryData<string> PhotoNames => [.. JpegFixture.Photos.Keys];

    [Theory]
    [MemberData(nameof(PhotoNames))]
    public void A_whole_picture_has_no_fault(string photo) => Assert.Null(JpegCheck.FindFault(JpegFixture.Photos[photo]));

    [Theory]
    [MemberData(nameof(PhotoNames))]
    public void A_picture_cut_anywhere_is_reported(string photo)
    {
        var whole = JpegFixture.Photos[photo];
        var end = photo is "mpf" ? whole.Length - JpegFixture.Baseline.Length : whole.AsSpan().LastIndexOf<byte>([0xFF, 0xD9]) + 2;
        for (var length = 0; length < end; length++)
            Assert.True(JpegCheck.FindFault(whole.AsSpan(0, length)) is { Length: > 0 }, $"cut to {length} of {whole.Length} bytes");
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("  <!DOCTYPE html><title>Login</title>", "HTML")]
    [InlineData("\uFEFF<html><body>Blocked</body></html>", "HTML")]
    [InlineData("<?xml version=\"1.0\"?><Error/>", "XML")]
    [InlineData("{\"error\":{}}", "JSON")]
    [InlineData("[]", "JSON")]
    [InlineData("URL signature expired", "URL signature expired")]
    [InlineData("RIFF\u0001\u0001\u0001\u0001WEBPVP8 ", "WebP")]
    [InlineData("GIF89a...", "GIF")]
    public void What_is_no_picture_is_called_by_its_name(string content, string word) =>
        Assert.Contains(word, JpegCheck.FindFault(Encoding.UTF8.GetBytes(content)));

    [Fact]
    public void A_PNG_is_called_by_its_name() => Assert.Contains("PNG", JpegCheck.FindFault([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]));

    [Fact]
    public void A_frame_without_a_size_is_a_fault()
    {
        var jpeg = JpegFixture.Baseline.ToArray();
        var frame = jpeg.AsSpan().IndexOf<byte>([0xFF, 0xC0]);
        jpeg.AsSpan(frame + 5, 2).Clear();
        Assert.Contains("size", JpegCheck.FindFault(jpeg));
    }

    [Fact]
    public void A_second_picture_inside_the_scan_is_a_fault()
    {
        byte[] spliced = [.. JpegFixture.Baseline[..^200], .. JpegFixture.Baseline];
        Assert.NotNull(JpegCheck.FindFault(spliced));
    }

    [Fact]
    public void Zeros_in_place_of_the_end_are_a_fault()
    {
        var jpeg = JpegFixture.WithRestarts.ToArray();
        jpeg.AsSpan(jpeg.Length / 2).Clear();
        Assert.NotNull(JpegCheck.FindFault(jpeg));
    }

    [Fact]
    public void Checking_a_whole_picture_allocates_nothing()
    {
        var jpeg = JpegFixture.Photos["exif last"];
        JpegCheck.FindFault(jpeg);
        var before = GC.GetAllocatedBytesForCurrentThread();
        JpegCheck.FindFault(jpeg);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }
}
