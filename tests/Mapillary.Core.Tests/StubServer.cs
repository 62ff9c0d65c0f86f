using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Mapillary.Tests;

/// <summary>A request to the stub.</summary>
/// <param name="Target">Path and query, as sent.</param>
/// <param name="Head">All of the request's head.</param>
public sealed record RawRequest(string Target, string Head);

/// <summary>
/// A server on loopback whose answers a test writes to the byte, for what no well-made server does. Each connection serves one request.
/// </summary>
public sealed class StubServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<RawRequest, IEnumerable<byte[]>> _answer;
    private readonly bool _staysOpen;
    private readonly Task _work;

    /// <param name="answer">Makes the answers: head and body.</param>
    /// <param name="staysOpen">Whether the connection is held open behind the answer, and nothing more comes.</param>
    public StubServer(Func<RawRequest, byte[]> answer, bool staysOpen = false)
        : this(request => (IEnumerable<byte[]>)[answer(request)], staysOpen)
    {
    }

    private StubServer(Func<RawRequest, IEnumerable<byte[]>> answer, bool staysOpen)
    {
        (_answer, _staysOpen) = (answer, staysOpen);
        _listener.Start();
        Address = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/");
        _work = Task.Run(ServeAsync);
    }

    public Uri Address { get; }

    public ConcurrentQueue<RawRequest> Requests { get; } = [];

    /// <summary>A server whose answers are made piece by piece, each when the one before has been sent: they may be without end.</summary>
    public static StubServer OfPieces(Func<RawRequest, IEnumerable<byte[]>> answer) => new(answer, staysOpen: false);

    /// <summary>An answer whose length is announced truly.</summary>
    public static byte[] Answer(int status, byte[] body, string headers = "") =>
        Raw($"HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {body.Length}\r\n{headers}\r\n", body);

    public static byte[] Json(string json, int status = 200, string headers = "") =>
        Answer(status, Encoding.UTF8.GetBytes(json), "Content-Type: application/json\r\n" + headers);

    /// <summary>JSON of some length, in which one value stands again and again.</summary>
    /// <param name="json">The whole, with <c>@</c> where the values stand.</param>
    /// <param name="value">The value, with what stands behind it.</param>
    /// <param name="length">About how many bytes it is to have.</param>
    public static byte[] JsonOf(string json, string value, int length)
    {
        var (one, ends) = (Encoding.UTF8.GetBytes(value), json.Split('@'));
        var many = new byte[length / one.Length * one.Length];
        for (var at = 0; at < many.Length; at += one.Length) one.CopyTo(many, at);
        return Answer(200, [.. Encoding.UTF8.GetBytes(ends[0]), .. many, .. Encoding.UTF8.GetBytes(ends[1])], "Content-Type: application/json\r\n");
    }

    public static byte[] Raw(string head, byte[] body) => [.. Encoding.UTF8.GetBytes(head), .. body];

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _work;
        _listener.Stop();
        _stop.Dispose();
    }

    private async Task ServeAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true) connections.Add(AnswerAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }

        await Task.WhenAll(connections);
    }

    private async Task AnswerAsync(TcpClient connection)
    {
        await Task.Yield();
        using (connection)
        {
            try
            {
                var stream = connection.GetStream();
                var head = new List<byte>();
                var one = new byte[1];
                while (!head.TakeLast(4).SequenceEqual("\r\n\r\n"u8.ToArray()))
                {
                    if (await stream.ReadAsync(one, _stop.Token) == 0) return;
                    head.Add(one[0]);
                }

                var text = Encoding.ASCII.GetString([.. head]);
                var request = new RawRequest(text.Split(' ')[1], text);
                Requests.Enqueue(request);
                foreach (var piece in _answer(request)) await stream.WriteAsync(piece, _stop.Token);
                if (_staysOpen) _ = await stream.ReadAsync(one, _stop.Token);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                // The client went away, or the test is over.
            }
        }
    }
}
