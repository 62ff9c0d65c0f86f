using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Download;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.InternetArchive.Client;
using Mapillary.Tests;

namespace Mapillary.Reliability.Tests;

/// <summary>
/// Each fault of the services alone, and all together, on 600 images: what comes out, what is said of it, and how many requests it took.
/// </summary>
public class FaultMatrixTests(MatrixWorld world) : IClassFixture<MatrixWorld>
{
    private const int Every = 7;
    private const int Attempts = 6;

    private static readonly FaultKind[] OtherMetadata = [FaultKind.TrailingBytes, FaultKind.CorruptExif, FaultKind.ExistingXmp];

    private static FaultRule Cdn(FaultKind kind, int times) => new() { Server = ServerKind.Cdn, Kind = kind, Every = Every, Times = times };

    private static FaultRule Graph(FaultKind kind, int times, Func<FaultTarget, bool>? which = null) =>
        new() { Server = ServerKind.Graph, Kind = kind, Times = times, Which = which };

    private static bool IsHit(EmulatedImage image, int every = Every) => (image.Ordinal + 1) % every == 0;

    /// <summary>The kind of fault, how often it strikes, and how often the picture is then asked for.</summary>
    public static TheoryData<FaultKind, int, int> PassingCdnFaults() => new()
    {
        { FaultKind.Expired403, 1, 2 },
        { FaultKind.NotFound404, 1, 2 },
        { FaultKind.Truncated, 2, 3 },
        { FaultKind.TruncatedWithRightLength, 2, 3 },
        { FaultKind.Html200, 2, 3 },
        { FaultKind.Html503, 2, 3 },
        { FaultKind.Empty, 2, 3 },
        { FaultKind.ConnectionReset, 2, 3 },
        { FaultKind.Truncated, Attempts - 1, Attempts },
        { FaultKind.TrailingBytes, int.MaxValue, 1 },
        { FaultKind.CorruptExif, int.MaxValue, 1 },
        { FaultKind.ExistingXmp, int.MaxValue, 1 },
    };

    [Theory]
    [MemberData(nameof(PassingCdnFaults))]
    public async Task A_passing_fault_of_the_image_servers_leaves_no_trace_and_costs_no_request_too_many(FaultKind kind, int times, int fetches)
    {
        await using var place = await Workplace.OpenAsync(MatrixWorld.Options(Cdn(kind, times)));
        var hit = place.Emulator.World.Images.Where(i => IsHit(i)).Select(i => i.Id).ToHashSet();

        var result = await MatrixWorld.RunAsync(place);

        MatrixWorld.AssertLedger(new Ledger(MatrixWorld.Images, 0, 0, 0), result, place);
        if (OtherMetadata.Contains(kind)) world.AssertPicturesSame(result.CollectionPath!, hit.Contains);
        else Tree.AssertSame(world.Contents, Tree.Read(result.CollectionPath!));
        Assert.Equal(place.Emulator.World.Images.ToDictionary(i => i.Id, i => hit.Contains(i.Id) ? fetches : 1), MatrixWorld.FetchesByImage(place.Emulator));
        // A refused address is asked for again, once; nothing else is.
        var isRefused = kind is FaultKind.Expired403 or FaultKind.NotFound404;
        Assert.Equal(isRefused ? hit.Order() : [], MatrixWorld.RefreshedIds(place.Emulator).Order());
        Assert.Equal(MatrixWorld.Pages, MatrixWorld.PageRequests(place.Emulator).Count);
        Secrets.AssertKept(place.Emulator, place.Folder, [.. place.Log.Said, .. place.Log.Warned]);
    }

    [Fact]
    public async Task Pictures_that_trickle_are_given_up_and_asked_for_again()
    {
        const int SlowOnes = 200;
        await using var place = await Workplace.OpenAsync(MatrixWorld.Options(new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.Trickle, Every = SlowOnes }));

        var saved = await SaveAsync(place, FetchRules.For(place.Endpoints, Workplace.QuickRetry) with { Patience = TimeSpan.FromSeconds(2) });

