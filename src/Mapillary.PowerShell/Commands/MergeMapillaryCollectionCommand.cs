using System.Management.Automation;
using Mapillary.Collections.Checking;
using Mapillary.Saving;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Makes one collection of the shards of an account.</para>
/// <para type="description">Everything is read first, and nothing is changed where anything is wrong. Then pictures and tars are moved.</para>
/// </summary>
[Cmdlet(VerbsData.Merge, "MapillaryCollection", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(CollectionCheck))]
public sealed class MergeMapillaryCollectionCommand : CollectionsCommand
{
    private readonly ProgressLine _progress;

    /// <summary>Makes the cmdlet.</summary>
    public MergeMapillaryCollectionCommand() => _progress = new ProgressLine(this, "Merging shards");

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
        Start(async () =>
        {
            var merged = await CollectionMerge.RunAsync(
                Gathered, destination, Shards > 0 ? Shards : null, EmptyShard, ThrottleLimit, new ShownProgress(_progress), Log, Stopped);
            Post(() => WriteObject(merged));
        });
        AwaitWork();
        _progress.Complete();
    }

    private sealed class ShownProgress(ProgressLine line) : IProgress<MergeProgress>
    {
        public void Report(MergeProgress value)
        {
            var status = value.Step switch
            {
                MergeStep.ReadShard => $"Reading shard {value.Shard}: {ByteSize.Format(value.Done)} of {ByteSize.Format(value.Total)}",
                MergeStep.Move => FormattableString.Invariant($"Moving shard {value.Shard}: {value.Done:N0} of {value.Total:N0} pictures"),
                _ => $"Reading the merged collection: {ByteSize.Format(value.Done)} of {ByteSize.Format(value.Total)}",
            };
            line.ShowSoon(status, value.Total > 0 ? (int)Math.Min(100, value.Done * 100 / value.Total) : null);
        }
    }
}
