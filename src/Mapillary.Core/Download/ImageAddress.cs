using System.Globalization;
using Mapillary.Services;

namespace Mapillary.Download;

/// <summary>Decides which image addresses are asked, and reads what is written in them.</summary>
internal static class ImageAddress
{
    /// <summary>The hosts that serve Mapillary's pictures: scontent-….xx.fbcdn.net and scontent.….fna.fbcdn.net.</summary>
    private const string Cdn = "fbcdn.net";

    /// <summary>The end of the year 9999.</summary>
    private const long LastSecond = 253402300799;

    /// <summary>Reads an address that a record gives.</summary>
    /// <param name="text">The address.</param>
    /// <param name="loopbackAllowed">Whether plain http on this machine is accepted, as it is with an http endpoint only.</param>
    /// <param name="address">The address, when it may be asked.</param>
    /// <param name="refusal">Why it may not, else.</param>
    public static bool TryAccept(string text, bool loopbackAllowed, out Uri address, out string refusal)
    {
        refusal = "";
        if (!WebAddress.TryParse(text, out address))
        {
            refusal = "its address is malformed";
            return false;
        }

        if (address.UserInfo.Length > 0)
        {
            refusal = "its address holds a user name, which none of Mapillary's has";
            return false;
        }

        if (address.Scheme == Uri.UriSchemeHttps && address.IsDefaultPort && IsCdn(address)) return true;
        if (loopbackAllowed && address.Scheme == Uri.UriSchemeHttp && WebAddress.IsLoopback(address)) return true;
        refusal = $"its address is at {address.Scheme}://{address.Authority}, which is none of Mapillary's image servers (https, *.{Cdn})";
        return false;
    }

    /// <summary>Whether a signed address has run out.</summary>
    public static bool HasExpired(Uri address, DateTimeOffset now) => now.ToUnixTimeSeconds() >= FindExpirySeconds(address);

    /// <summary>When a signed address runs out; null where it does not say.</summary>
    public static DateTimeOffset? FindExpiry(Uri address) =>
        FindExpirySeconds(address) is >= 0 and <= LastSecond and var seconds ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null;

    /// <summary>Its query holds the expiry as <c>oe</c>, hexadecimal seconds since 1970.</summary>
    private static long? FindExpirySeconds(Uri address)
    {
        foreach (var parameter in address.Query.TrimStart('?').Split('&'))
        {
            if (parameter.StartsWith("oe=", StringComparison.Ordinal)
                && long.TryParse(parameter.AsSpan(3), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var seconds))
                return seconds;
        }

        return null;
    }

    private static bool IsCdn(Uri address) =>
        address.HostNameType == UriHostNameType.Dns
        && (address.Host.Equals(Cdn, StringComparison.OrdinalIgnoreCase) || address.Host.EndsWith("." + Cdn, StringComparison.OrdinalIgnoreCase));
}
