using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Files;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Forms;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

/// <summary>
/// A collection's own files, made again of the pictures and tars that are there, and held against those that were lost: all is the same but
/// for what nothing tells any more, and that is said.
/// </summary>
public class CollectionRepairTests
{
    private static readonly string[] Own = ["collection.json", "manifest.jsonl.gz", "metadata.jsonl.gz"];

    /// <summary>The layout, whether as WebP, the quality of JPEG, and what goes into tars.</summary>
    public static TheoryData<CollectionLayout, bool, int?, TarGrouping?> Kinds => new()
    {
        { CollectionLayout.Date, false, null, TarGrouping.Date },
        { CollectionLayout.Date, false, null, null },
        { CollectionLayout.Sequence, false, 80, TarGrouping.Sequence },
        { CollectionLayout.Time, true, null, null },
        { CollectionLayout.Time, false, null, TarGrouping.Date },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_was_deleted_is_made_again_and_is_the_same_but_for_what_cannot_be_known(CollectionLayout layout, bool webp, int? jpegQuality, TarGrouping? tar)
    {
        await using var place = await OpenAsync(Thoroughness.Of(40, 400));
        var options = new SaveOptions { Layout = layout, Form = webp ? new WebpForm() : jpegQuality is { } quality ? new JpegForm(quality) : PictureForm.AsServed };
        await BackUpAsync(place, tar, options);
        var collection = place.Collection("anna", webp ? "original-webp" : "original");
        var before = Written.Read(collection);
        Array.ForEach(Own, name => File.Delete(Path.Combine(collection, name)));
        var requests = place.Emulator.Requests.Count;

        var repaired = Repair(place, collection);

        Assert.Equal(("Repaired", before.Records.Count, before.Records.Count), (repaired.Status, repaired.Images, repaired.Records));
        Assert.Equal(["collection.json", "manifest.jsonl", "metadata.jsonl"], repaired.Faults.Select(f => f.Path).Order(StringComparer.Ordinal));
        Assert.Empty(repaired.LeftOut);
        Assert.Equal(requests, place.Emulator.Requests.Count);
        var after = Written.Read(collection);
        // With which options an image was made is not known; where it lies, its hash, its tar and the tar's checksum are.
        Assert.Equal(before.Manifest(without: "made"), after.Manifest());
        Assert.Equal(before.Records.Values, after.Records.Values);
        // Complete, listed to the end and how JPEGs were compressed is not known; whose, in which form and how many is.
        var state = before.State.DeepClone().AsObject();
        foreach (var unknown in new[] { "complete", "listed_to_end", "jpeg_quality" }) state.Remove(unknown);
        var made = after.State.DeepClone().AsObject();
        Assert.False((bool)made["complete"]!);
        made.Remove("complete");
        made.Remove("listed_to_end");
        Assert.Equal(state.ToJsonString(), made.ToJsonString());
        Assert.Equal(before.Files, after.Files);
        Assert.Contains(repaired.Unknown, u => u.Contains("whether all images were listed", StringComparison.Ordinal));
        Assert.Equal(!webp, repaired.Unknown.Any(u => u.Contains("compressed again", StringComparison.Ordinal)));
        Assert.Contains(repaired.Unknown, u => u.Contains("With which options", StringComparison.Ordinal));
        Assert.Subset(place.Log.Warned.ToHashSet(), repaired.Unknown.ToHashSet());
        await AssertIntactAsync(collection);

        AssertSound(place, collection);
        if (jpegQuality is not null) return;

        // What was not known, the next run finds out, and fetches no picture for it.
        var fetches = place.Fetches;
        var result = await BackUpAsync(place, tar, options);
        Assert.Equal((BackupStatus.Complete, fetches), (result.Status, place.Fetches));
        Assert.Equal(before.State.ToJsonString(), Written.Read(collection).State.ToJsonString());
    }

    private static readonly Dictionary<string, Func<byte[], byte[]?>> Damages = new()
    {
        ["gone"] = _ => null,
        ["empty"] = _ => [],
        ["zeros"] = bytes => new byte[bytes.Length],
        ["cut"] = bytes => bytes[..(bytes.Length / 2)],
        ["other bytes"] = bytes => [.. bytes[..(bytes.Length / 2)], .. new byte[bytes.Length - (bytes.Length / 2)]],
    };

    public static MatrixTheoryData<string, string> EachDamaged => new(Own, Damages.Keys);

    [Theory]
    [MemberData(nameof(EachDamaged))]
    public async Task One_file_that_is_damaged_is_kept_and_made_again_of_the_others(string name, string damage)
    {
        await using var place = await OpenAsync(30);
        await BackUpAsync(place, TarGrouping.Sequence);
        var collection = place.Collection("anna");
        var before = Written.Read(collection);
        var file = Path.Combine(collection, name);
        var damaged = Damages[damage](File.ReadAllBytes(file));
        if (damaged is null) File.Delete(file);
        else File.WriteAllBytes(file, damaged);

        var repaired = Repair(place, collection);

        Assert.Equal(name.Replace(".gz", "", StringComparison.Ordinal), Assert.Single(repaired.Faults).Path);
        var aside = Directory.EnumerateFiles(collection, ".damaged-*").ToList();
        Assert.Equal(repaired.SetAside, aside.Select(Path.GetFileName));
        if (damaged is { Length: > 0 }) Assert.Equal(damaged, File.ReadAllBytes(Assert.Single(aside)));
        aside.ForEach(File.Delete);
        var after = Written.Read(collection);
        Assert.Equal(before.Records.Values, after.Records.Values);
        Assert.Equal(before.Manifest(without: "made"), after.Manifest(without: "made"));
        Assert.Equal(before.Files, after.Files);
        // With a whole state it is as complete as it was, and its listing and manifest are packed.
        if (name != "collection.json") Assert.Equal(before.State.ToJsonString(), after.State.ToJsonString());
        Assert.All(Own, own => Assert.True(File.Exists(Path.Combine(collection, own)), own));
        await AssertIntactAsync(collection);
        AssertSound(place, collection);
    }

    [Fact]
    public async Task On_a_sound_collection_no_byte_is_written_whether_it_is_finished_or_begun()
    {
        await using var place = await OpenAsync(30);
        var begun = await BackUpAsync(place, tar: null, budget: new RunBudget(new StopRules { MaximumImages = 17 }));
        // Half a line is what a run leaves that is killed; the next one takes it away.
        File.AppendAllText(Path.Combine(begun.CollectionPath!, "manifest.jsonl"), """{"id":"12""");
        File.AppendAllText(Path.Combine(begun.CollectionPath!, "metadata.jsonl"), """{"id":"12""");
        AssertSound(place, begun.CollectionPath!);
        await BackUpAsync(place, TarGrouping.Date);
        AssertSound(place, place.Collection("anna"));
    }

    [Fact]
    public async Task What_can_still_be_read_of_a_plain_file_is_kept_and_the_rest_is_made_again()
    {
        await using var place = await OpenAsync(30);
        var begun = (await BackUpAsync(place, tar: null, budget: new RunBudget(new StopRules { MaximumImages = 20 }))).CollectionPath!;
        var (manifest, listing) = (Path.Combine(begun, "manifest.jsonl"), Path.Combine(begun, "metadata.jsonl"));
        var (entries, records) = (File.ReadAllLines(manifest), File.ReadAllLines(listing));
        var saved = entries.Select(e => (string)JsonNode.Parse(e)!["id"]!).ToHashSet();
        // A block of zeros in the middle: of some lines nothing is left.
        ZeroLines(manifest, 5..8);
        var lost = records.Select((r, i) => (Id: (string)JsonNode.Parse(r)!["id"]!, Line: i)).Where(r => saved.Contains(r.Id)).Take(3).ToList();
        foreach (var (_, line) in lost) ZeroLines(listing, line..(line + 1));

        var repaired = Repair(place, begun);

        Assert.Equal((20, records.Length), (repaired.Images, repaired.Records));
        var now = File.ReadAllLines(manifest).ToDictionary(e => (string)JsonNode.Parse(e)!["id"]!);
        for (var i = 0; i < entries.Length; i++)
        {
            var entry = JsonNode.Parse(entries[i])!.AsObject();
            if (i is >= 5 and < 8) entry.Remove("made");
            Assert.Equal(entry.ToJsonString(), JsonNode.Parse(now[(string)entry["id"]!])!.ToJsonString());
        }

        // Those of images that are not fetched yet, too, to the letter.
        Assert.Subset(File.ReadAllLines(listing).ToHashSet(), records.Where((_, i) => lost.All(l => l.Line != i)).ToHashSet());
        AssertSound(place, begun);
        var fetches = place.Fetches;
        Assert.Equal(new Ledger(10, 20, 0, 0), (await BackUpAsync(place, tar: null)).Ledger);
        Assert.Equal(10 + 1, place.Fetches - fetches);
    }

    [Fact]
    public async Task What_cannot_be_taken_in_is_named_and_the_rest_is_made_again()
    {
        await using var place = await OpenAsync(30);
        await BackUpAsync(place, tar: null, new SaveOptions { Layout = CollectionLayout.Time });
        var collection = place.Collection("anna");
        var pictures = Pictures(collection);
        File.WriteAllBytes(pictures[0], new byte[new FileInfo(pictures[0]).Length]);
        // Its name is a time, and nothing else in it says which image it is.
        File.WriteAllBytes(pictures[1], WithoutExif(File.ReadAllBytes(pictures[1])));
        var stray = Path.Combine(Path.GetDirectoryName(pictures[2])!, "holiday.jpg");
        File.WriteAllBytes(stray, WithoutExif(File.ReadAllBytes(pictures[2])));
        Array.ForEach(Own, name => File.Delete(Path.Combine(collection, name)));

        var repaired = Repair(place, collection);

        Assert.Equal((28, 28), (repaired.Images, repaired.Records));
        string Place(string path) => Path.GetRelativePath(collection, path).Replace(Path.DirectorySeparatorChar, '/');
        Assert.Equal(new[] { pictures[0], pictures[1], stray }.Select(Place).Order(StringComparer.Ordinal), repaired.LeftOut.Select(f => f.Path).Order(StringComparer.Ordinal));
        Assert.Contains("no whole picture", repaired.LeftOut.Single(f => f.Path == Place(pictures[0])).Reason, StringComparison.Ordinal);
        Assert.All(repaired.LeftOut, f => Assert.Contains(place.Log.Warned, w => w.Contains(Path.GetFileName(f.Path), StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Pictures_that_hold_no_record_are_in_the_manifest_and_are_counted_as_without_one()
    {
        await using var place = await OpenAsync(30);
        await BackUpAsync(place, TarGrouping.Date, new SaveOptions { Restore = null });
        var collection = place.Collection("anna");
        var before = Written.Read(collection);
        Array.ForEach(Own, name => File.Delete(Path.Combine(collection, name)));

        var repaired = Repair(place, collection);

        Assert.Equal((30, 0), (repaired.Images, repaired.Records));
        Assert.Contains(repaired.Unknown, u => u.Contains("30 pictures hold no record", StringComparison.Ordinal));
        Assert.Equal(before.Manifest(without: "made"), Written.Read(collection).Manifest());
        AssertSound(place, collection);
        var fetches = place.Fetches;
        Assert.Equal(BackupStatus.Complete, (await BackUpAsync(place, TarGrouping.Date, new SaveOptions { Restore = null })).Status);
        Assert.Equal(fetches, place.Fetches);
        Assert.Equal(before.Records, Written.Read(collection).Records);
    }

    [Theory]
    [InlineData("zip -qr day.zip 20*-*/ && rm -r 20*-*/")]
    [InlineData("tar -czf day.tar.gz 20*-*/ && rm -r 20*-*/")]
    [InlineData("tar -czf day.tgz ./20*-*/ && rm -r 20*-*/")]
    public async Task What_was_packed_since_is_read_in_there(string pack) => await PackedAsync(tar: null, pack);

    [Theory]
    [InlineData("tar -czf tars.tar.gz *.tar && rm *.tar")]
    [InlineData("zip -q tars.zip *.tar && rm *.tar")]
    public async Task So_are_tars_that_were_packed(string pack) => await PackedAsync(TarGrouping.Date, pack);

    private static async Task PackedAsync(TarGrouping? tar, string pack)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The packing is done by a shell.");
        await using var place = await OpenAsync(30);
        await BackUpAsync(place, tar);
        var collection = place.Collection("anna");
        var before = Written.Read(collection);
        Workplace.Shell(collection, pack);
        Array.ForEach(Own, name => File.Delete(Path.Combine(collection, name)));

        var repaired = Repair(place, collection);

        Assert.Equal((30, 30), (repaired.Images, repaired.Records));
        Assert.Equal(before.Manifest(without: "made"), Written.Read(collection).Manifest());
        await AssertIntactAsync(collection);
        AssertSound(place, collection);
    }

    [Fact]
    public async Task Without_a_state_and_a_name_of_its_own_the_folder_is_refused_and_stays_as_it_is()
    {
        await using var place = await OpenAsync(30);
        await BackUpAsync(place, tar: null);
        var renamed = Path.Combine(place.Folder, "photos");
        Directory.Move(place.Collection("anna"), renamed);
        File.Delete(Path.Combine(renamed, "manifest.jsonl.gz"));
        var refused = "";
        foreach (var name in new[] { "collection.json", "metadata.jsonl.gz" })
        {
            File.Delete(Path.Combine(renamed, name));
            var before = Bytes(renamed);
            refused = Assert.Throws<CollectionException>(() => Repair(place, renamed)).Message;
            Assert.Equal(before, Bytes(renamed));
        }

        Assert.Contains("no collection", refused, StringComparison.Ordinal);
        Directory.Move(renamed, place.Collection("anna"));
        Assert.Equal(30, Repair(place, place.Collection("anna")).Images);
    }

    [Fact]
    public void A_folder_with_nothing_in_it_and_a_file_are_refused()
    {
        var folder = Directory.CreateTempSubdirectory("mapillary-test-").FullName;
        var empty = Directory.CreateDirectory(Path.Combine(folder, "mapillary-anna-original")).FullName;
        File.WriteAllText(Path.Combine(folder, "mapillary-anna-original.zip"), "");

        Assert.Contains("holds no picture", Assert.Throws<CollectionException>(() => CollectionRepair.Run(empty, null, SilentLog.Instance)).Message, StringComparison.Ordinal);
        Assert.Contains("unpacked", Assert.Throws<CollectionException>(() => CollectionRepair.Run(empty + ".zip", null, SilentLog.Instance)).Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Directory.EnumerateFiles(empty), f => Path.GetFileName(f) != ".lock");
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task One_that_is_being_written_is_left_alone_and_a_later_version_is_refused()
    {
        await using var place = await OpenAsync(30);
        await BackUpAsync(place, tar: null);
        var collection = place.Collection("anna");
        File.Delete(Path.Combine(collection, "manifest.jsonl.gz"));
        using (CollectionLock.Take(collection))
            Assert.Equal(CollectionFault.InUse, Assert.Throws<CollectionException>(() => Repair(place, collection)).Fault);
        Assert.False(File.Exists(Path.Combine(collection, "manifest.jsonl")));

        File.WriteAllText(Path.Combine(collection, "collection.json"), """{"version":9,"user":"anna"}""");
        Assert.Contains("version 9", Assert.Throws<CollectionException>(() => Repair(place, collection)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stopped_on_the_way_it_has_changed_nothing_and_the_next_time_it_is_whole()
    {
        await using var place = await OpenAsync(30);
        await BackUpAsync(place, TarGrouping.Date);
        var collection = place.Collection("anna");
        var damaged = Path.Combine(collection, "metadata.jsonl.gz");
        File.WriteAllBytes(damaged, File.ReadAllBytes(damaged)[..^9]);
        File.Delete(Path.Combine(collection, "manifest.jsonl.gz"));
        var before = Bytes(collection);
        using var stop = new CancellationTokenSource();

        Assert.ThrowsAny<OperationCanceledException>(() => CollectionRepair.Run(collection, new Stopping(stop), place.Log, stop.Token));

        Assert.Equal(before, Bytes(collection));
        Assert.Equal((30, 30), (Repair(place, collection).Images, Repair(place, collection).Records));
    }

    [Fact]
    public async Task An_image_that_is_there_twice_has_its_earlier_copy_noted()
    {
        await using var place = await OpenAsync(30);
        await BackUpAsync(place, TarGrouping.Date);
        var collection = place.Collection("anna");
        await place.SaveAsync("anna", new SaveOptions { Force = true, Restore = RestoreOptions.Default with { Position = PositionSource.Original } });
        var before = Written.Read(collection);
        foreach (var name in new[] { "collection.json", "manifest.jsonl", "metadata.jsonl", "manifest.jsonl.gz", "metadata.jsonl.gz" }) File.Delete(Path.Combine(collection, name));

        Assert.Equal((30, 30), (Repair(place, collection).Images, Repair(place, collection).Records));

        await AssertIntactAsync(collection);
        Assert.Equal(before.Manifest(without: "made"), Written.Read(collection).Manifest());
    }

    private static Task<Workplace> OpenAsync(int images) =>
        Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = images, Sequences = 3 }], PageLimit = 20 });

    private static Task<BackupResult> BackUpAsync(Workplace place, TarGrouping? tar, SaveOptions? save = null, RunBudget? budget = null) =>
        new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry).RunAsync(
            "anna",
            new BackupOptions { Save = (save ?? new SaveOptions()) with { Destination = place.Folder, Budget = budget }, Tar = tar },
            progress: null,
            TestContext.Current.CancellationToken);

    private static RepairResult Repair(Workplace place, string collection) =>
        CollectionRepair.Run(collection, progress: null, place.Log, TestContext.Current.CancellationToken);

    private static void AssertSound(Workplace place, string collection)
    {
        var before = Bytes(collection);
        var warned = place.Log.Warned.Count;
        Assert.Empty(CollectionRepair.Find(collection, TestContext.Current.CancellationToken));
        Assert.Equal("Sound", Repair(place, collection).Status);
        Assert.Equal(warned, place.Log.Warned.Count);
        Assert.Equal(before, Bytes(collection));
    }

    private static async Task AssertIntactAsync(string collection)
    {
        var check = await CollectionCheck.RunAsync(collection, 2, null, SilentLog.Instance, TestContext.Current.CancellationToken);
        Assert.Equal([], check.Missing.Concat(check.Changed).Concat(check.Unexpected).Select(f => f.ToString()));
    }

    private static List<string> Pictures(string collection) => [.. Directory.EnumerateFiles(collection, "*.jpg", SearchOption.AllDirectories)
        .Where(f => Path.GetDirectoryName(f) != collection).Order(StringComparer.Ordinal)];

    /// <summary>A JPEG without its first APP0 and APP1 segments.</summary>
    private static byte[] WithoutExif(byte[] jpeg)
    {
        var at = 2;
        while (jpeg[at + 1] is 0xE0 or 0xE1) at += 2 + ((jpeg[at + 2] << 8) | jpeg[at + 3]);
        return [.. jpeg[..2], .. jpeg[at..]];
    }

    private static void ZeroLines(string path, Range range)
    {
        var lines = File.ReadAllLines(path);
        var (start, count) = range.GetOffsetAndLength(lines.Length);
        for (var i = start; i < start + count; i++) lines[i] = new string('\0', lines[i].Length);
        File.WriteAllText(path, string.Join('\n', lines) + "\n");
    }

    private static SortedDictionary<string, string> Bytes(string folder) => new(
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(f => !Path.GetFileName(f).StartsWith(".lock", StringComparison.Ordinal))
            .ToDictionary(f => f, f => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f)))),
        StringComparer.Ordinal);

