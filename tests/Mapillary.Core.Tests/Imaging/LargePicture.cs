using System.Globalization;
using Mapillary.Imaging;

namespace Mapillary.Tests.Imaging;

/// <summary>What <see cref="LibVipsTests"/> runs in a process of its own, so that its memory is that of the picture.</summary>
public class LargePicture
{
    private const long Limit = 1L << 30;

    [Theory]
    [InlineData("webp")]
    [InlineData("jpeg")]
    public async Task Is_converted_in_less_than_a_gigabyte(string kind)
    {
        LimitedProcess.Require();
        PictureForm form = kind == "webp" ? new WebpForm(effort: 0) : new JpegForm(75);

        var made = await form.ConvertAsync([JpegWriter.Flat(16_000, 8_000)], TestContext.Current.CancellationToken);

        Assert.Equal((16_000, 8_000), (made.Width, made.Height));
        if (!OperatingSystem.IsLinux()) return;
        var peak = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmHWM", StringComparison.Ordinal)).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1];
        var bytes = long.Parse(peak, CultureInfo.InvariantCulture) * 1024;
        TestContext.Current.TestOutputHelper!.WriteLine($"{kind}: {ByteSize.Format(bytes)}");
        Assert.InRange(bytes, 0, Limit);
    }
}
