using System.IO.Compression;
using System.Text;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Records;
using Mapillary.Collections.Tars;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

/// <summary>Listings and manifests that are compressed, or plain and without end, as somebody else may have made them.</summary>
public class PackedFileTests
{
    [Fact]
    public void A_listing_and_a_manifest_of_many_images_unpack_as_ever()
    {
        var images = Environment.GetEnvironmentVariable("MAPILLARY_LONG_TESTS") == "1" ? 1_000_000 : 150_000;
        var folder = Directory.CreateTempSubdirectory("mapillary-test-").FullName;
        try
        {
            // As much alike as the records of one long drive are.
            Pack(Path.Combine(folder, "metadata.jsonl.gz"), Enumerable.Range(0, images).Select(i => Record(i)));
            Pack(Path.Combine(folder, "manifest.jsonl.gz"), Enumerable.Range(0, images).Select(i =>
                $$"""{"id":"{{100_000_000_000_000 + (i * 7919L)}}","path":"2023-11-14/AbCdEfGhIjKlMnOpQrStUv/{{100_000_000_000_000 + (i * 7919L)}}.jpg","bytes":280000,"sha256":"{{new string('0', 64)}}"}"""));

            Assert.Equal(images, ImageRecords.Read(Path.Combine(folder, "metadata.jsonl.gz")).Count());
            Assert.Equal(images, Manifest.ReadIds(Path.Combine(folder, "manifest.jsonl.gz"), line => Assert.Fail($"line {line}"), TestContext.Current.CancellationToken).Count);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        static string Record(int i) => $$$"""
            {"id":"{{{100_000_000_000_000 + (i * 7919L)}}}","altitude":34.5,"atomic_scale":1,"camera_parameters":[0.85,-0.02,0.01],"camera_type":"perspective","captured_at":{{{1700000000000 + (i * 1000L)}}},"compass_angle":90.25,"computed_altitude":2.5,"computed_geometry":{"type":"Point","coordinates":[{{{13 + (i / 1e6):0.000000}}},52.5]},"computed_rotation":[1.5,0.1,-0.2],"creator":{"username":"anna","id":"7"},"exif_orientation":1,"geometry":{"type":"Point","coordinates":[13.4,52.5]},"height":3000,"make":"GoPro","model":"HERO9 Black","sequence":"AbCdEfGhIjKlMnOpQrStUv","width":4000}
            """;
    }

    [Theory]
    [InlineData("lines that are no entries")]
    [InlineData("a line of 2 MiB")]
    [InlineData("no line break in 2 MiB")]
    public async Task What_cannot_be_read_is_never_replaced(string what)
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        var collection = place.Collection("anna");
        var manifest = Path.Combine(collection, "manifest.jsonl");
        var lines = File.ReadAllLines(manifest);
        File.Delete(manifest);
        Pack(manifest + ".gz", what switch
        {
            "lines that are no entries" => lines.Select(l => $$"""{"version":2,"entry":{{l}}}"""),
            "a line of 2 MiB" => [new string('x', 2 << 20), .. lines],
            "no line break in 2 MiB" => [.. lines, new string('x', 2 << 20)],
            _ => lines,
        });
        var before = File.ReadAllBytes(manifest + ".gz");

        var bundled = Assert.Throws<InvalidDataException>(() => Bundle(collection));
        var saved = await Assert.ThrowsAsync<CollectionException>(() => place.SaveAsync("anna"));

        Assert.All([bundled.Message, saved.Message], m => Assert.Contains("manifest.jsonl", m, StringComparison.Ordinal));
        Assert.Equal(before, File.ReadAllBytes(manifest + ".gz"));
        Assert.False(File.Exists(manifest));
        Assert.Empty(Directory.EnumerateFiles(collection, "*.tar"));
    }

