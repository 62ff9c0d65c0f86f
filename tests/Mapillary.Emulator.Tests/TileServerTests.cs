using System.Globalization;
using System.IO.Compression;
using System.Net;

namespace Mapillary.Emulator.Tests;

public class TileServerTests
{
    [Theory]
    [InlineData(null, null, HttpStatusCode.InternalServerError)]
    [InlineData(null, $"OAuth {Tokens.Valid}", HttpStatusCode.Forbidden)]
    [InlineData("MLY|1|x", null, HttpStatusCode.BadRequest)]
    [InlineData(Tokens.Valid, null, HttpStatusCode.OK)]
    public async Task The_token_is_taken_in_the_query_alone(string? query, string? header, HttpStatusCode status)
    {
        await using var client = await Client.StartAsync();

        using var response = await TileAsync(client, 0, 0, query, header);

        Assert.Equal(status, response.StatusCode);
    }

    [Fact]
    public async Task Each_image_is_in_the_tile_of_its_place_as_packed_bytes()
    {
        await using var client = await Client.StartAsync();
        var image = client.Emulator.World.Images[7];
        var (longitude, latitude) = image.Record.ComputedGeometry!.Value;
        // https://wiki.openstreetmap.org/wiki/Slippy_map_tilenames
        var x = (int)((longitude + 180) / 360 * 16384);
        var y = (int)((1 - (Math.Asinh(Math.Tan(latitude * Math.PI / 180)) / Math.PI)) / 2 * 16384);

        using var response = await TileAsync(client, x, y, Tokens.Valid, null);

        Assert.Equal(["gzip"], response.Content.Headers.ContentEncoding);
        var tile = await UnpackedAsync(response);
        Assert.True(tile.AsSpan().IndexOf("sequence"u8) > 0 && tile.AsSpan().IndexOf("captured_at"u8) > 0);
        // Its id as an int_value: field 4, a varint.
        var id = new List<byte> { 0x20 };
        for (var number = long.Parse(image.Id, CultureInfo.InvariantCulture); ; number >>= 7)
        {
            id.Add((byte)(number < 0x80 ? number : number | 0x80));
            if (number < 0x80) break;
        }

        Assert.True(tile.AsSpan().IndexOf(id.ToArray()) > 0);
        Assert.True(tile.AsSpan().IndexOf("HERO8"u8) < 0);
    }

    [Fact]
    public async Task Where_nothing_is_a_tile_is_empty_and_where_no_tile_is_it_is_404()
    {
        await using var client = await Client.StartAsync();

        using var empty = await TileAsync(client, 1, 2, Tokens.Valid, null);
        using var none = await client.GetAsync($"{client.Emulator.TilesEndpoint}maps/vtp/mly1_public/2/13/1/2?access_token={Uri.EscapeDataString(Tokens.Valid)}");

        Assert.Equal((HttpStatusCode.OK, 0), (empty.StatusCode, (await UnpackedAsync(empty)).Length));
        Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
    }

    [Theory]
    [InlineData(FaultKind.TileMissing404, 404)]
    [InlineData(FaultKind.Transient500, 500)]
    [InlineData(FaultKind.Html503, 503)]
    [InlineData(FaultKind.RateLimited403, 403)]
    [InlineData(FaultKind.RateLimited429, 429)]
    [InlineData(FaultKind.BlockedRedirect302, 302)]
    [InlineData(FaultKind.BlockedHtml200, 200)]
    public async Task A_fault_has_its_status_and_the_next_request_is_answered(FaultKind kind, int status)
    {
        await using var client = await Client.StartAsync(new EmulatorOptions { Faults = [new FaultRule { Server = ServerKind.Tiles, Kind = kind }] });

        using var first = await TileAsync(client, 5, 5, Tokens.Valid, null);
        using var second = await TileAsync(client, 5, 5, Tokens.Valid, null);

        Assert.Equal((status, 200), ((int)first.StatusCode, (int)second.StatusCode));
        Assert.Equal("application/x-protobuf", second.Content.Headers.ContentType?.MediaType);
    }

    private static Task<HttpResponseMessage> TileAsync(Client client, int x, int y, string? token, string? header) => client.GetAsync(
        $"{client.Emulator.TilesEndpoint}maps/vtp/mly1_public/2/14/{x}/{y}{(token is null ? "" : $"?access_token={Uri.EscapeDataString(token)}")}", authorization: header);

    private static async Task<byte[]> UnpackedAsync(HttpResponseMessage response)
    {
        using var gzip = new GZipStream(new MemoryStream(await Client.BytesOf(response)), CompressionMode.Decompress);
        using var tile = new MemoryStream();
        await gzip.CopyToAsync(tile, TestContext.Current.CancellationToken);
        return tile.ToArray();
    }
}
