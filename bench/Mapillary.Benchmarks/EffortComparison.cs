using System.Diagnostics;
using System.Globalization;
using Mapillary.Imaging.Forms;

namespace Mapillary.Benchmarks;

/// <summary>What each effort and quality of WebP costs, and what comes out: bytes, speed, and how close it is to the JPEG.</summary>
internal static class EffortComparison
{
    private const int MostPhotos = 16;

    private static readonly int[] Qualities = [60, 75, 85, 95];

    public static async Task<IReadOnlyList<Goal>> RunAsync(Bench bench)
    {
        if (!Peer.Dwebp.IsThere("efforts") || !Peer.Djpeg.IsThere("efforts")) return [];
        var photos = bench.Photos.Take(MostPhotos).ToList();
        var folder = bench.EmptyFolder("efforts");
        var originals = new List<Luma>();
        foreach (var photo in photos) originals.Add(await DecodeAsync(folder, photo, [Peer.Djpeg.Path!, "-pnm", "-outfile"]));
        var original = photos.Sum(p => (long)p.Length);
        await EncodeAsync(photos, new WebpForm());

        Console.WriteLine();
        Console.WriteLine($"efforts: {photos.Count} photos, {ByteSize.Format(original)}, in memory, as many at once as processors; bytes to those of the JPEGs; PSNR and SSIM (8 x 8 pixels) of the luma, means");
        Console.WriteLine($"{"quality",7}{"effort",8}{"bytes",9}{"images/s",10}{"CPU ms",9}{"PSNR dB",10}{"SSIM",9}");
        foreach (var quality in Qualities)
        {
            for (var effort = 0; effort <= 6; effort++)
            {
                Console.Error.WriteLine($"efforts, quality {quality}, effort {effort}");
                var (start, before) = (Stopwatch.GetTimestamp(), ProcessorTime.WithChildren());
                var encoded = await EncodeAsync(photos, new WebpForm(quality, effort));
                var (wall, cpu) = (Stopwatch.GetElapsedTime(start).TotalSeconds, ProcessorTime.WithChildren() - before);
                var (noise, likeness) = (0.0, 0.0);
                for (var i = 0; i < encoded.Length; i++)
                {
                    var luma = await DecodeAsync(folder, encoded[i], [Peer.Dwebp.Path!, "-quiet", "-ppm", "-o"]);
                    noise += originals[i].Psnr(luma) / encoded.Length;
                    likeness += originals[i].Ssim(luma) / encoded.Length;
                }

                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{quality,7}{effort,8}{encoded.Sum(e => (long)e.Length) / (double)original,9:0.0 %}{encoded.Length / wall,10:0.0}{cpu / encoded.Length * 1e3,9:0}{noise,10:0.00}{likeness,9:0.0000}"));
            }
        }

        return [];
    }

    private static async Task<byte[][]> EncodeAsync(List<byte[]> photos, WebpForm form)
    {
        var encoded = new byte[photos.Count][];
        await Parallel.ForAsync(0, photos.Count, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, async (i, ct) =>
        {
            var webp = await form.ConvertAsync([photos[i]], ct);
            encoded[i] = [.. webp.Pieces.SelectMany(p => p.ToArray())];
        });
        return encoded;
    }

    /// <summary>Has a file decoded by its own reference decoder.</summary>
    private static async Task<Luma> DecodeAsync(string folder, byte[] picture, string[] decoder)
    {
        var (file, decoded) = (Path.Combine(folder, "picture"), Path.Combine(folder, "decoded"));
        await File.WriteAllBytesAsync(file, picture);
        await ChildProcess.RunAsync([.. decoder, decoded, file]);
        return Luma.OfPortablePixmap(await File.ReadAllBytesAsync(decoded));
    }
}

/// <summary>The brightness of a picture's pixels.</summary>
internal sealed class Luma
{
    private const int Window = 8;

    private readonly int _width;
    private readonly byte[] _pixels;

    private Luma(int width, byte[] pixels) => (_width, _pixels) = (width, pixels);

    /// <summary>Reads a PPM or PGM of 8 bits ("P6" or "P5", width, height, 255, pixels).</summary>
    public static Luma OfPortablePixmap(byte[] file)
    {
        var (fields, position) = (new List<string>(), 0);
        while (fields.Count < 4)
        {
            var end = file.AsSpan(position).IndexOfAny(" \n"u8);
            fields.Add(System.Text.Encoding.ASCII.GetString(file, position, end));
            position += end + 1;
        }

        var (width, height) = (int.Parse(fields[1], CultureInfo.InvariantCulture), int.Parse(fields[2], CultureInfo.InvariantCulture));
        if (fields[0] == "P5") return new Luma(width, file[position..]);
        var luma = new byte[width * height];
        // BT.601, as JPEG has it.
        for (var i = 0; i < luma.Length; i++, position += 3)
            luma[i] = (byte)Math.Round((0.299 * file[position]) + (0.587 * file[position + 1]) + (0.114 * file[position + 2]));
        return new Luma(width, luma);
    }

    /// <summary>The ratio of signal to noise of another picture of the same size, in dB.</summary>
    public double Psnr(Luma other)
    {
        var squares = 0L;
        for (var i = 0; i < _pixels.Length; i++) squares += (_pixels[i] - other._pixels[i]) * (_pixels[i] - other._pixels[i]);
        return 10 * Math.Log10(255.0 * 255.0 * _pixels.Length / squares);
    }

    /// <summary>The structural similarity of another picture of the same size (Wang and others 2004), 1 for the same, in windows side by side.</summary>
    public double Ssim(Luma other)
    {
        const double C1 = 0.01 * 255 * 0.01 * 255, C2 = 0.03 * 255 * 0.03 * 255, Pixels = Window * Window;
        var (sum, windows) = (0.0, 0);
        for (var top = 0; top + Window <= _pixels.Length / _width; top += Window)
        {
            for (var left = 0; left + Window <= _width; left += Window, windows++)
            {
                long a = 0, b = 0, aa = 0, bb = 0, ab = 0;
                for (var y = top; y < top + Window; y++)
                {
                    for (var i = (y * _width) + left; i < (y * _width) + left + Window; i++)
                    {
                        var (p, q) = (_pixels[i], other._pixels[i]);
                        (a, b, aa, bb, ab) = (a + p, b + q, aa + (p * p), bb + (q * q), ab + (p * q));
                    }
                }

                var (meanA, meanB) = (a / Pixels, b / Pixels);
                var (varianceA, varianceB, covariance) = ((aa / Pixels) - (meanA * meanA), (bb / Pixels) - (meanB * meanB), (ab / Pixels) - (meanA * meanB));
                sum += ((2 * meanA * meanB) + C1) * ((2 * covariance) + C2) / (((meanA * meanA) + (meanB * meanB) + C1) * (varianceA + varianceB + C2));
            }
        }

        return sum / windows;
    }
}
