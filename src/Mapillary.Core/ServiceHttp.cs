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
}
