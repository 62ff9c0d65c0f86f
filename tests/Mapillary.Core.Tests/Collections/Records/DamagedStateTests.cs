using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Records;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

/// <summary>
/// A collection's own files as a power cut leaves them: empty, full of zeros, cut, or with other bytes. The next run goes on, says what
/// was damaged, fetches nothing that is there, and what was damaged is kept.
/// </summary>
public class DamagedStateTests
{
    private const int Images = 40;

    private static readonly Dictionary<string, Func<byte[], byte[]>> Damages = new()
    {
        ["empty"] = _ => [],
        ["zeros"] = bytes => new byte[bytes.Length],
        ["cut"] = bytes => bytes[..(bytes.Length / 2)],
        ["other bytes"] = bytes => [.. bytes[..(bytes.Length / 2)], .. new byte[bytes.Length - (bytes.Length / 2)]],
    };

    public static MatrixTheoryData<string, string, bool> Finished => new(["collection.json", "manifest.jsonl.gz", "metadata.jsonl.gz"], Damages.Keys, [true, false]);

    [Theory]
    [MemberData(nameof(Finished))]
    public async Task A_finished_collection_is_whole_again_and_in_its_place(string name, string damage, bool areTars)
    {
        await using var place = await OpenAsync();
        await RunAsync(place, areTars ? TarGrouping.Sequence : null);
        var collection = place.Collection("anna");
        var before = await ContentsAsync(collection);
        var file = Path.Combine(collection, name);
        var damaged = Damages[damage](File.ReadAllBytes(file));
        File.WriteAllBytes(file, damaged);
        var fetches = place.Fetches;

        var result = await RunAsync(place, areTars ? TarGrouping.Sequence : null);

        Assert.Equal((BackupStatus.Complete, new Ledger(0, Images, 0, 0)), (result.Status, result.Ledger));
        Assert.Equal(fetches, place.Fetches);
        Assert.Contains(place.Log.Warned, w => w.Contains(name.Replace(".gz", "", StringComparison.Ordinal), StringComparison.Ordinal));
        Assert.False(Directory.Exists(Path.Combine(place.Folder, ".staging")));
        Assert.Equal(before, await ContentsAsync(collection));
        if (damaged.Length > 0) Assert.Equal(damaged, File.ReadAllBytes(Assert.Single(Directory.EnumerateFiles(collection, ".damaged-*"))));
        await AssertIntactAsync(collection);

        // Mended once; the next run has nothing to say.
        var warned = place.Log.Warned.Count;
        Assert.Equal(BackupStatus.Complete, (await RunAsync(place, areTars ? TarGrouping.Sequence : null)).Status);
        Assert.Equal(warned, place.Log.Warned.Count);
    }

    public static MatrixTheoryData<string, string> Begun => new(["collection.json", "manifest.jsonl", "metadata.jsonl"], ["empty", "zeros"]);

    [Theory]
    [MemberData(nameof(Begun))]
    public async Task A_run_that_was_interrupted_is_gone_on_with_and_no_image_is_left_out(string name, string damage)
    {
        await using var place = await OpenAsync();
        var stopped = await RunAsync(place, tar: null, new RunBudget(new StopRules { MaximumImages = 25 }));
        Assert.Equal(BackupStatus.Stopped, stopped.Status);
        var file = Path.Combine(stopped.CollectionPath!, name);
        File.WriteAllBytes(file, Damages[damage](File.ReadAllBytes(file)));
        var fetches = place.Fetches;

        var result = await RunAsync(place, tar: null);

        Assert.Equal((BackupStatus.Complete, new Ledger(Images - 25, 25, 0, 0)), (result.Status, result.Ledger));
        // And the thumbnail.
        Assert.Equal(Images - 25 + 1, place.Fetches - fetches);
        Assert.Equal(Images, CollectionState.Read(place.Collection("anna"))!.Listed);
        await AssertIntactAsync(place.Collection("anna"));
    }

