using System.Net;
using System.Net.Http.Headers;
using Mapillary.Graph;
using Mapillary.Services;

namespace Mapillary.Download;

/// <summary>What an image server answered to one request.</summary>
internal sealed record ImageServerAnswer
{
    /// <summary>The HTTP status; null where there was no answer.</summary>
    public HttpStatusCode? Status { get; init; }

    /// <summary>How many bytes it announced, or sent without having said so.</summary>
    public long? Length { get; init; }

    /// <summary>What it sent; null where that was not asked for, or did not come whole.</summary>
    public ReadOnlyMemory<byte>? Body { get; init; }

    /// <summary>Why there is no answer, or no whole one, in words for a person; null where there is.</summary>
    public string? Problem { get; init; }
}

/// <summary>
/// Asks an image server once and tells what it answered, whatever that is; an <see cref="ImageFetcher"/> brings pictures home, and tries until it
/// has them. Same rules as there: no token, no redirects, only Mapillary's own servers.
/// </summary>
internal sealed class ImageServerProbe : IDisposable
{
    private readonly FetchRules _rules;
    private readonly IRunLog _log;
    private readonly HttpClient _http = ServiceHttp.CreateClient(DecompressionMethods.None);

    /// <param name="rules">Which addresses may be asked, and how slow an answer may be.</param>
    /// <param name="log">Told each request.</param>
    public ImageServerProbe(FetchRules rules, IRunLog log)
    {
        (_rules, _log) = (rules, log);
        // As the fetcher: whoever accepts WebP gets other bytes.
        _http.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("image/jpeg"));
    }

    /// <summary>Asks how long a rendition is, without its bytes.</summary>
    public async Task<ImageServerAnswer> AskLengthAsync(MapillaryImage image, ImageQuality quality, CancellationToken cancellationToken)
    {
        var answer = await AskAsync(image, quality, HttpMethod.Head, wantsBody: false, cancellationToken);
        // Whoever does not answer HEAD may answer GET; of that no more than the head is read.
        return answer.Status is HttpStatusCode.BadRequest or HttpStatusCode.Forbidden or HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotImplemented
            || answer is { Status: HttpStatusCode.OK, Length: null }
            ? await AskAsync(image, quality, HttpMethod.Get, wantsBody: false, cancellationToken)
            : answer;
    }

    /// <summary>Asks for a rendition.</summary>
    public Task<ImageServerAnswer> AskPictureAsync(MapillaryImage image, ImageQuality quality, CancellationToken cancellationToken) =>
        AskAsync(image, quality, HttpMethod.Get, wantsBody: true, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<ImageServerAnswer> AskAsync(MapillaryImage image, ImageQuality quality, HttpMethod method, bool wantsBody, CancellationToken cancellationToken)
    {
        if (!ImageAddress.TryAccept(image.UrlOf(quality) ?? "", _rules.LoopbackAllowed, out var address, out var refusal))
            return new ImageServerAnswer { Problem = $"{refusal}; it was not asked" };
        _log.Say($"Asking the image server for {(wantsBody ? "" : "the size of ")}image {image.Id}, rendition {quality.ToName()}.");
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(_rules.Patience);
        var answer = new ImageServerAnswer();
        try
        {
            using var request = new HttpRequestMessage(method, address);
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
            answer = answer with { Status = response.StatusCode, Length = response.Content.Headers.ContentLength };
            if (!wantsBody || response.StatusCode != HttpStatusCode.OK) return answer;
            var rate = new LowestRate(_rules.Retry.Clock, _rules.RateStretch, _rules.SlowestRate);
            var body = await ServiceHttp.ReadAsync(response, deadline.Token, received: bytes => deadline.CancelAfter(rate.Note(bytes) ? _rules.RateStretch : TimeSpan.Zero));
            return body is not null
                ? answer with { Body = body, Length = answer.Length ?? body.Value.Length }
                : answer with { Problem = "it is larger than any picture that is looked at here" };
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return answer with { Problem = answer.Status is null ? FormattableString.Invariant($"the image server did not answer within {_rules.Patience.TotalSeconds:0} s") : "the image server sent it too slowly" };
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return answer with { Problem = (Intermediary.Find(e, address) ?? $"the transfer broke off: {ServiceHttp.ReasonOf(e)}").TrimEnd('.') };
        }
    }
}
