using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Mapillary.Benchmarks;

/// <summary>
/// HTTP/1.1, a connection for each transfer, against HTTP/2, one connection for all, over TLS to the same nginx: small renditions and
/// full-size photos, on this machine and over a line of 80 ms.
/// </summary>
internal static class HttpComparison
{
    /// <summary>About what the rendition of 256 pixels has.</summary>
    private const int SmallPicture = 12_000;

    /// <summary>Over the long line, where a transfer takes a round trip at least.</summary>
    private const int PicturesATransfer = 12;

    private static readonly int[] Transfers = [4, 16, 64];

    public static async Task<IReadOnlyList<Goal>> RunAsync(Bench bench)
    {
        if (!Peer.Nginx.IsThere("http")) return [];
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var server = bench.EmptyFolder("server");
        using var nginx = await PhotoServer.StartAsync(server, certificate);
        var files = Directory.CreateDirectory(Path.Combine(server, "files")).FullName;
        await File.WriteAllBytesAsync(Path.Combine(files, "small"), bench.FullSizePhotos[0][..SmallPicture]);
        await File.WriteAllBytesAsync(Path.Combine(files, "full"), bench.FullSizePhotos[0]);
        await using var slow = new SlowLine(nginx.SecureAddress, TimeSpan.FromMilliseconds(80), 50e6);

        Console.WriteLine();
        Console.WriteLine("http: pictures a second by HTTP/1.1, by HTTP/2, and the ratio of the second to the first within a round; CPU of this process");
        Console.WriteLine($"{"",-32}{"transfers",10}{"HTTP/1.1",10}{"HTTP/2",10}{"x",8}{"CPU ms",9}{"CPU ms",9}");
        foreach (var (name, file, address, count) in new[]
                 {
                     ("12 kB, no latency", "small", nginx.SecureAddress, 16000), ("photo, no latency", "full", nginx.SecureAddress, 1000),
                     ("12 kB, 80 ms, 50 MB/s", "small", slow.Address, 0), ("photo, 80 ms, 50 MB/s", "full", slow.Address, 0),
                 })
        {
            foreach (var transfers in Transfers)
            {
                var pictures = count > 0 ? count : transfers * PicturesATransfer;
                var runs = new List<(Run One, Run Two)>();
                for (var round = 0; round <= bench.Pairs; round++)
                {
                    Console.Error.WriteLine($"http, {name}, {transfers} transfers, {(round == 0 ? "warm-up" : $"round {round} of {bench.Pairs}")}");
                    var (one, two) = (HttpVersion.Version11, HttpVersion.Version20);
                    var first = await FetchAsync(new Uri(address, file), round % 2 == 0 ? one : two, transfers, pictures, certificate);
                    var second = await FetchAsync(new Uri(address, file), round % 2 == 0 ? two : one, transfers, pictures, certificate);
                    if (round > 0) runs.Add(round % 2 == 0 ? (first, second) : (second, first));
                }

                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{name,-32}{transfers,10}{Median(r => r.One.Rate),10:0}{Median(r => r.Two.Rate),10:0}{Median(r => r.Two.Rate / r.One.Rate),8:0.00}{Processor(r => r.One.Cpu)}{Processor(r => r.Two.Cpu)}"));

                double Median(Func<(Run One, Run Two), double> what) => Race.Median(runs.Select(what));

                // The line is this process's own work.
                string Processor(Func<(Run One, Run Two), double> what) => address == slow.Address ? $"{"-",9}" : string.Create(CultureInfo.InvariantCulture, $"{Median(what) * 1e3,9:0.00}");
            }
        }

        return [];
    }

    private static async Task<Run> FetchAsync(Uri address, Version version, int transfers, int pictures, X509Certificate2 certificate)
    {
        using var http = new HttpClient(new SocketsHttpHandler
        {
            UseCookies = false,
            AllowAutoRedirect = false,
            SslOptions = { RemoteCertificateValidationCallback = (_, shown, _, _) => shown?.GetCertHashString() == certificate.GetCertHashString() },
        });
        var (start, before) = (Stopwatch.GetTimestamp(), ProcessorTime.OfThis());
        await Parallel.ForEachAsync(Enumerable.Range(0, pictures), new ParallelOptions { MaxDegreeOfParallelism = transfers }, async (_, ct) =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address) { Version = version, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
            await using var body = await response.EnsureSuccessStatusCode().Content.ReadAsStreamAsync(ct);
            await body.CopyToAsync(Stream.Null, 1 << 17, ct);
        });
        var wall = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return new Run(pictures / wall, (ProcessorTime.OfThis() - before) / pictures);
    }

    /// <param name="Rate">Pictures a second.</param>
    /// <param name="Cpu">Seconds of this process's processor time for a picture.</param>
    private sealed record Run(double Rate, double Cpu);
}
