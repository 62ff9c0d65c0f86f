using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Mapillary.Emulator;

/// <summary>The Graph API v4.</summary>
internal sealed partial class GraphServer(EmulatorOptions options, World world, FaultPlan faults, Func<Uri> endpoint, Func<Uri> elsewhere, PhotoUrls urls)
{
    private const string Json = "application/json; charset=UTF-8";
    private const int MostRows = 2000;
    private const double LargestBox = 0.01;

    public async Task AnswerAsync(HttpContext context, RequestJournal.Entry entry)
    {
        var request = context.Request;
        var path = request.Path.Value ?? "/";
        if (path.StartsWith("/login", StringComparison.Ordinal))
        {
            await LoginPageAsync();
            return;
        }

        var image = world.FindImage(path.TrimStart('/'));
        if (image is not null) entry.IsFor(image);
        var target = $"{path}{WithoutToken(request)}";
        var listing = path == "/images" && request.Query.ContainsKey("creator_username") && !request.Query.ContainsKey("image_ids");
        var fault = faults.Pick(ServerKind.Graph, target, target, image, rule => rule.Kind switch
        {
            FaultKind.RepeatedCursor or FaultKind.EmptyPageWithNext or FaultKind.NextToOtherHost => listing,
            FaultKind.DuplicateAcrossPages or FaultKind.ExpiredCursor400 => listing && request.Query.ContainsKey("after"),
            FaultKind.TooMuchData => (RowsOf(request) ?? 0) * (long)Math.Max(1, Names(request).Count) > rule.MaxCells,
            FaultKind.QueryTimeout400 or FaultKind.GatewayTimeout504 or FaultKind.NoAnswer => (RowsOf(request) ?? 1) > rule.MaxRows,
            _ => true,
        });
        switch (fault?.Kind)
        {
            case FaultKind.ConnectionReset: context.EndWithoutAnswer(); return;
            case FaultKind.Html503: await context.WriteTextAsync(503, "text/html; charset=utf-8", Answers.Html503Page); return;
            case FaultKind.GatewayTimeout504: await context.WriteTextAsync(504, "text/html; charset=utf-8", Answers.Html504Page); return;
            case FaultKind.NoAnswer: await context.WaitForClientAsync(); return;
            case FaultKind.BlockedHtml200: await LoginPageAsync(); return;
            case FaultKind.NetworkLogin200: await context.WriteTextAsync(200, "text/html", Answers.NetworkLoginPage); return;
            case FaultKind.NetworkLogin302:
                context.Response.Headers.Location = "http://login.wifi.example/hotspot?url=x";
                await context.WriteTextAsync(302, "text/html", "");
                return;
            case FaultKind.NetworkLogin511: await context.WriteTextAsync(511, "text/html", Answers.NetworkLoginPage); return;
            case FaultKind.ProxyPassword407:
                context.Response.Headers.ProxyAuthenticate = "Basic realm=\"proxy\"";
                await context.WriteTextAsync(407, "text/html", "<html><head><title>Proxy Authentication Required</title></head></html>");
                return;
            case FaultKind.BlockedRedirect302:
                context.Response.Headers.Location = $"{endpoint()}login/?next={Uri.EscapeDataString(path)}";
                await context.WriteTextAsync(302, "text/html; charset=utf-8", "");
                return;
        }

        if (fault?.RetryAfterSeconds is { } seconds) context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        try
        {
            Authenticate(request);
            switch (fault?.Kind)
            {
                case FaultKind.RateLimited403: throw GraphError.RateLimit403.AsException();
                case FaultKind.RateLimited429: throw GraphError.RateLimit429.AsException();
                case FaultKind.TooMuchData: throw GraphError.TooMuchData.AsException();
                case FaultKind.QueryTimeout400: throw GraphError.QueryTimeout.AsException();
                case FaultKind.LoginWanted400: throw GraphError.LoginWanted.AsException();
                case FaultKind.Transient500: throw GraphError.Transient.AsException();
                case FaultKind.ExpiredCursor400: throw GraphError.BadParameter("The cursor is no longer valid").AsException();
            }

            var json = Answer(request, path, fault?.Kind);
            if (fault?.Kind == FaultKind.CutJson) json = json[..(json.Length / 2)];
            await context.WriteTextAsync(200, Json, json);
        }
        catch (GraphErrorException e)
        {
            await context.WriteTextAsync(e.Error.Status, Json, e.Error.Body);
        }

        Task LoginPageAsync()
        {
            // Recorded web pages of Meta's servers all have it, login pages too.
            context.Response.Headers["X-FB-Debug"] = "Emu1atorEmu1atorEmu1atorEmu1atorEmu1atorEmu1atorEmu1atorEmu1atorEmu1atorEmu1atorEmu1a==";
            return context.WriteTextAsync(200, "text/html; charset=utf-8", Answers.LoginPage);
        }
    }

