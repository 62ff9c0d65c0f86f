using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Mapillary.Emulator;

/// <summary>Mapillary's Graph API, its image CDN, its vector tiles, archive.org and its S3 (an entrance and a node of each), on seven ports of 127.0.0.1.</summary>
public sealed class EmulatorHost : IAsyncDisposable
{
    private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _stopping = new();
    private readonly List<WebApplication> _servers = [];
    private readonly RequestJournal _journal = new();
    private readonly List<string> _violations = [];
    private readonly EmulatorOptions _options;
    private readonly GraphServer _graph;
    private readonly CdnServer _cdn;
    private readonly ArchiveServer _archive;
    private readonly S3Server _s3;
    private readonly ItemStore _items;
    private readonly TileServer _tiles;
    private bool _isDisposed;

    private EmulatorHost(EmulatorOptions options)
    {
        foreach (var rule in options.Faults)
        {
            if (!FaultRule.Knows(rule.Server, rule.Kind)) throw new ArgumentException($"{rule.Server} has no fault {rule.Kind}.", nameof(options));
        }

        _options = options;
        World = new World(options);
        var faults = new FaultPlan(options);
        var urls = new PhotoUrls(options, () => CdnEndpoint);
        _graph = new GraphServer(options, World, faults, () => GraphEndpoint, () => CdnEndpoint, urls);
        _cdn = new CdnServer(options, World, faults, urls);
        _items = new ItemStore(options);
        _archive = new ArchiveServer(_items, faults, () => ArchiveNodeEndpoint);
        _s3 = new S3Server(options, _items, faults, () => S3NodeEndpoint);
        _tiles = new TileServer(options, World, faults, () => TilesEndpoint);
    }

    /// <summary>The Graph API's address.</summary>
    public Uri GraphEndpoint { get; private set; } = null!;

    /// <summary>The image CDN's address.</summary>
    public Uri CdnEndpoint { get; private set; } = null!;

    /// <summary>archive.org's address.</summary>
    public Uri ArchiveEndpoint { get; private set; } = null!;

    /// <summary>The address of the machine that holds the items, where archive.org's redirects of downloads lead.</summary>
    public Uri ArchiveNodeEndpoint { get; private set; } = null!;

    /// <summary>The address of archive.org's S3-like API.</summary>
    public Uri S3Endpoint { get; private set; } = null!;

    /// <summary>Another address of the same S3, where its redirects lead.</summary>
    public Uri S3NodeEndpoint { get; private set; } = null!;

    /// <summary>The address of the vector tiles.</summary>
    public Uri TilesEndpoint { get; private set; } = null!;

    /// <summary>The only token that the Graph API takes.</summary>
    public string Token { get; } = Tokens.Valid;

    /// <summary>The access key of the only pair that S3 takes.</summary>
    public string S3AccessKey { get; } = Tokens.S3AccessKey;

    /// <summary>The secret key of the only pair that S3 takes.</summary>
    public string S3SecretKey { get; } = Tokens.S3SecretKey;

    /// <summary>Users, sequences and images.</summary>
    public World World { get; }

    /// <summary>What archive.org held at the start.</summary>
    public IReadOnlyList<ArchivedItem> ArchivedItems => _items.AtStart;

    /// <summary>What has been uploaded until now, by the items' identifiers.</summary>
    public IReadOnlyDictionary<string, UploadedItem> UploadedItems => _items.Uploaded();

    /// <summary>All requests so far, in the order of their arrival.</summary>
    public IReadOnlyList<RequestRecord> Requests => _journal.Snapshot();

    /// <summary>What no client may do and one did: the token sent to the CDN or to archive.org, a key of S3 sent to one of the others.</summary>
    public IReadOnlyList<string> Violations
    {
        get
        {
            lock (_violations) return [.. _violations];
        }
    }

    /// <summary>Called with each request when its answer has ended; for those who want to watch.</summary>
    public event Action<RequestRecord>? Answered;

