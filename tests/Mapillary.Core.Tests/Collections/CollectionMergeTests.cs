using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Emulator;
using Mapillary.Graph;

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
        var check = await MergeAsync();

        Assert.Equal((true, 27, true, null), (check.IsIntact, check.Images, check.ListedToEnd, check.Shard));
        var single = await new UserBackup(_place.Endpoints, AccessToken.Parse(_place.Emulator.Token), _place.Log, Workplace.QuickRetry).RunAsync(
            "anna", new BackupOptions { Tar = null, Save = new SaveOptions { Destination = Path.Combine(_place.Folder, "single") } }, null, TestContext.Current.CancellationToken);
        var expected = CollectionContents.Of(single.CollectionPath!);
        // What a backup makes besides the collection itself.
        foreach (var extra in expected.Keys.Where(k => k == "__ia_thumb__.jpg" || k.StartsWith(".meta", StringComparison.Ordinal)).ToList()) expected.Remove(extra);
        Assert.Equal(expected, CollectionContents.Of(Merged));

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
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_merge_that_died_in_the_middle_is_gone_on_with(bool hasNotedAShard)
    {
        // What such a merge leaves: some pictures in their new place, and of these not all in the manifest.
        var moved = PicturesOf(1).Concat(PicturesOf(2)).Take(PicturesOf(1).Count + 2).ToList();
        if (hasNotedAShard)
        {
            using var stopped = new CancellationTokenSource();
            var log = new StoppingLog(stopped);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => CollectionMerge.RunAsync([.. Paths(1, 2, 3)], All, null, [], 2, log, stopped.Token));
        }

        foreach (var picture in moved.Where(File.Exists))
        {
            var place = Path.Combine(Merged, Path.GetRelativePath(Path.Combine(_place.Folder, picture[(_place.Folder.Length + 1)..].Split(Path.DirectorySeparatorChar)[0], "mapillary-anna-original"), picture));
            Directory.CreateDirectory(Path.GetDirectoryName(place)!);
            File.Move(picture, place);
        }

        var check = await MergeAsync();

        Assert.Equal((true, 27, 0), (check.IsIntact, check.Images, check.Pending));
        Assert.Empty(Enumerable.Range(1, Shards).SelectMany(PicturesOf));
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
        CollectionMerge.RunAsync([.. Paths(numbers)], All, shards, empty ?? [], 2, _place.Log, TestContext.Current.CancellationToken);

    private Task<CollectionCheck> MergeAsync(string[] paths) =>
        CollectionMerge.RunAsync([.. paths.Select(p => Path.Combine(_place.Folder, p))], All, null, [], 2, _place.Log, TestContext.Current.CancellationToken);

    private IEnumerable<string> Paths(params int[] numbers) => numbers.Select(n => Path.Combine(_place.Folder, $"{n}", "mapillary-anna-original"));

    private List<string> PicturesOf(int number) =>
        [.. Directory.EnumerateFiles(Paths(number).Single(), "*.jpg", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private SortedDictionary<string, string> Snapshot() => new(
        Directory.EnumerateFiles(_place.Folder, "*", SearchOption.AllDirectories).ToDictionary(f => f, f => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(f)))),
        StringComparer.Ordinal);

    private ImageSaver Saver(int number, ImageQuality quality = ImageQuality.Original) => new(
        new SaveOptions { Destination = Path.Combine(_place.Folder, $"{number}"), Quality = quality }, Mapillary.Download.FetchRules.For(_place.Endpoints, Workplace.QuickRetry), _place.Graph, _place.Log);

    private async Task SaveAsync(int number, ImageQuality quality = ImageQuality.Original)
    {
        using var saver = Saver(number, quality);
        var filter = new ImageFilter { Shard = Shard.Parse($"{number}/{Shards}") };
        Assert.NotEmpty(await Workplace.ToListAsync(saver.SaveAsync(_place.Listing.OfUserAsync("anna", filter), TestContext.Current.CancellationToken)));
    }

    /// <summary>Stops the work after the first shard.</summary>
    private sealed class StoppingLog(CancellationTokenSource source) : IRunLog
    {
        public void Say(string message)
        {
            if (message.Contains("pictures moved", StringComparison.Ordinal)) source.Cancel();
        }

        public void Warn(string message)
        {
        }
    }
}