    private string Answer(HttpRequest request, string path, FaultKind? fault)
    {
        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
            throw GraphError.UnknownObject(path.Trim('/'), request.Method).AsException();
        return path switch
        {
            "/images" => Images(request, fault),
            "/image_ids" => ImageIds(request),
            "/" => Objects(request),
            _ => Object(path.Trim('/'), request),
        };
    }

    private static void Authenticate(HttpRequest request)
    {
        var header = request.Headers.Authorization.ToString();
        var fromHeader = header.StartsWith("OAuth ", StringComparison.Ordinal) ? header["OAuth ".Length..].Trim() : null;
        var token = string.IsNullOrEmpty(fromHeader) ? request.Query["access_token"].ToString() : fromHeader;
        if (string.IsNullOrWhiteSpace(token)) throw GraphError.NoToken.AsException();
        if (token == Tokens.Valid) return;
        if (token == Tokens.Expired) throw GraphError.OAuth(400, "Error validating access token: Session has expired").AsException();
        if (token == Tokens.AppRevoked)
            throw GraphError.OAuth(401, $"Error validating access token: The user has not authorized application {token.Split('|')[1]}.").AsException();
        var isInHeader = !string.IsNullOrEmpty(fromHeader);
        if (TokenShape().IsMatch(token)) throw GraphError.OAuth(isInHeader ? 401 : 400, "Error validating application").AsException();
        throw (isInHeader
            ? GraphError.OAuth(401, "Failed to decode")
            : GraphError.OAuth(400, "Invalid OAuth access token - Cannot parse access token")).AsException();
    }

    private string Images(HttpRequest request, FaultKind? fault)
    {
        var query = request.Query;
        var fields = Fields(request);
        var limit = Limit(request);
        if (query.TryGetValue("image_ids", out var ids))
        {
            var wanted = ids.ToString().Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            return Data(wanted.Select(world.FindImage).OfType<EmulatedImage>().Where(Filter(request)).Take(limit), fields, urls.LivingFor);
        }

        if (query.TryGetValue("sequence_ids", out var sequences))
        {
            var wanted = sequences.ToString().Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            var images = wanted.Select(world.FindSequence).OfType<EmulatedSequence>().SelectMany(s => s.Images).Where(world.IsThere);
            return Data(images.Where(Filter(request)).Take(limit), fields, urls.ListedFor);
        }

        if (query.ContainsKey("creator_username")) return Page(request, fields, limit, fault);
        if (query.ContainsKey("bbox")) return Data(Sample(InBox(request).ToList(), limit), fields, urls.ListedFor);
        throw GraphError.BadParameter("A filter is required: bbox, creator_username, image_ids or sequence_ids").AsException();
    }

