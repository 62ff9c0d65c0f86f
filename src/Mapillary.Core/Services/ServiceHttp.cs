using System.Net;
using System.Text.RegularExpressions;

namespace Mapillary.Services;

/// <summary>How this software talks to the services.</summary>
internal static partial class ServiceHttp
{
    /// <summary>The most bytes of an answer, 64 MiB.</summary>
    public const int LongestAnswer = 64 * 1024 * 1024;

    private const int FirstRoom = 64 * 1024;

    /// <summary>
    /// A client that follows no redirect (Mapillary blocks by redirecting to a login page, and a token must not travel there), keeps no
    /// cookies, says who it is, and leaves deadlines to its caller.
    /// </summary>
    /// <param name="decompression">What is unpacked.</param>
    /// <param name="rules">How long a connection may take; the default rules when null.</param>
    /// <param name="resolve">Finds the addresses of a host; the system when null.</param>
    public static HttpClient CreateClient(
        DecompressionMethods decompression, RetryRules? rules = null, Func<string, CancellationToken, Task<IPAddress[]>>? resolve = null)
    {
        var race = new AddressRace(resolve ?? Dns.GetHostAddressesAsync);
        var client = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = decompression,
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
            ConnectTimeout = (rules ?? new RetryRules()).ConnectTimeout,
            ConnectCallback = (connection, cancellationToken) => race.ConnectAsync(connection.DnsEndPoint, cancellationToken),
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        client.DefaultRequestHeaders.UserAgent.ParseAdd($"Mapillary-for-PowerShell/{Product.Version}");
        return client;
    }

    /// <summary>
    /// Reads an answer into memory, unpacked. The largest that are known, a page of 2,000 records or a search of 10,000 items, have some
    /// 10 MiB; one that goes beyond <see cref="LongestAnswer"/> is no answer, but something that unpacks without end.
    /// </summary>
    /// <param name="response">The answer, of which the head has been read.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <param name="most">The most bytes.</param>
    /// <param name="received">Told the number of bytes each time that some come; may be null.</param>
    /// <returns>The bytes; null where there are too many.</returns>
    public static async Task<ReadOnlyMemory<byte>?> ReadAsync(
        HttpResponseMessage response, CancellationToken cancellationToken, int most = LongestAnswer, Action<int>? received = null)
    {
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        // One byte more tells an answer that ends from one that goes on.
        var body = new byte[Math.Min(FirstRoom, most + 1)];
        var length = 0;
        for (int read; (read = await stream.ReadAsync(body.AsMemory(length), cancellationToken)) > 0;)
        {
            length += read;
            if (length > most) return null;
            received?.Invoke(read);
            if (length == body.Length) Array.Resize(ref body, Math.Min(body.Length * 2, most + 1));
        }

        return body.AsMemory(0, length);
    }

    /// <summary>
    /// Why a request failed: the innermost reason, for the outer ones often say no more than that there is one. Of those that hold it, the first,
    /// which may tell the address too. The password that a proxy's address may have is left out.
    /// </summary>
    public static string ReasonOf(Exception fault)
    {
        var inner = fault.GetBaseException().Message.TrimEnd('.');
        var words = fault.Message;
        for (var e = fault; e is not null && !(words = e.Message).Contains(inner, StringComparison.Ordinal);) e = e.InnerException;
        return UserInfo().Replace(words, "://");
    }

    /// <summary>How long an answer asks to wait (Retry-After, in seconds or as a time); null where it does not, or the time is past.</summary>
    public static TimeSpan? RetryAfterOf(HttpResponseMessage response)
    {
        var wait = response.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            // By the service's own clock where it tells it: ours may be wrong.
            { Date: { } date } => date - (response.Headers.Date ?? DateTimeOffset.UtcNow),
            _ => (TimeSpan?)null,
        };
        return wait > TimeSpan.Zero ? wait : null;
    }

    [GeneratedRegex(@"://[^/\s']*@")]
    private static partial Regex UserInfo();
}
