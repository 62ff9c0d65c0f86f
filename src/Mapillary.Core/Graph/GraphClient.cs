using System.Net;
using System.Text.Json;
using Polly;

namespace Mapillary.Graph;

/// <summary>
/// Asks the Graph API, one request at a time a call: adds the token, tells errors apart, waits and asks again where that
/// helps. Any number of calls may run at once.
/// </summary>
public sealed class GraphClient : IDisposable
{
    /// <summary>The most records the API puts on one page.</summary>
    internal const int LargestPage = 2000;

    /// <summary>Every documented field of an image but the detections, which are other people's guesses about its content.</summary>
    private const string ImageFields =
        "id,altitude,atomic_scale,camera_parameters,camera_type,captured_at,compass_angle,computed_altitude,computed_compass_angle,"
        + "computed_geometry,computed_rotation,creator,exif_orientation,geometry,height,is_pano,make,model,merge_cc,mesh,organization,"
        + "quality_score,sequence,sfm_cluster,thumb_256_url,thumb_1024_url,thumb_2048_url,thumb_original_url,width";

    private readonly HttpClient _http;
    private readonly Uri _endpoint;
    private readonly AccessToken _token;
    private readonly RetryRules _rules;
    private readonly ResiliencePipeline _retry;

    /// <summary>Makes a client.</summary>
    /// <param name="endpoint">The Graph API's address.</param>
    /// <param name="token">Sent as a header to that address alone.</param>
    /// <param name="rules">How to retry; the default rules when null.</param>
    /// <param name="log">Told each request and each wait.</param>
    public GraphClient(Uri endpoint, AccessToken token, RetryRules? rules = null, IRunLog? log = null)
    {
        _endpoint = endpoint;
        _token = token;
        _rules = rules ?? new RetryRules();
        Log = log ?? SilentLog.Instance;
        _http = ServiceHttp.CreateClient(DecompressionMethods.All);
        _retry = _rules.ToPipeline(Verdict, (e, wait) => Log.Say($"{e.Message} Waiting {wait.TotalSeconds:0.#} s before asking again."));
    }

    internal IRunLog Log { get; }

    /// <summary>Asks for the records of some images.</summary>
    /// <param name="ids">Up to a few dozen image ids.</param>
    /// <param name="cancellationToken">Stops the request and any wait.</param>
    /// <returns>The records found, in the order of the ids; an id that the API does not know is left out.</returns>
    /// <exception cref="GraphException">The API refused, or could not be reached.</exception>
    public async Task<IReadOnlyList<MapillaryImage>> GetImagesAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(ids);
        if (ids.Count == 0) return [];
        var page = await GetPageAsync($"{ids.Count} images by id", $"images?image_ids={Uri.EscapeDataString(string.Join(',', ids))}&fields={ImageFields}", cancellationToken);
        var byId = page.Images.GroupBy(i => i.Id).ToDictionary(g => g.Key, g => g.First());
        return [.. ids.Distinct().Where(byId.ContainsKey).Select(id => byId[id])];
    }

    /// <summary>Asks for the record of one image.</summary>
    /// <exception cref="GraphException">The API refused, or could not be reached; <see cref="GraphFault.NotFound"/> when there is no such image.</exception>
    public Task<MapillaryImage> GetImageAsync(string id, CancellationToken cancellationToken) =>
        AskAsync($"image {id}", $"{Uri.EscapeDataString(id)}?fields={ImageFields}", body =>
        {
            var image = ImageRecordReader.ReadImage(body.Span);
            return image.Id == id ? image : throw new GraphException(GraphFault.BadAnswer, $"Mapillary was asked for image {id} and answered with image {image.Id}.");
        }, cancellationToken);

    /// <summary>Asks for the ids of a sequence's images, in the order of their capture.</summary>
    /// <returns>The ids; none when there is no such sequence.</returns>
    /// <exception cref="GraphException">The API refused, or could not be reached.</exception>
    internal Task<IReadOnlyList<string>> GetImageIdsAsync(string sequenceId, CancellationToken cancellationToken) =>
        AskAsync($"the image ids of sequence {sequenceId}", $"image_ids?sequence_id={Uri.EscapeDataString(sequenceId)}", body =>
        {
            using var answer = JsonDocument.Parse(body);
            if (!answer.RootElement.TryGetProperty("data", out var data) || data.ValueKind != JsonValueKind.Array)
                throw new JsonException("The answer has no data.");
            var ids = new List<string>(data.GetArrayLength());
            foreach (var entry in data.EnumerateArray())
            {
                if (entry.ValueKind == JsonValueKind.Object && entry.TryGetProperty("id", out var id) && id.ValueKind is JsonValueKind.String or JsonValueKind.Number)
                    ids.Add(id.ToString());
            }

            return (IReadOnlyList<string>)ids;
        }, cancellationToken);

    /// <summary>Asks for one page of the image search.</summary>
    /// <param name="what">What is asked for, in words.</param>
    /// <param name="search">The search's own parameters, escaped.</param>
    /// <param name="limit">The most records wanted.</param>
    /// <param name="cancellationToken">Stops the request and any wait.</param>
    /// <exception cref="GraphException">The API refused, or could not be reached.</exception>
    internal Task<ImagePage> SearchAsync(string what, string search, int limit, CancellationToken cancellationToken) =>
        GetPageAsync(what, $"images?{search}&limit={limit}&fields={ImageFields}", cancellationToken);

    /// <summary>Whether the address is one of this client's own service.</summary>
    internal bool IsOwn(Uri address) => Uri.Compare(address, _endpoint, UriComponents.SchemeAndServer, UriFormat.SafeUnescaped, StringComparison.OrdinalIgnoreCase) == 0;

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private Task<ImagePage> GetPageAsync(string what, string request, CancellationToken cancellationToken) =>
        AskAsync(what, request, body => ImagePage.Parse(body.Span), cancellationToken);

    private async Task<T> AskAsync<T>(string what, string request, Func<ReadOnlyMemory<byte>, T> read, CancellationToken cancellationToken)
    {
        Log.Say($"Asking Mapillary for {what}.");
        return await _retry.ExecuteAsync(async ct => await AskOnceAsync(what, request, read, ct), cancellationToken);
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
            var body = await response.Content.ReadAsByteArrayAsync(deadline.Token);
            if (GraphAnswer.FindFault(what, response, body) is { } fault) throw fault;
            return read(body);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new GraphException(GraphFault.Transient, $"Mapillary did not answer within {_rules.RequestTimeout.TotalSeconds:0} s ({what}).");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new GraphException(GraphFault.Transient, $"Mapillary could not be reached at {_endpoint.Host} ({what}): {e.Message}", e);
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            throw new GraphException(GraphFault.Transient, $"Mapillary's answer was cut or malformed ({what}): {e.Message}", e);
        }
    }

    private static RetryVerdict? Verdict(Exception e) => e is GraphException { Fault: GraphFault.Transient or GraphFault.RateLimited } fault
        ? new RetryVerdict(fault.Fault == GraphFault.RateLimited, fault.RetryAfter)
        : null;
}
