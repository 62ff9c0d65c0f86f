using System.Diagnostics;
using System.Globalization;
using System.Text;
using Mapillary.Collections;
using Mapillary.Graph;
using Mapillary.Imaging;

namespace Mapillary.Benchmarks;

/// <summary>
/// Metadata restoring against what else could be done with the same files: copying them (<c>cp</c>), or writing a few of the same tags
/// with <c>exiftool</c>. In turn, on fresh copies, in one run, because machines drift; ratios are what counts.
/// </summary>
internal static class MetadataBenchmark
{
    private const int Files = 2000;
    private const int Rounds = 5;
    private const int ExiftoolRounds = 2;
    private const int HeaderRounds = 2000;

    public static async Task<int> RunAsync(string? photoFolder)
    {
        photoFolder ??= Path.Combine(AppContext.BaseDirectory, "Photos");
        var photos = Directory.GetFiles(photoFolder, "*.jpg").Order(StringComparer.Ordinal).Select(File.ReadAllBytes).ToList();
        if (photos.Count == 0)
        {
            Console.Error.WriteLine($"There is no .jpg file in '{photoFolder}'.");
            return 1;
        }

        var folder = Directory.CreateTempSubdirectory("mapillary-bench-").FullName;
        var source = Path.Combine(folder, "source");
        try
        {
            var images = Enumerable.Range(1, Files).Select(Record).ToList();
            Directory.CreateDirectory(source);
            for (var i = 0; i < Files; i++) File.WriteAllBytes(Path.Combine(source, images[i].Id + ".jpg"), photos[i % photos.Count]);
            Console.WriteLine($"{Files} files, {ByteSize.Format(Directory.GetFiles(source).Sum(f => new FileInfo(f).Length))}, {Environment.ProcessorCount} processors, {Environment.OSVersion}, .NET {Environment.Version}");

            // Warm-up, not counted.
            await RestoreAsync(Fresh(), images, Environment.ProcessorCount);
            Run("cp", "-r", source, Path.Combine(folder, "copied"));

            List<double> copied = [], replaced = [], restored = [], restoredByOne = [], tagged = [];
            for (var round = 0; round < Rounds; round++)
            {
                Directory.Delete(Path.Combine(folder, "copied"), recursive: true);
                copied.Add(Time(() => Run("cp", "-r", source, Path.Combine(folder, "copied"))));
                var files = Fresh();
                replaced.Add(Time(() => CopyOver(source, files)));
                files = Fresh();
                restored.Add(await TimeAsync(() => RestoreAsync(files, images, Environment.ProcessorCount)));
                files = Fresh();
                restoredByOne.Add(await TimeAsync(() => RestoreAsync(files, images, 1)));
                if (round < ExiftoolRounds && HasExiftool()) tagged.Add(Exiftool(Fresh(), images));
            }

            Console.WriteLine($"{"",-34}{"median s",10}{"x cp",10}");
            Row("cp -r", copied, copied);
            Row("cp -r, then renamed over files", replaced, copied);
            Row("ours, as many as processors", restored, copied);
            Row("ours, one at a time", restoredByOne, copied);
            if (tagged.Count > 0) Row("exiftool (12 tags, one process)", tagged, copied);
            else Console.WriteLine("exiftool is not installed.");
            Header(photos, images);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        string Fresh()
        {
            var files = Path.Combine(folder, "work");
            if (Directory.Exists(files)) Directory.Delete(files, recursive: true);
            Run("cp", "-r", source, files);
            return files;
        }
    }

    private static MapillaryImage Record(int number) => MapillaryImage.Parse(string.Create(CultureInfo.InvariantCulture,
        $$"""{"id":"{{900000000000000 + number}}","altitude":{{number % 900}}.25,"camera_parameters":[0.85,0.01,-0.002],"camera_type":"perspective","captured_at":{{1700000000123 + (number * 1977L)}},"compass_angle":{{number % 360}}.5,"computed_compass_angle":{{number % 360}}.75,"computed_geometry":{"type":"Point","coordinates":[13.{{number:00000}},52.{{number:00000}}]},"computed_rotation":[1.5,0.25,-0.5],"creator":{"username":"anna","id":"77"},"exif_orientation":1,"geometry":{"type":"Point","coordinates":[13.5,52.6]},"make":"GoPro","model":"Max","sequence":"AbCdEfGhIjKlMnOpQrStUv"}"""));

    private static async Task RestoreAsync(string folder, List<MapillaryImage> images, int degree)
    {
        using var restorer = new FileRestorer(RestoreOptions.Default, SilentLog.Instance);
        var changed = 0;
        await foreach (var file in images.InParallelAsync(degree, (image, ct) => restorer.RestoreAsync(Path.Combine(folder, image.Id + ".jpg"), image, ct)))
            changed += file.Changed ? 1 : 0;
        if (changed != Files) throw new InvalidOperationException($"{changed} of {Files} files were changed.");
    }

    /// <summary>What replacing files in one step costs at least, with nothing done to them.</summary>
    private static void CopyOver(string source, string files)
    {
        var copies = files + ".copied";
        Run("cp", "-r", source, copies);
        Parallel.ForEach(Directory.GetFiles(copies), copy => File.Move(copy, Path.Combine(files, Path.GetFileName(copy)), overwrite: true));
        Directory.Delete(copies);
    }

    private static double Exiftool(string folder, List<MapillaryImage> images)
    {
        var csv = new StringBuilder("SourceFile,GPSLatitude,GPSLatitudeRef,GPSLongitude,GPSLongitudeRef,GPSAltitude,GPSImgDirection,DateTimeOriginal,SubSecTimeOriginal,OffsetTimeOriginal,Make,Model,Artist\n");
        foreach (var image in images)
        {
            csv.AppendLine(CultureInfo.InvariantCulture,
                $"{Path.Combine(folder, image.Id)}.jpg,{image.Latitude},N,{image.Longitude},E,{image.Altitude},{image.CompassAngle},{image.CapturedAt:yyyy:MM:dd HH:mm:ss},{image.CapturedAt:fff},+00:00,{image.Make},{image.Model},{image.Creator}");
        }

        var table = folder + ".csv";
        File.WriteAllText(table, csv.ToString());
        return Time(() => Run("exiftool", "-q", "-overwrite_original", $"-csv={table}", folder));
    }

    /// <summary>The work on one photo in memory: parse the segments, build EXIF, make the pieces; no file is touched.</summary>
    private static void Header(List<byte[]> photos, List<MapillaryImage> images)
    {
        var times = new List<double>();
        var allocated = 0L;
        for (var round = 0; round < HeaderRounds; round++)
        {
            var (photo, image) = (photos[round % photos.Count], images[round % images.Count]);
            var before = GC.GetAllocatedBytesForCurrentThread();
            var start = Stopwatch.GetTimestamp();
            MetadataRestorer.RestoreJpeg(photo, image, RestoreOptions.Default);
            times.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
            allocated += GC.GetAllocatedBytesForCurrentThread() - before;
        }

        var warm = times[(HeaderRounds / 2)..];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"header work alone: median {Median(warm):0.0} µs a photo, {allocated / HeaderRounds} bytes allocated"));
    }

    private static void Row(string name, List<double> seconds, List<double> peer) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-34}{Median(seconds),10:0.000}{Median(seconds) / Median(peer),10:0.00}"));

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static double Time(Action work)
    {
        var start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static async Task<double> TimeAsync(Func<Task> work)
    {
        var start = Stopwatch.GetTimestamp();
        await work();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static bool HasExiftool() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(p => File.Exists(Path.Combine(p, "exiftool")));

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments))!;
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} ended with {process.ExitCode}.");
    }
}
