using System.Globalization;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Tiles;

namespace Mapillary.Tests.Tiles;

/// <summary>An area, complete: exactly the images that are there, for as few requests as that takes, and gone on with after whatever ended it.</summary>
public class AreaListingTests
{
    /// <summary>Lund: a tile is 0.022 degrees wide and 0.0124 high there.</summary>
    private static readonly GeoPoint Lund = new(55.70, 13.19);

    private static readonly (double Latitude, double Longitude) Reach = (0.03, 0.05);

    private static readonly BoundingBox Middle = new(13.175, 55.693, 13.215, 55.707);

    private static int Images => Thoroughness.Of(2_000, 5_000);

    [Fact]
    public async Task A_box_over_several_tiles_gives_all_images_there_and_no_other()
    {
        await using var town = await Town.OpenAsync(Images, Lund, Reach);
        var there = town.Ids((x, y) => x is >= 13.175 and <= 13.215 && y is >= 55.693 and <= 55.707).ToList();

        var listing = town.Listing();
        var far = new List<(int, int)>();

        var answers = new List<AreaAnswer>();
        await foreach (var answer in listing.ListAsync(Middle, ImageFilter.None, TestContext.Current.CancellationToken))
        {
            answers.Add(answer);
            far.Add(listing.Progress);
        }

        Assert.Equal(there, Town.Ids(answers));
        // Images come while tiles are still to be read, and all of these are counted.
        Assert.True(far[0].Item1 < 15 && far.Distinct().Count() > 5, string.Join(' ', far.Distinct()));
        Assert.Equal((20, 20), listing.Progress);
        Assert.Equal(4, answers.Select(a => a.Image!.Creator).Distinct().Count());
        // The box touches 3 x 2 tiles.
        Assert.Equal(20, town.Asked.Count);
        Assert.Equal(20, town.Asked.Distinct().Count());
        // Of each tile whole batches of 50, and one that is not full.
        Assert.InRange(town.RecordRequests, there.Count / 50, (town.Images.Count / 50) + 20);
        Assert.False(Directory.EnumerateFiles(town.StoreFolder, "*", SearchOption.AllDirectories).Any());
    }

    [Fact]
    public async Task The_sample_of_the_same_box_is_one()
    {
        // So dense that the API's search leaves out some, as the real one does.
        await using var town = await Town.OpenAsync(Images, Lund, Reach, new EmulatorOptions { PageLimit = 300 });
        var there = town.Ids((x, y) => Middle.Contains(new GeoPoint(y, x))).ToList();

        var sample = await Workplace.ToListAsync(town.Workplace.Listing.SampleAreaAsync(Middle, new ImageFilter { BoundingBox = Middle }, TestContext.Current.CancellationToken));
        var all = await town.ListAsync(Middle);

        Assert.Equal(there, Town.Ids(all));
        Assert.True(sample.Count is > 0 && sample.Count < there.Count, $"{sample.Count} of {there.Count}");
    }

    [Fact]
    public async Task A_polygon_with_a_hole_gives_exactly_what_is_in_it()
    {
        await using var town = await Town.OpenAsync(Images, Lund, Reach);
        // An L: the western half of a box and the southern half of the rest, without a box in it.
        var area = new GeoPolygon("lund",
        [
            [
                [new(55.68, 13.16), new(55.68, 13.22), new(55.70, 13.22), new(55.70, 13.19), new(55.72, 13.19), new(55.72, 13.16)],
                [new(55.69, 13.17), new(55.69, 13.18), new(55.695, 13.18), new(55.695, 13.17)],
            ],
        ]);
        static bool IsThere(double x, double y) =>
            ((x is >= 13.16 and <= 13.19 && y is >= 55.68 and <= 55.72) || (x is >= 13.16 and <= 13.22 && y is >= 55.68 and <= 55.70))
            && !(x is > 13.17 and < 13.18 && y is > 55.69 and < 55.695);

        Assert.Equal(town.Ids(IsThere), Town.Ids(await town.ListAsync(area)));
    }

