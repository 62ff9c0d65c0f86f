using System.Net;
using System.Text;
using System.Text.Json;
using Mapillary.Services;

namespace Mapillary.Graph;

/// <summary>
/// Tells the answers of the Graph API apart: by the body first, then by the status, because the API answers 500 to a request
/// without token and 400 to an unknown id.
/// </summary>
internal static class GraphAnswer
{
    /// <summary>How much of the service's own words an error quotes.</summary>
    private const int LongestMessage = 300;

    /// <summary>Where Mapillary's own pages are, login pages among them.</summary>
    private static readonly string[] Domains = ["mapillary.com", "facebook.com", "meta.com"];

    /// <summary>A query took too long; asked again, or for less, it may not (seen with type OAuthException and status 400).</summary>
    private const int QueryTimeout = -2;

    /// <summary>"Please log in to see this page": the address is blocked (seen with type OAuthException and status 400).</summary>
    private const int LoginWanted = 368;

    /// <summary>What it comes to that no whole answer arrived.</summary>
    /// <param name="e">What the request ended with.</param>
    /// <param name="what">What was asked for.</param>
    /// <param name="endpoint">The service.</param>
    /// <param name="rules">How long it was waited for.</param>
    /// <param name="cancellationToken">That of the caller, who may have called it off.</param>
    /// <returns>Null where the caller called it off, or where it is something else.</returns>
    public static GraphException? FindBreak(Exception e, string what, Uri endpoint, RetryRules rules, CancellationToken cancellationToken) => e switch
    {
        OperationCanceledException when cancellationToken.IsCancellationRequested => null,
        OperationCanceledException { InnerException: TimeoutException } => new GraphException(
            GraphFault.Transient,
            FormattableString.Invariant($"Mapillary could not be reached at {endpoint.Host} ({what}): no connection within {rules.ConnectTimeout.TotalSeconds:0} s."),
            e),
        OperationCanceledException => new GraphException(
            GraphFault.TimedOut, FormattableString.Invariant($"Mapillary did not answer within {rules.RequestTimeout.TotalSeconds:0} s ({what}).")),
        HttpRequestException or IOException or InvalidDataException => Intermediary.Find(e, endpoint) is { } between
            ? new GraphException(GraphFault.Intercepted, between, e)
            : new GraphException(GraphFault.Transient, $"Mapillary could not be reached at {endpoint.Host} ({what}): {ServiceHttp.ReasonOf(e)}", e),
        _ => null,
    };

    /// <summary>The fault in an answer, or null when it is a good one.</summary>
    /// <param name="what">What was asked for, in words, for the error's text.</param>
    /// <param name="response">Status and headers.</param>
    /// <param name="body">The whole body.</param>
    /// <param name="token">The token of the request, which no text of an error may quote.</param>
    /// <param name="endpoint">The API's address.</param>
    public static GraphException? FindFault(string what, HttpResponseMessage response, ReadOnlySpan<byte> body, AccessToken token, Uri endpoint)
    {
        var status = response.StatusCode;
        if (Intermediary.Find(response, endpoint, IsOfMapillary) is { } between)
            return new GraphException(GraphFault.Intercepted, between) { Status = status };
        if ((int)status is >= 300 and < 400)
            return Blocked(what, status, "redirects to another page");

        var trimmed = body.TrimStart(" \r\n\t"u8);
        if (!trimmed.StartsWith("{"u8))
        {
            if (status == HttpStatusCode.OK && trimmed.StartsWith("<"u8))
            {
                return IsPageOfMapillary(response, trimmed)
                    ? Blocked(what, status, "answers with a web page")
                    : new GraphException(GraphFault.Intercepted, Intermediary.Page(trimmed, endpoint)) { Status = status };
            }

            return Error(
                status is HttpStatusCode.OK or HttpStatusCode.RequestTimeout ? GraphFault.Transient : ByStatus(status),
                what, response, $"HTTP {(int)status}, no JSON in the answer");
        }

        var error = ReadError(body);
        if (error is null)
            return status == HttpStatusCode.OK ? null : Error(ByStatus(status), what, response, $"HTTP {(int)status}");

        var words = $"{Shown(token.CutOutOf(error.Message))} (HTTP {(int)status}, code {error.Code})";
        return error.Code == LoginWanted
            ? Blocked(what, status, $"asks to log in, '{words}',")
            : Error(Classify(error, status), what, response, words);
    }

