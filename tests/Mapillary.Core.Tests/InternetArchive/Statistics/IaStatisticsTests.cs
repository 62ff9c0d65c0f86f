using System.Globalization;
using System.Text.RegularExpressions;
using Mapillary.Emulator;
using Mapillary.InternetArchive.Client;
using Mapillary.InternetArchive.Statistics;

namespace Mapillary.Tests.InternetArchive;

public sealed class IaStatisticsTests : IDisposable
{
    private static readonly DateTimeOffset Monday = new(2026, 3, 2, 12, 0, 0, TimeSpan.Zero);

    private readonly TestFolder _folder = new();
    private readonly KeptLog _log = new();
    private readonly IaStatisticsCache _cache;

    public IaStatisticsTests() => _cache = new IaStatisticsCache(Path.Combine(_folder.Path, "deep", "cache.json"));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Statistics_over_25_000_collections_equal_a_count_made_by_hand()
    {
        string[] forms = ["original", "original-webp", "2048", "1024-webp", "256"];
        // Five collections a user, so 5,000 users; the counts of a user differ by form, the largest is that of form 4.
        long ImagesOf(int i) => i % 5 * 1000 + i / 5;
        using var stub = new StubArchive(ArchiveClientTests.SearchOf(25_000, i => new
        {
            identifier = $"mapillary-user{i / 5}-{forms[i % 5]}",
            description = string.Create(CultureInfo.InvariantCulture, $"Street-level imagery. Contains {ImagesOf(i):N0} images in 256px resolution captured between 2024-01-01 and 2024-12-31."),
            item_size = i,
            collection = "mapillary-images",
        }));

        var statistics = await GetAsync(stub, Monday);

        long images = 0, unique = 0, bytes = 0, bytesOf256 = 0;
        for (var i = 0; i < 25_000; i++)
        {
            images += ImagesOf(i);
            bytes += i;
            if (i % 5 != 4) continue;
            unique += ImagesOf(i);
            bytesOf256 += i;
        }

        Assert.Equal((25_000, 5_000, images, unique, bytes), (statistics.Collections, statistics.Users, statistics.Images, statistics.UniqueImages, statistics.Bytes));
        Assert.Equal(["original", "2048", "1024", "256"], statistics.ByQuality.Select(q => q.Quality));
        Assert.Equal([10_000, 5_000, 5_000, 5_000], statistics.ByQuality.Select(q => q.Collections));
        Assert.Equal((unique, bytesOf256), (statistics.ByQuality[3].Images, statistics.ByQuality[3].Bytes));
        Assert.Equal((false, Monday), (statistics.IsFromCache, statistics.Updated));
    }

