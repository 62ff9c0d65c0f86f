using System.Globalization;
using System.Net;
using System.Text.Json;
using Mapillary.Services;

namespace Mapillary.Graph;

/// <summary>
/// Asks the Graph API, one request at a time a call: adds the token, tells errors apart, waits and asks again where that
/// helps. Any number of calls may run at once.
/// </summary>
public sealed class GraphClient : IDisposable
{
    /// <summary>The most records the API puts on one page.</summary>
    internal const int LargestPage = 2000;

    /// <summary>How many ids go into one request; keeps its address under 2,000 characters.</summary>
    public const int IdsARequest = 50;

    private static readonly string AllFields = string.Join(',', ImageFields.All);
    private static readonly string FewerFields = string.Join(',', ImageFields.All.Where(f => !f.IsSpare));

    /// <summary>Requests a minute that an app may make for an entity (https://www.mapillary.com/developer/api-documentation, rate limits).</summary>
    private const int EntitiesAMinute = 60_000;

    /// <summary>Requests a minute that an app may make to search (same source).</summary>
    private const int SearchesAMinute = 10_000;

    private readonly HttpClient _http;
    private readonly Uri _endpoint;
    private readonly AccessToken _token;
    private readonly RetryRules _rules;
    private readonly Retries _retries;
    private readonly RequestPace _entities;
    private readonly RequestPace _searches;
    private GraphException? _block;
    private int _saidFewerFields;

