using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Mapillary.Benchmarks;

/// <summary>nginx with a configuration of its own on a free port of this machine, for as long as it is not disposed.</summary>
internal sealed class PhotoServer : IDisposable
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(10);

    private readonly Process _nginx;

    private PhotoServer(Process nginx, Uri address) => (_nginx, Address) = (nginx, address);

    /// <summary>Where it is.</summary>
    public Uri Address { get; }

    /// <summary>Starts it.</summary>
    /// <param name="folder">For its own files, and, in <c>files</c>, what it serves.</param>
    /// <exception cref="InvalidOperationException">It does not start; it has said why on the error stream.</exception>
    public static async Task<PhotoServer> StartAsync(string folder)
    {
        var port = FreePort();
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
                server { listen 127.0.0.1:{{port}}; root {{folder}}/files; location = /images { default_type application/json; } }
            }

            """);
        var server = new PhotoServer(Process.Start(new ProcessStartInfo(Peer.Nginx.Path!, ["-p", folder, "-c", configuration, "-e", "stderr"]))!, new Uri($"http://127.0.0.1:{port}/"));
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
