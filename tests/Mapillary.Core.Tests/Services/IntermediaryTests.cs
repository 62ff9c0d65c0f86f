using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Mapillary.Download;
using Mapillary.Graph;
using Mapillary.InternetArchive.Client;
using Mapillary.Services;

namespace Mapillary.Tests;

/// <summary>What stands between this machine and a service is named, and not asked again and again.</summary>
public class IntermediaryTests
{
    private const string Secret = "MLY|1|0123456789abcdef";

    private readonly RecordingLog _log = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private GraphClient Client(Uri endpoint) => new(endpoint, AccessToken.Parse(Secret), Workplace.QuickRetry, _log);

    [Fact]
    public async Task A_certificate_that_nobody_vouches_for_is_final_and_the_reason_is_said()
    {
        await using var server = new TlsServer();
        using var client = Client(server.Address);

        var error = await Assert.ThrowsAsync<GraphException>(() => client.GetImageAsync("7", Token));
        var again = await Assert.ThrowsAsync<GraphException>(() => client.GetImageAsync("8", Token));

        Assert.Equal((GraphFault.Intercepted, GraphFault.Intercepted), (error.Fault, again.Fault));
        Assert.Contains("certificate that localhost shows is not trusted", error.Message, StringComparison.Ordinal);
        Assert.Contains("UntrustedRoot", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("inner exception", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, server.Connections);
    }

    [Fact]
    public async Task What_stands_before_archive_org_or_the_image_servers_is_final_too()
    {
        await using var server = new TlsServer();
        using var archive = new ArchiveClient(server.Address, Workplace.QuickRetry, _log);

        Assert.Equal(ArchiveFault.Intercepted, (await Assert.ThrowsAsync<ArchiveException>(() => archive.ExistsAsync("an-item", Token))).Fault);
        Assert.Equal(1, server.Connections);

        await using var proxy = new StubServer(_ => StubServer.Answer(407, []));
        using var fetcher = new ImageFetcher(new FetchRules { Retry = Workplace.QuickRetry, LoopbackAllowed = true }, _ => null, graph: null, _log);
        var image = MapillaryImage.Parse($$"""{"id":"7","thumb_256_url":"{{proxy.Address}}7.jpg"}""");
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(GraphFault.Intercepted, (await Assert.ThrowsAsync<GraphException>(() => fetcher.FetchAsync(image, ImageQuality.Thumb256, Token))).Fault);
            Assert.Single(proxy.Requests);
        }
    }

    [Fact]
    public async Task A_handshake_that_breaks_off_may_pass()
    {
        await using var server = new TlsServer(handshakesToBreak: 99);
        using var client = Client(server.Address);

        var error = await Assert.ThrowsAsync<GraphException>(() => client.GetImageAsync("7", Token));

        Assert.Equal(GraphFault.Transient, error.Fault);
        Assert.DoesNotContain("inner exception", error.Message, StringComparison.Ordinal);
        Assert.Equal(6, server.Connections);
    }

