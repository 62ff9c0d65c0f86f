namespace Mapillary.Services;

/// <summary>Where the services are: the real ones, or what the environment points at instead.</summary>
public sealed record ServiceEndpoints
{
    /// <summary>The Graph API; <c>MAPILLARY_GRAPH_API_ENDPOINT</c> points elsewhere.</summary>
    public Uri Graph { get; init; } = new("https://graph.mapillary.com");

    /// <summary>
    /// The vector tiles; <c>MAPILLARY_TILES_ENDPOINT</c> points elsewhere. Null where the Graph API is another one and it is not said where its
    /// tiles are: a token of the one is none of the other's.
    /// </summary>
    public Uri? Tiles { get; init; } = new("https://tiles.mapillary.com");

    /// <summary>archive.org; <c>ARCHIVE_ORG_ENDPOINT</c> points elsewhere.</summary>
    public Uri Archive { get; init; } = new("https://archive.org");

    /// <summary>archive.org's S3-like upload service; <c>ARCHIVE_ORG_S3_ENDPOINT</c> points elsewhere.</summary>
    public Uri ArchiveS3 { get; init; } = new("https://s3.us.archive.org");

    /// <summary>Whether image addresses on this machine are accepted: only when the Graph API itself is asked there, by plain http.</summary>
    public bool IsLoopbackAllowed => Graph.Scheme == Uri.UriSchemeHttp && WebAddress.IsLoopback(Graph);

    /// <summary>Reads the environment.</summary>
    /// <exception cref="FormatException">A variable holds no https address, nor one by plain http on this machine.</exception>
    public static ServiceEndpoints FromEnvironment()
    {
        var real = new ServiceEndpoints();
        var graph = Read("MAPILLARY_GRAPH_API_ENDPOINT");
        return new ServiceEndpoints
        {
            Graph = graph ?? real.Graph,
            Tiles = Read("MAPILLARY_TILES_ENDPOINT") ?? (graph is null ? real.Tiles : null),
            Archive = Read("ARCHIVE_ORG_ENDPOINT") ?? real.Archive,
            ArchiveS3 = Read("ARCHIVE_ORG_S3_ENDPOINT") ?? real.ArchiveS3,
        };
    }

    /// <summary>Where the vector tiles are.</summary>
    /// <exception cref="FormatException">That is not said.</exception>
    internal Uri RequireTiles() => Tiles ?? throw new FormatException(
        "MAPILLARY_GRAPH_API_ENDPOINT is set and MAPILLARY_TILES_ENDPOINT is not. An area is listed through vector tiles: set both, or neither.");

    private static Uri? Read(string variable) => Read(variable, Environment.GetEnvironmentVariable(variable));

    /// <summary>The address that a variable holds; null where it is not set.</summary>
    internal static Uri? Read(string variable, string? value)
    {
        if (string.IsNullOrWhiteSpace(value)) return null;
        if (!WebAddress.TryParse(value.Trim(), out var address) || (address.Scheme != Uri.UriSchemeHttps && address.Scheme != Uri.UriSchemeHttp))
            throw new FormatException($"{variable} is '{value}'; an address such as https://graph.mapillary.com is expected.");
        RefuseClearText(address, variable);
        return address;
    }

    /// <summary>Refuses to send what is secret in clear, where anybody on the way could read it: plain http is for this machine alone.</summary>
    /// <param name="address">Where it would be sent.</param>
    /// <param name="what">Who says so: a variable, or the service.</param>
    /// <exception cref="FormatException">It is plain http, to another machine.</exception>
    internal static void RefuseClearText(Uri address, string what)
    {
        if (address.Scheme == Uri.UriSchemeHttps || WebAddress.IsLoopback(address)) return;
        throw new FormatException($"{what} is '{address.Scheme}://{address.Authority}', plain http to another machine: what is secret would be sent in clear, and nothing was sent. Use https, or an address of this machine such as http://127.0.0.1:8080.");
    }
}
