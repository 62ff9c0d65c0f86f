using System.Management.Automation;
using Mapillary.Collections;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Maps;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Writes a map of what was captured where: a page, GeoJSON, GPX or a table.</para>
/// <para type="description">The page opens from disk and needs no network. A file that is there is replaced, unless -NoClobber says otherwise.</para>
/// </summary>
[Cmdlet(VerbsData.Export, "MapillaryMap", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(MapFile))]
public sealed class ExportMapillaryMapCommand : CollectionsCommand
{
    private CaptureMap? _map;
    private MapFormat _format;

    /// <summary>Images, from Get-MapillaryImage.</summary>
    [Parameter(ParameterSetName = ImageSet, Mandatory = true, ValueFromPipeline = true)]
    [ImageTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public MapillaryImage[] InputObject { get; set; } = [];

    /// <summary>
    /// The file to write, or the folder to write it into. Without it, each collection gets a map of its own, in its folder, and images from the
    /// pipeline one in the current folder: map.html, map.geojson, map.gpx or map.csv.
    /// </summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Destination { get; set; }

    /// <summary>The form: Html, GeoJson, Gpx or Csv. Without it, the extension of -Destination says it, and else it is Html.</summary>
    [Parameter]
    public MapFormat? Format { get; set; }

    /// <summary>Which position counts: the one Mapillary computed, or the camera's own.</summary>
    [Parameter]
    public PositionSource Geometry { get; set; }

    /// <summary>Replaces a file that is read-only, too. Not with -NoClobber.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Does not replace a file that is there.</summary>
    [Parameter]
    public SwitchParameter NoClobber { get; set; }

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        RefuseWith(nameof(Force), nameof(NoClobber), NoClobber);
        if (Destination is not null) Destination = FileSystemPath(Destination);
        _format = Format ?? FormatOfDestination();
        _map = new CaptureMap(Geometry);
    }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        if (ParameterSetName == ImageSet)
        {
            foreach (var image in InputObject) _map!.Add(image);
            return;
        }

        Gather();
    }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        if (ParameterSetName == ImageSet)
        {
            Write(PathOfMap(FileSystemPath(".")), []);
        }
        else if (Destination is not null)
        {
            Write(PathOfMap(Destination), Gathered);
        }
        else
        {
            foreach (var listing in Gathered)
            {
                _map = new CaptureMap(Geometry);
                Write(PathOfMap(Directory.Exists(listing) ? listing : System.IO.Path.GetDirectoryName(listing)!), [listing]);
            }
        }
    }

    private MapFormat FormatOfDestination()
    {
        if (Destination is null || Directory.Exists(Destination)) return MapFormat.Html;
        if (MapFormatNames.Of(Destination) is { } format) return format;
        var extensions = string.Join(", ", MapFormatNames.Extensions);
        ThrowTerminatingError(ErrorRecords.Make(
            new ArgumentException($"'{Destination}' does not say which form the map is to have: its extension is none of {extensions}."),
            ErrorId.MapFormatUnknown, Destination, "Give -Destination such an extension, or name the form with -Format."));
        return default;
    }

    private string PathOfMap(string folder)
    {
        if (Destination is not null && !Directory.Exists(Destination)) return Destination;
        return System.IO.Path.Combine(Destination ?? folder, _format.ToFileName());
    }

    private void Write(string path, IReadOnlyList<string> listings)
    {
        if (!ShouldProcess(path, $"Write map ({_format})") || !IsFree(path)) return;
        foreach (var listing in listings)
        {
            Isolated(listing, () =>
            {
                _map!.AddListing(listing, Log, Stopped);
                EmptyMailbox();
            });
        }

        if (_map!.WithoutPosition is > 0 and var lacking)
            WriteWarning($"{Amount.Of(lacking)} of {Amount.Of(lacking + _map.Images)} images have no position and are not on the map '{path}'.");

        if (_map.Images == 0)
        {
            WriteWarning($"There is no image with a position; '{path}' was not written.");
            return;
        }

        Isolated(path, () => WriteObject(_map.Write(path, _format, Stopped)));
    }

    /// <summary>Whether the file may be written; where it may not, the error has been told.</summary>
    private bool IsFree(string path)
    {
        var file = new FileInfo(path);
        if (!file.Exists) return true;
        if (NoClobber)
        {
            WriteError(ErrorRecords.Make(
                new IOException($"'{path}' is there already, and -NoClobber keeps it."), ErrorId.FileExists, path, "Choose another -Destination, or leave -NoClobber out."));
            return false;
        }

        // A link is replaced, and what it leads to stays as it is.
        if (!file.IsReadOnly || file.LinkTarget is not null) return true;
        if (Force)
        {
            file.IsReadOnly = false;
            return true;
        }

        WriteError(ErrorRecords.Make(
            new UnauthorizedAccessException($"'{path}' is read-only."), ErrorId.FileReadOnly, path, "Use -Force to replace it, or choose another -Destination."));
        return false;
    }
}
