using Mapillary.Collections;
using Mapillary.Download;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Imaging.Jpeg;
using Mapillary.Saving;

namespace Mapillary.Tests.Download;

/// <summary>Addresses that have expired or are refused: the record is asked for again, once, many together.</summary>
public class FreshAddressTests
{
    private static Task<Workplace> OpenAsync(int images, params FaultRule[] faults) => Workplace.OpenAsync(new EmulatorOptions
    {
        Users = [new EmulatedUser { Name = "anna", Images = images }],
        ListedUrlLifetime = TimeSpan.FromDays(-60),
        GraphLatency = TimeSpan.FromMilliseconds(20),
        Faults = faults,
    });

    private static ImageFetcher Fetcher(Workplace place) => new(FetchRules.For(place.Endpoints, Workplace.QuickRetry), JpegCheck.FindFault, place.Graph, place.Log);

    private static List<RequestRecord> AskedAgain(Workplace place) =>
        [.. place.Emulator.Requests.Where(r => r.Server == ServerKind.Graph && !r.PathAndQuery.StartsWith("/images?creator", StringComparison.Ordinal))];

    private static Task<List<MapillaryImage>> ListAsync(Workplace place) => Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));

    [Fact]
    public async Task Six_hundred_expired_addresses_at_once_cost_a_request_for_every_fifty()
    {
        await using var place = await OpenAsync(600);
        var images = await ListAsync(place);
        using var fetcher = Fetcher(place);

        await Task.WhenAll(images.Select(async image =>
        {
            using var fetched = await fetcher.FetchAsync(image, ImageQuality.Original, TestContext.Current.CancellationToken);
            Assert.True(fetched.Bytes.Span.SequenceEqual(place.Emulator.ServedBytes(image.Id)));
        }));

        // The first asks before all others have come.
        Assert.InRange(AskedAgain(place).Count, 12, 14);
        Assert.Equal(600, place.Fetches);
    }

    [Fact]
    public async Task A_resume_two_months_later_has_every_image_for_few_requests()
    {
        await using var place = await OpenAsync(600);
        using var saver = place.Saver(new SaveOptions { ThrottleLimit = 50 });

        var saved = await Workplace.ToListAsync(saver.SaveAsync(place.Listing.OfUserAsync("anna", ImageFilter.None), TestContext.Current.CancellationToken));

        Assert.Equal(600, saved.Count(s => s.Status == SavedImageStatus.Saved));
        // At best 12; how many come together is a matter of chance. One by one it would be 600.
        Assert.InRange(AskedAgain(place).Count, 12, 60);
        Assert.Equal(600, place.Fetches);
    }

    [Fact]
    public async Task One_alone_is_asked_for_by_itself()
    {
        await using var place = await OpenAsync(1);
        using var fetcher = Fetcher(place);

        using var fetched = await fetcher.FetchAsync((await ListAsync(place)).Single(), ImageQuality.Original, TestContext.Current.CancellationToken);

        Assert.StartsWith($"/{place.Emulator.World.Images.Single().Id}?", Assert.Single(AskedAgain(place)).PathAndQuery, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(FaultKind.Expired403)]
    [InlineData(FaultKind.NotFound404)]
    public async Task An_address_that_is_refused_once_is_replaced_and_the_picture_is_had(FaultKind kind)
    {
        await using var place = await Workplace.OpenAsync(new EmulatorOptions { Faults = [new FaultRule { Server = ServerKind.Cdn, Kind = kind }] });

        var saved = await place.SaveAsync("anna");

        Assert.All(saved, s => Assert.Equal(SavedImageStatus.Saved, s.Status));
        Assert.Equal(2 * 30, place.Fetches);
        Assert.InRange(AskedAgain(place).Count, 1, 30);
    }

    [Theory]
    [InlineData(403)]
    [InlineData(404)]
    [InlineData(410)]
    public async Task An_address_that_is_refused_afresh_makes_the_image_unavailable(int status)
    {
        await using var images = new StubServer(_ => StubServer.Answer(status, "no"u8.ToArray()));
        await using var api = new StubServer(_ => StubServer.Json(Record(images, "7")));
        using var graph = new GraphClient(api.Address, AccessToken.Parse("MLY|1|a"), Workplace.QuickRetry);
        using var fetcher = new ImageFetcher(new FetchRules { Retry = Workplace.QuickRetry, LoopbackAllowed = true }, JpegCheck.FindFault, graph);

        var error = await Assert.ThrowsAsync<DownloadException>(() =>
            fetcher.FetchAsync(MapillaryImage.Parse(Record(images, "7")), ImageQuality.Original, TestContext.Current.CancellationToken));

        Assert.True(error.IsUnavailable);
        Assert.Equal(2, images.Requests.Count);
        Assert.Single(api.Requests);
    }

    [Fact]
    public async Task An_image_that_is_gone_is_unavailable_and_only_by_its_own_answer()
    {
        await using var place = await OpenAsync(40);
        var images = await ListAsync(place);
        var gone = images.Where((_, i) => i % 10 == 3).Select(i => i.Id).ToList();
        gone.ForEach(place.Emulator.World.Withdraw);
        using var saver = place.Saver();

        var saved = await Workplace.ToListAsync(saver.SaveAsync(Stream(images), TestContext.Current.CancellationToken));

        Assert.Equal(gone.Order(), saved.Where(s => s.Status == SavedImageStatus.Unavailable).Select(s => s.Id).Order());
        Assert.Equal(36, saved.Count(s => s.Status == SavedImageStatus.Saved));
        Assert.All(gone, id => Assert.Contains(AskedAgain(place), r => r.PathAndQuery.StartsWith($"/{id}?", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Images_that_a_batch_leaves_out_are_asked_for_one_by_one()
    {
        // The search leaves out every image but the first one asked for, and says nothing of it.
        await using var api = new StubServer(r => Ids(r) is { } ids
            ? StubServer.Json($$"""{"data":[{"id":"{{ids[0]}}","make":"batch"}]}""")
            : StubServer.Json($$"""{"id":"{{r.Target.TrimStart('/').Split('?')[0]}}"}"""));
        using var graph = new GraphClient(api.Address, AccessToken.Parse("MLY|1|a"), Workplace.QuickRetry);
        using var records = new FreshRecords(graph);

        var found = await Task.WhenAll(Enumerable.Range(1, 30).Select(n => records.GetAsync($"{n}", TestContext.Current.CancellationToken)));

        Assert.Equal(Enumerable.Range(1, 30).Select(n => $"{n}"), found.Select(i => i.Id));
        Assert.Contains(found, i => i.Make == "batch");
    }

    [Fact]
    public async Task One_bad_id_does_not_spoil_the_others()
    {
        await using var api = new StubServer(r => Ids(r) is not null || r.Target.StartsWith("/5?", StringComparison.Ordinal)
            ? StubServer.Json("""{"error":{"message":"Unsupported","code":100,"error_subcode":33}}""", 400)
            : StubServer.Json($$"""{"id":"{{r.Target.TrimStart('/').Split('?')[0]}}"}"""));
        using var graph = new GraphClient(api.Address, AccessToken.Parse("MLY|1|a"), Workplace.QuickRetry);
        using var records = new FreshRecords(graph);

        var asked = Enumerable.Range(1, 8).Select(n => records.GetAsync($"{n}", TestContext.Current.CancellationToken)).ToList();

        for (var n = 1; n <= 8; n++)
        {
            if (n == 5) Assert.Equal(GraphFault.NotFound, (await Assert.ThrowsAsync<GraphException>(() => asked[4])).Fault);
            else Assert.Equal($"{n}", (await asked[n - 1]).Id);
        }
    }

    [Fact]
    public async Task One_who_gives_up_waiting_takes_nothing_from_the_others()
    {
        await using var place = await OpenAsync(20);
        var ids = place.Emulator.World.Images.Select(i => i.Id).ToList();
        using var records = new FreshRecords(place.Graph);
        using var impatient = new CancellationTokenSource();

        var first = records.GetAsync(ids[0], impatient.Token);
        var others = ids.Skip(1).Select(id => records.GetAsync(id, TestContext.Current.CancellationToken)).ToList();
        await impatient.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        Assert.Equal(ids.Skip(1), (await Task.WhenAll(others)).Select(i => i.Id));
    }

    [Theory]
    [InlineData(FaultKind.BlockedRedirect302, GraphFault.Blocked)]
    [InlineData(FaultKind.BlockedHtml200, GraphFault.Blocked)]
    public async Task A_block_met_while_addresses_are_renewed_ends_the_run(FaultKind kind, GraphFault fault)
    {
        await using var place = await OpenAsync(100, new FaultRule
        {
            Server = ServerKind.Graph, Kind = kind, Times = int.MaxValue, Which = t => !t.Path.Contains("creator_username", StringComparison.Ordinal),
        });

        var error = await Assert.ThrowsAsync<GraphException>(() => place.SaveAsync("anna"));

        Assert.Equal(fault, error.Fault);
        Assert.Single(AskedAgain(place));
        Assert.Equal(0, place.Fetches);
    }

    [Fact]
    public async Task Without_a_token_an_expired_address_fails_and_says_why()
    {
        await using var place = await OpenAsync(3);
        using var fetcher = new ImageFetcher(FetchRules.For(place.Endpoints, Workplace.QuickRetry), JpegCheck.FindFault, graph: null);

        var error = await Assert.ThrowsAsync<DownloadException>(async () =>
            await fetcher.FetchAsync((await ListAsync(place))[0], ImageQuality.Original, TestContext.Current.CancellationToken));

        Assert.False(error.IsUnavailable);
        Assert.Contains("has expired", error.Message, StringComparison.Ordinal);
        Assert.Contains("token", error.Message, StringComparison.Ordinal);
    }

    private static string Record(StubServer images, string id) => $$"""{"id":"{{id}}","thumb_original_url":"{{images.Address}}p/{{id}}"}""";

    private static string[]? Ids(RawRequest request) =>
        Uri.UnescapeDataString(request.Target).Split("image_ids=") is [_, var rest] ? rest.Split('&')[0].Split(',') : null;

    private static async IAsyncEnumerable<MapillaryImage> Stream(List<MapillaryImage> images)
    {
        await Task.Yield();
        foreach (var image in images) yield return image;
    }
}