    /// <summary>One page of a user's images, newest first. The cursor is the place in the list; it means nothing to clients.</summary>
    private string Page(HttpRequest request, IReadOnlyList<string> fields, int limit, FaultKind? fault)
    {
        var rows = UserRows(request);
        var start = 0;
        var afterEmptyPage = false;
        if (request.Query.TryGetValue("after", out var after))
            (start, afterEmptyPage) = Cursor.Read(after.ToString()) ?? throw GraphError.BadParameter("Invalid cursor").AsException();
        var first = fault == FaultKind.DuplicateAcrossPages ? Math.Max(0, start - Math.Max(1, limit / 10)) : start;
        var end = Math.Min(start + limit, rows.Count);
        var json = new StringBuilder("{\"data\":");
        if (fault == FaultKind.EmptyPageWithNext && !afterEmptyPage)
            return WithNext(json.Append("[]"), Cursor.Write(start, afterEmptyPage: true));
        AppendRows(json, Slice(rows, first, end), fields, urls.ListedFor);
        if (fault == FaultKind.RepeatedCursor) return WithNext(json, after.Count > 0 ? after.ToString() : Cursor.Write(start, false));
        return end < rows.Count ? WithNext(json, Cursor.Write(end, false)) : json.Append('}').ToString();

        string WithNext(StringBuilder page, string cursor)
        {
            var host = fault == FaultKind.NextToOtherHost ? elsewhere() : endpoint();
            var kept = QueryHelpers.ParseQuery(request.QueryString.Value).Where(p => p.Key is not ("after" or "limit"))
                .SelectMany(p => p.Value, (p, value) => $"{p.Key}={Uri.EscapeDataString(value ?? "")}");
            var next = $"{host}images?{string.Join('&', kept)}&limit={limit}&after={cursor}";
            return page.Append(",\"paging\":{\"cursors\":{\"after\":").Append(GraphJson.Text(cursor)).Append("},\"next\":").Append(GraphJson.Text(next)).Append("}}").ToString();
        }
    }

    private IReadOnlyList<EmulatedImage> UserRows(HttpRequest request)
    {
        var user = world.FindUser(request.Query["creator_username"].ToString());
        if (user is null) return [];
        var filter = Filter(request);
        var hasBox = request.Query.ContainsKey("bbox") && !options.BboxIgnoredWithUser;
        var box = hasBox ? Box(request) : null;
        var isPlain = box is null && world.IsComplete && !FilterNames.Any(request.Query.ContainsKey);
        return isPlain ? user.Images : user.Images.Where(i => world.IsThere(i) && (box is null || box.Contains(i)) && filter(i)).ToList();
    }

    private IEnumerable<EmulatedImage> InBox(HttpRequest request)
    {
        var box = Box(request);
        return world.Images.Where(i => world.IsThere(i) && box.Contains(i)).Where(Filter(request));
    }

    /// <summary>What a box holds, and where that is too much, an arbitrary part of it: the API does not say that it left images out.</summary>
    private List<EmulatedImage> Sample(List<EmulatedImage> found, int limit) =>
        found.Count <= limit ? found : found.OrderBy(i => Chance.Bits(options.Seed, i.Number, 77)).Take(limit).ToList();

