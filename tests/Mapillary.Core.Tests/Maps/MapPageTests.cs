using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Mapillary.Graph;
using Mapillary.Maps;
using Mapillary.Tests.Imaging;

namespace Mapillary.Tests.Maps;

public sealed partial class MapPageTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_page_holds_every_image_where_and_when_it_was_captured()
    {
        var images = Records.Town().Select(MapillaryImage.Parse).Append(Records.Image("5", null, (-1.5, -2.25))).Append(Records.Image("6")).ToList();

        var (page, file) = Write([.. images]);

        using var data = DataOf(page);
        Assert.Equal(1, data.RootElement.GetProperty("withoutPosition").GetInt32());
        var found = new Dictionary<string, (double Longitude, double Latitude, long? Time, string? Sequence, bool IsPanorama)>();
        foreach (var sequence in data.RootElement.GetProperty("sequences").EnumerateArray())
        {
            var columns = new[] { "x", "y", "time", "camera" }.ToDictionary(n => n, n => Undelta(sequence, n));
            var at = 0;
            foreach (var id in sequence.GetProperty("ids").EnumerateArray())
            {
                found[id.GetString()!] = (
                    columns["x"][at]!.Value / 1e6, columns["y"][at]!.Value / 1e6, columns["time"].ElementAtOrDefault(at), sequence.GetProperty("id").GetString(),
                    data.RootElement.GetProperty("cameras")[(int)columns["camera"][at]!.Value][2].GetInt32() == 1);
                at++;
            }
        }

        Assert.Equal(images.Count - 1, found.Count);
        Assert.Equal(found.Count, file.Images);
        foreach (var image in images.Where(i => i.Id != "6"))
        {
            var (longitude, latitude, time, sequence, isPanorama) = found[image.Id];
            Assert.Equal(image.Longitude!.Value, longitude, 5e-7);
            Assert.Equal(image.Latitude!.Value, latitude, 5e-7);
            Assert.Equal((image.CapturedAt?.ToUnixTimeMilliseconds(), image.SequenceId, image.IsPanorama), (time, sequence, isPanorama));
        }
    }

    [Fact]
    public void The_page_asks_nothing_of_the_network_and_runs_no_script_but_its_own()
    {
        var (page, _) = Write(Records.Image("1", original: (1, 1)));

        var policy = Regex.Match(page, "http-equiv=\"Content-Security-Policy\" content=\"([^\"]+)\"").Groups[1].Value.Split("; ");
        Assert.Equal(
            [
                "default-src 'none'", $"script-src '{HashOf(Regex.Match(page, "<script>(.*?)</script>", RegexOptions.Singleline).Groups[1].Value)}'",
                $"style-src '{HashOf(Regex.Match(page, "<style>(.*?)</style>", RegexOptions.Singleline).Groups[1].Value)}'",
                "img-src 'self' file:", "base-uri 'none'", "form-action 'none'",
            ],
            policy);
        Assert.DoesNotMatch("<link|<iframe|@import|url\\(|<script[^>]+src|\\sstyle=|\\son[a-z]+=", page);
        // Only links that a person follows lead out.
        Assert.All(Address().Matches(page), m => Assert.True(m.Groups[1].Value is "<a href=\"" or ".href = `", m.Value));
    }

    [Theory]
    [InlineData("</script><script>alert(1)</script>")]
    [InlineData("<!--<script>")]
    [InlineData("\"><img src=x onerror=alert(1)>")]
    [InlineData("data-->\u2028\u0000'`${1}")]
    public void Names_from_outside_are_text_and_nothing_else(string hostile)
    {
        var harmless = Write(Records.Image("1", "s", (1, 1), creator: "u", make: "m", model: "n", cameraType: "t")).Page;

        var page = Write(Records.Image(hostile, hostile, (1, 1), creator: hostile, make: hostile, model: hostile, cameraType: hostile)).Page;

        Assert.Equal(Tag().Matches(harmless).Select(m => m.Value), Tag().Matches(page).Select(m => m.Value));
        using var data = DataOf(page);
        var sequence = data.RootElement.GetProperty("sequences")[0];
        Assert.Equal(hostile, sequence.GetProperty("id").GetString());
        Assert.Equal(hostile, sequence.GetProperty("ids")[0].GetString());
        Assert.Equal(hostile, data.RootElement.GetProperty("users")[0].GetString());
        Assert.Equal($"{hostile} {hostile}", data.RootElement.GetProperty("cameras")[0][0].GetString());
        Assert.Equal($"Photos by {hostile}", System.Net.WebUtility.HtmlDecode(Regex.Match(page, "<title>(.*?)</title>", RegexOptions.Singleline).Groups[1].Value));
    }

    [Fact]
    public void Pictures_are_where_the_collections_files_are_as_seen_from_the_page()
    {
        var collection = Records.Collection(_folder.Path, "anna", new[] { "1", "2", "3", "4", "a/b" }.Select(id => Records.Json(id, "s #1", (1, 1))));
        var manifest = new StringBuilder();
        foreach (var (id, path, tar) in new[] { ("1", "2024-05-04/s #1/1.jpg", null), ("2", "2024-05-04/s #1/2.webp", null), ("3", "2024-05-04/s #1/3.jpg", "2024-05-04.tar"), ("a/b", "2024-05-04/s #1/a_x002f_b.jpg", null), ("4", "../../4.jpg", (string?)null) })
        {
            manifest.Append(JsonSerializer.Serialize(new { id, path, bytes = 1, sha256 = "00", tar })).Append('\n');
            if (tar is null) Touch(Path.Combine(collection, path));
        }

        File.WriteAllText(Path.Combine(collection, "manifest.jsonl"), manifest.ToString());

        Assert.Equal(["1 2024-05-04/s%20%231/1.jpg", "2 2024-05-04/s%20%231/2.webp", "a/b 2024-05-04/s%20%231/a_x002f_b.jpg"], PicturesOf(collection, Path.Combine(collection, "map.html")));
        Assert.Equal("1 ../mapillary-anna-original/2024-05-04/s%20%231/1.jpg", PicturesOf(collection, Path.Combine(_folder.Path, "maps", "map.html"))[0]);

        File.Delete(Path.Combine(collection, "2024-05-04/s #1/1.jpg"));
        Assert.Equal("2 2024-05-04/s%20%231/2.webp", PicturesOf(collection, Path.Combine(collection, "map.html"))[0]);
    }

    [Fact]
    public void Pictures_of_a_folder_without_a_manifest_are_known_by_their_names()
    {
        var collection = Records.Collection(_folder.Path, "anna", new[] { "1", "2", "3" }.Select(id => Records.Json(id, "s", (1, 1))));
        Touch(Path.Combine(collection, "2024-05-04", "s", "1.jpg"));
        Touch(Path.Combine(collection, "2.webp"));
        Touch(Path.Combine(collection, "3.txt"));

        Assert.Equal(["1 2024-05-04/s/1.jpg", "2 2.webp"], PicturesOf(collection, Path.Combine(collection, "map.html")));
    }

    [Fact]
    public void A_hundred_thousand_images_take_less_than_six_megabytes()
    {
        var map = new CaptureMap();
        for (var i = 0; i < 100_000; i++)
        {
            map.Add(Records.Image(
                $"{480_201_334_115_000 + (i * 7919L)}", $"sequence{i / 500}", (11 + (i % 500 * 1.7e-4), 49 + (i / 500 * 1e-3)), capturedAt: Records.Start.AddSeconds(i * 2.1), altitude: 300 + (i % 90), angle: i % 360));
        }

        var file = map.Write(Path.Combine(_folder.Path, "map.html"), MapFormat.Html, CancellationToken.None);

        Assert.Equal((100_000, 200), (file.Images, file.Sequences));
        Assert.InRange(file.Length, 1, 6_000_000);
    }

    [Fact]
    public void A_half_of_a_pair_in_a_name_breaks_no_form()
    {
        var map = new CaptureMap();
        map.Add(new MapillaryImage { Id = "1", Json = "{}", SequenceId = "\ud800", Creator = "\udc00", Make = "\ud83d", Geometry = new GeoPoint(1, 2) });
        map.Add(new MapillaryImage { Id = "2", Json = "{}", SequenceId = "\ud800", Creator = "\udc00", Geometry = new GeoPoint(1, 3) });

        foreach (var format in Enum.GetValues<MapFormat>()) Assert.Equal(2, map.Write(Path.Combine(_folder.Path, format.ToFileName()), format, CancellationToken.None).Images);
    }

    private static List<string> PicturesOf(string collection, string path)
    {
        var map = new CaptureMap();
        map.AddListing(collection, new RecordingLog(), CancellationToken.None);
        var file = map.Write(path, MapFormat.Html, CancellationToken.None);
        using var data = DataOf(File.ReadAllText(path));
        var found = new List<string>();
        foreach (var sequence in data.RootElement.GetProperty("sequences").EnumerateArray())
        {
            var places = Undelta(sequence, "place");
            foreach (var (id, at) in sequence.GetProperty("ids").EnumerateArray().Select((id, at) => (id.GetString()!, at)))
            {
                if (places[at] is not { } number) continue;
                var place = data.RootElement.GetProperty("places")[(int)number].EnumerateArray().Select(p => p.GetString()).ToList();
                found.Add($"{id} {(place is [var before, var after] ? before + id + after : place[0])}");
            }
        }

        Assert.Equal(found.Count, file.Pictures);
        return found;
    }

    [Fact]
    public void Impossible_capture_times_stay_out_of_the_time_line_and_are_told_all_the_same()
    {
        var later = Records.Start.AddHours(1);
        var (page, file) = Write(
            Records.Image("1", original: (1, 1), capturedAt: Records.Start), Records.Image("2", original: (1, 1), capturedAt: later),
            Records.Image("3", original: (1, 1), capturedAt: DateTimeOffset.UnixEpoch.AddDays(19)), Records.Image("4", "s2", original: (1, 1), capturedAt: new DateTimeOffset(2099, 1, 1, 0, 0, 0, TimeSpan.Zero)));

        using var data = DataOf(page);
        Assert.Equal([Records.Start.ToUnixTimeMilliseconds(), later.ToUnixTimeMilliseconds()], data.RootElement.GetProperty("span").EnumerateArray().Select(t => t.GetInt64()));
        Assert.Equal((Records.Start, later), (file.First, file.Last));
        Assert.Contains(DateTimeOffset.UnixEpoch.AddDays(19).ToUnixTimeMilliseconds(), Undelta(data.RootElement.GetProperty("sequences")[0], "time"));
    }

    private static List<long?> Undelta(JsonElement sequence, string name)
    {
        if (!sequence.TryGetProperty(name, out var column)) return [];
        var value = 0L;
        return [.. column.EnumerateArray().Select(d => d.ValueKind == JsonValueKind.Null ? (long?)null : value += d.GetInt64())];
    }

    private static JsonDocument DataOf(string page) =>
        JsonDocument.Parse(Regex.Match(page, "<script type=\"application/json\" id=\"data\">(.*?)</script>", RegexOptions.Singleline).Groups[1].Value);

    private static string HashOf(string text) => "sha256-" + Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static void Touch(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, [1]);
    }

    private (string Page, MapFile File) Write(params MapillaryImage[] images)
    {
        var map = new CaptureMap();
        foreach (var image in images) map.Add(image);
        var file = map.Write(Path.Combine(_folder.Path, "map.html"), MapFormat.Html, CancellationToken.None);
        return (File.ReadAllText(file.Path), file);
    }

    [GeneratedRegex("(.{0,9})https?://(?!www\\.w3\\.org/)")]
    private static partial Regex Address();

    [GeneratedRegex("<[a-zA-Z/!][^>]*>")]
    private static partial Regex Tag();
}