    [Fact]
    public async Task A_radius_gives_exactly_what_is_within_it()
    {
        await using var town = await Town.OpenAsync(Images, Lund, Reach);
        // Judged by the straight way through the Earth, which is as long as that over the ground to a millimetre here.
        var middle = Earth(Lund.Longitude, Lund.Latitude);

        var answers = await town.ListAsync(new GeoCircle(Lund, 900));

        var there = town.Ids((x, y) => Earth(x, y).Zip(middle, (a, b) => (a - b) * (a - b)).Sum() <= 900.0 * 900).ToList();
        Assert.InRange(there.Count, 50, 1000);
        Assert.Equal(there, Town.Ids(answers));
        Assert.InRange(town.Asked.Count, 12, 25);
    }

    [Fact]
    public async Task An_image_whose_one_position_is_in_another_tile_than_the_area_is_found()
    {
        var moved = 0;
        await using var town = await Town.OpenAsync(8, Lund, (0.0001, 0.0001), new EmulatorOptions
        {
            ModifyRecord = (image, record) =>
            {
                // Computed a tile further to the east, where the tiles have it.
                if (image.Ordinal != 3) return;
                record.Geometry = (13.19, 55.70);
                record.ComputedGeometry = (13.205, 55.70);
                moved++;
            },
        });

        var answers = await town.ListAsync(new GeoCircle(Lund, 30));

        Assert.True(moved > 0);
        Assert.Contains(town.Images[3].Id, answers.Select(a => a.Image!.Id));
        Assert.Equal(9, town.Asked.Count);
    }

    [Theory]
    [InlineData(-16.8, 180)]
    [InlineData(-16.8, -180)]
    public async Task An_area_over_the_antimeridian_is_whole(double latitude, double longitude)
    {
        await using var town = await Town.OpenAsync(600, new GeoPoint(latitude, longitude), (0.02, 0.02));
        var area = BoundingBox.Parse("179.99,-16.81,-179.99,-16.79");

        Assert.Equal(
            town.Ids((x, y) => Math.Abs(x) >= 179.99 && y is >= -16.81 and <= -16.79),
            Town.Ids(await town.ListAsync(area)));
        Assert.Equal(4, town.Asked.Select(a => a.Split('/')[1]).Distinct().Count());
    }

    [Theory]
    [InlineData(85.049, 85.04, 85.06, "0,1")]
    [InlineData(-85.049, -85.06, -85.04, "16382,16383")]
    public async Task In_the_last_row_before_a_pole_an_area_is_whole_as_far_as_tiles_go(double latitude, double south, double north, string rows)
    {
        // All of them are on the map, which ends at 85.0511.
        await using var town = await Town.OpenAsync(300, new GeoPoint(latitude, 20), (0.001, 0.05), new EmulatorOptions { ModifyRecord = (_, record) => record.ComputedGeometry = null });

        var answers = await town.ListAsync(new BoundingBox(19.98, south, 20.02, north));

        Assert.Equal(town.Ids((x, _) => x is >= 19.98 and <= 20.02), Town.Ids(answers));
        Assert.Contains("85.05 degrees", Assert.Single(town.Workplace.Log.Warned), StringComparison.Ordinal);
        Assert.Superset(rows.Split(',').ToHashSet(), town.Asked.Select(a => a.Split('/')[2]).ToHashSet());
        Assert.All(town.Asked, a => Assert.InRange(int.Parse(a.Split('/')[2], CultureInfo.InvariantCulture), 0, 16383));
    }

