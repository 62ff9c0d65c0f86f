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