        Assert.All(saved, s => Assert.Equal(SavedImageStatus.Saved, s.Status));
        world.AssertPicturesSame(place.Collection(MatrixWorld.User, "256"), _ => false);
        Assert.Equal(place.Emulator.World.Images.ToDictionary(i => i.Id, i => IsHit(i, SlowOnes) ? 2 : 1), MatrixWorld.FetchesByImage(place.Emulator));
        Secrets.AssertKept(place.Emulator, place.Folder, [.. place.Log.Said, .. place.Log.Warned]);
    }

    [Fact]
    public async Task Addresses_that_all_have_expired_are_asked_for_again_once_each_and_many_at_a_time()
    {
        await using var place = await Workplace.OpenAsync(MatrixWorld.Options() with { ListedUrlLifetime = TimeSpan.FromDays(-60) });

        var result = await MatrixWorld.RunAsync(place);

        MatrixWorld.AssertLedger(new Ledger(MatrixWorld.Images, 0, 0, 0), result, place);
        Tree.AssertSame(world.Contents, Tree.Read(result.CollectionPath!));
        Assert.All(MatrixWorld.FetchesByImage(place.Emulator).Values, f => Assert.Equal(1, f));
        Assert.Equal(place.Emulator.World.Images.Select(i => i.Id).Order(), MatrixWorld.RefreshedIds(place.Emulator).Order());
        var requests = place.Emulator.Requests.Count(r => r.Server == ServerKind.Graph) - MatrixWorld.Pages;
        Assert.True(requests <= MatrixWorld.Images / 3, $"{requests} requests for {MatrixWorld.Images} records");
        Secrets.AssertKept(place.Emulator, place.Folder, [.. place.Log.Said, .. place.Log.Warned]);
    }

    /// <summary>The kind of fault, how often it strikes each request, and how many requests for pages of the listing are then made.</summary>
    public static TheoryData<FaultKind, int, int> PassingGraphFaults() => new()
    {
        { FaultKind.RateLimited403, 3, 4 * MatrixWorld.Pages },
        { FaultKind.RateLimited429, 3, 4 * MatrixWorld.Pages },
        { FaultKind.Transient500, 2, 3 * MatrixWorld.Pages },
        { FaultKind.Html503, 2, 3 * MatrixWorld.Pages },
        { FaultKind.CutJson, 2, 3 * MatrixWorld.Pages },
        { FaultKind.ConnectionReset, Attempts - 1, Attempts * MatrixWorld.Pages },
        { FaultKind.DuplicateAcrossPages, int.MaxValue, MatrixWorld.Pages },
        { FaultKind.EmptyPageWithNext, int.MaxValue, 2 * MatrixWorld.Pages },
        // From the first page again at each of the five cursors: 2 + 3 + 4 + 5 + 6 requests that come to an expired one, and then all six.
        { FaultKind.ExpiredCursor400, 1, 26 },
        // Pages of 2000, 1000, 500, 250 and 125 images are too much; then ten of 62, and after four of them one of 124 in vain.
        { FaultKind.TooMuchData, int.MaxValue, 16 },
        // Each page twice, and the first a third time: the cursor that leads back to it is a new one.
        { FaultKind.RepeatedCursor, 1, (2 * MatrixWorld.Pages) + 1 },
        // 2000, 500 and 125 take too long; then 20 of 31, and after 4, 8 and 16 of them one of 62 in vain: 16 are not reached.
        { FaultKind.QueryTimeout400, int.MaxValue, 25 },
        { FaultKind.GatewayTimeout504, int.MaxValue, 25 },
    };

    [Theory]
    [MemberData(nameof(PassingGraphFaults))]
    public async Task A_passing_fault_of_the_listing_loses_no_image_and_costs_no_request_too_many(FaultKind kind, int times, int requests)
    {
        await using var place = await Workplace.OpenAsync(MatrixWorld.Options(Graph(kind, times) with { MaxCells = 2000, MaxRows = 40 }));

        var result = await MatrixWorld.RunAsync(place);

        MatrixWorld.AssertLedger(new Ledger(MatrixWorld.Images, 0, 0, 0), result, place);
        Tree.AssertSame(world.Contents, Tree.Read(result.CollectionPath!));
        Assert.Equal(requests, MatrixWorld.PageRequests(place.Emulator).Count);
        Assert.All(MatrixWorld.FetchesByImage(place.Emulator).Values, f => Assert.Equal(1, f));
        Secrets.AssertKept(place.Emulator, place.Folder, [.. place.Log.Said, .. place.Log.Warned]);
    }

    [Fact]
    public async Task The_wait_that_a_rate_limit_asks_for_is_kept_and_said()
    {
        await using var place = await Workplace.OpenAsync(MatrixWorld.Options(Graph(FaultKind.RateLimited429, 1, t => t.Ordinal == 3) with { RetryAfterSeconds = 1 }));

        var result = await MatrixWorld.RunAsync(place);

        MatrixWorld.AssertLedger(new Ledger(MatrixWorld.Images, 0, 0, 0), result, place);
        Assert.Contains(place.Log.Said, s => s.Contains("Waiting 1 s", StringComparison.Ordinal));
        Assert.Equal(MatrixWorld.Pages + 1, MatrixWorld.PageRequests(place.Emulator).Count);
        Tree.AssertSame(world.Contents, Tree.Read(result.CollectionPath!));
        Secrets.AssertKept(place.Emulator, place.Folder, [.. place.Log.Said, .. place.Log.Warned]);
    }

    /// <summary>What ends a listing, and what it is called.</summary>
    public static TheoryData<FaultKind, GraphFault> FaultsThatEndARun() => new()
    {
        { FaultKind.NextToOtherHost, GraphFault.BadAnswer },
        { FaultKind.BlockedRedirect302, GraphFault.Blocked },
        { FaultKind.BlockedHtml200, GraphFault.Blocked },
        { FaultKind.LoginWanted400, GraphFault.Blocked },
        { FaultKind.NetworkLogin200, GraphFault.Intercepted },
        { FaultKind.NetworkLogin302, GraphFault.Intercepted },
        { FaultKind.NetworkLogin511, GraphFault.Intercepted },
        { FaultKind.ProxyPassword407, GraphFault.Intercepted },
    };

    [Theory]
    [MemberData(nameof(FaultsThatEndARun))]
    public async Task A_listing_that_cannot_go_on_ends_the_run_and_the_next_run_ends_the_collection(FaultKind kind, GraphFault fault)
    {
        const int PageOfTheFault = 2;
        await using var place = await Workplace.OpenAsync(MatrixWorld.Options(Graph(kind, 1, t => t.Ordinal == PageOfTheFault)));

        var error = await Assert.ThrowsAsync<GraphException>(() => MatrixWorld.RunAsync(place));

        Assert.Equal(fault, error.Fault);
        // Nothing of it is tried again, nor followed to where it points.
        Assert.True(MatrixWorld.PageRequests(place.Emulator).Count <= PageOfTheFault + 2);
        Assert.DoesNotContain(place.Emulator.Requests, r => r.PathAndQuery.Contains("login", StringComparison.Ordinal) || (r.Server == ServerKind.Cdn && r.ImageId is null));
        Assert.False(Directory.Exists(place.Collection(MatrixWorld.User, "256")), "A collection that is not complete was moved into place.");
        Assert.Empty(Tree.HalfFiles(place.Folder));

        var fetched = MatrixWorld.FetchesByImage(place.Emulator).Count;
        var result = await MatrixWorld.RunAsync(place);

        Assert.Equal(BackupStatus.Complete, result.Status);
        Assert.Equal(MatrixWorld.Images, result.Ledger.Listed);
        Assert.True(result.Ledger.Present <= fetched);
        Tree.AssertSame(world.Contents, Tree.Read(result.CollectionPath!));
        Secrets.AssertKept(place.Emulator, place.Folder, [.. place.Log.Said, .. place.Log.Warned, error.ToString()]);
    }

    [Theory]
    [InlineData(Tokens.Expired)]
    [InlineData(Tokens.AppRevoked)]
    [InlineData("MLY|1|00000000000000000000000000000000")]
    [InlineData("MLY|bogus")]
    public async Task A_refused_token_is_shown_once_and_nothing_is_written(string token)
    {
        await using var place = await Workplace.OpenAsync(MatrixWorld.Options());
        var backup = new UserBackup(place.Endpoints, AccessToken.Parse(token), place.Log, Workplace.QuickRetry);

        var error = await Assert.ThrowsAsync<GraphException>(() => backup.RunAsync(
            MatrixWorld.User, new BackupOptions { Save = MatrixWorld.Save with { Destination = place.Folder } }, progress: null, TestContext.Current.CancellationToken));

        Assert.Equal(GraphFault.TokenRefused, error.Fault);
        Assert.Single(place.Emulator.Requests, r => r.Server == ServerKind.Graph);
        Assert.Empty(Tree.Files(place.Folder));
        Assert.All([error.ToString(), .. place.Log.Said, .. place.Log.Warned], s => Assert.DoesNotContain(token, s, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>The kind of fault, how the image then ends, how often its picture is asked for, and a part of the reason.</summary>
    public static TheoryData<FaultKind, string, int, string> LastingCdnFaults() => new()
    {
        { FaultKind.Expired403, SavedImageStatus.Unavailable, 2, "HTTP 403" },
        { FaultKind.NotFound404, SavedImageStatus.Unavailable, 2, "HTTP 404" },
        { FaultKind.Truncated, SavedImageStatus.Failed, Attempts, "6 attempts" },
        { FaultKind.TruncatedWithRightLength, SavedImageStatus.Failed, Attempts, "6 attempts" },
        { FaultKind.Html200, SavedImageStatus.Failed, Attempts, "6 attempts" },
        { FaultKind.Html503, SavedImageStatus.Failed, Attempts, "HTTP 503" },
        { FaultKind.Empty, SavedImageStatus.Failed, Attempts, "6 attempts" },
        { FaultKind.ConnectionReset, SavedImageStatus.Failed, Attempts, "6 attempts" },
    };

    [Theory]
    [MemberData(nameof(LastingCdnFaults))]
    public async Task An_image_that_cannot_be_had_is_named_with_the_reason_and_all_others_are_whole(FaultKind kind, string status, int fetches, string reason)
    {
        const int LostOnes = 100;
        await using var place = await Workplace.OpenAsync(MatrixWorld.Options(Cdn(kind, int.MaxValue) with { Every = LostOnes }));
        var lost = place.Emulator.World.Images.Where(i => IsHit(i, LostOnes)).Select(i => i.Id).ToList();

        var result = await MatrixWorld.RunAsync(place);

        var isFailed = status == SavedImageStatus.Failed;
        MatrixWorld.AssertLedger(new Ledger(MatrixWorld.Images - lost.Count, 0, isFailed ? 0 : lost.Count, isFailed ? lost.Count : 0), result, place);
        AssertLost(result, lost, status, reason);
        Assert.Equal(place.Emulator.World.Images.ToDictionary(i => i.Id, i => lost.Contains(i.Id) ? fetches : 1), MatrixWorld.FetchesByImage(place.Emulator));

        // The next run asks for these again and for no others.
        var again = await MatrixWorld.RunAsync(place);

        Assert.Equal((MatrixWorld.Images - lost.Count, MatrixWorld.Images), (again.Ledger.Present, again.Ledger.Listed));
        Assert.Equal(place.Emulator.World.Images.ToDictionary(i => i.Id, i => lost.Contains(i.Id) ? 2 * fetches : 1), MatrixWorld.FetchesByImage(place.Emulator));
        AssertLost(again, lost, status, reason);
        Secrets.AssertKept(place.Emulator, place.Folder, [.. place.Log.Said, .. place.Log.Warned]);
    }

    [Fact]
    public async Task An_image_without_the_rendition_is_named_and_never_fetched()
    {
        await using var place = await Workplace.OpenAsync(MatrixWorld.Options() with
        {
            ModifyRecord = (image, record) =>
            {
                if (IsHit(image, 100)) record.MissingRenditions.Add(Rendition.Thumb256);
            },
        });
        var lost = place.Emulator.World.Images.Where(i => IsHit(i, 100)).Select(i => i.Id).ToList();

        var result = await MatrixWorld.RunAsync(place);

        MatrixWorld.AssertLedger(new Ledger(MatrixWorld.Images - lost.Count, 0, lost.Count, 0), result, place);
        AssertLost(result, lost, SavedImageStatus.Unavailable, "no rendition '256'");
        Assert.DoesNotContain(MatrixWorld.FetchesByImage(place.Emulator).Keys, lost.Contains);
        Secrets.AssertKept(place.Emulator, place.Folder, [.. place.Log.Said, .. place.Log.Warned]);
    }

    [Fact]
    public async Task An_image_taken_down_after_it_was_listed_is_named_and_asked_for_once()
    {
        var isHidden = false;
        await using var place = await Workplace.OpenAsync(MatrixWorld.Options());
        var lost = place.Emulator.World.Users.Single().Images.Skip(MatrixWorld.Images - 3).Select(i => i.Id).ToList();
        place.Emulator.Answered += r =>
        {
            // The last page is out: its images go before their pictures are asked for.
            if (r.Server != ServerKind.Graph || MatrixWorld.PageRequests(place.Emulator).Count < MatrixWorld.Pages || isHidden) return;
            isHidden = true;
            lost.ForEach(place.Emulator.World.Withdraw);
        };

        var result = await MatrixWorld.RunAsync(place);

        MatrixWorld.AssertLedger(new Ledger(MatrixWorld.Images - lost.Count, 0, lost.Count, 0), result, place);
        AssertLost(result, lost, SavedImageStatus.Unavailable, "Mapillary does not have it any more");
        Secrets.AssertKept(place.Emulator, place.Folder, [.. place.Log.Said, .. place.Log.Warned]);
    }

    [Fact]
    public async Task Image_servers_that_answer_all_with_web_pages_end_the_run()
    {
        await using var place = await Workplace.OpenAsync(MatrixWorld.Options(Cdn(FaultKind.Html200, int.MaxValue) with { Every = 1 }));

        var error = await Assert.ThrowsAsync<GraphException>(() => MatrixWorld.RunAsync(place));

        Assert.Equal(GraphFault.Blocked, error.Fault);
        var fetches = MatrixWorld.FetchesByImage(place.Emulator);
        Assert.All(fetches.Values, f => Assert.True(f <= Attempts));
        // Ten images in a row make a block; beyond them only those that were under way.
        Assert.True(fetches.Count <= 10 + MatrixWorld.Save.ThrottleLimit, $"{fetches.Count} images were asked for.");
        Assert.Empty(MatrixWorld.PicturesOf(place.Folder));
        Assert.Empty(Tree.HalfFiles(place.Folder));
        Secrets.AssertKept(place.Emulator, place.Folder, [.. place.Log.Said, .. place.Log.Warned, error.ToString()]);
    }

    [Theory]
    [InlineData(FaultKind.Html503)]
    [InlineData(FaultKind.ConnectionReset)]
    public async Task Whether_a_user_is_archived_is_found_out_through_passing_faults_and_else_an_error(FaultKind kind)
    {
        var fault = new FaultRule { Server = ServerKind.Archive, Kind = kind, Times = 2 };
        await using (var place = await Workplace.OpenAsync(MatrixWorld.Options(fault)))
        {
            var result = await MatrixWorld.RunAsync(place);

            Tree.AssertSame(world.Contents, Tree.Read(result.CollectionPath!));
            Assert.Equal(3, place.Emulator.Requests.Count(r => r.Server == ServerKind.Archive));
            Secrets.AssertKept(place.Emulator, place.Folder, [.. place.Log.Said, .. place.Log.Warned]);
        }

        await using (var place = await Workplace.OpenAsync(MatrixWorld.Options(fault with { Times = int.MaxValue })))
        {
            await Assert.ThrowsAsync<ArchiveException>(() => MatrixWorld.RunAsync(place));

            Assert.Equal(Attempts, place.Emulator.Requests.Count);
            Assert.Empty(Tree.Files(place.Folder));
        }
    }

    /// <summary>Those that pass, but the one that needs another patience than a whole backup has.</summary>
    private static readonly FaultKind[] PassingOnes = [.. PassingInContent, .. OtherMetadata];

    /// <summary>Those after which the same bytes come.</summary>
    internal static FaultKind[] PassingInContent =>
    [
        FaultKind.Expired403, FaultKind.NotFound404, FaultKind.Truncated, FaultKind.TruncatedWithRightLength, FaultKind.Html200, FaultKind.Html503,
        FaultKind.Empty, FaultKind.ConnectionReset,
    ];

    /// <summary>Every recoverable fault: each image meets one of those of the image servers, each request of the API all of those of the API.</summary>
    internal static FaultRule[] AllPassing(FaultKind[] ofImages) =>
    [
        .. ofImages.Select((kind, i) => new FaultRule { Server = ServerKind.Cdn, Kind = kind, Which = t => t.Ordinal % ofImages.Length == i, Times = kind is FaultKind.Trickle ? 1 : OtherMetadata.Contains(kind) ? int.MaxValue : kind is FaultKind.Expired403 or FaultKind.NotFound404 ? 1 : 2 }),
        Graph(FaultKind.RateLimited403, 1), Graph(FaultKind.RateLimited429, 1), Graph(FaultKind.Transient500, 1), Graph(FaultKind.Html503, 1),
        Graph(FaultKind.CutJson, 1), Graph(FaultKind.ConnectionReset, 1),
        Graph(FaultKind.ExpiredCursor400, 1, t => t.Ordinal == 3),
        Graph(FaultKind.TooMuchData, int.MaxValue) with { MaxCells = 2000 },
        Graph(FaultKind.GatewayTimeout504, int.MaxValue) with { MaxRows = 40 },
        Graph(FaultKind.QueryTimeout400, 1, t => t.Ordinal == 5),
        Graph(FaultKind.RepeatedCursor, 1, t => t.Ordinal == 7),
        Graph(FaultKind.EmptyPageWithNext, 1),
        Graph(FaultKind.DuplicateAcrossPages, int.MaxValue),
        new FaultRule { Server = ServerKind.Archive, Kind = FaultKind.Html503 },
        new FaultRule { Server = ServerKind.Archive, Kind = FaultKind.ConnectionReset },
    ];

    private static int FetchesAllowed(FaultKind kind) => OtherMetadata.Contains(kind) ? 1 : kind is FaultKind.Trickle or FaultKind.Expired403 or FaultKind.NotFound404 ? 2 : 3;

    [Fact]
    public async Task All_passing_faults_together_leave_no_trace_in_a_backup()
    {
        await using var place = await Workplace.OpenAsync(MatrixWorld.Options(AllPassing(PassingOnes)));
        var kindOf = place.Emulator.World.Images.ToDictionary(i => i.Id, i => PassingOnes[i.Ordinal % PassingOnes.Length]);

        var result = await MatrixWorld.RunAsync(place);

        MatrixWorld.AssertLedger(new Ledger(MatrixWorld.Images, 0, 0, 0), result, place);
        world.AssertPicturesSame(result.CollectionPath!, id => OtherMetadata.Contains(kindOf[id]));
        Assert.Equal(kindOf.ToDictionary(k => k.Key, k => FetchesAllowed(k.Value)), MatrixWorld.FetchesByImage(place.Emulator));
        AssertNoRequestTooMany(place.Emulator);
        Assert.Equal(world.Contents["metadata.jsonl.gz"], Tree.Read(result.CollectionPath!)["metadata.jsonl.gz"]);
        Secrets.AssertKept(place.Emulator, place.Folder, [.. place.Log.Said, .. place.Log.Warned]);
    }

    [Fact]
    public async Task All_passing_faults_together_trickling_among_them_leave_no_trace_in_the_pictures()
    {
        // One of 240 trickles, as those take a patience each.
        FaultKind[] kinds = [.. Enumerable.Repeat(PassingOnes, 24).SelectMany(k => k).Take(239), FaultKind.Trickle];
        await using var place = await Workplace.OpenAsync(MatrixWorld.Options(AllPassing(kinds)));
        var kindOf = place.Emulator.World.Images.ToDictionary(i => i.Id, i => kinds[i.Ordinal % kinds.Length]);

        var saved = await SaveAsync(place, FetchRules.For(place.Endpoints, Workplace.QuickRetry) with { Patience = TimeSpan.FromSeconds(2) });

        Assert.Equal(new Ledger(MatrixWorld.Images, 0, 0, 0), saved.Aggregate(Ledger.Empty, (l, s) => l.With(s.Status)));
        world.AssertPicturesSame(place.Collection(MatrixWorld.User, "256"), id => OtherMetadata.Contains(kindOf[id]));
        Assert.Equal(kindOf.ToDictionary(k => k.Key, k => FetchesAllowed(k.Value)), MatrixWorld.FetchesByImage(place.Emulator));
        AssertNoRequestTooMany(place.Emulator);
        Assert.Empty(Tree.HalfFiles(place.Folder));
        Secrets.AssertKept(place.Emulator, place.Folder, [.. place.Log.Said, .. place.Log.Warned]);
    }

    private static async Task<List<SavedImage>> SaveAsync(Workplace place, FetchRules rules)
    {
        using var saver = place.Saver(MatrixWorld.Save, rules: rules);
        return await Workplace.ToListAsync(saver.SaveAsync(place.Listing.OfUserAsync(MatrixWorld.User, ImageFilter.None), TestContext.Current.CancellationToken));
    }

    /// <summary>Each request of the API meets six faults and, for a listing that began again once, is made a second time.</summary>
    private static void AssertNoRequestTooMany(EmulatorHost emulator)
    {
        const int PassingFaults = 6;
        foreach (var request in emulator.Requests.Where(r => r.Server == ServerKind.Graph).GroupBy(r => r.PathAndQuery))
            Assert.True(request.Count() <= PassingFaults + 3, $"{request.Count()} times: {request.Key}");
        Assert.True(emulator.Requests.Count(r => r.Server == ServerKind.Archive) <= 3);
    }

    private void AssertLost(BackupResult result, List<string> lost, string status, string reason)
    {
        var failures = MatrixWorld.FailuresOf(result.CollectionPath!);
        Assert.Equal(lost.Order(), failures.Keys.Order());
        Assert.All(failures, f =>
        {
            Assert.Equal(status.ToString(), f.Value.Status);
            Assert.Contains(f.Key, f.Value.Reason, StringComparison.Ordinal);
            Assert.Contains(reason, f.Value.Reason, StringComparison.Ordinal);
        });
        var isComplete = status == SavedImageStatus.Unavailable;
        Assert.Equal(isComplete ? BackupStatus.Complete : BackupStatus.Incomplete, result.Status);
        Assert.Equal(isComplete, !result.CollectionPath!.Contains(".staging", StringComparison.Ordinal));
        Assert.Equal(MatrixWorld.PicturesOf(world.Folder).Where(p => !lost.Contains(Path.GetFileNameWithoutExtension(p))), MatrixWorld.PicturesOf(result.CollectionPath!));
        var contents = Tree.Read(result.CollectionPath!);
        Assert.All(MatrixWorld.PicturesOf(result.CollectionPath!), p => Assert.Equal(world.Contents[p], contents[p]));
    }
}
