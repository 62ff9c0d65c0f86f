using System.Globalization;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Services;

namespace Mapillary.Tests.Graph;

public class GraphClientTests
{
    private const string Secret = "MLY|1|0123456789abcdef";
    private const string RateLimit = """{"error":{"message":"Application request limit reached","type":"MLYApiException","is_transient":true,"code":4}}""";
    private const string TooMuch = """{"error":{"code":1,"message":"Please reduce the amount of data you're asking for, then retry your request"}}""";

    private readonly VirtualClock _clock = new(runsAhead: true);
    private readonly RecordingLog _log = new();

    private GraphClient Client(StubServer server, RetryRules? rules = null) =>
        new(server.Address, AccessToken.Parse(Secret), (rules ?? new RetryRules()) with { Clock = _clock }, _log);

    private static Task<MapillaryImage> AskAsync(GraphClient client, string id = "7") => client.GetImageAsync(id, TestContext.Current.CancellationToken);

    private static StubServer Fails(int times, int status, string body, string headers = "")
    {
        var failed = 0;
        return new StubServer(_ => failed++ < times ? StubServer.Json(body, status, headers) : StubServer.Json("""{"id":"7"}"""));
    }

    public static TheoryData<int, string, GraphFault> FinalAnswers() => new()
    {
        { 400, """{"error":{"message":"Unsupported get request. Object with ID '7' does not exist","type":"MLYApiException","code":100,"error_subcode":33}}""", GraphFault.NotFound },
        { 400, """{"error":{"message":"Tried accessing nonexisting field (x)","type":"MLYApiException","code":100}}""", GraphFault.BadRequest },
        { 500, """{"error":{"message":"Invalid OAuth 2.0 Access Token","type":"MLYApiException","code":190}}""", GraphFault.TokenRefused },
        { 401, """{"error":{"message":"Failed to decode","type":"OAuthException","code":190}}""", GraphFault.TokenRefused },
        { 200, """{"error":{"message":"Error validating application","type":"OAuthException","code":190}}""", GraphFault.TokenRefused },
        { 400, """{"error":{"message":"Permission denied","code":10}}""", GraphFault.BadRequest },
        { 403, """{"error":{"message":"(#10) Application does not have permission for this action","type":"OAuthException","code":10}}""", GraphFault.BadRequest },
        { 400, """{"error":{"message":"Unsupported get request","type":"OAuthException","code":100,"error_subcode":33}}""", GraphFault.NotFound },
        { 400, """{"error":{"message":"please log in to see this page","type":"OAuthException","code":368,"error_subcode":1348007}}""", GraphFault.Blocked },
        { 400, """{"error":{"message":"An active access token must be used","type":"OAuthException","code":2500}}""", GraphFault.TokenRefused },
        { 401, """{"error":{"message":"No","type":"OAuthException"}}""", GraphFault.TokenRefused },
        { 404, "Not Found", GraphFault.BadRequest },
        { 302, "", GraphFault.Blocked },
        { 200, "<!DOCTYPE html><title>Log in to Facebook</title><form action=\"https://www.facebook.com/login\">", GraphFault.Blocked },
        { 200, "<html><title>Welcome to Hotel Wi-Fi</title>", GraphFault.Intercepted },
        { 511, "<html><title>Welcome to Hotel Wi-Fi</title>", GraphFault.Intercepted },
        { 407, "<html><title>Proxy Authentication Required</title>", GraphFault.Intercepted },
        { 200, """{"id":"8"}""", GraphFault.BadAnswer },
    };

    [Theory]
    [MemberData(nameof(FinalAnswers))]
    public async Task What_is_final_is_asked_for_once(int status, string body, GraphFault fault)
    {
        await using var server = Fails(99, status, body);
        using var client = Client(server);

        var error = await Assert.ThrowsAsync<GraphException>(() => AskAsync(client));

        Assert.Equal(fault, error.Fault);
        Assert.Single(server.Requests);
        Assert.Empty(_clock.Waits);
    }

    public static TheoryData<int, string> PassingAnswers() => new()
    {
        { 500, """{"error":{"message":"(#2) Service temporarily unavailable","type":"OAuthException","code":2}}""" },
        { 400, """{"error":{"message":"(#1) An unknown error occurred","type":"OAuthException","code":1}}""" },
        { 500, """{"error":{"message":"Service temporarily unavailable","type":"MLYApiException","code":2}}""" },
        { 503, "<html>Sorry</html>" },
        { 502, "" },
        { 200, """{"id":""" },
        { 200, "" },
        { 400, """{"error":{"message":"Try again","code":99,"is_transient":true}}""" },
    };

