using System.Globalization;
using System.Management.Automation;
using Mapillary.Graph;
using Mapillary.Saving;
using Mapillary.Tiles;

namespace Mapillary.PowerShell;

/// <summary>What the cmdlets share that list areas: a box, a polygon or a circle, whole or as a sample, of everybody or of some users.</summary>
public abstract class AreaCommand : ListingCommand
{
    private protected const string BoxSet = "Area";
    private protected const string PolygonSet = "Polygon";
    private protected const string NearSet = "Near";

    private GeoPolygon? _polygon;
    private TileClient? _tiles;

    /// <summary>A GeoJSON file with a polygon or several: the images in it. With -User only that user's.</summary>
    [Parameter(ParameterSetName = PolygonSet, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string Area { get; set; } = "";

    /// <summary>A place, latitude,longitude in degrees: the images within -Radius of it. With -User only that user's.</summary>
    [Parameter(ParameterSetName = NearSet, Mandatory = true)]
    [PointTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public GeoPoint? Near { get; set; }

    /// <summary>How far around -Near, in metres.</summary>
    [Parameter(ParameterSetName = NearSet, Mandatory = true)]
    [ValidateRange(1, GeoCircle.LargestRadius)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public double Radius { get; set; }

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
        // Before anything downstream begins.
        if (ParameterSetName == PolygonSet) _polygon = ReadPolygon(Area);
    }

    /// <summary>The box that was given; null for none.</summary>
    private protected abstract BoundingBox? Box { get; }

    /// <summary>The area that was given, of whatever form; null for none.</summary>
    private protected GeoArea? GivenArea => ParameterSetName switch
    {
        PolygonSet => _polygon,
        NearSet => new GeoCircle(Near!.Value, Radius),
        _ => Box,
    };

    /// <summary>Whether an area was given, and no user in it.</summary>
    private protected bool IsOfArea(string[] users) => ParameterSetName is BoxSet or PolygonSet or NearSet && users.Length == 0;

    /// <summary>Which images of a user or a sequence are wanted.</summary>
    private protected ImageFilter Filter => FilterWithin(GivenArea) with { OrganizationId = OrganizationId };

    /// <summary>Refuses what has a meaning for an area of everybody's images alone.</summary>
    private protected void RefuseAreaOptions() => RefuseWith(nameof(Sample), "User", Sample);

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
            listing.ListAsync(area, FilterWithin(null) with { OrganizationId = OrganizationId }, Stopped),
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
            WriteWarning(string.Create(
                CultureInfo.InvariantCulture,
                $"The listing of {area} is not complete: {lost:N0} {(lost == 1 ? "part of it" : "parts of it")} could not be read. "
                + $"Run the same command again: of the tiles only those that are missing are asked for."));
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

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing) _tiles?.Dispose();
    }

    private string HowFar(AreaListing listing)
    {
        var (read, count) = listing.Progress;
        var waiting = _tiles is null ? null : SaveProgress.InWords(_tiles.Waits);
        return string.Create(CultureInfo.InvariantCulture, $"; {read:N0} of {count:N0} tiles{(waiting is null ? "" : $"; {waiting}")}");
    }
}
