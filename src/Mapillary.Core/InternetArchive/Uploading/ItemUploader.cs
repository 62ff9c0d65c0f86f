using System.Globalization;
using System.Net;
using System.Text.Json;
using Mapillary.InternetArchive.Client;
using Mapillary.InternetArchive.Describing;
using Mapillary.Services;

namespace Mapillary.InternetArchive.Uploading;

/// <summary>
/// Puts files into items by archive.org's S3-like API (https://archive.org/developers/ias3.html). Waits and tries again where that
/// helps. Any number of calls may run at once.
/// </summary>
internal sealed class ItemUploader : IDisposable
{
    private const int MostRedirects = 5;

    /// <summary>The most bytes that are read of an error: those of the service have some hundred.</summary>
    private const int LongestError = 64 * 1024;

    /// <summary>A connection that takes no byte for so long is given up.</summary>
    private static readonly TimeSpan LongestStandstill = TimeSpan.FromMinutes(2);

    /// <summary>How many bytes a second the server writes at least, once it has them all and before it answers.</summary>
    private const int SlowestStorage = 10_000_000;

    private readonly Uri _endpoint;
    private readonly ArchiveKeys _keys;
    private readonly ArchiveClient _archive;
    private readonly RetryRules _rules;
    private readonly IRunLog _log;
    private readonly HttpClient _http;
    private readonly Retries _retries;
    private volatile bool _isExpectRefused;

    /// <param name="endpoint">The address of the upload service.</param>
    /// <param name="keys">What it is to be shown.</param>
    /// <param name="archive">Asked whether a file is there, where an upload ended in an error.</param>
    /// <param name="rules">How to retry.</param>
    /// <param name="log">Told each request and each wait.</param>
    /// <exception cref="FormatException">The address is plain http to another machine, where the keys would be sent in clear.</exception>
    public ItemUploader(Uri endpoint, ArchiveKeys keys, ArchiveClient archive, RetryRules rules, IRunLog log)
    {
        ServiceEndpoints.RefuseClearText(endpoint, "The address of archive.org's upload service");
        _endpoint = endpoint;
        _keys = keys;
        _archive = archive;
        _rules = rules;
        _log = log;
        _http = ServiceHttp.CreateClient(DecompressionMethods.None, _rules);
        _retries = rules.ToRetries(ArchiveClient.Verdict, log.Say, endsAll: e => e is ArchiveException { Fault: ArchiveFault.KeysRefused });
    }

