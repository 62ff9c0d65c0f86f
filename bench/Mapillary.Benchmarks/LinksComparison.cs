using System.Globalization;
using System.Text.RegularExpressions;

namespace Mapillary.Benchmarks;

/// <summary>
/// Ours, which is told no number of connections, against <c>curl</c> with fixed ones, over lines of different length and one whose server
/// refuses more than so many photos a second.
/// </summary>
internal static partial class LinksComparison
{
    /// <summary>A photo with a connection of its own takes a round trip and a half, so that this is a few seconds for each number.</summary>
    private static readonly (int Connections, int Photos)[] Fixed = [(1, 40), (4, 160), (16, 640), (64, 1200)];

    private static readonly Line[] Lines =
    [
        new("no latency, no limit", TimeSpan.Zero, double.PositiveInfinity),
        new("20 ms, 50 MB/s", TimeSpan.FromMilliseconds(20), 50e6),
        new("80 ms, 50 MB/s", TimeSpan.FromMilliseconds(80), 50e6),
        new("200 ms, 50 MB/s", TimeSpan.FromMilliseconds(200), 50e6),
        new("20 ms, 10 MB/s", TimeSpan.FromMilliseconds(20), 10e6, Most: 400),
        new("20 ms, 50 MB/s, 429 over 100 a second", TimeSpan.FromMilliseconds(20), 50e6, MostASecond: 100),
    ];

    public static async Task<IReadOnlyList<Goal>> RunAsync(Bench bench)
    {
        if (!Peer.Nginx.IsThere("links") || !Peer.Curl.IsThere("links")) return [];
        Console.WriteLine();
        Console.WriteLine("links: MB/s from the first byte to the last, and, behind the slash, while the later half came; ours with its default cap");
        Console.WriteLine($"{"",-40}{string.Concat(Fixed.Select(f => $"{$"curl {f.Connections}",14}"))}{"ours",14}  settled at");
        var atEighty = double.NaN;
        foreach (var line in Lines)
        {
            var cells = await RunAsync(bench, line);
            Console.WriteLine($"{line.Name,-40}{string.Concat(cells.Select(c => $"{c.Text,14}"))}  {cells[^1].Settled}");
            if (line.RoundTrip == TimeSpan.FromMilliseconds(80)) atEighty = cells[..^1].Max(c => c.Later) / cells[^1].Later;
        }

        return [new Goal("links: over 80 ms, once settled, as fast as the best fixed number within a tenth, so at most 1.11 x its time", atEighty, 1.11)];
    }

    private static async Task<List<Cell>> RunAsync(Bench bench, Line line)
    {
        await bench.EmptyTrashAsync();
        var server = bench.EmptyFolder("server");
        using var nginx = await PhotoServer.StartAsync(server, mostASecond: line.MostASecond);
        await using var slow = new SlowLine(nginx.Address, line.RoundTrip, line.BytesASecond);
        var most = Math.Min(bench.Files, line.Most);
        await using var user = await ServedUser.CreateAsync(bench.FullSizePhotos, server, most, nginx.Address, slow.Address);
        var cells = new List<Cell>();
        foreach (var (connections, photos) in Fixed)
        {
            var count = Math.Min(photos, most);
            var list = await user.CurlListAsync(count);
            cells.Add(await MedianAsync(folder => ChildProcess.MeasureAsync(
                [
                    Peer.Curl.Path!, "--silent", "--show-error", "--fail", "--retry", "30", "--parallel", "--parallel-immediate", "--parallel-max", $"{connections}",
                    "--output-dir", folder, "--config", list,
                ]), count));
        }

        cells.Add(await MedianAsync(
            folder => ChildProcess.MeasureAsync(
                ChildProcess.Shell("log=$1; shift; exec \"$@\" > \"$log\" 2>&1", [Path.Combine(folder, "log"), .. ServedUser.Backup(folder, "--verbose")]), user.Services), most));
        return cells;

        async Task<Cell> MedianAsync(Func<string, Task<Measured>> runAsync, int count)
        {
            var runs = new List<Cell>();
            for (var round = 0; round < bench.Pairs; round++)
            {
                Console.Error.WriteLine($"links, {line.Name}, {count} photos, round {round + 1} of {bench.Pairs}");
                var folder = bench.EmptyFolder("downloaded");
                slow.Reset();
                await runAsync(folder);
                var found = ServedUser.CountPhotos(folder);
                if (found != count) throw new InvalidOperationException($"{found} of {count} photos were fetched.");
                var log = Path.Combine(folder, "log");
                runs.Add(new Cell(slow.Rate(), slow.LaterRate(), File.Exists(log) ? Settled(await File.ReadAllLinesAsync(log)) : ""));
            }

            return runs.OrderBy(r => r.Later).ElementAt(runs.Count / 2);
        }
    }

    /// <summary>The number of transfers allowed while the later half of the photos was saved: the most frequent, and its bounds.</summary>
    private static string Settled(string[] log)
    {
        var (now, numbers) = (4, new List<int>());
        foreach (var line in log)
        {
            if (NumberPattern().Match(line) is { Success: true } match) now = int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
            else if (line.Contains("Saved image ", StringComparison.Ordinal)) numbers.Add(now);
        }

        var later = numbers[(numbers.Count / 2)..];
        var refusals = log.Count(l => l.Contains("asks for fewer requests", StringComparison.Ordinal));
        return $"{later.GroupBy(n => n).MaxBy(g => g.Count())!.Key} ({later.Min()} to {later.Max()}){(refusals > 0 ? $", after {refusals} pauses" : "")}";
    }

    [GeneratedRegex("Up to ([0-9]+) transfer")]
    private static partial Regex NumberPattern();

    private sealed record Line(string Name, TimeSpan RoundTrip, double BytesASecond, int Most = 1200, int? MostASecond = null);

    private sealed record Cell(double Rate, double Later, string Settled)
    {
        public string Text => string.Create(CultureInfo.InvariantCulture, $"{Rate / 1e6:0.0} / {Later / 1e6:0.0}");
    }
}
