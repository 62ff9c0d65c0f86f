using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using Mapillary.Imaging.Forms;
using Mapillary.Tests.Imaging;

namespace Mapillary.Tests.InternetArchive;

/// <summary>What of a collection is different from one time that <c>mapillary-downloader</c> runs to the other.</summary>
[Flags]
public enum OtherToolsForm
{
    /// <summary>Died before its end: single JPEGs, and the listing as it grows.</summary>
    Loose = 0,

    /// <summary>Run to its end: tars by day, the first day's in two.</summary>
    Tarred = 1,

    /// <summary>Run to its end: the listing is packed.</summary>
    Packed = 2,

    /// <summary>Run with <c>--webp</c>.</summary>
    Webp = 4,
}

/// <summary>
/// A collection as <c>mapillary-downloader</c> 0.12 leaves it: six images downloaded, two that it listed and did not get, one listed
/// twice, a line that is cut and the line that ends the listing.
/// </summary>
internal sealed class OtherToolsFolder : IDisposable
{
    public static readonly DateTime FirstCapture = new(2024, 1, 15, 23, 59, 59, 250, DateTimeKind.Utc);
    public static readonly DateTime LastCapture = new(2024, 2, 29, 0, 0, 0, 1, DateTimeKind.Utc);

    /// <summary>The images that are there: id, day, sequence and capture time, as far as they have them.</summary>
    public static readonly IReadOnlyList<(string Id, string Day, string? Sequence, DateTime? Captured)> Images =
    [
        ("900000000000101", "2024-01-15", "7nfcwfvjdtphz7yj6zat6a", FirstCapture),
        ("900000000000102", "2024-01-16", "7nfcwfvjdtphz7yj6zat6a", FirstCapture.AddSeconds(2)),
        ("900000000000103", "2024-01-16", "--49xbCtIcKmxBbYALHRWA", FirstCapture.AddHours(1)),
        ("900000000000104", "2024-02-29", "u5WIQvkTXO7SbeL1l8UN6a", LastCapture),
        ("900000000000105", "2024-02-29", null, LastCapture.AddHours(7)),
        ("900000000000106", "unknown-date", "u5WIQvkTXO7SbeL1l8UN6a", null),
    ];

    private const string Quality = "original";

    private readonly string _parent = Directory.CreateTempSubdirectory("other-tools-").FullName;
    private readonly OtherToolsForm _form;

    private OtherToolsFolder(OtherToolsForm form, string user)
    {
        _form = form;
        User = user;
        Path = System.IO.Path.Combine(_parent, $"mapillary-{user}-{Quality}{(form.HasFlag(OtherToolsForm.Webp) ? "-webp" : "")}");
    }

    public string Path { get; }

    public string User { get; }

    public string Listing => System.IO.Path.Combine(Path, _form.HasFlag(OtherToolsForm.Packed) ? "metadata.jsonl.gz" : "metadata.jsonl");

    /// <summary>The pictures by their places in the collection, in tars too.</summary>
    public Dictionary<string, byte[]> Pictures { get; } = new(StringComparer.Ordinal);

    /// <summary>Makes the folder.</summary>
    public static async Task<OtherToolsFolder> MakeAsync(OtherToolsForm form, string user = "some-one")
    {
        var folder = new OtherToolsFolder(form, user);
        byte[] picture = JpegFixture.Baseline;
        if (form.HasFlag(OtherToolsForm.Webp))
        {
            var converted = await new WebpForm(effort: 0).ConvertAsync([picture], TestContext.Current.CancellationToken);
            picture = [.. converted.Pieces.SelectMany(p => p.ToArray())];
        }

        foreach (var image in Images) folder.WritePicture(image.Id, image.Day, image.Sequence, image.Captured, picture);
        if (form.HasFlag(OtherToolsForm.Tarred)) folder.BundleDays();
        folder.WriteListing();
        folder.Write("progress.json", "{\n  \"" + Quality + "\": [\n" + string.Join(",\n", Images.Select(i => $"    \"{i.Id}\"").Reverse()) + "\n  ]\n}");
        folder.Write("download.log.20260424-101112", "2026-04-24 10:11:12 [INFO] Downloading some-one @ original (max 128 workers)\n");
        folder.Write(".meta/title/0", $"Mapillary images by {user}");
        folder.Write(".meta/scanner/0", "mapillary_downloader 0.12.0 https://bitplane.net/dev/python/mapillary_downloader/");
        folder.Write(".meta/scanner/1", "rip https://bitplane.net/dev/sh/rip");
        folder.Write(".meta/mapillary_downloader/0", "0.12.0");
        File.WriteAllBytes(System.IO.Path.Combine(folder.Path, "__ia_thumb__.jpg"), JpegFixture.Baseline);
        return folder;
    }

