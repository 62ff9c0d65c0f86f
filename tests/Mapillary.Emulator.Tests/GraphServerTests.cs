using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Mapillary.Emulator.Tests;

public class GraphServerTests
{
    private const string WellFormed = "MLY|1|00000000000000000000000000000000";

    [Theory]
    [InlineData(null, null, 500, "Invalid OAuth 2.0 Access Token", "MLYApiException")]
    [InlineData("OAuth ", null, 500, "Invalid OAuth 2.0 Access Token", "MLYApiException")]
    [InlineData("OAuth MLY|bogus", null, 401, "Failed to decode", "OAuthException")]
    [InlineData("OAuth " + WellFormed, null, 401, "Error validating application", "OAuthException")]
    [InlineData(null, WellFormed, 400, "Error validating application", "OAuthException")]
    [InlineData(null, "rubbish", 400, "Invalid OAuth access token - Cannot parse access token", "OAuthException")]
    [InlineData(null, Tokens.Valid + "\n", 400, "Invalid OAuth access token - Cannot parse access token", "OAuthException")]
    [InlineData("OAuth " + Tokens.Expired, null, 400, "Error validating access token: Session has expired", "OAuthException")]
    [InlineData("OAuth " + Tokens.AppRevoked, null, 401, "Error validating access token: The user has not authorized application 4242424242424242.", "OAuthException")]
    public async Task A_token_that_is_no_good_gets_the_recorded_answer(string? header, string? query, int status, string message, string type)
    {
        await using var client = await Client.StartAsync();

        using var response = await client.GraphAsync($"/images?creator_username=anna{(query is null ? "" : $"&access_token={Uri.EscapeDataString(query)}")}", header);

        var error = JsonNode.Parse(await Client.TextOf(response))!["error"]!.AsObject();
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal((message, type, 190), ((string?)error["message"], (string?)error["type"], (int?)error["code"]));
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(["message", "type", "code"], error.Select(e => e.Key).Take(3));
        Assert.Equal("fbtrace_id", error.Last().Key);
    }

    [Theory]
    [InlineData("OAuth " + Tokens.Valid, "")]
    [InlineData(null, "&access_token=MLY%7C4242424242424242%7C0123456789abcdef0123456789abcdef")]
    public async Task The_token_is_taken_from_the_header_and_from_the_query(string? header, string query)
    {
        await using var client = await Client.StartAsync();

        using var response = await client.GraphAsync($"/images?creator_username=anna{query}", header);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData("/1", "Unsupported get request. Object with ID '1' does not exist, cannot be loaded due to missing permissions, or does not support this operation", 33)]
    [InlineData("/images?creator_username=anna&fields=id,colour", "Tried accessing nonexisting field (colour)", null)]
    [InlineData("/images?bbox=10,10,10.1,10.1", "The bbox must be smaller than 0.01 degrees square", null)]
    [InlineData("/images?bbox=10,10,11", "The bbox must be minLon,minLat,maxLon,maxLat", null)]
    [InlineData("/images?bbox=10,95,10.01,95.01", "The bbox must be minLon,minLat,maxLon,maxLat", null)]
    [InlineData("/images?fields=id", "A filter is required: bbox, creator_username, image_ids or sequence_ids", null)]
    [InlineData("/images?creator_username=anna&limit=0", "The parameter limit must be a positive number", null)]
    [InlineData("/images?creator_username=anna&start_captured_at=yesterday", "start_captured_at must be an ISO 8601 time", null)]
    [InlineData("/images?creator_username=anna&after=nonsense", "Invalid cursor", null)]
    [InlineData("/images?image_ids=1&is_pano=true", "is_pano must be used with bbox or creator_username", null)]
    public async Task A_wrong_request_is_a_400_with_code_100(string pathAndQuery, string message, int? subcode)
    {
        await using var client = await Client.StartAsync();

        using var response = await client.GraphAsync(pathAndQuery);

        var error = JsonNode.Parse(await Client.TextOf(response))!["error"]!;
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal((message, "MLYApiException", 100, subcode), ((string?)error["message"], (string?)error["type"], (int?)error["code"], (int?)error["error_subcode"]));
    }

