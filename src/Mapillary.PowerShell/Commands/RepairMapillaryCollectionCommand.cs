using System.Management.Automation;
using Mapillary.Collections.Checking;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Makes lost or damaged files of collections again of the images and tars that are there.</para>
/// <para type="description">State, manifest and listing, without a request and without a token. Says what cannot be known any more.</para>
/// </summary>
[Cmdlet(VerbsDiagnostic.Repair, "MapillaryCollection", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(RepairResult))]
public sealed class RepairMapillaryCollectionCommand : CollectionsCommand
{
    private readonly ProgressLine _progress;

    /// <summary>Makes the cmdlet.</summary>
    public RepairMapillaryCollectionCommand() => _progress = new ProgressLine(this, "Repairing collections");

    /// <inheritdoc/>
    protected override void OnProcess() => Gather();

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        foreach (var collection in Gathered)
        {
            try
            {
                var faults = Await(Task.Run(() => CollectionRepair.Find(collection, Stopped)));
                var files = string.Join(", ", faults.Select(f => $"{f.Path}, which {f.Reason}"));
                if (faults.Count > 0 && !ShouldProcess(collection, $"Make again {files}")) continue;
                var progress = new CheckProgressLine(_progress, collection);
                WriteObject(Await(Task.Run(() => CollectionRepair.Run(collection, progress, Log, Stopped))));
            }
            catch (Exception e) when (e is not OperationCanceledException && ErrorRecords.TryOf(e, collection, out _))
            {
                WriteError(ErrorRecords.Of(e, collection));
            }
        }

        _progress.Complete();
    }
}
