using System.Management.Automation;
using Mapillary.Collections;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.Planning;
using Mapillary.Saving;
using Mapillary.Tiles;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Tells what a download would be, before it is done.</para>
/// <para type="description">
/// Counts images, sequences and days, asks for the sizes of some images chosen evenly over the listing, and estimates from them: bytes with a
/// range, time, room on the disk, items on archive.org. A few pictures are fetched to see a rate, unless one is given. Emits an object a
/// user, or one for all images from the pipeline; nothing is written. Of an area it tells how many vector tiles its listing takes, and how long.
/// </para>
/// </summary>
[Cmdlet(VerbsDiagnostic.Measure, "MapillaryDownload", DefaultParameterSetName = ImageSet)]
[OutputType(typeof(DownloadPlan))]
[OutputType(typeof(AreaPlan), ParameterSetName = [BoxSet, PolygonSet, NearSet])]
public sealed class MeasureMapillaryDownloadCommand : GraphCommand
{
    private const string UserSet = "User";
    private const string ImageSet = "Image";
    private const string BoxSet = "Area";
    private const string PolygonSet = "Polygon";
    private const string NearSet = "Near";

    private readonly ProgressLine _progress;
    private GraphClient? _graph;
    private DownloadPlanner? _planner;
    private Func<string> _howFar = () => "";

    /// <summary>Makes the cmdlet.</summary>
    public MeasureMapillaryDownloadCommand() => _progress = new ProgressLine(this, "Measuring");

