using System.Diagnostics;
using System.Globalization;
using System.Text;
using Mapillary.Imaging;
using Mapillary.Imaging.Metadata;
using Mapillary.Saving;

namespace Mapillary.Benchmarks;

/// <summary>
/// Metadata restoring in files on disk against what else could be done with the same files: copying them (<c>cp</c>), or writing a few
/// of the same tags with <c>exiftool</c>.
/// </summary>
internal static class MetadataComparison
{
    private const int HeaderRounds = 4000;
    private const int WarmRounds = 5;

    public static async Task<IReadOnlyList<Goal>> RunAsync(Bench bench)
    {
        var source = bench.EmptyFolder("source");
        for (var i = 0; i < bench.Files; i++)
            await File.WriteAllBytesAsync(Path.Combine(source, Bench.IdOf(i) + ".jpg"), bench.FullSizePhotos[i % bench.FullSizePhotos.Count]);
        var files = Path.Combine(bench.Folder, "files");
        var table = Path.Combine(bench.Folder, "exiftool.csv");
        await WriteTableAsync(table, files, bench.Files);

        var ours = new Contender("ours, as many at once as processors", () => OnFreshFilesAsync(ChildProcess.Inner("restore", files, $"{Environment.ProcessorCount}")));
        var ourOne = new Contender("ours, one at a time", () => OnFreshFilesAsync(ChildProcess.Inner("restore", files, "1")));
        var replace = new Contender("cp, then mv over the files", () => OnFreshFilesAsync(
            ChildProcess.Shell("cp -r \"$1\" \"$2.copied\" && find \"$2.copied\" -type f -exec mv -f -t \"$2\" -- {} + && rmdir \"$2.copied\"", source, files)));
        var tag = new Contender("exiftool, 12 tags, one process", () => OnFreshFilesAsync([Peer.Exiftool.Path!, "-q", "-overwrite_original", $"-csv={table}", files]), Rounds: 1);
        var copy = new Contender("cp -r", async () =>
        {
            bench.EmptyFolder("copied");
            return await ChildProcess.MeasureAsync(["cp", "-r", source, Path.Combine(bench.Folder, "copied", "files")]);
        });
        List<Contender> contenders = [ours, ourOne, replace];
        if (Peer.Exiftool.IsThere("its row in metadata")) contenders.Add(tag);
        contenders.Add(copy);

        var race = new Race(bench, "metadata", $"{bench.Files} photos, {ByteSize.Format(Directory.GetFiles(source).Sum(f => new FileInfo(f).Length))}, restored in place; ratios to cp", contenders);
        await race.RunAsync();
        Console.WriteLine(FormattableString.Invariant($"in a process that is warm already, as in a PowerShell session: {await WarmAsync():0.00} s"));
        var header = Header(bench.FullSizePhotos);
        return
        [
            new Goal("metadata: at most 1.3 x the time of cp", race.Ratio(ours, m => m.Wall), 1.3),
            new Goal("metadata: header work under 50 µs a photo", header, 50),
        ];

        async Task<double> WarmAsync()
        {
            var times = new List<double>();
            for (var round = 0; round < WarmRounds; round++)
            {
                await FreshAsync();
                var start = Stopwatch.GetTimestamp();
                await RestoreAsync(files, Environment.ProcessorCount);
                times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            }

            return times.Order().ElementAt(WarmRounds / 2);
        }

        async Task FreshAsync()
        {
            bench.EmptyFolder("files");
            await ChildProcess.RunAsync("cp", "-rT", source, files);
            await ChildProcess.RunAsync("sync");
        }

        async Task<Measured> OnFreshFilesAsync(string[] command)
        {
            await FreshAsync();
            return await ChildProcess.MeasureAsync(command);
        }
    }

    /// <summary>Restores all files of a folder, each from the record of its id.</summary>
    public static async Task RestoreAsync(string folder, int degree)
    {
        var files = Directory.GetFiles(folder);
        var images = Enumerable.Range(0, files.Length).Select(Bench.ImageOf);
        using var restorer = new FileRestorer(RestoreOptions.Default, SilentLog.Instance);
        var changed = 0;
        await foreach (var file in images.InParallelAsync(degree, (image, ct) => restorer.RestoreAsync(Path.Combine(folder, image.Id + ".jpg"), image, ct)))
            changed += file.Changed ? 1 : 0;
        if (changed != files.Length) throw new InvalidOperationException($"{changed} of {files.Length} files were changed.");
    }

    /// <summary>The work on one photo in memory, in microseconds: parse the segments, build EXIF, make the pieces; no file is touched.</summary>
    private static double Header(List<byte[]> photos)
    {
        var images = Enumerable.Range(0, 100).Select(Bench.ImageOf).ToList();
        var times = new List<double>();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var round = 0; round < HeaderRounds; round++)
        {
            var start = Stopwatch.GetTimestamp();
            MetadataRestorer.RestoreJpeg(photos[round % photos.Count], images[round % images.Count], RestoreOptions.Default);
            times.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        }

        var allocated = (GC.GetAllocatedBytesForCurrentThread() - before) / HeaderRounds;
        var median = times[(HeaderRounds / 2)..].Order().ElementAt(HeaderRounds / 4);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"header work alone: {median:0.0} µs a photo, {allocated} bytes allocated"));
        return median;
    }

    private static async Task WriteTableAsync(string path, string folder, int count)
    {
        var csv = new StringBuilder("SourceFile,GPSLatitude,GPSLatitudeRef,GPSLongitude,GPSLongitudeRef,GPSAltitude,GPSImgDirection,DateTimeOriginal,SubSecTimeOriginal,OffsetTimeOriginal,Make,Model,Artist\n");
        foreach (var image in Enumerable.Range(0, count).Select(Bench.ImageOf))
        {
            csv.AppendLine(CultureInfo.InvariantCulture,
                $"{Path.Combine(folder, image.Id)}.jpg,{image.Latitude},N,{image.Longitude},E,{image.Altitude},{image.CompassAngle},{image.CapturedAt:yyyy:MM:dd HH:mm:ss},{image.CapturedAt:fff},+00:00,{image.Make},{image.Model},{image.Creator}");
        }

        await File.WriteAllTextAsync(path, csv.ToString());
    }
}
