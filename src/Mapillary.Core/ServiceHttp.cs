using System.Buffers;
using System.Net;

namespace Mapillary;

/// <summary>How this software talks to the services.</summary>
internal static class ServiceHttp
{
    /// <summary>The most bytes of an answer, 64 MiB.</summary>
    private const int LongestAnswer = 64 * 1024 * 1024;

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

    /// <summary>
    /// Reads an answer into memory, unpacked. The largest that are known, a page of 2,000 records or a search of 10,000 items, have some
    /// 10 MiB; one that goes beyond <see cref="LongestAnswer"/> is no answer, but something that unpacks without end.
    /// </summary>
    /// <returns>The bytes; null where there are too many.</returns>
    public static async Task<byte[]?> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        using var body = new MemoryStream();
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var chunk = ArrayPool<byte>.Shared.Rent(1 << 16);
        try
        {
            for (int read; (read = await stream.ReadAsync(chunk, cancellationToken)) > 0;)
            {
                if (body.Length + read > LongestAnswer) return null;
                body.Write(chunk, 0, read);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }

        return body.ToArray();
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