    [Theory]
    [InlineData(302, "Location: http://login.wifi.example/hotspot\r\n", "redirects to 'http://login.wifi.example'")]
    [InlineData(200, "", "titled 'Welcome to Hotel & Spa'")]
    [InlineData(511, "", "HTTP 511")]
    public async Task The_login_page_of_a_network_is_not_called_a_block(int status, string headers, string words)
    {
        await using var server = new StubServer(_ => StubServer.Answer(status, "<html><head><title>Welcome to\n Hotel &amp; Spa</title>"u8.ToArray(), headers));
        using var client = Client(server.Address);

        var error = await Assert.ThrowsAsync<GraphException>(() => client.GetImageAsync("7", Token));

        Assert.Equal(GraphFault.Intercepted, error.Fault);
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        Assert.Contains("log in there", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("blocked", error.Message, StringComparison.Ordinal);
        Assert.Single(server.Requests);
    }

    [Theory]
    [InlineData(302, "Location: https://www.facebook.com/login/\r\n", "")]
    [InlineData(302, "Location: https://www.mapillary.com/login\r\n", "")]
    [InlineData(302, "Location: /login\r\n", "")]
    [InlineData(200, "X-FB-Debug: x==\r\n", "<html><title>Log in</title>")]
    public async Task Mapillarys_own_login_page_is_a_block(int status, string headers, string page)
    {
        await using var server = new StubServer(_ => StubServer.Answer(status, System.Text.Encoding.UTF8.GetBytes(page), headers));
        using var client = Client(server.Address);

        Assert.Equal(GraphFault.Blocked, (await Assert.ThrowsAsync<GraphException>(() => client.GetImageAsync("7", Token))).Fault);
        Assert.Single(server.Requests);
    }

    [Theory]
    [InlineData(407, "", "")]
    [InlineData(511, "", "")]
    [InlineData(302, "Location: http://login.wifi.example/\r\n", "login.wifi.example")]
    public async Task Between_here_and_archive_org_too(int status, string headers, string words)
    {
        await using var server = new StubServer(_ => StubServer.Answer(status, [], headers));
        using var archive = new ArchiveClient(server.Address, Workplace.QuickRetry, _log);

        var error = await Assert.ThrowsAsync<ArchiveException>(() => archive.ExistsAsync("an-item", Token));

        Assert.Equal(ArchiveFault.Intercepted, error.Fault);
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        Assert.Single(server.Requests);
    }

    [Fact]
    public void The_innermost_reason_is_said_and_no_password_of_a_proxy()
    {
        var refused = new HttpRequestException("Connection refused (127.0.0.1:1)", new SocketException((int)SocketError.ConnectionRefused, "Connection refused"));
        var reset = new HttpRequestException("An error occurred while sending the request.", new IOException("Unable to read data: Connection reset by peer.", new SocketException(0, "Connection reset by peer")));
        var tls = new HttpRequestException("The SSL connection could not be established, see inner exception.", new IOException("Received an unexpected EOF or 0 bytes."));
        var proxy = new HttpRequestException("The proxy tunnel request to proxy 'http://anna:s3cret@proxy.example:3128/' failed with status code '503'.");

        Assert.Equal("Connection refused (127.0.0.1:1)", ServiceHttp.ReasonOf(refused));
        Assert.Equal("Unable to read data: Connection reset by peer.", ServiceHttp.ReasonOf(reset));
        Assert.Equal("Received an unexpected EOF or 0 bytes.", ServiceHttp.ReasonOf(tls));
        Assert.Equal("The proxy tunnel request to proxy 'http://proxy.example:3128/' failed with status code '503'.", ServiceHttp.ReasonOf(proxy));
    }

    [Theory]
    [InlineData("407", true)]
    [InlineData("403", true)]
    [InlineData("503", false)]
    [InlineData("429", false)]
    public void What_a_proxy_cannot_do_now_it_may_do_later(string status, bool isFinal)
    {
        // The text of .NET 8, which has no status beside it.
        var fault = new HttpRequestException(HttpRequestError.ProxyTunnelError, $"The proxy tunnel request to proxy 'http://anna:s3cret@10.0.0.1:3128/' failed with status code '{status}'.\"");

        var words = Intermediary.Find(fault, new Uri("https://graph.mapillary.com/"));

        Assert.Equal(isFinal, words is not null);
        Assert.DoesNotContain("s3cret", words ?? "", StringComparison.Ordinal);
    }

    /// <summary>A server with a certificate that it made itself.</summary>
    private sealed class TlsServer : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource _stop = new();
        private readonly X509Certificate2 _certificate;
        private readonly int _handshakesToBreak;
        private readonly Task _work;
        private int _connections;

        public TlsServer(int handshakesToBreak = 0)
        {
            _handshakesToBreak = handshakesToBreak;
            using var key = RSA.Create(2048);
            using var made = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
                .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
#pragma warning disable SYSLIB0057 // The way that .NET 8 has.
            _certificate = new X509Certificate2(made.Export(X509ContentType.Pfx));
#pragma warning restore SYSLIB0057
            _listener.Start();
            _work = Task.Run(ServeAsync);
        }

        public Uri Address => new($"https://localhost:{((IPEndPoint)_listener.LocalEndpoint).Port}/");

        public int Connections => Volatile.Read(ref _connections);

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _work;
            _listener.Stop();
            _certificate.Dispose();
            _stop.Dispose();
        }

        private async Task ServeAsync()
        {
            try
            {
                while (true)
                {
                    using var connection = await _listener.AcceptTcpClientAsync(_stop.Token);
                    if (Interlocked.Increment(ref _connections) <= _handshakesToBreak) continue;
                    await using var tls = new SslStream(connection.GetStream());
                    try
                    {
                        await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = _certificate }, _stop.Token);
                        _ = await tls.ReadAsync(new byte[1], _stop.Token);
                    }
                    catch (Exception e) when (e is IOException or System.Security.Authentication.AuthenticationException)
                    {
                        // The client does not trust the certificate.
                    }
                }
            }
            catch (OperationCanceledException)
            {
                // The test is over.
            }
        }
    }
}
