using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using System.Xml.Linq;

namespace Mapillary.Emulator.Tests;

public class S3ServerTests
{
    private const string MD5OfHello = "5d41402abc4b2a76b9719d911017c592";
    private static readonly byte[] Hello = "hello"u8.ToArray();

    private static Task<Client> With(FaultKind kind, Func<FaultRule, FaultRule>? change = null)
    {
        var rule = new FaultRule { Server = ServerKind.S3, Kind = kind };
        return Client.StartAsync(new EmulatorOptions { Faults = [change?.Invoke(rule) ?? rule] });
    }

    private static async Task<(int Status, string Code)> ErrorOf(HttpResponseMessage response)
    {
        Assert.Equal("application/xml", response.Content.Headers.ContentType?.MediaType);
        return ((int)response.StatusCode, (string?)XDocument.Parse(await Client.TextOf(response)).Root!.Element("Code") ?? "");
    }

    /// <summary>An upload as HttpClient cannot send it: its head alone.</summary>
    private static async Task<TcpClient> SendHeadAsync(Client client, string target, string headers)
    {
        var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, client.Emulator.S3Endpoint.Port, TestContext.Current.CancellationToken);
        var keys = $"Authorization: LOW {client.Emulator.S3AccessKey}:{client.Emulator.S3SecretKey}\r\nx-archive-auto-make-bucket: 1\r\n";
        await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"PUT {target} HTTP/1.1\r\nHost: s3\r\n{keys}{headers}\r\n"), TestContext.Current.CancellationToken);
        return socket;
    }

    private static async Task<string?> StatusLineAsync(Client client, string target, string headers)
    {
        using var socket = await SendHeadAsync(client, target, headers);
        using var reader = new StreamReader(socket.GetStream());
        return await reader.ReadLineAsync(TestContext.Current.CancellationToken);
    }

    private static async Task<List<JsonNode>> FilesOf(Client client, string identifier) =>
        (await client.ArchiveJsonAsync($"/metadata/{identifier}"))["files"]?.AsArray().Where(f => f!["md5"] is not null).Select(f => f!).ToList() ?? [];

    [Fact]
    public async Task An_uploaded_file_is_stored_and_listed_with_its_item()
    {
        await using var client = await Client.StartAsync();

        using var response = await client.PutAsync(
            "mapillary-anna-original/2024%20%23%C3%A4/a%2Bb%252Fc.txt",
            Hello,
            ("x-archive-meta01-subject", "two"),
            ("x-archive-meta00-subject", "one"),
            ("x-archive-meta02-subject", "uri(drei%20%C3%BC)"),
            ("x-archive-meta00-mapillary--downloader", "9.9"),
            ("x-archive-meta-mediatype", "image"),
            ("x-archive-meta00-collection", "test_collection"),
            ("x-archive-size-hint", "5"),
            ("x-archive-keep-old-version", "1"),
            ("x-archive-queue-derive", "0"));
        var whole = await client.ArchiveJsonAsync("/metadata/mapillary-anna-original");
        var found = await client.ArchiveJsonAsync("/services/search/v1/scrape?q=mapillary_downloader:*&fields=identifier,item_size&count=100");

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal("", await Client.TextOf(response));
        var item = client.Emulator.UploadedItems["mapillary-anna-original"];
        Assert.Equal(["one", "two", "drei ü"], item.Metadata["subject"]);
        var (name, file) = Assert.Single(item.Files);
        Assert.Equal("2024 #ä/a+b%2Fc.txt", name);
        Assert.Equal(Hello, file.Content);
        Assert.Equal((MD5OfHello, false, 1), (file.Md5, file.QueuedDerive, file.Puts));
        var listed = Assert.Single(await FilesOf(client, "mapillary-anna-original"));
        Assert.Equal((name, "original", "5", MD5OfHello), ((string?)listed["name"], (string?)listed["source"], (string?)listed["size"], (string?)listed["md5"]));
        Assert.InRange(long.Parse((string)listed["mtime"]!, System.Globalization.CultureInfo.InvariantCulture), 1_700_000_000, DateTimeOffset.UtcNow.ToUnixTimeSeconds());
        Assert.Equal((5L, 3), ((long)whole["item_size"]!, (int)whole["files_count"]!));
        Assert.Equal(("mapillary-anna-original", "image", "test_collection", "9.9"), ((string?)whole["metadata"]!["identifier"], (string?)whole["metadata"]!["mediatype"], (string?)whole["metadata"]!["collection"], (string?)whole["metadata"]!["mapillary_downloader"]));
        Assert.Equal(3, whole["metadata"]!["subject"]!.AsArray().Count);
        Assert.Equal("""[{"identifier":"mapillary-anna-original","item_size":5}]""", found["items"]!.ToJsonString());
    }

    [Fact]
    public async Task Metadata_count_at_the_creation_of_an_item_only()
    {
        await using var client = await Client.StartAsync(new EmulatorOptions
        {
            ArchivedItems = [new ArchivedItem { Identifier = "old", ItemSize = 100, Metadata = new Dictionary<string, IReadOnlyList<string>> { ["title"] = ["Old"] } }],
        });

        foreach (var (path, title) in new[] { ("new/1", "First"), ("new/2", "Second"), ("old/1", "Third") })
        {
            using var response = await client.PutAsync(path, Hello, ("x-archive-meta-title", title));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        var old = await client.ArchiveJsonAsync("/metadata/old");
        Assert.Equal(["First"], client.Emulator.UploadedItems["new"].Metadata["title"]);
        Assert.Equal(["1", "2"], client.Emulator.UploadedItems["new"].Files.Keys.Order());
        Assert.True(client.Emulator.UploadedItems["new"].Files["1"].QueuedDerive);
        Assert.Equal(("Old", 105L), ((string?)old["metadata"]!["title"], (long)old["item_size"]!));
        Assert.Equal("opensource_media", (string?)(await client.ArchiveJsonAsync("/metadata/new"))["metadata"]!["collection"]);
    }

    [Fact]
    public async Task A_file_is_listed_after_so_many_reads_and_its_old_version_until_then()
    {
        await using var client = await Client.StartAsync(new EmulatorOptions { ListedAfterReads = 2 });
        const string Scrape = "/services/search/v1/scrape?q=mediatype:data&count=100";
        async Task Put(string content)
        {
            using var response = await client.PutAsync("item/file", Encoding.UTF8.GetBytes(content));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        await Put("hello");

        Assert.Equal("{}", (await client.ArchiveJsonAsync("/metadata/item")).ToJsonString());
        Assert.Equal("{}", (await client.ArchiveJsonAsync("/metadata/item/metadata/mediatype")).ToJsonString());
        Assert.Equal(0, (int)(await client.ArchiveJsonAsync(Scrape))["total"]!);
        Assert.Equal("{}", (await client.ArchiveJsonAsync("/metadata/item")).ToJsonString());
        Assert.Equal(MD5OfHello, (string?)Assert.Single(await FilesOf(client, "item"))["md5"]);
        Assert.Equal(1, (int)(await client.ArchiveJsonAsync(Scrape))["total"]!);

        await Put("hello, again");

        Assert.Equal(MD5OfHello, (string?)Assert.Single(await FilesOf(client, "item"))["md5"]);
        Assert.Equal("5", (string?)Assert.Single(await FilesOf(client, "item"))["size"]);
        Assert.Equal("12", (string?)Assert.Single(await FilesOf(client, "item"))["size"]);
        Assert.Equal(2, client.Emulator.UploadedItems["item"].Files["file"].Puts);
    }

    [Theory]
    [InlineData("5d41402abc4b2a76b9719d911017c592", 200)]
    [InlineData("5D41402ABC4B2A76B9719D911017C592", 200)]
    [InlineData("XUFAKrxLKna5cZ2REBfFkg==", 200)]
    [InlineData("5d41402abc4b2a76b9719d911017c593", 400)]
    [InlineData("rubbish", 400)]
    public async Task A_digest_must_fit(string digest, int status)
    {
        await using var client = await Client.StartAsync();

        using var response = await client.PutAsync("item/file", Hello, ("Content-MD5", digest));

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(status == 200, client.Emulator.UploadedItems.ContainsKey("item"));
        if (status == 400) Assert.Equal((400, "BadDigest"), await ErrorOf(response));
    }

    [Theory]
    [InlineData("authorization", null, 403, "AccessDenied")]
    [InlineData("authorization", "Basic eDp5", 403, "AccessDenied")]
    [InlineData("authorization", "LOW someone:secret", 403, "InvalidAccessKeyId")]
    [InlineData("authorization", "LOW EmulatorAccess42:secret", 403, "SignatureDoesNotMatch")]
    [InlineData("x-archive-auto-make-bucket", null, 404, "NoSuchBucket")]
    [InlineData("x-archive-auto-make-bucket", "0", 404, "NoSuchBucket")]
    public async Task An_upload_needs_its_headers(string header, string? value, int status, string code)
    {
        await using var client = await Client.StartAsync();

        using var response = await client.PutAsync("item/file", Hello, (header, value));

        Assert.Equal((status, code), await ErrorOf(response));
        Assert.Empty(client.Emulator.UploadedItems);
    }

    [Theory]
    [InlineData("_item/file", 400, "InvalidBucketName")]
    [InlineData("it/file", 400, "InvalidBucketName")]
    [InlineData("it%20em/file", 400, "InvalidBucketName")]
    [InlineData("item%0A/file", 400, "InvalidBucketName")]
    [InlineData("item", 400, "InvalidURI")]
    [InlineData("item/", 400, "InvalidURI")]
    [InlineData("item/a//b", 400, "InvalidURI")]
    [InlineData("item/..%2Fb", 400, "InvalidURI")]
    [InlineData("dark/file", 403, "AccessDenied")]
    public async Task Some_places_take_no_file(string path, int status, string code)
    {
        await using var client = await Client.StartAsync(new EmulatorOptions { ArchivedItems = [new ArchivedItem { Identifier = "dark", IsDark = true }] });

        using var response = await client.PutAsync(path, Hello);

        Assert.Equal((status, code), await ErrorOf(response));
        Assert.Empty(client.Emulator.UploadedItems);
    }

    [Fact]
    public async Task Chunked_encoding_a_missing_length_and_other_methods_are_refused()
    {
        await using var client = await Client.StartAsync();

        using var chunked = await client.PutAsync("item/file", Hello, ("transfer-encoding", "chunked"));
        using var get = await client.GetAsync($"{client.Emulator.S3Endpoint}item/file");

        Assert.Equal((501, "NotImplemented"), await ErrorOf(chunked));
        Assert.Equal("HTTP/1.1 411 Length Required", await StatusLineAsync(client, "/item/file", ""));
        Assert.Equal((405, "MethodNotAllowed"), await ErrorOf(get));
    }

    [Fact]
    public async Task A_redirect_leads_to_the_node_before_the_file_is_read()
    {
        await using var client = await Client.StartAsync(new EmulatorOptions { S3Redirects = true });
        Assert.Equal("HTTP/1.1 307 Temporary Redirect", await StatusLineAsync(client, "/item/a%20b", "Content-Length: 1000000000000\r\nExpect: 100-continue\r\n"));

        using var first = await client.PutAsync("item/a%20b?x=%2F", Hello);
        using var second = await client.PutAsync(first.Headers.Location!.AbsoluteUri, Hello);

        Assert.Equal($"{client.Emulator.S3NodeEndpoint}item/a%20b?x=%2F", first.Headers.Location?.AbsoluteUri);
        Assert.Equal(HttpStatusCode.OK, second.StatusCode);
        Assert.Equal(1, client.Emulator.UploadedItems["item"].Files["a b"].Puts);
        Assert.Equal(["307", "307", "200"], client.Emulator.Requests.Select(r => $"{r.StatusCode}"));
        Assert.All(client.Emulator.Requests, r => Assert.Equal(ServerKind.S3, r.Server));
    }

    [Fact]
    public async Task A_redirect_may_lead_to_a_hostile_place()
    {
        await using var hostile = await Client.StartAsync();
        await using var client = await Client.StartAsync(new EmulatorOptions { S3RedirectTo = hostile.Emulator.CdnEndpoint });

        using var response = await client.PutAsync("item/file", Hello);

        Assert.Equal(HttpStatusCode.TemporaryRedirect, response.StatusCode);
        Assert.Equal($"{hostile.Emulator.CdnEndpoint}item/file", response.Headers.Location?.AbsoluteUri);
    }

    [Fact]
    public async Task A_file_over_the_usual_limit_of_a_body_is_taken_and_its_client_told_to_go_on()
    {
        await using var client = await Client.StartAsync();
        var content = new byte[40_000_000];
        content[^1] = 7;
        var answered = new TaskCompletionSource<int>();
        client.Emulator.Answered += r => answered.TrySetResult(r.StatusCode);

        using var response = await client.PutAsync("item/file", content, ("Expect", "100-continue"));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(200, await answered.Task.WaitAsync(TestContext.Current.CancellationToken));
        Assert.True(content.AsSpan().SequenceEqual(client.Emulator.UploadedItems["item"].Files["file"].Content));
    }

    [Fact]
    public async Task A_client_that_goes_away_leaves_nothing()
    {
        await using var client = await Client.StartAsync();
        var answered = new TaskCompletionSource<RequestRecord>();
        client.Emulator.Answered += r => answered.TrySetResult(r);
        using (await SendHeadAsync(client, "/item/file", "Content-Length: 100\r\n"))
        {
            // Closed without a byte of the file.
        }

        Assert.Equal(0, (await answered.Task.WaitAsync(TestContext.Current.CancellationToken)).StatusCode);
        Assert.Empty(client.Emulator.UploadedItems);
    }

    [Fact]
    public async Task Many_files_at_once_all_arrive()
    {
        await using var client = await Client.StartAsync();

        var responses = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => client.PutAsync($"item/{i}", [(byte)i], ("x-archive-meta-title", $"{i}"))));

        Assert.All(responses, r => Assert.Equal(HttpStatusCode.OK, r.StatusCode));
        Assert.Equal(40, (await FilesOf(client, "item")).Count);
        Assert.Single(client.Emulator.UploadedItems["item"].Metadata["title"]);
    }

    [Theory]
    [InlineData(FaultKind.SlowDown503, 503, "SlowDown", 0, 1)]
    [InlineData(FaultKind.Spam503, 503, "SlowDown", 0, 1)] // The message says to slow down, the resource that it is spam.
    [InlineData(FaultKind.BadDigest400, 400, "BadDigest", 0, 2)]
    [InlineData(FaultKind.ErrorAfterStored, 500, "InternalError", 1, 2)]
    public async Task An_upload_fails_once_and_then_succeeds(FaultKind kind, int status, string code, int stored, int puts)
    {
        await using var client = await With(kind, r => r with { RetryAfterSeconds = 3 });

        using var first = await client.PutAsync("item/file", Hello, ("Content-MD5", MD5OfHello));
        Assert.Equal(stored, client.Emulator.UploadedItems.Count);
        Assert.Equal(stored, (await FilesOf(client, "item")).Count);
        using var second = await client.PutAsync("item/file", Hello, ("Content-MD5", MD5OfHello));

        Assert.Equal((status, code), await ErrorOf(first));
        Assert.Equal(kind == FaultKind.Spam503, (await Client.TextOf(first)).Contains("appears to be spam", StringComparison.Ordinal));
        Assert.Equal(kind == FaultKind.SlowDown503 ? new RetryConditionHeaderValue(TimeSpan.FromSeconds(3)) : null, first.Headers.RetryAfter);
        Assert.Equal(HttpStatusCode.OK, second.StatusCode);
        Assert.Equal(puts, client.Emulator.UploadedItems["item"].Files["file"].Puts);
    }

    [Fact]
    public async Task Somebody_elses_item_takes_nothing_and_the_resource_says_why()
    {
        await using var client = await Client.StartAsync(new EmulatorOptions { ArchivedItems = [new ArchivedItem { Identifier = "item", IsForeign = true }] });

        using var refused = await client.PutAsync("item/file", Hello);

        Assert.Equal((403, "AccessDenied"), await ErrorOf(refused));
        Assert.Contains("<Resource>You lack sufficient privileges to write to this item.</Resource>", await Client.TextOf(refused), StringComparison.Ordinal);
        Assert.Empty(client.Emulator.UploadedItems);
    }

    [Theory]
    [InlineData(FaultKind.ConnectionCutInBody, 0)]
    [InlineData(FaultKind.ResetAfterStored, 1)]
    public async Task A_connection_ends_in_an_upload(FaultKind kind, int stored)
    {
        await using var client = await With(kind);

        await Assert.ThrowsAsync<HttpRequestException>(() => client.PutAsync("item/file", new byte[3_000_000]));
        Assert.Equal(stored, client.Emulator.UploadedItems.Count);
        using var second = await client.PutAsync("item/file", new byte[3_000_000]);

        Assert.Equal(HttpStatusCode.OK, second.StatusCode);
        Assert.Equal([0, 200], client.Emulator.Requests.Select(r => r.StatusCode));
        Assert.Equal(3_000_000, client.Emulator.UploadedItems["item"].Files["file"].Content.Length);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_connection_cut_in_the_file_ends_after_half_of_it()
    {
        await using var client = await With(FaultKind.ConnectionCutInBody);
        var answered = new TaskCompletionSource<RequestRecord>();
        client.Emulator.Answered += r => answered.TrySetResult(r);
        using var socket = await SendHeadAsync(client, "/item/file", "Content-Length: 100\r\n");

        await socket.GetStream().WriteAsync(new byte[49], TestContext.Current.CancellationToken);
        Assert.False(answered.Task.IsCompleted);
        await socket.GetStream().WriteAsync(new byte[1], TestContext.Current.CancellationToken);

        Assert.Equal(0, (await answered.Task.WaitAsync(TestContext.Current.CancellationToken)).StatusCode);
        Assert.Empty(client.Emulator.UploadedItems);
    }

    [Fact]
    public async Task What_is_stored_may_differ_from_what_was_sent()
    {
        await using var client = await With(FaultKind.WrongBytesStored);

        using var first = await client.PutAsync("item/file", Hello, ("Content-MD5", MD5OfHello));
        var wrong = (string?)Assert.Single(await FilesOf(client, "item"))["md5"];
        using var second = await client.PutAsync("item/file", Hello, ("Content-MD5", MD5OfHello));

        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        Assert.NotEqual(MD5OfHello, wrong);
        Assert.Equal(MD5OfHello, (string?)Assert.Single(await FilesOf(client, "item"))["md5"]);
    }

    [Fact]
    public async Task Faults_know_uploads_from_questions_about_limits()
    {
        await using var client = await Client.StartAsync(new EmulatorOptions
        {
            Faults =
            [
                new FaultRule { Server = ServerKind.S3, Kind = FaultKind.CheckLimitFails },
                new FaultRule { Server = ServerKind.S3, Kind = FaultKind.OverLimit, Which = t => t is { Key: "GET /", Path: "/?check_limit=1&bucket=item" } },
                new FaultRule { Server = ServerKind.S3, Kind = FaultKind.SlowDown503, Which = t => t is { Key: "PUT /item/a b", Path: "/item/a b" } },
            ],
        });
        var question = $"{client.Emulator.S3Endpoint}?check_limit=1&accesskey={client.Emulator.S3AccessKey}&bucket=item";

        using var failed = await client.GetAsync(question);
        using var over = await client.GetAsync(question);
        using var under = await client.GetAsync(question);
        using var slow = await client.PutAsync("item/a%20b", Hello);
        using var other = await client.PutAsync("item/other", Hello);

        Assert.Equal((500, "text/html"), ((int)failed.StatusCode, failed.Content.Headers.ContentType?.MediaType));
        Assert.Equal(1, (int)JsonNode.Parse(await Client.TextOf(over))!["over_limit"]!);
        var answer = JsonNode.Parse(await Client.TextOf(under))!;
        Assert.Equal((0, "item", client.Emulator.S3AccessKey), ((int)answer["over_limit"]!, (string?)answer["bucket"], (string?)answer["accesskey"]));
        Assert.IsType<JsonObject>(answer["detail"]);
        Assert.Equal((503, 200), ((int)slow.StatusCode, (int)other.StatusCode));
    }

    [Fact]
    public async Task S3_may_be_down_for_a_moment()
    {
        await using var client = await With(FaultKind.Html503);

        using var put = await client.PutAsync("item/file", Hello);
        using var question = await client.GetAsync($"{client.Emulator.S3Endpoint}?check_limit=1&bucket=item");
        using var second = await client.PutAsync("item/file", Hello);

        Assert.Equal((503, 503, 200), ((int)put.StatusCode, (int)question.StatusCode, (int)second.StatusCode));
        Assert.Equal("text/html", put.Content.Headers.ContentType?.MediaType);
    }

    [Theory]
    [InlineData(ServerKind.Cdn, FaultKind.SlowDown503)]
    [InlineData(ServerKind.Archive, FaultKind.OverLimit)]
    [InlineData(ServerKind.S3, FaultKind.ExistingXmp)]
    public void Each_server_knows_its_own_faults_only(ServerKind server, FaultKind kind) => Assert.False(FaultRule.Knows(server, kind));
}
