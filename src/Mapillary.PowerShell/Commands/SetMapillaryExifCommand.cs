using System.Management.Automation;
using Mapillary.Collections;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Saving;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Restores the metadata of pictures that are on disk.</para>
/// <para type="description">The records come from images in the pipeline, from a listing, or from Mapillary by the id in the file's name.</para>
/// </summary>
[Cmdlet(VerbsCommon.Set, "MapillaryExif", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(RestoredFile))]
public sealed class SetMapillaryExifCommand : GraphCommand
{
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";
    private const string ImageSet = "Image";

    private readonly List<string> _files = [];
    private readonly Dictionary<string, MapillaryImage> _images = new(StringComparer.Ordinal);
    private readonly ProgressLine _progress;
    private string? _listing;
    private IReadOnlyDictionary<string, string> _ids = new Dictionary<string, string>();

    /// <summary>Makes the cmdlet.</summary>
    public SetMapillaryExifCommand() => _progress = new ProgressLine(this, "Restoring metadata");

    /// <summary>
    /// JPEG and WebP files named by image id, or by time where their collection's manifest or their UserComment knows the id, or folders
    /// of such files. Wildcards are allowed.
    /// </summary>
    [Parameter(ParameterSetName = PathSet, Mandatory = true, Position = 0)]
    [Parameter(ParameterSetName = ImageSet, Position = 0)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>The same paths, taken literally: [ ] * ? are no wildcards.</summary>
    [Parameter(ParameterSetName = LiteralPathSet, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath")]
    [AllowNull]
    public string?[]? LiteralPath { get; set; }

    /// <summary>The images' records, from Get-MapillaryImage.</summary>
    [Parameter(ParameterSetName = ImageSet, Mandatory = true, ValueFromPipeline = true)]
    [ImageTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public MapillaryImage[] InputObject { get; set; } = [];

    /// <summary>A listing with the records, metadata.jsonl or metadata.jsonl.gz, or a collection that has one. Nothing is asked of Mapillary.</summary>
    [Parameter(ParameterSetName = PathSet)]
    [Parameter(ParameterSetName = LiteralPathSet)]
    [ValidateNotNullOrEmpty]
    public string? MetadataPath { get; set; }

    /// <summary>Which position is written: the one Mapillary computed, or the camera's own.</summary>
    [Parameter]
    public PositionSource Geometry { get; set; }

    /// <summary>The zone in which capture times are written, by its IANA or Windows name; UTC without it.</summary>
    [Parameter]
    [TimeZoneTransformation]
    [ArgumentCompleter(typeof(TimeZoneCompleter))]
    public TimeZoneInfo? TimeZone { get; set; }

    /// <summary>The most files under way at once.</summary>
    [Parameter]
    [ValidateRange(1, 256)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public int ThrottleLimit { get; set; } = Environment.ProcessorCount;

    /// <summary>Emits an object for each file.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        if (MetadataPath is not null)
        {
            _listing = ImageRecords.Of(FileSystemPath(MetadataPath));
            if (!File.Exists(_listing)) ThrowTerminatingError(ErrorRecords.PathNotFound(MetadataPath));
        }

        // What comes down the pipeline may be images, which need no token.
        if (!MyInvocation.ExpectingInput && ParameterSetName != ImageSet && MetadataPath is null) RequireToken();
    }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        if (ParameterSetName == ImageSet && Path.Length == 0)
        {
            // Not left to the binder: a mandatory parameter here would keep files from being piped in.
            ThrowTerminatingError(ErrorRecords.Make(
                new ArgumentException("-Path is missing: which files are to get the metadata of these images?"), "PathMissing", ErrorCategory.InvalidArgument, null, "Name the files or their folder with -Path."));
        }

        foreach (var image in InputObject) _images[image.Id] = image;
        _files.AddRange(ExistingPaths(LiteralPath, literal: true).SelectMany(FilesIn));
    }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        _files.AddRange(ExistingPaths(Path, literal: false).SelectMany(FilesIn));
        var wanted = _files.Distinct(StringComparer.Ordinal).Where(f => ShouldProcessEach(f, "Restore metadata")).ToList();
        if (wanted.Count == 0) return;
        _ids = FileIdentity.IdsOf(wanted, Log, Stopped);
        FindRecords();

        using var restorer = new FileRestorer(new RestoreOptions { Position = Geometry, TimeZone = TimeZone }, Log);
        var known = wanted.Where(HasRecord).ToList();
        var done = 0;
        ForEach(
            known.InParallelAsync(ThrottleLimit, (file, ct) => RestoreAsync(restorer, file, ct), Stopped),
            outcome =>
            {
                _progress.Show(FormattableString.Invariant($"{++done:N0} of {known.Count:N0} files"), (int)(done * 100L / known.Count));
                if (outcome.Error is not null) WriteError(outcome.Error);
                else if (PassThru) WriteObject(outcome.File);
            });
        restorer.TellDoubts();
        _progress.Complete();
    }

    private IEnumerable<string> FilesIn(string path)
    {
        if (Directory.Exists(path)) return FileRestorer.FilesIn(path);
        if (FileIdentity.IsImage(path)) return [path];
        WriteError(ErrorRecords.Make(new NotSupportedException($"'{path}' is not the .jpg, .jpeg or .webp file of an image; it was skipped."), "NotAPicture", ErrorCategory.InvalidArgument, path, null));
        return [];
    }

    private void FindRecords()
    {
        var ids = _ids.Values.ToHashSet(StringComparer.Ordinal);
        if (MetadataPath is not null)
        {
            foreach (var image in ImageRecords.Read(_listing!, Log).Where(i => ids.Contains(i.Id))) _images[image.Id] = image;
        }
        else if (ParameterSetName != ImageSet)
        {
            using var graph = new GraphClient(Endpoints.Graph, RequireToken(), log: Log);
            ForEach(new ImageListing(graph).ByIdAsync(ids, Stopped), answer =>
            {
                if (answer.Image is not null) _images[answer.Id] = answer.Image;
                else WriteError(ErrorRecords.Of(answer.Problem!, answer.Id));
            });
        }
    }

    private bool HasRecord(string file)
    {
        if (_images.ContainsKey(_ids[file])) return true;
        if (ParameterSetName == ImageSet || MetadataPath is not null)
        {
            WriteError(ErrorRecords.Make(
                new ItemNotFoundException($"There is no record for '{file}': its name should be an image id, and no record has the id '{_ids[file]}'."),
                "RecordMissing", ErrorCategory.ObjectNotFound, file, null));
        }

        return false;
    }

    private async Task<(RestoredFile? File, ErrorRecord? Error)> RestoreAsync(FileRestorer restorer, string file, CancellationToken cancellationToken)
    {
        try
        {
            return (await restorer.RestoreAsync(file, _images[_ids[file]], cancellationToken), null);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException or CollectionException { Fault: CollectionFault.Mismatch })
        {
            return (null, ErrorRecords.Of(e, file));
        }
    }
}
