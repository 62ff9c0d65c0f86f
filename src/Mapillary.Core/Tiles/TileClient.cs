using System.Net;
using Mapillary.Graph;
using Mapillary.Services;

namespace Mapillary.Tiles;

/// <summary>
/// Asks for vector tiles, at a pace, and tells their answers apart. The token is in the query of an address, because the tiles' server answers
/// 403 to the header; so no address of a tile stands in any text.
/// </summary>
public sealed class TileClient : IDisposable
{
    /// <summary>
    /// The most requests a minute. Mapillary documents a number a day and none a minute, and blocks the addresses of those who ask fast
    /// (https://forum.mapillary.com/t/10644).
    /// </summary>
    internal const int TilesAMinute = 60;

    /// <summary>By which share the pace varies, as that of a person does.</summary>
    private const double Jitter = 0.1;

    /// <summary>How often a passing fault is met before a tile is given up: requests are few here.</summary>
    private const int Attempts = 3;

    /// <summary>The most bytes of a tile as it is sent; the largest that are known have 10 MB.</summary>
    private const int LargestBody = 256 << 20;

    /// <summary>The most bytes that are read of an answer that is no tile.</summary>
    private const int LongestPage = 1 << 20;

    private static readonly string Kept = FormattableString.Invariant($"The tiles that were read are kept for {TileStore.Lifetime.TotalDays:0} days.");

    /// <summary>All listings of this process keep to one pace.</summary>
    private static readonly RequestPace Shared = new(TilesAMinute, TimeProvider.System, Jitter);

    private readonly HttpClient _http;
    private readonly Uri _endpoint;
    private readonly AccessToken _token;
    private readonly RetryRules _rules;
    private readonly Retries _retries;
    private readonly RequestPace? _pace;
    private readonly IRunLog _log;

    /// <summary>Makes a client.</summary>
    /// <param name="endpoints">Where the services are.</param>
    /// <param name="token">Sent to the tiles' address alone.</param>
    /// <param name="rules">How to retry; the default rules when null.</param>
    /// <param name="log">Told each request and each wait.</param>
    /// <exception cref="FormatException">Where the tiles are is not said, or it is plain http to another machine.</exception>
    public TileClient(ServiceEndpoints endpoints, AccessToken token, RetryRules? rules = null, IRunLog? log = null)
        : this(endpoints, token, rules, log, PaceOf(endpoints))
    {
    }