    [Fact]
    public async Task Fields_come_in_the_order_asked_for_and_the_id_last_unless_asked_for()
    {
        await using var client = await Client.StartAsync();
        var id = client.Emulator.World.Images[0].Id;

        async Task<IEnumerable<string>> Keys(string query) => (await client.GraphJsonAsync($"/{id}{query}")).AsObject().Select(f => f.Key);

        Assert.Equal(["width", "captured_at", "creator", "id"], await Keys("?fields=width,captured_at,creator{username}"));
        Assert.Equal(["width", "id", "height"], await Keys("?fields=width,id,height"));
        Assert.Equal(["id"], await Keys(""));
    }

    [Fact]
    public async Task Absent_fields_are_left_out_and_odd_ones_look_as_in_the_wild()
    {
        await using var client = await Client.StartAsync(new EmulatorOptions
        {
            ModifyRecord = (_, record) =>
            {
                record.CameraType = null;
                record.Altitude = 4294967281;
                record.MergeCc = 4.546427159383e+18;
                record.AtomicScale = 1;
                record.ComputedCompassAngle = 0;
                record.CameraParameters = [0.85136388143343, -6.6499673206348e-05, 0];
                record.Geometry = (39.0683549120984567, -0.1 + -0.2);
                record.Literal["make"] = "null";
                record.MissingRenditions.Add(Rendition.Original);
            },
        });
        var id = client.Emulator.World.Images[0].Id;

        var json = await client.GraphTextAsync(
            $"/{id}?fields=camera_type,altitude,merge_cc,atomic_scale,computed_compass_angle,camera_parameters,geometry,make,thumb_original_url");

        Assert.Equal(
            $$"""{"altitude":4294967281,"merge_cc":4.546427159383e+18,"atomic_scale":1,"computed_compass_angle":0,"camera_parameters":[0.85136388143343,-6.6499673206348e-05,0],"geometry":{"type":"Point","coordinates":[39.068354912098,-0.3]},"make":null,"id":"{{id}}"}""",
            json);
    }