    /// <summary>Uploads a file, and returns when archive.org has taken it over.</summary>
    /// <param name="identifier">The item.</param>
    /// <param name="file">The file.</param>
    /// <param name="md5">Its MD5, lower-case hexadecimal; archive.org refuses what arrives otherwise.</param>
    /// <param name="headers">What is said of it and of the item.</param>
    /// <param name="sent">Told how many bytes more are on their way; a negative number takes back those of a failed try.</param>
    /// <param name="cancellationToken">Stops at once.</param>
    /// <exception cref="ArchiveException">archive.org refuses it, or could not be reached.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public async Task PutAsync(
        string identifier, ItemFile file, string md5, IReadOnlyList<(string Name, string Value)> headers, Action<long> sent, CancellationToken cancellationToken)
    {
        var mayBeThere = false;
        var isLimited = false;
        try
        {
            await _retries.ExecuteAsync(async ct =>
            {
                // An error at the very end says little: what was sent whole is mostly there.
                if (mayBeThere && await IsThereAsync(identifier, file.Name, md5, ct)) return;
                if (isLimited) await ThrowIfOverLimitAsync(identifier, ct);
                try
                {
                    await PutOnceAsync(identifier, file, md5, headers, sent, () => mayBeThere = true, ct);
                }
                catch (ArchiveException e)
                {
                    isLimited = e.Fault == ArchiveFault.RateLimited;
                    throw;
                }
            }, cancellationToken);
        }
        catch (ArchiveException e) when (e.Fault == ArchiveFault.Transient && mayBeThere)
        {
            if (!await IsThereAsync(identifier, file.Name, md5, cancellationToken)) throw;
        }
    }

    /// <summary>Waits while archive.org says that it takes no uploads into an item now. Not to be told is no reason to wait.</summary>
    /// <param name="identifier">The item.</param>
    /// <param name="cancellationToken">Stops at once.</param>
    /// <exception cref="ArchiveException">It takes none for longer than the rules wait.</exception>
    public async Task WaitForRoomAsync(string identifier, CancellationToken cancellationToken) =>
        await _retries.ExecuteAsync(async ct => await ThrowIfOverLimitAsync(identifier, ct), cancellationToken);

    public void Dispose() => _http.Dispose();

    /// <summary>
    /// Whether a redirect may be followed with the keys: to another server of archive.org by https; and, where the service is on this
    /// machine, to another port of the same address.
    /// </summary>
    internal static bool IsTrusted(Uri endpoint, Uri target)
    {
        if (!ArchiveClient.IsOwn(endpoint.Host)) return target.Scheme == endpoint.Scheme && target.Host == endpoint.Host && (target.Port == endpoint.Port || WebAddress.IsLoopback(endpoint));
        return target.Scheme == Uri.UriSchemeHttps && target.IsDefaultPort && ArchiveClient.IsOwn(target.Host);
    }

    private async Task<bool> IsThereAsync(string identifier, string name, string md5, CancellationToken cancellationToken)
    {
        var item = await _archive.GetItemAsync(identifier, cancellationToken);
        if (!item.Files.TryGetValue(name, out var file) || file.Md5 != md5) return false;
        _log.Say($"archive.org has {identifier}/{name} nevertheless: it was uploaded.");
        return true;
    }

    private async Task PutOnceAsync(
        string identifier, ItemFile file, string md5, IReadOnlyList<(string Name, string Value)> headers, Action<long> sent, Action mayBeThere, CancellationToken cancellationToken)
    {
        var what = $"{identifier}/{file.Name}";
        _log.Say($"Uploading {what}, {ByteSize.Format(file.Bytes)}.");
        var path = string.Join('/', file.Name.Split('/').Prepend(identifier).Select(Uri.EscapeDataString));
        var address = new Uri(_endpoint, path);
        var onTheWay = 0L;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            for (var redirects = 0; ; redirects++)
            {
                using var content = new FileContent(file, bytes =>
                {
                    onTheWay += bytes;
                    sent(bytes);
                    deadline.CancelAfter(onTheWay < file.Bytes ? LongestStandstill : _rules.RequestTimeout + TimeSpan.FromSeconds((double)file.Bytes / SlowestStorage));
                });
                deadline.CancelAfter(LongestStandstill);
                using var request = new HttpRequestMessage(HttpMethod.Put, address) { Content = content };
                request.Headers.TryAddWithoutValidation("Authorization", _keys.Authorization);
                // The answer to an upload that goes elsewhere, or nowhere, comes before the bytes are sent.
                request.Headers.ExpectContinue = !_isExpectRefused;
                content.Headers.TryAddWithoutValidation("Content-MD5", md5);
                foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
                HttpResponseMessage response;
                try
                {
                    response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
                }
                catch (Exception) when (content.FileFault is not null)
                {
                    throw content.FileFault;
                }
                finally
                {
                    if (content.IsSent) mayBeThere();
                }

                using (response)
                {
                    if (response.IsSuccessStatusCode) return;
                    sent(-onTheWay);
                    onTheWay = 0;
                    if (response.StatusCode == HttpStatusCode.ExpectationFailed && request.Headers.ExpectContinue == true)
                    {
                        // Some proxies do not know it (RFC 9110, section 10.1.1).
                        _log.Say($"Something on the way to archive.org does not take 'Expect: 100-continue'; uploading {what} without.");
                        _isExpectRefused = true;
                        redirects--;
                        continue;
                    }

                    if (response.StatusCode is not (HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect)) throw await FaultAsync(what, file, md5, response, deadline.Token);
                    address = Follow(what, address, response, redirects);
                }
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw TakeBack(new ArchiveException(ArchiveFault.Transient, $"archive.org took too long over {what}."));
        }
        catch (Exception e) when (e is HttpRequestException or HttpIOException)
        {
            throw TakeBack(Intermediary.Find(e, address) is { } between
                ? new ArchiveException(ArchiveFault.Intercepted, between, e)
                : new ArchiveException(ArchiveFault.Transient, $"The connection to archive.org ended while {what} was uploaded: {ServiceHttp.ReasonOf(e)}", e));
        }

        ArchiveException TakeBack(ArchiveException fault)
        {
            sent(-onTheWay);
            return fault;
        }
    }

    private Uri Follow(string what, Uri from, HttpResponseMessage response, int redirects)
    {
        if (!TryFindTarget(from, response, out var target))
            throw new ArchiveException(ArchiveFault.Transient, $"archive.org redirects the upload of {what} to an address that cannot be used.");
        if (redirects >= MostRedirects) throw new ArchiveException(ArchiveFault.Transient, $"archive.org sends the upload of {what} in a circle.");
        if (!IsTrusted(_endpoint, target))
        {
            throw new ArchiveException(ArchiveFault.Refused,
                $"The upload of {what} was redirected to '{target.GetLeftPart(UriPartial.Authority)}', which is not archive.org; nothing was sent there.");
        }

        _log.Say($"Redirected to {target.Host}.");
        return target;
    }

    private static bool TryFindTarget(Uri from, HttpResponseMessage response, out Uri target)
    {
        target = null!;
        return response.Headers.Location is { } location && Uri.TryCreate(from, location, out var joined) && WebAddress.TryParse(joined.OriginalString, out target);
    }

    private async Task ThrowIfOverLimitAsync(string identifier, CancellationToken cancellationToken)
    {
        // Without the access key, which the service would take here too: keys do not belong into addresses.
        var address = new Uri(_endpoint, $"?check_limit=1&bucket={Uri.EscapeDataString(identifier)}");
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(_rules.RequestTimeout);
        try
        {
            using var response = await _http.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
            if (!response.IsSuccessStatusCode || await ServiceHttp.ReadAsync(response, deadline.Token) is not { } body) return;
            using var answer = JsonAnswer.Parse(body);
            if (answer.RootElement.ValueKind != JsonValueKind.Object || !answer.RootElement.TryGetProperty("over_limit", out var limit)
                || limit.ValueKind == JsonValueKind.False || (JsonAnswer.Text(limit) ?? limit.GetRawText()) is "0" or "False") return;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or JsonException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            _log.Say($"archive.org could not be asked whether it takes uploads into {identifier} now ({ServiceHttp.ReasonOf(e).TrimEnd('.')}); trying anyway.");
            return;
        }

        throw new ArchiveException(ArchiveFault.RateLimited, $"archive.org takes no uploads into {identifier} for now.");
    }

    private static async Task<Exception> FaultAsync(string what, ItemFile file, string md5, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (Intermediary.Find(response, response.RequestMessage!.RequestUri!, _ => true) is { } between)
            return new ArchiveException(ArchiveFault.Intercepted, between) { Status = response.StatusCode };
        var (code, message, resource) = await ServiceHttp.ReadAsync(response, cancellationToken, LongestError) is { } body ? ReadError(body) : default;
        if (code == "BadDigest" && (await file.ReadHashesAsync(cancellationToken)).Md5 != md5) return RecordedFiles.Damage(file);
        var status = (int)response.StatusCode;
        // What is the matter often stands in the resource alone, and the message says to slow down, or no more than "Access Denied".
        string[] said =
        [
            .. new[] { message ?? response.ReasonPhrase, resource }
                .Where(text => !string.IsNullOrWhiteSpace(text)).Select(text => ArchiveClient.Quoted(text!.Trim().TrimEnd('.'))),
        ];
        var words = string.Create(
            CultureInfo.InvariantCulture, $"archive.org did not take {what}: {(code is null ? "" : $"{code}, ")}{string.Join(". ", said)} (HTTP {status}).");
        var isSpam = said.Any(text => text.Contains("appears to be spam", StringComparison.OrdinalIgnoreCase));
        if (isSpam) words += " Uploading again does not help; write to info@archive.org, with this message.";
        var areKeysRefused = code is "InvalidAccessKeyId" or "SignatureDoesNotMatch";
        if (areKeysRefused) words += $" {ArchiveKeys.WhereFrom}";
        return new ArchiveException(code switch
        {
            _ when isSpam => ArchiveFault.Refused,
            "SlowDown" => ArchiveFault.RateLimited,
            _ when areKeysRefused => ArchiveFault.KeysRefused,
            // Damaged on the way.
            "BadDigest" => ArchiveFault.Transient,
            _ when status is 429 => ArchiveFault.RateLimited,
            _ when status is 408 or 500 or >= 502 => ArchiveFault.Transient,
            _ => ArchiveFault.Refused,
        }, words)
        {
            Status = response.StatusCode,
            RetryAfter = ServiceHttp.RetryAfterOf(response),
        };
    }

    /// <summary>Errors are XML; what stands before the service may answer in HTML.</summary>
    private static (string? Code, string? Message, string? Resource) ReadError(ReadOnlyMemory<byte> body) =>
        BoundedXml.Read(body)?.Root is { Name.LocalName: "Error" } error
            ? (error.Element("Code")?.Value, error.Element("Message")?.Value, error.Element("Resource")?.Value)
            : default;
}
