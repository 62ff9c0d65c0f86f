using System.Net;
using System.Net.Sockets;
using System.Runtime.ExceptionServices;

namespace Mapillary.Services;

/// <summary>
/// Connects to a host that has several addresses: an address that does not answer at once does not keep the next one waiting, and the first that
/// answers is taken (RFC 8305, "Happy Eyeballs"). A network whose IPv6 leads nowhere then costs a quarter of a second.
/// </summary>
/// <param name="resolve">Finds the addresses of a host, those that the system prefers first.</param>
/// <param name="headStart">How long an address has for itself; as the RFC recommends when null.</param>
internal sealed class AddressRace(Func<string, CancellationToken, Task<IPAddress[]>> resolve, TimeSpan? headStart = null)
{
    /// <summary>How long an address has for itself (RFC 8305, section 5: Connection Attempt Delay).</summary>
    private static readonly TimeSpan HeadStart = TimeSpan.FromMilliseconds(250);

    /// <summary>Makes a connection.</summary>
    /// <exception cref="SocketException">The host has no address, or none takes the connection.</exception>
    public async ValueTask<Stream> ConnectAsync(DnsEndPoint host, CancellationToken cancellationToken)
    {
        var waiting = new Queue<IPAddress>(InTurns(await resolve(host.Host, cancellationToken)));
        var running = new List<Task<Socket>>();
        Exception? fault = null;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            while (waiting.Count > 0 || running.Count > 0)
            {
                if (waiting.TryDequeue(out var address)) running.Add(TryAsync(new IPEndPoint(address, host.Port), stop.Token));
                var first = Task.WhenAny(running);
                if (waiting.Count > 0 && await Task.WhenAny(first, Task.Delay(headStart ?? HeadStart, stop.Token)) != first)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    continue;
                }

                var ended = await first;
                running.Remove(ended);
                if (ended.IsCompletedSuccessfully) return new NetworkStream(await ended, ownsSocket: true);
                cancellationToken.ThrowIfCancellationRequested();
                // That this machine has no way to one kind of address tells less than what an address said.
                var said = ended.Exception!.InnerException!;
                if (fault is null || !IsNoWay(said)) fault = said;
            }
        }
        finally
        {
            await stop.CancelAsync();
            foreach (var late in running) _ = CloseAsync(late);
        }

        ExceptionDispatchInfo.Throw(fault ?? new SocketException((int)SocketError.HostNotFound));
        return null;
    }

    private static bool IsNoWay(Exception fault) =>
        fault is SocketException { SocketErrorCode: SocketError.NetworkUnreachable or SocketError.AddressFamilyNotSupported };

    /// <summary>One kind of address after the other, so that all of a kind that leads nowhere cost one wait.</summary>
    private static IEnumerable<IPAddress> InTurns(IPAddress[] addresses)
    {
        var kinds = addresses.GroupBy(a => a.AddressFamily).Select(g => g.ToArray()).ToArray();
        return Enumerable.Range(0, kinds.Select(k => k.Length).DefaultIfEmpty().Max()).SelectMany(i => kinds.Where(k => i < k.Length).Select(k => k[i]));
    }

    private static async Task<Socket> TryAsync(IPEndPoint address, CancellationToken cancellationToken)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(address, cancellationToken);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task CloseAsync(Task<Socket> late)
    {
        try
        {
            (await late).Dispose();
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // It lost the race.
        }
    }
}
