using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Tars;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Imaging.Exif;
using Mapillary.Imaging.Metadata;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

/// <summary>The manifest says where in its tar each picture begins. What is there is read without our code.</summary>
public class TarOffsetTests
{
    [Theory]
    [InlineData(TarGrouping.Sequence)]
    [InlineData(TarGrouping.Date)]
    public async Task A_backup_notes_where_each_picture_begins_and_a_repair_finds_the_same(TarGrouping grouping)
    {
        await using var place = await OpenAsync();
        await BackUpAsync(place, grouping);
        var collection = place.Collection("anna");
        AssertTrue(collection, images: 30);
        var before = Offsets(collection);

        File.Delete(Path.Combine(collection, "manifest.jsonl.gz"));
        CollectionRepair.Run(collection, progress: null, place.Log, TestContext.Current.CancellationToken);

        Assert.Equal(before, Offsets(collection));
    }

    [Fact]
    public async Task A_manifest_without_offsets_or_with_false_ones_is_read_and_a_repair_puts_the_right_ones_in()
    {
        await using var place = await OpenAsync();
        await BackUpAsync(place, TarGrouping.Date);
        var collection = place.Collection("anna");
        var before = Offsets(collection);
        var packed = Path.Combine(collection, "manifest.jsonl.gz");
        var lines = Lines(collection).Select(line => JsonNode.Parse(line)!.AsObject()).ToList();
        File.Delete(packed);
        for (var i = 0; i < lines.Count; i++)
        {
            if (i % 2 == 0) lines[i].Remove("offset");
            else if (lines[i].ContainsKey("id")) lines[i]["offset"] = 17;
        }

        // A line that is none makes a repair read everything again.
        File.WriteAllLines(Path.Combine(collection, "manifest.jsonl"), [.. lines.Select(l => l.ToJsonString()), "{"]);
        var check = await CollectionCheck.RunAsync(collection, 2, null, SilentLog.Instance, TestContext.Current.CancellationToken);
        Assert.Equal((30, 0), (check.Images, check.Missing.Count));

        CollectionRepair.Run(collection, progress: null, place.Log, TestContext.Current.CancellationToken);

        Assert.Equal(before, Offsets(collection));
        AssertTrue(collection, images: 30);
    }

    [Fact]
    public void Long_names_and_what_a_killed_run_left_beside_its_tar_are_noted_at_the_right_place()
    {
        // 120 letters do not fit into a ustar header and need one more; bundling twice is what a run leaves that died before its sources went.
        using var collection = new SmallCollection(isBundled: false, firstSequence: new string('s', 120));
        var sources = Directory.EnumerateFiles(collection.Path, "*.jpg", SearchOption.AllDirectories).ToDictionary(f => f, File.ReadAllBytes);
        Bundle(collection.Path);
        var before = Offsets(collection.Path);
        AssertTrue(collection.Path, images: 4);
        var manifest = Path.Combine(collection.Path, "manifest.jsonl");
        File.WriteAllLines(manifest, File.ReadAllLines(manifest).Where(line => !line.Contains(".tar", StringComparison.Ordinal)));
        foreach (var (path, bytes) in sources)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, bytes);
        }

        Assert.Empty(Bundle(collection.Path));

        Assert.Equal(before, Offsets(collection.Path));
        AssertTrue(collection.Path, images: 4);
    }

    [Fact]
    public async Task Pictures_bundled_again_have_their_new_place_and_earlier_copies_keep_theirs()
    {
        await using var place = await OpenAsync();
        await BackUpAsync(place, TarGrouping.Date);
        var collection = place.Collection("anna");
        var before = Offsets(collection);

        await place.SaveAsync("anna", new SaveOptions { Force = true, Restore = Mapillary.Imaging.RestoreOptions.Default with { Position = PositionSource.Original } });
        Assert.All(Lines(collection).Select(l => JsonNode.Parse(l)!.AsObject()).GroupBy(l => (string?)l["id"]).Where(g => g.Key is not null), g => Assert.Null(g.Last()["offset"]));
        Bundle(collection, TarGrouping.Date);

        AssertTrue(collection, images: 30);
        var copies = Lines(collection).Select(l => JsonNode.Parse(l)!.AsObject()).GroupBy(l => (string?)l["id"]).Where(g => g.Key is not null)
            .ToDictionary(g => g.Key!, g => (long)g.Last()["superseded"]![0]!["offset"]!);
        Assert.Equal(before, copies);
    }

    /// <summary>Asserts that the manifest has images, all in tars, and that the bytes at each offset are those that it has the hash of.</summary>
    internal static void AssertTrue(string collection, int images)
    {
        var entries = Lines(collection).Select(line => JsonNode.Parse(line)!.AsObject()).Where(line => line["id"] is not null).GroupBy(line => (string)line["id"]!).Select(g => g.Last()).ToList();
        Assert.Equal(images, entries.Count);
        foreach (var entry in entries)
        {
            using var tar = File.OpenRead(Path.Combine(collection, (string)entry["tar"]!));
            tar.Position = (long)entry["offset"]!;
            var picture = new byte[(long)entry["bytes"]!];
            tar.ReadExactly(picture);
            Assert.Equal((string)entry["sha256"]!, Convert.ToHexString(SHA256.HashData(picture)), ignoreCase: true);
        }
    }

    private static Dictionary<string, long> Offsets(string collection) => Lines(collection).Select(line => JsonNode.Parse(line)!.AsObject())
        .Where(line => line["id"] is not null).GroupBy(line => (string)line["id"]!).ToDictionary(g => g.Key, g => (long)g.Last()["offset"]!);

    private static string[] Lines(string collection)
    {
        var plain = Path.Combine(collection, "manifest.jsonl");
        using Stream file = File.Exists(plain) ? File.OpenRead(plain) : new GZipStream(File.OpenRead(plain + ".gz"), CompressionMode.Decompress);
        using var reader = new StreamReader(file);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static List<SequenceTar> Bundle(string collection, TarGrouping grouping = TarGrouping.Sequence) =>
        [.. SequenceTarBundler.Bundle(collection, pictures: null, grouping, keepSource: false, SilentLog.Instance, TestContext.Current.CancellationToken)];

    private static Task<Workplace> OpenAsync() => Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = 30, Sequences = 3 }] });

    private static Task<BackupResult> BackUpAsync(Workplace place, TarGrouping grouping) =>
        new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry).RunAsync(
            "anna", new BackupOptions { Save = new SaveOptions { Destination = place.Folder }, Tar = grouping }, progress: null, TestContext.Current.CancellationToken);
}
