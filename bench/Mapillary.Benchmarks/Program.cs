using System.Globalization;
using System.Runtime.InteropServices;
using Mapillary.Benchmarks;

(string Name, Func<Bench, Task<IReadOnlyList<Goal>>> RunAsync)[] comparisons =
[
    ("download", DownloadComparison.RunAsync),
    ("metadata", MetadataComparison.RunAsync),
    ("webp", WebpComparison.RunAsync),
    ("tar", TarComparison.RunAsync),
    ("listing", ListingComparison.RunAsync),
    ("import", ImportComparison.RunAsync),
    ("links", LinksComparison.RunAsync),
    ("http", HttpComparison.RunAsync),
    ("efforts", EffortComparison.RunAsync),
];

switch (args)
{
    case ["compare", .. var rest]:
        return await CompareAsync(rest);
    case ["inner-loops", .. var rest]:
        InnerLoops.Run(rest);
        return 0;

    // What compare starts as processes of their own.
    case ["inner", "fetch", var list, var folder]:
        await DownloadComparison.FetchAsync(list, folder);
        return 0;
    case ["inner", "restore", var folder, var degree]:
        await MetadataComparison.RestoreAsync(folder, int.Parse(degree, CultureInfo.InvariantCulture));
        return 0;
    case ["inner", "webp", var folder]:
        await WebpComparison.ConvertAsync(folder);
        return 0;
    case ["inner", "tar", var folder]:
        TarComparison.Bundle(folder);
        return 0;
    case ["inner", "list", var listing, var after, var found]:
        ListingComparison.Filter(listing, DateTimeOffset.Parse(after, CultureInfo.InvariantCulture), found);
        return 0;
    case ["inner", "resume", var collection]:
        ListingComparison.Resume(collection);
        return 0;
    default:
        return Usage();
}

async Task<int> CompareAsync(string[] rest)
{
    var (pairs, files, records) = (5, 2000, 1_000_000);
    string? photos = null, folder = null, native = null;
    var names = new List<string>();
    for (var i = 0; i < rest.Length; i++)
    {
        switch (rest[i])
        {
            case "--pairs" when Next(ref i) is { } text && int.TryParse(text, out pairs) && pairs > 0: break;
            case "--files" when Next(ref i) is { } text && int.TryParse(text, out files) && files > 0: break;
            case "--records" when Next(ref i) is { } text && int.TryParse(text, out records) && records > 0: break;
            case "--photos" when Next(ref i) is { } text: photos = text; break;
            case "--native" when Next(ref i) is { } text && File.Exists(text): native = Path.GetFullPath(text); break;
            case "--folder" when Next(ref i) is { } text: folder = text; break;
            case var name when comparisons.Any(c => c.Name == name): names.Add(name); break;
            default: return Usage();
        }
    }

    if (!OperatingSystem.IsLinux() || !Peer.Time.IsThere("everything: it measures"))
    {
        Console.Error.WriteLine("The comparisons run on Linux, with GNU time.");
        return 1;
    }

    using var bench = new Bench(pairs, files, records, photos, folder) { NativeProgram = native };
    Console.WriteLine($"{DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC, {Processor()}, {Environment.ProcessorCount} processors, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}, median of {pairs} rounds");
    var goals = new List<Goal>();
    foreach (var (name, runAsync) in comparisons)
    {
        if (names.Count == 0 || names.Contains(name)) goals.AddRange(await runAsync(bench));
    }

    Console.WriteLine();
    foreach (var goal in goals) Console.WriteLine(goal);
    Console.WriteLine($"{goals.Count(g => !g.IsMet)} of {goals.Count} targets fall short.");
    return 0;

    string? Next(ref int i) => ++i < rest.Length ? rest[i] : null;
}

static string Processor() =>
    File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();

static int Usage()
{
    Console.Error.WriteLine("""
        Usage: dotnet run -c Release --project bench/Mapillary.Benchmarks -- compare [OPTIONS] [NAME...]
               dotnet run -c Release --project bench/Mapillary.Benchmarks -- inner-loops

          compare      runs ours and programs of others on the same files, in turn, and prints medians, ratios and
                       the targets that fall short. Without names all of: download, metadata, webp, tar, listing, import,
                       links, http, efforts
            --pairs N      how many rounds count, after one that warms up (5)
            --files N      how many photos to download, restore and bundle (2000)
            --records N    how many records the listing has (1000000)
            --photos DIR   JPEG files to use; the emulator's own, brought to a usual size, when left out
            --native FILE  mapillary as a native program (build.ps1 -Task Program), a further contender in download and webp
            --folder DIR   where to work; needs some GB; the folder for temporary files when left out
          inner-loops  the loops that run once an image, by BenchmarkDotNet
        """);
    return 1;
}
