using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Mapillary.Emulator.Tests;

public class FaultTests
{
    private static Task<Client> With(ServerKind server, FaultKind kind, Func<FaultRule, FaultRule>? change = null)
    {
        var rule = new FaultRule { Server = server, Kind = kind };
        return Client.StartAsync(new EmulatorOptions { Faults = [change?.Invoke(rule) ?? rule] });
    }

    [Theory]
    [InlineData(FaultKind.RateLimited403, 403, """{"error":{"message":"Application request limit reached","type":"MLYApiException","is_transient":true,"code":4,""")]
    [InlineData(FaultKind.RateLimited429, 429, """{"error":{"message":"(#4) Application request limit reached","type":"OAuthException","is_transient":true,"code":4,""")]
    [InlineData(FaultKind.QueryTimeout400, 400, """{"error":{"message":"Timeout","type":"OAuthException","code":-2,"error_subcode":3404014,"is_transient":false,""")]
    [InlineData(FaultKind.LoginWanted400, 400, """{"error":{"message":"please log in to see this page","type":"OAuthException","code":368,"error_subcode":1348007,""")]
    [InlineData(FaultKind.GatewayTimeout504, 504, "<html>")]
    [InlineData(FaultKind.NetworkLogin200, 200, "<html><head><title>Welcome to Hotel Wi-Fi")]
    [InlineData(FaultKind.NetworkLogin302, 302, "")]
    [InlineData(FaultKind.NetworkLogin511, 511, "<html>")]
    [InlineData(FaultKind.ProxyPassword407, 407, "<html>")]
    [InlineData(FaultKind.Transient500, 500, """{"error":{"message":"Service temporarily unavailable","type":"MLYApiException","code":2,""")]
    [InlineData(FaultKind.Html503, 503, "<!DOCTYPE html>")]
    [InlineData(FaultKind.BlockedHtml200, 200, "<!DOCTYPE html>")]
    [InlineData(FaultKind.BlockedRedirect302, 302, "")]
    public async Task The_Graph_API_fails_once_and_then_behaves(FaultKind kind, int status, string body)
    {
        await using var client = await With(ServerKind.Graph, kind, r => r with { RetryAfterSeconds = 3 });

        using var first = await client.GraphAsync("/images?creator_username=anna");
        using var second = await client.GraphAsync("/images?creator_username=anna");

        Assert.Equal(status, (int)first.StatusCode);
        Assert.StartsWith(body, await Client.TextOf(first), StringComparison.Ordinal);
        if (kind is FaultKind.RateLimited403 or FaultKind.RateLimited429) Assert.Equal(3, first.Headers.RetryAfter?.Delta?.TotalSeconds);
        if (kind == FaultKind.BlockedRedirect302) Assert.StartsWith($"{client.Emulator.GraphEndpoint}login/", first.Headers.Location?.ToString(), StringComparison.Ordinal);
        Assert.StartsWith("""{"data":[{"id":""", await Client.TextOf(second), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ServerKind.Graph)]
    [InlineData(ServerKind.Cdn)]
    [InlineData(ServerKind.Archive)]
    [InlineData(ServerKind.S3)]
    public async Task A_connection_ends_without_an_answer(ServerKind server)
    {
        await using var client = await With(server, FaultKind.ConnectionReset);
        async Task<HttpResponseMessage> Ask() => server switch
        {
            ServerKind.Graph => await client.GraphAsync("/images?creator_username=anna"),
            ServerKind.Cdn => await client.GetAsync(await client.UrlAsync(client.Emulator.World.Images[0])),
            ServerKind.S3 => await client.PutAsync("item/file", []),
            _ => await client.ArchiveAsync("/metadata/x"),
        };

        await Assert.ThrowsAsync<HttpRequestException>(Ask);
        using var second = await Ask();

        Assert.Equal(HttpStatusCode.OK, second.StatusCode);
        Assert.Equal(0, client.Emulator.Requests.First(r => r.Server == server).StatusCode);
    }

    [Fact]
    public async Task Too_much_data_is_refused_until_less_is_asked_for()
    {
        await using var client = await With(ServerKind.Graph, FaultKind.TooMuchData, r => r with { MaxCells = 20, Times = int.MaxValue });

        using var tooMuch = await client.GraphAsync("/images?creator_username=anna&fields=id,width&limit=11");
        using var again = await client.GraphAsync("/images?creator_username=anna&fields=id,width&limit=11");
        using var less = await client.GraphAsync("/images?creator_username=anna&fields=id,width&limit=10");

        Assert.Equal((500, 500, 200), ((int)tooMuch.StatusCode, (int)again.StatusCode, (int)less.StatusCode));
        Assert.Equal("""{"error":{"code":1,"message":"Please reduce the amount of data you're asking for, then retry your request"}}""", await Client.TextOf(tooMuch));
    }