    [Fact]
    public async Task Statistics_over_25_000_emulated_collections_equal_a_count_made_from_what_the_emulator_holds()
    {
        const int generated = 25_000;
        await using var emulator = await EmulatorHost.StartAsync(
            new EmulatorOptions
            {
                GeneratedArchivedItems = generated,
                // Users of the made-up items have one collection each: these have more, of this module too, and one was taken down.
                ArchivedItems =
                [
                    .. Enumerable.Range(0, 500).SelectMany(i => new[]
                    {
                        Item($"mapillary-busy{i}-original", 20_000 + i, 7_000_000_000),
                        Item($"mapillary-busy{i}-256-webp", 20_100, 5),
                        Item($"mapillary-busy{i}-256", 12, 1),
                    }),
                    Item("mapillary-gone-original", 1_000_000, 1) with { IsDark = true },
                    Item("mapillary-silent-1024", 0, 77) with { Description = "No number in here." },
                ],
            },
            Token);
        using var client = new ArchiveClient(emulator.ArchiveEndpoint, log: _log);

        var statistics = await IaStatistics.GetAsync(client, _cache, refresh: false, _log, new SetClock(Monday), Token);

        // Counted with a reader of its own: name, description and size of each item, as the emulator has them.
        var quality = new Dictionary<string, (int Collections, long Images, long Bytes)>();
        var largest = new Dictionary<string, long>();
        var others = 0;
        foreach (var item in emulator.ArchivedItems.Where(i => !i.IsDark))
        {
            var parts = item.Identifier.Split('-');
            if (parts is not (["mapillary", _, "256" or "1024" or "2048" or "original"] or ["mapillary", _, "256" or "1024" or "2048" or "original", "webp"]))
            {
                others++;
                continue;
            }

            var user = parts[1];
            var images = Regex.Match(item.Description!, "Contains (.*) images in ") is { Success: true } match ? long.Parse(match.Groups[1].Value.Replace(",", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) : 0;
            var sum = quality.GetValueOrDefault(parts[2]);
            quality[parts[2]] = (sum.Collections + 1, sum.Images + images, sum.Bytes + item.ItemSize);
            largest[user] = Math.Max(largest.GetValueOrDefault(user), images);
        }

        Assert.InRange(quality.Values.Sum(q => q.Collections), 13_000, generated);
        Assert.Equal(quality.Values.Sum(q => q.Collections), statistics.Collections);
        Assert.Equal(largest.Count, statistics.Users);
        Assert.Equal(quality.Values.Sum(q => q.Images), statistics.Images);
        Assert.Equal(largest.Values.Sum(), statistics.UniqueImages);
        Assert.InRange(statistics.UniqueImages, 1, statistics.Images - 1);
        Assert.Equal(quality.Values.Sum(q => q.Bytes), statistics.Bytes);
        Assert.Equal(["original", "2048", "1024", "256"], statistics.ByQuality.Select(q => q.Quality));
        Assert.All(statistics.ByQuality, q => Assert.Equal(quality[q.Quality], (q.Collections, q.Images, q.Bytes)));
        Assert.Equal(others, statistics.Others);
        Assert.Equal(largest.Values.Sum() / 2_000_000_000.0, statistics.Share, 1e-12);
        Assert.Null(statistics.Items.Single(i => i.User == "silent").Images);
        Assert.Equal(1, statistics.CollectionsWithoutCount);
        Assert.Contains("1 collection does not say how many images it holds", statistics.ToText(), StringComparison.Ordinal);
        Assert.DoesNotContain(statistics.Items, i => i.User == "gone");

        // Three pages, each from where the one before ended.
        var cursors = emulator.Requests.Select(r => Regex.Match(r.PathAndQuery, "[?&]cursor=([^&]+)").Groups[1].Value).ToList();
        Assert.Equal((3, 3, ""), (cursors.Count, cursors.Distinct().Count(), cursors[0]));

        var again = await IaStatistics.GetAsync(client, _cache, refresh: false, _log, new SetClock(Monday.AddHours(1)), Token);
        Assert.Equal((true, statistics.UniqueImages, statistics.Bytes), (again.IsFromCache, again.UniqueImages, again.Bytes));
        Assert.Equal(statistics.Items.Select(i => (i.Identifier, i.Images, i.Bytes, i.Format)), again.Items.Select(i => (i.Identifier, i.Images, i.Bytes, i.Format)));
        Assert.Equal(3, emulator.Requests.Count);

        static ArchivedItem Item(string identifier, long images, long size) => new()
        {
            Identifier = identifier,
            Description = string.Create(CultureInfo.InvariantCulture, $"Street-level imagery. Contains {images:N0} images in original resolution."),
            ItemSize = size,
            Metadata = new Dictionary<string, IReadOnlyList<string>> { [ArchiveItem.ModuleTag] = ["1.0.0"] },
        };
    }

    [Fact]
    public async Task A_collection_that_is_spread_over_several_items_is_one_and_its_parts_add_up()
    {
        using var stub = new StubArchive(_ => new StubAnswer(
            """
            {"items":[
              {"identifier":"mapillary-anna-original","description":"Contains 100 images in original resolution.","item_size":1000},
              {"identifier":"mapillary-anna-original-part2","description":"part 2 of a collection. Contains 30 images in original resolution.","item_size":300},
              {"identifier":"mapillary-anna-original-part10","description":"part 10 of a collection. Contains 1 image in original resolution.","item_size":10},
              {"identifier":"mapillary-anna-256","description":"Contains 120 images in 256px resolution.","item_size":5},
              {"identifier":"mapillary-anna-original-part1","description":"Contains 7 images","item_size":7},
              {"identifier":"mapillary-anna-original-partial","description":"Contains 7 images","item_size":7}
            ],"total":6}
            """));

        var statistics = await GetAsync(stub, Monday);

        Assert.Equal((2, 1, 251L, 131L, 1315L), (statistics.Collections, statistics.Users, statistics.Images, statistics.UniqueImages, statistics.Bytes));
        Assert.Equal([(1, 131L, 1310L), (1, 120L, 5L)], statistics.ByQuality.Select(q => (q.Collections, q.Images, q.Bytes)));
        Assert.Equal((4, 2), (statistics.Items.Count, statistics.Others));
    }

    [Fact]
    public void The_cache_lies_in_the_users_cache_folder()
    {
        var ownFolder = Path.GetFullPath(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile));
        var expected = OperatingSystem.IsWindows() ? Environment.GetEnvironmentVariable("LOCALAPPDATA")!
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } folder && folder[0] == '/' ? folder
            : Path.Combine(ownFolder, ".cache");

