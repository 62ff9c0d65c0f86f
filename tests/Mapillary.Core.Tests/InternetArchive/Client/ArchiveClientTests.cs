using System.Globalization;
using System.Text.Json;
using Mapillary.InternetArchive.Client;

namespace Mapillary.Tests.InternetArchive;

public class ArchiveClientTests
{
    private const string Anna = "mapillary-anna-original";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("""{"created":1,"item_size":1234,"metadata":{"identifier":"mapillary-anna-original"}}""", true)]
    [InlineData("""{"created":1,"item_size":"1234","metadata":{"identifier":"mapillary-anna-original"}}""", true)]
    [InlineData("{}", false)]
    [InlineData("""{"is_dark":true,"metadata":{"identifier":"mapillary-anna-original"}}""", false)]
    public async Task An_item_is_there_when_archive_org_has_its_files(string answer, bool expected)
    {
        using var stub = new StubArchive(_ => new StubAnswer(answer));
        using var client = stub.Client();

        Assert.Equal(expected, await client.ExistsAsync(Anna, Token));
        var request = Assert.Single(stub.Requests);
        Assert.Equal($"/metadata/{Anna}", request.Path);
        Assert.StartsWith("Mapillary-for-PowerShell/", request.UserAgent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_size_of_an_item_is_read_as_number_and_as_text()
    {
        using var stub = new StubArchive(r => new StubAnswer(r.Path.EndsWith("-256", StringComparison.Ordinal)
            ? """{"item_size":"98765432109","metadata":{}}"""
            : """{"item_size":5,"metadata":{}}"""));
        using var client = stub.Client();

        Assert.Equal(98765432109, (await client.GetItemAsync("mapillary-a-256", Token)).Bytes);
        Assert.Equal(5, (await client.GetItemAsync("mapillary-a-1024", Token)).Bytes);
    }

    [Theory]
    [InlineData("""{"error":"internal"}""", 200)]
    [InlineData("""{"error":"gone"}""", 404)]
    [InlineData("<html>log in</html>", 200)]
    [InlineData("""{"metadata":""", 200)]
    [InlineData("", 200)]
    [InlineData("[]", 200)]
    [InlineData("null", 200)]
    [InlineData("""{"created":1}""", 200)]
    [InlineData("""{"metadata":[]}""", 200)]
    [InlineData("{}", 500)]
    [InlineData("busy", 503)]
    [InlineData("{}", 302)]
    [InlineData("{}", 403)]
    public async Task What_could_not_be_found_out_is_an_error_and_never_a_no(string answer, int status)
    {
        using var stub = new StubArchive(_ => new StubAnswer(answer, status, Location: status == 302 ? "https://archive.org/login" : null));
        using var client = stub.Client();

        await Assert.ThrowsAsync<ArchiveException>(() => client.ExistsAsync(Anna, Token));
    }

    [Fact]
    public async Task A_service_that_is_out_of_reach_is_an_error()
    {
        using var client = new ArchiveClient(StubArchive.NobodyThere(), StubArchive.Rules);

        var error = await Assert.ThrowsAsync<ArchiveException>(() => client.ExistsAsync(Anna, Token));

        Assert.Equal(ArchiveFault.Transient, error.Fault);
        Assert.Contains("127.0.0.1", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("ab")]
    [InlineData("..")]
    [InlineData("mapillary-jörg-original")]
    [InlineData("a/b/c")]
    [InlineData("-abc")]
    public async Task A_name_that_no_item_can_have_is_not_asked_for(string identifier)
    {
        using var stub = new StubArchive(_ => new StubAnswer("{}"));
        using var client = stub.Client();

        await Assert.ThrowsAsync<ArchiveException>(() => client.ExistsAsync(identifier, Token));
        Assert.Empty(stub.Requests);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(429)]
    public async Task A_passing_fault_is_waited_out(int status)
    {
        var answers = 0;
        using var stub = new StubArchive(_ => ++answers < 3 ? new StubAnswer("busy", status) : new StubAnswer("{}"));
        using var client = stub.Client();

        Assert.False(await client.ExistsAsync(Anna, Token));
        Assert.Equal(3, stub.Requests.Count);
    }

    [Fact]
    public async Task A_refusal_is_not_asked_again()
    {
        using var stub = new StubArchive(_ => new StubAnswer("""{"error":"no such field"}""", 400));
        using var client = stub.Client();

        var error = await Assert.ThrowsAsync<ArchiveException>(async () => await CountAsync(client));

        Assert.Contains("no such field", error.Message, StringComparison.Ordinal);
        Assert.Single(stub.Requests);
    }

    [Fact]
    public async Task Twenty_five_thousand_items_come_over_three_pages()
    {
        using var stub = new StubArchive(SearchOf(25_000));
        using var client = stub.Client();

        var seen = new HashSet<string>();
        await foreach (var item in client.SearchAsync("mapillary_downloader:*", ["identifier", "item_size"], Token))
            seen.Add(item.GetProperty("identifier").GetString()!);

        Assert.Equal(25_000, seen.Count);
        Assert.Equal(3, stub.Requests.Count);
        Assert.All(stub.Requests, r => Assert.Equal("/services/search/v1/scrape", r.Path));
        Assert.All(stub.Requests, r => Assert.Equal(("mapillary_downloader:*", "identifier,item_size", "10000"), (r.Query["q"], r.Query["fields"], r.Query["count"])));
        Assert.Equal([null, "c=10000&", "c=20000&"], stub.Requests.Select(r => r.Query["cursor"]));
    }

    [Fact]
    public async Task Whoever_takes_three_items_fetches_one_page()
    {
        using var stub = new StubArchive(SearchOf(25_000));
        using var client = stub.Client();

        var taken = 0;
        await foreach (var _ in client.SearchAsync("x:*", ["identifier"], Token))
        {
            if (++taken == 3) break;
        }

        Assert.Single(stub.Requests);
    }

    [Fact]
    public async Task A_search_that_leads_back_to_an_earlier_page_ends_with_an_error()
    {
        using var stub = new StubArchive(_ => new StubAnswer("""{"items":[{"identifier":"a"}],"cursor":"same"}"""));
        using var client = stub.Client();

        var error = await Assert.ThrowsAsync<ArchiveException>(async () => await CountAsync(client));

        Assert.Equal(ArchiveFault.BadAnswer, error.Fault);
        Assert.Equal(2, stub.Requests.Count);
    }

    [Fact]
    public async Task A_search_that_ends_before_all_items_are_there_is_an_error()
    {
        using var stub = new StubArchive(_ => new StubAnswer("""{"items":[{"identifier":"a"}],"count":1,"total":7}"""));
        using var client = stub.Client();

        var error = await Assert.ThrowsAsync<ArchiveException>(async () => await CountAsync(client));

        Assert.Contains("1 of 7", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_error_on_a_later_page_is_an_error_of_the_search()
    {
        var search = SearchOf(25_000);
        using var stub = new StubArchive(r => r.Query["cursor"] == "c=20000&" ? new StubAnswer("""{"error":"bad cursor","errorType":"x"}""") : search(r));
        using var client = stub.Client();

        await Assert.ThrowsAsync<ArchiveException>(async () => await CountAsync(client));
    }

    [Fact]
    public async Task A_stop_ends_the_wait_for_an_answer_at_once()
    {
        using var release = new ManualResetEventSlim();
        using var asked = new SemaphoreSlim(0);
        using var stub = new StubArchive(_ =>
        {
            asked.Release();
            release.Wait();
            return new StubAnswer("{}");
        });
        using var client = stub.Client();
        using var stop = new CancellationTokenSource();

        var answer = client.ExistsAsync(Anna, stop.Token);
        await asked.WaitAsync(Token);
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answer);
        release.Set();
    }

    /// <summary>Answers a scrape search over <paramref name="total"/> items; its cursors hold characters that must be escaped.</summary>
    internal static Func<StubRequest, StubAnswer> SearchOf(int total, Func<int, object>? item = null) => request =>
    {
        var start = request.Query["cursor"] is { } cursor ? int.Parse(cursor.Split('=', '&')[1], CultureInfo.InvariantCulture) : 0;
        var end = Math.Min(total, start + int.Parse(request.Query["count"]!, CultureInfo.InvariantCulture));
        var items = Enumerable.Range(start, end - start).Select(i => item?.Invoke(i) ?? new { identifier = $"item-{i}" });
        return new StubAnswer(end < total
            ? JsonSerializer.Serialize(new { items, count = end - start, cursor = $"c={end}&", total })
            : JsonSerializer.Serialize(new { items, count = end - start, total }));
    };

    private static async Task<int> CountAsync(ArchiveClient client)
    {
        var count = 0;
        await foreach (var _ in client.SearchAsync("x:*", ["identifier"], Token)) count++;
        return count;
    }
}