    [Theory]
    [InlineData(FaultKind.QueryTimeout400, 400)]
    [InlineData(FaultKind.GatewayTimeout504, 504)]
    public async Task Large_pages_take_too_long_and_smaller_ones_do_not(FaultKind kind, int status)
    {
        await using var client = await With(ServerKind.Graph, kind, r => r with { MaxRows = 10, Times = int.MaxValue });

        using var large = await client.GraphAsync("/images?creator_username=anna&limit=11");
        using var small = await client.GraphAsync("/images?creator_username=anna&limit=10");

        Assert.Equal((status, 200), ((int)large.StatusCode, (int)small.StatusCode));
    }

    [Fact]
    public async Task Metas_own_login_page_is_marked_as_its_answers_are_and_a_networks_is_not()
    {
        await using var client = await Client.StartAsync(new EmulatorOptions
        {
            Faults = [new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.BlockedHtml200 }, new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.NetworkLogin200 }],
        });

        using var own = await client.GraphAsync("/images?creator_username=anna");
        using var foreign = await client.GraphAsync("/images?creator_username=anna");

        Assert.Equal((true, false), (own.Headers.Contains("X-FB-Debug"), foreign.Headers.Contains("X-FB-Debug")));
    }

    [Fact]
    public async Task A_renamed_user_is_found_by_the_new_name_and_by_the_number_alone()
    {
        await using var client = await Client.StartAsync();
        var id = client.Emulator.World.Users[0].Id;

        client.Emulator.World.Rename("anna", "annika");

        Assert.Empty(Client.Ids(await client.GraphJsonAsync("/images?creator_username=anna")));
        Assert.Equal(30, Client.Ids(await client.GraphJsonAsync("/images?creator_username=annika")).Count);
        Assert.Equal("annika", (string?)(await client.GraphJsonAsync($"/{id}?fields=username"))["username"]);
    }

    [Fact]
    public async Task Cut_JSON_is_cut()
    {
        await using var client = await With(ServerKind.Graph, FaultKind.CutJson);

        var text = await client.GraphTextAsync("/images?creator_username=anna");

        Assert.ThrowsAny<JsonException>(() => JsonNode.Parse(text));
    }

    [Fact]
    public async Task A_repeated_cursor_leads_to_the_page_itself()
    {
        await using var client = await With(ServerKind.Graph, FaultKind.RepeatedCursor, r => r with { Times = int.MaxValue });

        var first = await client.GraphJsonAsync("/images?creator_username=anna&limit=10");
        var second = await client.GraphJsonAsync((string)first["paging"]!["next"]!);
        var third = await client.GraphJsonAsync((string)second["paging"]!["next"]!);

        Assert.Equal(Client.Ids(first), Client.Ids(second));
        Assert.Equal((string?)second["paging"]!["next"], (string?)third["paging"]!["next"]);
    }

    [Fact]
    public async Task A_page_may_begin_with_rows_of_the_page_before()
    {
        await using var client = await With(ServerKind.Graph, FaultKind.DuplicateAcrossPages);

        var pages = await client.PagesAsync("/images?creator_username=anna&limit=10");

        var ids = pages.SelectMany(Client.Ids).ToList();
        Assert.Equal(32, ids.Count);
        Assert.Equal(30, ids.Distinct().Count());
    }

    [Fact]
    public async Task An_empty_page_may_come_before_the_rows()
    {
        await using var client = await With(ServerKind.Graph, FaultKind.EmptyPageWithNext, r => r with { Times = int.MaxValue });

        var pages = await client.PagesAsync("/images?creator_username=anna&limit=10");

        Assert.Equal([0, 10, 0, 10, 0, 10], pages.Select(p => Client.Ids(p).Count));
        Assert.Equal(30, pages.SelectMany(Client.Ids).Distinct().Count());
    }

    [Fact]
    public async Task A_cursor_may_have_expired()
    {
        await using var client = await With(ServerKind.Graph, FaultKind.ExpiredCursor400);

        var first = await client.GraphJsonAsync("/images?creator_username=anna&limit=10");
        using var second = await client.GraphAsync((string)first["paging"]!["next"]!);

        Assert.Equal(HttpStatusCode.BadRequest, second.StatusCode);
    }

    [Fact]
    public async Task Next_may_lead_to_another_host()
    {
        await using var client = await With(ServerKind.Graph, FaultKind.NextToOtherHost);

        var page = await client.GraphJsonAsync("/images?creator_username=anna&limit=10");

        Assert.StartsWith(client.Emulator.CdnEndpoint.ToString(), (string?)page["paging"]!["next"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(FaultKind.Expired403, 403, "text/plain")]
    [InlineData(FaultKind.NotFound404, 404, "text/plain")]
    [InlineData(FaultKind.BadRequest400, 400, "text/plain")]
    [InlineData(FaultKind.Html503, 503, "text/html")]
    [InlineData(FaultKind.Html200, 200, "text/html")]
    public async Task The_CDN_answers_something_else_once_and_then_the_picture(FaultKind kind, int status, string type)
    {
        await using var client = await With(ServerKind.Cdn, kind);
        var url = await client.UrlAsync(client.Emulator.World.Images[0]);

        using var first = await client.GetAsync(url);
        using var second = await client.GetAsync(url);

        Assert.Equal((status, type), ((int)first.StatusCode, first.Content.Headers.ContentType?.MediaType));
        Assert.Equal((200, "image/jpeg"), ((int)second.StatusCode, second.Content.Headers.ContentType?.MediaType));
    }

    [Fact]
    public async Task A_truncated_picture_ends_before_its_announced_length()
    {
        await using var client = await With(ServerKind.Cdn, FaultKind.Truncated);
        var url = await client.UrlAsync(client.Emulator.World.Images[0]);

        await Assert.ThrowsAsync<HttpRequestException>(async () => await client.GetAsync(url));
        using var second = await client.GetAsync(url);

        Assert.Equal(client.Emulator.World.Images[0].Photo.Bytes, await Client.BytesOf(second));
    }

    [Theory]
    [InlineData(FaultKind.TruncatedWithRightLength)]
    [InlineData(FaultKind.Empty)]
    [InlineData(FaultKind.TrailingBytes)]
    [InlineData(FaultKind.CorruptExif)]
    [InlineData(FaultKind.ExistingXmp)]
    public async Task An_altered_picture_is_what_ServedBytes_tells(FaultKind kind)
    {
        await using var client = await With(ServerKind.Cdn, kind);
        var image = client.Emulator.World.Images[0];
        var url = await client.UrlAsync(image);

        using var first = await client.GetAsync(url);
        var bytes = await Client.BytesOf(first);
        var served = client.Emulator.ServedBytes(image.Id);
        using var second = await client.GetAsync(url);

        Assert.Equal(served, bytes);
        Assert.NotEqual(image.Photo.Bytes, bytes);
        Assert.Equal(bytes.Length, first.Content.Headers.ContentLength);
        Assert.Equal(image.Photo.Bytes, await Client.BytesOf(second));
        Assert.Equal(image.Photo.Bytes, client.Emulator.ServedBytes(image.Id));
    }

    [Fact]
    public async Task A_trickle_neither_ends_nor_stops()
    {
        await using var client = await With(ServerKind.Cdn, FaultKind.Trickle, r => r with { TrickleBytesPerSecond = 400 });
        var url = await client.UrlAsync(client.Emulator.World.Images[0]);
        using var http = new HttpClient();

        using var response = await http.GetAsync(url, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        await using var body = await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        var buffer = new byte[100];
        await body.ReadExactlyAsync(buffer, TestContext.Current.CancellationToken);

        Assert.Equal(client.Emulator.World.Images[0].Photo.Bytes[..100], buffer);
        Assert.Equal(client.Emulator.World.Images[0].Photo.Bytes.Length, response.Content.Headers.ContentLength);
    }

    [Fact]
    public async Task Faults_strike_the_same_images_whatever_the_order()
    {
        async Task<List<string>> Struck(bool backwards)
        {
            await using var client = await With(ServerKind.Cdn, FaultKind.NotFound404, r => r with { Rate = 0.4 });
            var struck = new List<string>();
            foreach (var image in backwards ? client.Emulator.World.Images.Reverse() : client.Emulator.World.Images)
            {
                using var response = await client.GetAsync(await client.UrlAsync(image));
                if (response.StatusCode == HttpStatusCode.NotFound) struck.Add(image.Id);
            }

            return struck;
        }

        var forth = await Struck(backwards: false);

        Assert.InRange(forth.Count, 5, 20);
        Assert.Equal(forth.Order(), (await Struck(backwards: true)).Order());
    }

    [Fact]
    public async Task A_fault_may_be_for_every_third_image_or_for_one_or_for_a_path()
    {
        await using var client = await Client.StartAsync(new EmulatorOptions
        {
            Faults =
            [
                new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.NotFound404, Every = 3 },
                new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.Html503, Which = t => t.Image?.Ordinal == 0, Times = 2 },
                new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.Transient500, Which = t => t.Path.StartsWith("/image_ids", StringComparison.Ordinal) },
            ],
        });
        var images = client.Emulator.World.Images;
        var statuses = new List<int>();
        foreach (var i in new[] { 0, 0, 0, 1, 2, 2, 5 })
        {
            using var response = await client.GetAsync(await client.UrlAsync(images[i]));
            statuses.Add((int)response.StatusCode);
        }

        using var ids = await client.GraphAsync($"/image_ids?sequence_id={images[0].Sequence.Id}");

        Assert.Equal([503, 503, 200, 200, 404, 200, 404], statuses);
        Assert.Equal(500, (int)ids.StatusCode);
    }

    [Fact]
    public async Task A_fault_that_the_server_does_not_know_is_refused() =>
        await Assert.ThrowsAsync<ArgumentException>(() => With(ServerKind.Archive, FaultKind.Trickle));
}
