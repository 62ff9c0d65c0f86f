using System.Management.Automation;

namespace Mapillary.PowerShell;

/// <summary>What the cmdlets share that work on files or folders: which ones, by their paths or by what other cmdlets emit.</summary>
public abstract class PathCommand : MapillaryCommand
{
    /// <summary>The paths. Wildcards are allowed.</summary>
    [Parameter(ParameterSetName = PathSet, Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>The same paths, taken literally: [ ] * ? are no wildcards.</summary>
    [Parameter(ParameterSetName = LiteralPathSet, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath")]
    [AllowNull]
    public virtual string?[]? LiteralPath { get; set; }

    /// <summary>Those that this input names and that are there; the others become errors.</summary>
    private protected IEnumerable<string> GivenPaths() => ExistingPaths(Path, LiteralPath);
}
