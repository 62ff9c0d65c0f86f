using System.Net;
using System.Text.Json;

namespace Mapillary.Graph;

/// <summary>
/// Tells the answers of the Graph API apart: by the body first, then by the status, because the API answers 500 to a request
/// without token and 400 to an unknown id.
/// </summary>
internal static class GraphAnswer
{
    /// <summary>How much of the service's own words an error quotes.</summary>
    private const int LongestMessage = 300;

    /// <summary>The fault in an answer, or null when it is a good one.</summary>
    /// <param name="what">What was asked for, in words, for the error's text.</param>
    /// <param name="response">Status and headers.</param>
    /// <param name="body">The whole body.</param>
    /// <param name="token">The token of the request, which no text of an error may quote.</param>
    public static GraphException? FindFault(string what, HttpResponseMessage response, ReadOnlySpan<byte> body, AccessToken token)
    {
        var status = response.StatusCode;
        if ((int)status is >= 300 and < 400)
            return Blocked(what, status, "redirects to another page");

        var trimmed = body.TrimStart(" \r\n\t"u8);
        if (!trimmed.StartsWith("{"u8))
        {
            if (status == HttpStatusCode.OK && trimmed.StartsWith("<"u8))
                return Blocked(what, status, "answers with a web page");
            var rateLimited = status == HttpStatusCode.TooManyRequests;
            var retryable = rateLimited || (int)status >= 500 || status is HttpStatusCode.OK or HttpStatusCode.RequestTimeout;
            return Error(rateLimited ? GraphFault.RateLimited : retryable ? GraphFault.Transient : GraphFault.BadRequest,
                what, response, $"HTTP {(int)status}, no JSON in the answer");
        }

        var error = ReadError(body);
        if (error is null)
            return status == HttpStatusCode.OK ? null : Error(
                status == HttpStatusCode.TooManyRequests ? GraphFault.RateLimited : (int)status >= 500 ? GraphFault.Transient : GraphFault.BadRequest,
                what, response, $"HTTP {(int)status}");

        return Error(Classify(error, status), what, response, $"{Shown(token.CutOutOf(error.Message))} (HTTP {(int)status}, code {error.Code})");
    }

    private static GraphFault Classify(ApiError error, HttpStatusCode status)
    {
        if (error.Code == 190 || error.Type == "OAuthException" || error.Message.Contains("access token", StringComparison.OrdinalIgnoreCase))
            return GraphFault.TokenRefused;
        // Codes 17, 32 and 613 are the Graph family's other throttling codes.
        if (error.Code is 4 or 17 or 32 or 613 || status == HttpStatusCode.TooManyRequests)
            return GraphFault.RateLimited;
        if (error.Code == 1 && error.Message.Contains("reduce the amount of data", StringComparison.OrdinalIgnoreCase))
            return GraphFault.TooMuchData;
        if (error.Code == 100)
            return error.Subcode == 33 ? GraphFault.NotFound : GraphFault.BadRequest;
        return error.IsTransient || error.Code is 1 or 2 || (int)status >= 500 ? GraphFault.Transient : GraphFault.BadRequest;
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

    private sealed record ApiError(string Message, string? Type, int Code, int Subcode, bool IsTransient)
    {
        public static ApiError From(JsonElement error) => new(
            JsonAnswer.Text(error, "message") ?? "no reason given",
            JsonAnswer.Text(error, "type"),
            Number(error, "code"),
            Number(error, "error_subcode"),
            error.TryGetProperty("is_transient", out var transient) && transient.ValueKind == JsonValueKind.True);

        private static int Number(JsonElement error, string name) =>
            error.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : 0;
    }
}
