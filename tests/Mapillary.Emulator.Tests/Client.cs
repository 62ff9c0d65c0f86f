using System.Text.Json.Nodes;

namespace Mapillary.Emulator.Tests;

/// <summary>A plain client of an emulator, which follows no redirect and sends the token to the Graph API alone.</summary>
internal sealed class Client : IAsyncDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false });

    private Client(EmulatorHost emulator) => Emulator = emulator;

    public EmulatorHost Emulator { get; }

    public static async Task<Client> StartAsync(EmulatorOptions? options = null) =>
        new(await EmulatorHost.StartAsync(options ?? new EmulatorOptions(), TestContext.Current.CancellationToken));

    public async Task<HttpResponseMessage> GraphAsync(string pathAndQuery, string? authorization = $"OAuth {Tokens.Valid}", HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, new Uri(Emulator.GraphEndpoint, pathAndQuery));
        if (authorization is not null) request.Headers.TryAddWithoutValidation("Authorization", authorization);
        return await _http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    public async Task<string> GraphTextAsync(string pathAndQuery)
    {
        using var response = await GraphAsync(pathAndQuery);
        var text = await TextOf(response);
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode} {text}");
        return text;
    }

    public async Task<JsonNode> GraphJsonAsync(string pathAndQuery) => JsonNode.Parse(await GraphTextAsync(pathAndQuery))!;

    /// <summary>All pages of a listing, by following <c>next</c>.</summary>
    public async Task<List<JsonNode>> PagesAsync(string pathAndQuery)
    {
        var pages = new List<JsonNode>();
        for (var next = pathAndQuery; next is not null; next = (string?)pages[^1]["paging"]?["next"])
            pages.Add(await GraphJsonAsync(next));
        return pages;
    }

    public async Task<string> UrlAsync(EmulatedImage image, string field = "thumb_original_url") =>
        (string)(await GraphJsonAsync($"/{image.Id}?fields={field}"))[field]!;

    public Task<HttpResponseMessage> GetAsync(string url, HttpMethod? method = null, string? authorization = null)
    {
        var request = new HttpRequestMessage(method ?? HttpMethod.Get, url);
        if (authorization is not null) request.Headers.TryAddWithoutValidation("Authorization", authorization);
        return _http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    public Task<HttpResponseMessage> ArchiveAsync(string pathAndQuery) => GetAsync(new Uri(Emulator.ArchiveEndpoint, pathAndQuery).ToString());

    public async Task<JsonNode> ArchiveJsonAsync(string pathAndQuery)
    {
        using var response = await ArchiveAsync(pathAndQuery);
        return JsonNode.Parse(await TextOf(response))!;
    }

    /// <summary>Uploads a file with the good keys, creating the item where need be. A header of these that is null is left out.</summary>
    public async Task<HttpResponseMessage> PutAsync(string path, byte[] content, params (string Name, string? Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, new Uri(Emulator.S3Endpoint, path)) { Content = new ByteArrayContent(content) };
        var all = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
        {
            ["authorization"] = $"LOW {Emulator.S3AccessKey}:{Emulator.S3SecretKey}",
            ["x-archive-auto-make-bucket"] = "1",
        };
        foreach (var (name, value) in headers) all[name] = value;
        foreach (var (name, value) in all.Where(h => h.Value is not null))
        {
            if (!request.Headers.TryAddWithoutValidation(name, value)) request.Content.Headers.TryAddWithoutValidation(name, value);
        }

        return await _http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    public static Task<string> TextOf(HttpResponseMessage response) => response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

    public static Task<byte[]> BytesOf(HttpResponseMessage response) => response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);

    public static List<string> Ids(JsonNode page) => page["data"]!.AsArray().Select(row => (string)row!["id"]!).ToList();

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await Emulator.DisposeAsync();
    }
}