    private sealed class Stopping(CancellationTokenSource stop) : IProgress<CheckProgress>
    {
        public void Report(CheckProgress value) => stop.Cancel();
    }

    /// <summary>What a collection says of itself, read by .NET alone.</summary>
    private sealed record Written(List<JsonObject> Entries, SortedDictionary<string, string> Records, JsonObject State, SortedDictionary<string, string> Files)
    {
        public static Written Read(string collection)
        {
            var state = JsonNode.Parse(File.ReadAllText(Path.Combine(collection, "collection.json")))!.AsObject();
            state.Remove("updated");
            var records = Lines(collection, "metadata.jsonl").Select(line => JsonNode.Parse(line)!.AsObject()).ToDictionary(r => (string)r["id"]!, r =>
            {
                // Addresses are dead within a month.
                foreach (var name in r.Select(p => p.Key).Where(k => k.EndsWith("_url", StringComparison.Ordinal)).ToList()) r.Remove(name);
                return Plain(r);
            });
            var files = Bytes(collection).Where(f => !Path.GetFileName(f.Key).StartsWith("download.log", StringComparison.Ordinal)
                && Path.GetFileName(f.Key).Split('.')[0] is not ("collection" or "manifest" or "metadata"));
            return new Written(
                [.. Lines(collection, "manifest.jsonl").Select(line => JsonNode.Parse(line)!.AsObject())],
                new SortedDictionary<string, string>(records, StringComparer.Ordinal),
                state,
                new SortedDictionary<string, string>(files.ToDictionary(f => f.Key, f => f.Value), StringComparer.Ordinal));
        }

