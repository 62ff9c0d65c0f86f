using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;

namespace Mapillary.Emulator;

/// <summary>
/// archive.org: the metadata of items, the scrape search, and their files. Those it has on other machines, and redirects to them. A part of a
/// file comes with 206, one that is the whole file with 200, and one that lies behind its end is refused with 416
/// (https://github.com/jjjake/internetarchive, 5.10.0, "ia download --range").
/// </summary>
internal sealed partial class ArchiveServer(ItemStore items, FaultPlan faults, Func<Uri> node)
{
    private const string Json = "application/json";
    private const int FewestRows = 100;
    private const int MostRows = 10000;

    public async Task AnswerAsync(HttpContext context, RequestJournal.Entry entry)
    {
        var path = context.Request.Path.Value ?? "/";
        var target = $"{path}{context.Request.QueryString}";
        if (NameIn(path) is var (identifier, name))
        {
            await DownloadAsync(context, entry, identifier, name);
            return;
        }

        switch (faults.Pick(ServerKind.Archive, target, target, null, rule => rule.Kind < FaultKind.WholeFile200)?.Kind)
        {
            case FaultKind.ConnectionReset: context.EndWithoutAnswer(); return;
            case FaultKind.Html503: await context.WriteTextAsync(503, "text/html; charset=utf-8", Answers.Html503Page); return;
        }

        var parts = path.Trim('/').Split('/');
        var (status, answer) = parts switch
        {
            ["services", "search", "v1", "scrape"] => Scrape(context.Request),
            ["metadata", var id] => (200, Metadata(id)),
            ["metadata", var id, "metadata", var key] => (200, OneValue(id, key)),
            _ => (404, Error("No such service")),
        };
        await context.WriteTextAsync(status, Json, answer.ToJsonString());
    }

    private JsonObject Metadata(string id)
    {
        // An item that is missing is no error there.
        if (items.Read(id) is not var (item, files)) return [];
        var answer = new JsonObject { ["created"] = 1700000000, ["d1"] = "ia600000.us.archive.org", ["d2"] = "ia800000.us.archive.org", ["dir"] = $"/1/items/{id}" };
        if (item.IsDark) answer["is_dark"] = true;
        var own = FilesOf(item).ToList();
        answer["files"] = new JsonArray(
        [
            .. own.Select(f => new JsonObject { ["name"] = f.Name, ["source"] = "original", ["mtime"] = "1700000000", ["size"] = Text(f.File.Length), ["md5"] = Md5Of(f.File) }),
            new JsonObject { ["name"] = $"{id}_meta.xml", ["source"] = "original", ["format"] = "Metadata", ["size"] = "1094" },
            new JsonObject { ["name"] = $"{id}_files.xml", ["source"] = "original", ["format"] = "Metadata" },
            .. files.Select(f => new JsonObject { ["name"] = f.Name, ["source"] = "original", ["mtime"] = Text(f.Mtime), ["size"] = Text(f.File.Content.LongLength), ["md5"] = f.File.Md5 }),
        ]);
        answer["files_count"] = 2 + own.Count + files.Count;
        answer["item_last_updated"] = 1700000100;
        answer["item_size"] = item.ItemSize;
        answer["metadata"] = new JsonObject(MetadataOf(item).Select(m => KeyValuePair.Create(m.Key, (JsonNode?)AsJson(m.Value))));
        answer["server"] = "ia800000.us.archive.org";
        answer["uniq"] = 1234567890;
        answer["workable_servers"] = new JsonArray("ia800000.us.archive.org", "ia600000.us.archive.org");
        return answer;
    }

    /// <summary>The item and the file that a path names: <c>/download/ITEM/FILE</c>, and <c>/0/items/ITEM/FILE</c> on the machines that have it.</summary>
    private static (string Identifier, string Name)? NameIn(string path) =>
        DownloadPath().Match(path) is { Success: true } match ? (match.Groups["item"].Value, match.Groups["file"].Value) : null;

