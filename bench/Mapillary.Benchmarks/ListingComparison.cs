using System.Globalization;
using System.Text;
using Mapillary.Collections;
using Mapillary.Collections.Records;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.Saving;

namespace Mapillary.Benchmarks;

/// <summary>A large listing: read and filtered against <c>jq</c>, and taken up again by a run that finds all of it finished.</summary>
internal static class ListingComparison
{
    public static async Task<IReadOnlyList<Goal>> RunAsync(Bench bench)
    {
        if (!Peer.Jq.IsThere("listing")) return [];
        var collection = bench.EmptyFolder("listing");
        var listing = Path.Combine(collection, ImageRecords.FileName);
        await using (var records = new StreamWriter(listing, append: false, new UTF8Encoding(false), 1 << 16))
        await using (var manifest = new StreamWriter(Path.Combine(collection, "manifest.jsonl"), append: false, new UTF8Encoding(false), 1 << 16))
        {
            for (var i = 0; i < bench.Records; i++)
            {
                await records.WriteAsync(Bench.RecordOf(i) + "\n");
                await manifest.WriteAsync(string.Create(CultureInfo.InvariantCulture, $"{{\"id\":\"{Bench.IdOf(i)}\",\"path\":\"2024-01-15/AbCdEfGhIjKlMnOp{i / 40:000000}/{Bench.IdOf(i)}.jpg\",\"bytes\":280000,\"sha256\":\"{i:x64}\",\"tar\":\"2024-01-15.tar\"}}\n"));
            }
        }

        var found = Path.Combine(bench.Folder, "found.jsonl");
        var after = Bench.ImageOf(bench.Records / 2).CapturedAt!.Value;
        var ours = new Contender("ours, read and filtered", () => FilterAsync(ChildProcess.Inner("list", listing, $"{after:o}", found)));
        var resumed = new Contender("ours, taken up: opened, each image looked up", () => ChildProcess.MeasureAsync(ChildProcess.Inner("resume", collection)));
        var byJq = new Contender("jq -c 'select(...)'", () => FilterAsync(ChildProcess.Shell(
            "jq -c --argjson after \"$2\" 'select(.camera_type == \"spherical\" and .captured_at >= $after)' \"$1\" > \"$3\"", listing, $"{after.ToUnixTimeMilliseconds()}", found)), Rounds: 2);
        var race = new Race(bench, "listing", $"{bench.Records} records, {ByteSize.Format(new FileInfo(listing).Length)}; ratios to jq", [ours, resumed, byJq]);
        await race.RunAsync();
        return
        [
            new Goal("listing: at most 256 MB of memory to read and filter", race.MedianOf(ours, m => m.PeakBytes) / 1e6, 256),
            new Goal("listing: at most 256 MB of memory to take up", race.MedianOf(resumed, m => m.PeakBytes) / 1e6, 256),
            new Goal("listing: at most the time of jq", race.Ratio(ours, m => m.Wall), 1),
        ];

        async Task<Measured> FilterAsync(string[] command)
        {
            File.Delete(found);
            var measured = await ChildProcess.MeasureAsync(command);
            var (count, wanted) = (File.ReadLines(found).Count(), Enumerable.Range(bench.Records / 2, bench.Records - (bench.Records / 2)).Count(i => i % 10 == 0));
            return count == wanted ? measured : throw new InvalidOperationException($"{count} records were found in place of {wanted}.");
        }
    }

    /// <summary>Writes the records of panoramas from a time on.</summary>
    public static void Filter(string listing, DateTimeOffset after, string found)
    {
        var filter = new ImageFilter { After = after, CameraTypes = ["spherical"] };
        using var output = new StreamWriter(found, append: false, new UTF8Encoding(false), 1 << 16);
        foreach (var image in ImageRecords.Read(listing))
        {
            if (filter.Wants(image)) output.Write(image.Json + "\n");
        }
    }

    /// <summary>Opens a collection for writing and goes through its listing, as a run does that takes it up.</summary>
    public static void Resume(string collection)
    {
        var name = new CollectionName("anna", ImageQuality.Original, PictureForm.AsServed);
        using var writer = CollectionWriter.Open(collection, name, CollectionLayout.Date, listing: null, SilentLog.Instance);
        foreach (var image in ImageRecords.Read(Path.Combine(collection, ImageRecords.FileName))) writer.List(image);
    }
}