    [Theory]
    [MemberData(nameof(PassingAnswers))]
    public async Task What_may_pass_is_asked_for_as_often_as_the_rules_say_after_waits_that_double(int status, string body)
    {
        await using var server = Fails(99, status, body);
        using var client = Client(server);

        var error = await Assert.ThrowsAsync<GraphException>(() => AskAsync(client));

        Assert.Equal(GraphFault.Transient, error.Fault);
        Assert.Equal(6, server.Requests.Count);
        Assert.Equal(5, _clock.Waits.Count);
        Assert.All(_clock.Waits.Select((wait, i) => wait.TotalSeconds / Math.Pow(2, i)), share => Assert.InRange(share, 0.75, 1.25));
    }

    /// <summary>Recorded, or an answer of the gateway in front of the service.</summary>
    public static TheoryData<int, string> AnswersThatTookTooLong() => new()
    {
        { 400, """{"error":{"message":"Timeout","type":"OAuthException","code":-2,"error_subcode":3404014,"is_transient":false,"error_user_title":"Query Timeout"}}""" },
        { 504, "<html><h1>504 Gateway Time-out</h1></html>" },
    };

    [Theory]
    [MemberData(nameof(AnswersThatTookTooLong))]
    public async Task An_image_that_takes_too_long_is_asked_for_again_and_refuses_nobody_else(int status, string body)
    {
        await using var server = new StubServer(r => r.Target.StartsWith("/7?", StringComparison.Ordinal) ? StubServer.Json(body, status) : StubServer.Json("""{"id":"8"}"""));
        using var client = Client(server);

        var error = await Assert.ThrowsAsync<GraphException>(() => AskAsync(client));

        Assert.Equal(GraphFault.TimedOut, error.Fault);
        Assert.Equal(6, server.Requests.Count);
        Assert.Equal("8", (await AskAsync(client, "8")).Id);
    }

    [Theory]
    [MemberData(nameof(AnswersThatTookTooLong))]
    public async Task Images_by_id_that_take_too_long_together_are_asked_for_in_halves(int status, string body)
    {
        await using var server = new StubServer(r =>
        {
            var ids = Uri.UnescapeDataString(r.Target).Split("image_ids=")[1].Split('&')[0].Split(',');
            return ids.Length > 2 ? StubServer.Json(body, status) : StubServer.Json("{\"data\":[" + string.Join(',', ids.Select(id => $"{{\"id\":\"{id}\"}}")) + "]}");
        });
        using var client = Client(server);

        var images = await client.GetImagesAsync(["1", "2", "3", "4", "5", "6", "7", "8"], TestContext.Current.CancellationToken);

        Assert.Equal(["1", "2", "3", "4", "5", "6", "7", "8"], images.Select(i => i.Id));
        Assert.Equal(7, server.Requests.Count);
        Assert.Empty(_log.Warned);
    }

    [Fact]
    public async Task A_rate_limit_of_type_OAuthException_is_waited_out()
    {
        await using var server = Fails(2, 403, """{"error":{"message":"(#4) Application request limit reached","type":"OAuthException","code":4}}""");
        using var client = Client(server);

        Assert.Equal("7", (await AskAsync(client)).Id);
        Assert.Equal([30, 60], _clock.Waits.Select(w => w.TotalSeconds));
    }