    private async Task DownloadAsync(HttpContext context, RequestJournal.Entry entry, string identifier, string name)
    {
        var isEntrance = context.Connection.LocalPort != node().Port;
        var range = context.Request.Headers.Range.ToString();
        // What goes wrong is counted by file: a second try asks for another part of it.
        var key = $"{(isEntrance ? "entrance" : "node")} {identifier}/{name}";
        var fault = faults.Pick(ServerKind.Archive, key, context.Request.Path, null, rule => rule.Kind switch
        {
            FaultKind.RedirectElsewhere302 or FaultKind.RedirectCircle302 => isEntrance,
            FaultKind.WholeFile200 or FaultKind.WrongPart206 => !isEntrance && range.Length > 0,
            _ => !isEntrance,
        })?.Kind;
        switch (fault)
        {
            case FaultKind.ConnectionReset: context.EndWithoutAnswer(); return;
            case FaultKind.Html503: await context.WriteTextAsync(503, "text/html; charset=utf-8", Answers.Html503Page); return;
            case FaultKind.Restricted403: await context.WriteTextAsync(403, "text/html; charset=utf-8", "<html><head><title>403 Forbidden</title></head></html>"); return;
            case FaultKind.RedirectCircle302: Redirect(context, new Uri($"{context.Request.Scheme}://{context.Request.Host}"), context.Request.Path); return;
            case FaultKind.RedirectElsewhere302: Redirect(context, new Uri($"http://localhost:{node().Port}"), $"/0/items/{identifier}/{name}"); return;
        }

        if (items.Find(identifier) is not { IsDark: false } item || OpenFile(item, name) is not { } file)
        {
            await context.WriteTextAsync(404, "text/html; charset=utf-8", "<html><head><title>404 Not Found</title></head></html>");
            return;
        }

        await using (file)
        {
            if (isEntrance) Redirect(context, node(), $"/0/items/{identifier}/{name}");
            else await SendAsync(context, entry, file, range, fault);
        }
    }

    private static void Redirect(HttpContext context, Uri host, PathString path)
    {
        context.Response.StatusCode = 302;
        context.Response.Headers.Location = new Uri(host, path.ToUriComponent()).AbsoluteUri;
    }

    private static async Task SendAsync(HttpContext context, RequestJournal.Entry entry, Stream file, string range, FaultKind? fault)
    {
        var response = context.Response;
        response.Headers.AcceptRanges = "bytes";
        var (first, last) = (0L, file.Length - 1);
        if (range.Length > 0 && fault != FaultKind.WholeFile200)
        {
            var asked = OneRange().Match(range);
            // One that is not understood is as good as none (RFC 9110, section 14.2).
            if (asked.Success)
            {
                first = long.Parse(asked.Groups["first"].Value, CultureInfo.InvariantCulture);
                if (asked.Groups["last"].Length > 0) last = Math.Min(last, long.Parse(asked.Groups["last"].Value, CultureInfo.InvariantCulture));
                if (first > last)
                {
                    response.Headers.ContentRange = $"bytes */{file.Length}";
                    await context.WriteTextAsync(416, "text/html; charset=utf-8", "<html><head><title>416 Requested Range Not Satisfiable</title></head></html>");
                    return;
                }
            }

            if (fault == FaultKind.WrongPart206) first++;
            if (first > 0 || last < file.Length - 1)
            {
                response.StatusCode = 206;
                response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {first}-{last}/{file.Length}");
            }
        }

        response.ContentType = "application/octet-stream";
        response.ContentLength = last - first + 1;
        var end = fault == FaultKind.CutDownload ? first + ((last - first + 1) / 2) : last + 1;
        file.Position = first;
        var chunk = new byte[1 << 16];
        while (first < end)
        {
            var count = await file.ReadAsync(chunk.AsMemory(0, (int)Math.Min(chunk.Length, end - first)), context.RequestAborted);
            if (count == 0) break;
            // Before the client can have them, and look how many there were.
            entry.Change(r => r with { FileBytes = r.FileBytes + count });
            await response.Body.WriteAsync(chunk.AsMemory(0, count), context.RequestAborted);
            first += count;
        }

        if (fault == FaultKind.CutDownload)
        {
            await response.Body.FlushAsync(context.RequestAborted);
            context.Abort();
        }
    }

