using System.Collections.Concurrent;
using System.Collections.Specialized;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Mapillary.InternetArchive.Client;
using Mapillary.Services;

namespace Mapillary.Tests.InternetArchive;

/// <summary>A request to the stub.</summary>
public sealed record StubRequest(string Path, NameValueCollection Query, string? UserAgent);

/// <summary>An answer of the stub.</summary>
public sealed record StubAnswer(string Body, int Status = 200, string ContentType = "application/json", string? RetryAfter = null, string? Location = null);

/// <summary>An HTTP server on loopback that answers as a test says, standing in for archive.org.</summary>
public sealed class StubArchive : IDisposable
{
    private readonly HttpListener _listener;
    private readonly Func<StubRequest, StubAnswer> _answer;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _work;

    public StubArchive(Func<StubRequest, StubAnswer> answer)
    {
        _answer = answer;
        (_listener, Address) = Listen();
        _work = Task.Run(ServeAsync);
    }

    public Uri Address { get; }

    public ConcurrentQueue<StubRequest> Requests { get; } = [];

    /// <summary>A client of this server that waits for nothing.</summary>
    public ArchiveClient Client(IRunLog? log = null) => new(Address, Rules, log);

    public static RetryRules Rules { get; } = new()
    {
        Attempts = 3,
        RateLimitAttempts = 4,
        FirstWait = TimeSpan.FromMilliseconds(1),
        RateLimitWait = TimeSpan.FromMilliseconds(1),
        RequestTimeout = TimeSpan.FromSeconds(20),
    };

    /// <summary>A loopback address where nothing listens.</summary>
    public static Uri NobodyThere()
    {
        using var stub = new StubArchive(_ => new StubAnswer("{}"));
        return stub.Address;
    }

    public void Dispose()
    {
        // In this order: a listener that is closed does not always let go of whoever waits for a request.
        _stop.Cancel();
        _work.GetAwaiter().GetResult();
        _listener.Close();
        _stop.Dispose();
    }

    private static (HttpListener Listener, Uri Address) Listen()
    {
        for (var attempt = 1; ; attempt++)
        {
            using var probe = new TcpListener(IPAddress.Loopback, 0);
            probe.Start();
            var address = new Uri($"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}/");
            probe.Stop();
            var listener = new HttpListener { Prefixes = { address.ToString() } };
            try
            {
                listener.Start();
                return (listener, address);
            }
            catch (HttpListenerException) when (attempt < 10)
            {
                // Another process took the port in between.
                listener.Close();
            }
        }
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync().WaitAsync(_stop.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            var request = new StubRequest(context.Request.Url!.AbsolutePath, context.Request.QueryString, context.Request.UserAgent);
            Requests.Enqueue(request);
            var answer = _answer(request);
            context.Response.StatusCode = answer.Status;
            context.Response.ContentType = answer.ContentType;
            if (answer.RetryAfter is not null) context.Response.AddHeader("Retry-After", answer.RetryAfter);
            if (answer.Location is not null) context.Response.RedirectLocation = answer.Location;
            context.Response.Close(Encoding.UTF8.GetBytes(answer.Body), willBlock: true);
        }
    }
}

/// <summary>A log that a test reads.</summary>
public sealed class KeptLog : IRunLog
{
    public ConcurrentQueue<string> Words { get; } = [];

    public ConcurrentQueue<string> Warnings { get; } = [];

    public void Say(string message) => Words.Enqueue(message);

    public void Warn(string message) => Warnings.Enqueue(message);
}

/// <summary>A folder of its own for a test.</summary>
public sealed class TestFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("archive-tests-").FullName;

    public string Write(string place, string text)
    {
        var path = System.IO.Path.Combine(Path, place);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
