using System.Management.Automation;
using Mapillary.Collections;
using Mapillary.Collections.Records;
using Mapillary.Graph;
using Mapillary.Saving;
using Mapillary.Tiles;

namespace Mapillary.PowerShell;

/// <summary>
/// What the cmdlets that go through listings share: what is listed - users, areas whole or as a sample, listings of earlier runs - and how far it is.
/// </summary>
public abstract class ListingCommand : FilterCommand
{
    private readonly ProgressLine _progress;
    private TileClient? _tiles;
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

    /// <summary>One or many user names. With an area, only their images there.</summary>
    [Parameter(ParameterSetName = UserSet, Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [Parameter(ParameterSetName = BoxSet, Position = 0, ValueFromPipelineByPropertyName = true)]
    [Parameter(ParameterSetName = PolygonSet, Position = 0, ValueFromPipelineByPropertyName = true)]
    [Parameter(ParameterSetName = NearSet, Position = 0, ValueFromPipelineByPropertyName = true)]
    [ValidateNotBlank]
    [ArgumentCompleter(typeof(UserCompleter))]
    public string[] User { get; set; } = [];

    /// <summary>A quick search, which gives a sample of the images of the area and leaves out others without a word. Not with -User.</summary>
    [Parameter(ParameterSetName = BoxSet)]
    [Parameter(ParameterSetName = PolygonSet)]
    [Parameter(ParameterSetName = NearSet)]
    public SwitchParameter Sample { get; set; }

    /// <summary>Only images that were captured for this organization, by its id.</summary>
    [Parameter(ParameterSetName = BoxSet)]
    [Parameter(ParameterSetName = PolygonSet)]
    [Parameter(ParameterSetName = NearSet)]
    [ValidateOrganizationId]
    [ArgumentCompleter(typeof(NoCompleter))]
    public string? OrganizationId { get; set; }

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        base.OnBegin();
        // What comes down the pipeline may be files, for which no token is needed; else it is missed before anything downstream begins.
        if (!MyInvocation.ExpectingInput && ParameterSetName is not (PathSet or LiteralPathSet or FileSet)) RequireToken();
    }

    /// <summary>Which of the images are wanted.</summary>
    private protected ImageFilter Filter => FilterWithin(GivenArea);

    /// <summary>Whether an area is listed, and not what users have in it.</summary>
    private protected bool IsOfArea => IsByArea && User.Length == 0;

    /// <inheritdoc/>
    private protected override ImageFilter FilterWithin(GeoArea? area) => base.FilterWithin(area) with { OrganizationId = OrganizationId };

    /// <summary>Refuses what has a meaning for an area of everybody's images alone.</summary>
    private protected void RefuseAreaOptions() => RefuseWith(nameof(Sample), nameof(User), Sample);

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

    /// <summary>Goes through the images of the area. What cannot be read becomes an error, and the others go on.</summary>
    private protected void ForEachInArea(Action<MapillaryImage> each)
    {
        var (area, any, lost) = (GivenArea!, false, 0);
        if (Sample)
        {
            ForEachListed($"a sample of {area}", new ImageListing(Graph).SampleAreaAsync(area, Filter, Stopped), One);
            if (!any) WriteWarning(NothingListed.OfSample(Filter));
            return;
        }

        _tiles ??= new TileClient(Endpoints, RequireToken(), log: Log);
        var listing = new AreaListing(Graph, _tiles, new TileStore(TileStore.DefaultFolder, Log), Log);
        ForEachListed(
            $"{area}",
            listing.ListAsync(area, FilterWithin(null), Stopped),
            answer =>
            {
                if (answer.Image is { } image)
                {
                    One(image);
                    return;
                }

                lost++;
                WriteError(answer.IsOfTile ? ErrorRecords.TileNotRead(answer) : ErrorRecords.Of(answer.Problem!, answer.What));
            },
            () => HowFar(listing));
        if (lost > 0)
        {
            WriteWarning(
                $"The listing of {area} is not complete: {Amount.Of(lost, "part of it", "parts of it")} could not be read. "
                + $"Run the same command again: of the tiles only those that are missing are asked for.");
        }
        else if (!any)
        {
            WriteWarning(NothingListed.OfArea(Filter));
        }

        void One(MapillaryImage image)
        {
            any = true;
            each(image);
        }
    }

    /// <summary>The files and folders that this input names.</summary>
    private protected IEnumerable<string> GivenPaths() => ExistingPaths(Path, [.. LiteralPath, .. InputObject.Select(f => f.FullName)]);

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
        _progress.Follow(() => HowFar(_source, Interlocked.Read(ref _images)) + more?.Invoke());
    }

    private string HowFar(AreaListing listing)
    {
        var (read, count) = listing.Progress;
        var waiting = _tiles is null ? null : SaveProgress.InWords(_tiles.Waits);
        return $"; {Amount.Of(read)} of {Amount.Of(count, "tile")}{(waiting is null ? "" : $"; {waiting}")}";
    }

    /// <inheritdoc/>
    protected override void OnEnd() => _progress.Complete();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing) _tiles?.Dispose();
    }
}
