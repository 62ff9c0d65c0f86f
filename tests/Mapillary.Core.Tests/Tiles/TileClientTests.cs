using System.Net;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Services;
using Mapillary.Tiles;

namespace Mapillary.Tests.Tiles;

/// <summary>How tiles are asked for, and what is made of answers that are none.</summary>
public class TileClientTests
{
    private static readonly Tile Anywhere = new(8800, 5100);

    [Fact]
    public async Task No_more_than_sixty_are_asked_for_in_any_minute()
    {
        var clock = new VirtualClock(runsAhead: true);
        await using var workplace = await Workplace.OpenAsync();
        var starts = new List<TimeSpan>();
        using var client = new TileClient(workplace.Endpoints, Token(workplace), Workplace.QuickRetry with { Clock = clock }, workplace.Log, new RequestPace(TileClient.TilesAMinute, clock, jitter: 0.1));

        for (var i = 0; i < 130; i++)
        {
            await client.GetAsync(new Tile(i, 5100), body =>
            {
                starts.Add(clock.Now);
                return body.Length;
            }, TestContext.Current.CancellationToken);
        }

        for (var i = 60; i < starts.Count; i++) Assert.True(starts[i] - starts[i - 60] >= TimeSpan.FromMinutes(1), $"{i}: {starts[i] - starts[i - 60]}");
        // Not one of them at the same distance as all the others.
        Assert.InRange(starts.Zip(starts.Skip(1), (a, b) => b - a).Skip(2).Distinct().Count(), 50, 130);
    }

    [Fact]
    public async Task The_token_goes_in_the_query_and_the_header_is_not_sent()
    {
        await using var workplace = await Workplace.OpenAsync();
        using var client = Client(workplace);

        await client.GetAsync(Anywhere, body => body.Length, TestContext.Current.CancellationToken);

        var request = Assert.Single(workplace.Emulator.Requests);
        Assert.Equal($"/maps/vtp/mly1_public/2/14/8800/5100?access_token={Uri.EscapeDataString(workplace.Emulator.Token)}", request.PathAndQuery);
        Assert.DoesNotContain("Authorization", request.Headers.Keys, StringComparer.OrdinalIgnoreCase);
        Assert.Equal("gzip", request.Headers["Accept-Encoding"]);
    }

    [Theory]
    [InlineData(FaultKind.BlockedRedirect302, GraphFault.Blocked, 1, "redirects")]
    [InlineData(FaultKind.BlockedHtml200, GraphFault.Blocked, 1, "web page")]
    [InlineData(FaultKind.RateLimited403, GraphFault.Blocked, 1, "Wait a day")]
    [InlineData(FaultKind.RateLimited429, GraphFault.Blocked, 1, "Wait a day")]
    [InlineData(FaultKind.NetworkLogin200, GraphFault.Intercepted, 1, "Hotel Wi-Fi")]
    [InlineData(FaultKind.TileMissing404, GraphFault.NotFound, 1, "does not mean that it is empty")]
    [InlineData(FaultKind.Transient500, GraphFault.Transient, 3, "HTTP 500")]
    [InlineData(FaultKind.Html503, GraphFault.Transient, 3, "HTTP 503")]
    [InlineData(FaultKind.ConnectionReset, GraphFault.Transient, 3, "could not be reached")]
    [InlineData(FaultKind.CutTile, GraphFault.Transient, 3, "no whole tile")]
    public async Task What_is_no_tile_is_told_apart(FaultKind kind, GraphFault fault, int requests, string words)
    {
        await using var workplace = await Workplace.OpenAsync(new EmulatorOptions { Faults = [new FaultRule { Server = ServerKind.Tiles, Kind = kind, Times = int.MaxValue }], ModifyTile = (_, _) => SomeTile });
        using var client = Client(workplace);

        var error = await Assert.ThrowsAsync<GraphException>(() => client.GetAsync(Anywhere, Count, TestContext.Current.CancellationToken));

        Assert.Equal((fault, requests), (error.Fault, workplace.Emulator.Requests.Count));
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        if (fault != GraphFault.Intercepted) Assert.Contains("tile 14/8800/5100", error.Message, StringComparison.Ordinal);
        AssertNoToken(workplace, error);
        if (fault == GraphFault.Blocked) Assert.Contains("kept for 3 days", error.Message, StringComparison.Ordinal);
        if (fault is not (GraphFault.Blocked or GraphFault.Intercepted)) return;

        // Nor is any other asked for.
        await Assert.ThrowsAsync<GraphException>(() => client.GetAsync(new Tile(1, 1), Count, TestContext.Current.CancellationToken));
        Assert.Equal(requests, workplace.Emulator.Requests.Count);
    }