    [Theory]
    [InlineData("Retry-After: 7\r\n", 7)]
    [InlineData("Date: Sat, 03 Mar 2001 10:00:00 GMT\r\nRetry-After: Sat, 03 Mar 2001 10:01:30 GMT\r\n", 90)]
    [InlineData("Retry-After: Sat, 03 Mar 2001 10:01:30 GMT\r\n", 30)]
    [InlineData("Retry-After: -5\r\n", 30)]
    [InlineData("Retry-After: 0\r\n", 30)]
    [InlineData("Retry-After: soon\r\n", 30)]
    [InlineData("Retry-After: 7200\r\n", 900)]
    public async Task The_wait_that_the_service_asks_for_is_kept_within_reason(string headers, int seconds)
    {
        await using var server = Fails(1, 429, RateLimit, headers);
        using var client = Client(server);

        await AskAsync(client);

        // The clock stands still but for waits, so a request's own pace adds nothing.
        Assert.Equal(seconds, Assert.Single(_clock.Waits).TotalSeconds);
        Assert.Contains(_log.Said, s => s.Contains(string.Create(CultureInfo.InvariantCulture, $"Waiting {seconds} s"), StringComparison.Ordinal));
        Assert.Equal(seconds == 900, _log.Said.Any(s => s.Contains("asks for 7200 s", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(403)]
    [InlineData(429)]
    public async Task A_rate_limit_is_waited_out_and_in_the_end_stops_all_requests(int status)
    {
        await using var server = Fails(99, status, RateLimit);
        using var client = Client(server, new RetryRules { RateLimitAttempts = 4, Attempts = 2 });

        Assert.Equal(GraphFault.RateLimited, (await Assert.ThrowsAsync<GraphException>(() => AskAsync(client))).Fault);
        Assert.Equal(GraphFault.RateLimited, (await Assert.ThrowsAsync<GraphException>(() => AskAsync(client))).Fault);

        Assert.Equal(4, server.Requests.Count);
        Assert.Equal([30, 60, 120], _clock.Waits.Select(w => w.TotalSeconds));
    }

    [Theory]
    [InlineData(302, "")]
    [InlineData(200, "<html>log in to mapillary.com</html>")]
    [InlineData(200, "<html>log in to this network</html>")]
    [InlineData(407, "")]
    [InlineData(400, """{"error":{"message":"Session has expired","type":"OAuthException","code":190}}""")]
    public async Task After_a_block_or_a_refused_token_nothing_is_asked_any_more(int status, string body)
    {
        await using var server = Fails(99, status, body);
        using var client = Client(server);

        var first = await Assert.ThrowsAsync<GraphException>(() => AskAsync(client));
        var second = await Assert.ThrowsAsync<GraphException>(() => AskAsync(client, "8"));

        Assert.Equal(first.Fault, second.Fault);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task A_redirect_is_not_followed_with_the_token()
    {
        await using var other = new StubServer(_ => StubServer.Json("""{"id":"7"}"""));
        await using var server = Fails(99, 302, "", $"Location: {other.Address}7\r\n");
        using var client = Client(server);

        await Assert.ThrowsAsync<GraphException>(() => AskAsync(client));

        Assert.Empty(other.Requests);
    }

    [Theory]
    [InlineData("Malformed access token MLY|1|0123456789abcdef")]
    [InlineData("Bad request /7?access_token=MLY%7C1%7C0123456789abcdef\\nand more")]
    [InlineData("mly%7c1%7c0123456789ABCDEF")]
    public async Task A_token_that_the_service_quotes_is_not_shown(string message)
    {
        await using var server = Fails(99, 400, $$$"""{"error":{"message":"{{{message}}}","code":100}}""");
        using var client = Client(server);

        var error = await Assert.ThrowsAsync<GraphException>(() => AskAsync(client));

        Assert.DoesNotContain("0123456789abcdef", error.ToString(), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain('\n', error.Message);
        Assert.All(_log.Said, s => Assert.DoesNotContain("0123456789abcdef", s, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task Too_much_data_by_ids_is_asked_for_in_halves_and_then_with_fewer_fields()
    {
        // More than two at once is too much, and image 5 even alone, with its mesh.
        await using var server = new StubServer(r =>
        {
            var query = Uri.UnescapeDataString(r.Target);
            var ids = query.Split("image_ids=")[1].Split('&')[0].Split(',');
            return ids.Length > 2 || (ids.Contains("5") && query.Contains("mesh", StringComparison.Ordinal))
                ? StubServer.Json(TooMuch, 500)
                : StubServer.Json("{\"data\":[" + string.Join(',', ids.Select(id => $"{{\"id\":\"{id}\"}}")) + "]}");
        });
        using var client = Client(server);

        var images = await client.GetImagesAsync(["1", "2", "3", "4", "5", "6", "7", "8"], TestContext.Current.CancellationToken);

        Assert.Equal(["1", "2", "3", "4", "5", "6", "7", "8"], images.Select(i => i.Id));
        Assert.Contains("mesh", Assert.Single(_log.Warned), StringComparison.Ordinal);
        Assert.Empty(_clock.Waits);
    }

    [Fact]
    public async Task Requests_keep_within_the_documented_rate()
    {
        await using var place = await Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = 1 }] });
        using var client = new GraphClient(place.Emulator.GraphEndpoint, AccessToken.Parse(place.Emulator.Token), new RetryRules { Clock = _clock }, _log);
        var id = place.Emulator.World.Images.Single().Id;

        for (var i = 0; i < 1000; i++) await client.GetImagesAsync([id], TestContext.Current.CancellationToken);

        // 10,000 searches a minute are allowed.
        Assert.InRange(_clock.Now, TimeSpan.FromMinutes(1000 / 10_000.0 * 0.8), TimeSpan.FromMinutes(1000 / 10_000.0 * 1.5));
    }
}
