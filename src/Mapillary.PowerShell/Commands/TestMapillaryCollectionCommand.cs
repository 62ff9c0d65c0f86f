using System.Management.Automation;
using Mapillary.Collections.Checking;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Reads collections back, tars included, against their manifests.</para>
/// <para type="description">Every picture is hashed again. Says what is missing, what was changed and what nobody knows of. Nothing
/// is written to the collection. Pictures and tars that were packed since into .zip, .tar.gz or .tgz files at the top of the folder
/// are read in there, and so is a whole collection in one such file, as archive.org hands it out, given as the path. An archive
/// that is cut, damaged or far larger than the manifest says is named, and the rest is read.</para>
/// </summary>
[Cmdlet(VerbsDiagnostic.Test, "MapillaryCollection", DefaultParameterSetName = PathSet)]
[OutputType(typeof(CollectionCheck))]
[OutputType(typeof(bool))]
public sealed class TestMapillaryCollectionCommand : CollectionsCommand
{
    private readonly ProgressLine _progress;

    /// <summary>Makes the cmdlet.</summary>
    public TestMapillaryCollectionCommand() => _progress = new ProgressLine(this, "Reading collections");

    /// <summary>The most files read at once.</summary>
    [Parameter]
    [ValidateRange(1, 256)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public int ThrottleLimit { get; set; } = Environment.ProcessorCount;

    /// <summary>Emits $true or $false for each collection instead of the findings.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    /// <inheritdoc/>
    protected override void OnProcess() => Gather();

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        foreach (var collection in Gathered)
        {
            Start(async () =>
            {
                var check = await CollectionCheck.RunAsync(collection, ThrottleLimit, new CheckProgressLine(_progress, collection), Log, Stopped);
                Post(() =>
                {
                    WriteObject(Quiet ? check.IsIntact : check);
                    if (check.ListedToEnd == false)
                        WriteWarning($"The listing of '{collection}' was not read to its end, so there may be more images. Run the command that made it again.");
                });
            });
            try
            {
                AwaitWork();
            }
            catch (Exception e) when (e is not OperationCanceledException && ErrorRecords.TryOf(e, collection, out _))
            {
                WriteError(ErrorRecords.Of(e, collection));
            }
        }

        _progress.Complete();
    }
}
