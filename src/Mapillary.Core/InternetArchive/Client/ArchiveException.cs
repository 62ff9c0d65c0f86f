using System.Net;

namespace Mapillary.InternetArchive.Client;

/// <summary>What went wrong between us and archive.org, by what can be done about it.</summary>
public enum ArchiveFault
{
    /// <summary>A passing fault of the service or of the way to it.</summary>
    Transient,

    /// <summary>Too many requests; waiting helps.</summary>
    RateLimited,

    /// <summary>The service refuses the request; asking again does not help.</summary>
    Refused,

    /// <summary>There are no keys to upload with, or archive.org does not take them.</summary>
    KeysRefused,

    /// <summary>
    /// Something between this machine and archive.org answers in its place: a proxy, the login page of a network, whoever shows a certificate that is
    /// not trusted. Asking again does not help.
    /// </summary>
    Intercepted,

    /// <summary>An answer that makes no sense, such as a search that leads back to an earlier page.</summary>
    BadAnswer,
}

/// <summary>archive.org could not be asked, or gave no usable answer: what was to be found out is not known.</summary>
public sealed class ArchiveException(ArchiveFault fault, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>What can be done about it.</summary>
    public ArchiveFault Fault { get; } = fault;

    /// <summary>The HTTP status, where there was an answer.</summary>
    public HttpStatusCode? Status { get; init; }

    /// <summary>How long the service asks us to wait, where it says so.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
