using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Mapillary.Cli.Tests;

/// <summary>A proxy that does not let the program through is named, and its password is not.</summary>
public class ProxyTests
{
    [Theory]
    [InlineData("407 Proxy Authentication Required", "asks for a user name and a password (HTTP 407)", 1)]
    [InlineData("403 Forbidden", "refuses to connect to graph.mapillary.example (HTTP 403)", 1)]
    [InlineData("503 Service Unavailable", "could not be reached at graph.mapillary.example", 2)]
    public async Task A_proxy_that_refuses_is_named_without_its_password(string status, string words, int leastTries)
    {
        await using var run = await ConsoleRun.OpenAsync();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        using var proxy = new TcpListener(IPAddress.Loopback, 0);
        proxy.Start();
        var asked = new List<string>();
        var serving = ServeAsync();
        // Nobody looks the name up: that is the proxy's to do.
        run.Variables["MAPILLARY_GRAPH_API_ENDPOINT"] = "https://graph.mapillary.example/";
        run.Variables["https_proxy"] = $"http://anna:s3cret@127.0.0.1:{((IPEndPoint)proxy.LocalEndpoint).Port}/";
        run.Variables["http_proxy"] = run.Variables["HTTP_PROXY"] = run.Variables["HTTPS_PROXY"] = run.Variables["all_proxy"] = run.Variables["no_proxy"] = null;
        using var process = run.Start(run.Emulator.Token, ["backup", "anna", "--include-archived", "--verbose"]);
        var error = new StringBuilder();
        while (await process.StandardError.ReadLineAsync(stop.Token) is { } line)
        {
            error.AppendLine(line);
            // What may pass is tried again, and that is enough to see.
            if (leastTries > 1 && line.Contains("Waiting", StringComparison.Ordinal) && asked.Count >= leastTries) process.Kill();
        }

        await process.WaitForExitAsync(stop.Token);
        await stop.CancelAsync();
        await serving;

        Assert.Contains(words, error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", error.ToString(), StringComparison.Ordinal);
        Assert.All(asked, head => Assert.StartsWith("CONNECT graph.mapillary.example:443 ", head, StringComparison.Ordinal));
        if (leastTries > 1) Assert.True(asked.Count >= leastTries, error.ToString());
        // Once without the password, and once with it.
        else Assert.InRange(asked.Count, 1, 2);

        async Task ServeAsync()
        {
            try
            {
                while (true)
                {
                    using var connection = await proxy.AcceptTcpClientAsync(stop.Token);
                    var buffer = new byte[4096];
                    var count = await connection.GetStream().ReadAsync(buffer, stop.Token);
                    asked.Add(Encoding.ASCII.GetString(buffer, 0, count));
                    await connection.GetStream().WriteAsync(
                        Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nProxy-Authenticate: Basic realm=\"proxy\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), stop.Token);
                }
            }
            catch (OperationCanceledException)
            {
                // The test is over.
            }
        }
    }
}
