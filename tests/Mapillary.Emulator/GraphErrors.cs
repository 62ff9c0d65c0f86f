namespace Mapillary.Emulator;

/// <summary>An answer of the Graph API that is not data: its status and its envelope, keys in the order of the recorded ones.</summary>
internal sealed record GraphError(int Status, string Body)
{
    private const string Trace = "\"fbtrace_id\":\"AEmu1atorEmu1atorEmu1ato\"";

    public static GraphError NoToken { get; } = new(
        500, $$$"""{"error":{"message":"Invalid OAuth 2.0 Access Token","type":"MLYApiException","code":190,"error_data":{},{{{Trace}}}}}""");

    /// <summary>As recorded in the tests of JOSM/Mapillary.</summary>
    public static GraphError RateLimit403 { get; } = new(
        403, $$$"""{"error":{"message":"Application request limit reached","type":"MLYApiException","is_transient":true,"code":4,{{{Trace}}}}}""");

    /// <summary>The same in the words and with the type that the family's services have (https://developers.facebook.com/docs/graph-api/overview/rate-limiting).</summary>
    public static GraphError RateLimit429 { get; } = new(
        429, $$$"""{"error":{"message":"(#4) Application request limit reached","type":"OAuthException","is_transient":true,"code":4,{{{Trace}}}}}""");

    /// <summary>As recorded in https://github.com/AmericanRedCross/street-view-green-view/pull/18; it goes away when asked again.</summary>
    public static GraphError QueryTimeout { get; } = new(
        400,
        $$$"""{"error":{"message":"Timeout","type":"OAuthException","code":-2,"error_subcode":3404014,"is_transient":false,"error_user_title":"Query Timeout",{{{Trace}}}}}""");

    /// <summary>As told in https://github.com/Stefal/mapillary_download/issues/4: this address is blocked.</summary>
    public static GraphError LoginWanted { get; } = new(
        400, $$$"""{"error":{"message":"please log in to see this page","type":"OAuthException","code":368,"error_subcode":1348007,{{{Trace}}}}}""");

    /// <summary>Without a type, as recorded.</summary>
    public static GraphError TooMuchData { get; } = new(
        500, """{"error":{"code":1,"message":"Please reduce the amount of data you're asking for, then retry your request"}}""");

    public static GraphError Transient { get; } = Api(500, 2, "Service temporarily unavailable");

    public static GraphError OAuth(int status, string message) =>
        new(status, $$$"""{"error":{"message":{{{GraphJson.Text(message)}}},"type":"OAuthException","code":190,{{{Trace}}}}}""");

    /// <summary>Not 404: the API does not tell what is missing from what is forbidden.</summary>
    public static GraphError UnknownObject(string id, string method) => new(
        400,
        $$$"""{"error":{"message":{{{GraphJson.Text($"Unsupported {method.ToLowerInvariant()} request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation")}}},"type":"MLYApiException","code":100,"error_subcode":33,{{{Trace}}}}}""");

    public static GraphError UnknownField(string field) => BadParameter($"Tried accessing nonexisting field ({field})");

    public static GraphError BadParameter(string message) => Api(400, 100, message);

    private static GraphError Api(int status, int code, string message) =>
        new(status, $$$"""{"error":{"message":{{{GraphJson.Text(message)}}},"type":"MLYApiException","code":{{{code}}},{{{Trace}}}}}""");

    public Exception AsException() => new GraphErrorException(this);
}

/// <summary>Ends the making of an answer: the error is the answer.</summary>
internal sealed class GraphErrorException(GraphError error) : Exception
{
    public GraphError Error { get; } = error;
}
