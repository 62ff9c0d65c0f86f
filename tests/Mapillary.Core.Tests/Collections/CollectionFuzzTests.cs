using System.Globalization;
using System.IO.Compression;
using System.Text;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Places;
using Mapillary.Collections.Tars;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.InternetArchive.Describing;
using Mapillary.InternetArchive.Uploading;
using Mapillary.Maps;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

/// <summary>
/// Collections whose manifest, listing, state and journal were changed at random: whoever opens them ends well, or with an error that
/// names the collection or a file of it. MAPILLARY_FUZZ sets the number of collections to a hundredth of it, MAPILLARY_FUZZ_SEED another
/// sequence of them.
/// </summary>
public class CollectionFuzzTests
{
    private const int FewestCollections = 60;

    private static readonly TimeSpan HangsAfter = TimeSpan.FromMinutes(1);

    private static readonly string[] Values =
    [
        "null", "true", "-1", "0", "1e400", "99999999999999999999999", "9223372036854775807", "\"\"", "\"../../x\"", "\"/etc/passwd\"", "\"a\\u0000b\"", "\"\\ud800\"", "\"\\u202e\\u001b[2J\"", "\"CON\"",
        "[]", "{}", "[[[[[[[[]]]]]]]]", "\"" + new string('9', 300) + "\"", "{\"id\":{\"id\":[]}}", "\"2024-13-77\"", "\"x\"", "x",
    ];

    private static int Collections => int.TryParse(Environment.GetEnvironmentVariable("MAPILLARY_FUZZ"), CultureInfo.InvariantCulture, out var files) ? Math.Max(1, files / 100) : FewestCollections;

    private static int Seed => int.TryParse(Environment.GetEnvironmentVariable("MAPILLARY_FUZZ_SEED"), CultureInfo.InvariantCulture, out var seed) ? seed : 7;