        Assert.Equal(Path.Combine(expected, "mapillary-powershell", "ia-statistics.json"), IaStatisticsCache.DefaultPath);
    }

    [Fact]
    public async Task Collections_of_both_tools_are_asked_for_and_read_whatever_form_their_fields_have()
    {
        using var stub = new StubArchive(_ => new StubAnswer(
            """
            {"items":[
              {"identifier":"mapillary-some-one-original-webp","description":["First.","Contains 1,234,567 images in original resolution"],"item_size":"5000000000","collection":["mapillary-images","other"]},
              {"identifier":"mapillary-j_x00f6_rg-256","description":"Contains 1 image in 256px resolution.","item_size":10},
              {"identifier":"mapillary-silent-1024"},
              {"identifier":"mapillary-silent-1024","description":"Contains 5 images in 1024px resolution."},
              {"identifier":"mapillary-scenes-2019","description":"Contains 9 images"},
              {"identifier":"holiday"},
              {"identifier":7}
            ],"count":7,"total":7}
            """));

        var statistics = await GetAsync(stub, Monday);

        Assert.Equal("mapillary_downloader:* OR mapillary_powershell:*", Assert.Single(stub.Requests).Query["q"]);
        Assert.Equal(["mapillary-j_x00f6_rg-256", "mapillary-silent-1024", "mapillary-some-one-original-webp"], statistics.Items.Select(i => i.Identifier));
        Assert.Equal(["jörg", "silent", "some-one"], statistics.Items.Select(i => i.User));
        Assert.Equal([1, 5, 1_234_567], statistics.Items.Select(i => i.Images));
        Assert.Equal([10, 0, 5_000_000_000], statistics.Items.Select(i => i.Bytes));
        Assert.Equal(["JPEG", "JPEG", "WebP"], statistics.Items.Select(i => i.Format));
        Assert.Equal(["mapillary-images", "other"], statistics.Items[2].Collections);
        Assert.Equal("https://archive.org/details/mapillary-silent-1024", statistics.Items[1].Url);
        Assert.Equal((3, 3), (statistics.Collections, statistics.Others));
        Assert.Contains(_log.Words, w => w.Contains("holiday", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_fresh_cache_is_used_and_a_day_old_one_is_renewed()
    {
        using var stub = new StubArchive(OneCollection);
        await GetAsync(stub, Monday);

        var later = await GetAsync(stub, Monday.AddHours(23));
        Assert.Equal((true, Monday, 12_345L), (later.IsFromCache, later.Updated, later.Images));
        Assert.Equal("anna", Assert.Single(later.Items).User);
        Assert.Single(stub.Requests);

        var tuesday = await GetAsync(stub, Monday.AddHours(24));
        Assert.Equal((false, Monday.AddHours(24)), (tuesday.IsFromCache, tuesday.Updated));
        Assert.Equal(2, stub.Requests.Count);
        Assert.Empty(_log.Warnings);
    }

    [Fact]
    public async Task Refresh_asks_though_the_cache_is_fresh()
    {
        using var stub = new StubArchive(OneCollection);
        await GetAsync(stub, Monday);

        Assert.False((await GetAsync(stub, Monday.AddHours(1), refresh: true)).IsFromCache);
        Assert.Equal(2, stub.Requests.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Without_the_network_the_cache_is_used_with_a_warning_that_says_its_age(bool refresh)
    {
        var broken = false;
        using var stub = new StubArchive(r => broken ? new StubAnswer("down", 503) : OneCollection(r));
        await GetAsync(stub, Monday);
        broken = true;

        var statistics = await GetAsync(stub, Monday.AddDays(3), refresh);

        // One more try, and no waiting out of an outage that may last for hours.
        Assert.Equal(3, stub.Requests.Count);
        Assert.Equal((true, Monday, 12_345L), (statistics.IsFromCache, statistics.Updated, statistics.Images));
        Assert.Contains("3 days", Assert.Single(_log.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_network_and_cache_there_is_an_error_and_no_cache_is_written()
    {
        using var stub = new StubArchive(_ => new StubAnswer("down", 503));

        await Assert.ThrowsAsync<ArchiveException>(() => GetAsync(stub, Monday));
        Assert.False(File.Exists(_cache.Path));
    }

    [Fact]
    public async Task A_search_that_breaks_off_leaves_the_cache_as_it_was()
    {
        using var stub = new StubArchive(OneCollection);
        await GetAsync(stub, Monday);
        var before = await File.ReadAllBytesAsync(_cache.Path, Token);
        using var half = new StubArchive(_ => new StubAnswer("""{"items":[],"total":5}"""));

        await Assert.ThrowsAsync<ArchiveException>(() => GetAsync(half, Monday.AddDays(2)));
        Assert.Equal(before, await File.ReadAllBytesAsync(_cache.Path, Token));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("not json")]
    [InlineData("""{"source":"http://x/","updated":"2026-03-02T12:00:00+00:00","others":0,"items":null}""")]
    [InlineData("""{"source":"http://x/","updated":"2026-03-02T12:00:00+00:00","others":0,"items":[null]}""")]
    [InlineData("""{"source":"http://x/","updated":"2026-03-02T12:00:00+00:00","others":0,"items":[{"identifier":"a"}]}""")]
    public async Task A_damaged_cache_is_written_again_with_a_warning(string content)
    {
        _folder.Write("deep/cache.json", content);
        using var stub = new StubArchive(OneCollection);

        var statistics = await GetAsync(stub, Monday);

        Assert.False(statistics.IsFromCache);
        Assert.Contains(_cache.Path, Assert.Single(_log.Warnings), StringComparison.Ordinal);
        Assert.True((await GetAsync(stub, Monday)).IsFromCache);
        Assert.Single(_log.Warnings);
    }

    [Fact]
    public async Task A_cache_cut_anywhere_is_written_again()
    {
        using var stub = new StubArchive(OneCollection);
        await GetAsync(stub, Monday);
        var whole = await File.ReadAllBytesAsync(_cache.Path, Token);

        for (var length = 0; length < whole.Length; length += 7)
        {
            await File.WriteAllBytesAsync(_cache.Path, whole[..length], Token);
            Assert.Equal((false, 12_345L), await GetAsync(stub, Monday) is var s ? (s.IsFromCache, s.Images) : default);
            Assert.Equal(whole, await File.ReadAllBytesAsync(_cache.Path, Token));
        }
    }

    [Fact]
    public async Task A_cache_of_another_service_or_of_the_future_is_not_used()
    {
        using var one = new StubArchive(OneCollection);
        await GetAsync(one, Monday);
        using var other = new StubArchive(_ => new StubAnswer("""{"items":[],"total":0}"""));

        Assert.Equal(0, (await GetAsync(other, Monday)).Collections);
        Assert.False((await GetAsync(other, Monday.AddDays(-1))).IsFromCache);
    }

    [Fact]
    public async Task Statistics_are_given_though_the_cache_cannot_be_written()
    {
        _folder.Write("deep", "a file where a folder is wanted");
        using var stub = new StubArchive(OneCollection);

        Assert.Equal(12_345, (await GetAsync(stub, Monday)).Images);
        Assert.Contains(_log.Warnings, w => w.Contains("cannot be written", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Two_runs_at_once_leave_a_whole_cache()
    {
        using var stub = new StubArchive(OneCollection);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => GetAsync(stub, Monday, refresh: true)));

        Assert.True((await GetAsync(stub, Monday)).IsFromCache);
        Assert.Equal([_cache.Path], Directory.GetFiles(Path.GetDirectoryName(_cache.Path)!));
    }

    [Fact]
    public async Task The_text_names_every_number()
    {
        using var stub = new StubArchive(_ => new StubAnswer(
            """
            {"items":[
              {"identifier":"mapillary-anna-original","description":"Contains 12,345 images","item_size":1649267441664},
              {"identifier":"mapillary-anna-256","description":"Contains 12,000 images","item_size":1073741824},
              {"identifier":"mapillary-ben-256","description":"Contains 1 image","item_size":512}
            ],"total":3}
            """));

        var lines = (await GetAsync(stub, Monday)).ToText().Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => string.Join(' ', l.Split(' ', StringSplitOptions.RemoveEmptyEntries)));

        Assert.Equal(
            [
                "Mapillary on archive.org, 2026-03-02 12:00 UTC",
                "Collections 3",
                "Users 2",
                "Images 24,346",
                "Unique images 12,346",
                "Share of all 0.001 % of about 2 billion as of 2025-10-23",
                "Size 1.5 TiB",
                "Quality Collections Images Size",
                "original 1 12,345 1.5 TiB",
                "256 2 12,001 1.0 GiB",
            ],
            lines);
    }

    private static StubAnswer OneCollection(StubRequest request) => new(
        """{"items":[{"identifier":"mapillary-anna-original","description":"Contains 12,345 images in original resolution","item_size":1,"collection":"mapillary-images"}],"count":1,"total":1}""");

    private async Task<IaStatistics> GetAsync(StubArchive stub, DateTimeOffset now, bool refresh = false)
    {
        using var client = stub.Client(_log);
        return await IaStatistics.GetAsync(client, _cache, refresh, _log, new SetClock(now), Token);
    }

    private sealed class SetClock(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