    /// <summary>The files of the folder that the item has.</summary>
    private static IEnumerable<(string Name, FileInfo File)> FilesOf(ArchivedItem item) => item.Folder is not { } folder || !Directory.Exists(folder) ? []
        : new DirectoryInfo(folder).EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = true })
            .Select(f => (Name: Path.GetRelativePath(folder, f.FullName).Replace(Path.DirectorySeparatorChar, '/'), File: f))
            .Where(f => f.Name[0] != '.').OrderBy(f => f.Name, StringComparer.Ordinal);

    private Stream? OpenFile(ArchivedItem item, string name) =>
        items.FindListed(item.Identifier, name) is { } uploaded ? new MemoryStream(uploaded.Content, writable: false)
        : FilesOf(item).FirstOrDefault(f => f.Name == name).File is { } file ? file.Open(FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete)
        : null;

    private static string Md5Of(FileInfo file)
    {
        using var content = file.OpenRead();
#pragma warning disable CA5351 // MD5 is what archive.org lists; nothing is made safe by it.
        return Convert.ToHexString(MD5.HashData(content)).ToLowerInvariant();
#pragma warning restore CA5351
    }

    private JsonObject OneValue(string id, string key)
    {
        if (items.Find(id) is not { } item) return [];
        var values = MetadataOf(item).Where(m => m.Key == key).Select(m => m.Value).FirstOrDefault();
        return values is null ? Error($"Couldn't get 'metadata/{key}'") : new JsonObject { ["result"] = AsJson(values) };
    }

    private (int Status, JsonObject Answer) Scrape(HttpRequest request)
    {
        var query = request.Query;
        if (!query.TryGetValue("q", out var q) || Terms(q.ToString()) is not { } terms) return (400, Error("The query could not be understood"));
        if (!int.TryParse(query.TryGetValue("count", out var text) ? text.ToString() : "5000", NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            || count is < FewestRows or > MostRows)
            return (400, Error($"count must be at least {FewestRows} and at most {MostRows}"));
        var found = items.Visible().Where(i => terms.Any(term => Matches(i, term))).ToList();
        if (query["total_only"] == "true") return (200, new JsonObject { ["items"] = new JsonArray(), ["count"] = 0, ["total"] = found.Count });

        var start = 0;
        if (query.TryGetValue("cursor", out var cursor))
        {
            if (ReadCursor(cursor.ToString()) is not { } last) return (400, Error("The cursor is not valid"));
            start = found.FindIndex(i => string.CompareOrdinal(i.Identifier, last) > 0);
            if (start < 0) start = found.Count;
        }

        var page = found.Skip(start).Take(count).ToList();
        var fields = query.TryGetValue("fields", out var asked)
            ? asked.ToString().Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            : ["identifier"];
        var answer = new JsonObject { ["items"] = new JsonArray(page.Select(i => (JsonNode?)Row(i, fields)).ToArray()), ["count"] = page.Count };
        if (start + page.Count < found.Count) answer["cursor"] = WriteCursor(page[^1].Identifier);
        answer["total"] = found.Count;
        return (200, answer);
    }

    private static JsonObject Row(ArchivedItem item, string[] fields)
    {
        var all = MetadataOf(item).ToDictionary(m => m.Key, m => m.Value);
        var row = new JsonObject();
        foreach (var field in fields)
        {
            if (field == "item_size") row[field] = item.ItemSize;
            else if (all.TryGetValue(field, out var values)) row[field] = AsJson(values);
        }

        return row;
    }

    private static IEnumerable<KeyValuePair<string, IReadOnlyList<string>>> MetadataOf(ArchivedItem item)
    {
        yield return new("identifier", [item.Identifier]);
        if (item.Description is not null) yield return new("description", [item.Description]);
        if (item.Collection.Count > 0) yield return new("collection", item.Collection);
        if (item.Uploader is not null) yield return new("uploader", [item.Uploader]);
        foreach (var more in item.Metadata) yield return more;
    }

    private static JsonNode AsJson(IReadOnlyList<string> values) =>
        values.Count == 1 ? JsonValue.Create(values[0]) : new JsonArray(values.Select(v => (JsonNode?)JsonValue.Create(v)).ToArray());

    /// <summary>The alternatives of a query, <c>key:*</c> or <c>key:value</c> joined by OR; null where it is anything else.</summary>
    private static List<(string Key, string Value)>? Terms(string query)
    {
        var terms = new List<(string, string)>();
        foreach (var part in Or().Split(query.Trim().TrimStart('(').TrimEnd(')')))
        {
            var match = Term().Match(part);
            if (!match.Success) return null;
            terms.Add((match.Groups["key"].Value, match.Groups["value"].Value));
        }

        return terms;
    }

    private static bool Matches(ArchivedItem item, (string Key, string Value) term) =>
        MetadataOf(item).Any(m => m.Key == term.Key && (term.Value == "*" || m.Value.Contains(term.Value, StringComparer.OrdinalIgnoreCase)));

    private static string WriteCursor(string identifier) =>
        Convert.ToBase64String(Encoding.UTF8.GetBytes(new JsonArray(new JsonObject { ["identifier"] = identifier }).ToJsonString()));

    private static string? ReadCursor(string cursor)
    {
        try
        {
            return (string?)JsonNode.Parse(Convert.FromBase64String(cursor))?[0]?["identifier"];
        }
        catch (Exception e) when (e is FormatException or System.Text.Json.JsonException or InvalidOperationException or ArgumentOutOfRangeException)
        {
            return null;
        }
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static JsonObject Error(string message) => new() { ["error"] = message };

    [GeneratedRegex("^/(download|0/items)/(?<item>[^/]+)/(?<file>.+)$")]
    private static partial Regex DownloadPath();

    [GeneratedRegex("^bytes=(?<first>[0-9]{1,18})-(?<last>[0-9]{0,18})$")]
    private static partial Regex OneRange();

    [GeneratedRegex(@"\s+OR\s+")]
    private static partial Regex Or();

    [GeneratedRegex(@"^\(?(?<key>[A-Za-z][\w.-]*):(?:""(?<value>[^""]*)""|(?<value>[^\s()""]+))\)?$")]
    private static partial Regex Term();
}
