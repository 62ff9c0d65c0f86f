using System.Management.Automation;

namespace Mapillary.PowerShell;

/// <summary>What the cmdlets that work on collections share: which ones, by their paths or by what earlier cmdlets emit about them.</summary>
public abstract class CollectionsCommand : MapillaryCommand
{
    private protected const string PathSet = "Path";
    private protected const string LiteralPathSet = "LiteralPath";

    private readonly List<string> _gathered = [];

    /// <summary>The collections' folders. Wildcards are allowed.</summary>
    [Parameter(ParameterSetName = PathSet, Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>The same paths, taken literally: [ ] * ? are no wildcards.</summary>
    [Parameter(ParameterSetName = LiteralPathSet, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("CollectionPath", "PSPath")]
    [AllowNull]
    public string?[]? LiteralPath { get; set; }

    /// <summary>Those that this input names and that are there; the others become errors.</summary>
    private protected IEnumerable<string> GivenPaths() =>
        ParameterSetName == PathSet ? ExistingPaths(Path, literal: false) : ExistingPaths(LiteralPath, literal: true);

    /// <summary>What was gathered, each once.</summary>
    private protected IReadOnlyList<string> Gathered => _gathered;

    /// <summary>Notes what this input names: many images or tars of a collection may come by, and it is to be worked on once, when all are through.</summary>
    private protected void Gather()
    {
        foreach (var path in GivenPaths())
        {
            if (!_gathered.Contains(path, StringComparer.Ordinal)) _gathered.Add(path);
        }
    }
}