    internal TileClient(ServiceEndpoints endpoints, AccessToken token, RetryRules? rules, IRunLog? log, RequestPace? pace)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        _endpoint = endpoints.RequireTiles();
        ServiceEndpoints.RefuseClearText(_endpoint, "The address of the vector tiles");
        _token = token;
        _rules = rules ?? new RetryRules();
        _rules = _rules with { Attempts = Math.Min(_rules.Attempts, Attempts) };
        _log = log ?? SilentLog.Instance;
        _pace = pace;
        // Tiles are kept as they are sent, and unpacked while they are read.
        _http = ServiceHttp.CreateClient(DecompressionMethods.None, _rules);
        _retries = _rules.ToRetries(Verdict, _log.Say, Waits = new RetryWaits(_rules.Clock), EndsAll);
    }

    /// <summary>What requests are waiting for now.</summary>
    public RetryWaits Waits { get; }

    /// <summary>Whose tiles these are.</summary>
    internal Uri Source => _endpoint;

    /// <summary>How long a number of tiles takes at least.</summary>
    internal static TimeSpan TimeFor(int tiles) => TimeSpan.FromMinutes(tiles / (TilesAMinute * 0.9));

    /// <summary>Whether a fault concerns all tiles, so that no other one is asked for.</summary>
    internal static bool EndsAll(Exception e) => e is GraphException { Fault: GraphFault.Blocked or GraphFault.Intercepted or GraphFault.TokenRefused };

    /// <summary>Asks for a tile and has it read.</summary>
    /// <param name="tile">The tile.</param>
    /// <param name="read">
    /// Reads it, as it was sent: packed by gzip mostly, and empty where there is nothing. Its <see cref="InvalidDataException"/> has the tile asked
    /// for again.
    /// </param>
    /// <param name="cancellationToken">Stops the request and any wait.</param>
    /// <exception cref="GraphException">There is no such tile, or none that can be read, or the service refuses; see <see cref="EndsAll"/>.</exception>
    internal async Task<T> GetAsync<T>(Tile tile, Func<ReadOnlyMemory<byte>, T> read, CancellationToken cancellationToken)
    {
        _log.Say($"Asking Mapillary for tile {tile}.");
        return await _retries.ExecuteAsync(
            async ct =>
            {
                if (_pace is not null) await _pace.WaitAsync(ct);
                return await AskOnceAsync(tile, read, ct);
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    /// <summary>A service on this machine is nobody's whom requests could trouble.</summary>
    private static RequestPace? PaceOf(ServiceEndpoints endpoints) => endpoints?.Tiles is { } tiles && WebAddress.IsLoopback(tiles) ? null : Shared;

    private async Task<T> AskOnceAsync<T>(Tile tile, Func<ReadOnlyMemory<byte>, T> read, CancellationToken cancellationToken)
    {
        var what = $"tile {tile}";
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(_rules.RequestTimeout);
        try
        {
            using var message = new HttpRequestMessage(HttpMethod.Get, new Uri(_endpoint, $"maps/vtp/mly1_public/2/{tile}?{_token.Query}"));
            message.Headers.AcceptEncoding.ParseAdd("gzip");
            using var response = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
            var body = await ServiceHttp.ReadAsync(response, deadline.Token, LargestBody)
                ?? throw new GraphException(GraphFault.BadAnswer, $"Mapillary's answer was far too long ({what}); the rest was not read.");
            if (FindFault(what, response, body) is { } fault) throw fault;
            return read(body);
        }
        catch (InvalidDataException e)
        {
            throw new GraphException(GraphFault.Transient, $"Mapillary's answer is no whole tile ({what}): {e.Message.TrimEnd('.')}.", e);
        }
        catch (Exception e) when (GraphAnswer.FindBreak(e, what, _endpoint, _rules, cancellationToken) is { } broken)
        {
            throw broken;
        }
    }

    /// <summary>What is wrong with an answer. No tile begins as a page or as JSON does, whatever the status says.</summary>
    private GraphException? FindFault(string what, HttpResponseMessage response, ReadOnlyMemory<byte> body)
    {
        var status = response.StatusCode;
        var page = PageOf(response, body);
        if (page is null) return null;
        var fault = GraphAnswer.FindFault(what, response, page, _token, _endpoint)
            ?? new GraphException(GraphFault.Transient, $"Mapillary answers with something else than a tile ({what}).") { Status = status };
        if (fault.Fault == GraphFault.Blocked)
            return new GraphException(fault.Fault, $"{fault.Message} From tiles, addresses were seen to be blocked for a day. {Kept}", fault) { Status = status };
        if (EndsAll(fault)) return fault;
        // Whatever the words are: who goes on asking is locked out for longer.
        if (fault.Fault == GraphFault.RateLimited || status is HttpStatusCode.Forbidden or HttpStatusCode.TooManyRequests)
        {
            return new GraphException(
                GraphFault.Blocked,
                $"{fault.Message} Mapillary gives no more tiles to this access token or network address for now. "
                + $"Wait a day before the next run; trying on extends the block. {Kept}",
                fault)
            { Status = status };
        }

        return status == HttpStatusCode.NotFound
            ? new GraphException(
                GraphFault.NotFound, $"Mapillary does not have {what} now: HTTP 404. That does not mean that it is empty; it may be there tomorrow.", fault)
            { Status = status }
            : fault;
    }

    /// <returns>The text of an answer that is no tile; null where it is one.</returns>
    private static byte[]? PageOf(HttpResponseMessage response, ReadOnlyMemory<byte> body)
    {
        var head = new byte[64];
        using var start = VectorTile.Open(body);
        var text = head.AsSpan(0, start.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)).TrimStart(" \r\n\t"u8);
        if (response.StatusCode is HttpStatusCode.OK or HttpStatusCode.NoContent && text is not [(byte)'<' or (byte)'{', ..]) return null;
        var page = new byte[LongestPage];
        using var whole = VectorTile.Open(body);
        return page[..whole.ReadAtLeast(page, page.Length, throwOnEndOfStream: false)];
    }

    private static RetryVerdict? Verdict(Exception e) =>
        e is GraphException { Fault: GraphFault.Transient or GraphFault.TimedOut } fault ? new RetryVerdict(RateLimited: false, fault.RetryAfter) : null;
}
