using System.Net;
using System.Net.Http.Headers;
using Mapillary.Graph;
using Mapillary.Services;

namespace Mapillary.Download;

/// <summary>What a fetcher keeps to.</summary>
public sealed record FetchRules
{
    /// <summary>When to try again.</summary>
    public RetryRules Retry { get; init; } = new() { Attempts = 5 };

    /// <summary>The slowest transfer put up with, in bytes a second over each <see cref="RateStretch"/>.</summary>
    public long SlowestRate { get; init; } = 8 * 1024;

    /// <summary>Over how long the rate of a transfer is looked at, again and again; nor may it stand still for longer.</summary>
    public TimeSpan RateStretch { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long an answer is waited for.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The most transfers at once; the number that pays off is found while they run.</summary>
    public int MostConnections { get; init; } = 64;

    /// <summary>How many bytes of pictures may be in memory at once.</summary>
    public long MemoryLimit { get; init; } = 96 * 1024 * 1024;

    /// <summary>Whether plain http addresses on this machine are accepted; only with an http Graph endpoint.</summary>
    public bool LoopbackAllowed { get; init; }

    /// <summary>The rules for the services in use.</summary>
    /// <param name="endpoints">The services.</param>
    /// <param name="retry">When to try again; null for the usual rules.</param>
    public static FetchRules For(ServiceEndpoints endpoints, RetryRules? retry = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        var rules = new FetchRules { LoopbackAllowed = endpoints.IsLoopbackAllowed };
        return retry is null ? rules : rules with { Retry = retry };
    }
}

/// <summary>
/// Fetches pictures from the image servers: whole, checked, tried again where that helps. It never sends the access token, and
/// it follows no redirect. Any number of calls may run at once.
/// </summary>
public sealed class ImageFetcher : IDisposable
{
    /// <summary>
    /// More than any picture has, in bytes: a server that sends more is not sending one. The largest that a WebP could hold, 16,383 pixels each
    /// way, has some 100 MiB.
    /// </summary>
    private const int LargestPicture = 256 * 1024 * 1024;

    /// <summary>The same where the server does not say how many bytes it is to be; Mapillary's do.</summary>
    private const int LargestUnannounced = 128 * 1024 * 1024;

    private const string TooSlow = "the server sent it too slowly";

    /// <summary>How many images in a row are answered with web pages, and no other with its picture meanwhile, before that counts as a block.</summary>
    private const int WebPagesOfABlock = 10;

    private readonly FetchRules _rules;
    private readonly FreshRecords? _records;
    private readonly CheckBytes _check;
    private readonly IRunLog _log;
    private readonly HttpClient _http;
    private readonly Retries _retries;
    private readonly MemoryBudget _budget;
    private readonly ConnectionLimit _connections;
    private long _wholePictures;
    private long _bytes;
    private int _webPagesInARow;
    private GraphException? _end;

    /// <summary>Looks at a whole answer and says what is wrong with it as a picture, or null.</summary>
    public delegate string? CheckBytes(ReadOnlySpan<byte> bytes);

    /// <summary>Makes a fetcher.</summary>
    /// <param name="rules">What to keep to.</param>
    /// <param name="check">Whether an answer is a whole picture.</param>
    /// <param name="graph">Asked for a fresh address where one has expired; null when that cannot be done.</param>
    /// <param name="log">Told each wait and each fresh address.</param>
    public ImageFetcher(FetchRules rules, CheckBytes check, GraphClient? graph, IRunLog? log = null)
    {
        ArgumentNullException.ThrowIfNull(rules);
        _rules = rules;
        _check = check;
        _records = graph is null ? null : new FreshRecords(graph);
        _log = log ?? SilentLog.Instance;
        _budget = new MemoryBudget(rules.MemoryLimit);
        _connections = new ConnectionLimit(rules.MostConnections, rules.Retry.Clock, number => _log.Say($"Up to {number} transfer{(number == 1 ? "" : "s")} at once."));
        _retries = rules.Retry.ToRetries(
            e => e is PassingFault fault ? new RetryVerdict(fault.RateLimited, fault.RetryAfter) : null,
            _log.Say,
            Waits = new RetryWaits(rules.Retry.Clock));
        _http = ServiceHttp.CreateClient(DecompressionMethods.None, rules.Retry);
        // The servers transcode for whoever accepts WebP; what is archived is the JPEG.
        _http.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("image/jpeg"));
    }

