using System.Net;
using System.Net.Sockets;
using Mapillary.Services;

namespace Mapillary.Tests;

/// <summary>An address that does not answer keeps nobody from the next one.</summary>
public sealed class AddressRaceTests : IDisposable
{
    private readonly List<Socket> _sockets = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _sockets.ForEach(s => s.Dispose());

    /// <summary>
    /// An address of this machine that takes no connection and refuses none: a listener whose queue is full, and nobody takes from it. Linux
    /// then answers nothing, as a network without a way does.
    /// </summary>
    private IPEndPoint Dead(IPAddress address, int port)
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("Only Linux leaves connections to a full queue unanswered, and has all addresses of 127.0.0.0/8.");
        var listener = Kept(new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        listener.Bind(new IPEndPoint(address, port));
        listener.Listen(0);
        var end = (IPEndPoint)listener.LocalEndPoint!;
        // A queue of none still takes one, and a second is on its way.
        for (var i = 0; i < 3; i++)
        {
            var filler = Kept(new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { Blocking = false });
            try
            {
                filler.Connect(end);
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
            {
                // It waits for ever, and that is the point.
            }
        }

        return end;
    }

    private Socket Kept(Socket socket)
    {
        _sockets.Add(socket);
        return socket;
    }

    private static HttpClient Client(params IPAddress[] addresses) => ServiceHttp.CreateClient(DecompressionMethods.None, rules: null, (_, _) => Task.FromResult(addresses));

    private static async Task<string> AskAsync(StubServer server, params IPAddress[] addresses)
    {
        using var client = Client(addresses);
        return await client.GetStringAsync(new Uri($"http://two.example:{server.Address.Port}/"), Token);
    }

    [Fact]
    public async Task A_host_whose_first_address_is_dead_is_reached_by_the_next()
    {
        await using var server = new StubServer(_ => StubServer.Json("{}"));
        // Which port the server has is its own choice; the dead address has the same.
        var dead = Dead(IPAddress.Parse("127.0.0.2"), server.Address.Port);

        Assert.Equal("{}", await AskAsync(server, dead.Address, IPAddress.Loopback));
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task A_host_whose_IPv6_is_dead_is_reached_by_IPv4_however_many_addresses_are_dead()
    {
        await using var server = new StubServer(_ => StubServer.Json("{}"));
        if (!Socket.OSSupportsIPv6) Assert.Skip("This machine has no IPv6.");
        Dead(IPAddress.IPv6Loopback, server.Address.Port);
        IPAddress[] sixes = [.. Enumerable.Repeat(IPAddress.IPv6Loopback, 300)];

        // One after the other they would take 75 s; the kinds take turns.
        Assert.Equal("{}", await AskAsync(server, [.. sixes, IPAddress.Loopback]).WaitAsync(TimeSpan.FromSeconds(30), Token));
    }

    [Fact]
    public async Task An_address_that_refuses_is_followed_by_the_next()
    {
        await using var server = new StubServer(_ => StubServer.Json("{}"));

        Assert.Equal("{}", await AskAsync(server, IPAddress.Parse("127.0.0.3"), IPAddress.Parse("127.0.0.4"), IPAddress.Loopback));
    }

    [Fact]
    public async Task Where_no_address_takes_the_connection_the_reason_is_said()
    {
        using var closed = new TcpListener(IPAddress.Loopback, 0);
        closed.Start();
        var port = ((IPEndPoint)closed.LocalEndpoint).Port;
        closed.Stop();
        var race = new AddressRace((_, _) => Task.FromResult<IPAddress[]>([IPAddress.Loopback, IPAddress.Parse("127.0.0.5")]));

        var fault = await Assert.ThrowsAsync<SocketException>(async () => await race.ConnectAsync(new DnsEndPoint("two.example", port), Token));

        Assert.Equal(SocketError.ConnectionRefused, fault.SocketErrorCode);
    }

    [Fact]
    public async Task A_host_without_addresses_is_not_found()
    {
        var race = new AddressRace((_, _) => Task.FromResult<IPAddress[]>([]));

        var fault = await Assert.ThrowsAsync<SocketException>(async () => await race.ConnectAsync(new DnsEndPoint("none.example", 443), Token));

        Assert.Equal(SocketError.HostNotFound, fault.SocketErrorCode);
    }

    [Fact]
    public async Task A_race_ends_when_nobody_wants_it_any_more()
    {
        var dead = Dead(IPAddress.Parse("127.0.0.6"), 0);
        var race = new AddressRace((_, _) => Task.FromResult<IPAddress[]>([dead.Address, IPAddress.Parse("127.0.0.7")]));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        // The other address has nobody either: it refuses, and the first one is waited for.
        var connecting = race.ConnectAsync(new DnsEndPoint("two.example", dead.Port), stop.Token).AsTask();

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting);
    }

    [Fact]
    public async Task Where_the_first_address_answers_the_second_is_not_tried()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();

        // However slow this machine is just now: the first one is waited for.
        await using (await Twice(Timeout.InfiniteTimeSpan).ConnectAsync(NameOf(listener), Token))
        {
            using var only = await listener.AcceptTcpClientAsync(Token);
            Assert.False(listener.Pending());
        }
    }

    [Fact]
    public async Task Who_connects_too_late_is_closed()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();

        // Both are tried at once, and this machine's own address answers both.
        await using var taken = await Twice(TimeSpan.Zero).ConnectAsync(NameOf(listener), Token);
        await taken.WriteAsync("x"u8.ToArray(), Token);

        var received = new List<int>();
        for (var i = 0; i == 0 || listener.Pending(); i++)
        {
            using var connection = await listener.AcceptTcpClientAsync(Token);
            received.Add(await connection.GetStream().ReadAsync(new byte[2], Token));
        }

        // The one that was taken has the byte; the other, where it came so far, has ended.
        Assert.Single(received, 1);
        Assert.All(received, count => Assert.InRange(count, 0, 1));
    }

    private static AddressRace Twice(TimeSpan headStart) => new((_, _) => Task.FromResult<IPAddress[]>([IPAddress.Loopback, IPAddress.Loopback]), headStart);

    private static DnsEndPoint NameOf(TcpListener listener) => new("two.example", ((IPEndPoint)listener.LocalEndpoint).Port);
}
