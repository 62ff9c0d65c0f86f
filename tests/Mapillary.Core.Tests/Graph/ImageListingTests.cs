using Mapillary.Emulator;
using Mapillary.Graph;

namespace Mapillary.Tests.Graph;

public class ImageListingTests
{
    private static EmulatorOptions Anna(int images, int pageLimit = 2000, params FaultRule[] faults) =>
        new() { Users = [new EmulatedUser { Name = "anna", Images = images }], PageLimit = pageLimit, Faults = faults };

    private static string[] Ids(Workplace place) => [.. place.Emulator.World.Users.Single().Images.Select(i => i.Id)];

    [Fact]
    public async Task A_user_is_listed_whole_and_newest_first_over_all_pages()
    {
        await using var place = await Workplace.OpenAsync(Anna(95, pageLimit: 20));

        var listed = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));

        Assert.Equal(Ids(place), listed.Select(i => i.Id));
        Assert.Equal(5, place.Pages);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(16)]
    public async Task Windows_of_time_bring_what_one_page_after_another_brings_and_each_image_once(int parallelism)
    {
        await using var place = await Workplace.OpenAsync(Anna(6_000, pageLimit: 100) with
        {
            Oddities = new Dictionary<Oddity, double> { [Oddity.EpochZero] = 0.01, [Oddity.FutureCapture] = 0.01 },
        });

        var listed = await Workplace.ToListAsync(new WindowedListing(place.Listing, "anna", ImageFilter.None, parallelism, sharedAfter: 50).ListAsync());

        Assert.Equal(Ids(place).Order(), listed.Select(i => i.Id).Order());
        // Windows meet in a second, and one that is given away was perhaps being read: some pages more than one after another.
        Assert.InRange(place.Pages, 60, 300);
    }

    [Fact]
    public async Task Windows_keep_to_the_times_asked_for()
    {
        await using var place = await Workplace.OpenAsync(Anna(2_000, pageLimit: 100));
        var times = place.Emulator.World.Users.Single().Images.Select(i => DateTimeOffset.FromUnixTimeMilliseconds(i.TrueCapturedAt)).Order().ToList();
        var filter = new ImageFilter { After = times[500], Before = times[1500] };

        var inWindows = await Workplace.ToListAsync(new WindowedListing(place.Listing, "anna", filter, 4, sharedAfter: 50).ListAsync());
        var inOrder = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", filter));

        Assert.True(inOrder.Count >= 1000);
        Assert.Equal(inOrder.Select(i => i.Id).Order(), inWindows.Select(i => i.Id).Order());
    }

    [Fact]
    public async Task A_fault_in_one_window_ends_the_listing_with_its_error()
    {
        await using var place = await Workplace.OpenAsync(Anna(2_000, 100, new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.BlockedHtml200, Which = t => t.Ordinal == 7, Times = int.MaxValue }));

        var fault = await Assert.ThrowsAsync<GraphException>(() => Workplace.ToListAsync(new WindowedListing(place.Listing, "anna", ImageFilter.None, 4, sharedAfter: 50).ListAsync()));

        Assert.Equal(GraphFault.Blocked, fault.Fault);
    }

    [Fact]
    public async Task Whoever_stops_early_costs_no_further_page()
    {
        await using var place = await Workplace.OpenAsync(Anna(95, pageLimit: 20));

        var taken = 0;
        await foreach (var _ in place.Listing.OfUserAsync("anna", ImageFilter.None))
        {
            if (++taken == 3) break;
        }

        Assert.Equal(1, place.Pages);
    }

    [Fact]
    public async Task No_more_pages_are_asked_for_than_allowed()
    {
        await using var place = await Workplace.OpenAsync(Anna(95, pageLimit: 20));

        var listed = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None, maxPages: 2));

        Assert.Equal(Ids(place).Take(40), listed.Select(i => i.Id));
        Assert.Equal(2, place.Pages);
    }

    [Fact]
    public async Task An_unknown_user_has_no_images()
    {
        await using var place = await Workplace.OpenAsync();

        Assert.Empty(await Workplace.ToListAsync(place.Listing.OfUserAsync("nobody", ImageFilter.None)));
    }

    [Fact]
    public async Task Times_are_inclusive_at_both_ends_to_the_millisecond()
    {
        await using var place = await Workplace.OpenAsync(Anna(30));
        var all = place.Emulator.World.Users.Single().Images.OrderBy(i => i.TrueCapturedAt).ToList();
        var (from, to) = (DateTimeOffset.FromUnixTimeMilliseconds(all[5].TrueCapturedAt), DateTimeOffset.FromUnixTimeMilliseconds(all[11].TrueCapturedAt));

        var listed = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", new ImageFilter { After = from, Before = to }));

        Assert.Equal(all[5..12].Select(i => i.Id).Order(), listed.Select(i => i.Id).Order());
    }

    [Fact]
    public async Task A_box_of_any_size_limits_a_users_images()
    {
        await using var place = await Workplace.OpenAsync(Anna(30));
        var some = place.Emulator.World.Users.Single().Images[7];
        var point = (await place.Graph.GetImageAsync(some.Id, TestContext.Current.CancellationToken)).Geometry!.Value;
        var box = new BoundingBox(point.Longitude - 0.00002, point.Latitude - 0.00002, point.Longitude + 0.00002, point.Latitude + 0.00002);

        var listed = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", new ImageFilter { BoundingBox = box }));

        Assert.Contains(some.Id, listed.Select(i => i.Id));
        Assert.InRange(listed.Count, 1, 29);
        Assert.Equal(30, (await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", new ImageFilter { BoundingBox = new BoundingBox(-180, -90, 180, 90) }))).Count);
    }

    [Fact]
    public async Task A_sequence_comes_whole_and_in_the_order_of_capture()
    {
        await using var place = await Workplace.OpenAsync(Anna(130));
        var sequence = place.Emulator.World.Sequences.OrderByDescending(s => s.Images.Count).First();

        var listed = await Workplace.ToListAsync(place.Listing.OfSequenceAsync(sequence.Id, ImageFilter.None));

        Assert.Equal(sequence.Images.OrderBy(i => i.TrueCapturedAt).Select(i => i.Id), listed.Select(i => i.Id));
    }

    [Fact]
    public async Task An_unknown_sequence_is_empty()
    {
        await using var place = await Workplace.OpenAsync();

        Assert.Empty(await Workplace.ToListAsync(place.Listing.OfSequenceAsync("xxxxxxxxxxxxxxxxxxxxxx", ImageFilter.None)));
    }

    [Fact]
    public async Task Ids_are_answered_in_their_order_and_each_unknown_one_says_why()
    {
        await using var place = await Workplace.OpenAsync(Anna(120));
        var known = Ids(place);
        string[] asked = [known[100], "1", .. known[..60], "2"];

        var answers = await Workplace.ToListAsync(place.Listing.ByIdAsync(asked));

        Assert.Equal(asked, answers.Select(a => a.Id));
        Assert.Equal(["1", "2"], answers.Where(a => a.Image is null).Select(a => a.Id));
        Assert.All(answers.Where(a => a.Image is null), a => Assert.Equal(GraphFault.NotFound, a.Problem!.Fault));
    }

    [Fact]
    public async Task An_area_larger_than_the_API_takes_is_asked_for_in_parts()
    {
        await using var place = await Workplace.OpenAsync(Anna(60));
        var points = (await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None))).ConvertAll(i => i.Geometry!.Value);
        var area = new BoundingBox(points.Min(p => p.Longitude) - 0.1, points.Min(p => p.Latitude) - 0.1, points.Max(p => p.Longitude) + 0.1, points.Max(p => p.Latitude) + 0.1);

        var listed = await Workplace.ToListAsync(place.Listing.SampleAreaAsync(area, ImageFilter.None));

        Assert.Equal(Ids(place).Order(), listed.Select(i => i.Id).Order());
    }

    public static TheoryData<FaultKind> PassingFaults() =>
        [FaultKind.RateLimited403, FaultKind.RateLimited429, FaultKind.Transient500, FaultKind.Html503, FaultKind.CutJson, FaultKind.ConnectionReset];

    [Theory]
    [MemberData(nameof(PassingFaults))]
    public async Task A_passing_fault_is_waited_out(FaultKind kind)
    {
        await using var place = await Workplace.OpenAsync(Anna(60, 20, new FaultRule { Server = ServerKind.Graph, Kind = kind, Times = 2 }));

        var listed = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));

        Assert.Equal(Ids(place), listed.Select(i => i.Id));
    }

    [Theory]
    [InlineData(FaultKind.DuplicateAcrossPages)]
    [InlineData(FaultKind.EmptyPageWithNext)]
    public async Task An_odd_page_costs_no_image_and_doubles_none(FaultKind kind)
    {
        await using var place = await Workplace.OpenAsync(Anna(60, 20, new FaultRule { Server = ServerKind.Graph, Kind = kind }));

        var listed = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));

        Assert.Equal(Ids(place), listed.Select(i => i.Id));
    }

    [Fact]
    public async Task Too_much_data_is_answered_by_smaller_pages()
    {
        await using var place = await Workplace.OpenAsync(Anna(100, 2000, new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.TooMuchData, MaxCells = 1000, Times = int.MaxValue }));

        var listed = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));

        Assert.Equal(Ids(place), listed.Select(i => i.Id));
    }

    [Theory]
    [InlineData(FaultKind.BlockedRedirect302)]
    [InlineData(FaultKind.BlockedHtml200)]
    public async Task A_block_ends_the_listing_at_once(FaultKind kind)
    {
        await using var place = await Workplace.OpenAsync(Anna(60, 20, new FaultRule { Server = ServerKind.Graph, Kind = kind, Times = int.MaxValue }));

        var error = await Assert.ThrowsAsync<GraphException>(() => Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None)));

        Assert.Equal(GraphFault.Blocked, error.Fault);
        Assert.Contains("trying on extends the block", error.Message, StringComparison.Ordinal);
        Assert.Single(place.Emulator.Requests);
    }

    [Fact]
    public async Task A_listing_that_leads_astray_is_an_error_not_a_short_listing()
    {
        await using var place = await Workplace.OpenAsync(Anna(100, 20, new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.NextToOtherHost, Times = int.MaxValue }));

        var error = await Assert.ThrowsAsync<GraphException>(() => Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None)));

        Assert.Equal(GraphFault.BadAnswer, error.Fault);
    }

    public static TheoryData<string> RefusedTokens() => [Tokens.Expired, Tokens.AppRevoked, "MLY|bogus", "MLY|1|0123456789abcdef0123456789abcdef"];

    [Theory]
    [MemberData(nameof(RefusedTokens))]
    public async Task A_refused_token_is_final_and_not_shown(string token)
    {
        await using var place = await Workplace.OpenAsync();
        using var graph = new GraphClient(place.Emulator.GraphEndpoint, AccessToken.Parse(token), Workplace.QuickRetry, place.Log);

        var error = await Assert.ThrowsAsync<GraphException>(() => Workplace.ToListAsync(new ImageListing(graph).OfUserAsync("anna", ImageFilter.None)));

        Assert.Equal(GraphFault.TokenRefused, error.Fault);
        Assert.DoesNotContain(token, error.ToString(), StringComparison.Ordinal);
        Assert.Single(place.Emulator.Requests);
        Assert.All(place.Log.Said, s => Assert.DoesNotContain(token, s, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_token_travels_in_the_header_alone()
    {
        await using var place = await Workplace.OpenAsync(Anna(60, 20));

        await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));

        Assert.All(place.Emulator.Requests, r =>
        {
            Assert.Equal($"OAuth {place.Emulator.Token}", r.Headers["Authorization"]);
            Assert.DoesNotContain("access_token", r.PathAndQuery, StringComparison.Ordinal);
        });
    }
}
