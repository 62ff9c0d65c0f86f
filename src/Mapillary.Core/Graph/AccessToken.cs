using System.Net.Http.Headers;

namespace Mapillary.Graph;

/// <summary>
/// A Mapillary access token. It leaves this object only as the Authorization header of a request to the Graph API, and in the address of a vector
/// tile, whose server refuses the header; as text it shows nothing of itself.
/// </summary>
public sealed class AccessToken
{
    /// <summary>The environment variable that holds the token where none is given.</summary>
    public const string EnvironmentVariable = "MAPILLARY_TOKEN";

    private const string Quotes = "'\"`\u00ab\u00bb\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f";

    private readonly string _secret;

    private AccessToken(string secret) => _secret = secret;

    /// <summary>The header that carries the token; the scheme is the API's own.</summary>
    internal AuthenticationHeaderValue Header => new("OAuth", _secret);

    /// <summary>The query of an address that carries the token. Such an address may stand in no text.</summary>
    internal string Query => $"access_token={Uri.EscapeDataString(_secret)}";

    /// <summary>Takes a token as a person pastes it: white space around it is dropped.</summary>
    /// <exception cref="FormatException">It is empty, in quotes, or holds characters that no token has. The text of the error does not show it.</exception>
    public static AccessToken Parse(string token)
    {
        ArgumentNullException.ThrowIfNull(token);
        var secret = token.Trim();
        if (secret.Length == 0)
            throw new FormatException("The access token is empty.");
        // cmd.exe and files of environment variables keep them.
        if (Quotes.Contains(secret[0]) || Quotes.Contains(secret[^1]))
            throw new FormatException("The access token has quotes around it, which are no part of it. Take them off.");
        // A stray line break in a header would make the HTTP stack quote the whole value in its error.
        if (secret.Any(c => c is <= ' ' or > '~'))
            throw new FormatException("The access token holds white space, control or non-ASCII characters; copy it again, as one line.");
        return new AccessToken(secret);
    }

    /// <summary>The token that was given, else the one in <c>MAPILLARY_TOKEN</c>, else none.</summary>
    /// <exception cref="FormatException">The token is malformed.</exception>
    public static AccessToken? Find(string? given)
    {
        var token = string.IsNullOrWhiteSpace(given) ? Environment.GetEnvironmentVariable(EnvironmentVariable) : given;
        return string.IsNullOrWhiteSpace(token) ? null : Parse(token);
    }

    /// <summary>As <see cref="Find"/>, but a token there must be.</summary>
    /// <exception cref="GraphException">There is none; the error says where to get one.</exception>
    /// <exception cref="FormatException">The token is malformed.</exception>
    public static AccessToken Require(string? given) => Find(given) ?? throw new GraphException(
        GraphFault.NoToken,
        $"No Mapillary access token. Get one at https://www.mapillary.com/dashboard/developers and put it into the environment variable {EnvironmentVariable}.");

    /// <summary>A text from outside without the token in it, should it quote it: "Malformed access token ...".</summary>
    internal string CutOutOf(string text) => text
        .Replace(_secret, ToString(), StringComparison.OrdinalIgnoreCase)
        .Replace(Uri.EscapeDataString(_secret), ToString(), StringComparison.OrdinalIgnoreCase);

    /// <summary>Never the token.</summary>
    public override string ToString() => "(access token)";
}
