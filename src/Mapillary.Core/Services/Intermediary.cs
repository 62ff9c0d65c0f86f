using System.Globalization;
using System.Net;
using System.Security.Authentication;
using System.Text;
using System.Text.RegularExpressions;

namespace Mapillary.Services;

/// <summary>
/// Tells what stands between this machine and a service from the service itself: a proxy that wants a password, the login page of a network, whoever
/// shows a certificate that nobody vouches for. Asking again changes none of them.
/// </summary>
internal static partial class Intermediary
{
    /// <summary>How much of a page's title is quoted.</summary>
    private const int LongestTitle = 80;

    /// <summary>RFC 6585: the network itself answers, and wants a login.</summary>
    private const HttpStatusCode LoginToNetwork = (HttpStatusCode)511;

    /// <summary>What a failure to reach a service says of something in between, in words with what to do; null where the failure may pass.</summary>
    /// <param name="fault">The failure.</param>
    /// <param name="address">What was asked.</param>
    public static string? Find(Exception fault, Uri address)
    {
        if (fault is HttpRequestException { HttpRequestError: HttpRequestError.ProxyTunnelError } tunnel && TunnelStatus(tunnel) is { } status)
        {
            return status == (int)HttpStatusCode.ProxyAuthenticationRequired ? PasswordWanted(address)
                // What a proxy cannot do now it may do later.
                : status is >= 400 and < 500 and not (408 or 429)
                    ? string.Create(CultureInfo.InvariantCulture,
                        $"The proxy {ProxyOf(address)}refuses to connect to {address.Host} (HTTP {status}). Whoever runs it can allow that.")
                    : null;
        }

        // One that has a cause is a handshake that went wrong; a certificate that was looked at and not trusted has none.
        return fault is HttpRequestException { InnerException: AuthenticationException { InnerException: null } certificate }
            ? $"The certificate that {address.Host} shows is not trusted: {certificate.Message} Nothing was sent to it. Either something in between answers in its place, "
                + "such as the login page of a network or a proxy that reads along; or this machine's clock or its list of authorities is wrong."
            : null;
    }

    /// <summary>What an answer says of something in between, in words with what to do; null where it may be the service's own.</summary>
    /// <param name="response">Status and headers.</param>
    /// <param name="address">What was asked.</param>
    /// <param name="isOwn">Whether a host that an answer redirects to is the service's.</param>
    public static string? Find(HttpResponseMessage response, Uri address, Func<string, bool> isOwn) => response switch
    {
        { StatusCode: HttpStatusCode.ProxyAuthenticationRequired } => PasswordWanted(address),
        { StatusCode: LoginToNetwork } => $"This network asks for a login before it lets anybody through to {address.Host} (HTTP 511). {LogIn}",
        { StatusCode: >= HttpStatusCode.MultipleChoices and < HttpStatusCode.BadRequest, Headers.Location: { IsAbsoluteUri: true } target }
            when target.Host != address.Host && !isOwn(target.Host) =>
            $"{OtherThan(address)}, and redirects to '{target.GetLeftPart(UriPartial.Authority)}': most likely the login page of this network. {LogIn}",
        _ => null,
    };

    /// <summary>The words for a web page that is not the service's, where one came in place of an answer.</summary>
    /// <param name="body">The page.</param>
    /// <param name="address">What was asked.</param>
    public static string Page(ReadOnlySpan<byte> body, Uri address)
    {
        var match = Title().Match(Encoding.UTF8.GetString(body[..Math.Min(body.Length, 4096)]));
        var title = WebUtility.HtmlDecode(match.Groups[1].Value);
        title = string.Join(' ', title.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        if (title.Length > LongestTitle) title = title[..LongestTitle] + "…";
        return $"{OtherThan(address)}, with a web page{(title.Length == 0 ? "" : $" titled '{title}'")}: most likely the login page of this network. {LogIn}";
    }

    private static string OtherThan(Uri address) => $"Something other than {address.Host} answers in its place";

    private const string LogIn = "Open any web page in a browser on this machine, log in there, and run the same command again.";

    private static string PasswordWanted(Uri address) =>
        $"The proxy {ProxyOf(address)}asks for a user name and a password (HTTP 407). Give both in the proxy's address: HTTPS_PROXY=http://user:password@host:port.";

    /// <summary>The proxy's host and port, without the password that its address may have.</summary>
    private static string ProxyOf(Uri address) =>
        HttpClient.DefaultProxy.GetProxy(address) is { } proxy ? string.Create(CultureInfo.InvariantCulture, $"{proxy.Host}:{proxy.Port} ") : "";

    private static int? TunnelStatus(HttpRequestException fault) =>
        fault.StatusCode is { } status ? (int)status
        // Before .NET 9 only the text has it.
        : StatusInText().Match(fault.Message) is { Success: true } match ? int.Parse(match.Value, CultureInfo.InvariantCulture) : null;

    [GeneratedRegex(@"\b[1-5][0-9][0-9]\b(?=[^0-9]*\z)")]
    private static partial Regex StatusInText();

    [GeneratedRegex("<title[^>]*>([^<]*)", RegexOptions.IgnoreCase)]
    private static partial Regex Title();
}