    [Theory]
    [InlineData("after")]
    [InlineData("before")]
    [InlineData("panoramas")]
    [InlineData("organization")]
    public async Task What_a_tile_tells_costs_no_record(string kind)
    {
        await using var town = await Town.OpenAsync(1000, Lund, (0.004, 0.004));
        var middle = DateTimeOffset.FromUnixTimeMilliseconds(town.Images.Select(i => i.TrueCapturedAt).Order().ElementAt(500));
        var (filter, wanted) = kind switch
        {
            "after" => (new ImageFilter { After = middle }, (Func<ImageRecord, bool>)(r => r.CapturedAt >= middle.ToUnixTimeMilliseconds())),
            "before" => (new ImageFilter { Before = middle }, r => r.CapturedAt <= middle.ToUnixTimeMilliseconds()),
            "panoramas" => (new ImageFilter { CameraTypes = ["spherical", "equirectangular"] }, r => r.IsPano == true),
            _ => (new ImageFilter { OrganizationId = "1805883732926354" }, r => r.OrganizationId is not null),
        };

        var answers = await town.ListAsync(new BoundingBox(13.18, 55.69, 13.20, 55.71), filter);

        var expected = town.Images.Where(i => wanted(i.Record)).Select(i => i.Id).Order().ToList();
        Assert.InRange(expected.Count, 50, 950);
        Assert.Equal(expected, Town.Ids(answers));
        var asked = town.Workplace.Emulator.Requests.Where(r => r.Server == ServerKind.Graph)
            .SelectMany(r => Uri.UnescapeDataString(r.PathAndQuery.Split("image_ids=")[1].Split('&')[0]).Split(','));
        Assert.Equal(expected, asked.Order());
    }

    [Fact]
    public async Task A_listing_that_was_ended_in_its_middle_goes_on_with_the_tiles_that_are_left()
    {
        await using var town = await Town.OpenAsync(Images, Lund, Reach);
        var first = town.Listing();
        await foreach (var _ in first.ListAsync(Middle, ImageFilter.None, TestContext.Current.CancellationToken))
        {
            // As a kill would: nothing is done at the end.
            if (first.Progress.Read >= 12) break;
        }

        var asked = town.Asked.ToList();
        Assert.InRange(asked.Count, 12, 15);
        // What a kill in the middle of writing leaves is none of it.
        var kept = Directory.GetFiles(town.StoreFolder, "*.mvt", SearchOption.AllDirectories);
        File.WriteAllText(kept[0] + "." + Guid.NewGuid().ToString("N"), "half");

        var answers = await town.ListAsync(Middle);

        Assert.Equal(town.Ids((x, y) => Middle.Contains(new GeoPoint(y, x))), Town.Ids(answers));
        var (goneOn, all) = (town.Asked.Skip(asked.Count).ToList(), town.Asked.Count);
        // Again only the one that was on its way.
        Assert.InRange(goneOn.Intersect(asked).Count(), 0, 1);
        Assert.Equal(20, asked.Union(goneOn).Count());
        // It was whole, so that the next one begins anew and sees what is new.
        await town.ListAsync(Middle);
        Assert.Equal(20, town.Asked.Count - all);
    }

    [Theory]
    [InlineData(FaultKind.TileMissing404, "HTTP 404", 1)]
    [InlineData(FaultKind.Transient500, "HTTP 500", 3)]
    [InlineData(FaultKind.CutTile, "no whole tile", 3)]
    public async Task A_tile_that_fails_is_named_and_the_next_run_asks_for_it_alone(FaultKind kind, string words, int requests)
    {
        var (isBroken, bad) = (true, "");
        await using var town = await Town.OpenAsync(Images, Lund, Reach, new EmulatorOptions
        {
            Faults = [new FaultRule { Server = ServerKind.Tiles, Kind = kind, Times = int.MaxValue, Which = t => isBroken && t.Path.EndsWith(bad, StringComparison.Ordinal) }],
        });
        var area = new GeoCircle(Lund, 30);
        bad = TileCover.Of(area)[3].ToString();

        var answers = await town.ListAsync(area);

        var problem = Assert.Single(answers, a => a.Problem is not null);
        Assert.Equal((bad, true), (problem.What, problem.IsOfTile));
        Assert.Contains(words, problem.Problem!.Message, StringComparison.Ordinal);
        Assert.Equal(8 + requests, town.Asked.Count);
        Assert.All(answers.Where(a => a.Image is not null), a => Assert.False(a.Image!.Origin.Listing!.EndedWith(1_000_000)));

        isBroken = false;
        var again = await town.ListAsync(area);

        Assert.Equal(bad, Assert.Single(town.Asked.Skip(8 + requests)));
        Assert.Equal(town.Ids((x, y) => area.Contains(new GeoPoint(y, x))), Town.Ids(again));
        Assert.All(again, a => Assert.True(a.Image!.Origin.Listing!.EndedWith(1_000_000)));
    }

