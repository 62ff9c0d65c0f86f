using System.Collections.Concurrent;
using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Records;
using Mapillary.Collections.Tars;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.InternetArchive.Describing;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

/// <summary>Reading a collection back: every kind of damage is found, and nothing where there is none.</summary>
public class CollectionCheckTests
{
    private const int Images = 20;

    [Theory]
    [InlineData(null)]
    [InlineData(TarGrouping.Date)]
    [InlineData(TarGrouping.Sequence)]
    public async Task A_collection_as_it_was_written_is_intact(TarGrouping? grouping)
    {
        await using var place = await OpenAsync();
        var path = await BackupAsync(place, grouping);
        var before = Snapshot(path);

        var check = await CheckAsync(path);

        AssertIntact(check);
        Assert.Equal((Images, 0), (check.Images, check.Pending));
        Assert.Equal(before, Snapshot(path));
    }

    [Theory]
    [InlineData(TarGrouping.Date)]
    [InlineData(TarGrouping.Sequence)]
    public async Task Pictures_that_stayed_beside_their_tars_belong_to_the_collection_and_are_read_too(TarGrouping grouping)
    {
        await using var place = await OpenAsync();
        var saved = await place.SaveAsync("anna");
        var path = place.Collection("anna");
        var tars = SequenceTarBundler.Bundle(path, null, grouping, keepSource: true, SilentLog.Instance, TestContext.Current.CancellationToken).ToList();

        AssertIntact(await CheckAsync(path));

        FlipByte(saved[0].Path!, 500);
        var check = await CheckAsync(path);
        Assert.Equal([Place(path, saved[0].Path!)], check.Changed.Select(f => f.Path));
        Assert.Empty(check.Missing);
        // The copy that is left does not make a tar that is gone whole.
        tars.ForEach(t => File.Delete(t.Path));
        Assert.Equal(Images + tars.Count, (await CheckAsync(path)).Missing.Count);
    }

    [Fact]
    public async Task WebP_files_are_read_as_JPEGs_are()
    {
        await using var place = await OpenAsync();
        var saved = await place.SaveAsync("anna", new SaveOptions { Form = new WebpForm() });
        var path = saved[0].CollectionPath;

        AssertIntact(await CheckAsync(path));
        FlipByte(saved[0].Path!, 40);
        Assert.Equal([saved[0].Id], (await CheckAsync(path)).Changed.Select(f => f.ImageId));
    }

    [Fact]
    public async Task What_belongs_to_a_collection_beside_its_pictures_is_not_unexpected_and_what_looks_like_it_is()
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        var path = place.Collection("anna");
        var metadata = IaMetadata.Describe(path, place.Log, TestContext.Current.CancellationToken);
        foreach (var format in Enum.GetValues<IaMetadataFormat>()) IaMetadataWriter.Write(metadata, format, null);
        foreach (var own in (string[])["__ia_thumb__.jpg", "download.log.20240101-120000", ".lock", ".lock.owner", "failed.jsonl"]) File.WriteAllText(Path.Combine(path, own), "");
        AssertIntact(await CheckAsync(path));

