using Mapillary.Emulator;

namespace Mapillary.Benchmarks;

/// <summary>
/// The whole of <c>mapillary backup</c>, start-up, listing, metadata and hashes included, against programs that fetch the same bytes and
/// do nothing to them. nginx serves the pictures, and the page of the listing as the emulator has made it, so that making it takes none
/// of the time that is measured; archive.org is the emulator itself.
/// </summary>
internal static class DownloadComparison
{
    private const string User = "anna";
    private const int Connections = 16;

    /// <summary>What a page of the Graph API holds.</summary>
    private const int MostImages = 2000;

    public static async Task<IReadOnlyList<Goal>> RunAsync(Bench bench)
    {
        if (!Peer.Nginx.IsThere("download") || !Peer.Curl.IsThere("download")) return [];
        var images = Math.Min(bench.Files, MostImages);
        var server = bench.EmptyFolder("server");
        using var nginx = await PhotoServer.StartAsync(server);
        await using var emulator = await EmulatorHost.StartAsync(new EmulatorOptions
        {
            Users = [new EmulatedUser { Name = User, Images = images }],
            ModifyRecord = (image, record) => record.Literal["thumb_original_url"] = $"\"{UrlOf(image)}\"",
        });
        var files = Directory.CreateDirectory(Path.Combine(server, "files")).FullName;
        for (var i = 0; i < bench.FullSizePhotos.Count; i++) await File.WriteAllBytesAsync(Path.Combine(server, $"{i}.jpg"), bench.FullSizePhotos[i]);
        foreach (var image in emulator.World.Images)
            File.CreateSymbolicLink(Path.Combine(files, image.Id + ".jpg"), Path.Combine(server, $"{image.Ordinal % bench.FullSizePhotos.Count}.jpg"));

        await File.WriteAllBytesAsync(Path.Combine(files, "images"), await ListingAsync(emulator));

        var (curlList, ariaList, plainList) = (Path.Combine(server, "curl"), Path.Combine(server, "aria2"), Path.Combine(server, "plain"));
        await File.WriteAllLinesAsync(curlList, emulator.World.Images.Select(i => $"url = \"{UrlOf(i)}\"\noutput = \"{i.Id}.jpg\""));
        await File.WriteAllLinesAsync(ariaList, emulator.World.Images.Select(i => $"{UrlOf(i)}\n  out={i.Id}.jpg"));
        await File.WriteAllLinesAsync(plainList, emulator.World.Images.Select(UrlOf));
        var services = new Dictionary<string, string>
        {
            ["MAPILLARY_GRAPH_API_ENDPOINT"] = nginx.Address.ToString(),
            ["ARCHIVE_ORG_ENDPOINT"] = emulator.ArchiveEndpoint.ToString(),
            ["MAPILLARY_TOKEN"] = emulator.Token,
        };

        var ours = new Contender("mapillary backup --no-tar", () => FetchAsync(folder =>
            [Path.Combine(AppContext.BaseDirectory, "mapillary"), "backup", User, "--no-tar", "--workers", $"{Connections}", "--output", folder]));
        var start = new Contender("mapillary --version, its start alone", () => ChildProcess.MeasureAsync([Path.Combine(AppContext.BaseDirectory, "mapillary"), "--version"]));
        var bare = new Contender("a bare .NET loop, bytes to files", () => FetchAsync(folder => ChildProcess.Inner("fetch", plainList, folder)));
        var byAria = new Contender("aria2c -j16", () => FetchAsync(folder =>
            [Peer.Aria2.Path!, "--no-conf", "--quiet", "-j", $"{Connections}", "--file-allocation=none", "--dir", folder, "-i", ariaList]));
        var byCurl = new Contender("curl --parallel --parallel-max 16", () => FetchAsync(folder =>
            [Peer.Curl.Path!, "--silent", "--show-error", "--fail", "--parallel", "--parallel-max", $"{Connections}", "--output-dir", folder, "--config", curlList]));
        List<Contender> contenders = [ours, start, bare];
        if (Peer.Aria2.IsThere("its row in download")) contenders.Add(byAria);
        contenders.Add(byCurl);

        var size = ByteSize.Format(emulator.World.Images.Sum(i => (long)bench.FullSizePhotos[i.Ordinal % bench.FullSizePhotos.Count].Length));
        var race = new Race(bench, "download", $"{images} photos, {size}, from nginx on this machine; ratios to curl", contenders);
        await race.RunAsync();
        Console.WriteLine(FormattableString.Invariant($"CPU a photo: ours {race.MedianOf(ours, m => m.Cpu) / images * 1e3:0.00} ms, curl {race.MedianOf(byCurl, m => m.Cpu) / images * 1e3:0.00} ms"));
        return
        [
            new Goal("download: at most 1.2 x the time of curl", race.Ratio(ours, m => m.Wall), 1.2),
            new Goal("download: at most 256 MB of memory", race.MedianOf(ours, m => m.PeakBytes) / 1e6, 256),
        ];

        string UrlOf(EmulatedImage image) => $"{nginx.Address}{image.Id}.jpg?ccb=10-5&oh=00_Af0123456789ABCDEFGHIJKLMNOPQRSTUV&oe=7FFFFFFF&_nc_sid=201bca";

        async Task<Measured> FetchAsync(Func<string, string[]> commandFor)
        {
            var folder = bench.EmptyFolder("downloaded");
            var measured = await ChildProcess.MeasureAsync(commandFor(folder), services);
            // Ours may add a preview of the collection, which is named by no number.
            var count = Directory.EnumerateFiles(folder, "*.jpg", SearchOption.AllDirectories).Count(f => char.IsAsciiDigit(Path.GetFileName(f)[0]));
            return count == images ? measured : throw new InvalidOperationException($"{count} of {images} photos were fetched.");
        }
    }

    private static async Task<byte[]> ListingAsync(EmulatorHost emulator)
    {
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Add("Authorization", $"OAuth {emulator.Token}");
        return await http.GetByteArrayAsync(new Uri(emulator.GraphEndpoint, $"images?creator_username={User}&limit={MostImages}&fields={string.Join(',', ImageRecord.FieldNames)}"));
    }

    /// <summary>What .NET needs at least: each address of a list fetched into a file, with nothing done to it.</summary>
    public static async Task FetchAsync(string list, string folder)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });
        await Parallel.ForEachAsync(File.ReadLines(list), new ParallelOptions { MaxDegreeOfParallelism = Connections }, async (url, ct) =>
        {
            using var response = await http.GetAsync(new Uri(url), HttpCompletionOption.ResponseHeadersRead, ct);
            await using var body = await response.EnsureSuccessStatusCode().Content.ReadAsStreamAsync(ct);
            await using var file = new FileStream(Path.Combine(folder, Path.GetFileName(new Uri(url).AbsolutePath)), FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
            await body.CopyToAsync(file, 1 << 17, ct);
        });
    }
}