    [Theory]
    [InlineData(FaultKind.BlockedRedirect302, GraphFault.Blocked)]
    [InlineData(FaultKind.BlockedHtml200, GraphFault.Blocked)]
    [InlineData(FaultKind.RateLimited403, GraphFault.Blocked)]
    [InlineData(FaultKind.RateLimited429, GraphFault.Blocked)]
    [InlineData(FaultKind.NetworkLogin200, GraphFault.Intercepted)]
    public async Task A_block_stops_at_once_and_the_next_run_goes_on_behind_it(FaultKind kind, GraphFault fault)
    {
        var (isBroken, bad) = (true, "");
        await using var town = await Town.OpenAsync(Images, Lund, Reach, new EmulatorOptions
        {
            Faults = [new FaultRule { Server = ServerKind.Tiles, Kind = kind, Times = int.MaxValue, Which = t => isBroken && t.Path.EndsWith(bad, StringComparison.Ordinal) }],
        });
        var area = new GeoCircle(Lund, 30);
        bad = TileCover.Of(area)[5].ToString();

        var error = await Assert.ThrowsAsync<GraphException>(() => town.ListAsync(area));

        Assert.Equal((fault, 6), (error.Fault, town.Asked.Count));
        Assert.Equal(bad, town.Asked[^1]);

        isBroken = false;
        using var later = new TileClient(town.Workplace.Endpoints, AccessToken.Parse(town.Workplace.Emulator.Token), Workplace.QuickRetry, town.Workplace.Log);
        var again = await Workplace.ToListAsync(
            new AreaListing(town.Workplace.Graph, later, town.Store, town.Workplace.Log).ListAsync(area, ImageFilter.None, TestContext.Current.CancellationToken));

        Assert.Equal(TileCover.Of(area).Skip(5).Select(t => t.ToString()), town.Asked.Skip(6));
        Assert.Equal(town.Ids((x, y) => area.Contains(new GeoPoint(y, x))), Town.Ids(again));
    }

    [Fact]
    public async Task A_service_that_fails_at_one_tile_after_the_other_is_asked_no_more()
    {
        await using var town = await Town.OpenAsync(100, Lund, Reach, new EmulatorOptions { Faults = [new FaultRule { Server = ServerKind.Tiles, Kind = FaultKind.Html503, Times = int.MaxValue }] });

        var error = await Assert.ThrowsAsync<GraphException>(() => town.ListAsync(Middle));

        Assert.Equal(GraphFault.Transient, error.Fault);
        // Five tiles of 20, each three times.
        Assert.Equal(15, town.Asked.Count);
    }

    [Fact]
    public async Task Images_without_an_id_make_the_listing_incomplete_and_are_counted()
    {
        var bad = TileCover.Of(new GeoCircle(Lund, 30))[4];
        await using var town = await Town.OpenAsync(100, Lund, (0.001, 0.001), new EmulatorOptions
        {
            ModifyTile = (x, y) => (x, y) == (bad.X, bad.Y)
                ? new TileWriter().Layer(new TileLayer("image").Points([(1, 1)], [("id", "")]).Points([(1, 1)], [("id", -7L)])).ToArray()
                : null,
        });

        var answers = await town.ListAsync(new GeoCircle(Lund, 30));

        var problem = Assert.Single(answers, a => a.Problem is not null);
        Assert.Equal((bad.ToString(), $"Tile {bad} has 2 of 2 images without an id that can be read; they are missing."), (problem.What, problem.Problem!.Message));
    }

