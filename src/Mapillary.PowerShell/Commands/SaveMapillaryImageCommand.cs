using System.Management.Automation;
using System.Threading.Channels;
using Mapillary.Collections;
using Mapillary.Download;
using Mapillary.Graph;
using Mapillary.Imaging;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Downloads images in parallel, with their metadata restored.</para>
/// <para type="description">Emits an object for each input image as soon as it has ended: Saved, Present, Unavailable or Failed.</para>
/// </summary>
[Cmdlet(VerbsData.Save, "MapillaryImage", SupportsShouldProcess = true)]
[OutputType(typeof(SavedImage))]
public sealed class SaveMapillaryImageCommand : GraphCommand
{
    private readonly Channel<MapillaryImage> _images = Channel.CreateBounded<MapillaryImage>(64);
    private readonly ProgressLine _progress;
    private Ledger _ledger = Ledger.Empty;
    private long _bytes;
    private GraphClient? _graph;
    private ImageSaver? _saver;

    /// <summary>Makes the cmdlet.</summary>
    public SaveMapillaryImageCommand() => _progress = new ProgressLine(this, "Saving images");

    /// <summary>Images from Get-MapillaryImage; also as they come back from Import-Clixml or another machine.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    [ImageTransformation]
    public MapillaryImage[] InputObject { get; set; } = [];

    /// <summary>The folder in which collections are made.</summary>
    [Parameter(Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Destination { get; set; } = SaveOptions.DefaultDestination;

    /// <summary>The rendition: its width in pixels, or Original.</summary>
    [Parameter]
    [ValidateSet("256", "1024", "2048", "Original")]
    public string Quality { get; set; } = "Original";

    /// <summary>Converts to WebP. The program cwebp is needed.</summary>
    [Parameter]
    public SwitchParameter Webp { get; set; }

    /// <summary>The quality of the WebP, 0 to 100.</summary>
    [Parameter]
    [ValidateRange(0, 100)]
    public int WebpQuality { get; set; } = WebpEncoder.DefaultQuality;

    /// <summary>How the pictures are laid out in folders.</summary>
    [Parameter]
    public CollectionLayout Layout { get; set; }

    /// <summary>The most images under way at once.</summary>
    [Parameter]
    [ValidateRange(1, 256)]
    public int ThrottleLimit { get; set; } = SaveOptions.DefaultThrottleLimit;

    /// <summary>Which position is written: the one Mapillary computed, or the camera's own.</summary>
    [Parameter]
    public PositionSource Geometry { get; set; }

    /// <summary>The zone in which capture times are written, by its IANA or Windows name; UTC without it.</summary>
    [Parameter]
    [TimeZoneTransformation]
    public TimeZoneInfo? TimeZone { get; set; }

    /// <summary>Leaves the metadata as Mapillary serves them.</summary>
    [Parameter]
    public SwitchParameter NoExif { get; set; }

    /// <summary>Fetches images again that are there.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        var options = new SaveOptions
        {
            Destination = FileSystemPath(Destination),
            Quality = ImageQualityNames.Parse(Quality),
            Webp = Webp ? WebpEncoder.Find(WebpQuality) : null,
            Layout = Layout,
            ThrottleLimit = ThrottleLimit,
            Restore = NoExif ? null : new RestoreOptions { Position = Geometry, TimeZone = TimeZone },
            Force = Force,
        };
        // Without a token what the records say is fetched; only fresh addresses cannot be asked for.
        if (FindToken() is { } token) _graph = new GraphClient(Endpoints.Graph, token, log: Log);
        _saver = new ImageSaver(options, FetchRules.For(Endpoints), _graph, Log);
        Start(async () =>
        {
            await foreach (var saved in _saver.SaveAsync(_images.Reader.ReadAllAsync(Stopped), Stopped)) Post(() => Write(saved));
        });
    }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        foreach (var image in InputObject)
        {
            if (!ShouldProcess($"image {image.Id}", $"Save to {Destination}")) continue;
            Feed(_images.Writer, image);
        }
    }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        Finish(_images.Writer);
        // Now, not at disposal: the next command of the pipeline may want the collections.
        _saver!.Dispose();
        _progress.Complete();
        if (_ledger.Listed > 0) WriteVerbose($"Images {_ledger}; {ByteSize.Format(_bytes)} saved.");
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (!disposing) return;
        _saver?.Dispose();
        _graph?.Dispose();
    }

    private void Write(SavedImage saved)
    {
        _ledger = _ledger.With(saved.Status);
        if (saved.Status == SavedImageStatus.Saved) _bytes += saved.Length;
        _progress.Show($"{_ledger}, {ByteSize.Format(_bytes)}");
        WriteObject(saved);
        if (saved.Error is not null) WriteError(ErrorRecords.NotSaved(saved));
    }
}
