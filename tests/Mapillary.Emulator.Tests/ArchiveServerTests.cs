using System.Net;

namespace Mapillary.Emulator.Tests;

public class ArchiveServerTests
{
    private static readonly ArchivedItem Item = new()
    {
        Identifier = "mapillary-anna-original",
        Description = "Contains 12 images in original resolution",
        ItemSize = 4_000_000_000,
        Uploader = "anna@example.org",
        Collection = ["mapillary-images", "more"],
        Metadata = new Dictionary<string, IReadOnlyList<string>> { ["subject"] = ["one"], ["our_tag"] = ["0.1.0"] },
    };

    [Fact]
    public async Task A_missing_item_is_an_empty_object_and_a_dark_one_says_so()
    {
        await using var client = await Client.StartAsync(new EmulatorOptions { ArchivedItems = [Item with { Identifier = "gone", IsDark = true }] });

        using var missing = await client.ArchiveAsync("/metadata/nothing");

        Assert.Equal(HttpStatusCode.OK, missing.StatusCode);
        Assert.Equal("{}", await Client.TextOf(missing));
        Assert.True((bool?)(await client.ArchiveJsonAsync("/metadata/gone"))["is_dark"]);
    }

    [Fact]
    public async Task An_item_tells_its_metadata()
    {
        await using var client = await Client.StartAsync(new EmulatorOptions { ArchivedItems = [Item] });

        var whole = await client.ArchiveJsonAsync("/metadata/mapillary-anna-original");
        var uploader = await client.ArchiveJsonAsync("/metadata/mapillary-anna-original/metadata/uploader");

        Assert.Equal(4_000_000_000, (long?)whole["item_size"]);
        Assert.Equal("one", (string?)whole["metadata"]!["subject"]);
        Assert.Equal(2, whole["metadata"]!["collection"]!.AsArray().Count);
        Assert.Null(whole["is_dark"]);
        Assert.Equal("""{"result":"anna@example.org"}""", uploader.ToJsonString());
    }

    [Fact]
    public async Task A_file_is_on_another_machine_and_comes_whole_or_in_part()
    {
        var folder = Directory.CreateTempSubdirectory("mapillary-test-").FullName;
        Directory.CreateDirectory(Path.Combine(folder, "größe"));
        await File.WriteAllTextAsync(Path.Combine(folder, "größe", "1.tar"), "0123456789", TestContext.Current.CancellationToken);
        await using var client = await Client.StartAsync(new EmulatorOptions { ArchivedItems = [Item with { Folder = folder }] });

        var metadata = await client.ArchiveJsonAsync("/metadata/mapillary-anna-original");
        var file = metadata["files"]!.AsArray().Single(f => (string?)f!["name"] == "größe/1.tar")!;
        Assert.Equal(("10", "781e5e245d69b566979b86e28d23f2c7"), ((string?)file["size"], (string?)file["md5"]));

        using var entrance = await client.ArchiveAsync("/download/mapillary-anna-original/gr%C3%B6%C3%9Fe/1.tar");
        Assert.Equal(HttpStatusCode.Found, entrance.StatusCode);
        var node = entrance.Headers.Location!;
        Assert.Equal(new Uri(client.Emulator.ArchiveNodeEndpoint, "/0/items/mapillary-anna-original/gr%C3%B6%C3%9Fe/1.tar"), node);

        // A part, open ones, all of it, and one behind the end.
        Assert.Equal((206, "345", "bytes 3-5/10"), await PartAsync("bytes=3-5"));
        Assert.Equal((206, "89", "bytes 8-9/10"), await PartAsync("bytes=8-"));
        Assert.Equal((206, "89", "bytes 8-9/10"), await PartAsync("bytes=8-99"));
        Assert.Equal((200, "0123456789", null), await PartAsync("bytes=0-9"));
        Assert.Equal((200, "0123456789", null), await PartAsync(null));
        Assert.Equal((416, "bytes */10"), await PartAsync("bytes=10-12") is var (status, _, range) ? (status, range) : default);
        Assert.Equal([0L, 3, 2, 2, 10, 10, 0], client.Emulator.Requests.Skip(1).Select(r => r.FileBytes));
        using var none = await client.ArchiveAsync("/download/mapillary-anna-original/none.tar");
        Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
        Directory.Delete(folder, recursive: true);

        async Task<(int Status, string Body, string? Range)> PartAsync(string? range)
        {
            using var http = new HttpClient();
            using var request = new HttpRequestMessage(HttpMethod.Get, node);
            if (range is not null) request.Headers.TryAddWithoutValidation("Range", range);
            using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
            if (response.IsSuccessStatusCode) Assert.Equal("bytes", response.Headers.AcceptRanges.Single());
            return ((int)response.StatusCode, await Client.TextOf(response), response.Content.Headers.TryGetValues("Content-Range", out var values) ? values.Single() : null);
        }
    }

    [Fact]
    public async Task A_scrape_walks_over_all_items_that_have_one_of_the_keys()
    {
        await using var client = await Client.StartAsync(new EmulatorOptions
        {
            ArchivedItems = [Item, Item with { Identifier = "other", Metadata = new Dictionary<string, IReadOnlyList<string>>() }, Item with { Identifier = "gone", IsDark = true }],
            GeneratedArchivedItems = 250,
        });
        const string Query = "/services/search/v1/scrape?q=our_tag:*%20OR%20mapillary_downloader:*&fields=identifier,description,item_size,collection&count=100";
        var found = new List<string>();
        var sizes = new List<int>();
        string? cursor = null;
        do
        {
            var page = await client.ArchiveJsonAsync(cursor is null ? Query : $"{Query}&cursor={Uri.EscapeDataString(cursor)}");
            found.AddRange(page["items"]!.AsArray().Select(i => (string)i!["identifier"]!));
            sizes.Add((int)page["count"]!);
            Assert.Equal(251, (int?)page["total"]);
            cursor = (string?)page["cursor"];
        }
        while (cursor is not null);

        Assert.Equal([100, 100, 51], sizes);
        Assert.Equal(251, found.Distinct().Count());
        Assert.Contains("mapillary-anna-original", found);
        Assert.Equal("""{"items":[],"count":0,"total":251}""", (await client.ArchiveJsonAsync($"{Query}&total_only=true")).ToJsonString());
    }

    [Theory]
    [InlineData("count=99&q=a:*")]
    [InlineData("count=10001&q=a:*")]
    [InlineData("count=100")]
    [InlineData("count=100&q=just%20words")]
    [InlineData("count=100&q=a:*&cursor=rubbish")]
    [InlineData("count=100&q=a:*&cursor=WzFd")]
    public async Task A_wrong_scrape_is_an_error(string query)
    {
        await using var client = await Client.StartAsync();

        using var response = await client.ArchiveAsync($"/services/search/v1/scrape?{query}");

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.StartsWith("""{"error":""", await Client.TextOf(response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_archive_may_be_down_for_a_moment()
    {
        await using var client = await Client.StartAsync(new EmulatorOptions { Faults = [new FaultRule { Server = ServerKind.Archive, Kind = FaultKind.Html503 }] });

        using var first = await client.ArchiveAsync("/metadata/x");
        using var second = await client.ArchiveAsync("/metadata/x");

        Assert.Equal((503, "text/html"), ((int)first.StatusCode, first.Content.Headers.ContentType?.MediaType));
        Assert.Equal("{}", await Client.TextOf(second));
    }
}
