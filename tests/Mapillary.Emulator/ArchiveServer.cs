using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;

namespace Mapillary.Emulator;

/// <summary>archive.org: the metadata of items, and the scrape search.</summary>
internal sealed partial class ArchiveServer(ItemStore items, FaultPlan faults)
{
    private const string Json = "application/json";
    private const int FewestRows = 100;
    private const int MostRows = 10000;

    public async Task AnswerAsync(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "/";
        var target = $"{path}{context.Request.QueryString}";
        switch (faults.Pick(ServerKind.Archive, target, target, null, _ => true)?.Kind)
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
        answer["files"] = new JsonArray(
        [
            new JsonObject { ["name"] = $"{id}_meta.xml", ["source"] = "original", ["format"] = "Metadata", ["size"] = "1094" },
            new JsonObject { ["name"] = $"{id}_files.xml", ["source"] = "original", ["format"] = "Metadata" },
            .. files.Select(f => new JsonObject { ["name"] = f.Name, ["source"] = "original", ["mtime"] = Text(f.Mtime), ["size"] = Text(f.File.Content.LongLength), ["md5"] = f.File.Md5 }),
        ]);
        answer["files_count"] = 2 + files.Count;
        answer["item_last_updated"] = 1700000100;
        answer["item_size"] = item.ItemSize;
        answer["metadata"] = new JsonObject(MetadataOf(item).Select(m => KeyValuePair.Create(m.Key, (JsonNode?)AsJson(m.Value))));
        answer["server"] = "ia800000.us.archive.org";
        answer["uniq"] = 1234567890;
        answer["workable_servers"] = new JsonArray("ia800000.us.archive.org", "ia600000.us.archive.org");
        return answer;
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

    [GeneratedRegex(@"\s+OR\s+")]
    private static partial Regex Or();

    [GeneratedRegex(@"^\(?(?<key>[A-Za-z][\w.-]*):(?:""(?<value>[^""]*)""|(?<value>[^\s()""]+))\)?$")]
    private static partial Regex Term();
}
