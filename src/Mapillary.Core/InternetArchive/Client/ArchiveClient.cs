using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Mapillary.Services;

namespace Mapillary.InternetArchive.Client;

/// <summary>
/// Asks archive.org what it has. Nothing secret is sent. Waits and asks again where that helps. Any number of calls may run at once.
/// </summary>
public sealed class ArchiveClient : IDisposable
{
    /// <summary>How much of the service's own words an error quotes.</summary>
    private const int LongestMessage = 300;

    /// <summary>The most items the scrape API puts on one page (https://archive.org/help/aboutsearch.htm).</summary>
    private const int LargestPage = 10_000;

    /// <summary>The most pages of a search: a million items, many times what there is of Mapillary.</summary>
    private const int MostPages = 100;

    private readonly HttpClient _http;
    private readonly RetryRules _rules;
    private readonly IRunLog _log;
    private readonly Retries _retries;

    /// <summary>Makes a client.</summary>
    /// <param name="endpoint">The address of archive.org.</param>
    /// <param name="rules">How to retry; the default rules when null.</param>
    /// <param name="log">Told each request and each wait.</param>
    public ArchiveClient(Uri endpoint, RetryRules? rules = null, IRunLog? log = null)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        Endpoint = endpoint;
        _rules = rules ?? new RetryRules();
        _log = log ?? SilentLog.Instance;
        _http = ServiceHttp.CreateClient(DecompressionMethods.All, _rules);
        // archive.org asks tools to say who they are.
        _retries = _rules.ToRetries(Verdict, _log.Say);
    }

    /// <summary>The address that is asked.</summary>
    internal Uri Endpoint { get; }

    /// <summary>Whether archive.org has an item whose files can be had; one that was taken down counts as absent.</summary>
    /// <param name="identifier">The item's name: a collection's folder name.</param>
    /// <param name="cancellationToken">Stops the request and any wait.</param>
    /// <exception cref="ArchiveException">It could not be found out.</exception>
    public async Task<bool> ExistsAsync(string identifier, CancellationToken cancellationToken = default) =>
        (await GetItemAsync(identifier, cancellationToken)).State == ArchiveItemState.Present;

    /// <summary>Asks for an item.</summary>
    /// <param name="identifier">The item's name.</param>
    /// <param name="cancellationToken">Stops the request and any wait.</param>
    /// <exception cref="ArchiveException">It could not be found out, or no item can have this name.</exception>
    public async Task<ArchiveItem> GetItemAsync(string identifier, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(identifier);
        if (!IaIdentifier.IsValid(identifier))
            throw new ArchiveException(ArchiveFault.Refused, $"'{identifier}' cannot be the name of an item on archive.org: 3 to 100 ASCII letters, digits, '_', '-' and '.' are expected, the first a letter or digit.");

        var answer = await AskAsync($"the item '{identifier}'", $"metadata/{identifier}", cancellationToken);
        // A name that nothing bears is answered with an empty object and status 200.
        if (!answer.EnumerateObject().Any()) return new ArchiveItem(identifier, ArchiveItemState.Missing, null);
        if (answer.TryGetProperty("is_dark", out var dark) && dark.ValueKind == JsonValueKind.True) return new ArchiveItem(identifier, ArchiveItemState.Dark, null);
        return answer.TryGetProperty("metadata", out var metadata) && metadata.ValueKind == JsonValueKind.Object
            ? new ArchiveItem(identifier, ArchiveItemState.Present, ReadSize(answer)) { Files = ReadFiles(answer), Creators = JsonAnswer.Texts(metadata, "creator"), Description = JsonAnswer.Text(metadata, "description") }
            : throw new ArchiveException(ArchiveFault.BadAnswer, $"archive.org's answer about '{identifier}' does not say whether there is such an item.");
    }

    /// <summary>Searches items, page by page; every item as its page arrives.</summary>
    /// <param name="query">The query, in archive.org's language.</param>
    /// <param name="fields">The fields wanted; an item has those that it has values for. A value may be text, number or array.</param>
    /// <param name="cancellationToken">Stops the search and any wait.</param>
    /// <exception cref="ArchiveException">The search was refused, or ended before all items were there.</exception>
    public async IAsyncEnumerable<JsonElement> SearchAsync(string query, IReadOnlyList<string> fields, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(query);
        ArgumentNullException.ThrowIfNull(fields);
        var search = string.Create(CultureInfo.InvariantCulture,
            $"services/search/v1/scrape?q={Uri.EscapeDataString(query)}&fields={Uri.EscapeDataString(string.Join(',', fields))}&count={LargestPage}");
        var cursors = new HashSet<string>(StringComparer.Ordinal);
        var found = 0L;
        long? total = null;
        string? cursor = null;
        do
        {
            var page = await AskAsync(
                found == 0 ? $"items that match {query}" : string.Create(CultureInfo.InvariantCulture, $"items that match {query}, after the first {found:N0}"),
                cursor is null ? search : $"{search}&cursor={Uri.EscapeDataString(cursor)}",
                cancellationToken);
            if (!page.TryGetProperty("items", out var items) || items.ValueKind != JsonValueKind.Array)
                throw new ArchiveException(ArchiveFault.BadAnswer, $"archive.org's answer to the search for {query} holds no items.");
            // The first page tells the number of all.
            if (cursor is null) total = ReadNumber(page, "total");
            foreach (var item in items.EnumerateArray())
            {
                found++;
                yield return item;
            }

            cursor = JsonAnswer.Text(page, "cursor");
            if (cursors.Count == MostPages)
                throw new ArchiveException(ArchiveFault.BadAnswer, string.Create(CultureInfo.InvariantCulture, $"archive.org's search for {query} goes on after {MostPages} pages and {found:N0} items; the rest was not read."));
            if (cursor is not null && !cursors.Add(cursor))
                throw new ArchiveException(ArchiveFault.BadAnswer, string.Create(CultureInfo.InvariantCulture, $"archive.org's search for {query} leads back to an earlier page after {found:N0} items."));
        }
        while (cursor is not null);

        // The service breaks long searches off without an error.
        if (found < total)
            throw new ArchiveException(ArchiveFault.BadAnswer, string.Create(CultureInfo.InvariantCulture, $"archive.org's search for {query} ended after {found:N0} of {total:N0} items. Try again later."));
    }

    /// <summary>
    /// A client that asks the same and gives up within seconds where archive.org cannot be reached or is busy: for whoever has an earlier
    /// answer to fall back on.
    /// </summary>
    internal ArchiveClient GivingUpSoon() => new(
        Endpoint,
        _rules with
        {
            Attempts = Math.Min(_rules.Attempts, 2),
            RateLimitAttempts = 1,
            LongestRetryAfter = TimeSpan.FromSeconds(2),
            ConnectTimeout = TimeSpan.FromSeconds(5),
        },
        _log);

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    /// <summary>An item's size in bytes, which comes as a number or as text.</summary>
    internal static long? ReadSize(JsonElement item) => ReadNumber(item, "item_size");

    private static Dictionary<string, ArchivedFile> ReadFiles(JsonElement item)
    {
        var files = new Dictionary<string, ArchivedFile>(StringComparer.Ordinal);
        if (!item.TryGetProperty("files", out var list) || list.ValueKind != JsonValueKind.Array) return files;
        foreach (var file in list.EnumerateArray())
        {
            if (file.ValueKind == JsonValueKind.Object && JsonAnswer.Text(file, "name") is { } name)
                files[name] = new ArchivedFile(name, ReadNumber(file, "size"), JsonAnswer.Text(file, "md5")?.ToLowerInvariant());
        }

        return files;
    }

    private static long? ReadNumber(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value)
        && long.TryParse(value.ValueKind == JsonValueKind.Number ? value.GetRawText() : JsonAnswer.Text(value), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    private async Task<JsonElement> AskAsync(string what, string request, CancellationToken cancellationToken)
    {
        _log.Say($"Asking archive.org for {what}.");
        return await _retries.ExecuteAsync(async ct => await AskOnceAsync(what, request, ct), cancellationToken);
    }

    private async Task<JsonElement> AskOnceAsync(string what, string request, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(_rules.RequestTimeout);
        try
        {
            using var response = await _http.GetAsync(new Uri(Endpoint, request), HttpCompletionOption.ResponseHeadersRead, deadline.Token);
            var body = await ServiceHttp.ReadAsync(response, deadline.Token)
                ?? throw new ArchiveException(ArchiveFault.BadAnswer, $"archive.org's answer was far too long ({what}); the rest was not read.");
            return Read(what, response, body);
        }
        catch (OperationCanceledException e) when (e.InnerException is TimeoutException && !cancellationToken.IsCancellationRequested)
        {
            throw new ArchiveException(
                ArchiveFault.Transient,
                FormattableString.Invariant($"archive.org could not be reached at {Endpoint.Host} ({what}): no connection within {_rules.ConnectTimeout.TotalSeconds:0} s."),
                e);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ArchiveException(ArchiveFault.Transient, FormattableString.Invariant($"archive.org did not answer within {_rules.RequestTimeout.TotalSeconds:0} s ({what})."));
        }
        catch (Exception e) when (e is HttpRequestException or IOException or InvalidDataException)
        {
            throw Intermediary.Find(e, Endpoint) is { } between
                ? new ArchiveException(ArchiveFault.Intercepted, between, e)
                : new ArchiveException(ArchiveFault.Transient, $"archive.org could not be reached at {Endpoint.Host} ({what}): {ServiceHttp.ReasonOf(e)}", e);
        }
    }

    /// <summary>Whether a host is one of archive.org.</summary>
    internal static bool IsOwn(string host) => host == "archive.org" || host.EndsWith(".archive.org", StringComparison.Ordinal);

    private JsonElement Read(string what, HttpResponseMessage response, ReadOnlyMemory<byte> body)
    {
        if (Intermediary.Find(response, Endpoint, IsOwn) is { } between) throw new ArchiveException(ArchiveFault.Intercepted, between) { Status = response.StatusCode };
        JsonElement answer = default;
        try
        {
            using var document = JsonAnswer.Parse(body);
            answer = document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            if (response.IsSuccessStatusCode) throw Fault(ArchiveFault.Transient, $"its answer was cut or is no JSON: {e.Message.TrimEnd('.')}", e);
        }

        var error = answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("error", out var reason) ? Shown(reason) : null;
        if (response.StatusCode == HttpStatusCode.OK && error is null)
            return answer.ValueKind == JsonValueKind.Object ? answer : throw Fault(ArchiveFault.BadAnswer, "its answer is no JSON object");

        var status = (int)response.StatusCode;
        var fault = status switch
        {
            429 => ArchiveFault.RateLimited,
            408 or >= 500 => ArchiveFault.Transient,
            // The search engine behind the service reports its own hiccups in the body of a good answer.
            200 when error!.Contains("shards failed", StringComparison.OrdinalIgnoreCase) || error.Contains("timed out", StringComparison.OrdinalIgnoreCase) => ArchiveFault.Transient,
            _ => ArchiveFault.Refused,
        };
        throw Fault(fault, status is >= 300 and < 400 ? $"HTTP {status}, a redirect to another page" : error is null ? $"HTTP {status}" : $"{error} (HTTP {status})");

        ArchiveException Fault(ArchiveFault kind, string why, Exception? inner = null) => new(kind, $"archive.org could not answer ({what}): {why}.", inner)
        {
            Status = response.StatusCode,
            RetryAfter = ServiceHttp.RetryAfterOf(response),
        };
    }

    /// <summary>The service's own words, as much as an error quotes of them.</summary>
    private static string Shown(JsonElement reason) => Quoted(JsonAnswer.Text(reason) ?? "an error without words");

    /// <summary>As much as an error quotes of a service's words.</summary>
    internal static string Quoted(string words) => words.Length <= LongestMessage ? words : words[..LongestMessage] + "…";

    internal static RetryVerdict? Verdict(Exception e) => e is ArchiveException { Fault: ArchiveFault.Transient or ArchiveFault.RateLimited } fault
        ? new RetryVerdict(fault.Fault == ArchiveFault.RateLimited, fault.RetryAfter)
        : null;
}
