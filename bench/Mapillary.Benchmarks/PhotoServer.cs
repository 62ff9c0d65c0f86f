using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Mapillary.Benchmarks;

/// <summary>nginx with a configuration of its own on a free port of this machine, for as long as it is not disposed.</summary>
internal sealed class PhotoServer : IDisposable
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(10);

    private readonly Process _nginx;

    private PhotoServer(Process nginx, int port, int securePort)
    {
        _nginx = nginx;
        (Address, SecureAddress) = (new Uri($"http://127.0.0.1:{port}/"), new Uri($"https://127.0.0.1:{securePort}/"));
    }

    /// <summary>Where it is.</summary>
    public Uri Address { get; }

    /// <summary>The same over TLS, by HTTP/1.1 and HTTP/2; only where there is a certificate.</summary>
    public Uri SecureAddress { get; }

    /// <summary>Starts it.</summary>
    /// <param name="folder">For its own files, and, in <c>files</c>, what it serves.</param>
    /// <param name="certificate">With its key, for TLS; null for none.</param>
    /// <param name="mostASecond">How many photos it serves a second before it answers "too many requests", to come back after a second; null for any number.</param>
    /// <exception cref="InvalidOperationException">It does not start; it has said why on the error stream.</exception>
    public static async Task<PhotoServer> StartAsync(string folder, X509Certificate2? certificate = null, int? mostASecond = null)
    {
        var (port, securePort) = (FreePort(), FreePort());
        var secure = "";
        if (certificate is not null)
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "server.pem"), certificate.ExportCertificatePem());
            await File.WriteAllTextAsync(Path.Combine(folder, "server.key"), certificate.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());
            secure = $"listen 127.0.0.1:{securePort} ssl http2; ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;";
        }

        var (zone, limit) = mostASecond is null ? ("", "") :
        (
            $"limit_req_zone $binary_remote_addr zone=photos:1m rate={mostASecond}r/s; limit_req_status 429; limit_req_log_level info;",
            $$"""location ~ \.jpg$ { limit_req zone=photos burst={{mostASecond / 5}} nodelay; error_page 429 @many; } location @many { add_header Retry-After 1 always; return 429; }""");
        var configuration = Path.Combine(folder, "nginx.conf");
        await File.WriteAllTextAsync(configuration, $$"""
            {{(Environment.UserName == "root" ? "user root;" : "")}}
            daemon off;
            worker_processes auto;
            pid {{folder}}/nginx.pid;
            error_log stderr warn;
            events { worker_connections 1024; }
            http {
                access_log off;
                sendfile on;
                tcp_nopush on;
                keepalive_requests 1000000;
                default_type image/jpeg;
                client_body_temp_path {{folder}}/body;
                proxy_temp_path {{folder}}/proxy;
                fastcgi_temp_path {{folder}}/fastcgi;
                uwsgi_temp_path {{folder}}/uwsgi;
                scgi_temp_path {{folder}}/scgi;
                {{zone}}
                server { listen 127.0.0.1:{{port}}; {{secure}} root {{folder}}/files; location = /images { default_type application/json; } {{limit}} }
            }

            """);
        var server = new PhotoServer(Process.Start(new ProcessStartInfo(Peer.Nginx.Path!, ["-p", folder, "-c", configuration, "-e", "stderr"]))!, port, securePort);
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < StartPatience && !server._nginx.HasExited; await Task.Delay(20))
        {
            using var client = new TcpClient();
            try
            {
                await client.ConnectAsync(IPAddress.Loopback, port);
                return server;
            }
            catch (SocketException)
            {
                // Not listening yet.
            }
        }

        server.Dispose();
        throw new InvalidOperationException("nginx did not start.");
    }

    public void Dispose()
    {
        _nginx.Kill(entireProcessTree: true);
        _nginx.WaitForExit();
        _nginx.Dispose();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