    [Fact]
    public async Task The_last_line_of_a_packed_listing_counts_without_a_line_feed_too()
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        var listing = Path.Combine(place.Collection("anna"), "metadata.jsonl");
        var text = File.ReadAllText(listing);
        File.Delete(listing);
        using (var gzip = new GZipStream(File.Create(listing + ".gz"), CompressionLevel.Fastest)) gzip.Write(Encoding.UTF8.GetBytes(text.TrimEnd('\n')));
        var before = File.ReadAllBytes(listing + ".gz");

        using (var records = JsonLinesWriter.Open(listing)) Assert.True(records.IsUnchanged);

        Assert.Equal(before, File.ReadAllBytes(listing + ".gz"));
        using (var records = JsonLinesWriter.Open(listing)) records.Write("{}\n"u8);
        Assert.Equal(text + "{}\n", File.ReadAllText(listing));
    }

    [Fact]
    public async Task A_user_all_of_whose_images_are_gone_has_a_collection_that_is_empty_and_valid()
    {
        await using var place = await OpenAsync(new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.NotFound404, Times = int.MaxValue });

        var first = await BackUpAsync(place);
        var packed = File.ReadAllBytes(Path.Combine(place.Collection("anna"), "manifest.jsonl.gz"));
        var check = await CollectionCheck.RunAsync(place.Collection("anna"), 1, null, place.Log, TestContext.Current.CancellationToken);
        var second = await BackUpAsync(place);

        Assert.Equal((BackupStatus.Complete, new Ledger(0, 0, Images, 0)), (first.Status, first.Ledger));
        Assert.Equal((BackupStatus.Complete, new Ledger(0, 0, Images, 0)), (second.Status, second.Ledger));
        Assert.True(check.IsIntact, string.Join('\n', check.Changed.Concat(check.Missing).Concat(check.Unexpected)));
        Assert.Equal(0, new GZipStream(new MemoryStream(packed), CompressionMode.Decompress).ReadByte() + 1);
        Assert.NotEmpty(packed);
        if (!OperatingSystem.IsWindows()) Workplace.Run("gzip", "-t", Path.Combine(place.Collection("anna"), "manifest.jsonl.gz"));
        Assert.Empty(Bundle(place.Collection("anna")));
    }

    [Fact]
    public async Task A_packed_manifest_of_0_bytes_is_one_of_nothing_where_the_state_says_so_and_damaged_elsewhere()
    {
        await using var place = await OpenAsync(new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.NotFound404, Times = int.MaxValue });
        await BackUpAsync(place);
        File.WriteAllBytes(Path.Combine(place.Collection("anna"), "manifest.jsonl.gz"), []);

        Assert.Equal(BackupStatus.Complete, (await BackUpAsync(place)).Status);

        var state = Path.Combine(place.Collection("anna"), "collection.json");
        File.WriteAllBytes(Path.Combine(place.Collection("anna"), "manifest.jsonl.gz"), []);
        File.WriteAllText(state, File.ReadAllText(state).Replace("\"images\": 0", "\"images\": 12", StringComparison.Ordinal));
        Assert.Contains("manifest.jsonl.gz' is cut or damaged", Assert.Throws<InvalidDataException>(() => Bundle(place.Collection("anna"))).Message, StringComparison.Ordinal);
    }

    private const int Images = 12;

    private static Task<Workplace> OpenAsync(params FaultRule[] faults) =>
        Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = Images }], Faults = faults });

    private static Task<BackupResult> BackUpAsync(Workplace place) =>
        new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry)
            .RunAsync("anna", new BackupOptions { Save = new SaveOptions { Destination = place.Folder } }, progress: null, TestContext.Current.CancellationToken);

    internal static List<SequenceTar> Bundle(string collection) =>
        [.. SequenceTarBundler.Bundle(collection, pictures: null, TarGrouping.Date, keepSource: false, SilentLog.Instance, TestContext.Current.CancellationToken)];

    internal static void Pack(string path, IEnumerable<string> lines)
    {
        using var writer = new StreamWriter(new GZipStream(File.Create(path), CompressionLevel.Optimal)) { NewLine = "\n" };
        foreach (var line in lines) writer.WriteLine(line);
    }
}
