using System.Formats.Tar;
using Mapillary.Collections;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Collections.Tars;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

/// <summary>What a run finds that takes up what another left: killed, cut off from power, or changed by someone.</summary>
public class ResumeTests
{
    private const int Images = 12;

    [Fact]
    public async Task An_image_that_was_finished_and_deleted_and_that_Mapillary_no_longer_has_counts_as_unavailable_alone()
    {
        var gone = false;
        await using var place = await OpenAsync(new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.NotFound404, Which = t => gone && t.Ordinal == 5, Times = int.MaxValue });
        var saved = await place.SaveAsync("anna");
        var lost = saved.Single(s => s.Id == place.Emulator.World.Images.Single(i => i.Ordinal == 5).Id);
        File.Delete(lost.Path!);
        gone = true;

        foreach (var _ in Enumerable.Range(0, 2))
        {
            var again = await place.SaveAsync("anna");

            Assert.Equal(new Ledger(0, Images - 1, 1, 0), again.Aggregate(Ledger.Empty, (l, s) => l.With(s.Status)));
            var state = CollectionState.Read(place.Collection("anna"))!;
            Assert.Equal((Images, Images - 1, 1, 0), (state.Listed, state.Images, state.Unavailable, state.Failed));
        }
    }

    [Fact]
    public async Task Each_run_that_changes_a_collection_leaves_a_log_of_its_own()
    {
        await using var place = await OpenAsync(new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.NotFound404, Which = t => t.Ordinal == 5, Times = int.MaxValue });
        var options = new SaveOptions { KeepsRunLog = true };
        var saved = await place.SaveAsync("anna", options);
        var log = Assert.Single(Directory.EnumerateFiles(place.Collection("anna"), "download.log*"));

        var lines = File.ReadAllLines(log);
        Assert.Equal(Images + 2, lines.Length);
        Assert.Contains("saves images of user 'anna' in quality original.", lines[0], StringComparison.Ordinal);
        Assert.EndsWith("Listed 12: 11 are here, 1 unavailable, 0 failed.", lines[^1], StringComparison.Ordinal);
        Assert.All(saved, s => Assert.Single(lines, l => l.Contains($"mage {s.Id}", StringComparison.Ordinal) && l.Contains("WARNING", StringComparison.Ordinal) == (s.Path is null)));

        File.Delete(saved.First(s => s.Path is not null).Path!);
        await place.SaveAsync("anna", options);
        var second = Assert.Single(Directory.EnumerateFiles(place.Collection("anna"), "download.log*"), f => f != log);
        Assert.Single(File.ReadAllLines(second), l => l.Contains("Saved image", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_run_that_finds_all_there_leaves_no_log()
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");

        await place.SaveAsync("anna", new SaveOptions { KeepsRunLog = true });

        Assert.Empty(Directory.EnumerateFiles(place.Collection("anna"), "download.log*"));
    }

    [Theory]
    [InlineData("metadata.jsonl")]
    [InlineData("manifest.jsonl")]
    [InlineData("failed.jsonl")]
    public async Task A_last_line_that_was_only_half_written_is_cut_off_and_written_again(string file)
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        var path = Path.Combine(place.Collection("anna"), file);
        var before = File.Exists(path) ? File.ReadAllText(path) : "";
        File.AppendAllText(path, """{"id":"123456789012345","pa""");

        var again = await place.SaveAsync("anna");

        Assert.All(again, s => Assert.Equal(SavedImageStatus.Present, s.Status));
        Assert.Equal(before, File.Exists(path) ? File.ReadAllText(path) : "");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    public async Task A_file_that_a_power_cut_left_empty_or_short_is_fetched_again(int length)
    {
        await using var place = await OpenAsync();
        var saved = await place.SaveAsync("anna");
        var whole = File.ReadAllBytes(saved[3].Path!);
        File.WriteAllBytes(saved[3].Path!, whole[..length]);

        var again = await place.SaveAsync("anna");

        Assert.Equal(saved[3].Id, again.Single(s => s.Status == SavedImageStatus.Saved).Id);
        Assert.Equal(whole, File.ReadAllBytes(saved[3].Path!));
    }

    [Theory]
    [InlineData("the tar has its name, and the manifest does not know it")]
    [InlineData("the manifest knows the tar, and the sources are still there")]
    [InlineData("half of the sources are gone")]
    public async Task A_run_that_died_between_a_tar_and_the_end_of_its_sources_is_ended_and_bundles_nothing_twice(string state)
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        var (collection, died) = (place.Collection("anna"), Path.Combine(place.Folder, "died"));
        Copy(collection, died);
        var tars = Bundle(collection).Select(t => Path.GetFileName(t.Path)).ToList();
        foreach (var tar in tars) File.Copy(Path.Combine(collection, tar), Path.Combine(died, tar));
        if (!state.StartsWith("the tar", StringComparison.Ordinal)) File.Copy(Path.Combine(collection, "manifest.jsonl"), Path.Combine(died, "manifest.jsonl"), overwrite: true);
        if (state.StartsWith("half", StringComparison.Ordinal)) Directory.EnumerateFiles(died, "*.jpg", SearchOption.AllDirectories).Take(Images / 2).ToList().ForEach(File.Delete);

        var further = Bundle(died);

        Assert.Empty(further);
        Assert.Equal(tars.Order(StringComparer.Ordinal), Directory.GetFiles(died, "*.tar").Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Empty(Directory.EnumerateFiles(died, "*.jpg", SearchOption.AllDirectories));
        using var manifest = Manifest.Open(died, place.Log);
        Assert.All(place.Emulator.World.Images, i => Assert.NotNull(manifest.Find(i.Id)!.Tar));
    }

    [Fact]
    public async Task A_tar_of_someone_else_is_left_alone_whatever_it_is()
    {
        await using var place = await OpenAsync();
        var saved = await place.SaveAsync("anna");
        var collection = place.Collection("anna");
        var name = Path.GetRelativePath(collection, saved[0].Path!).Replace('\\', '/');
        var day = name[..name.IndexOf('/', StringComparison.Ordinal)];
        using (var tar = new TarWriter(File.Create(Path.Combine(collection, day + ".tar"))))
        {
            tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(new byte[saved[0].Length]) });
            tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, "../../outside.jpg") { DataStream = new MemoryStream([1]) });
        }

        File.WriteAllText(Path.Combine(collection, day + ".2.tar"), "no tar at all");
        var before = File.ReadAllBytes(Path.Combine(collection, day + ".tar"));

        var tars = Bundle(collection);

        Assert.Contains(Path.Combine(collection, day + ".3.tar"), tars.Select(t => t.Path));
        Assert.Equal(Images, tars.Sum(t => t.Entries));
        Assert.Equal(before, File.ReadAllBytes(Path.Combine(collection, day + ".tar")));
        Assert.Equal("no tar at all", File.ReadAllText(Path.Combine(collection, day + ".2.tar")));
        Assert.False(File.Exists(Path.Combine(place.Folder, "..", "outside.jpg")));
    }

    [Fact]
    public async Task Nothing_is_written_through_links_within_a_collection()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows makes links only for the privileged.");
        await using var place = await OpenAsync();
        await using var reference = await OpenAsync();
        var day = Path.GetRelativePath(reference.Collection("anna"), (await reference.SaveAsync("anna"))[0].Path!).Split('/')[0];
        var outside = Directory.CreateDirectory(Path.Combine(place.Folder, "outside")).FullName;
        Directory.CreateDirectory(place.Collection("anna"));
        Directory.CreateSymbolicLink(Path.Combine(place.Collection("anna"), day), outside);

        var refused = await Assert.ThrowsAsync<CollectionException>(() => place.SaveAsync("anna"));

        Assert.Contains(day, refused.Message, StringComparison.Ordinal);
        Assert.Contains("is a link to", refused.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(outside));

        Directory.Delete(Path.Combine(place.Collection("anna"), day));
        File.Delete(Path.Combine(place.Collection("anna"), "manifest.jsonl"));
        var victim = Path.Combine(outside, "victim");
        File.WriteAllText(victim, "mine");
        File.CreateSymbolicLink(Path.Combine(place.Collection("anna"), "manifest.jsonl"), victim);
        await Assert.ThrowsAsync<CollectionException>(() => place.SaveAsync("anna"));
        Assert.Equal("mine", File.ReadAllText(victim));
    }

    [Fact]
    public async Task A_half_written_file_that_is_a_link_is_no_way_out_either()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows makes links only for the privileged.");
        await using var place = await OpenAsync();
        await using var reference = await OpenAsync();
        var first = Path.GetRelativePath(reference.Folder, (await reference.SaveAsync("anna"))[0].Path!);
        var victim = Path.Combine(place.Folder, "victim");
        File.WriteAllText(victim, "mine");
        var part = Path.Combine(place.Folder, first) + ".part";
        Directory.CreateDirectory(Path.GetDirectoryName(part)!);
        File.CreateSymbolicLink(part, victim);

        var saved = await place.SaveAsync("anna");

        Assert.All(saved, s => Assert.Equal(SavedImageStatus.Saved, s.Status));
        Assert.Equal("mine", File.ReadAllText(victim));
        Assert.Null(new FileInfo(Path.Combine(place.Folder, first)).LinkTarget);
    }

    [Fact]
    public void Taking_up_a_million_images_costs_little_memory() => WithAMillionImages(folder =>
        CollectionWriter.Open(folder, new CollectionName("anna", ImageQuality.Original, PictureForm.AsServed), CollectionLayout.Date, null, SilentLog.Instance));

    [Fact]
    public void Reading_what_is_kept_of_a_million_images_costs_little_memory() => WithAMillionImages(folder =>
    {
        var collection = Collection.At(folder);
        Assert.Equal(1_000_000, collection.Census(ImageQuality.Original, SilentLog.Instance, CancellationToken.None).Images);
        return collection;
    });

    private static void WithAMillionImages(Func<string, object> job)
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("MAPILLARY_LONG_TESTS") == "1", "Takes minutes; MAPILLARY_LONG_TESTS=1 runs it.");
        const int count = 1_000_000;
        const long most = 256L * 1024 * 1024;
        var folder = Directory.CreateTempSubdirectory("mapillary-test-").FullName;
        try
        {
            using (var records = new StreamWriter(Path.Combine(folder, "metadata.jsonl")))
            using (var manifest = new StreamWriter(Path.Combine(folder, "manifest.jsonl")))
            {
                for (var i = 0; i < count; i++)
                {
                    var id = 100_000_000_000_000 + (i * 7919L);
                    records.Write($$$"""{"id":"{{{id}}}","captured_at":{{{1700000000000 + i}}},"sequence":"AbCdEfGhIjKlMnOpQrStUv","creator":{"username":"anna","id":"7"}}""" + "\n");
                    manifest.Write($$"""{"id":"{{id}}","path":"2023-11-14/AbCdEfGhIjKlMnOpQrStUv/{{id}}.jpg","bytes":280000,"sha256":"{{id:x64}}"}""" + "\n");
                }
            }

            var before = GC.GetTotalMemory(forceFullCollection: true);
            var clock = System.Diagnostics.Stopwatch.StartNew();
            var collection = job(folder);
            var kept = GC.GetTotalMemory(forceFullCollection: true) - before;
            TestContext.Current.TestOutputHelper!.WriteLine($"{count} images in {clock.Elapsed.TotalSeconds:0.0} s, {kept / 1024 / 1024} MiB kept, {Environment.WorkingSet / 1024 / 1024} MiB in all");

            Assert.InRange(kept, 0, most);
            GC.KeepAlive(collection);
            (collection as IDisposable)?.Dispose();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Task<Workplace> OpenAsync(params FaultRule[] faults) =>
        Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = Images, Sequences = 2 }], Faults = faults });

    private static List<SequenceTar> Bundle(string collection) =>
        [.. SequenceTarBundler.Bundle(collection, pictures: null, TarGrouping.Date, keepSource: false, SilentLog.Instance, TestContext.Current.CancellationToken)];

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