    /// <summary>Starts the servers.</summary>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    /// <exception cref="IOException">A port is in use, or the photos cannot be read.</exception>
    /// <exception cref="InvalidDataException">A photo is not a JPEG, or there is none.</exception>
    public static async Task<EmulatorHost> StartAsync(EmulatorOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        var host = new EmulatorHost(options);
        try
        {
            host.GraphEndpoint = await host.StartAsync(ServerKind.Graph, options.GraphLatency, cancellationToken);
            host.CdnEndpoint = await host.StartAsync(ServerKind.Cdn, options.CdnLatency, cancellationToken);
            host.ArchiveEndpoint = await host.StartAsync(ServerKind.Archive, options.ArchiveLatency, cancellationToken);
            host.S3Endpoint = await host.StartAsync(ServerKind.S3, options.ArchiveLatency, cancellationToken);
            host.S3NodeEndpoint = await host.StartAsync(ServerKind.S3, options.ArchiveLatency, cancellationToken);
            host.TilesEndpoint = await host.StartAsync(ServerKind.Tiles, options.GraphLatency, cancellationToken);
            host.ArchiveNodeEndpoint = await host.StartAsync(ServerKind.Archive, options.ArchiveLatency, cancellationToken);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>The bytes that the CDN last sent with status 200 for an image's picture; what it would send where it has not yet.</summary>
    /// <exception cref="KeyNotFoundException">There is no such image.</exception>
    public byte[] ServedBytes(string imageId, Rendition rendition = Rendition.Original) => _cdn.ServedBytes(World.Image(imageId), rendition);

    /// <summary>How often an image's bytes were asked of the CDN, in whatever rendition and with whatever answer.</summary>
    public int FetchCount(string imageId) => Requests.Count(r => r.Server == ServerKind.Cdn && r.Method == "GET" && r.ImageId == imageId);

    /// <summary>Stops the servers at once.</summary>
    /// <exception cref="TokenLeakedException">There were <see cref="Violations"/>; once, however often it is called.</exception>
    public async ValueTask DisposeAsync()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        await _stopping.CancelAsync();
        using var grace = new CancellationTokenSource(StopGrace);
        foreach (var server in _servers)
        {
            await server.StopAsync(grace.Token);
            await server.DisposeAsync();
        }

        _stopping.Dispose();
        if (Violations is { Count: > 0 } violations) throw new TokenLeakedException(violations);
    }

    private async Task<Uri> StartAsync(ServerKind kind, TimeSpan latency, CancellationToken cancellationToken)
    {
        var port = _options.Port == 0 ? 0 : _options.Port + _servers.Count;

        // The empty builder: nothing of the environment, of settings files or of the console gets in.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestLineSize = 1 << 20;
            kestrel.Limits.MaxRequestBufferSize = 2 << 20;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            if (kind == ServerKind.S3) kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Listen(IPAddress.Loopback, port);
        });
        var server = builder.Build();
        _servers.Add(server);
        server.Run(context => AnswerAsync(kind, latency, context));
        await server.StartAsync(cancellationToken);
        return new Uri(server.Urls.Single());
    }

    private async Task AnswerAsync(ServerKind kind, TimeSpan latency, HttpContext context)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, _stopping.Token);
        context.RequestAborted = ended.Token;
        var entry = _journal.Add(kind, context);
        try
        {
            if (latency > TimeSpan.Zero) await Task.Delay(latency, ended.Token);
            if (Leak(kind, context.Request) is { } leak)
            {
                lock (_violations) _violations.Add(leak);
                await context.WriteTextAsync(400, "text/plain", "This secret does not belong here.");
                return;
            }

            await (kind switch
            {
                ServerKind.Graph => _graph.AnswerAsync(context, entry),
                ServerKind.Cdn => _cdn.AnswerAsync(context, entry),
                ServerKind.S3 => _s3.AnswerAsync(context),
                ServerKind.Tiles => _tiles.AnswerAsync(context),
                _ => _archive.AnswerAsync(context, entry),
            });
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            // The client went away, or we are stopping.
            context.Abort();
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            // A mistake of ours or of a delegate in the options: no real server says this, so nobody takes it for one of the faults.
            await context.WriteTextAsync(500, "text/plain", $"The emulator failed: {e}");
        }
        finally
        {
            if (Answered is { } answered) answered(entry.Current);
        }
    }

    private static string? Leak(ServerKind kind, HttpRequest request)
    {
        var isMapillary = kind is ServerKind.Graph or ServerKind.Tiles;
        var what = kind is ServerKind.Cdn or ServerKind.Archive && request.Headers.ContainsKey("Authorization") ? "an Authorization header"
            : !isMapillary && request.Query.ContainsKey("access_token") ? "an access_token"
            : !isMapillary && Holds(Tokens.Valid) ? "the token"
            : kind != ServerKind.S3 && (Holds(Tokens.S3AccessKey) || Holds(Tokens.S3SecretKey)) ? "a key of S3"
            : null;
        return what is null ? null : $"{what} reached {kind}: {request.Method} {request.Path}";

        bool Holds(string secret) => Uri.UnescapeDataString(request.QueryString.Value ?? "").Contains(secret, StringComparison.Ordinal)
            || request.Headers.Any(h => Uri.UnescapeDataString(h.Value.ToString()).Contains(secret, StringComparison.Ordinal));
    }
}

/// <summary>A client sent the token or a key where it does not belong.</summary>
public sealed class TokenLeakedException(IReadOnlyList<string> violations) : Exception(string.Join(Environment.NewLine, violations))
{
    /// <summary>One line each.</summary>
    public IReadOnlyList<string> Violations { get; } = violations;
}
