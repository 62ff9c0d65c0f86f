using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Mapillary.Benchmarks;

/// <summary>
/// A long line to a server of this machine: what comes in on a free port goes on to the server, later. As over a real one each connection
/// needs a round trip before its first request, may have only so much under way unconfirmed (ten segments at first, as much again with
/// each confirmation, RFC 6928 and RFC 5681), and all share what the line carries. It loses nothing.
/// </summary>
internal sealed class SlowLine : IAsyncDisposable
{
    private const int FirstWindow = 14_600;
    private const int LargestWindow = 1 << 20;
    private const int Chunk = 1 << 16;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly int _target;
    private readonly TimeSpan _oneWay;
    private readonly double _bytesASecond;
    private readonly Task _accepting;
    private readonly object _gate = new();
    private readonly List<(double Time, long Bytes)> _arrived = [];
    private double _freeAt;

    /// <summary>Opens it.</summary>
    /// <param name="server">Where it leads to.</param>
    /// <param name="roundTrip">How long there and back.</param>
    /// <param name="bytesASecond">What it carries in all.</param>
    public SlowLine(Uri server, TimeSpan roundTrip, double bytesASecond)
    {
        (_target, _oneWay, _bytesASecond) = (server.Port, roundTrip / 2, bytesASecond);
        _listener.Start(512);
        Address = new UriBuilder(server) { Port = ((IPEndPoint)_listener.LocalEndpoint).Port }.Uri;
        _accepting = AcceptAsync();
    }

    /// <summary>Its near end.</summary>
    public Uri Address { get; }

    private static double Now => Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency;

    /// <summary>Forgets what it has carried.</summary>
    public void Reset()
    {
        lock (_gate) _arrived.Clear();
    }

    /// <summary>How many bytes a second arrived, from the first to the last.</summary>
    public double Rate()
    {
        lock (_gate) return _arrived.Sum(a => a.Bytes) / (_arrived[^1].Time - _arrived[0].Time);
    }

    /// <summary>How many bytes a second arrived in the time that the second half of all took.</summary>
    public double LaterRate()
    {
        lock (_gate)
        {
            var (half, so) = (_arrived.Sum(a => a.Bytes) / 2, 0L);
            var begun = _arrived.First(a => (so += a.Bytes) >= half).Time;
            return half / (_arrived[^1].Time - begun);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_connections);
        _end.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _connections.Add(CarryAsync(await _listener.AcceptSocketAsync(_end.Token)));
        }
        catch (OperationCanceledException)
        {
            // Closed.
        }
    }

    private async Task CarryAsync(Socket near)
    {
        using var far = new Socket(SocketType.Stream, ProtocolType.Tcp);
        using (near)
        {
            (near.NoDelay, far.NoDelay) = (true, true);
            using var end = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
            try
            {
                await far.ConnectAsync(IPAddress.Loopback, _target, end.Token);
                await Task.Delay(_oneWay * 2, end.Token);
                var there = CarryAsync(near, far, isPhotos: false, end.Token);
                var back = CarryAsync(far, near, isPhotos: true, end.Token);
                await await Task.WhenAny(there, back);
                // Whichever side hangs up, all that it has sent has been handed on.
                await end.CancelAsync();
                await Task.WhenAll(there, back);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException)
            {
                // One side is gone, or the line is closed.
            }
        }
    }

    private async Task CarryAsync(Socket from, Socket to, bool isPhotos, CancellationToken cancellationToken)
    {
        var underWay = Channel.CreateUnbounded<(double At, byte[] Bytes)>();
        var delivering = DeliverAsync();
        try
        {
            var window = isPhotos ? FirstWindow : LargestWindow;
            var unconfirmed = new Queue<(double At, int Bytes)>();
            var open = 0;
            var buffer = new byte[Chunk];
            while (true)
            {
                while (unconfirmed.TryPeek(out var first) && (first.At <= Now || open >= window))
                {
                    await WaitUntilAsync(first.At, cancellationToken);
                    unconfirmed.Dequeue();
                    open -= first.Bytes;
                    window = Math.Min(LargestWindow, window + first.Bytes);
                }

                var read = await from.ReceiveAsync(buffer.AsMemory(0, Math.Min(Chunk, window - open)), cancellationToken);
                if (read == 0) break;
                var arrives = (isPhotos ? Leave(read) : Now) + _oneWay.TotalSeconds;
                underWay.Writer.TryWrite((arrives, buffer[..read]));
                if (_oneWay == TimeSpan.Zero) continue;
                unconfirmed.Enqueue((arrives + _oneWay.TotalSeconds, read));
                open += read;
            }
        }
        finally
        {
            underWay.Writer.Complete();
            await delivering;
        }

        async Task DeliverAsync()
        {
            await foreach (var (at, bytes) in underWay.Reader.ReadAllAsync(cancellationToken))
            {
                await WaitUntilAsync(at, cancellationToken);
                for (var sent = 0; sent < bytes.Length;) sent += await to.SendAsync(bytes.AsMemory(sent), cancellationToken);
                if (!isPhotos) continue;
                lock (_gate) _arrived.Add((Now, bytes.Length));
            }
        }
    }

    /// <summary>When bytes have got onto the line, behind those of others.</summary>
    private double Leave(int bytes)
    {
        lock (_gate) return _freeAt = Math.Max(_freeAt, Now) + (bytes / _bytesASecond);
    }

    private static Task WaitUntilAsync(double time, CancellationToken cancellationToken)
    {
        var left = time - Now;
        return left > 0 ? Task.Delay(TimeSpan.FromSeconds(left), cancellationToken) : Task.CompletedTask;
    }
}
