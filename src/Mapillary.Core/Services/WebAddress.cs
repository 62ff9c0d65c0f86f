using System.Net;

namespace Mapillary.Services;

/// <summary>Addresses that others write.</summary>
internal static class WebAddress
{
    /// <summary>
    /// Reads an absolute address. It has ASCII characters alone (RFC 3986, section 2), so that no host looks like another; and its host is
    /// looked at here, because .NET puts that off and throws when somebody asks for it.
    /// </summary>
    public static bool TryParse(string? text, out Uri address)
    {
        if (text is not null && text.AsSpan().IndexOfAnyExceptInRange('!', '~') < 0 && Uri.TryCreate(text, UriKind.Absolute, out address!) && HasSoundHost(address)) return true;
        address = null!;
        return false;
    }

    /// <summary>Whether an address is one of this machine: <c>localhost</c>, 127.0.0.0/8 or ::1.</summary>
    public static bool IsLoopback(Uri address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return address.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(address.DnsSafeHost, out var ip) && IPAddress.IsLoopback(ip));
    }

    private static bool HasSoundHost(Uri address)
    {
        try
        {
            return address.IdnHost.Equals(address.DnsSafeHost, StringComparison.OrdinalIgnoreCase);
        }
        catch (UriFormatException)
        {
            return false;
        }
    }
}