    /// <summary>Lays a picture into its day's folder, as a later run of the tool does.</summary>
    public string WritePicture(string id, string day, string? sequence, DateTime? captured, byte[] content)
    {
        var place = string.Join('/', ((string?[])[day, sequence, id + (_form.HasFlag(OtherToolsForm.Webp) ? ".webp" : ".jpg")]).Where(p => p is not null));
        var path = System.IO.Path.Combine(Path, place);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
        if (captured is { } time) File.SetLastWriteTimeUtc(path, time);
        Pictures[place] = content;
        return path;
    }

    /// <summary>The files of the collection by their places, but tars, pictures and what this module puts there.</summary>
    public Dictionary<string, string> OtherFiles() => Directory.EnumerateFiles(Path, "*", SearchOption.AllDirectories)
        .Select(f => System.IO.Path.GetRelativePath(Path, f).Replace('\\', '/'))
        .Where(f => !f.EndsWith(".tar", StringComparison.Ordinal) && !Pictures.ContainsKey(f) && f is not (".lock" or ".lock.owner"))
        .ToDictionary(f => f, f => Convert.ToHexString(File.ReadAllBytes(System.IO.Path.Combine(Path, f))));

    public void Dispose() => Directory.Delete(_parent, recursive: true);

    private static long Milliseconds(DateTime time) => new DateTimeOffset(time).ToUnixTimeMilliseconds();

    private void Write(string place, string text)
    {
        var path = System.IO.Path.Combine(Path, place);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }

    /// <summary>The lines as Python's json module writes them: with blanks, and what is not ASCII escaped.</summary>
    private void WriteListing()
    {
        var lines = Images.Select(i => Record(i.Id, i.Sequence, i.Captured, hasAddress: true)).ToList();
        lines.Insert(3, lines[1]);
        lines.Insert(2, Record("900000000000107", "7nfcwfvjdtphz7yj6zat6a", FirstCapture.AddYears(-3), hasAddress: false));
        lines.Add(Record("900000000000108", "7nfcwfvjdtphz7yj6zat6a", LastCapture.AddYears(3), hasAddress: true));
        lines.Insert(1, """{"id": "900000000000109", "captured_at": 17040""");
        lines.Insert(4, "");
        lines.Add("""{"__complete__": true}""");
        using var file = File.Create(Listing);
        using Stream stream = _form.HasFlag(OtherToolsForm.Packed) ? new GZipStream(file, CompressionLevel.SmallestSize) : file;
        stream.Write(Encoding.ASCII.GetBytes(string.Join('\n', lines) + "\n"));
    }

    private static string Record(string id, string? sequence, DateTime? captured, bool hasAddress) => string.Create(
        CultureInfo.InvariantCulture,
        $$"""{"altitude": 48.5, "camera_type": "perspective", {{(captured is { } time ? $"\"captured_at\": {Milliseconds(time)}, " : "")}}"compass_angle": 90.5, "geometry": {"type": "Point", "coordinates": [13.40{{id[^2..]}}, 52.5]}, "height": 48, "make": "Gr\u00fcn", {{(sequence is null ? "" : $"\"sequence\": \"{sequence}\", ")}}{{(hasAddress ? "\"thumb_original_url\": \"https://scontent.example/m1/v?oe=65256C25\", " : "")}}"width": 64, "id": "{{id}}"}""");

    /// <summary>A tar a day, of which the first day's images are in two; GNU tar's own form, as the tool's tar writes it.</summary>
    private void BundleDays()
    {
        foreach (var day in Pictures.Keys.GroupBy(p => p.Split('/')[0]).ToList())
        {
            var names = day.Order(StringComparer.Ordinal).ToList();
            var half = names.Count / 2;
            BundleDay($"{day.Key}.tar", half > 0 ? names[..half] : names);
            if (half > 0) BundleDay($"{day.Key}.1.tar", names[half..]);
            Directory.Delete(System.IO.Path.Combine(Path, day.Key), recursive: true);
        }
    }

    private void BundleDay(string tar, List<string> names)
    {
        using var writer = new TarWriter(File.Create(System.IO.Path.Combine(Path, tar)), TarEntryFormat.Gnu);
        foreach (var name in names)
        {
            var file = System.IO.Path.Combine(Path, name);
            writer.WriteEntry(new GnuTarEntry(TarEntryType.RegularFile, name) { ModificationTime = File.GetLastWriteTimeUtc(file), DataStream = new MemoryStream(File.ReadAllBytes(file)) });
        }
    }
}