    /// <summary>
    /// By the code, never by the type: the services of this family send OAuthException with every kind of code
    /// (https://developers.facebook.com/docs/graph-api/guides/error-handling).
    /// </summary>
    private static GraphFault Classify(ApiError error, HttpStatusCode status) => error.Code switch
    {
        // 102 is a session, which is to say a token, that is not valid any more.
        102 or 190 => GraphFault.TokenRefused,
        // 17, 32 and 613 are the family's other throttling codes.
        4 or 17 or 32 or 613 => GraphFault.RateLimited,
        1 when error.Message.Contains("reduce the amount of data", StringComparison.OrdinalIgnoreCase) => GraphFault.TooMuchData,
        QueryTimeout => GraphFault.TimedOut,
        1 or 2 => GraphFault.Transient,
        100 => error.Subcode == 33 ? GraphFault.NotFound : GraphFault.BadRequest,
        _ when error.IsTransient => GraphFault.Transient,
        _ when status == HttpStatusCode.Unauthorized || error.Message.Contains("access token", StringComparison.OrdinalIgnoreCase) => GraphFault.TokenRefused,
        _ => ByStatus(status),
    };

    private static GraphFault ByStatus(HttpStatusCode status) => status switch
    {
        HttpStatusCode.TooManyRequests => GraphFault.RateLimited,
        HttpStatusCode.GatewayTimeout => GraphFault.TimedOut,
        >= HttpStatusCode.InternalServerError => GraphFault.Transient,
        _ => GraphFault.BadRequest,
    };

    private static bool IsOfMapillary(string host) =>
        Domains.Any(d => host.Equals(d, StringComparison.OrdinalIgnoreCase) || host.EndsWith("." + d, StringComparison.OrdinalIgnoreCase));

    /// <summary>Meta's servers, which Mapillary's are, mark all that they answer, web pages too, by a header X-FB-Debug; and their login pages name them.</summary>
    private static bool IsPageOfMapillary(HttpResponseMessage response, ReadOnlySpan<byte> page)
    {
        if (response.Headers.Contains("X-FB-Debug")) return true;
        var text = Encoding.UTF8.GetString(page);
        return Domains.Any(d => text.Contains(d, StringComparison.OrdinalIgnoreCase));
    }

    private static GraphException Blocked(string what, HttpStatusCode status, string how) => new(
        GraphFault.Blocked,
        $"Mapillary {how} instead of answering ({what}): this network address is blocked for now. Wait some hours before the next run; trying on extends the block.")
    { Status = status };

    private static GraphException Error(GraphFault fault, string what, HttpResponseMessage response, string reason) =>
        new(fault, fault switch
        {
            GraphFault.TokenRefused => $"Mapillary refused the access token: {reason}. Check it, or get a new one at https://www.mapillary.com/dashboard/developers.",
            GraphFault.NotFound => $"Mapillary does not have {what}, or does not show it: {reason}.",
            _ => $"Mapillary could not answer ({what}): {reason}.",
        })
        {
            Status = response.StatusCode,
            RetryAfter = ServiceHttp.RetryAfterOf(response),
        };

    /// <summary>The service's words as one line of sane length.</summary>
    private static string Shown(string message)
    {
        var line = string.Concat(message.Select(c => char.IsControl(c) ? ' ' : c)).Trim();
        return line.Length <= LongestMessage ? line : line[..LongestMessage] + "…";
    }

    private static ApiError? ReadError(ReadOnlySpan<byte> body)
    {
        // Only the first property is looked at: data pages are large, and an error comes alone.
        var reader = new Utf8JsonReader(body, JsonAnswer.AnyDepth);
        try
        {
            if (!reader.Read() || !reader.Read() || reader.TokenType != JsonTokenType.PropertyName || !reader.ValueSpan.SequenceEqual("error"u8))
                return null;
            reader.Read();
            using var error = JsonAnswer.ParseValue(ref reader);
            return error.RootElement.ValueKind == JsonValueKind.Object ? ApiError.From(error.RootElement) : null;
        }
        catch (JsonException)
        {
            // Cut JSON, or too much of it: the page reader reports it.
            return null;
        }
    }

    private sealed record ApiError(string Message, int Code, int Subcode, bool IsTransient)
    {
        public static ApiError From(JsonElement error) => new(
            JsonAnswer.Text(error, "message") ?? "no reason given",
            Number(error, "code"),
            Number(error, "error_subcode"),
            error.TryGetProperty("is_transient", out var transient) && transient.ValueKind == JsonValueKind.True);

        private static int Number(JsonElement error, string name) =>
            error.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : 0;
    }
}
