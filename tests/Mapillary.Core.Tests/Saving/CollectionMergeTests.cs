using System.IO.Compression;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Tars;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

/// <summary>The shards of an account become one collection, or stay as they are.</summary>
public sealed class CollectionMergeTests : IAsyncLifetime
{
    private const int Shards = 3;

    private Workplace _place = null!;

    private string All => Path.Combine(_place.Folder, "all");

    private string Merged => Path.Combine(All, "mapillary-anna-original");

    public async ValueTask InitializeAsync()
    {
        _place = await Workplace.OpenAsync(new EmulatorOptions
        {
            Users = [new EmulatedUser { Name = "anna", Images = 30, Sequences = 15 }],
            Faults = [new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.NotFound404, Every = 10, Times = int.MaxValue }],
        });
        for (var number = 1; number <= Shards; number++) await SaveAsync(number);
    }

    public ValueTask DisposeAsync() => _place.DisposeAsync();

    [Fact]
    public async Task The_merged_collection_equals_one_that_one_machine_made_and_a_second_merge_changes_nothing()
    {
        var outside = Outside();

        var check = await MergeAsync();

        Assert.Equal((true, 27, true, null), (check.IsIntact, check.Images, check.ListedToEnd, check.Shard));
        // The shards have no pictures now, and all else is as it was.
        Assert.Equal(outside.Where(f => !f.Key.EndsWith(".jpg", StringComparison.Ordinal)), Outside());
        Assert.Equal(await SingleAsync(), CollectionContents.Of(Merged));

        var before = Snapshot();
        var again = await MergeAsync();
        Assert.Equal((true, 27), (again.IsIntact, again.Images));
        Assert.Equal(before, Snapshot());
    }

    [Fact]
    public async Task A_shard_that_is_missing_is_named()
    {
        var refused = await RefusedAsync(() => MergeAsync(1, 3));

        Assert.Contains("shard 2/3 is missing", refused, StringComparison.Ordinal);
        Assert.Contains("is one of 3 shards, not of 4", await RefusedAsync(() => MergeAsync([1, 2, 3], shards: 4)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_shard_without_collection_is_taken_for_empty_where_somebody_says_so()
    {
        Assert.Contains("shards 2/3, 3/3 are missing", await RefusedAsync(() => MergeAsync(1)), StringComparison.Ordinal);
        Assert.True((await MergeAsync([1], empty: [2, 3])).IsIntact);
    }

    [Fact]
    public async Task A_shard_of_another_quality_is_named_with_both()
    {
        Directory.Delete(Path.Combine(_place.Folder, "2"), recursive: true);
        await SaveAsync(2, ImageQuality.Thumb256);

        Assert.Contains("has quality 256, and shard 1/3", await RefusedAsync(() => MergeAsync(["1/mapillary-anna-original", "2/mapillary-anna-256", "3/mapillary-anna-original"])), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_changed_byte_is_named_with_its_file()
    {
        var picture = PicturesOf(2)[0];
        var bytes = await File.ReadAllBytesAsync(picture, TestContext.Current.CancellationToken);
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(picture, bytes, TestContext.Current.CancellationToken);

        var refused = await RefusedAsync(() => MergeAsync(1, 2, 3));

        Assert.Contains("shard 2/3", refused, StringComparison.Ordinal);
        Assert.Contains(Path.GetFileName(picture), refused, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_picture_that_is_gone_is_named_and_a_listing_that_broke_too()
    {
        File.Delete(PicturesOf(3)[0]);
        Assert.Contains("is missing", await RefusedAsync(() => MergeAsync()), StringComparison.Ordinal);

        using (var saver = Saver(1))
            await Workplace.ToListAsync(saver.SaveAsync(_place.Listing.OfUserAsync("anna", new ImageFilter { Shard = Shard.Parse("1/3") }, maxPages: 1), TestContext.Current.CancellationToken));
        Assert.Contains("the listing of shard 1/3", await RefusedAsync(() => MergeAsync()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task A_merge_that_died_in_the_middle_is_gone_on_with(bool hasNotedAShard, bool hasBothNames)
    {
        // What such a merge leaves: some pictures in their new place, of these not all in the manifest, and one of them in the old place too.
        var moved = PicturesOf(1).Concat(PicturesOf(2)).Take(PicturesOf(1).Count + 2).ToList();
        if (hasNotedAShard)
        {
            using var stopped = new CancellationTokenSource();
            var log = new StoppingLog(stopped);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => CollectionMerge.RunAsync([.. Paths(1, 2, 3)], All, null, [], 2, progress: null, log, stopped.Token));
        }

        foreach (var picture in moved.Where(File.Exists))
        {
            var place = Path.Combine(Merged, PlaceOf(picture));
            Directory.CreateDirectory(Path.GetDirectoryName(place)!);
            if (hasBothNames) File.Copy(picture, place);
            else File.Move(picture, place);
        }

        var check = await MergeAsync();

        Assert.Equal((true, 27, 0), (check.IsIntact, check.Images, check.Pending));
        Assert.Empty(Enumerable.Range(1, Shards).SelectMany(PicturesOf));
        Assert.Equal(await SingleAsync(), CollectionContents.Of(Merged));
    }

    [Fact]
    public async Task A_file_in_the_place_of_a_picture_stays_as_it_is_and_so_does_all_else()
    {
        var place = Path.Combine(Merged, PlaceOf(PicturesOf(3)[0]));
        Directory.CreateDirectory(Path.GetDirectoryName(place)!);
        await File.WriteAllTextAsync(place, "This is no picture of anna's.", TestContext.Current.CancellationToken);
        var before = Snapshot();

        var refused = await Assert.ThrowsAsync<CollectionException>(() => MergeAsync());

        Assert.Contains($"'{place}' is there and is not the file that shard 3/3", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, Snapshot());
    }

    [Fact]
    public async Task A_picture_that_was_packed_into_a_zip_is_named_and_not_taken_for_moved()
    {
        var picture = PicturesOf(2)[0];
        using (var zip = ZipFile.Open(Path.Combine(Paths(2).Single(), "some.zip"), ZipArchiveMode.Create))
            zip.CreateEntryFromFile(picture, PlaceOf(picture).Replace(Path.DirectorySeparatorChar, '/'));
        File.Delete(picture);

        Assert.Contains("is packed into an archive", await RefusedAsync(() => MergeAsync()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_the_merged_collection_was_bundled_another_merge_changes_nothing()
    {
        await MergeAsync();
        Assert.NotEmpty(Bundle(Merged, TarGrouping.Date));
        var before = Snapshot();

        var check = await MergeAsync();

        Assert.Equal((true, 27), (check.IsIntact, check.Images));
        Assert.Equal(before, Snapshot());
    }

    [Fact]
    public async Task Tars_of_sequences_are_those_that_one_machine_would_have_made()
    {
        foreach (var part in Paths(1, 2, 3)) Assert.NotEmpty(Bundle(part, TarGrouping.Sequence));

        var check = await MergeAsync();

        Assert.Equal((true, 27), (check.IsIntact, check.Images));
        Assert.All(Directory.EnumerateFiles(_place.Folder, "*.tar", SearchOption.AllDirectories), t => Assert.Equal(Merged, Path.GetDirectoryName(t)));
        Assert.Equal(await SingleAsync(TarGrouping.Sequence), CollectionContents.Of(Merged));
        var before = Snapshot();
        Assert.True((await MergeAsync()).IsIntact);
        Assert.Equal(before, Snapshot());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4)]
    public async Task Tars_of_a_day_that_several_shards_have_get_numbers_also_after_a_merge_that_died(int movedBefore)
    {
        foreach (var part in Paths(1, 2, 3)) Assert.NotEmpty(Bundle(part, TarGrouping.Date));
        var tars = Paths(1, 2, 3).SelectMany(p => Directory.EnumerateFiles(p, "*.tar").Order(StringComparer.Ordinal)).ToList();
        var (names, hashes) = (tars.Select(t => Path.GetFileName(t)).ToList(), tars.Select(Hash).Order(StringComparer.Ordinal).ToList());
        Assert.True(names.Distinct().Count() < names.Count, "No day is in two shards, so this would show nothing.");
        // The first of a name keeps it, the second is number 2.
        var expected = names.Select((name, i) => (name, Number: names.Take(i).Count(n => n == name) + 1))
            .Select(n => n.Number == 1 ? n.name : $"{Path.GetFileNameWithoutExtension(n.name)}.{n.Number}.tar").ToList();
        Directory.CreateDirectory(Merged);
        for (var i = 0; i < movedBefore; i++) File.Move(tars[i], Path.Combine(Merged, expected[i]));

        var check = await MergeAsync();

        Assert.Equal((true, 27), (check.IsIntact, check.Images));
        var merged = Directory.EnumerateFiles(Merged, "*.tar").ToList();
        Assert.Equal(expected.Order(StringComparer.Ordinal), merged.Select(t => Path.GetFileName(t)).Order(StringComparer.Ordinal));
        Assert.Equal(hashes, merged.Select(Hash).Order(StringComparer.Ordinal));
        // GNU tar finds the same pictures in them as one machine would have as files.
        var single = await SingleAsync();
        Assert.Equal(
            single.Keys.Where(k => k.EndsWith(".jpg", StringComparison.Ordinal)).Select(k => k.Replace(Path.DirectorySeparatorChar, '/')),
            merged.SelectMany(t => Workplace.Run("tar", "-tf", t).Split('\n', StringSplitOptions.RemoveEmptyEntries)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_tar_that_is_gone_is_named_and_so_is_one_of_which_a_byte_was_changed()
    {
        foreach (var part in Paths(1, 2, 3)) Assert.NotEmpty(Bundle(part, TarGrouping.Sequence));
        var tar = Directory.EnumerateFiles(Paths(2).Single(), "*.tar").First();
        var bytes = await File.ReadAllBytesAsync(tar, TestContext.Current.CancellationToken);
        var changed = (byte[])bytes.Clone();
        // Behind the first header.
        changed[600] ^= 1;
        await File.WriteAllBytesAsync(tar, changed, TestContext.Current.CancellationToken);
        Assert.Contains(Path.GetFileName(tar), await RefusedAsync(() => MergeAsync()), StringComparison.Ordinal);

        File.Delete(tar);
        Assert.Contains($"'{Path.GetFileName(tar)}' is missing", await RefusedAsync(() => MergeAsync()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task On_another_disk_pictures_and_tars_are_copied_with_their_times_and_then_removed(bool isBundled)
    {
        Assert.SkipUnless(Directory.Exists("/dev/shm"), "There is no /dev/shm, which is another disk.");
        if (isBundled)
            foreach (var part in Paths(1, 2, 3)) Assert.NotEmpty(Bundle(part, TarGrouping.Sequence));
        var others = Directory.CreateTempSubdirectory("mapillary-test-").FullName;
        Directory.Delete(others);
        others = Directory.CreateDirectory(Path.Combine("/dev/shm", Path.GetFileName(others))).FullName;
        try
        {
            var picture = PicturesOf(1).FirstOrDefault();
            if (picture is not null)
            {
                // A second name across them is what the system refuses: they are two disks.
                Assert.NotEqual(Workplace.Run("stat", "-c", "%d", picture), Workplace.Run("stat", "-c", "%d", others));
                // What a copy that died leaves.
                var half = Path.Combine(others, "mapillary-anna-original", PlaceOf(picture) + ".part");
                Directory.CreateDirectory(Path.GetDirectoryName(half)!);
                await File.WriteAllBytesAsync(half, [1, 2, 3], TestContext.Current.CancellationToken);
            }

            var files = Paths(1, 2, 3).SelectMany(p => Directory.EnumerateFiles(p, isBundled ? "*.tar" : "*.jpg", SearchOption.AllDirectories).Select(f => (Place: Path.GetRelativePath(p, f), Time: File.GetLastWriteTimeUtc(f)))).ToList();

            var check = await CollectionMerge.RunAsync([.. Paths(1, 2, 3)], others, null, [], 2, progress: null, _place.Log, TestContext.Current.CancellationToken);

            Assert.Equal((true, 27), (check.IsIntact, check.Images));
            Assert.Equal(await SingleAsync(isBundled ? TarGrouping.Sequence : null), CollectionContents.Of(check.Path));
            Assert.All(files, f => Assert.Equal(f.Time, File.GetLastWriteTimeUtc(Path.Combine(check.Path, f.Place))));
            Assert.DoesNotContain(Paths(1, 2, 3).SelectMany(p => Directory.EnumerateFiles(p, "*", SearchOption.AllDirectories)), f => Path.GetExtension(f) is ".jpg" or ".tar");
        }
        finally
        {
            Directory.Delete(others, recursive: true);
        }
    }

    [Fact]
    public async Task It_tells_how_far_it_is_step_by_step_and_each_to_its_end()
    {
        var told = new ToldProgress();

        await CollectionMerge.RunAsync([.. Paths(1, 2, 3)], All, null, [], 1, told, _place.Log, TestContext.Current.CancellationToken);

        var steps = told.Reports.Select(r => (r.Step, r.Shard)).Distinct();
        Assert.Equal(
            [
                (MergeStep.ReadShard, "1/3"), (MergeStep.ReadShard, "2/3"), (MergeStep.ReadShard, "3/3"),
                (MergeStep.Move, "1/3"), (MergeStep.Move, "2/3"), (MergeStep.Move, "3/3"),
                (MergeStep.ReadBack, (string?)null),
            ],
            steps);
        Assert.All(told.Reports.GroupBy(r => (r.Step, r.Shard)), g => Assert.Equal(g.Last().Total, g.Last().Done));
    }

    [Fact]
    public async Task A_manifest_that_names_files_elsewhere_moves_none_of_them()
    {
        var victim = Path.Combine(_place.Folder, "victim.jpg");
        File.Copy(PicturesOf(1)[0], victim);
        var manifest = Path.Combine(_place.Folder, "1", "mapillary-anna-original", "manifest.jsonl");
        await File.AppendAllTextAsync(manifest, """{"id":"7","path":"../../victim.jpg","bytes":1,"sha256":"00"}""" + "\n", TestContext.Current.CancellationToken);

        await RefusedAsync(() => MergeAsync());

        Assert.True(File.Exists(victim));
    }

    /// <summary>What one machine makes of the account.</summary>
    private async Task<SortedDictionary<string, string>> SingleAsync(TarGrouping? tar = null)
    {
        var single = await new UserBackup(_place.Endpoints, AccessToken.Parse(_place.Emulator.Token), _place.Log, Workplace.QuickRetry).RunAsync(
            "anna", new BackupOptions { Tar = tar, Save = new SaveOptions { Destination = Path.Combine(_place.Folder, "single") } }, null, TestContext.Current.CancellationToken);
        var contents = CollectionContents.Of(single.CollectionPath!);
        // What a backup makes besides the collection itself.
        foreach (var extra in contents.Keys.Where(k => k == "__ia_thumb__.jpg" || k.StartsWith(".meta", StringComparison.Ordinal)).ToList()) contents.Remove(extra);
        return contents;
    }

    private List<SequenceTar> Bundle(string collection, TarGrouping grouping) =>
        [.. SequenceTarBundler.Bundle(collection, pictures: null, grouping, keepSource: false, _place.Log, TestContext.Current.CancellationToken)];

    private static string Hash(string file) => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file)));

    /// <summary>Where a picture of a shard lies in its collection.</summary>
    private string PlaceOf(string picture) =>
        Path.GetRelativePath(Path.Combine(_place.Folder, Path.GetRelativePath(_place.Folder, picture).Split(Path.DirectorySeparatorChar)[0], "mapillary-anna-original"), picture);

    /// <summary>The text of the refusal, which must not have changed anything anywhere.</summary>
    private async Task<string> RefusedAsync(Func<Task> merge)
    {
        var before = Snapshot();
        var refused = await Assert.ThrowsAsync<CollectionException>(merge);
        Assert.Equal(before, Snapshot());
        Assert.False(Directory.Exists(All));
        return refused.Message;
    }

    private Task<CollectionCheck> MergeAsync(params int[] numbers) => MergeAsync(numbers.Length == 0 ? [1, 2, 3] : numbers, shards: null);

    private Task<CollectionCheck> MergeAsync(int[] numbers, int? shards = null, int[]? empty = null) =>
        CollectionMerge.RunAsync([.. Paths(numbers)], All, shards, empty ?? [], 2, progress: null, _place.Log, TestContext.Current.CancellationToken);

    private Task<CollectionCheck> MergeAsync(string[] paths) =>
        CollectionMerge.RunAsync([.. paths.Select(p => Path.Combine(_place.Folder, p))], All, null, [], 2, progress: null, _place.Log, TestContext.Current.CancellationToken);

    private IEnumerable<string> Paths(params int[] numbers) => numbers.Select(n => Path.Combine(_place.Folder, $"{n}", "mapillary-anna-original"));

    private List<string> PicturesOf(int number) =>
        [.. Directory.EnumerateFiles(Paths(number).Single(), "*.jpg", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private SortedDictionary<string, string> Snapshot() => new(
        Directory.EnumerateFiles(_place.Folder, "*", SearchOption.AllDirectories).ToDictionary(f => f, Hash),
        StringComparer.Ordinal);

    /// <summary>All that is not in the destination.</summary>
    private List<KeyValuePair<string, string>> Outside() => [.. Snapshot().Where(f => !f.Key.StartsWith(All + Path.DirectorySeparatorChar, StringComparison.Ordinal))];

    private ImageSaver Saver(int number, ImageQuality quality = ImageQuality.Original) => new(
        new SaveOptions { Destination = Path.Combine(_place.Folder, $"{number}"), Quality = quality }, Mapillary.Download.FetchRules.For(_place.Endpoints, Workplace.QuickRetry), _place.Graph, _place.Log);

    private async Task SaveAsync(int number, ImageQuality quality = ImageQuality.Original)
    {
        using var saver = Saver(number, quality);
        var filter = new ImageFilter { Shard = Shard.Parse($"{number}/{Shards}") };
        Assert.NotEmpty(await Workplace.ToListAsync(saver.SaveAsync(_place.Listing.OfUserAsync("anna", filter), TestContext.Current.CancellationToken)));
    }

    private sealed class ToldProgress : IProgress<MergeProgress>
    {
        public System.Collections.Concurrent.ConcurrentQueue<MergeProgress> Reports { get; } = [];

        public void Report(MergeProgress value) => Reports.Enqueue(value);
    }

    /// <summary>Stops the work after the first shard.</summary>
    private sealed class StoppingLog(CancellationTokenSource source) : IRunLog
    {
        public void Say(string message)
        {
            if (message.Contains("pictures and", StringComparison.Ordinal)) source.Cancel();
        }

        public void Warn(string message)
        {
        }
    }
}