    [Theory]
    [InlineData(FaultKind.Transient500)]
    [InlineData(FaultKind.CutTile)]
    public async Task A_passing_fault_costs_nothing(FaultKind kind)
    {
        await using var workplace = await Workplace.OpenAsync(new EmulatorOptions { Faults = [new FaultRule { Server = ServerKind.Tiles, Kind = kind }], ModifyTile = (_, _) => SomeTile });
        using var client = Client(workplace);

        Assert.Equal(500, await client.GetAsync(Anywhere, Count, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_refused_token_is_said_and_not_shown()
    {
        await using var workplace = await Workplace.OpenAsync();
        const string token = "MLY|1234567890|0123456789abcdef0123456789abcdef";
        using var client = new TileClient(workplace.Endpoints, AccessToken.Parse(token), Workplace.QuickRetry, workplace.Log);

        var error = await Assert.ThrowsAsync<GraphException>(() => client.GetAsync(Anywhere, Count, TestContext.Current.CancellationToken));

        Assert.Equal((GraphFault.TokenRefused, 1), (error.Fault, workplace.Emulator.Requests.Count));
        Assert.DoesNotContain("0123456789abcdef", $"{error}{string.Concat(workplace.Log.Said)}", StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_where_nobody_answers_is_named_without_the_token()
    {
        await using var workplace = await Workplace.OpenAsync();
        using var nobody = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        nobody.Start();
        var port = ((IPEndPoint)nobody.LocalEndpoint).Port;
        nobody.Stop();
        using var client = new TileClient(workplace.Endpoints with { Tiles = new Uri($"http://127.0.0.1:{port}") }, Token(workplace), Workplace.QuickRetry, workplace.Log);

        var error = await Assert.ThrowsAsync<GraphException>(() => client.GetAsync(Anywhere, Count, TestContext.Current.CancellationToken));

        Assert.Equal(GraphFault.Transient, error.Fault);
        AssertNoToken(workplace, error);
    }

    [Fact]
    public void Where_the_Graph_API_is_another_one_and_its_tiles_are_not_named_none_is_asked()
    {
        var endpoints = new ServiceEndpoints { Graph = new Uri("http://127.0.0.1:1"), Tiles = null };

        var error = Assert.Throws<FormatException>(() => new TileClient(endpoints, AccessToken.Parse("MLY|1|a")));

        Assert.Contains("MAPILLARY_TILES_ENDPOINT", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Plain_http_to_another_machine_is_refused() =>
        Assert.Throws<FormatException>(() => new TileClient(new ServiceEndpoints { Tiles = new Uri("http://tiles.mapillary.com") }, AccessToken.Parse("MLY|1|a")));

    private static byte[] SomeTile { get; } = Enumerable.Range(1, 500)
        .Aggregate(new TileLayer("image"), (layer, i) => layer.Points([(i, i)], [("id", (long)i * 7919), ("captured_at", (long)i * 1_000_003)]), layer => new TileWriter().Layer(layer).ToArray());

    private static int Count(ReadOnlyMemory<byte> body) => VectorTile.ReadImages(body).Count();

    private static AccessToken Token(Workplace workplace) => AccessToken.Parse(workplace.Emulator.Token);

    private static TileClient Client(Workplace workplace) => new(workplace.Endpoints, Token(workplace), Workplace.QuickRetry, workplace.Log);

    private static void AssertNoToken(Workplace workplace, Exception error)
    {
        var all = $"{error}{string.Concat(workplace.Log.Said)}{string.Concat(workplace.Log.Warned)}";
        Assert.DoesNotContain(workplace.Emulator.Token, all, StringComparison.Ordinal);
        Assert.DoesNotContain(Uri.EscapeDataString(workplace.Emulator.Token), all, StringComparison.Ordinal);
        Assert.DoesNotContain("access_token", all, StringComparison.Ordinal);
    }
}
