using System.Security.Cryptography;
using Mapillary.Collections;
using Mapillary.Download;
using Mapillary.Emulator;
using Mapillary.Graph;

namespace Mapillary.Tests.Collections;

/// <summary>
/// Six hundred images through every fault that Mapillary's servers are known for, alone and together: all end whole and the same as
/// without faults, or named; and nothing is asked more often than it has to be.
/// </summary>
public sealed class FaultMatrixTests
{
    private const int Images = 600;
    private const int PageLimit = 100;
    private const int Pages = Images / PageLimit;

    /// <summary>Patient enough for a busy machine, and not for a server that trickles.</summary>
    private static readonly FetchRules Impatient = new() { LoopbackAllowed = true, Retry = Workplace.QuickRetry, Patience = TimeSpan.FromSeconds(2), SlowestRate = 1024 * 1024 };

    private static readonly Lazy<Task<Dictionary<string, string>>> Undisturbed = new(async () =>
    {
        await using var place = await OpenAsync([]);
        return (await SaveAsync(place)).ToDictionary(s => s.Id, s => s.Sha256!);
    });

    /// <summary>Faults of single pictures: at which share of the images, and how often at each.</summary>
    public static TheoryData<FaultKind, int, int> PictureFaults => new()
    {
        { FaultKind.Expired403, 3, 1 },
        { FaultKind.NotFound404, 3, 1 },
        { FaultKind.Truncated, 3, 2 },
        { FaultKind.TruncatedWithRightLength, 3, 2 },
        { FaultKind.Trickle, 100, 1 },
        { FaultKind.Html200, 6, 1 },
        { FaultKind.Empty, 3, 2 },
        { FaultKind.Html503, 3, 2 },
        { FaultKind.ConnectionReset, 3, 2 },
    };

    /// <summary>Faults of the listing's pages, and how many requests a page then takes.</summary>
    public static TheoryData<FaultKind, int> ListingFaults => new()
    {
        { FaultKind.RateLimited403, 3 },
        { FaultKind.RateLimited429, 3 },
        { FaultKind.Transient500, 3 },
        { FaultKind.Html503, 3 },
        { FaultKind.CutJson, 3 },
        { FaultKind.ConnectionReset, 3 },
        { FaultKind.DuplicateAcrossPages, 1 },
    };

    [Theory]
    [MemberData(nameof(PictureFaults))]
    public async Task A_fault_of_pictures_costs_as_many_requests_as_there_are_faults_and_nothing_else(FaultKind kind, int every, int times)
    {
        await using var place = await OpenAsync([new FaultRule { Server = ServerKind.Cdn, Kind = kind, Every = every, Times = times }]);

        var saved = await SaveAsync(place);

        await AssertWholeAsync(place, saved);
        Assert.Equal(Images + (Images / every * times), place.Fetches);
    }

    [Theory]
    [MemberData(nameof(ListingFaults))]
    public async Task A_fault_of_the_listing_loses_no_image(FaultKind kind, int requestsAPage)
    {
        await using var place = await OpenAsync([new FaultRule { Server = ServerKind.Graph, Kind = kind, Times = kind == FaultKind.DuplicateAcrossPages ? int.MaxValue : 2 }]);

        var saved = await SaveAsync(place);

        await AssertWholeAsync(place, saved);
        Assert.Equal(Pages * requestsAPage, place.Pages);
        Assert.Equal(Images, place.Fetches);
    }

    [Theory]
    [InlineData(FaultKind.EmptyPageWithNext, 1, 1)]
    [InlineData(FaultKind.ExpiredCursor400, 3, 1)]
    [InlineData(FaultKind.TooMuchData, 1, int.MaxValue)]
    public async Task A_fault_that_costs_further_pages_loses_no_image(FaultKind kind, int every, int times)
    {
        await using var place = await OpenAsync([new FaultRule { Server = ServerKind.Graph, Kind = kind, Every = every, Times = times, MaxCells = 5000 }], kind == FaultKind.TooMuchData ? Images : PageLimit);

        var saved = await SaveAsync(place);

        await AssertWholeAsync(place, saved);
        Assert.Equal(Images, place.Fetches);
    }