    private static readonly (string Name, Func<Workplace, string, CancellationToken, Task> Run)[] Readers =
    [
        ("check", (_, path, ct) => CollectionCheck.RunAsync(path, 1, null, SilentLog.Instance, ct)),
        ("describe", (_, path, ct) => Do(() => IaMetadataWriter.Write(IaMetadata.Describe(path, SilentLog.Instance, ct), IaMetadataFormat.Rip, null))),
        ("map", (_, path, ct) => Do(() =>
        {
            var map = new CaptureMap();
            map.AddListing(path, SilentLog.Instance, ct);
            map.Write(Path.Combine(path, "map.html"), MapFormat.Html, ct);
        })),
        ("complete names", (place, _, _) => Do(() => _ = NearbyCollections.Users(place.Folder).Count + NearbyCollections.Sequences(place.Folder).Count)),
        ("plan an upload", async (place, path, ct) => (await UploadPlan.MakeAsync(path, place.Endpoints, new UploadOptions { Force = true }, SilentLog.Instance, Workplace.QuickRetry, ct)).Dispose()),
        ("identify files", (_, path, ct) => Do(() => FileIdentity.IdsOf(FileRestorer.FilesIn(path), SilentLog.Instance, ct))),
        ("save", async (place, _, _) => await place.SaveAsync("anna")),
        ("bundle", (_, path, ct) => Do(() => SequenceTarBundler.Bundle(path, null, TarGrouping.Date, keepSource: false, SilentLog.Instance, ct).Count())),
        ("back up", (place, _, ct) => new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), SilentLog.Instance, Workplace.QuickRetry)
            .RunAsync("anna", new BackupOptions { Save = new SaveOptions { Destination = place.Folder } }, null, ct)),
    ];

    [Fact]
    public Task Changed_collections_are_read_or_refused_within_192_MiB_of_memory() => MemoryLimit.RunAsync(RunAsync, BombTests.Heap);

    private static async Task RunAsync()
    {
        await using var place = await Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = 6, Sequences = 2 }] });
        await place.SaveAsync("anna");
        using (var plan = await UploadPlan.MakeAsync(place.Collection("anna"), place.Endpoints, new UploadOptions { Force = true, MaximumWait = TimeSpan.Zero }, SilentLog.Instance, Workplace.QuickRetry, TestContext.Current.CancellationToken))
            await CollectionUpload.RunAsync(plan, place.Keys, null, TestContext.Current.CancellationToken);
        var original = Path.Combine(place.Folder, "original");
        Directory.Move(place.Collection("anna"), original);
        int refused = 0, taken = 0;
        for (var i = 0; i < Collections; i++)
        {
            var random = new Random(unchecked((Seed * 31) + i));
            Copy(original, place.Collection("anna"));
            File.WriteAllText(Path.Combine(place.Collection("anna"), "failed.jsonl"), "{\"id\":\"17\",\"status\":\"Unavailable\",\"reason\":\"gone\"}\n");
            for (var changes = random.Next(1, 4); changes > 0; changes--) Change(place.Collection("anna"), random);
            var (reader, run) = Readers[random.Next(Readers.Length)];
            var what = $"seed {Seed}, collection {i}, {reader}";
            try
            {
                await Task.Run(() => run(place, place.Collection("anna"), TestContext.Current.CancellationToken)).WaitAsync(HangsAfter, TestContext.Current.CancellationToken);
                taken++;
            }
            catch (Exception e)
            {
                refused++;
                Assert.True(e is CollectionException or InvalidDataException or IOException, $"{what}: {e}");
                Assert.True(e.Message.Contains("mapillary-anna-original", StringComparison.Ordinal), $"{what} names nothing: {e.Message}");
            }

            // Nothing was written beside the collection, whatever a manifest said.
            Assert.Empty(Directory.EnumerateFileSystemEntries(place.Folder).Select(Path.GetFileName).Except(["original", "mapillary-anna-original", ".staging"]));
            if (Directory.Exists(place.Collection("anna"))) Directory.Delete(place.Collection("anna"), recursive: true);
            if (Directory.Exists(Path.Combine(place.Folder, ".staging"))) Directory.Delete(Path.Combine(place.Folder, ".staging"), recursive: true);
        }

        if (Collections >= FewestCollections) Assert.True(refused > 0 && taken > 0, $"{refused} refused, {taken} taken");
    }

    /// <summary>Changes one of the files: values and lines of it, or its bytes; and some are compressed before or after that.</summary>
    private static void Change(string collection, Random random)
    {
        string[] files = ["collection.json", "metadata.jsonl", "manifest.jsonl", "failed.jsonl", ".upload.jsonl"];
        var file = Path.Combine(collection, files[random.Next(files.Length)]);
        if (!File.Exists(file)) return;
        var isPacked = random.Next(3) == 0 && file.EndsWith(".jsonl", StringComparison.Ordinal);
        var bytes = File.ReadAllBytes(file);
        switch (random.Next(6))
        {
            case 0: bytes = Encoding.UTF8.GetBytes(WithOtherValue(Encoding.UTF8.GetString(bytes), random)); break;
            case 1: bytes = Encoding.UTF8.GetBytes(WithOtherLines(Encoding.UTF8.GetString(bytes), random)); break;
            case 2: bytes = bytes[..random.Next(bytes.Length + 1)]; break;
            case 3: bytes[random.Next(bytes.Length)] = (byte)random.Next(256); break;
            case 4: bytes = new byte[random.Next(5) == 0 ? 3 << 20 : random.Next(4096)]; break;
            default: random.NextBytes(bytes.AsSpan(random.Next(bytes.Length))); break;
        }

        if (isPacked)
        {
            var packed = new MemoryStream();
            using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(bytes);
            bytes = packed.ToArray();
            if (random.Next(3) == 0 && bytes.Length > 0) bytes[random.Next(bytes.Length)] ^= 0x55;
            File.Delete(file);
            file += ".gz";
        }

        File.WriteAllBytes(file, bytes);
    }

    private static string WithOtherValue(string text, Random random)
    {
        var colons = Enumerable.Range(0, text.Length).Where(i => text[i] == ':' && i > 0 && text[i - 1] == '"').ToList();
        if (colons.Count == 0) return text;
        var from = colons[random.Next(colons.Count)] + 1;
        var to = text.IndexOfAny([',', '}', '\n'], from);
        return to < 0 ? text : text[..from] + Values[random.Next(Values.Length)] + text[to..];
    }

    private static string WithOtherLines(string text, Random random)
    {
        var lines = text.Split('\n').ToList();
        var line = lines[random.Next(lines.Count)];
        switch (random.Next(5))
        {
            case 0: lines.Remove(line); break;
            case 1: lines.AddRange(Enumerable.Repeat(line, 50)); break;
            case 2: lines.Add(new string('[', 100_000)); break;
            case 3: lines.Add("{\"id\":\"" + new string('7', 2 << 20) + "\"}"); break;
            default: lines.Insert(0, Values[random.Next(Values.Length)]); break;
        }

        return string.Join('\n', lines);
    }

    private static Task Do(Action work)
    {
        work();
        return Task.CompletedTask;
    }

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }
}