    /// <summary>Makes a client.</summary>
    /// <param name="endpoint">The Graph API's address.</param>
    /// <param name="token">Sent as a header to that address alone.</param>
    /// <param name="rules">How to retry; the default rules when null.</param>
    /// <param name="log">Gets a line for each request and each wait.</param>
    /// <exception cref="FormatException">The address is plain http to another machine, where the token would be sent in clear.</exception>
    public GraphClient(Uri endpoint, AccessToken token, RetryRules? rules = null, IRunLog? log = null)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        ServiceEndpoints.RefuseClearText(endpoint, "The address of the Graph API");
        _endpoint = endpoint;
        _token = token;
        _rules = rules ?? new RetryRules();
        Log = log ?? SilentLog.Instance;
        _http = ServiceHttp.CreateClient(DecompressionMethods.All, _rules);
        _retries = _rules.ToRetries(
            Verdict, Log.Say, Waits = new RetryWaits(_rules.Clock),
            e => e is GraphException { Fault: GraphFault.Blocked or GraphFault.Intercepted or GraphFault.TokenRefused });
        _entities = new RequestPace(EntitiesAMinute, _rules.Clock);
        _searches = new RequestPace(SearchesAMinute, _rules.Clock);
    }

    /// <summary>What requests are waiting for now.</summary>
    public RetryWaits Waits { get; }

    internal IRunLog Log { get; }

    /// <summary>Asks for the records of some images.</summary>
    /// <param name="ids">Up to <see cref="IdsARequest"/> image ids.</param>
    /// <param name="cancellationToken">Stops the request and any wait.</param>
    /// <returns>The records found, in the order of the ids; an id that the API does not know is left out.</returns>
    /// <exception cref="GraphException">The API refused, or could not be reached.</exception>
    public async Task<IReadOnlyList<MapillaryImage>> GetImagesAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(ids);
        if (ids.Count == 0) return [];
        var (what, request) = ($"{ids.Count} images by id", $"images?image_ids={Uri.EscapeDataString(string.Join(',', ids))}");
        ImagePage page;
        try
        {
            page = ids.Count > 1
                ? await GetPageAsync(what, $"{request}&fields={AllFields}", canAskForLess: true, cancellationToken)
                : await WithFewerFieldsAsync(what, fields => GetPageAsync(what, $"{request}&fields={fields}", canAskForLess: false, cancellationToken));
        }
        catch (GraphException e) when (e.Fault is GraphFault.TooMuchData or GraphFault.TimedOut && ids.Count > 1)
        {
            await BeforeAskingForLessAsync(e, $"asking for the {ids.Count} images in two halves", cancellationToken);
            return
            [
                .. await GetImagesAsync([.. ids.Take(ids.Count / 2)], cancellationToken),
                .. await GetImagesAsync([.. ids.Skip(ids.Count / 2)], cancellationToken),
            ];
        }

        var byId = page.Images.GroupBy(i => i.Id).ToDictionary(g => g.Key, g => g.First());
        return [.. ids.Distinct().Where(byId.ContainsKey).Select(id => byId[id])];
    }

    /// <summary>Asks for the record of one image.</summary>
    /// <exception cref="GraphException">The API refused, or could not be reached; <see cref="GraphFault.NotFound"/> when there is no such image.</exception>
    public Task<MapillaryImage> GetImageAsync(string id, CancellationToken cancellationToken) =>
        WithFewerFieldsAsync($"image {id}", fields => AskAsync($"image {id}", $"{Uri.EscapeDataString(id)}?fields={fields}", _entities, canAskForLess: false, body =>
        {
            var image = ImageRecordReader.ReadImage(body.Span);
            return image.Id == id ? image : throw new GraphException(GraphFault.BadAnswer, $"Mapillary was asked for image {id} and answered with image {image.Id}.");
        }, cancellationToken));

    /// <summary>Asks how a user is called now.</summary>
    /// <param name="userId">The user's number.</param>
    /// <param name="cancellationToken">Stops the request and any wait.</param>
    /// <returns>The name; null where Mapillary has no such user, or does not tell.</returns>
    /// <exception cref="GraphException">The API could not be reached, or refuses altogether.</exception>
    internal async Task<string?> FindUserNameAsync(string userId, CancellationToken cancellationToken)
    {
        try
        {
            return await AskAsync($"the name of user {userId}", $"{Uri.EscapeDataString(userId)}?fields=username", _entities, canAskForLess: false, body =>
            {
                using var answer = JsonAnswer.Parse(body);
                return JsonAnswer.Text(answer.RootElement, "username") is { Length: > 0 and <= FieldShapes.LongestText } name ? name : null;
            }, cancellationToken);
        }
        catch (GraphException e) when (e.Fault is GraphFault.NotFound or GraphFault.BadRequest)
        {
            return null;
        }
    }

    /// <summary>Asks for the ids of a sequence's images, in the order of their capture.</summary>
    /// <returns>The ids; none when there is no such sequence.</returns>
    /// <exception cref="GraphException">The API refused, or could not be reached.</exception>
    internal Task<IReadOnlyList<string>> GetImageIdsAsync(string sequenceId, CancellationToken cancellationToken) =>
        AskAsync($"the image ids of sequence {sequenceId}", $"image_ids?sequence_id={Uri.EscapeDataString(sequenceId)}", _searches, canAskForLess: false, body =>
        {
            using var answer = JsonAnswer.Parse(body);
            if (answer.RootElement.ValueKind != JsonValueKind.Object || !answer.RootElement.TryGetProperty("data", out var data) || data.ValueKind != JsonValueKind.Array)
                throw new JsonException("The answer has no data.");
            var ids = new List<string>(data.GetArrayLength());
            foreach (var entry in data.EnumerateArray())
            {
                if (entry.ValueKind != JsonValueKind.Object || !entry.TryGetProperty("id", out var id)) continue;
                if ((id.ValueKind == JsonValueKind.Number ? id.GetRawText() : JsonAnswer.Text(id)) is { Length: > 0 and <= FieldShapes.LongestText } text) ids.Add(text);
            }

            return (IReadOnlyList<string>)ids;
        }, cancellationToken);

    /// <summary>Asks for one page of the image search.</summary>
    /// <param name="what">What is asked for, in words.</param>
    /// <param name="search">The search's own parameters, escaped.</param>
    /// <param name="limit">The most records wanted.</param>
    /// <param name="orFewerFields">Whether records may lack the fields that can be spared, where the API finds all of them too much.</param>
    /// <param name="canAskForLess">Whether a request that gets no answer in time is left to the caller, who can ask for less.</param>
    /// <param name="cancellationToken">Stops the request and any wait.</param>
    /// <exception cref="GraphException">The API refused, or could not be reached.</exception>
    internal Task<ImagePage> SearchAsync(string what, string search, int limit, bool orFewerFields, bool canAskForLess, CancellationToken cancellationToken)
    {
        return orFewerFields ? WithFewerFieldsAsync(what, AskAsync) : AskAsync(AllFields);

        Task<ImagePage> AskAsync(string fields) => GetPageAsync(what, $"images?{search}&limit={limit}&fields={fields}", canAskForLess, cancellationToken);
    }

    /// <summary>Says that a smaller request follows, and after a time-out gives the service a moment.</summary>
    /// <param name="fault">Why.</param>
    /// <param name="how">What is asked for now, in words.</param>
    /// <param name="cancellationToken">Stops the wait.</param>
    internal async Task BeforeAskingForLessAsync(GraphException fault, string how, CancellationToken cancellationToken)
    {
        if (fault.Fault == GraphFault.TooMuchData)
        {
            Log.Say($"Mapillary asks for smaller requests: {how}.");
            return;
        }

        var wait = _rules.WaitAfter(attempt: 1);
        Waits.Begin(wait);
        Log.Say(string.Create(CultureInfo.InvariantCulture, $"{fault.Message} Waiting {wait.TotalSeconds:0.#} s, then {how}."));
        await Task.Delay(wait, _rules.Clock, cancellationToken);
    }

    /// <summary>Ends what still works on an earlier answer, once the service has blocked this address.</summary>
    /// <exception cref="GraphException">It has.</exception>
    internal void ThrowIfBlocked()
    {
        if (Volatile.Read(ref _block) is { } block) throw new GraphException(block.Fault, block.Message, block) { Status = block.Status };
    }

    /// <summary>Whether the address is one of this client's own service.</summary>
    internal bool IsOwn(Uri address) => Uri.Compare(address, _endpoint, UriComponents.SchemeAndServer, UriFormat.SafeUnescaped, StringComparison.OrdinalIgnoreCase) == 0;

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private Task<ImagePage> GetPageAsync(string what, string request, bool canAskForLess, CancellationToken cancellationToken) =>
        AskAsync(what, request, _searches, canAskForLess, body => ImagePage.Parse(body.Span), cancellationToken);

    private async Task<T> WithFewerFieldsAsync<T>(string what, Func<string, Task<T>> ask)
    {
        try
        {
            return await ask(AllFields);
        }
        catch (GraphException e) when (e.Fault == GraphFault.TooMuchData)
        {
            var words = $"Mapillary refuses so much data at once ({what}); asking without {string.Join(", ", ImageFields.All.Where(f => f.IsSpare))}. These records will lack them.";
            if (Interlocked.Exchange(ref _saidFewerFields, 1) == 0) Log.Warn(words);
            else Log.Say(words);
            return await ask(FewerFields);
        }
    }

    private async Task<T> AskAsync<T>(
        string what, string request, RequestPace pace, bool canAskForLess, Func<ReadOnlyMemory<byte>, T> read, CancellationToken cancellationToken)
    {
        Log.Say($"Asking Mapillary for {what}.");
        return await _retries.ExecuteAsync(async ct =>
        {
            await pace.WaitAsync(ct);
            try
            {
                return await AskOnceAsync(what, request, read, ct);
            }
            catch (GraphException e) when (e.Fault == GraphFault.TimedOut && canAskForLess)
            {
                throw new GraphException(GraphFault.TimedOut, e.Message, e) { Status = e.Status, IsToAskForLess = true };
            }
        }, cancellationToken);
    }

    private async Task<T> AskOnceAsync<T>(string what, string request, Func<ReadOnlyMemory<byte>, T> read, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(_rules.RequestTimeout);
        try
        {
            using var message = new HttpRequestMessage(HttpMethod.Get, new Uri(_endpoint, request));
            message.Headers.Authorization = _token.Header;
            using var response = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
            var body = await ServiceHttp.ReadAsync(response, deadline.Token)
                ?? throw new GraphException(GraphFault.BadAnswer, $"Mapillary's answer was far too long ({what}); the rest was not read.");
            if (GraphAnswer.FindFault(what, response, body.Span, _token, _endpoint) is { } fault)
            {
                if (fault.Fault is GraphFault.Blocked or GraphFault.Intercepted) Interlocked.CompareExchange(ref _block, fault, null);
                throw fault;
            }

            return read(body);
        }
        catch (Exception e) when (GraphAnswer.FindBreak(e, what, _endpoint, _rules, cancellationToken) is { } broken)
        {
            throw broken;
        }
        // The last of them is what .NET's reader says of text that is none, such as half of a surrogate pair.
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            throw new GraphException(GraphFault.Transient, $"Mapillary's answer was cut or malformed ({what}): {e.Message}", e);
        }
    }

    private static RetryVerdict? Verdict(Exception e) => e is GraphException { Fault: GraphFault.Transient or GraphFault.TimedOut or GraphFault.RateLimited, IsToAskForLess: false } fault
        ? new RetryVerdict(fault.Fault == GraphFault.RateLimited, fault.RetryAfter)
        : null;
}
