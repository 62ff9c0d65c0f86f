using System.Management.Automation;
using Mapillary.InternetArchive;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Writes a collection's Internet Archive metadata.</para>
/// <para type="description">As .meta folders for the uploader rip, as a table for ia upload --spreadsheet, or as JSON. Emits the metadata.</para>
/// </summary>
[Cmdlet(VerbsData.Export, "IaMetadata", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(IaMetadata))]
public sealed class ExportIaMetadataCommand : MapillaryCommand
{
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    private readonly List<string> _collections = [];

    /// <summary>Collections of this module or of mapillary-downloader. Wildcards are allowed.</summary>
    [Parameter(ParameterSetName = PathSet, Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>The same, taken to the letter.</summary>
    [Parameter(ParameterSetName = LiteralPathSet, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("CollectionPath", "PSPath")]
    [AllowNull]
    public string?[]? LiteralPath { get; set; }

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
        var paths = ParameterSetName == PathSet ? ExistingPaths(Path, literal: false) : ExistingPaths(LiteralPath, literal: true);
        // Many images or tars of a collection may come by; it is described once, when all are through.
        foreach (var path in paths)
        {
            if (!_collections.Contains(path, StringComparer.Ordinal)) _collections.Add(path);
        }
    }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        var destination = Destination is null ? null : FileSystemPath(Destination);
        foreach (var collection in _collections)
        {
            try
            {
                var metadata = IaMetadata.Describe(collection, Log, Stopped);
                if (!ShouldProcess(collection, $"Write Internet Archive metadata ({Format})")) continue;
                WriteVerbose($"Wrote {IaMetadataWriter.Write(metadata, Format, destination)}.");
                WriteObject(metadata);
            }
            catch (Exception e) when (e is not OperationCanceledException && ErrorRecords.TryOf(e, collection, out _))
            {
                WriteError(ErrorRecords.Of(e, collection));
            }
        }
    }
}
