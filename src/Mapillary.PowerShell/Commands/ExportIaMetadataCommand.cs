using System.Management.Automation;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.InternetArchive.Describing;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Writes a collection's Internet Archive metadata.</para>
/// <para type="description">As .meta folders for the uploader rip, as a table for ia upload --spreadsheet, or as JSON. Emits the metadata.</para>
/// </summary>
[Cmdlet(VerbsData.Export, "IaMetadata", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(IaMetadata))]
public sealed class ExportIaMetadataCommand : CollectionsCommand
{
    private long _inputs;

    /// <summary>The form: Rip (.meta/tag/n), Csv or Json.</summary>
    [Parameter]
    public IaMetadataFormat Format { get; set; }

    /// <summary>The file or folder to write; without it, it goes into the collection.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Destination { get; set; }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        _inputs++;
        Gather();
    }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        if (_inputs == 0) Tell("Nothing to describe: no collection came in.");
        var destination = Destination is null ? null : FileSystemPath(Destination);
        foreach (var collection in Gathered)
        {
            try
            {
                var metadata = IaMetadata.Describe(collection, Log, Stopped);
                // First what is missing, then what to do.
                EmptyMailbox();
                if (metadata.Extent == CollectionExtent.Incomplete && NextCommand.ToComplete(collection) is { } next) WriteWarning($"Next: {next}");
                if (!ShouldProcess(collection, $"Write Internet Archive metadata ({Format})")) continue;
                var path = IaMetadataWriter.Write(metadata, Format, destination, out var isUnchanged);
                if (isUnchanged) Tell($"Nothing new: {path} says the same already.");
                else WriteVerbose($"Wrote {path}.");
                WriteObject(metadata);
            }
            catch (Exception e) when (e is not OperationCanceledException && ErrorRecords.TryOf(e, collection, out _))
            {
                WriteError(ErrorRecords.Of(e, collection));
            }
        }
    }
}
