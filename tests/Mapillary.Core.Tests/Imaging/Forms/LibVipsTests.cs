using Mapillary.Imaging.Forms;

namespace Mapillary.Tests.Imaging;

public sealed class LibVipsTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_system_without_a_library_is_told_which_systems_have_one()
    {
        var error = Assert.Throws<EncoderMissingException>(() => LibVips.FindLibrary(AppContext.BaseDirectory, "linux-s390x"));
        Assert.Contains("linux-s390x", error.Message, StringComparison.Ordinal);
        Assert.All(LibVips.Systems, system => Assert.Contains(system, error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void A_library_that_is_missing_is_named_with_its_path()
    {
        var error = Assert.Throws<EncoderMissingException>(() => LibVips.FindLibrary(_folder.Path, "win-arm64"));
        Assert.Contains(Path.Combine(_folder.Path, "runtimes", "win-arm64", "native", "libvips-42.dll"), error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("linux-x64", "runtimes/linux-x64/native/libvips.so.42", "")]
    [InlineData("osx-arm64", "runtimes/osx-arm64/native/libvips.42.dylib", "osx-arm64")]
    [InlineData("win-x64", "libvips-42.dll", "")]
    public void The_library_is_found_beside_the_assembly_a_folder_up_and_in_a_program_of_one_system(string system, string place, string assemblies)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder.Path, assemblies)).FullName;
        var library = Path.Combine(_folder.Path, place);
        Directory.CreateDirectory(Path.GetDirectoryName(library)!);
        File.WriteAllBytes(library, []);
        Assert.Equal(Path.GetFullPath(library), LibVips.FindLibrary(folder, system));
    }

    [Fact]
    public void Nothing_but_JPEG_is_decoded()
    {
        LibVips.RequireLibrary();
        byte[] png =
        [
            0x89, .. "PNG\r\n\x1a\n"u8, 0, 0, 0, 13, .. "IHDR"u8, 0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0, 0x3A, 0x7E, 0x9B, 0x55,
            0, 0, 0, 10, .. "IDAT"u8, 0x78, 0x9C, 0x63, 0x60, 0, 0, 0, 2, 0, 1, 0x48, 0xAF, 0xA4, 0x71, 0, 0, 0, 0, .. "IEND"u8, 0xAE, 0x42, 0x60, 0x82,
        ];
        byte[][] others = [png, "GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"u8.ToArray(), "<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>"u8.ToArray(), "P5 1 1 255 a"u8.ToArray()];
        Assert.All(others, other => Assert.False(Direct.CanDecode(other)));
        Assert.True(Direct.CanDecode(JpegFixture.Baseline));
    }

    [Fact]
    public async Task Pictures_that_are_encoded_at_once_do_not_get_in_each_others_way()
    {
        var alone = await LibVips.EncodeWebpAsync(JpegFixture.Baseline, 75, 4, TestContext.Current.CancellationToken);
        var damaged = JpegFixture.Baseline[..^40];

        var all = await Task.WhenAll(Enumerable.Range(0, 64).Select(async i =>
        {
            try
            {
                return await LibVips.EncodeWebpAsync(i % 4 == 0 ? damaged : JpegFixture.Baseline, 75, 4, TestContext.Current.CancellationToken);
            }
            catch (EncodingException)
            {
                return null;
            }
        }));

        for (var i = 0; i < all.Length; i++) Assert.Equal(i % 4 == 0 ? null : alone, all[i]);
    }

    [Theory]
    [InlineData("webp")]
    [InlineData("jpeg")]
    public Task A_panorama_of_128_megapixels_takes_less_than_a_gigabyte(string kind) => MemoryLimit.RunAsync(async () =>
    {
        PictureForm form = kind == "webp" ? new WebpForm(effort: 0) : new JpegForm(75);

        var made = await form.ConvertAsync([JpegWriter.Flat(16_000, 8_000)], TestContext.Current.CancellationToken);

        Assert.Equal((16_000, 8_000), (made.Width, made.Height));
    });

    [Fact]
    public async Task An_encoder_ends_when_it_is_cancelled_however_large_the_picture()
    {
        using var stop = new CancellationTokenSource();
        var encoding = LibVips.EncodeWebpAsync(JpegWriter.Flat(15_000, 12_000), quality: 100, effort: 6, stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => encoding.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
    }

    /// <summary>The library without what stands before it. Its first code that is compiled starts it, so none may be in the tests.</summary>
    private static class Direct
    {
        public static bool CanDecode(byte[] picture)
        {
            try
            {
                NetVips.Image.NewFromBuffer(picture).Dispose();
                return true;
            }
            catch (NetVips.VipsException)
            {
                return false;
            }
        }
    }
}