    [Fact]
    public async Task A_picture_that_is_not_whole_is_not_taken_into_a_manifest_that_is_written_again()
    {
        await using var place = await OpenAsync();
        await RunAsync(place, tar: null);
        var collection = place.Collection("anna");
        var picture = Directory.EnumerateFiles(collection, "*.jpg", SearchOption.AllDirectories).First(f => Path.GetDirectoryName(f) != collection);
        var whole = File.ReadAllBytes(picture);
        File.WriteAllBytes(picture, new byte[whole.Length]);
        File.WriteAllBytes(Path.Combine(collection, "manifest.jsonl.gz"), []);

        var result = await RunAsync(place, tar: null);

        Assert.Equal(new Ledger(1, Images - 1, 0, 0), result.Ledger);
        Assert.Equal(whole, File.ReadAllBytes(picture));
    }

    [Theory]
    [InlineData("manifest.jsonl.gz")]
    [InlineData("metadata.jsonl.gz")]
    public async Task What_cannot_be_read_and_is_not_damaged_stops_the_run_before_anything_moves(string name)
    {
        await using var place = await OpenAsync();
        await RunAsync(place, TarGrouping.Sequence);
        var bomb = Path.Combine(place.Collection("anna"), name);
        // Line breaks, packed to a thousandth: somebody made it.
        using (var gzip = new GZipStream(File.Create(bomb), CompressionLevel.Optimal))
        {
            var lines = new byte[1 << 20];
            lines.AsSpan().Fill((byte)'\n');
            for (var i = 0; i < 256; i++) gzip.Write(lines);
        }

        var before = File.ReadAllBytes(bomb);

        var refused = await Record.ExceptionAsync(() => RunAsync(place, TarGrouping.Sequence));

        Assert.Contains("unpacks to more than", Assert.IsType<CollectionException>(refused).Message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(bomb));
        Assert.False(Directory.Exists(Path.Combine(place.Folder, ".staging", "mapillary-anna-original")));
    }

    private static Task<Workplace> OpenAsync() =>
        Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = Images, Sequences = 3 }], PageLimit = 20 });

    private static Task<BackupResult> RunAsync(Workplace place, TarGrouping? tar, RunBudget? budget = null) =>
        new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry).RunAsync(
            "anna", new BackupOptions { Save = new SaveOptions { Destination = place.Folder, Budget = budget }, Tar = tar }, progress: null, TestContext.Current.CancellationToken);

    private static async Task AssertIntactAsync(string collection)
    {
        var check = await CollectionCheck.RunAsync(collection, 2, null, SilentLog.Instance, TestContext.Current.CancellationToken);
        Assert.Equal([], check.Missing.Concat(check.Changed).Concat(check.Unexpected).Select(f => f.ToString()));
        Assert.Equal(Images, check.Images);
    }

    /// <summary>What a collection holds; of the manifest, all but how the images were made, and of the state all but when it was written: that cannot be known.</summary>
    private static async Task<SortedDictionary<string, string>> ContentsAsync(string collection)
    {
        var contents = CollectionContents.Of(collection);
        foreach (var name in contents.Keys.Where(k => k.StartsWith(".damaged-", StringComparison.Ordinal)).ToList()) contents.Remove(name);
        using var reader = new StreamReader(new GZipStream(File.OpenRead(Path.Combine(collection, "manifest.jsonl.gz")), CompressionMode.Decompress), Encoding.UTF8);
        var lines = (await reader.ReadToEndAsync(TestContext.Current.CancellationToken)).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonSerializer.Serialize(
            JsonDocument.Parse(line).RootElement.EnumerateObject().Where(p => p.Name != "made").OrderBy(p => p.Name, StringComparer.Ordinal).ToDictionary(p => p.Name, p => p.Value)));
        contents["manifest.jsonl.gz"] = string.Join('\n', lines.Order(StringComparer.Ordinal));
        return contents;
    }
}
