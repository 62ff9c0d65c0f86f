using System.Net;

namespace Mapillary.Emulator.Tests;

public class CdnServerTests
{
    [Fact]
    public async Task A_picture_is_served_as_it_is_from_a_path_without_an_extension()
    {
        await using var client = await Client.StartAsync();
        var image = client.Emulator.World.Images[4];
        var url = await client.UrlAsync(image);

        using var response = await client.GetAsync(url);

        Assert.Equal(image.Photo.Bytes, await Client.BytesOf(response));
        Assert.Equal(image.Photo.Bytes.Length, response.Content.Headers.ContentLength);
        Assert.Equal("image/jpeg", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal("", Path.GetExtension(new Uri(url).AbsolutePath));
        Assert.Matches(@"\?ccb=10-5&oh=00_Af[\w-]+&oe=[0-9A-F]{8}&_nc_sid=201bca$", url);
    }

    [Theory]
    [InlineData("thumb_256_url", Rendition.Thumb256)]
    [InlineData("thumb_1024_url", Rendition.Thumb1024)]
    [InlineData("thumb_2048_url", Rendition.Thumb2048)]
    public async Task A_rendition_is_as_wide_as_its_name_and_keeps_the_shape(string field, Rendition rendition)
    {
        await using var client = await Client.StartAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = 12 }] });
        foreach (var image in client.Emulator.World.Images)
        {
            using var response = await client.GetAsync(await client.UrlAsync(image, field));
            var photo = client.Emulator.World.Photos.For(image.Photo, rendition);

            Assert.Equal(client.Emulator.ServedBytes(image.Id, rendition), await Client.BytesOf(response));
            Assert.Equal((int)rendition, photo.Width);
            Assert.Equal((double)image.Photo.Height / image.Photo.Width, (double)photo.Height / photo.Width, 0.01);
        }
    }

    [Fact]
    public async Task HEAD_tells_the_length_alone()
    {
        await using var client = await Client.StartAsync();
        var image = client.Emulator.World.Images[0];

        using var response = await client.GetAsync(await client.UrlAsync(image), HttpMethod.Head);

        Assert.Equal(image.Photo.Bytes.Length, response.Content.Headers.ContentLength);
        Assert.Empty(await Client.BytesOf(response));
    }

    [Fact]
    public async Task An_address_expires_when_it_says()
    {
        var clock = new SetClock();
        await using var client = await Client.StartAsync(new EmulatorOptions { Clock = clock, UrlLifetime = TimeSpan.FromHours(2) });
        var url = await client.UrlAsync(client.Emulator.World.Images[0]);

        clock.Now += TimeSpan.FromHours(2) - TimeSpan.FromSeconds(1);
        using var before = await client.GetAsync(url);
        clock.Now += TimeSpan.FromSeconds(1);
        using var after = await client.GetAsync(url);
        using var anew = await client.GetAsync(await client.UrlAsync(client.Emulator.World.Images[0]));

        Assert.Equal((200, 403, 200), ((int)before.StatusCode, (int)after.StatusCode, (int)anew.StatusCode));
        Assert.Equal(("URL signature expired", "text/plain"), (await Client.TextOf(after), after.Content.Headers.ContentType?.MediaType));
    }

    [Fact]
    public async Task Listed_addresses_may_be_dead_while_those_of_the_image_itself_live()
    {
        await using var client = await Client.StartAsync(new EmulatorOptions { ListedUrlLifetime = TimeSpan.FromDays(-1) });
        var listed = (await client.GraphJsonAsync("/images?creator_username=anna&fields=thumb_original_url&limit=1"))["data"]![0]!;

        using var dead = await client.GetAsync((string)listed["thumb_original_url"]!);
        using var living = await client.GetAsync(await client.UrlAsync(client.Emulator.World.Image((string)listed["id"]!)));

        Assert.Equal((403, 200), ((int)dead.StatusCode, (int)living.StatusCode));
    }

    [Fact]
    public async Task An_address_that_was_tampered_with_is_refused()
    {
        await using var client = await Client.StartAsync();
        var url = await client.UrlAsync(client.Emulator.World.Images[0]);

        using var prolonged = await client.GetAsync(System.Text.RegularExpressions.Regex.Replace(url, "oe=[0-9A-F]+", "oe=7FFFFFFF"));
        using var elsewhere = await client.GetAsync(url.Replace("/An", "/AnA", StringComparison.Ordinal));

        Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.NotFound), (prolonged.StatusCode, elsewhere.StatusCode));
    }

    [Fact]
    public async Task Every_fetch_is_on_record()
    {
        await using var client = await Client.StartAsync();
        var images = client.Emulator.World.Images;
        foreach (var image in new[] { images[0], images[1], images[0] })
        {
            using var response = await client.GetAsync(await client.UrlAsync(image));
        }

        Assert.Equal((2, 1, 0), (client.Emulator.FetchCount(images[0].Id), client.Emulator.FetchCount(images[1].Id), client.Emulator.FetchCount(images[2].Id)));
        Assert.Equal(3, client.Emulator.Requests.Count(r => r.Server == ServerKind.Graph && r.StatusCode == 200));
        Assert.Equal($"OAuth {client.Emulator.Token}", client.Emulator.Requests[0].Headers["authorization"]);
    }

    [Theory]
    [InlineData(ServerKind.Cdn, true)]
    [InlineData(ServerKind.Cdn, false)]
    [InlineData(ServerKind.Archive, true)]
    [InlineData(ServerKind.Archive, false)]
    public async Task A_token_that_leaks_fails_the_test(ServerKind server, bool asHeader)
    {
        var client = await Client.StartAsync();
        var url = server == ServerKind.Cdn ? await client.UrlAsync(client.Emulator.World.Images[0]) : $"{client.Emulator.ArchiveEndpoint}metadata/x?";

        using var response = asHeader
            ? await client.GetAsync(url, authorization: $"OAuth {client.Emulator.Token}")
            : await client.GetAsync($"{url}&access_token={Uri.EscapeDataString(client.Emulator.Token)}");

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Single(client.Emulator.Violations);
        var leak = await Assert.ThrowsAsync<TokenLeakedException>(async () => await client.DisposeAsync());
        Assert.Contains($"reached {server}", leak.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("MLY", leak.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ServerKind.Graph, true)]
    [InlineData(ServerKind.Graph, false)]
    [InlineData(ServerKind.Cdn, true)]
    [InlineData(ServerKind.Cdn, false)]
    [InlineData(ServerKind.Archive, true)]
    [InlineData(ServerKind.Archive, false)]
    public async Task A_key_of_S3_that_leaks_fails_the_test(ServerKind server, bool asHeader)
    {
        var client = await Client.StartAsync();
        var emulator = client.Emulator;
        var url = $"{(server == ServerKind.Graph ? emulator.GraphEndpoint : server == ServerKind.Cdn ? emulator.CdnEndpoint : emulator.ArchiveEndpoint)}metadata/x";

        using var response = asHeader
            ? await client.GetAsync(url, authorization: $"LOW {emulator.S3AccessKey}:{emulator.S3SecretKey}")
            : await client.GetAsync($"{url}?key={emulator.S3SecretKey}");

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        var leak = await Assert.ThrowsAsync<TokenLeakedException>(async () => await client.DisposeAsync());
        Assert.Contains($"reached {server}", Assert.Single(leak.Violations), StringComparison.Ordinal);
        Assert.DoesNotContain(emulator.S3SecretKey, leak.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_token_does_not_belong_to_S3_but_its_own_keys_do(bool asHeader)
    {
        var client = await Client.StartAsync();
        var emulator = client.Emulator;

        using var own = await client.GetAsync($"{emulator.S3Endpoint}?check_limit=1&accesskey={emulator.S3AccessKey}&bucket=x");
        Assert.Equal(HttpStatusCode.OK, own.StatusCode);
        Assert.Empty(emulator.Violations);

        using var response = asHeader
            ? await client.GetAsync($"{emulator.S3NodeEndpoint}item/file", HttpMethod.Put, $"OAuth {emulator.Token}")
            : await client.GetAsync($"{emulator.S3Endpoint}item/file?x={Uri.EscapeDataString(emulator.Token)}", HttpMethod.Put);
        var leak = await Assert.ThrowsAsync<TokenLeakedException>(async () => await client.DisposeAsync());
        Assert.StartsWith("the token reached S3: PUT /item/file", Assert.Single(leak.Violations), StringComparison.Ordinal);
    }

    private sealed class SetClock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
