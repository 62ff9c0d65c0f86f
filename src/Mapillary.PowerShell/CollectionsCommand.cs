using System.Management.Automation;

namespace Mapillary.PowerShell;

/// <summary>What the cmdlets that work on collections share: which ones, also by the images and tars in them.</summary>
public abstract class CollectionsCommand : PathCommand
{
    private readonly List<string> _gathered = [];

    /// <summary>The collections' folders, taken literally. What a cmdlet emits about a collection names it.</summary>
    [Parameter(ParameterSetName = LiteralPathSet, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("CollectionPath", "PSPath")]
    [AllowNull]
    public override string?[]? LiteralPath { get; set; }

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
