namespace Mapillary;

/// <summary>Where the services are: the real ones, or what the environment points at instead.</summary>
public sealed record ServiceEndpoints
{
    /// <summary>The Graph API; <c>MAPILLARY_GRAPH_API_ENDPOINT</c> points elsewhere.</summary>
    public Uri Graph { get; init; } = new("https://graph.mapillary.com");

    /// <summary>archive.org; <c>ARCHIVE_ORG_ENDPOINT</c> points elsewhere.</summary>
    public Uri Archive { get; init; } = new("https://archive.org");

    /// <summary>archive.org's S3-like upload service; <c>ARCHIVE_ORG_S3_ENDPOINT</c> points elsewhere.</summary>
    public Uri ArchiveS3 { get; init; } = new("https://s3.us.archive.org");

    /// <summary>Whether image addresses on this machine are accepted: only when the Graph API itself is asked by plain http.</summary>
    public bool IsLoopbackAllowed => Graph.Scheme == Uri.UriSchemeHttp;

    /// <summary>Reads the environment.</summary>
    /// <exception cref="FormatException">A variable holds no absolute http or https address.</exception>
    public static ServiceEndpoints FromEnvironment()
    {
        var real = new ServiceEndpoints();
        return new ServiceEndpoints
        {
            Graph = Read("MAPILLARY_GRAPH_API_ENDPOINT") ?? real.Graph,
            Archive = Read("ARCHIVE_ORG_ENDPOINT") ?? real.Archive,
            ArchiveS3 = Read("ARCHIVE_ORG_S3_ENDPOINT") ?? real.ArchiveS3,
        };
    }

    private static Uri? Read(string variable)
    {
        var value = Environment.GetEnvironmentVariable(variable);
        if (string.IsNullOrWhiteSpace(value)) return null;
        return Uri.TryCreate(value.Trim(), UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttps || uri.Scheme == Uri.UriSchemeHttp)
            ? uri
            : throw new FormatException($"{variable} is '{value}'; an address such as https://graph.mapillary.com is expected.");
    }
}