    [Fact]
    public async Task All_passing_faults_together_lose_nothing()
    {
        FaultKind[] pictures = [FaultKind.Expired403, FaultKind.NotFound404, FaultKind.Truncated, FaultKind.TruncatedWithRightLength, FaultKind.Html200, FaultKind.Empty, FaultKind.Html503, FaultKind.ConnectionReset];
        FaultKind[] pages = [FaultKind.RateLimited403, FaultKind.RateLimited429, FaultKind.Transient500, FaultKind.Html503, FaultKind.CutJson];
        await using var place = await OpenAsync(
        [
            .. pictures.Select((kind, i) => new FaultRule { Server = ServerKind.Cdn, Kind = kind, Which = t => t.Ordinal % pictures.Length == i }),
            new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.Trickle, Every = 150 },
            .. pages.Select(kind => new FaultRule { Server = ServerKind.Graph, Kind = kind, Which = t => t.Path.StartsWith("/images?creator", StringComparison.Ordinal) }),
            new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.DuplicateAcrossPages, Times = int.MaxValue },
        ]);

        var saved = await SaveAsync(place);

        await AssertWholeAsync(place, saved);
        Assert.Equal(Images * 2 + Images / 150, place.Fetches);
        Assert.InRange(place.Pages, Pages, Pages * (1 + pages.Length));
    }

    [Fact]
    public async Task What_is_not_to_be_had_is_named_and_counted_and_the_next_run_gets_what_failed()
    {
        FaultRule Always(FaultKind kind, int rest) => new() { Server = ServerKind.Cdn, Kind = kind, Which = t => t.Ordinal % 50 == rest, Times = int.MaxValue };
        await using var place = await OpenAsync([Always(FaultKind.Truncated, 1), Always(FaultKind.Html200, 2), Always(FaultKind.Empty, 3), Always(FaultKind.NotFound404, 4), Always(FaultKind.Html503, 5)]);

        var saved = await SaveAsync(place);

        var ledger = saved.Aggregate(Ledger.Empty, (l, s) => l.With(s.Status));
        Assert.Equal(new Ledger(Images - 60, 0, 12, 48), ledger);
        Assert.All(saved.Where(s => s.Status is SavedImageStatus.Failed or SavedImageStatus.Unavailable), s => Assert.Contains(s.Id, s.Error, StringComparison.Ordinal));
        // Each failing picture is asked for as often as the rules say; each that is gone twice, the second time at a fresh address.
        Assert.Equal(Images - 60 + (48 * Workplace.QuickRetry.Attempts) + (12 * 2), place.Fetches);
        var collection = place.Collection("anna", "256");
        var state = CollectionState.Read(collection)!;
        Assert.Equal((Images, Images - 60, 12, 48, false), (state.Listed, state.Images, state.Unavailable, state.Failed, state.Complete));
        Assert.Equal(60, File.ReadLines(Path.Combine(collection, "failed.jsonl")).Count());
        Assert.Empty(Directory.EnumerateFiles(collection, "*.part*", SearchOption.AllDirectories));

        await using var healed = await OpenAsync([]);
        using var saver = healed.Saver(new SaveOptions { CollectionPath = collection, User = "anna", Quality = ImageQuality.Thumb256 }, rules: Impatient);
        var second = await Workplace.ToListAsync(saver.SaveAsync(healed.Listing.OfUserAsync("anna", ImageFilter.None), TestContext.Current.CancellationToken));
        Assert.Equal(new Ledger(60, Images - 60, 0, 0), second.Aggregate(Ledger.Empty, (l, s) => l.With(s.Status)));
        Assert.Equal(60, healed.Fetches);
        await AssertWholeAsync(place, second.ConvertAll(s => s with { Status = SavedImageStatus.Saved }));
    }

    [Theory]
    [InlineData(FaultKind.BlockedRedirect302)]
    [InlineData(FaultKind.BlockedHtml200)]
    [InlineData(FaultKind.NextToOtherHost)]
    public async Task What_would_extend_a_block_or_lead_elsewhere_ends_the_run_and_all_that_is_finished_stays(FaultKind kind)
    {
        await using var place = await OpenAsync([new FaultRule { Server = ServerKind.Graph, Kind = kind, Which = t => t.Path.Contains("after=", StringComparison.Ordinal) || kind == FaultKind.NextToOtherHost, Times = int.MaxValue }]);

        await Assert.ThrowsAsync<GraphException>(() => SaveAsync(place));

        var expected = await Undisturbed.Value;
        var files = Directory.EnumerateFiles(place.Folder, "*.jpg", SearchOption.AllDirectories).ToList();
        Assert.All(files, f => Assert.Equal(expected[Path.GetFileNameWithoutExtension(f)], HashOf(f)));
        Assert.Empty(Directory.EnumerateFiles(place.Folder, "*.part*", SearchOption.AllDirectories));
        AssertNoSecret(place);
    }

    private static Task<Workplace> OpenAsync(IReadOnlyList<FaultRule> faults, int pageLimit = PageLimit) => Workplace.OpenAsync(new EmulatorOptions
    {
        Users = [new EmulatedUser { Name = "anna", Images = Images, Sequences = 5 }],
        PageLimit = pageLimit,
        Faults = faults,
    });

    private static async Task<List<SavedImage>> SaveAsync(Workplace place)
    {
        using var saver = place.Saver(new SaveOptions { Quality = ImageQuality.Thumb256 }, rules: Impatient);
        return await Workplace.ToListAsync(saver.SaveAsync(place.Listing.OfUserAsync("anna", ImageFilter.None), TestContext.Current.CancellationToken));
    }

    private static async Task AssertWholeAsync(Workplace place, List<SavedImage> saved)
    {
        var expected = await Undisturbed.Value;
        Assert.Equal(new Ledger(Images, 0, 0, 0), saved.Aggregate(Ledger.Empty, (l, s) => l.With(s.Status)));
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), saved.Select(s => s.Id).Order(StringComparer.Ordinal));
        Assert.All(saved, s => Assert.Equal((expected[s.Id], expected[s.Id]), (s.Sha256, HashOf(s.Path!))));
        Assert.Equal(Images, Directory.EnumerateFiles(Path.GetDirectoryName(Path.GetDirectoryName(Path.GetDirectoryName(saved[0].Path!)))!, "*.jpg", SearchOption.AllDirectories).Count());
        AssertNoSecret(place);
    }

    /// <summary>The token is nowhere but in the one header; the emulator itself watches over where it is sent.</summary>
    private static void AssertNoSecret(Workplace place)
    {
        var secret = place.Emulator.Token;
        var key = secret[(secret.LastIndexOf('|') + 1)..];
        Assert.DoesNotContain(place.Log.Said.Concat(place.Log.Warned), line => line.Contains(key, StringComparison.Ordinal));
        Assert.DoesNotContain(place.Emulator.Requests, r => r.PathAndQuery.Contains(key, StringComparison.Ordinal));
        Assert.Empty(place.Emulator.Violations);
        foreach (var file in Directory.EnumerateFiles(place.Folder, "*.json*", SearchOption.AllDirectories))
            Assert.DoesNotContain(key, File.ReadAllText(file), StringComparison.Ordinal);
    }

    private static string HashOf(string file) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file))).ToLowerInvariant();
}
