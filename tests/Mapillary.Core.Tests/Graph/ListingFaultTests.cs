using Mapillary.Emulator;
using Mapillary.Graph;

namespace Mapillary.Tests.Graph;

/// <summary>A listing never goes round in circles, never ends early without saying so, and never brings an image twice.</summary>
public class ListingFaultTests
{
    private const string Secret = "MLY|1|0123456789abcdef";

    private readonly RecordingLog _log = new();

    private static Task<Workplace> OpenAsync(int images, int pageLimit, params FaultRule[] faults) => Workplace.OpenAsync(
        new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = images }], PageLimit = pageLimit, Faults = faults });

    private static string[] Ids(Workplace place) => [.. place.Emulator.World.Users.Single().Images.Select(i => i.Id)];

    private static string? CursorOf(RawRequest request) =>
        request.Target.Split('&').FirstOrDefault(p => p.StartsWith("after=", StringComparison.Ordinal)) is { } p ? Uri.UnescapeDataString(p["after=".Length..]) : null;

    private static string Page(IEnumerable<int> ids, string? next, string? after) => $$"""
        {"data":[{{string.Join(',', ids.Select(id => $$"""{"id":"{{id}}"}"""))}}]{{(next is null ? "" : $$""","paging":{"next":"{{next}}"{{(after is null ? "" : $$""","cursors":{"after":"{{after}}"}""")}}}""")}}}
        """;

    /// <summary>A page of images that were captured at these seconds; with a server, one that leads to the page "a".</summary>
    private static string Dated((int Id, int Second)[] images, Uri? server) =>
        "{\"data\":[" + string.Join(',', images.Select(i => $$"""{"id":"{{i.Id}}","captured_at":{{1_600_000_000 + i.Second}}000}""")) + "]"
        + (server is null ? "}" : ",\"paging\":{\"next\":\"" + server + "images?after=a\",\"cursors\":{\"after\":\"a\"}}}");

    /// <summary>Pages by cursor; the first is that of "".</summary>
    private static StubServer Pages(Func<string, (IEnumerable<int> Ids, string? Next)> page)
    {
        StubServer? server = null;
        return server = new StubServer(r =>
        {
            var (ids, next) = page(CursorOf(r) ?? "");
            return StubServer.Json(Page(ids, next is null ? null : $"{server!.Address}images?after={next}", next));
        });
    }

    private async Task<(List<string> Ids, GraphException? Error)> ListAsync(StubServer server)
    {
        using var client = new GraphClient(server.Address, AccessToken.Parse(Secret), Workplace.QuickRetry, _log);
        var ids = new List<string>();
        try
        {
            await foreach (var image in new ImageListing(client).OfUserAsync("anna", ImageFilter.None)) ids.Add(image.Id);
            return (ids, null);
        }
        catch (GraphException e)
        {
            return (ids, e);
        }
    }

    [Fact]
    public async Task Pages_that_lead_round_in_a_circle_are_an_error()
    {
        await using var server = Pages(cursor => cursor switch { "" => ([1, 2], "a"), "a" => ([3, 4], "b"), _ => ([5, 6], "a") });

        var (ids, error) = await ListAsync(server);

        Assert.Equal(GraphFault.BadAnswer, error!.Fault);
        Assert.Equal(["1", "2", "3", "4", "5", "6"], ids);
        // The third page twice: it might have been a slip.
        Assert.Equal(4, server.Requests.Count);
    }

    [Theory]
    [InlineData(20, 0)]
    [InlineData(20, 2)]
    [InlineData(2000, 0)]
    public async Task Where_pages_lead_back_for_ever_the_rest_is_listed_by_capture_time(int pageLimit, int firstBadPage)
    {
        await using var place = await OpenAsync(95, pageLimit, new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.RepeatedCursor, Times = int.MaxValue, Which = t => t.Ordinal >= firstBadPage });

        var steps = await Workplace.ToListAsync(place.Listing.StepsOfUserAsync("anna", ImageFilter.None, null));

        var cursors = steps.OfType<ListingStep.UpTo>().Select(s => s.Cursor).ToList();
        Assert.Equal(Ids(place), IdsOf(steps));
        // Only those that the listing itself can be taken up at; the one that leads back to the first page is such a one.
        Assert.Equal(Math.Max(firstBadPage, 1) + 1, cursors.Count);
        Assert.Null(cursors[^1]);
        Assert.Contains("found by capture time", Assert.Single(place.Log.Warned), StringComparison.Ordinal);
        Assert.InRange(place.Pages, 2, 30);
    }

    [Fact]
    public async Task A_page_that_leads_back_once_is_asked_for_again()
    {
        await using var place = await OpenAsync(95, 20, new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.RepeatedCursor, Which = t => t.Ordinal == 2 });

        var listed = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));

        Assert.Equal(Ids(place), listed.Select(i => i.Id));
        Assert.Equal(6, place.Pages);
        Assert.Empty(place.Log.Warned);
    }

    [Fact]
    public async Task Only_what_is_wanted_is_looked_for_by_capture_time()
    {
        await using var place = await OpenAsync(95, 20, new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.RepeatedCursor, Times = int.MaxValue });
        var images = place.Emulator.World.Users.Single().Images;
        var filter = new ImageFilter
        {
            After = DateTimeOffset.FromUnixTimeMilliseconds(images[60].TrueCapturedAt),
            Before = DateTimeOffset.FromUnixTimeMilliseconds(images[10].TrueCapturedAt),
        };

        var listed = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", filter));

        Assert.Equal(Ids(place)[10..61], listed.Select(i => i.Id));
    }

    /// <summary>Pages that all lead to themselves, of images with these seconds of capture, whatever time is asked for.</summary>
    [Theory]
    [InlineData(300, 200, 100)]
    [InlineData(100, 200, 300)]
    [InlineData(100, 100, 100)]
    public async Task A_listing_that_contradicts_itself_by_time_too_is_an_error(params int[] seconds)
    {
        StubServer? server = null;
        await using var _ = server = new StubServer(_ => StubServer.Json(Dated([.. seconds.Select((s, i) => (i, s))], server!.Address)));

        var (ids, error) = await ListAsync(server);

        Assert.Equal(GraphFault.BadAnswer, error!.Fault);
        Assert.Equal(["0", "1", "2"], ids);
        Assert.InRange(server.Requests.Count, 2, 12);
    }

    [Fact]
    public async Task Cursors_that_always_expire_are_given_up_and_the_rest_is_listed_by_capture_time()
    {
        await using var place = await OpenAsync(95, 20, new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.ExpiredCursor400, Times = int.MaxValue });

        var listed = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));

        Assert.Equal(Ids(place), listed.Select(i => i.Id));
        // The first page and the cursor that leads on from it: once, again because that had brought something, and five times in vain. Then each page by time.
        Assert.InRange(place.Pages, 2 * (1 + 1 + 5), (2 * (1 + 1 + 5)) + 12);
    }

    [Fact]
    public async Task A_listing_that_is_taken_up_at_a_page_without_images_that_leads_to_itself_begins_again()
    {
        StubServer? server = null;
        await using var _ = server = new StubServer(r => StubServer.Json(
            CursorOf(r) is "a" ? Dated([], server!.Address)
            : r.Target.Contains("end_captured_at", StringComparison.Ordinal) ? Dated([(1, 10), (2, 5)], null)
            : Dated([(1, 10)], server!.Address)));
        using var client = new GraphClient(server.Address, AccessToken.Parse(Secret), Workplace.QuickRetry, _log);

        var listed = await Workplace.ToListAsync(new ImageListing(client).StepsOfUserAsync("anna", ImageFilter.None, "a"));

        Assert.Equal(["1", "2"], IdsOf(listed));
    }

    [Fact]
    public async Task Pages_that_bring_nothing_and_lead_on_for_ever_are_an_error()
    {
        var number = 0;
        await using var server = Pages(_ => ([], $"cursor{number++}"));

        Assert.Equal(GraphFault.BadAnswer, (await ListAsync(server)).Error!.Fault);
        Assert.InRange(server.Requests.Count, 2, 60);
    }

    [Fact]
    public async Task The_same_images_behind_ever_new_cursors_are_an_error_and_come_once()
    {
        var number = 0;
        await using var server = Pages(_ => ([1, 2, 3], $"cursor{number++}"));

        var (ids, error) = await ListAsync(server);

        Assert.Equal(GraphFault.BadAnswer, error!.Fault);
        Assert.Equal(["1", "2", "3"], ids);
        Assert.InRange(server.Requests.Count, 2, 60);
    }

    [Fact]
    public async Task Some_empty_pages_lose_nothing()
    {
        await using var server = Pages(cursor => cursor switch { "" => ([], "a"), "a" => ([], "b"), "b" => ([1], "c"), "c" => ([], "d"), _ => ([2], null) });

        Assert.Equal(["1", "2"], (await ListAsync(server)).Ids);
    }

    [Fact]
    public async Task An_image_on_several_pages_however_far_apart_comes_once()
    {
        await using var server = Pages(cursor => cursor switch { "" => ([1, 2, 2], "a"), "a" => ([3], "b"), "b" => ([1, 4], "c"), _ => ([2, 5], null) });

        Assert.Equal(["1", "2", "3", "4", "5"], (await ListAsync(server)).Ids);
    }

    [Theory]
    [InlineData("https://{0}:{1}/images?after=a")]
    [InlineData("http://{0}:1/images?after=a")]
    [InlineData("http://localhost:{1}/images?after=a")]
    [InlineData("http://{0}:{1}@evil.example/images?after=a")]
    [InlineData("http://evil.example/images?after=a")]
    [InlineData("/images?after=a")]
    [InlineData("file:///etc/passwd")]
    public async Task A_next_page_that_is_elsewhere_is_an_error_and_is_not_asked_for(string next)
    {
        StubServer? server = null;
        await using var _ = server = new StubServer(_ => StubServer.Json(Page([1], string.Format(null, next, server!.Address.Host, server.Address.Port), "a")));

        var (ids, error) = await ListAsync(server);

        Assert.Equal(GraphFault.BadAnswer, error!.Fault);
        Assert.Empty(ids);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task A_next_page_without_cursor_is_an_error()
    {
        StubServer? server = null;
        await using var _ = server = new StubServer(_ => StubServer.Json(Page([1], $"{server!.Address}images?limit=5", null)));

        Assert.Equal(GraphFault.BadAnswer, (await ListAsync(server)).Error!.Fault);
    }

    [Theory]
    [InlineData("access_token")]
    [InlineData("ACCESS%5Ftoken")]
    public async Task The_token_in_the_address_of_the_next_page_goes_nowhere(string parameter)
    {
        StubServer? server = null;
        await using var _ = server = new StubServer(r => StubServer.Json(CursorOf(r) is null
            ? Page([1], $"{server!.Address}images?{parameter}={Uri.EscapeDataString(Secret)}&after=a", null)
            : Page([2], null, null)));

        var (ids, error) = await ListAsync(server);

        Assert.Null(error);
        Assert.Equal(["1", "2"], ids);
        Assert.All(server.Requests, r =>
        {
            Assert.DoesNotContain("0123456789abcdef", r.Target, StringComparison.Ordinal);
            Assert.Contains($"Authorization: OAuth {Secret}", r.Head, StringComparison.Ordinal);
        });
        Assert.All(_log.Said, s => Assert.DoesNotContain("0123456789abcdef", s, StringComparison.Ordinal));
        var page = ImagePage.Parse(System.Text.Encoding.UTF8.GetBytes(Page([1], $"https://x/images?a=1&{parameter}={Uri.EscapeDataString(Secret)}&after=a", null)));
        Assert.DoesNotContain("0123456789abcdef", page.ToString(), StringComparison.Ordinal);
        Assert.EndsWith("?a=1&after=a", page.Next, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_expired_cursor_costs_nothing_but_a_new_beginning()
    {
        await using var place = await OpenAsync(100, 20, new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.ExpiredCursor400, Which = t => t.Ordinal == 3 });

        var listed = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));

        Assert.Equal(Ids(place), listed.Select(i => i.Id));
        Assert.Equal(3 + 1 + 5, place.Pages);
    }

    [Fact]
    public async Task What_is_uploaded_before_a_new_beginning_is_found()
    {
        await using var place = await OpenAsync(100, 20, new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.ExpiredCursor400, Which = t => t.Ordinal == 3 });
        var late = Ids(place)[5];
        place.Emulator.World.Withdraw(late);

        var listed = new List<string>();
        await foreach (var image in place.Listing.OfUserAsync("anna", ImageFilter.None))
        {
            if (listed.Count == 30) place.Emulator.World.Restore(late);
            listed.Add(image.Id);
        }

        Assert.Equal(Ids(place).Order(), listed.Order());
    }

    [Fact]
    public async Task A_page_that_fails_for_good_comes_after_all_that_was_before_it()
    {
        await using var place = await OpenAsync(100, 20, new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.CutJson, Which = t => t.Ordinal == 2, Times = int.MaxValue });
        var listed = new List<string>();

        var error = await Assert.ThrowsAsync<GraphException>(async () =>
        {
            await foreach (var image in place.Listing.OfUserAsync("anna", ImageFilter.None)) listed.Add(image.Id);
        });

        Assert.Equal(GraphFault.Transient, error.Fault);
        Assert.Equal(Ids(place).Take(40), listed);
        Assert.Equal(2 + Workplace.QuickRetry.Attempts, place.Pages);
    }

    [Fact]
    public async Task A_block_met_while_a_page_is_read_ends_the_listing_there()
    {
        await using var place = await OpenAsync(100, 20, new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.BlockedHtml200, Which = t => t.Ordinal >= 1, Times = int.MaxValue });
        var taken = 0;

        var error = await Assert.ThrowsAsync<GraphException>(async () =>
        {
            await foreach (var _ in place.Listing.OfUserAsync("anna", ImageFilter.None))
            {
                if (++taken == 12) await Assert.ThrowsAsync<GraphException>(() => place.Graph.GetImageIdsAsync("x", TestContext.Current.CancellationToken));
            }
        });

        Assert.Equal(GraphFault.Blocked, error.Fault);
        Assert.InRange(taken, 10, 12);
        Assert.InRange(place.Pages, 1, 2);
    }

    [Theory]
    [InlineData(25)]
    [InlineData(2600)]
    public async Task Too_many_fields_are_answered_by_fewer_ones_where_smaller_pages_are_not_enough(int maxCells)
    {
        await using var place = await OpenAsync(110, 2000, new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.TooMuchData, MaxCells = maxCells, Times = int.MaxValue });

        var listed = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));

        Assert.Equal(Ids(place), listed.Select(i => i.Id));
        Assert.Equal(maxCells == 25 ? 1 : 0, place.Log.Warned.Count(w => w.Contains("mesh", StringComparison.Ordinal)));
        Assert.Contains(place.Log.Said, s => s.Contains("Mapillary asks for smaller requests: asking for pages of 1000 images", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(FaultKind.QueryTimeout400)]
    [InlineData(FaultKind.GatewayTimeout504)]
    [InlineData(FaultKind.NoAnswer)]
    public async Task Pages_that_take_too_long_get_smaller_down_to_what_is_answered(FaultKind kind)
    {
        await using var place = await OpenAsync(600, 2000, new FaultRule { Server = ServerKind.Graph, Kind = kind, MaxRows = 50, Times = int.MaxValue });
        var rules = Workplace.QuickRetry with { RequestTimeout = kind == FaultKind.NoAnswer ? TimeSpan.FromSeconds(1) : Workplace.QuickRetry.RequestTimeout };
        using var client = new GraphClient(place.Emulator.GraphEndpoint, AccessToken.Parse(place.Emulator.Token), rules, _log);

        var listed = await Workplace.ToListAsync(new ImageListing(client).OfUserAsync("anna", ImageFilter.None));

        Assert.Equal(Ids(place), listed.Select(i => i.Id));
        // 2000, 500, 125, 31 at first; then now and then a try with 62.
        Assert.InRange(LimitsOf(place).Count(l => l > 50), 3, 6);
        Assert.Contains(_log.Said, s => s.Contains("pages of 31 images", StringComparison.Ordinal));
        Assert.Empty(_log.Warned);
    }

    [Fact]
    public async Task Pages_get_smaller_down_to_one_image()
    {
        await using var place = await OpenAsync(12, 2000, new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.GatewayTimeout504, MaxRows = 1, Times = int.MaxValue });

        var listed = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));

        Assert.Equal(Ids(place), listed.Select(i => i.Id));
    }

    [Fact]
    public async Task Pages_grow_again_when_the_service_is_well()
    {
        // The first page alone takes too long, unless it is small.
        var first = new FaultRule
        {
            Server = ServerKind.Graph, Kind = FaultKind.GatewayTimeout504, MaxRows = 50, Times = int.MaxValue,
            Which = t => !t.Path.Contains("after=", StringComparison.Ordinal),
        };
        await using var place = await OpenAsync(1500, 2000, first);

        var listed = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));

        Assert.Equal(Ids(place), listed.Select(i => i.Id));
        var limits = LimitsOf(place);
        Assert.Equal([2000, 500, 125, 31, 31, 31, 31, 62, 124, 248], [.. limits.Take(7), .. limits.Skip(7).Distinct()]);
    }

    [Fact]
    public async Task An_image_whose_record_takes_too_long_is_named_and_the_others_come()
    {
        await using var place = await OpenAsync(20, 2000);
        var slow = Ids(place)[3];
        await using var server = new StubServer(r => Uri.UnescapeDataString(r.Target).Contains(slow, StringComparison.Ordinal)
            ? StubServer.Answer(504, "<html>"u8.ToArray())
            : StubServer.Json(IdsAskedFor(r) is [var one] && !r.Target.Contains("image_ids", StringComparison.Ordinal)
                ? $$"""{"id":"{{one}}"}"""
                : $$"""{"data":[{{string.Join(',', IdsAskedFor(r).Select(id => $$"""{"id":"{{id}}"}"""))}}]}"""));
        using var client = new GraphClient(server.Address, AccessToken.Parse(Secret), Workplace.QuickRetry, _log);

        var answers = await Workplace.ToListAsync(new ImageListing(client).ByIdAsync(Ids(place)));

        Assert.Equal(Ids(place), answers.Select(a => a.Id));
        Assert.Equal(GraphFault.TimedOut, Assert.Single(answers, a => a.Image is null && a.Id == slow).Problem!.Fault);

        static string[] IdsAskedFor(RawRequest r) => r.Target.Contains("image_ids=", StringComparison.Ordinal)
            ? Uri.UnescapeDataString(r.Target).Split("image_ids=")[1].Split('&')[0].Split(',')
            : [r.Target.TrimStart('/').Split('?')[0]];
    }

    [Fact]
    public async Task Images_by_id_end_when_none_is_answered_in_time()
    {
        await using var place = await OpenAsync(100, 2000, new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.GatewayTimeout504, Times = int.MaxValue });

        var error = await Assert.ThrowsAsync<GraphException>(() => Workplace.ToListAsync(place.Listing.ByIdAsync(Ids(place))));

        Assert.Equal(GraphFault.TimedOut, error.Fault);
        Assert.InRange(place.Emulator.Requests.Count, 6, 40);
    }

    private static IEnumerable<string> IdsOf(IEnumerable<ListingStep> steps) => steps.OfType<ListingStep.Found>().Select(s => s.Image.Id);

    private static List<int> LimitsOf(Workplace place) => [.. place.Emulator.Requests
        .Where(r => r.PathAndQuery.Contains("creator_username", StringComparison.Ordinal))
        .Select(r => int.Parse(r.PathAndQuery.Split("limit=")[1].Split('&')[0], System.Globalization.CultureInfo.InvariantCulture))];

    [Fact]
    public async Task A_listing_is_taken_up_where_it_was()
    {
        await using var place = await OpenAsync(95, 20);
        string? cursor = null;
        var first = new List<string>();
        await foreach (var step in place.Listing.StepsOfUserAsync("anna", ImageFilter.None, null))
        {
            if (step is ListingStep.UpTo upTo) cursor = upTo.Cursor;
            if (step is ListingStep.Found found) first.Add(found.Image.Id);
            if (first.Count == 47) break;
        }

        var second = await Workplace.ToListAsync(place.Listing.StepsOfUserAsync("anna", ImageFilter.None, cursor));

        // The page that was being read comes again: it was not read to its end.
        Assert.Equal(Ids(place).Skip(40), IdsOf(second));
        Assert.Equal(new ListingStep.UpTo(null), second[^1]);
        Assert.Equal(3 + 3, place.Pages);
    }

    [Fact]
    public async Task The_cursor_is_told_only_when_its_page_has_been_read()
    {
        await using var place = await OpenAsync(60, 20);
        var told = new List<int>();
        var taken = 0;

        await foreach (var step in place.Listing.StepsOfUserAsync("anna", ImageFilter.None, null))
        {
            if (step is ListingStep.Found) taken++;
            else told.Add(taken);
        }

        Assert.Equal([20, 40, 60], told);
    }

    [Theory]
    [InlineData(FaultKind.ExpiredCursor400)]
    [InlineData(null)]
    public async Task A_stored_cursor_that_is_refused_begins_the_listing_anew(FaultKind? fault)
    {
        FaultRule[] faults = fault is { } kind ? [new FaultRule { Server = ServerKind.Graph, Kind = kind, Which = t => t.Ordinal == 0 }] : [];
        await using var place = await OpenAsync(60, 20, faults);

        var listed = await Workplace.ToListAsync(place.Listing.StepsOfUserAsync("anna", ImageFilter.None, "of another time & place"));

        Assert.Equal(Ids(place), IdsOf(listed));
        Assert.Equal(4, place.Pages);
    }
}
