using System.Net;

namespace Mapillary;

/// <summary>How this software talks to the services.</summary>
internal static class ServiceHttp
{
    /// <summary>
    /// A client that follows no redirect (Mapillary blocks by redirecting to a login page, and a token must not travel there), keeps no
    /// cookies, says who it is, and leaves deadlines to its caller.
    /// </summary>
    public static HttpClient CreateClient(DecompressionMethods decompression)
    {
        var client = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = decompression,
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
            ConnectTimeout = TimeSpan.FromSeconds(60),
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        client.DefaultRequestHeaders.UserAgent.ParseAdd($"Mapillary-for-PowerShell/{Product.Version}");
        return client;
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
}