    [Fact]
    public async Task An_image_that_is_gone_since_the_tile_was_made_is_no_problem()
    {
        await using var town = await Town.OpenAsync(40, Lund, (0.001, 0.001), new EmulatorOptions
        {
            ModifyTile = (x, y) => (x, y) == (Tile.ColumnOf(13.19), Tile.RowOf(55.70))
                ? new TileWriter().Layer(new TileLayer("image").Points([(2048, 2048)], [("id", 123L)])).ToArray()
                : [],
        });

        Assert.Empty(await town.ListAsync(new GeoCircle(Lund, 3000)));
        Assert.Contains(town.Workplace.Log.Said, s => s.Contains("Image 123 is in tile", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_kept_tile_that_is_damaged_or_old_is_asked_for_again()
    {
        var isBroken = true;
        var area = new GeoCircle(Lund, 30);
        var cover = TileCover.Of(area);
        await using var town = await Town.OpenAsync(200, Lund, Reach, new EmulatorOptions
        {
            Faults = [new FaultRule { Server = ServerKind.Tiles, Kind = FaultKind.TileMissing404, Times = int.MaxValue, Which = t => isBroken && t.Path.EndsWith(cover[0].ToString(), StringComparison.Ordinal) }],
        });
        await town.ListAsync(area);
        string Kept(Tile tile) => Assert.Single(Directory.GetFiles(town.StoreFolder, $"14-{tile.X}-{tile.Y}.mvt", SearchOption.AllDirectories));
        File.WriteAllBytes(Kept(cover[3]), [0x1A, 0xFF, 0xFF]);
        File.SetLastWriteTimeUtc(Kept(cover[5]), DateTime.UtcNow - TileStore.Lifetime - TimeSpan.FromMinutes(1));
        isBroken = false;

        var answers = await town.ListAsync(area);

        Assert.Equal(town.Ids((x, y) => area.Contains(new GeoPoint(y, x))), Town.Ids(answers));
        Assert.Equal(new[] { 0, 3, 5 }.Select(i => cover[i].ToString()), town.Asked.Skip(9));
    }

    [Fact]
    public async Task A_plan_tells_how_many_tiles_there_are_and_how_long_they_take()
    {
        await using var town = await Town.OpenAsync(10, Lund, Reach);

        var plan = AreaPlan.Of(Middle, town.Workplace.Endpoints, town.Store);

        Assert.Equal((20, 0), (plan.Tiles, plan.Kept));
        Assert.InRange(plan.Duration, TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(25));
        Assert.Empty(town.Workplace.Emulator.Requests);
    }

    [Fact]
    public async Task Where_tiles_cannot_be_kept_the_listing_goes_on()
    {
        await using var town = await Town.OpenAsync(100, Lund, Reach);
        File.WriteAllText(Path.Combine(town.Workplace.Folder, "file"), "");
        var store = new TileStore(Path.Combine(town.Workplace.Folder, "file", "tiles"), town.Workplace.Log);

        var answers = await Workplace.ToListAsync(
            new AreaListing(town.Workplace.Graph, town.Tiles, store, town.Workplace.Log).ListAsync(Middle, ImageFilter.None, TestContext.Current.CancellationToken));

        Assert.Equal(town.Ids((x, y) => Middle.Contains(new GeoPoint(y, x))), Town.Ids(answers));
        Assert.Contains("cannot be kept", Assert.Single(town.Workplace.Log.Warned), StringComparison.Ordinal);
    }

    /// <summary>A place on WGS-84 in metres from the middle of the Earth.</summary>
    private static double[] Earth(double longitude, double latitude)
    {
        var (x, y) = (longitude * Math.PI / 180, latitude * Math.PI / 180);
        var across = 6378137 / Math.Sqrt(1 - (0.00669437999014 * Math.Sin(y) * Math.Sin(y)));
        return [across * Math.Cos(y) * Math.Cos(x), across * Math.Cos(y) * Math.Sin(x), across * (1 - 0.00669437999014) * Math.Sin(y)];
    }
}