    private string ImageIds(HttpRequest request)
    {
        if (!request.Query.TryGetValue("sequence_id", out var id)) throw GraphError.BadParameter("The parameter sequence_id is required").AsException();
        var images = world.FindSequence(id.ToString())?.Images.Where(world.IsThere) ?? [];
        return $"{{\"data\":[{string.Join(',', images.Select(i => $"{{\"id\":\"{i.Id}\"}}"))}]}}";
    }

    private string Objects(HttpRequest request)
    {
        var ids = request.Query["ids"].ToString().Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (ids.Length == 0) throw GraphError.BadParameter("The parameter ids is required").AsException();
        return $"{{{string.Join(',', ids.Distinct().Select(id => $"{GraphJson.Text(id)}:{Object(id, request)}"))}}}";
    }

    private string Object(string id, HttpRequest request)
    {
        if (world.FindUserById(id) is { } user)
        {
            var asked = Names(request);
            if (asked.FirstOrDefault(f => f is not ("username" or "id")) is { } unknown) throw GraphError.UnknownField(unknown).AsException();
            var values = (asked.Contains("id") ? asked : [.. asked, "id"])
                .Select(f => $"\"{f}\":{GraphJson.Text(f == "id" ? user.Id : user.Name)}");
            return $"{{{string.Join(',', values)}}}";
        }

        var image = world.FindImage(id) ?? throw GraphError.UnknownObject(id, request.Method).AsException();
        var json = new StringBuilder();
        image.Record.WriteTo(json, image.Id, Fields(request), rendition => urls.LivingFor(image, rendition));
        return json.ToString();
    }

    private static string Data(IEnumerable<EmulatedImage> images, IReadOnlyList<string> fields, Func<EmulatedImage, Rendition, string> urlOf)
    {
        var json = new StringBuilder("{\"data\":");
        AppendRows(json, images, fields, urlOf);
        return json.Append('}').ToString();
    }

    private static void AppendRows(
        StringBuilder json, IEnumerable<EmulatedImage> images, IReadOnlyList<string> fields, Func<EmulatedImage, Rendition, string> urlOf)
    {
        json.Append('[');
        var isFirst = true;
        foreach (var image in images)
        {
            if (!isFirst) json.Append(',');
            isFirst = false;
            image.Record.WriteTo(json, image.Id, fields, rendition => urlOf(image, rendition));
        }

        json.Append(']');
    }

    private static IEnumerable<EmulatedImage> Slice(IReadOnlyList<EmulatedImage> rows, int start, int end)
    {
        for (var i = start; i < end; i++) yield return rows[i];
    }

    private int Limit(HttpRequest request)
    {
        var most = Math.Min(options.PageLimit, MostRows);
        if (!request.Query.TryGetValue("limit", out var text)) return most;
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) || limit == 0)
            throw GraphError.BadParameter("The parameter limit must be a positive number").AsException();
        return Math.Min(limit, most);
    }

    private static List<string> Fields(HttpRequest request)
    {
        var names = Names(request);
        return names.Find(n => !ImageRecord.FieldNames.Contains(n)) is { } unknown ? throw GraphError.UnknownField(unknown).AsException() : names;
    }

    /// <summary>The field names asked for, without what is asked of them: <c>creator{username}</c> and <c>detections.value</c> count as the field.</summary>
    private static List<string> Names(HttpRequest request)
    {
        var plain = Subfields().Replace(request.Query["fields"].ToString(), "");
        return plain.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(n => n.Split('.')[0]).Distinct().ToList();
    }

    private static readonly string[] FilterNames = ["start_captured_at", "end_captured_at", "is_pano", "make", "model", "organization_id"];

    private static Func<EmulatedImage, bool> Filter(HttpRequest request)
    {
        var query = request.Query;
        var from = Time("start_captured_at");
        var to = Time("end_captured_at");
        var isPano = Truth("is_pano");
        var hasBox = query.ContainsKey("bbox");
        if (isPano is not null && !hasBox && !query.ContainsKey("creator_username"))
            throw GraphError.BadParameter("is_pano must be used with bbox or creator_username").AsException();
        if ((query.ContainsKey("make") || query.ContainsKey("model")) && !hasBox)
            throw GraphError.BadParameter("make and model can only be used with bbox").AsException();
        if (!FilterNames.Any(query.ContainsKey)) return _ => true;
        return image =>
        {
            var record = image.Record;
            return (from is null || record.CapturedAt >= from)
                && (to is null || record.CapturedAt <= to)
                && (isPano is null || record.IsPano == isPano)
                && Agrees("make", record.Make) && Agrees("model", record.Model) && Agrees("organization_id", record.OrganizationId);
        };

        bool Agrees(string name, string? value) => !query.TryGetValue(name, out var wanted) || value == wanted.ToString();

        long? Time(string name)
        {
            if (!query.TryGetValue(name, out var text)) return null;
            return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) && IsoTime().IsMatch(text!)
                ? time.ToUnixTimeMilliseconds()
                : throw GraphError.BadParameter($"{name} must be an ISO 8601 time").AsException();
        }

        bool? Truth(string name)
        {
            if (!query.TryGetValue(name, out var text)) return null;
            return text.ToString() switch
            {
                "true" => true,
                "false" => false,
                _ => throw GraphError.BadParameter($"{name} must be true or false").AsException(),
            };
        }
    }

    private static BoundingBox Box(HttpRequest request)
    {
        var text = request.Query["bbox"].ToString();
        var sides = text.Split(',').Select(s => double.TryParse(s, NumberStyles.Float, CultureInfo.InvariantCulture, out var side) ? side : double.NaN).ToArray();
        if (sides is not [>= -180 and <= 180 and var west, >= -90 and <= 90 and var south, >= -180 and <= 180 and var east, >= -90 and <= 90 and var north]
            || west >= east || south >= north)
            throw GraphError.BadParameter("The bbox must be minLon,minLat,maxLon,maxLat").AsException();

        // The product of two sides written with decimals falls short of the limit by a rounding error.
        if ((east - west) * (north - south) >= LargestBox - 1e-12)
            throw GraphError.BadParameter("The bbox must be smaller than 0.01 degrees square").AsException();
        return new BoundingBox(west, south, east, north);
    }

    /// <summary>
    /// How many rows a search has, before its answer is made; null for what is no search. A box counts all that it holds, whatever the limit, as
    /// the real one does.
    /// </summary>
    private int? RowsOf(HttpRequest request)
    {
        if (request.Path != "/images") return null;
        try
        {
            return request.Query.ContainsKey("creator_username")
                ? Math.Min(Limit(request), UserRows(request).Count - (Cursor.Read(request.Query["after"].ToString())?.Start ?? 0))
                : request.Query.ContainsKey("bbox") ? InBox(request).Count()
                : request.Query["image_ids"].ToString().Split(',').Length;
        }
        catch (GraphErrorException)
        {
            // A request that is wrong in itself gets its own error.
            return null;
        }
    }

    private static string WithoutToken(HttpRequest request) =>
        string.Join('&', (request.QueryString.Value ?? "").Split('&').Where(p => !p.TrimStart('?').StartsWith("access_token=", StringComparison.Ordinal)));

    [GeneratedRegex(@"^MLY\|\d+\|[0-9a-f]{32}\z")]
    private static partial Regex TokenShape();

    [GeneratedRegex(@"\{[^}]*\}|\([^)]*\)")]
    private static partial Regex Subfields();

    [GeneratedRegex(@"^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?\z")]
    private static partial Regex IsoTime();

    private sealed record BoundingBox(double West, double South, double East, double North)
    {
        public bool Contains(EmulatedImage image)
        {
            var record = image.Record;
            var at = record.ComputedGeometry ?? record.Geometry;
            return at is { } point && point.Longitude >= West && point.Longitude <= East && point.Latitude >= South && point.Latitude <= North;
        }
    }

    private static class Cursor
    {
        public static string Write(int start, bool afterEmptyPage) =>
            "QVF" + Base64Url.Encode(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{(afterEmptyPage ? 'e' : 'c')}:{start}")));

        public static (int Start, bool AfterEmptyPage)? Read(string cursor)
        {
            if (!cursor.StartsWith("QVF", StringComparison.Ordinal) || Base64Url.Decode(cursor[3..]) is not { } bytes) return null;
            var parts = Encoding.ASCII.GetString(bytes).Split(':');
            return parts is ["c" or "e", var place] && int.TryParse(place, NumberStyles.None, CultureInfo.InvariantCulture, out var start)
                ? (start, parts[0] == "e")
                : null;
        }
    }
}

/// <summary>The tokens that the emulated Graph API knows. Any other is refused.</summary>
public static class Tokens
{
    /// <summary>The only one that is good.</summary>
    public const string Valid = "MLY|4242424242424242|0123456789abcdef0123456789abcdef";

    /// <summary>One that was good once: 400.</summary>
    public const string Expired = "MLY|4242424242424242|ffffffffffffffffffffffffffffffff";

    /// <summary>One whose user has revoked the app: 401.</summary>
    public const string AppRevoked = "MLY|4242424242424242|eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";

    /// <summary>The access key of archive.org's S3.</summary>
    public const string S3AccessKey = "EmulatorAccess42";

    /// <summary>The secret key of archive.org's S3.</summary>
    public const string S3SecretKey = "EmulatorSecret42";
}
