using System.Collections.Concurrent;

namespace Mapillary.Emulator;

/// <summary>The servers.</summary>
public enum ServerKind
{
    /// <summary>The Graph API.</summary>
    Graph,

    /// <summary>The image CDN.</summary>
    Cdn,

    /// <summary>archive.org.</summary>
    Archive,

    /// <summary>archive.org's S3-like API, which takes uploads; both the entrance and the node that redirects lead to.</summary>
    S3,

    /// <summary>The vector tiles.</summary>
    Tiles,
}

/// <summary>A way to misbehave. Which server knows which is in <see cref="FaultRule"/>.</summary>
public enum FaultKind
{
    /// <summary>Graph, tiles: 403 with code 4, the app's rate limit.</summary>
    RateLimited403,

    /// <summary>Graph, tiles: 429 with code 4.</summary>
    RateLimited429,

    /// <summary>Graph: 500 with code 1 where rows × fields go over <see cref="FaultRule.MaxCells"/>.</summary>
    TooMuchData,

    /// <summary>Graph, tiles: 500 with code 2.</summary>
    Transient500,

    /// <summary>All: 503 with an HTML page.</summary>
    Html503,

    /// <summary>Graph, tiles: 302 to a login page.</summary>
    BlockedRedirect302,

    /// <summary>Graph, tiles: 200 with a login page.</summary>
    BlockedHtml200,

    /// <summary>Graph: 200 with the first half of the JSON.</summary>
    CutJson,

    /// <summary>All: the connection ends without an answer.</summary>
    ConnectionReset,

    /// <summary>Graph: <c>next</c> leads to the page itself.</summary>
    RepeatedCursor,

    /// <summary>Graph: a page begins with the last rows of the page before.</summary>
    DuplicateAcrossPages,

    /// <summary>Graph: a page without rows whose <c>next</c> leads to the rows.</summary>
    EmptyPageWithNext,

    /// <summary>Graph: 400, the cursor is no longer valid.</summary>
    ExpiredCursor400,

    /// <summary>Graph: <c>next</c> leads to another host (the CDN, which reports a token that reaches it).</summary>
    NextToOtherHost,

    /// <summary>Graph: 400 with code -2, the query took too long, where there are more rows than <see cref="FaultRule.MaxRows"/>.</summary>
    QueryTimeout400,

    /// <summary>
    /// Graph: 504 with an HTML page, where there are more rows than <see cref="FaultRule.MaxRows"/>: pages of 2,000 time out where 500 pass
    /// (https://github.com/pietervdvn/MapComplete/issues/2026).
    /// </summary>
    GatewayTimeout504,

    /// <summary>Graph: no answer until the client goes away, where there are more rows than <see cref="FaultRule.MaxRows"/>.</summary>
    NoAnswer,

    /// <summary>Graph: 400 with code 368, the address is blocked.</summary>
    LoginWanted400,

    /// <summary>Graph, tiles: 200 with the login page of a network, in place of Mapillary's answer.</summary>
    NetworkLogin200,

    /// <summary>Graph: 302 to the login page of a network.</summary>
    NetworkLogin302,

    /// <summary>Graph: 511 with the login page of a network (RFC 6585).</summary>
    NetworkLogin511,

    /// <summary>Graph: 407, a proxy wants a password.</summary>
    ProxyPassword407,

    /// <summary>CDN: 403, the address has expired.</summary>
    Expired403,

    /// <summary>CDN: 404.</summary>
    NotFound404,

    /// <summary>CDN: 400, which no one tries again in the same run.</summary>
    BadRequest400,

    /// <summary>CDN: the connection ends half-way through the picture.</summary>
    Truncated,

    /// <summary>CDN: half a picture, with a Content-Length that agrees.</summary>
    TruncatedWithRightLength,

    /// <summary>CDN: <see cref="FaultRule.TrickleBytesPerSecond"/>, never quite stopping.</summary>
    Trickle,

    /// <summary>CDN: 200 with an HTML page.</summary>
    Html200,

    /// <summary>CDN: 200 with nothing.</summary>
    Empty,

    /// <summary>CDN: the picture with bytes behind its end.</summary>
    TrailingBytes,

    /// <summary>CDN: the picture with an EXIF block that readers choke on.</summary>
    CorruptExif,

    /// <summary>CDN: the picture with an XMP packet.</summary>
    ExistingXmp,

    /// <summary>S3: 503, asked to slow down, before the file is read.</summary>
    SlowDown503,

    /// <summary>S3: 417 to an upload that waits for leave to send its file (<c>Expect: 100-continue</c>), as proxies do that do not know that.</summary>
    ExpectationFailed417,

    /// <summary>S3: 503, asked to slow down, with the words that the upload appears to be spam in the resource.</summary>
    Spam503,

    /// <summary>S3: 400, the digest does not fit, though it does; nothing is stored.</summary>
    BadDigest400,

    /// <summary>S3: 200, but a byte of what is stored is another one.</summary>
    WrongBytesStored,

    /// <summary>S3: the connection ends when half of the file has been read; nothing is stored.</summary>
    ConnectionCutInBody,

    /// <summary>S3: the file is stored, and the answer is 500.</summary>
    ErrorAfterStored,

    /// <summary>S3: the file is stored, and the connection ends without an answer.</summary>
    ResetAfterStored,

    /// <summary>S3, <c>check_limit</c>: over the limit.</summary>
    OverLimit,

    /// <summary>S3, <c>check_limit</c>: 500 with an HTML page.</summary>
    CheckLimitFails,

    /// <summary>Tiles: 404, as a tile of Chicago was answered through every retry that was there the next day.</summary>
    TileMissing404,

