using System.Management.Automation;
using System.Net;
using System.Security;
using Mapillary.Graph;

namespace Mapillary.PowerShell;

/// <summary>What the cmdlets that ask the Graph API share: the token and where the services are.</summary>
public abstract class GraphCommand : MapillaryCommand
{
    /// <summary>The access token; a plain string is taken too. Without it, <c>$env:MAPILLARY_TOKEN</c> is used.</summary>
    [Parameter]
    [SecretTransformation]
    public SecureString? Token { get; set; }

    /// <summary>Where the services are.</summary>
    private protected ServiceEndpoints Endpoints { get; } = ServiceEndpoints.FromEnvironment();

    /// <summary>The token that was given, else the environment's.</summary>
    /// <exception cref="GraphException">There is none.</exception>
    private protected AccessToken RequireToken() => AccessToken.Require(PlainToken);

    /// <summary>The token, where there is one.</summary>
    private protected AccessToken? FindToken() => AccessToken.Find(PlainToken);

    private string? PlainToken => Token is null ? null : new NetworkCredential("", Token).Password;
}
