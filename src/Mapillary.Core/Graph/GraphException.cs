using System.Net;

namespace Mapillary.Graph;

/// <summary>What went wrong between us and the Graph API, by what can be done about it.</summary>
public enum GraphFault
{
    /// <summary>No access token was given.</summary>
    NoToken,

    /// <summary>The token was refused; asking again does not help.</summary>
    TokenRefused,

    /// <summary>There is no such image, or it may not be seen.</summary>
    NotFound,

    /// <summary>The request is wrong in itself: a bad parameter or field.</summary>
    BadRequest,

    /// <summary>Too many requests; waiting helps.</summary>
    RateLimited,

    /// <summary>The answer would be too large; asking for less helps.</summary>
    TooMuchData,

    /// <summary>No answer in time; asking again helps, and asking for less helps more.</summary>
    TimedOut,

    /// <summary>A passing fault of the service or of the way to it.</summary>
    Transient,

    /// <summary>The service answers with a login page: this address is blocked, and trying on extends the block.</summary>
    Blocked,

    /// <summary>
    /// Something between this machine and Mapillary answers in its place: a proxy, the login page of a network, whoever shows a certificate that is
    /// not trusted. Asking again does not help.
    /// </summary>
    Intercepted,

    /// <summary>An answer that makes no sense, such as a page that leads back to an earlier one.</summary>
    BadAnswer,
}

/// <summary>The Graph API could not be asked, or refused. The text names what was asked for; it never holds the token.</summary>
public sealed class GraphException : Exception
{
    /// <summary>Makes the error.</summary>
    public GraphException(GraphFault fault, string message, Exception? inner = null)
        : base(message, inner) => Fault = fault;

    /// <summary>What can be done about it.</summary>
    public GraphFault Fault { get; }

    /// <summary>The HTTP status, where there was an answer.</summary>
    public HttpStatusCode? Status { get; init; }

    /// <summary>Whether the same request is not made again, because its caller can ask for less.</summary>
    internal bool IsToAskForLess { get; init; }

    /// <summary>How long the service asks us to wait, where it says so.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