    /// <summary>One or many user names.</summary>
    [Parameter(ParameterSetName = UserSet, Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [ValidateNotBlank]
    [ArgumentCompleter(typeof(UserCompleter))]
    public string[] User { get; set; } = [];

    /// <summary>Images from Get-MapillaryImage; also as they come back from Import-Clixml or another machine.</summary>
    [Parameter(ParameterSetName = ImageSet, Mandatory = true, ValueFromPipeline = true)]
    [ImageTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public MapillaryImage[] InputObject { get; set; } = [];

    /// <summary>The folder in which collections would be made. What its collections have already is not measured again.</summary>
    [Parameter(Position = 1)]
    [ValidateNotNullOrEmpty]
    public string Destination { get; set; } = SaveOptions.DefaultDestination;

    /// <summary>The rendition: its width in pixels, or Original.</summary>
    [Parameter]
    [ValidateSet("256", "1024", "2048", "Original")]
    public string Quality { get; set; } = "Original";

    /// <summary>Reckons with WebP. Roughly: how much it saves depends on the camera.</summary>
    [Parameter]
    public SwitchParameter Webp { get; set; }

    /// <summary>What goes into one tar. Not with -NoTar.</summary>
    [Parameter]
    public TarGrouping GroupBy { get; set; } = TarGrouping.Date;

    /// <summary>Reckons without tars.</summary>
    [Parameter]
    public SwitchParameter NoTar { get; set; }

    /// <summary>How many images' sizes are asked for at most, a user.</summary>
    [Parameter]
    [ValidateRange(1, 1000)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public int SampleSize { get; set; } = PlanOptions.DefaultSampleSize;

    /// <summary>The rate to reckon with in bytes a second, such as 10MB; without it, a few pictures are fetched to see one.</summary>
    [Parameter]
    [ValidateRange(1, long.MaxValue)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public long Rate { get; set; }

    /// <summary>Only images captured at this moment or later. Without an offset it is UTC. The year comes first.</summary>
    [Parameter(ParameterSetName = UserSet)]
    [MomentTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public DateTimeOffset? After { get; set; }

    /// <summary>Only images captured at this moment or earlier. Without an offset it is UTC. The year comes first.</summary>
    [Parameter(ParameterSetName = UserSet)]
    [MomentTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public DateTimeOffset? Before { get; set; }

    /// <summary>Only images of these camera types, such as perspective, fisheye, spherical or equirectangular.</summary>
    [Parameter(ParameterSetName = UserSet)]
    [ValidateNotNullOrEmpty]
    [ValidateCameraType]
    [ArgumentCompleter(typeof(CameraTypeCompleter))]
    public string[] CameraType { get; set; } = [];

    /// <summary>An area, west,south,east,north in degrees: what its listing takes. With -User only that user's images there are measured.</summary>
    [Parameter(ParameterSetName = UserSet)]
    [Parameter(ParameterSetName = BoxSet, Mandatory = true)]
    [BoundingBoxTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public BoundingBox? BoundingBox { get; set; }

    /// <summary>A GeoJSON file with a polygon or several: what the listing of that area takes.</summary>
    [Parameter(ParameterSetName = PolygonSet, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string Area { get; set; } = "";

    /// <summary>A place, latitude,longitude in degrees: what the listing of its surroundings takes.</summary>
    [Parameter(ParameterSetName = NearSet, Mandatory = true)]
    [PointTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public GeoPoint? Near { get; set; }

    /// <summary>How far around -Near, in metres.</summary>
    [Parameter(ParameterSetName = NearSet, Mandatory = true)]
    [ValidateRange(1, GeoCircle.LargestRadius)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public double Radius { get; set; }

    /// <summary>Only one of several equal shares, such as 3/16 for the third of sixteen.</summary>
    [Parameter(ParameterSetName = UserSet)]
    [ShardTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public Shard? Shard { get; set; }

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        RequireOrder(After, Before);
        RefuseWith(nameof(GroupBy), nameof(NoTar), NoTar);
        if (FindToken() is { } token) _graph = new GraphClient(Endpoints.Graph, token, log: Log);
    }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        if (ParameterSetName is BoxSet or PolygonSet or NearSet)
        {
            RefuseImageOptions();
            WriteObject(AreaPlan.Of(GivenArea, Endpoints, new TileStore(TileStore.DefaultFolder, Log)));
            return;
        }

        if (ParameterSetName == ImageSet)
        {
            _planner ??= Planner(user: null);
            foreach (var image in InputObject) _planner.Add(image);
            return;
        }

        RequireToken();
        var filter = new ImageFilter { After = After, Before = Before, CameraTypes = CameraType, BoundingBox = BoundingBox, Shard = Shard };
        foreach (var user in Referred(User, Reference.User))
        {
            var planner = Planner(user);
            ForEach(new ImageListing(_graph!).OfUserAsync(user, filter, cancellationToken: Stopped), planner.Add);
            if (planner.Images == 0) WriteWarning(NothingListed.OfUser(user, filter));
            WriteObject(Await(planner.MakeAsync(Stopped)));
        }
    }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        if (_planner is not null) WriteObject(Await(_planner.MakeAsync(Stopped)));
        _progress.Complete();
    }

    private GeoArea GivenArea => ParameterSetName switch
    {
        PolygonSet => ReadPolygon(Area),
        NearSet => new GeoCircle(Near!.Value, Radius),
        _ => BoundingBox!,
    };

    /// <summary>Of an area's images nothing is known before it is listed: what tells how they are measured has no meaning there.</summary>
    private void RefuseImageOptions()
    {
        string[] ofImages = [nameof(Destination), nameof(Quality), nameof(Webp), nameof(GroupBy), nameof(NoTar), nameof(SampleSize), nameof(Rate)];
        foreach (var name in ofImages.Where(MyInvocation.BoundParameters.ContainsKey))
        {
            RefuseConflict(
                name, $"-{name} is of images, and how many an area has is not known before it is listed.",
                "Leave it out, or measure the images: Get-MapillaryImage with the area, piped into Measure-MapillaryDownload.");
        }
    }

    private DownloadPlanner Planner(string? user)
    {
        var options = new PlanOptions
        {
            Destination = FileSystemPath(Destination),
            User = user,
            Quality = ImageQualityNames.Parse(Quality),
            Form = Webp ? new WebpForm() : PictureForm.AsServed,
            Tar = NoTar ? null : GroupBy,
            SampleSize = SampleSize,
            Rate = Rate > 0 ? Rate : null,
        };
        var planner = new DownloadPlanner(options, Endpoints, _graph, Log);
        _howFar = () => HowFar(user is null ? "images given" : $"user '{user}'", planner.Images, _graph);
        _progress.Follow(() => _howFar());
        return planner;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing) _graph?.Dispose();
    }
}
