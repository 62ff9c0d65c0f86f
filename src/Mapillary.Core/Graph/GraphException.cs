using System.Net;

namespace Mapillary.Graph;

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
