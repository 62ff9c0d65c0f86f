using System.Formats.Tar;
using System.Globalization;
using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Collections.Tars;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Forms;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

/// <summary>Files and folders that are named by time: no name is given twice, none hangs on which download ends first, and every step finds the image again.</summary>
public class TimeLayoutTests
{
    private const int Images = 60;
    private const long Burst = 1_705_311_012_120; // 2024-01-15 09:30:12.120

    private static readonly SaveOptions ByTime = new() { Layout = CollectionLayout.Time };

    [Fact]
    public async Task Folders_bear_the_time_of_the_image_listed_first_and_files_their_own_in_UTC()
    {
        await using var place = await OpenAsync();

        var saved = await place.SaveAsync("anna", ByTime);

        foreach (var sequence in place.Emulator.World.Sequences)
        {
            // The listing has the newest first.
            var folder = $"{Utc(sequence.Images[^1].TrueCapturedAt, "yyyyMMdd_HHmmss")}_{SafeName.ForId(sequence.Id)[..8]}";
            foreach (var image in sequence.Images)
            {
                var expected = Path.Combine(place.Collection("anna"), folder, Utc(image.TrueCapturedAt, "yyyyMMdd_HHmmss_fff") + ".jpg");
                Assert.Equal(expected, saved.Single(s => s.Id == image.Id).Path);
            }
        }

        Assert.All(saved, s => Assert.Equal(s.Length, new FileInfo(s.Path!).Length));
        await AssertIntactAsync(place);
    }

    [Fact]
    public async Task A_sequence_by_its_id_has_the_time_of_its_first_image()
    {
        await using var place = await OpenAsync();
        var sequence = place.Emulator.World.Sequences[1];
        using (var saver = place.Saver(ByTime))
        {
            await foreach (var _ in saver.SaveAsync(place.Listing.OfSequenceAsync(sequence.Id, ImageFilter.None))) { }
        }

        Assert.Equal($"{Utc(sequence.Images[0].TrueCapturedAt, "yyyyMMdd_HHmmss")}_{SafeName.ForId(sequence.Id)[..8]}", Assert.Single(Folders(place)));
    }

    [Fact]
    public async Task Images_of_the_same_millisecond_and_without_time_get_names_of_their_own()
    {
        await using var place = await OpenAsync(image => image.Ordinal % 3 == 0 ? Burst : image.Ordinal % 7 == 0 ? null : image.TrueCapturedAt);

        var saved = await place.SaveAsync("anna", ByTime);

        Assert.Equal(Images, saved.Select(s => s.Path).Distinct(StringComparer.OrdinalIgnoreCase).Count());
        foreach (var sequence in place.Emulator.World.Sequences)
        {
            var mark = SafeName.ForId(sequence.Id)[..8];
            var burst = saved.Where(s => s.SequenceId == sequence.Id && s.CapturedAt?.ToUnixTimeMilliseconds() == Burst).ToList();
            var plain = Assert.Single(burst, s => Path.GetFileName(s.Path) == "20240115_093012_120.jpg");
            Assert.All(burst, s => Assert.True(s == plain || Path.GetFileName(s.Path) == $"20240115_093012_120_{s.Id}.jpg"));
            Assert.All(burst, s => Assert.EndsWith("_" + mark, Path.GetDirectoryName(s.Path), StringComparison.Ordinal));
            foreach (var undated in saved.Where(s => s.SequenceId == sequence.Id && s.CapturedAt is null))
                Assert.Equal(Path.Combine(place.Collection("anna"), $"unknown-date_{mark}", undated.Id + ".jpg"), undated.Path);
        }

        await AssertIntactAsync(place);
    }

    [Fact]
    public async Task The_tree_is_the_same_however_many_work_on_it_and_whatever_fails_first()
    {
        var trees = new List<Dictionary<string, byte[]>>();
        foreach (var limit in new[] { 1, 3, 64 })
        {
            var isDown = true;
            await using var place = await OpenAsync(
                image => image.Ordinal % 2 == 0 ? Burst : image.TrueCapturedAt,
                new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.NotFound404, Which = t => isDown && t.Ordinal % 6 == 0, Times = int.MaxValue });
            await place.SaveAsync("anna", ByTime with { ThrottleLimit = limit });
            trees.Add(Tree(place));
            isDown = false;
            await place.SaveAsync("anna", ByTime with { ThrottleLimit = limit });
            trees.Add(Tree(place));
            await AssertIntactAsync(place);
        }

