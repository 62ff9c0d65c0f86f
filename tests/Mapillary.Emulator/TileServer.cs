using System.Globalization;
using System.IO.Compression;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;

namespace Mapillary.Emulator;

/// <summary>
/// The server of vector tiles: <c>/maps/vtp/mly1_public/2/14/x/y</c>. It is like the real one in this: the token is taken in the query alone, and
/// the header is answered with 403 (mapillary-python-sdk, issues 124 and 131); layers <c>sequence</c> and <c>image</c>, version 2, extent 4096, ids
/// of images as whole numbers, no make, model or type of camera (tiles recorded in test/data of JOSM/Mapillary); a tile has the images a little beyond its
/// edges too, which are then in two tiles.
/// </summary>
internal sealed partial class TileServer(EmulatorOptions options, World world, FaultPlan faults, Func<Uri> endpoint)
{
    private const int Zoom = 14;
    private const int Extent = 4096;

    /// <summary>How far beyond its edges a tile has images, in units of the extent.</summary>
    private const int Buffer = 64;

    private readonly Lazy<ILookup<(int X, int Y), (EmulatedImage Image, int X, int Y)>> _places = new(() => PlacesOf(world));

    public async Task AnswerAsync(HttpContext context)
    {
        var request = context.Request;
        var path = request.Path.Value ?? "/";
        switch (faults.Pick(ServerKind.Tiles, path, path, null, _ => true)?.Kind)
        {
            case FaultKind.ConnectionReset: context.EndWithoutAnswer(); return;
            case FaultKind.Html503: await context.WriteTextAsync(503, "text/html; charset=utf-8", Answers.Html503Page); return;
            case FaultKind.Transient500: await ErrorAsync(GraphError.Transient); return;
            case FaultKind.RateLimited403: await ErrorAsync(GraphError.RateLimit403); return;
            case FaultKind.RateLimited429: await ErrorAsync(GraphError.RateLimit429); return;
            case FaultKind.TileMissing404: await context.WriteTextAsync(404, "text/html; charset=utf-8", ""); return;
            case FaultKind.CutTile: await TileAsync(cut: true); return;
            case FaultKind.BlockedHtml200:
                context.Response.Headers["X-FB-Debug"] = "Emu1atorEmu1atorEmu1ator==";
                await context.WriteTextAsync(200, "text/html; charset=utf-8", Answers.LoginPage);
                return;
            case FaultKind.BlockedRedirect302:
                context.Response.Headers.Location = $"{endpoint()}login/?next={Uri.EscapeDataString(path)}";
                await context.WriteTextAsync(302, "text/html; charset=utf-8", "");
                return;
            case FaultKind.NetworkLogin200: await context.WriteTextAsync(200, "text/html", Answers.NetworkLoginPage); return;
        }

        await TileAsync(cut: false);

        Task ErrorAsync(GraphError error) => context.WriteTextAsync(error.Status, "application/json; charset=UTF-8", error.Body);

        async Task TileAsync(bool cut)
        {
            var token = request.Query["access_token"].ToString();
            if (token.Length == 0) await ErrorAsync(request.Headers.Authorization.Count > 0 ? GraphError.OAuth(403, "Invalid OAuth access token") : GraphError.NoToken);
            else if (token != Tokens.Valid) await ErrorAsync(GraphError.OAuth(400, "Error validating application"));
            else if (Address().Match(path) is not { Success: true } address) await context.WriteTextAsync(404, "text/html; charset=utf-8", "");
            else await WriteAsync(context, Pack(TileOf(Number(address, "x"), Number(address, "y"))), cut);
        }
    }

    private static async Task WriteAsync(HttpContext context, byte[] packed, bool cut)
    {
        context.Response.StatusCode = 200;
        context.Response.ContentType = "application/x-protobuf";
        context.Response.Headers.ContentEncoding = "gzip";
        var sent = cut ? packed[..(packed.Length / 2)] : packed;
        context.Response.ContentLength = sent.Length;
        await context.Response.Body.WriteAsync(sent, context.RequestAborted);
    }

    private byte[] TileOf(int x, int y)
    {
        if (options.ModifyTile?.Invoke(x, y) is { } made) return made;
        var found = _places.Value[(x, y)].Where(p => world.IsThere(p.Image)).ToList();
        if (found.Count == 0) return [];
        var sequences = new TileLayer("sequence");
        foreach (var sequence in found.GroupBy(p => p.Image.Sequence).Where(s => s.Count() > 1))
        {
            var first = sequence.First().Image;
            sequences.Line([.. sequence.Select(p => (p.X, p.Y))],
                [("captured_at", first.ListedAt), ("id", sequence.Key.Id), ("image_id", first.Number), ("is_pano", first.Record.IsPano == true)]);
        }

        var images = new TileLayer("image");
        foreach (var (image, left, top) in found) images.Points([(left, top)], PropertiesOf(image));
        return new TileWriter().Layer(sequences).Layer(images).ToArray();
    }

    private static IEnumerable<(string, object)> PropertiesOf(EmulatedImage image)
    {
        var record = image.Record;
        if (record.CapturedAt is { } time) yield return ("captured_at", time);
        yield return ("compass_angle", (float)(record.CompassAngle ?? 0));
        yield return ("id", image.Number);
        yield return ("is_pano", record.IsPano == true);
        if (record.Sequence is { } sequence) yield return ("sequence_id", sequence);
        yield return ("creator_id", long.Parse(image.Sequence.User.Id, CultureInfo.InvariantCulture));
        if (record.OrganizationId is { } organization) yield return ("organization_id", long.Parse(organization, CultureInfo.InvariantCulture));
        if (record.QualityScore is { } score) yield return ("quality_score", (float)score);
    }

    /// <summary>Which tiles have which images, and where: by the computed position, else by the original one.</summary>
    private static ILookup<(int X, int Y), (EmulatedImage Image, int X, int Y)> PlacesOf(World world) => world.Images
        .SelectMany(image => (image.Record.ComputedGeometry ?? image.Record.Geometry) is var (longitude, latitude) ? TilesOf(image, longitude, latitude) : [])
        .ToLookup(p => p.Tile, p => p.Place);

    private static IEnumerable<((int X, int Y) Tile, (EmulatedImage Image, int X, int Y) Place)> TilesOf(EmulatedImage image, double longitude, double latitude)
    {
        const int count = 1 << Zoom;
        // The map ends at 85.051 degrees; what is beyond is in no tile.
        var sine = Math.Sin(latitude * Math.PI / 180);
        var (across, down) = ((longitude + 180) / 360 * count, (0.5 - (Math.Log((1 + sine) / (1 - sine)) / (4 * Math.PI))) * count);
        if (down < 0 || down >= count) yield break;
        for (var y = (int)Math.Floor(down) - 1; y <= (int)Math.Floor(down) + 1; y++)
        {
            for (var x = (int)Math.Floor(across) - 1; x <= (int)Math.Floor(across) + 1; x++)
            {
                var (left, top) = ((int)Math.Floor((across - x) * Extent), (int)Math.Floor((down - y) * Extent));
                if (left is >= -Buffer and < Extent + Buffer && top is >= -Buffer and < Extent + Buffer && y is >= 0 and < count)
                    yield return ((((x % count) + count) % count, y), (image, left, top));
            }
        }
    }

    private static byte[] Pack(byte[] tile)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest)) gzip.Write(tile);
        return packed.ToArray();
    }

    private static int Number(Match address, string group) => int.Parse(address.Groups[group].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^/maps/vtp/mly1_public/2/14/(?<x>[0-9]{1,5})/(?<y>[0-9]{1,5})\z")]
    private static partial Regex Address();
}
