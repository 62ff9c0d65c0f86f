using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Mapillary.Imaging;

namespace Mapillary.Benchmarks;

/// <summary>
/// What a process for each picture costs: <c>cwebp</c>, as ours runs it, against the same encoder called in this process, with libjpeg-turbo
/// for decoding. Both make the same bytes.
/// </summary>
internal static class EncoderComparison
{
    private const int Files = 48;
    private const int Starts = 50;

    public static async Task<IReadOnlyList<Goal>> RunAsync(Bench bench)
    {
        if (!Peer.Cwebp.IsThere("encoder")) return [];
        Console.WriteLine();
        Console.WriteLine($"encoder: {Files} photos in memory, as many at once as processors; ratios to the process within a round");
        var encoder = WebpEncoder.Find();
        var photos = Enumerable.Range(0, Files).Select(i => bench.Photos[i % bench.Photos.Count]).ToList();
        var (start, before) = (Stopwatch.GetTimestamp(), ProcessorTime.WithChildren());
        var tiny = SmallestPicture();
        for (var i = 0; i < Starts; i++) (await encoder.EncodeAsync([tiny], CancellationToken.None)).Dispose();
        var (startWall, startCpu) = (Stopwatch.GetElapsedTime(start).TotalSeconds / Starts, (ProcessorTime.WithChildren() - before) / Starts);

        if (!NativeLibrary.TryLoad(InProcessEncoder.WebpLibrary, out _) || !NativeLibrary.TryLoad(InProcessEncoder.JpegLibrary, out _))
        {
            Console.WriteLine($"{InProcessEncoder.WebpLibrary} or {InProcessEncoder.JpegLibrary} is not installed (apt-get install libwebp7 libturbojpeg0); left out: the encoder in this process.");
            return [];
        }

        // Whether the processors idle between processes shows with one process more.
        Func<Task<Run>>[] ways = [() => ProcessAsync(0), () => ProcessAsync(1), HereAsync];
        var runs = new List<Run[]>();
        for (var round = 0; round <= bench.Pairs; round++)
        {
            Console.Error.WriteLine($"encoder, {(round == 0 ? "warm-up" : $"round {round} of {bench.Pairs}")}");
            var results = new Run[ways.Length];
            foreach (var way in round % 2 == 0 ? Enumerable.Range(0, ways.Length) : Enumerable.Range(0, ways.Length).Reverse()) results[way] = await ways[way]();
            if (results.DistinctBy(r => r.Bytes).Count() != 1) throw new InvalidOperationException($"The sizes differ: {string.Join(", ", results.Select(r => r.Bytes))}.");
            if (round > 0) runs.Add(results);
        }

        Console.WriteLine($"{"",-46}{"images/s",10}{"CPU ms",9}{"x images/s",12}{"x CPU",8}");
        Print("cwebp, a process for each, through pipes", 0);
        Print("the same, one more at once", 1);
        Print("libwebp and libjpeg-turbo in this process", 2);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"a picture of 16 x 16 pixels through cwebp: {startWall * 1e3:0.0} ms, {startCpu * 1e3:0.0} ms CPU, {startCpu / Median(r => r[0].Cpu):0.0 %} of that of a photo"));
        return [];

        double Median(Func<Run[], double> what) => Race.Median(runs.Select(what));

        void Print(string name, int way) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{name,-46}{Median(r => r[way].Rate),10:0.00}{Median(r => r[way].Cpu) * 1e3,9:0.0}{Median(r => r[way].Rate / r[0].Rate),12:0.000}{Median(r => r[way].Cpu / r[0].Cpu),8:0.000}"));

        Task<Run> ProcessAsync(int more) => MeasureAsync(Environment.ProcessorCount + more, async (photo, ct) =>
        {
            using var webp = await encoder.EncodeAsync([photo], ct);
            return webp.Memory.Length;
        });

        Task<Run> HereAsync() => MeasureAsync(Environment.ProcessorCount, (photo, _) => ValueTask.FromResult(InProcessEncoder.Encode(photo, WebpEncoder.DefaultQuality)));

        async Task<Run> MeasureAsync(int degree, Func<byte[], CancellationToken, ValueTask<int>> encodeAsync)
        {
            var bytes = 0L;
            var (start, before) = (Stopwatch.GetTimestamp(), ProcessorTime.WithChildren());
            await Parallel.ForEachAsync(photos, new ParallelOptions { MaxDegreeOfParallelism = degree }, async (photo, ct) => Interlocked.Add(ref bytes, await encodeAsync(photo, ct)));
            return new Run(Files / Stopwatch.GetElapsedTime(start).TotalSeconds, (ProcessorTime.WithChildren() - before) / Files, bytes);
        }
    }

    /// <summary>A PNM of 16 x 16 pixels.</summary>
    private static byte[] SmallestPicture() => [.. "P6\n16 16\n255\n"u8, .. Enumerable.Range(0, 16 * 16 * 3).Select(i => (byte)i)];

    private sealed record Run(double Rate, double Cpu, long Bytes);
}

/// <summary>The system's own libraries, called directly; for measuring only.</summary>
internal static partial class InProcessEncoder
{
    public const string WebpLibrary = "libwebp.so.7";
    public const string JpegLibrary = "libturbojpeg.so.0";

    // tjPF_RGB of turbojpeg.h.
    private const int Rgb = 0;

    /// <summary>Encodes with the default effort.</summary>
    /// <returns>How many bytes it made.</returns>
    public static unsafe int Encode(byte[] jpeg, float quality)
    {
        var decoder = Init();
        byte* webp = null;
        void* pixels = null;
        try
        {
            fixed (byte* start = jpeg)
            {
                Check(ReadHeader(decoder, start, (nuint)jpeg.Length, out var width, out var height, out _, out _));
                pixels = NativeMemory.Alloc((nuint)width * (nuint)height * 3);
                Check(Decode(decoder, start, (nuint)jpeg.Length, pixels, width, width * 3, height, Rgb, 0));
                var length = (int)EncodeRgb(pixels, width, height, width * 3, quality, out webp);
                return length > 0 ? length : throw new InvalidOperationException("libwebp failed.");
            }
        }
        finally
        {
            NativeMemory.Free(pixels);
            if (webp is not null) Free(webp);
            _ = Destroy(decoder);
        }

        // Warnings count as failures here.
        static void Check(int result)
        {
            if (result != 0) throw new InvalidOperationException("libturbojpeg failed.");
        }
    }

    [LibraryImport(JpegLibrary, EntryPoint = "tjInitDecompress")]
    private static partial nint Init();

    [LibraryImport(JpegLibrary, EntryPoint = "tjDestroy")]
    private static partial int Destroy(nint decoder);

    [LibraryImport(JpegLibrary, EntryPoint = "tjDecompressHeader3")]
    private static unsafe partial int ReadHeader(nint decoder, byte* jpeg, nuint length, out int width, out int height, out int subsampling, out int colorSpace);

    [LibraryImport(JpegLibrary, EntryPoint = "tjDecompress2")]
    private static unsafe partial int Decode(nint decoder, byte* jpeg, nuint length, void* pixels, int width, int pitch, int height, int pixelFormat, int flags);

    [LibraryImport(WebpLibrary, EntryPoint = "WebPEncodeRGB")]
    private static unsafe partial nuint EncodeRgb(void* pixels, int width, int height, int pitch, float quality, out byte* webp);

    [LibraryImport(WebpLibrary, EntryPoint = "WebPFree")]
    private static unsafe partial void Free(void* webp);
}
