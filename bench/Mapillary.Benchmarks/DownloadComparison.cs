namespace Mapillary.Benchmarks;

/// <summary>
/// The whole of <c>mapillary backup</c>, start-up, listing, metadata and hashes included, against programs that fetch the same bytes and
/// do nothing to them.
/// </summary>
internal static class DownloadComparison
{
    private const int Connections = 16;

    public static async Task<IReadOnlyList<Goal>> RunAsync(Bench bench)
    {
        if (!Peer.Nginx.IsThere("download") || !Peer.Curl.IsThere("download")) return [];
        var images = Math.Min(bench.Files, ServedUser.MostImages);
        var server = bench.EmptyFolder("server");
        using var nginx = await PhotoServer.StartAsync(server);
        await using var user = await ServedUser.CreateAsync(bench.FullSizePhotos, server, images, nginx.Address, nginx.Address);
        var curlList = await user.CurlListAsync();
        var ariaList = await user.ListAsync("aria2", (url, file) => $"{url}\n  out={file}");
        var plainList = await user.ListAsync("plain", (url, _) => url);

        var ours = new Contender("mapillary backup --no-tar", () => FetchAsync(folder => ServedUser.Backup(folder, "--workers", $"{Connections}")));
        var start = new Contender("mapillary --version, its start alone", () => ChildProcess.MeasureAsync([Path.Combine(AppContext.BaseDirectory, "mapillary"), "--version"]));
        var bare = new Contender("a bare .NET loop, bytes to files", () => FetchAsync(folder => ChildProcess.Inner("fetch", plainList, folder)));
        var byAria = new Contender("aria2c -j16", () => FetchAsync(folder =>
            [Peer.Aria2.Path!, "--no-conf", "--quiet", "-j", $"{Connections}", "--file-allocation=none", "--dir", folder, "-i", ariaList]));
        var byCurl = new Contender("curl --parallel --parallel-max 16", () => FetchAsync(folder =>
            [Peer.Curl.Path!, "--silent", "--show-error", "--fail", "--parallel", "--parallel-max", $"{Connections}", "--output-dir", folder, "--config", curlList]));
        List<Contender> contenders = [ours, start, bare];
        var native = bench.NativeProgram is { } program
            ? new Contender("the same as a native program", () => FetchAsync(folder => ServedUser.Backup(program, folder, ["--workers", $"{Connections}"])))
            : null;
        if (native is not null) contenders.Insert(1, native);
        if (Peer.Aria2.IsThere("its row in download")) contenders.Add(byAria);
        contenders.Add(byCurl);

        var race = new Race(bench, "download", $"{images} photos, {ByteSize.Format(user.Bytes)}, from nginx on this machine; ratios to curl", contenders);
        await race.RunAsync();
        Console.WriteLine(FormattableString.Invariant($"CPU a photo: ours {race.MedianOf(ours, m => m.Cpu) / images * 1e3:0.00} ms, curl {race.MedianOf(byCurl, m => m.Cpu) / images * 1e3:0.00} ms"));
        return
        [
            native is not null
                ? new Goal("download: as a native program at most 1.2 x the time of curl", race.Ratio(native, m => m.Wall), 1.2)
                : new Goal("download: at most 1.2 x the time of curl", race.Ratio(ours, m => m.Wall), 1.2),
            new Goal("download: at most 256 MB of memory", race.MedianOf(ours, m => m.PeakBytes) / 1e6, 256),
        ];

        async Task<Measured> FetchAsync(Func<string, string[]> commandFor)
        {
            var folder = bench.EmptyFolder("downloaded");
            var measured = await ChildProcess.MeasureAsync(commandFor(folder), user.Services);
            var count = ServedUser.CountPhotos(folder);
            return count == images ? measured : throw new InvalidOperationException($"{count} of {images} photos were fetched.");
        }
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
