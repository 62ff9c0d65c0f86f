using System.Management.Automation;
using Mapillary.Collections;
using Mapillary.Collections.Records;
using Mapillary.Graph;

namespace Mapillary.PowerShell;

/// <summary>What the cmdlets that go through listings share: listings of earlier runs, and which of the images are wanted.</summary>
public abstract class ListingCommand : GraphCommand
{
    private protected const string UserSet = "User";
    private protected const string SequenceSet = "Sequence";
    private protected const string PathSet = "Path";
    private protected const string LiteralPathSet = "LiteralPath";
    private protected const string FileSet = "File";

    private readonly ProgressLine _progress;
    private GraphClient? _graph;
    private string _source = "";
    private long _images;

    private protected ListingCommand() => _progress = new ProgressLine(this, "Listing images");

    /// <summary>
    /// Listings of earlier runs, metadata.jsonl or metadata.jsonl.gz, or their collections. Wildcards are allowed. Nothing is asked of Mapillary.
    /// </summary>
    [Parameter(ParameterSetName = PathSet, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>The same paths, taken literally: [ ] * ? are no wildcards.</summary>
    [Parameter(ParameterSetName = LiteralPathSet, Mandatory = true)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>The same, as Get-ChildItem finds them.</summary>
    /// <remarks>By value, for files come with the name of their owner, who is not meant.</remarks>
    [Parameter(ParameterSetName = FileSet, Mandatory = true, ValueFromPipeline = true)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public FileSystemInfo[] InputObject { get; set; } = [];

    /// <summary>Only images captured at this moment or later. Without an offset it is UTC. The year comes first.</summary>
    [Parameter]
    [MomentTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public DateTimeOffset? After { get; set; }

    /// <summary>Only images captured at this moment or earlier. Without an offset it is UTC. The year comes first.</summary>
    [Parameter]
    [MomentTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public DateTimeOffset? Before { get; set; }

    /// <summary>Only images of these camera types, such as perspective, fisheye, spherical or equirectangular.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ValidateCameraType]
    [ArgumentCompleter(typeof(CameraTypeCompleter))]
    public string[] CameraType { get; set; } = [];

    /// <summary>
    /// Only one of several equal shares, such as 3/16 for the third of sixteen, for work on several machines. A sequence is in one shard as a
    /// whole, and always in the same one.
    /// </summary>
    [Parameter]
    [ShardTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public Shard? Shard { get; set; }

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        RequireOrder(After, Before);
        // What comes down the pipeline may be files, for which no token is needed; else it is missed before anything downstream begins.
        if (!MyInvocation.ExpectingInput && ParameterSetName is not (PathSet or LiteralPathSet or FileSet)) RequireToken();
    }

    /// <summary>Asks Mapillary, from the first question on.</summary>
    private protected GraphClient Graph => _graph ??= new GraphClient(Endpoints.Graph, RequireToken(), log: Log);

    /// <summary>Which images are wanted.</summary>
    /// <param name="area">Where they are to be; null for anywhere.</param>
    private protected ImageFilter FilterWithin(GeoArea? area) => new()
    {
        After = After,
        Before = Before,
        CameraTypes = CameraType,
        BoundingBox = area as BoundingBox,
        Area = area is BoundingBox ? null : area,
        Shard = Shard,
    };

    /// <summary>Goes through what is listed of a user, a sequence or an area, and shows how far it is.</summary>
    /// <param name="source">Of what, in words.</param>
    /// <param name="listing">What is listed.</param>
    /// <param name="each">What is done with each.</param>
    /// <param name="more">What else is to be shown of how far it is; null for nothing.</param>
    private protected void ForEachListed<T>(string source, IAsyncEnumerable<T> listing, Action<T> each, Func<string>? more = null)
    {
        Follow(source, more);
        ForEach(listing, item =>
        {
            Interlocked.Increment(ref _images);
            each(item);
        });
    }

    /// <summary>The files and folders that this input names.</summary>
    private protected IEnumerable<string> GivenPaths() => ParameterSetName switch
    {
        PathSet => ExistingPaths(Path, literal: false),
        LiteralPathSet => ExistingPaths(LiteralPath, literal: true),
        _ => ExistingPaths(InputObject.Select(f => f.FullName), literal: true),
    };

    /// <summary>Goes through the records of a listing that are wanted. One that cannot be read becomes an error.</summary>
    /// <returns>Whether it was read to its end.</returns>
    private protected bool ForEachRecord(string path, ImageFilter filter, Action<MapillaryImage> each)
    {
        Follow($"'{path}'");
        IEnumerator<MapillaryImage>? records = null;
        try
        {
            while (Next() is { } more)
            {
                EmptyMailbox();
                Stopped.ThrowIfCancellationRequested();
                if (!more) return true;
                if (!filter.Wants(records!.Current)) continue;
                Interlocked.Increment(ref _images);
                each(records.Current);
            }

            return false;
        }
        finally
        {
            records?.Dispose();
        }

        bool? Next()
        {
            try
            {
                records ??= ImageRecords.ReadToGoOn(ImageRecords.Of(path), Log).GetEnumerator();
                return records.MoveNext();
            }
            catch (Exception e) when (e is CollectionException or IOException or InvalidDataException or UnauthorizedAccessException)
            {
                WriteError(ErrorRecords.Of(e, path));
                return null;
            }
        }
    }

    private void Follow(string source, Func<string>? more = null)
    {
        (_source, _images) = (source, 0);
        _progress.Follow(() => HowFar(_source, Interlocked.Read(ref _images), _graph) + more?.Invoke());
    }

    /// <inheritdoc/>
    protected override void OnEnd() => _progress.Complete();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing) _graph?.Dispose();
    }
}
