using System.Management.Automation;
using Mapillary.Graph;

namespace Mapillary.PowerShell;

/// <summary>What the cmdlets share that choose among images: by time, camera, place and share. A further choice gets its parameter here.</summary>
public abstract class FilterCommand : GraphCommand
{
    private GeoPolygon? _polygon;

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

    /// <summary>A GeoJSON file with a polygon or several: the area in it.</summary>
    [Parameter(ParameterSetName = PolygonSet, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string Area { get; set; } = "";

    /// <summary>A place, latitude,longitude in degrees: the area within -Radius of it.</summary>
    [Parameter(ParameterSetName = NearSet, Mandatory = true)]
    [PointTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public GeoPoint? Near { get; set; }

    /// <summary>How far around -Near, in metres.</summary>
    [Parameter(ParameterSetName = NearSet, Mandatory = true)]
    [ValidateRange(1, GeoCircle.LargestRadius)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public double Radius { get; set; }

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        if (After > Before)
        {
            RefuseConflict(
                nameof(After),
                FormattableString.Invariant($"-After ({After:yyyy-MM-dd HH:mm:ss zzz}) is later than -Before ({Before:yyyy-MM-dd HH:mm:ss zzz}): no image is from then."),
                "Exchange the two.");
        }

        // Before anything downstream begins.
        if (ParameterSetName == PolygonSet) _polygon = ReadPolygon();
    }

    /// <summary>The box that was given; null for none.</summary>
    private protected abstract BoundingBox? Box { get; }

    /// <summary>Whether the area is what chooses the parameter set.</summary>
    private protected bool IsByArea => ParameterSetName is BoxSet or PolygonSet or NearSet;

    /// <summary>The area that was given, of whatever form; null for none.</summary>
    private protected GeoArea? GivenArea => ParameterSetName switch
    {
        PolygonSet => _polygon,
        NearSet => new GeoCircle(Near!.Value, Radius),
        _ => Box,
    };

    /// <summary>Which images are wanted.</summary>
    /// <param name="area">Where they are to be; null for anywhere.</param>
    private protected virtual ImageFilter FilterWithin(GeoArea? area) => new()
    {
        After = After,
        Before = Before,
        CameraTypes = CameraType,
        BoundingBox = area as BoundingBox,
        Area = area is BoundingBox ? null : area,
        Shard = Shard,
    };

    private GeoPolygon ReadPolygon()
    {
        var path = FileSystemPath(Area);
        if (!File.Exists(path)) ThrowTerminatingError(ErrorRecords.PathNotFound(Area));
        return GeoJsonArea.Read(path);
    }
}
