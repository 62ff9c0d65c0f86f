using System.Buffers;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using Mapillary.Graph;
using Polly;

namespace Mapillary.Download;

/// <summary>What a fetcher keeps to.</summary>
public sealed record FetchRules
{
    /// <summary>When to try again.</summary>
    public RetryRules Retry { get; init; } = new() { Attempts = 5 };

    /// <summary>The slowest transfer put up with, in bytes a second; with <see cref="Patience"/> it makes the deadline of an image.</summary>
    public long SlowestRate { get; init; } = 16 * 1024;

    /// <summary>What is added to the deadline of each image, and how long a transfer may stand still or an answer be waited for.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The most transfers at once; how many are worth it is found out.</summary>
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
    /// <summary>What is reserved for an answer that does not say its length.</summary>
    private const int UnknownLength = 8 * 1024 * 1024;

    /// <summary>More than any picture has, in bytes: a server that sends more is not sending one.</summary>
    private const int LargestPicture = 512 * 1024 * 1024;

    /// <summary>How many images in a row are answered with web pages, and no other with its picture meanwhile, before that counts as a block.</summary>
    private const int WebPagesOfABlock = 10;

    private readonly FetchRules _rules;
    private readonly FreshRecords? _records;
    private readonly CheckBytes _check;
    private readonly IRunLog _log;
    private readonly HttpClient _http;
    private readonly ResiliencePipeline _retry;
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
        _retry = rules.Retry.ToPipeline(
            e => e is PassingFault fault ? new RetryVerdict(fault.RateLimited, fault.RetryAfter) : null,
            _log.Say,
            Waits = new RetryWaits(rules.Retry.Clock));
        _http = ServiceHttp.CreateClient(DecompressionMethods.None);
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
        var address = Accept(image, image.UrlOf(quality));
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

    private Uri? Accept(MapillaryImage image, string? url)
    {
        if (string.IsNullOrEmpty(url)) return null;
        return ImageAddress.TryAccept(url, _rules.LoopbackAllowed, out var address, out var refusal)
            ? address
            : throw new DownloadException(image.Id, refusal + "; it was not asked.", isUnavailable: false);
    }

    private async Task<Uri> RefreshAsync(MapillaryImage image, ImageQuality quality, string why, CancellationToken cancellationToken)
    {
        if (_records is null)
            throw new DownloadException(image.Id, $"{why}, and without an access token no fresh one can be asked for.", isUnavailable: false);
        _log.Say($"Image {image.Id}: {why}; asking for a fresh one.");
        try
        {
            var record = await _records.GetAsync(image.Id, cancellationToken);
            return Accept(record, record.UrlOf(quality))
                ?? throw new DownloadException(image.Id, $"Mapillary offers no rendition '{quality.ToName()}' of it.", isUnavailable: true);
        }
        catch (GraphException e) when (e.Fault == GraphFault.NotFound)
        {
            throw new DownloadException(image.Id, "Mapillary does not have it any more, or does not show it.", isUnavailable: true, inner: e);
        }
        catch (GraphException e) when (e.Fault is not (GraphFault.TokenRefused or GraphFault.Blocked or GraphFault.RateLimited))
        {
            throw new DownloadException(image.Id, $"{why}, and a fresh one could not be had: {e.Message}", isUnavailable: false, inner: e);
        }
    }

    private async Task<FetchedImage> FetchAsync(string imageId, Uri address, CancellationToken cancellationToken)
    {
        var attempts = 0;
        var wholeBefore = Interlocked.Read(ref _wholePictures);
        try
        {
            var picture = await _retry.ExecuteAsync(async ct =>
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
            if (FindFault(imageId, response) is { } fault) throw fault;

            var length = response.Content.Headers.ContentLength;
            if (length > LargestPicture) throw new DownloadException(imageId, $"the server announces {length} bytes, more than a picture has.", isUnavailable: false);
            // Waiting for room is no fault of the server.
            deadline.CancelAfter(Timeout.InfiniteTimeSpan);
            var room = _budget.ReserveAsync(length ?? UnknownLength, cancellationToken);
            var wasHeldUp = !room.IsCompleted;
            var reserved = await room;
            var kept = false;
            try
            {
                var (buffer, read) = await ReadAsync(imageId, response, length, deadline);
                if (read > reserved && length is null)
                {
                    _budget.Overdraw(read - reserved);
                    reserved = read;
                }

                var picture = new FetchedImage(buffer, read, _budget, reserved);
                kept = true;
                if (_check(picture.Bytes.Span) is not { } reason) return (picture, wasHeldUp);
                var isWebPage = IsWebPage(picture.Bytes.Span);
                picture.Dispose();
                throw new PassingFault(imageId, reason) { IsWebPage = isWebPage };
            }
            finally
            {
                if (!kept) _budget.Release(reserved);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new PassingFault(imageId, "the server sent it too slowly") { WasTooSlow = true };
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new PassingFault(imageId, $"the transfer broke off: {e.Message}", e);
        }
    }

    /// <param name="imageId">The image.</param>
    /// <param name="response">The answer.</param>
    /// <param name="length">The length that it announces.</param>
    /// <param name="deadline">Set anew as the transfer goes on: for standing still, and for all of it by its size.</param>
    private async Task<(byte[] Buffer, int Length)> ReadAsync(string imageId, HttpResponseMessage response, long? length, CancellationTokenSource deadline)
    {
        var clock = Stopwatch.StartNew();
        var pool = ArrayPool<byte>.Shared;
        var buffer = pool.Rent((int)Math.Max(1, length ?? 256 * 1024));
        var read = 0;
        try
        {
            await using var body = await response.Content.ReadAsStreamAsync(deadline.Token);
            while (true)
            {
                if (read == buffer.Length)
                {
                    if (read >= LargestPicture) throw new DownloadException(imageId, $"the server sends more than {LargestPicture} bytes, more than a picture has.", isUnavailable: false);
                    var larger = pool.Rent(buffer.Length * 2);
                    buffer.CopyTo(larger, 0);
                    pool.Return(buffer);
                    buffer = larger;
                }

                var left = _rules.Patience + TimeSpan.FromSeconds((length ?? read) / (double)_rules.SlowestRate) - clock.Elapsed;
                deadline.CancelAfter(left < TimeSpan.Zero ? TimeSpan.Zero : left < _rules.Patience ? left : _rules.Patience);

                // A declared length is read to the byte, so the stream itself tells a body that ends early.
                var count = await body.ReadAsync(buffer.AsMemory(read, length is { } whole ? Math.Max(1, (int)whole - read) : buffer.Length - read), deadline.Token);
                if (count == 0) return (buffer, read);
                read += count;
                if (read == length) return (buffer, read);
            }
        }
        catch
        {
            pool.Return(buffer);
            throw;
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