        List<string> strays = [".meta.txt", "2024-01-01/download.log.x", "2024-01-01/metadata.jsonl", "manifest.jsonl.part", "x.jpg.part"];
        // To Windows and macOS it is the listing itself.
        if (!File.Exists(Path.Combine(path, "METADATA.JSONL"))) strays.Add("METADATA.JSONL");
        foreach (var stray in strays)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(path, stray))!);
            File.WriteAllText(Path.Combine(path, stray), "");
        }

        Assert.Equal(strays.Order(StringComparer.Ordinal), (await CheckAsync(path)).Unexpected.Select(f => f.Path));
    }

    [Fact]
    public async Task Every_damage_to_files_is_named()
    {
        await using var place = await OpenAsync();
        var path = await BackupAsync(place, grouping: null);
        var files = Directory.EnumerateFiles(path, "*.jpg", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToList();
        var (deleted, cut, flipped, touched) = (files[0], files[1], files[2], files[3]);
        File.Delete(deleted);
        using (var file = new FileStream(cut, FileMode.Open)) file.SetLength(file.Length - 1);
        FlipByte(flipped, 500);
        File.SetLastWriteTimeUtc(touched, DateTime.UnixEpoch);
        File.WriteAllText(Path.Combine(path, "notes.txt"), "mine");
        if (!OperatingSystem.IsWindows()) Directory.CreateSymbolicLink(Path.Combine(path, "elsewhere"), Path.GetTempPath());

        var check = await CheckAsync(path);

        Assert.False(check.IsIntact);
        Assert.Equal([(Place(path, deleted), IdOf(deleted), "is not there")], check.Missing.Select(f => (f.Path, f.ImageId, f.Reason)));
        Assert.Equal([(Place(path, cut), IdOf(cut)), (Place(path, flipped), IdOf(flipped))], check.Changed.Select(f => (f.Path, f.ImageId)));
        Assert.Matches(@"^has \d+ bytes, not \d+$", check.Changed[0].Reason);
        Assert.Contains("SHA-256 differs", check.Changed[1].Reason, StringComparison.Ordinal);
        Assert.Equal(OperatingSystem.IsWindows() ? ["notes.txt"] : ["elsewhere", "notes.txt"], check.Unexpected.Select(f => f.Path));
    }

    [Fact]
    public async Task Every_damage_to_tars_is_named()
    {
        await using var place = await OpenAsync();
        var path = await BackupAsync(place, TarGrouping.Sequence);
        var tars = Directory.GetFiles(path, "*.tar").Order(StringComparer.Ordinal).ToList();
        Assert.Equal(4, tars.Count);
        var inside = tars.ToDictionary(t => t, NamesIn);
        // Behind the header of the first entry: a byte of a picture.
        FlipByte(tars[0], 512 + 300);
        using (var file = new FileStream(tars[1], FileMode.Open)) file.SetLength(file.Length / 2);
        File.Delete(tars[2]);
        using (var tar = new TarWriter(File.Create(Path.Combine(path, "stray.tar"))))
            tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, "x.jpg") { DataStream = new MemoryStream([1]) });

        var check = await CheckAsync(path);

        Assert.Contains($"{Path.GetFileName(tars[0])}:{inside[tars[0]][0]}", check.Changed.Select(f => f.Path));
        Assert.Contains(Path.GetFileName(tars[1]), check.Changed.Select(f => f.Path));
        // What lies behind the cut, and all of the tar that is gone; each by its id.
        Assert.Contains($"{Path.GetFileName(tars[1])}:{inside[tars[1]][^1]}", check.Missing.Select(f => f.Path));
        Assert.All(inside[tars[2]], name => Assert.Contains(check.Missing, f => f.Path == name && f.ImageId == Path.GetFileNameWithoutExtension(name) && f.Reason.Contains("is not there", StringComparison.Ordinal)));
        Assert.Equal(["stray.tar"], check.Unexpected.Select(f => f.Path));
        Assert.DoesNotContain(check.Missing.Concat(check.Changed), f => f.Path.StartsWith(Path.GetFileName(tars[3]), StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_tar_in_which_any_byte_is_another_is_found()
    {
        var path = SmallTarCollection(out var tar);
        var whole = File.ReadAllBytes(tar);
        AssertIntact(await CheckAsync(path));

        var unseen = new List<int>();
        // At hand every seventh, which comes to each place of a header in some entry.
        for (var at = 0; at < whole.Length; at += Thoroughness.Of(7, 1))
        {
            FlipByte(tar, at);
            if ((await CheckAsync(path)).IsIntact) unseen.Add(at);
            FlipByte(tar, at);
        }

        // The blank behind the sum of each header says nothing and is no part of the sum.
        Assert.All(unseen, at => Assert.InRange(at % 512, 154, 155));
        Assert.Equal(whole, File.ReadAllBytes(tar));
        Directory.Delete(path, recursive: true);
    }

    [Fact]
    public async Task A_tar_cut_anywhere_or_with_something_behind_its_end_is_found()
    {
        var path = SmallTarCollection(out var tar);
        var whole = File.ReadAllBytes(tar);
        for (var length = 0; length < whole.Length; length += 64)
        {
            File.WriteAllBytes(tar, whole[..length]);
            Assert.Equal(["s.tar"], (await CheckAsync(path)).Changed.Where(f => f.ImageId is null).Select(f => f.Path).Distinct());
        }

        File.WriteAllBytes(tar, [.. whole, .. new byte[8192], 1]);
        Assert.Contains("behind its end", Assert.Single((await CheckAsync(path)).Changed).Reason, StringComparison.Ordinal);
        // GNU tar fills its last record up.
        File.WriteAllBytes(tar, [.. whole, .. new byte[8192]]);
        AssertIntact(await CheckAsync(path));
        Directory.Delete(path, recursive: true);
    }

    [Fact]
    public async Task Entries_of_a_tar_that_the_manifest_does_not_know_or_that_are_there_twice_or_are_no_files_are_unexpected()
    {
        var path = SmallTarCollection(out var tar);
        var picture = File.ReadAllBytes(tar).AsSpan(512, 700).ToArray();
        File.Delete(tar);
        using (var writer = new TarWriter(File.Create(tar), TarEntryFormat.Pax))
        {
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "s/1.jpg") { DataStream = new MemoryStream(picture) });
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "s/1.jpg") { DataStream = new MemoryStream(picture) });
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "../../s/1.jpg") { DataStream = new MemoryStream(picture) });
            writer.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, "s/2.jpg") { LinkName = "/etc/passwd" });
        }

        var check = await CheckAsync(path);

        Assert.Empty(check.Changed);
        Assert.Equal(["s.tar:../../s/1.jpg", "s.tar:s/1.jpg", "s.tar:s/2.jpg"], check.Unexpected.Select(f => f.Path));
        Assert.Equal(["s.tar:s/2.jpg"], check.Missing.Select(f => f.Path));
        Directory.Delete(path, recursive: true);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_link_in_the_place_of_a_picture_or_its_folder_is_not_followed(bool folder)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need rights on Windows.");
        await using var place = await OpenAsync();
        var saved = await place.SaveAsync("anna");
        var path = place.Collection("anna");
        var (moved, outside) = (folder ? Path.GetDirectoryName(saved[0].Path!)! : saved[0].Path!, Path.Combine(place.Folder, "outside"));
        Directory.Move(moved, outside);
        File.CreateSymbolicLink(moved, outside);

        var check = await CheckAsync(path);

        Assert.Equal([Place(path, moved)], check.Unexpected.Select(f => f.Path));
        Assert.Contains(saved[0].Id, check.Missing.Select(f => f.ImageId));
        Assert.All(check.Missing, f => Assert.Contains("behind the link", f.Reason, StringComparison.Ordinal));
        Assert.Equal(saved.Where(s => !s.Path!.StartsWith(moved, StringComparison.Ordinal)).Sum(s => s.Length), check.Bytes);
    }

    [Theory]
    [InlineData("manifest.jsonl")]
    [InlineData("metadata.jsonl")]
    [InlineData("collection.json")]
    public async Task A_link_in_the_place_of_what_tells_of_the_pictures_is_refused(string file)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need rights on Windows.");
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        var path = Path.Combine(place.Collection("anna"), file);
        File.Move(path, path + ".moved");
        File.CreateSymbolicLink(path, path + ".moved");

        var refused = await Assert.ThrowsAsync<CollectionException>(() => CheckAsync(place.Collection("anna")));

        Assert.Contains("is a link", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pipe_in_the_place_of_a_picture_does_not_hold_the_reading_up()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no pipes among files.");
        await using var place = await OpenAsync();
        var saved = await place.SaveAsync("anna");
        File.Delete(saved[0].Path!);
        Workplace.Run("mkfifo", saved[0].Path!);

        var check = await CheckAsync(place.Collection("anna"));

        Assert.Equal([saved[0].Id], check.Changed.Select(f => f.ImageId));
    }

    [Fact]
    public async Task A_collection_that_calls_itself_complete_is_held_to_it()
    {
        await using var place = await OpenAsync();
        var path = await BackupAsync(place, grouping: null);
        var listing = Path.Combine(path, "metadata.jsonl.gz");
        var whole = File.ReadAllBytes(listing);

        File.WriteAllBytes(listing, whole[..^20]);
        Assert.Equal(["metadata.jsonl.gz"], (await CheckAsync(path)).Changed.Select(f => f.Path));

        File.Delete(listing);
        Assert.Equal(["metadata.jsonl"], (await CheckAsync(path)).Missing.Select(f => f.Path));

        // One record lost, and one that came from nowhere.
        using var unpacked = new StreamReader(new GZipStream(new MemoryStream(whole), CompressionMode.Decompress));
        var lines = unpacked.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        File.WriteAllLines(Path.Combine(path, "metadata.jsonl"), [.. lines[1..], """{"id":"4711"}"""]);
        var check = await CheckAsync(path);
        Assert.Equal((1, 2), (check.Pending, check.Missing.Count));
        Assert.Contains("4711", check.Missing.Select(f => f.ImageId));

        File.Delete(Path.Combine(path, "collection.json"));
        Assert.Contains("collection.json", (await CheckAsync(path)).Missing.Select(f => f.Path));
        File.WriteAllText(Path.Combine(path, "collection.json"), "rubbish");
        Assert.Contains("collection.json", (await CheckAsync(path)).Changed.Select(f => f.Path));
    }

    [Fact]
    public async Task What_the_last_lines_of_a_manifest_say_counts_and_a_place_is_one_images()
    {
        await using var place = await OpenAsync();
        var saved = await place.SaveAsync("anna");
        var path = place.Collection("anna");
        var manifest = Path.Combine(path, "manifest.jsonl");
        var first = File.ReadAllLines(manifest).First(l => l.Contains(saved[0].Id, StringComparison.Ordinal));
        // Named in another form, once more, and taken out.
        File.AppendAllText(manifest, first.Replace("\"path\":\"", "\"path\":\"./x/../", StringComparison.Ordinal) + "\n");
        AssertIntact(await CheckAsync(path));
        File.AppendAllText(manifest, first.Replace(saved[0].Sha256!, "00", StringComparison.Ordinal) + "\n");
        Assert.Equal([saved[0].Id], (await CheckAsync(path)).Changed.Select(f => f.ImageId));
        File.AppendAllText(manifest, first.Replace($"\"id\":\"{saved[0].Id}\"", "\"id\":\"007\"", StringComparison.Ordinal) + "\n");
        Assert.Contains((await CheckAsync(path)).Changed, f => f.Path == "manifest.jsonl" && f.Reason.Contains("as it does for image", StringComparison.Ordinal));
        File.AppendAllText(manifest, $"{{\"id\":\"{saved[0].Id}\",\"removed\":true}}\n{{\"id\":\"007\",\"removed\":true}}\n");
        Assert.Equal([Place(path, saved[0].Path!)], (await CheckAsync(path)).Unexpected.Select(f => f.Path));
    }

    [Fact]
    public async Task While_it_is_read_nobody_else_writes_it()
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        var path = place.Collection("anna");
        var faults = new ConcurrentQueue<CollectionFault?>();
        var progress = new OnProgress(p =>
        {
            try
            {
                CollectionWriter.Open(path, new CollectionName("anna", ImageQuality.Original, PictureForm.AsServed), CollectionLayout.Date, null, place.Log).Dispose();
                faults.Enqueue(null);
            }
            catch (CollectionException e)
            {
                faults.Enqueue(e.Fault);
            }
        });

        AssertIntact(await CollectionCheck.RunAsync(path, 2, progress, SilentLog.Instance, TestContext.Current.CancellationToken));

        Assert.Equal([CollectionFault.InUse], faults.Distinct());
    }

    [Fact]
    public async Task A_run_that_began_while_there_was_no_lock_to_hold_makes_the_reading_worth_nothing()
    {
        await using var place = await OpenAsync();
        var path = await BackupAsync(place, grouping: null);
        CollectionWriter? writer = null;
        var progress = new OnProgress(_ =>
        {
            lock (path) writer ??= CollectionWriter.Open(path, new CollectionName("anna", ImageQuality.Original, PictureForm.AsServed), CollectionLayout.Date, null, place.Log);
        });

        var refused = await Assert.ThrowsAsync<CollectionException>(() => CollectionCheck.RunAsync(path, 2, progress, SilentLog.Instance, TestContext.Current.CancellationToken));

        Assert.Equal(CollectionFault.InUse, refused.Fault);
        writer!.Dispose();
    }

    [Fact]
    public async Task Progress_ends_with_all_bytes()
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        var told = new ConcurrentQueue<CheckProgress>();

        var check = await CollectionCheck.RunAsync(place.Collection("anna"), 4, new OnProgress(told.Enqueue), SilentLog.Instance, TestContext.Current.CancellationToken);

        Assert.Equal((check.Bytes, check.Bytes), (told.Max(t => t.Bytes), told.First().TotalBytes));
    }

    [Fact]
    public async Task A_folder_that_may_not_be_written_is_read()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || Environment.UserName == "root", "Needs a system and a user for whom rights count.");
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        var path = place.Collection("anna");
        Workplace.Run("chmod", "000", Path.Combine(path, ".lock"));
        Workplace.Run("chmod", "500", path);

        AssertIntact(await CheckAsync(path));

        Workplace.Run("chmod", "700", path);
    }

    [Fact]
    public async Task A_line_that_the_manifest_lost_and_one_that_is_garbage_are_found()
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        var path = place.Collection("anna");
        var manifest = Path.Combine(path, "manifest.jsonl");
        var lines = File.ReadAllLines(manifest);
        File.WriteAllText(manifest, string.Join('\n', lines[2..]) + "\n{\"id\":12}\n");

        var check = await CheckAsync(path);

        Assert.Equal(2, check.Unexpected.Count);
        Assert.Equal(2, check.Pending);
        Assert.Equal("manifest.jsonl", Assert.Single(check.Changed).Path);
    }

    [Fact]
    public async Task A_manifest_that_leads_outside_is_told_of_and_not_followed()
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        File.WriteAllText(Path.Combine(place.Folder, "secret"), "x");
        File.AppendAllText(Path.Combine(place.Collection("anna"), "manifest.jsonl"),
            """{"id":"1","path":"../secret","bytes":1,"sha256":"00"}""" + "\n" + """{"id":"2","path":"a/2.jpg","bytes":1,"sha256":"00","tar":"../x.tar"}""" + "\n");

        var check = await CheckAsync(place.Collection("anna"));

        Assert.Equal(["1", "2"], check.Changed.Select(f => f.ImageId));
        Assert.All(check.Changed, f => Assert.Contains("outside of the collection", f.Reason, StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_being_written_or_is_no_collection_is_refused()
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        using (CollectionWriter.Open(place.Collection("anna"), new CollectionName("anna", ImageQuality.Original, PictureForm.AsServed), CollectionLayout.Date, null, place.Log))
        {
            var refused = await Assert.ThrowsAsync<CollectionException>(() => CheckAsync(place.Collection("anna")));
            Assert.Equal(CollectionFault.InUse, refused.Fault);
            Assert.Contains($"written by process {Environment.ProcessId} on ", refused.Message, StringComparison.Ordinal);
        }

        var other = Directory.CreateDirectory(Path.Combine(place.Folder, "other")).FullName;
        Assert.Contains(other, (await Assert.ThrowsAsync<CollectionException>(() => CheckAsync(other))).Message, StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(other, "metadata.jsonl"), """{"id":"1"}""" + "\n" + """{"__complete__": true}""");
        Assert.Contains("mapillary-downloader", (await Assert.ThrowsAsync<CollectionException>(() => CheckAsync(other))).Message, StringComparison.Ordinal);
    }

    private static void AssertIntact(CollectionCheck check) =>
        Assert.True(check.IsIntact, string.Join('\n', check.Missing.Concat(check.Changed).Concat(check.Unexpected)));

    /// <summary>Two pictures in a tar, small enough to be read some thousand times.</summary>
    private static string SmallTarCollection(out string tar)
    {
        var path = Directory.CreateTempSubdirectory("mapillary-test-").FullName;
        Directory.CreateDirectory(Path.Combine(path, "s"));
        using (var writer = CollectionWriter.Open(path, new CollectionName("anna", ImageQuality.Original, PictureForm.AsServed), CollectionLayout.Sequence, null, SilentLog.Instance))
        {
            foreach (var id in (string[])["1", "2"])
            {
                var picture = Enumerable.Range(0, 700).Select(i => (byte)((i * 7) + id[0])).ToArray();
                File.WriteAllBytes(Path.Combine(path, "s", $"{id}.jpg"), picture);
                writer.List(MapillaryImage.Parse($$"""{"id":"{{id}}"}"""));
                writer.Finish(new ManifestEntry(id, $"s/{id}.jpg", picture.Length, Convert.ToHexString(SHA256.HashData(picture)), null));
            }

            tar = writer.Bundle(TarGrouping.Sequence, TestContext.Current.CancellationToken).Single().Path;
        }

        return path;
    }

    private static List<(string, DateTime)> Snapshot(string path) =>
        [.. Directory.EnumerateFileSystemEntries(path, "*", SearchOption.AllDirectories).Append(path).Order(StringComparer.Ordinal).Select(p => (p, File.GetLastWriteTimeUtc(p)))];

    private static Task<Workplace> OpenAsync() =>
        Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = Images, Sequences = 4 }] });

    private static async Task<string> BackupAsync(Workplace place, TarGrouping? grouping) =>
        (await new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry)
            .RunAsync("anna", new BackupOptions { Tar = grouping, Save = new SaveOptions { Destination = place.Folder } }, null, TestContext.Current.CancellationToken)).CollectionPath!;

    private static Task<CollectionCheck> CheckAsync(string path) => CollectionCheck.RunAsync(path, 2, null, SilentLog.Instance, TestContext.Current.CancellationToken);

    private static string Place(string root, string path) => Path.GetRelativePath(root, path).Replace('\\', '/');

    private static string IdOf(string path) => Path.GetFileNameWithoutExtension(path);

    private static List<string> NamesIn(string path)
    {
        using var tar = new TarReader(File.OpenRead(path));
        var names = new List<string>();
        while (tar.GetNextEntry() is { } entry) names.Add(entry.Name);
        return names;
    }

    private static void FlipByte(string path, int at)
    {
        using var file = new FileStream(path, FileMode.Open);
        file.Position = at;
        var value = file.ReadByte();
        file.Position = at;
        file.WriteByte((byte)(value ^ 0x20));
    }

    private sealed class OnProgress(Action<CheckProgress> report) : IProgress<CheckProgress>
    {
        public void Report(CheckProgress value) => report(value);
    }
}