    /// <summary>Tiles: the first half of a tile.</summary>
    CutTile,

    /// <summary>archive.org, a part of a file: 200 with the whole file, as a server answers that knows no parts.</summary>
    WholeFile200,

    /// <summary>archive.org, a part of a file: 206 with the part that begins a byte later.</summary>
    WrongPart206,

    /// <summary>archive.org, a file: the connection ends when half of it has been sent.</summary>
    CutDownload,

    /// <summary>archive.org, a file: 403, as it answers for one that not everybody may have.</summary>
    Restricted403,

    /// <summary>archive.org, a file: 302 to another host (this machine by another name).</summary>
    RedirectElsewhere302,

    /// <summary>archive.org, a file: 302 to itself.</summary>
    RedirectCircle302,
}

/// <summary>A request as the fault rules see it.</summary>
/// <param name="Server">Where it arrived.</param>
/// <param name="Key">What tells repeats from other requests: the image and rendition at the CDN, method and path at S3, path and query (without token) elsewhere.</param>
/// <param name="Path">Path and query, without a token or a key.</param>
/// <param name="Image">The image it is for, where it is for one.</param>
/// <param name="Ordinal">The image's number in the world, from 0; else the how manieth different request this was, from 0.</param>
public sealed record FaultTarget(ServerKind Server, string Key, string Path, EmulatedImage? Image, int Ordinal);

/// <summary>When to misbehave and how.</summary>
public sealed record FaultRule
{
    /// <summary>The server that misbehaves.</summary>
    public required ServerKind Server { get; init; }

    /// <summary>How.</summary>
    public required FaultKind Kind { get; init; }

    /// <summary>At which requests; null for all. See also <see cref="Every"/> and <see cref="Rate"/>.</summary>
    public Func<FaultTarget, bool>? Which { get; init; }

    /// <summary>At every nth target only, beginning with the nth. Targets are counted as <see cref="FaultTarget.Ordinal"/> says.</summary>
    public int Every { get; init; } = 1;

    /// <summary>At this share of the targets, 0 to 1, chosen by the seed.</summary>
    public double Rate { get; init; } = 1;

    /// <summary>How many times at each target before it is served well; <see cref="int.MaxValue"/> for always.</summary>
    public int Times { get; init; } = 1;

    /// <summary>For the rate limits and <see cref="FaultKind.SlowDown503"/>: the Retry-After header in seconds, null for none.</summary>
    public int? RetryAfterSeconds { get; init; }

    /// <summary>For <see cref="FaultKind.TooMuchData"/>: the most rows × fields that are answered.</summary>
    public int MaxCells { get; init; } = 20000;

    /// <summary>For what takes too long: the most rows that are answered in time; a request that is no search has one.</summary>
    public int MaxRows { get; init; }

    /// <summary>For <see cref="FaultKind.Trickle"/>: how slow.</summary>
    public int TrickleBytesPerSecond { get; init; } = 64;

    private static readonly FaultKind[] Everywhere = [FaultKind.Html503, FaultKind.ConnectionReset];

    private static readonly FaultKind[] OfTiles =
    [
        FaultKind.TileMissing404, FaultKind.CutTile, FaultKind.Transient500, FaultKind.RateLimited403, FaultKind.RateLimited429,
        FaultKind.BlockedHtml200, FaultKind.BlockedRedirect302, FaultKind.NetworkLogin200,
    ];

    /// <summary>Whether the server knows this way of misbehaving.</summary>
    public static bool Knows(ServerKind server, FaultKind kind) => Everywhere.Contains(kind) || server switch
    {
        ServerKind.Graph => kind < FaultKind.Expired403,
        ServerKind.Cdn => kind is >= FaultKind.Expired403 and < FaultKind.SlowDown503,
        ServerKind.S3 => kind is >= FaultKind.SlowDown503 and < FaultKind.TileMissing404,
        ServerKind.Tiles => OfTiles.Contains(kind),
        ServerKind.Archive => kind >= FaultKind.WholeFile200,
        _ => false,
    };
}

/// <summary>Picks the fault of a request. Same seed and same requests, same faults, in whatever order they arrive.</summary>
internal sealed class FaultPlan(EmulatorOptions options)
{
    private readonly ConcurrentDictionary<(int Rule, string Key), int> _uses = new();
    private readonly ConcurrentDictionary<(ServerKind, string Key), int> _ordinals = new();
    private readonly int[] _seen = new int[Enum.GetValues<ServerKind>().Length];

    /// <param name="applies">Whether a kind makes sense for this request; one that does not is passed over, unused.</param>
    public FaultRule? Pick(ServerKind server, string key, string path, EmulatedImage? image, Func<FaultRule, bool> applies)
    {
        FaultTarget? target = null;
        for (var i = 0; i < options.Faults.Count; i++)
        {
            var rule = options.Faults[i];
            if (rule.Server != server) continue;
            target ??= new FaultTarget(server, key, path, image, image?.Ordinal ?? OrdinalOf(server, key));
            if ((target.Ordinal + 1) % rule.Every != 0
                || (rule.Rate < 1 && Chance.Share(options.Seed, key, i) >= rule.Rate)
                || rule.Which?.Invoke(target) == false
                || !applies(rule))
                continue;
            if (rule.Times == int.MaxValue || _uses.AddOrUpdate((i, key), 1, (_, used) => used + 1) <= rule.Times) return rule;
        }

        return null;
    }

    private int OrdinalOf(ServerKind server, string key)
    {
        lock (_seen)
        {
            if (!_ordinals.TryGetValue((server, key), out var ordinal))
                _ordinals[(server, key)] = ordinal = _seen[(int)server]++;
            return ordinal;
        }
    }
}