    /// <summary>How many transfers go on at once at most, for now.</summary>
    public int Connections => _connections.Current;

    /// <summary>How many pictures came whole so far.</summary>
    public long Fetched => Interlocked.Read(ref _wholePictures);

    /// <summary>The size of these in bytes.</summary>
    public long FetchedBytes => Interlocked.Read(ref _bytes);

    /// <summary>What transfers are waiting for now.</summary>
    public RetryWaits Waits { get; }

    /// <summary>Fetches one rendition of an image.</summary>
    /// <param name="image">The image.</param>
    /// <param name="quality">The rendition.</param>
    /// <param name="cancellationToken">Stops the transfer and any wait.</param>
    /// <returns>The bytes as served, checked; to be disposed.</returns>
    /// <exception cref="DownloadException">Mapillary has no such rendition (<see cref="DownloadException.IsUnavailable"/>), or all tries failed.</exception>
    /// <exception cref="GraphException">
    /// No image can be had: a fresh address was needed, and the Graph API refuses altogether; or the image servers block this address, or
    /// ask for fewer requests for longer than the rules wait.
    /// </exception>
    public async Task<FetchedImage> FetchAsync(MapillaryImage image, ImageQuality quality, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(image);
        var address = Accept(image, quality);
        var fresh = false;
        if (address is null || ImageAddress.HasExpired(address, DateTimeOffset.UtcNow))
        {
            address = await RefreshAsync(image, quality, address is null ? "its record has no address" : "its address has expired", cancellationToken);
            fresh = true;
        }

        try
        {
            return await FetchAsync(image.Id, address, cancellationToken);
        }
        catch (AddressRefused) when (!fresh && _records is not null)
        {
            address = await RefreshAsync(image, quality, "its address was refused", cancellationToken);
        }
        catch (AddressRefused e)
        {
            throw new DownloadException(image.Id, e.Message, isUnavailable: fresh, inner: e);
        }

        try
        {
            return await FetchAsync(image.Id, address, cancellationToken);
        }
        catch (AddressRefused e)
        {
            throw new DownloadException(image.Id, $"{e.Message}, also at a fresh address", isUnavailable: true, attempts: 2, inner: e);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _records?.Dispose();
        _http.Dispose();
    }

    private Uri? Accept(MapillaryImage image, ImageQuality quality)
    {
        if (image.RecordFault is not null) throw new DownloadException(image.Id, $"its record {image.RecordFault}; it was not read.", isUnavailable: false);
        var url = image.UrlOf(quality);
        if (string.IsNullOrEmpty(url)) return null;
        return ImageAddress.TryAccept(url, _rules.LoopbackAllowed, out var address, out var refusal)
            ? address
            : throw new DownloadException(image.Id, refusal + "; it was not asked.", isUnavailable: false);
    }

    private async Task<Uri> RefreshAsync(MapillaryImage image, ImageQuality quality, string why, CancellationToken cancellationToken)
    {
        if (_records is null)
            throw new DownloadException(image.Id, $"{why}, and asking for a fresh one needs an access token.", isUnavailable: false);
        _log.Say($"Image {image.Id}: {why}; asking for a fresh one.");
        try
        {
            var record = await _records.GetAsync(image.Id, cancellationToken);
            return Accept(record, quality)
                ?? throw new DownloadException(image.Id, $"Mapillary offers no rendition '{quality.ToName()}' of it.", isUnavailable: true);
        }
        catch (GraphException e) when (e.Fault == GraphFault.NotFound)
        {
            throw new DownloadException(image.Id, "Mapillary does not have it any more, or does not show it.", isUnavailable: true, inner: e);
        }
        catch (GraphException e) when (e.Fault is not (GraphFault.TokenRefused or GraphFault.Blocked or GraphFault.Intercepted or GraphFault.RateLimited))
        {
            throw new DownloadException(image.Id, $"{why}, and asking for a fresh one failed: {e.Message}", isUnavailable: false, inner: e);
        }
    }

    private async Task<FetchedImage> FetchAsync(string imageId, Uri address, CancellationToken cancellationToken)
    {
        var attempts = 0;
        var wholeBefore = Interlocked.Read(ref _wholePictures);
        try
        {
            var picture = await _retries.ExecuteAsync(async ct =>
            {
                ThrowIfEnded();
                attempts++;
                return await FetchOnceAsync(imageId, address, ct);
            }, cancellationToken);
            Interlocked.Increment(ref _wholePictures);
            Interlocked.Add(ref _bytes, picture.Bytes.Length);
            Volatile.Write(ref _webPagesInARow, 0);
            return picture;
        }
        catch (PassingFault e)
        {
            if (e.RateLimited) End(GraphFault.RateLimited, $"Mapillary's image servers ask for fewer requests, {_rules.Retry.RateLimitAttempts} times in a row. Go on later.");
            if (e.IsWebPage) NoteWebPage(wholeBefore);
            throw new DownloadException(imageId, $"{e.Reason} ({attempts} attempt{(attempts == 1 ? "" : "s")}).", isUnavailable: false, attempts, e);
        }
    }

    /// <summary>
    /// One image may be answered with a web page; many in a row are a block. An image takes longer to fail than others to succeed, so
    /// it counts only where no picture came from its first try to its last.
    /// </summary>
    private void NoteWebPage(long wholeBefore)
    {
        if (Interlocked.Read(ref _wholePictures) == wholeBefore && Interlocked.Increment(ref _webPagesInARow) >= WebPagesOfABlock)
            End(GraphFault.Blocked, $"Mapillary's image servers answer with web pages in place of pictures, for {WebPagesOfABlock} images in a row: this network address is blocked for now. Wait some hours before the next run; trying on extends the block.");
    }

    /// <summary>No further picture is asked for, by anyone.</summary>
    private void End(GraphFault fault, string message)
    {
        Interlocked.CompareExchange(ref _end, new GraphException(fault, message), null);
        ThrowIfEnded();
    }

    private void ThrowIfEnded()
    {
        if (Volatile.Read(ref _end) is { } end) throw new GraphException(end.Fault, end.Message, end);
    }

    private async Task<FetchedImage> FetchOnceAsync(string imageId, Uri address, CancellationToken cancellationToken)
    {
        await _connections.EnterAsync(cancellationToken);
        var ended = false;
        try
        {
            var (picture, wasHeldUp) = await TransferAsync(imageId, address, cancellationToken);
            ended = true;
            _connections.Done(picture.Bytes.Length, wasHeldUp);
            return picture;
        }
        catch (PassingFault e) when (e.RateLimited || e.WasTooSlow)
        {
            ended = true;
            _connections.Trouble();
            throw;
        }
        finally
        {
            if (!ended) _connections.Leave();
        }
    }

    /// <returns>The picture, and whether it had to wait for room in memory.</returns>
    private async Task<(FetchedImage Picture, bool WasHeldUp)> TransferAsync(string imageId, Uri address, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(_rules.Patience);
        try
        {
            using var response = await _http.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
            if (Intermediary.Find(response, address, _ => true) is { } between) End(GraphFault.Intercepted, between);
            if (FindFault(imageId, response) is { } fault) throw fault;

            var length = response.Content.Headers.ContentLength;
            if (length > LargestPicture) throw new DownloadException(imageId, $"the server announces {length} bytes; no picture is that large.", isUnavailable: false);
            // Waiting for room is no fault of the server.
            deadline.CancelAfter(Timeout.InfiniteTimeSpan);
            var reserving = PictureBuffer.ReserveAsync(_budget, length, cancellationToken);
            var wasHeldUp = !reserving.IsCompleted;
            var buffer = await reserving;
            var kept = false;
            try
            {
                wasHeldUp |= await ReadAsync(imageId, response, length, buffer, deadline, cancellationToken);
                if (_check(buffer.Bytes.Span) is { } reason) throw new PassingFault(imageId, reason) { IsWebPage = IsWebPage(buffer.Bytes.Span) };
                kept = true;
                return (new FetchedImage(buffer), wasHeldUp);
            }
            finally
            {
                if (!kept) buffer.Dispose();
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new PassingFault(imageId, TooSlow) { WasTooSlow = true };
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            if (Intermediary.Find(e, address) is { } between) End(GraphFault.Intercepted, between);
            throw new PassingFault(imageId, $"the transfer broke off: {ServiceHttp.ReasonOf(e).TrimEnd('.')}", e);
        }
    }

    /// <param name="imageId">The image.</param>
    /// <param name="response">The answer.</param>
    /// <param name="length">The length that it announces.</param>
    /// <param name="buffer">Where the bytes go.</param>
    /// <param name="deadline">Set anew as the transfer goes on.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>Whether it had to wait for room in memory.</returns>
    private async Task<bool> ReadAsync(
        string imageId, HttpResponseMessage response, long? length, PictureBuffer buffer, CancellationTokenSource deadline, CancellationToken cancellationToken)
    {
        var most = (int)(length ?? LargestUnannounced);
        var wasHeldUp = false;
        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        var rate = new LowestRate(_rules.Retry.Clock, _rules.RateStretch, _rules.SlowestRate);
        while (true)
        {
            if (length is null && buffer.Bytes.Length == most)
                throw new DownloadException(imageId, $"the server sends more than {most} bytes without having said how many; no picture is that large.", isUnavailable: false);
            if (buffer.IsFull)
            {
                // Nor is this.
                deadline.CancelAfter(Timeout.InfiniteTimeSpan);
                var growing = buffer.GrowAsync(most, cancellationToken);
                wasHeldUp |= !growing.IsCompleted;
                await growing;
                if (wasHeldUp) rate.Restart();
            }

            deadline.CancelAfter(_rules.Patience < _rules.RateStretch ? _rules.Patience : _rules.RateStretch);
            // A declared length is read to the byte, so the stream itself tells a body that ends early.
            var count = await buffer.ReadAsync(body, most, deadline.Token);
            if (count == 0 || buffer.Bytes.Length == length) return wasHeldUp;
            if (!rate.Note(count)) throw new PassingFault(imageId, TooSlow) { WasTooSlow = true };
        }
    }

    /// <summary>Whether bytes that are no picture are a page for people, such as a login page.</summary>
    private static bool IsWebPage(ReadOnlySpan<byte> bytes) => bytes.TrimStart("\uFEFF \t\r\n"u8).StartsWith("<"u8);

    private static Exception? FindFault(string imageId, HttpResponseMessage response)
    {
        var status = (int)response.StatusCode;
        var retryAfter = ServiceHttp.RetryAfterOf(response);
        return response.StatusCode switch
        {
            HttpStatusCode.OK => null,
            HttpStatusCode.Forbidden or HttpStatusCode.NotFound or HttpStatusCode.Gone => new AddressRefused($"the image server refuses it (HTTP {status})"),
            HttpStatusCode.TooManyRequests => new PassingFault(imageId, "the image server asks for fewer requests") { RateLimited = true, RetryAfter = retryAfter },
            HttpStatusCode.RequestTimeout or >= HttpStatusCode.InternalServerError => new PassingFault(imageId, $"the image server fails (HTTP {status})") { RetryAfter = retryAfter },
            >= HttpStatusCode.MultipleChoices and < HttpStatusCode.BadRequest => new PassingFault(imageId, $"the image server redirects elsewhere (HTTP {status}), which is not followed") { IsWebPage = true },
            < HttpStatusCode.MultipleChoices => new PassingFault(imageId, $"the image server sends no whole picture (HTTP {status})"),
            _ => new DownloadException(imageId, $"the image server answers HTTP {status}.", isUnavailable: false),
        };
    }

    /// <summary>A fault after which the same address may serve the picture.</summary>
    private sealed class PassingFault(string imageId, string reason, Exception? inner = null) : Exception($"Image {imageId}: {reason}.", inner)
    {
        public string Reason { get; } = reason;

        public bool RateLimited { get; init; }

        public TimeSpan? RetryAfter { get; init; }

        /// <summary>Whether it stood still, or came too slowly.</summary>
        public bool WasTooSlow { get; init; }

        /// <summary>Whether a page for people came in place of the picture.</summary>
        public bool IsWebPage { get; init; }
    }

    /// <summary>The address itself is refused: expired, or its picture gone.</summary>
    private sealed class AddressRefused(string reason) : Exception(reason);
}