        await using var undisturbed = await OpenAsync(image => image.Ordinal % 2 == 0 ? Burst : image.TrueCapturedAt);
        await undisturbed.SaveAsync("anna", ByTime);
        AssertSame(Tree(undisturbed), trees[1]);
        AssertSame(trees[0], trees[2]);
        AssertSame(trees[0], trees[4]);
        AssertSame(trees[1], trees[3]);
        AssertSame(trees[1], trees[5]);
        Assert.Equal(Images, trees[1].Count);
        Assert.Equal(Images - 10, trees[0].Count);
    }

    [Fact]
    public async Task A_second_run_fetches_nothing_and_one_that_was_stopped_ends_as_one_that_was_not()
    {
        await using var undisturbed = await OpenAsync(image => image.Ordinal % 4 == 0 ? Burst : image.TrueCapturedAt);
        await using var place = await OpenAsync(image => image.Ordinal % 4 == 0 ? Burst : image.TrueCapturedAt);
        await undisturbed.SaveAsync("anna", ByTime);

        for (var left = Images; left > 0; left -= 13)
        {
            using var budget = new RunBudget(new StopRules { MaximumImages = 13 });
            await place.SaveAsync("anna", ByTime with { Budget = budget });
        }

        AssertSame(Tree(undisturbed), Tree(place));
        Assert.Equal(Images, place.Fetches);
        var again = await place.SaveAsync("anna", ByTime);
        Assert.All(again, s => Assert.Equal(SavedImageStatus.Present, s.Status));
        Assert.Equal(Images, place.Fetches);
        AssertSame(Tree(undisturbed), Tree(place));
    }

    [Fact]
    public async Task The_same_image_twice_and_fetched_anew_has_one_place()
    {
        await using var place = await OpenAsync(_ => Burst);
        var images = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));
        var first = await SaveAsync(place, images.Concat(images));
        var tree = Tree(place);

        await SaveAsync(place, images.AsEnumerable().Reverse(), ByTime with { Force = true });
        File.Delete(first.First(s => s.Status == SavedImageStatus.Saved).Path!);
        await SaveAsync(place, images.AsEnumerable().Reverse());

        Assert.Equal(Images, tree.Count);
        AssertSame(tree, Tree(place));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task New_images_of_a_sequence_come_beside_the_old_ones_and_never_into_their_places(bool inTars)
    {
        await using var place = await OpenAsync(image => image.Position % 5 == 0 ? Burst : image.TrueCapturedAt);
        var images = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));
        var old = images.Where((_, i) => i % 2 == 1).ToList();
        var first = await SaveAsync(place, old);
        var folders = Folders(place);
        var places = first.Select(s => Path.GetRelativePath(place.Collection("anna"), s.Path!)).ToList();
        if (inTars) Bundle(place);

        var second = await SaveAsync(place, images);

        var saved = second.Where(s => s.Status == SavedImageStatus.Saved).ToList();
        Assert.Equal(Images / 2, saved.Count);
        Assert.Empty(saved.Select(s => Path.GetRelativePath(place.Collection("anna"), s.Path!)).Intersect(places));
        Assert.Subset(folders.ToHashSet(), Folders(place).ToHashSet());
        await AssertIntactAsync(place);
        if (!inTars) return;
        Assert.All(Bundle(place), t => Assert.EndsWith(".2.tar", t.Path, StringComparison.Ordinal));
        await AssertIntactAsync(place);
    }

    [Theory]
    [InlineData(TarGrouping.Sequence)]
    [InlineData(TarGrouping.Date)]
    public async Task Tars_hold_every_image_under_its_name_and_are_known_to_the_manifest(TarGrouping grouping)
    {
        await using var place = await OpenAsync(image => image.Ordinal % 5 == 0 ? null : image.Ordinal % 2 == 0 ? Burst : image.TrueCapturedAt);
        var saved = await place.SaveAsync("anna", ByTime);
        var expected = saved
            .GroupBy(s => grouping == TarGrouping.Sequence ? Path.GetFileName(Path.GetDirectoryName(s.Path)!) : s.CapturedAt?.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) ?? "unknown-date")
            .ToDictionary(g => g.Key, g => g.Select(s => Path.GetRelativePath(place.Collection("anna"), s.Path!).Replace('\\', '/')).Order(StringComparer.Ordinal).ToList());

        var tars = Bundle(place, grouping);

        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), tars.Select(t => t.Group).Order(StringComparer.Ordinal));
        Assert.All(tars, t => Assert.Equal(expected[t.Group], Names(t.Path)));
        Assert.Empty(Directory.EnumerateDirectories(place.Collection("anna")));
        await AssertIntactAsync(place);
        Assert.All(await place.SaveAsync("anna", ByTime), s => Assert.Equal((SavedImageStatus.Present, (string?)null), (s.Status, s.Path)));
        Assert.Equal(Images, place.Fetches);
    }

    [Fact]
    public async Task Sequences_with_the_same_first_letters_get_folders_of_their_own()
    {
        string[] ids = ["abcdefghONE", "ABCDEFGHtwo", "abcdefghthree"];
        await using var place = await Workplace.OpenAsync(new EmulatorOptions
        {
            Users = [new EmulatedUser { Name = "anna", Images = Images, Sequences = 3 }],
            ModifyRecord = (image, record) => (record.Sequence, record.CapturedAt) = (ids[image.Sequence.Number], Burst + image.Ordinal),
        });

        var saved = await place.SaveAsync("anna", ByTime);

        Assert.Equal(3, Folders(place).Distinct(StringComparer.OrdinalIgnoreCase).Count());
        Assert.All(saved.GroupBy(s => s.SequenceId), g => Assert.Single(g.Select(s => Path.GetDirectoryName(s.Path)).Distinct()));
        var tree = Tree(place);
        foreach (var image in saved.Where((_, i) => i % 3 == 0)) File.Delete(image.Path!);
        // In another order: which sequence has which folder is what the collection says.
        await SaveAsync(place, (await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None))).AsEnumerable().Reverse());
        AssertSame(tree, Tree(place));
    }

    [Fact]
    public async Task Images_of_no_sequence_lie_together()
    {
        await using var place = await Workplace.OpenAsync(new EmulatorOptions
        {
            Users = [new EmulatedUser { Name = "anna", Images = 5 }],
            ModifyRecord = (image, record) => (record.Sequence, record.CapturedAt) = (null, Burst + image.Ordinal),
        });

        await place.SaveAsync("anna", ByTime);

        Assert.Equal(["20240115_093012_unknown-sequence"], Folders(place));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Metadata_are_restored_in_files_whose_names_are_times(bool compressed)
    {
        await using var place = await OpenAsync(image => image.Position % 3 == 0 ? Burst : image.TrueCapturedAt);
        var saved = await place.SaveAsync("anna", ByTime with { Restore = null });
        var images = (await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None))).ToDictionary(i => i.Id);
        if (compressed)
        {
            using var collection = CollectionWriter.Open(place.Collection("anna"), new CollectionName("anna", ImageQuality.Original, PictureForm.AsServed), CollectionLayout.Time, null, place.Log);
            Assert.True(collection.Complete());
        }

        IReadOnlyDictionary<string, string> ids;
        using (CollectionLock.Take(place.Collection("anna")))
        {
            // Who only reads is not held up.
            ids = FileIdentity.IdsOf(saved.Select(s => s.Path!), place.Log, TestContext.Current.CancellationToken);
        }

        Assert.Equal(saved.ToDictionary(s => s.Path!, s => s.Id), ids);
        using (var restorer = new FileRestorer(RestoreOptions.Default, place.Log))
        {
            foreach (var (path, id) in ids) Assert.True((await restorer.RestoreAsync(path, images[id], TestContext.Current.CancellationToken)).Changed);
        }

        await AssertIntactAsync(place);
        var again = await place.SaveAsync("anna", ByTime);
        Assert.All(again, s => Assert.Equal(SavedImageStatus.Present, s.Status));
    }

    [Fact]
    public async Task A_file_outside_of_any_collection_says_itself_which_image_it_is()
    {
        await using var place = await OpenAsync();
        var saved = await place.SaveAsync("anna", ByTime);
        var outside = Directory.CreateDirectory(Path.Combine(place.Folder, "outside")).FullName;
        var expected = new Dictionary<string, string>();
        foreach (var image in saved)
        {
            var copy = Path.Combine(outside, Path.GetFileName(image.Path!));
            File.Move(image.Path!, copy);
            expected[copy] = image.Id;
        }

        // Neither of these says it: its name stands for it then.
        foreach (var (name, bytes) in new[] { ("20240115_093012_120_7.jpg", "rubbish"u8.ToArray()), ("20240115_093012_121.webp", "RIFF"u8.ToArray()), ("20240115_093012_122.jpg", Imaging.JpegFixture.Baseline) })
        {
            var path = Path.Combine(outside, name);
            File.WriteAllBytes(path, bytes);
            expected[path] = Path.GetFileNameWithoutExtension(name);
        }

        expected[Path.Combine(outside, "17.jpg")] = "17";
        expected[Path.Combine(outside, "20240115_093012_199.jpg")] = "20240115_093012_199"; // not there

        Assert.Equal(expected, FileIdentity.IdsOf(expected.Keys, place.Log, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Converted_files_stay_in_the_manifest_and_keep_their_names_from_others()
    {
        await using var place = await OpenAsync(_ => Burst);
        var images = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));
        var saved = await SaveAsync(place, images.Take(6));
        using (var converter = new WebpConverter(new WebpForm(effort: 0), destination: null, keepOriginal: false, force: false, encoders: 2, place.Log))
        {
            foreach (var image in saved) await converter.ConvertAsync(image.Path!, TestContext.Current.CancellationToken);
        }

        await AssertIntactAsync(place);
        var ids = FileIdentity.IdsOf(saved.Select(s => Path.ChangeExtension(s.Path!, ".webp")), place.Log, TestContext.Current.CancellationToken);
        Assert.Equal(saved.Select(s => s.Id), saved.Select(s => ids[Path.ChangeExtension(s.Path!, ".webp")]));
        var all = await SaveAsync(place, images.AsEnumerable().Reverse());
        Assert.Equal(6, all.Count(s => s.Status == SavedImageStatus.Present));
        Assert.Equal(Images, all.Select(s => Path.ChangeExtension(s.Path!, null)).Distinct().Count());
        await AssertIntactAsync(place);
    }

    [Fact]
    public async Task A_collection_by_days_goes_on_by_time_and_the_other_way_round()
    {
        await using var place = await OpenAsync();
        var images = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));
        await SaveAsync(place, images.Take(20), new SaveOptions());
        await SaveAsync(place, images.Take(40));
        var all = await SaveAsync(place, images, new SaveOptions());

        Assert.Equal(20, all.Count(s => s.Status == SavedImageStatus.Saved));
        Assert.Equal(Images, place.Fetches);
        await AssertIntactAsync(place);
    }

    [Fact]
    public void The_manifest_finds_by_path_what_is_there_and_nothing_that_was()
    {
        var folder = Directory.CreateTempSubdirectory("mapillary-test-").FullName;
        File.WriteAllLines(Path.Combine(folder, "manifest.jsonl"),
        [
            Line("1", "20240115_093012_aaaaaaaa/20240115_093012_120.jpg"),
            Line("2", "20240115_093012_aaaaaaaa/20240115_093012_121.jpg"),
            Line("3", "20240115_093012_bbbbbbbb/3.jpg"),
            Line("1", "20240115_093012_aaaaaaaa/20240115_093012_120.webp"),
            """{"id":"2","removed":true}""",
            "rubbish",
            Line("4", "20240115_093012_aaaaaaaa/20240115_093012_121.jpg"),
        ]);
        using var manifest = Manifest.Open(folder, SilentLog.Instance);

        Assert.Null(manifest.FindByPath("20240115_093012_aaaaaaaa/20240115_093012_120.jpg"));
        Assert.Equal("1", manifest.FindByPath("20240115_093012_aaaaaaaa/20240115_093012_120.webp")?.Id);
        Assert.Equal("4", manifest.FindByPath("20240115_093012_aaaaaaaa/20240115_093012_121.jpg")?.Id);
        Assert.Equal("3", manifest.FindByPath("20240115_093012_bbbbbbbb/3.jpg")?.Id);
        Assert.Null(manifest.FindByPath("20240115_093012_cccccccc/3.jpg"));
        manifest.Append(new ManifestEntry("3", "20240115_093012_bbbbbbbb/20240115_093012_122.jpg", 1, "00", "20240115_093012_bbbbbbbb.tar"));
        Assert.Null(manifest.FindByPath("20240115_093012_bbbbbbbb/3.jpg"));
        Assert.Equal("20240115_093012_bbbbbbbb.tar", manifest.FindByPath("20240115_093012_bbbbbbbb/20240115_093012_122.jpg")?.Tar);
        Assert.Equal(["20240115_093012_aaaaaaaa", "20240115_093012_bbbbbbbb"], manifest.Folders.Order(StringComparer.Ordinal));

        static string Line(string id, string path) => $$"""{"id":"{{id}}","path":"{{path}}","bytes":1,"sha256":"00"}""";
    }

    private static Task<Workplace> OpenAsync(Func<EmulatedImage, long?>? capturedAt = null, params FaultRule[] faults) => Workplace.OpenAsync(new EmulatorOptions
    {
        Users = [new EmulatedUser { Name = "anna", Images = Images, Sequences = 3 }],
        ModifyRecord = (image, record) => record.CapturedAt = capturedAt is null ? record.CapturedAt : capturedAt(image),
        Faults = faults,
    });

    private static async Task<List<SavedImage>> SaveAsync(Workplace place, IEnumerable<MapillaryImage> images, SaveOptions? options = null)
    {
        using var saver = place.Saver(options ?? ByTime);
        return await Workplace.ToListAsync(saver.SaveAsync(Stream(), TestContext.Current.CancellationToken));

        async IAsyncEnumerable<MapillaryImage> Stream()
        {
            await Task.Yield();
            foreach (var image in images) yield return image;
        }
    }

    private static List<SequenceTar> Bundle(Workplace place, TarGrouping grouping = TarGrouping.Sequence) =>
        [.. SequenceTarBundler.Bundle(place.Collection("anna"), pictures: null, grouping, keepSource: false, place.Log, TestContext.Current.CancellationToken)];

    private static List<string> Names(string tar)
    {
        using var reader = new TarReader(File.OpenRead(tar));
        var names = new List<string>();
        while (reader.GetNextEntry() is { } entry) names.Add(entry.Name);
        return names;
    }

    private static async Task AssertIntactAsync(Workplace place)
    {
        var check = await CollectionCheck.RunAsync(place.Collection("anna"), 4, progress: null, place.Log, TestContext.Current.CancellationToken);
        Assert.Empty(check.Missing.Concat(check.Changed).Concat(check.Unexpected));
    }

    private static List<string> Folders(Workplace place) =>
        [.. Directory.EnumerateDirectories(place.Collection("anna")).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    private static Dictionary<string, byte[]> Tree(Workplace place) =>
        Directory.EnumerateFiles(place.Collection("anna"), "*.jpg", SearchOption.AllDirectories).ToDictionary(f => Path.GetRelativePath(place.Collection("anna"), f), File.ReadAllBytes);

    private static void AssertSame(Dictionary<string, byte[]> expected, Dictionary<string, byte[]> actual)
    {
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), actual.Keys.Order(StringComparer.Ordinal));
        Assert.All(expected, f => Assert.Equal(f.Value, actual[f.Key]));
    }

    private static string Utc(long milliseconds, string format) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).UtcDateTime.ToString(format, CultureInfo.InvariantCulture);
}