        /// <summary>The lines of the manifest that count, in the order of their texts, without a property.</summary>
        public List<string> Manifest(string? without = null)
        {
            var last = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var entry in Entries)
            {
                var copy = entry.DeepClone().AsObject();
                Remove(copy);
                foreach (var earlier in copy["superseded"]?.AsArray() ?? []) Remove(earlier!.AsObject());
                last[(string?)copy["id"] ?? (string)copy["tar"]!] = Plain(copy);
            }

            return [.. last.Values.Order(StringComparer.Ordinal)];

            void Remove(JsonObject part)
            {
                if (without is not null) part.Remove(without);
            }
        }

        private static IEnumerable<string> Lines(string collection, string name)
        {
            var plain = Path.Combine(collection, name);
            using Stream file = File.Exists(plain) ? File.OpenRead(plain) : new GZipStream(File.OpenRead(plain + ".gz"), CompressionMode.Decompress);
            using var reader = new StreamReader(file, Encoding.UTF8);
            return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }

        /// <summary>A value as text: properties in the order of their names, numbers by what they are worth.</summary>
        private static string Plain(JsonNode? node) => node switch
        {
            JsonObject o => $"{{{string.Join(",", o.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key}:{Plain(p.Value)}"))}}}",
            JsonArray a => $"[{string.Join(",", a.Select(Plain))}]",
            JsonValue v when v.GetValueKind() == JsonValueKind.Number => v.GetValue<double>().ToString("R", CultureInfo.InvariantCulture),
            null => "null",
            _ => node.ToJsonString(),
        };
    }
}
