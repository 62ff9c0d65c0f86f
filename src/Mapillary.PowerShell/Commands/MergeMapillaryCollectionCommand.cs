using System.Management.Automation;
using Mapillary.Collections;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Makes one collection of the shards of an account.</para>
/// <para type="description">Everything is read first, and nothing is changed where anything is wrong. Pictures are moved, not copied.</para>
/// </summary>
[Cmdlet(VerbsData.Merge, "MapillaryCollection", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(CollectionCheck))]
public sealed class MergeMapillaryCollectionCommand : CollectionsCommand
{
    /// <summary>The folder in which the merged collection is made.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [ValidateNotNullOrEmpty]
    public string Destination { get; set; } = "";

    /// <summary>How many shards there have to be.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public int Shards { get; set; }

    /// <summary>The numbers of shards that hold nothing of the account, and so have no collection.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public int[] EmptyShard { get; set; } = [];

    /// <summary>The most files read at once.</summary>
    [Parameter]
    [ValidateRange(1, 256)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public int ThrottleLimit { get; set; } = Environment.ProcessorCount;

    /// <inheritdoc/>
    protected override void OnProcess() => Gather();

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        if (Gathered.Count == 0) return;
        var destination = FileSystemPath(Destination);
        if (!ShouldProcess($"{Gathered.Count} shards", $"Merge into {destination}")) return;
        WriteObject(Await(CollectionMerge.RunAsync(Gathered, destination, Shards > 0 ? Shards : null, EmptyShard, ThrottleLimit, Log, Stopped)));
    }
}
