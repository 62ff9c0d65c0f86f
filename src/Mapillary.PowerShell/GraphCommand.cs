using System.Globalization;
using System.Management.Automation;
using System.Net;
using System.Security;
using Mapillary.Graph;
using Mapillary.Saving;
using Mapillary.Services;

namespace Mapillary.PowerShell;

/// <summary>What the cmdlets that ask the Graph API share: the token and where the services are.</summary>
public abstract class GraphCommand : MapillaryCommand
{
    private ServiceEndpoints? _endpoints;

    /// <summary>The access token; a plain string is taken too. Without it, <c>$env:MAPILLARY_TOKEN</c> is used.</summary>
    [Parameter]
    [SecretTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public SecureString? Token { get; set; }

    /// <summary>Where the services are.</summary>
    /// <exception cref="FormatException">A variable of the environment names no address that is asked.</exception>
    private protected ServiceEndpoints Endpoints => _endpoints ??= ServiceEndpoints.FromEnvironment();

    /// <summary>The token that was given, else the environment's.</summary>
    /// <exception cref="GraphException">There is none.</exception>
    private protected AccessToken RequireToken() => AccessToken.Require(PlainToken);

    /// <summary>The token, where there is one.</summary>
    private protected AccessToken? FindToken() => AccessToken.Find(PlainToken);

    /// <summary>Refuses a list that names nothing, such as a variable that was never set: to do nothing would look like success.</summary>
    /// <param name="parameter">The parameter that has it.</param>
    /// <param name="list">The names, as given.</param>
    private protected void RequireNames(string parameter, IEnumerable<string> list)
    {
        // What comes down the pipeline is not known yet, and may be nothing.
        if (MyInvocation.ExpectingInput || NameList.Read(list).Any()) return;
        ThrowTerminatingError(ErrorRecords.Make(
            new ArgumentException($"-{parameter} names nothing: it is blank, or has only comments."), "NothingNamed", ErrorCategory.InvalidArgument, null, "Look whether the variable or the file that the names come from is empty."));
    }

    /// <summary>Refuses a stretch of time that ends before it begins.</summary>
    private protected void RequireOrder(DateTimeOffset? after, DateTimeOffset? before)
    {
        if (after > before)
            RefuseConflict("After", FormattableString.Invariant($"-After ({after:yyyy-MM-dd HH:mm:ss zzz}) is later than -Before ({before:yyyy-MM-dd HH:mm:ss zzz}): no image is from then."), "Exchange the two.");
    }

    /// <summary>How far a listing is, and what it waits for.</summary>
    private protected static string HowFar(string source, long images, GraphClient? graph) =>
        string.Create(CultureInfo.InvariantCulture, $"{source}: {images:N0} images{(graph is not null && SaveProgress.InWords(graph.Waits) is { } waiting ? $"; {waiting}" : "")}");

    /// <summary>Reads the file with an area.</summary>
    private protected GeoPolygon ReadPolygon(string file)
    {
        var path = FileSystemPath(file);
        if (!File.Exists(path)) ThrowTerminatingError(ErrorRecords.PathNotFound(file));
        return GeoJsonArea.Read(path);
    }

    private string? PlainToken => Token is null ? null : new NetworkCredential("", Token).Password;
}
