using System.Management.Automation;
using Mapillary.Collections;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Forms;
using Mapillary.Saving;

namespace Mapillary.PowerShell;

/// <summary>What the cmdlets that save images share: how an image is fetched, restored, converted and laid out.</summary>
public abstract class SavingCommand : GraphCommand
{
    private RunBudget? _budget;

    /// <summary>The rendition: its width in pixels, or Original.</summary>
    [Parameter]
    [ValidateSet("256", "1024", "2048", "Original")]
    public string Quality { get; set; } = "Original";

    /// <summary>Converts to WebP.</summary>
    [Parameter]
    public SwitchParameter Webp { get; set; }

    /// <summary>The quality of the WebP, 0 to 100. Only with -Webp.</summary>
    [Parameter]
    [ValidateRange(0, 100)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public int WebpQuality { get; set; } = WebpForm.DefaultQuality;

    /// <summary>
    /// Compresses the served JPEG again in this quality, 1 to 100, for smaller files that are no originals any more. Not together with
    /// -Webp.
    /// </summary>
    [Parameter]
    [ValidateRange(1, JpegForm.BestQuality)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public int JpegQuality { get; set; }

    /// <summary>How the pictures are laid out in folders.</summary>
    [Parameter]
    public CollectionLayout Layout { get; set; }

    /// <summary>The most transfers at once; the number that pays off is found while they run.</summary>
    [Parameter]
    [ValidateRange(1, 256)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public int ThrottleLimit { get; set; } = SaveOptions.DefaultThrottleLimit;

    /// <summary>Which position is written: the one Mapillary computed, or the camera's own. Not with -NoExif.</summary>
    [Parameter]
    public PositionSource Geometry { get; set; }

    /// <summary>The zone in which capture times are written, by its IANA or Windows name; UTC without it. Not with -NoExif.</summary>
    [Parameter]
    [TimeZoneTransformation]
    [ArgumentCompleter(typeof(TimeZoneCompleter))]
    public TimeZoneInfo? TimeZone { get; set; }

    /// <summary>Ends the run when this many images were saved; those that are there already do not count.</summary>
    [Parameter]
    [ValidateRange(1, long.MaxValue)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public long MaximumImages { get; set; }

    /// <summary>Ends the run when this many bytes were saved, such as 50GB.</summary>
    [Parameter]
    [ValidateRange(1, long.MaxValue)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public long MaximumSize { get; set; }

    /// <summary>Begins no image after this time, such as 08:00:00; those under way end well.</summary>
    [Parameter]
    [ValidatePositiveTime]
    [ArgumentCompleter(typeof(NoCompleter))]
    public TimeSpan MaximumDuration { get; set; }

    /// <summary>Ends the run when less than this many bytes are free on the disk, such as 20GB.</summary>
    [Parameter]
    [ValidateRange(1, long.MaxValue)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public long MinimumFreeSpace { get; set; }

    /// <summary>Leaves the metadata as Mapillary serves them.</summary>
    [Parameter]
    public SwitchParameter NoExif { get; set; }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing) _budget?.Dispose();
    }

    /// <summary>What was asked for.</summary>
    /// <param name="destination">The folder in which collections are made, as PowerShell understands it.</param>
    /// <exception cref="EncoderMissingException">WebP or another quality is wanted, and there is no encoder for this system.</exception>
    private protected SaveOptions CreateSaveOptions(string destination)
    {
        if (Webp && JpegQuality > 0)
        {
            RefuseConflict(
                nameof(JpegQuality), "-Webp and -JpegQuality exclude each other: a picture becomes WebP or JPEG. -WebpQuality sets the quality of WebP.", "Leave one of the two out.");
        }

        RefuseWithout(nameof(WebpQuality), nameof(Webp), Webp);
        RefuseWith(nameof(Geometry), nameof(NoExif), NoExif);
        RefuseWith(nameof(TimeZone), nameof(NoExif), NoExif);

        PictureForm form = Webp ? new WebpForm(WebpQuality) : JpegQuality > 0 ? new JpegForm(JpegQuality) : PictureForm.AsServed;
        form.RequireEncoder();
        return new SaveOptions
        {
            Destination = FileSystemPath(destination),
            Quality = ImageQualityNames.Parse(Quality),
            Form = form,
            Layout = Layout,
            ThrottleLimit = ThrottleLimit,
            Budget = _budget = new RunBudget(new StopRules
            {
                MaximumImages = MaximumImages > 0 ? MaximumImages : null,
                MaximumSize = MaximumSize > 0 ? MaximumSize : null,
                MaximumDuration = MaximumDuration > TimeSpan.Zero ? MaximumDuration : null,
                MinimumFreeSpace = MinimumFreeSpace > 0 ? MinimumFreeSpace : null,
            }),
            Restore = NoExif ? null : new RestoreOptions { Position = Geometry, TimeZone = TimeZone },
        };
    }
}