    [Fact]
    public async Task Oddities_strike_the_wanted_share_of_the_records()
    {
        var every = Enum.GetValues<Oddity>().Except([Oddity.MissingCapturedAt, Oddity.EpochZero]);
        foreach (var oddity in every)
        {
            await using var client = await Client.StartAsync(new EmulatorOptions
            {
                Users = [new EmulatedUser { Name = "anna", Images = 200 }],
                Oddities = new Dictionary<Oddity, double> { [oddity] = 0.5 },
            });
            await using var sound = await Client.StartAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = 200 }] });
            const string Fields = "altitude,camera_type,captured_at,compass_angle,computed_compass_angle,computed_geometry,exif_orientation,sequence,width";
            async Task<Dictionary<string, string>> Records(Client of) =>
                (await of.GraphJsonAsync($"/images?creator_username=anna&fields={Fields}"))["data"]!.AsArray().ToDictionary(r => (string)r!["id"]!, r => r!.ToJsonString());

            if (oddity == Oddity.MissingOriginalUrl)
            {
                Assert.InRange(client.Emulator.World.Images.Count(i => i.Record.MissingRenditions.Count == 1), 60, 140);
                continue;
            }

            var records = await Records(sound);
            var odd = (await Records(client)).Count(r => r.Value != records[r.Key]);
            Assert.True(odd is > 8 and < 145, $"{oddity}: {odd}");
        }
    }

    [Fact]
    public async Task A_users_pages_hold_every_image_once_newest_first()
    {
        await using var client = await Client.StartAsync(new EmulatorOptions
        {
            Users = [new EmulatedUser { Name = "anna", Images = 103, Sequences = 5 }, new EmulatedUser { Name = "bob", Images = 40 }],
            PageLimit = 25,
        });

        var pages = await client.PagesAsync("/images?creator_username=anna&fields=id,captured_at&limit=2000");

        var rows = pages.SelectMany(p => p["data"]!.AsArray()).ToList();
        Assert.Equal([25, 25, 25, 25, 3], pages.Select(p => p["data"]!.AsArray().Count));
        Assert.Null(pages[^1]["paging"]);
        Assert.Equal(
            client.Emulator.World.Users[0].Images.Select(i => i.Id).Order(),
            rows.Select(r => (string)r!["id"]!).Order());
        Assert.Equal(103, rows.Select(r => (string)r!["id"]!).Distinct().Count());
        var times = rows.Select(r => (long)r!["captured_at"]!).ToList();
        Assert.Equal(times.OrderDescending(), times);
        Assert.All(times, t => Assert.NotEqual(0, t % 1000));
    }

    [Fact]
    public async Task The_last_page_has_no_next_even_when_it_is_full()
    {
        await using var client = await Client.StartAsync();

        var pages = await client.PagesAsync("/images?creator_username=anna&limit=10");

        Assert.Equal([10, 10, 10], pages.Select(p => p["data"]!.AsArray().Count));
    }

    [Fact]
    public async Task Next_bears_the_token_only_where_the_request_did()
    {
        await using var client = await Client.StartAsync();
        const string Page = "/images?creator_username=anna&limit=2&fields=id";
        var token = Uri.EscapeDataString(client.Emulator.Token);

        var byHeader = (string)(await client.GraphJsonAsync(Page))["paging"]!["next"]!;
        using var response = await client.GraphAsync($"{Page}&access_token={token}", null);
        var byQuery = (string)JsonNode.Parse(await Client.TextOf(response))!["paging"]!["next"]!;

        Assert.DoesNotContain("MLY", byHeader, StringComparison.Ordinal);
        Assert.Contains($"access_token={token}", byQuery, StringComparison.Ordinal);
        Assert.StartsWith(client.Emulator.GraphEndpoint.ToString(), byHeader, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_user_and_an_unknown_sequence_are_empty()
    {
        await using var client = await Client.StartAsync();

        Assert.Equal("""{"data":[]}""", await client.GraphTextAsync("/images?creator_username=nobody"));
        Assert.Equal("""{"data":[]}""", await client.GraphTextAsync("/image_ids?sequence_id=nothing"));
    }

    [Fact]
    public async Task Both_ends_of_a_time_span_belong_to_it()
    {
        await using var client = await Client.StartAsync();
        var images = client.Emulator.World.Images;
        var (from, to) = (images[3], images[7]);
        static string Iso(EmulatedImage image) => DateTimeOffset.FromUnixTimeMilliseconds(image.TrueCapturedAt).ToString("yyyy-MM-ddTHH:mm:ss.fffZ", null);

        var found = Client.Ids(await client.GraphJsonAsync($"/images?creator_username=anna&start_captured_at={Iso(from)}&end_captured_at={Iso(to)}"));

        Assert.Equal([images[7].Id, images[6].Id, images[5].Id, images[4].Id, images[3].Id], found);
    }

    [Fact]
    public async Task Images_are_found_by_sequence_by_id_and_several_at_once()
    {
        await using var client = await Client.StartAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = 30, Sequences = 3 }] });
        var sequence = client.Emulator.World.Sequences[1];
        var ids = sequence.Images.Select(i => i.Id).ToList();
        var (one, other) = (ids[4], ids[2]);

        Assert.Equal(ids, Client.Ids(await client.GraphJsonAsync($"/image_ids?sequence_id={sequence.Id}")));
        Assert.Equal(ids, Client.Ids(await client.GraphJsonAsync($"/images?sequence_ids={sequence.Id}")));
        Assert.Equal([one, other], Client.Ids(await client.GraphJsonAsync($"/images?image_ids={one},1,{other}")));
        Assert.Equal($$$"""{"{{{one}}}":{"sequence":"{{{sequence.Id}}}","id":"{{{one}}}"}}""", await client.GraphTextAsync($"/?ids={one}&fields=sequence"));
        var user = client.Emulator.World.Users[0];
        Assert.Equal($$"""{"username":"anna","id":"{{user.Id}}"}""", await client.GraphTextAsync($"/{user.Id}?fields=username,id"));
    }

    [Fact]
    public async Task A_box_gives_one_page_that_may_be_a_mere_sample()
    {
        await using var client = await Client.StartAsync();
        var at = client.Emulator.World.Images[10].Record.ComputedGeometry!.Value;
        var box = FormattableString.Invariant($"{at.Longitude - 0.04},{at.Latitude - 0.04},{at.Longitude + 0.04},{at.Latitude + 0.04}");

        var all = await client.GraphJsonAsync($"/images?bbox={box}");
        var some = await client.GraphJsonAsync($"/images?bbox={box}&limit=7");

        Assert.Equal(30, Client.Ids(all).Count);
        Assert.Equal(7, Client.Ids(some).Count);
        Assert.Null(some["paging"]);
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 30)]
    public async Task A_box_beside_a_user_may_be_unheeded(bool ignored, int expected)
    {
        await using var client = await Client.StartAsync(new EmulatorOptions { BboxIgnoredWithUser = ignored });

        Assert.Equal(expected, Client.Ids(await client.GraphJsonAsync("/images?creator_username=anna&bbox=179,80,179.01,80.01")).Count);
    }

    [Fact]
    public async Task A_withdrawn_image_is_nowhere_until_it_is_restored()
    {
        await using var client = await Client.StartAsync();
        var image = client.Emulator.World.Images[5];
        var url = await client.UrlAsync(image);

        client.Emulator.World.Withdraw(image.Id);
        using var record = await client.GraphAsync($"/{image.Id}");
        using var picture = await client.GetAsync(url);
        var listed = Client.Ids(await client.GraphJsonAsync("/images?creator_username=anna"));
        client.Emulator.World.Restore(image.Id);

        Assert.Equal((HttpStatusCode.BadRequest, HttpStatusCode.NotFound, 29), (record.StatusCode, picture.StatusCode, listed.Count));
        Assert.Contains(image.Id, Client.Ids(await client.GraphJsonAsync("/images?creator_username=anna")));
    }

    [Fact]
    public async Task The_same_seed_makes_the_same_world_and_another_seed_another()
    {
        async Task<string> World(int seed)
        {
            await using var client = await Client.StartAsync(new EmulatorOptions { Seed = seed });
            return await client.GraphTextAsync("/images?creator_username=anna&fields=captured_at,geometry,sequence,compass_angle");
        }

        var first = await World(7);

        Assert.Equal(first, await World(7));
        Assert.NotEqual(first, await World(8));
    }

    [Fact]
    public async Task Ids_look_like_the_real_ones()
    {
        await using var client = await Client.StartAsync(new EmulatorOptions
        {
            Users = [new EmulatedUser { Name = "anna", Images = 400, Sequences = 20 }],
            CaseTwins = true,
        });
        var world = client.Emulator.World;

        Assert.All(world.Images, i => Assert.Matches(new Regex(@"^\d{15,17}$"), i.Id));
        Assert.All(world.Sequences, s => Assert.Matches(new Regex("^[A-Za-z0-9_-]{22}$"), s.Id));
        Assert.Equal(20, world.Sequences.Select(s => s.Id).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(10, world.Sequences.Select(s => s.Id).Distinct(StringComparer.OrdinalIgnoreCase).Count());
        Assert.Contains(world.Images, i => i.Record.IsPano == true);
        Assert.All(world.Images, i => Assert.Equal(i.Photo.IsPanorama, i.Record.CameraParameters is null));
    }
}
