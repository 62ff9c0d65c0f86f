using System.Management.Automation;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.InternetArchive;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Backs up all images of users: list, save, bundle into tars, describe for the Internet Archive.</para>
/// <para type="description">For scheduled tasks. Run again, it goes on where it was. Emits an object a user.</para>
/// </summary>
[Cmdlet(VerbsData.Backup, "MapillaryUser", SupportsShouldProcess = true)]
[OutputType(typeof(BackupResult))]
public sealed class BackupMapillaryUserCommand : GraphCommand
{
    private readonly ProgressLine _progress;
    private WebpEncoder? _encoder;

    /// <summary>Makes the cmdlet.</summary>
    public BackupMapillaryUserCommand() => _progress = new ProgressLine(this, "Backing up");

    /// <summary>One or many user names.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string[] User { get; set; } = [];

    /// <summary>The folder in which finished collections appear.</summary>
    [Parameter(Position = 1)]
    [ValidateNotNullOrEmpty]
    public string Destination { get; set; } = SaveOptions.DefaultDestination;

    /// <summary>The rendition: its width in pixels, or Original.</summary>
    [Parameter]
    [ValidateSet("256", "1024", "2048", "Original")]
    public string Quality { get; set; } = "Original";

    /// <summary>Only images of this area, west,south,east,north in degrees.</summary>
    [Parameter]
    [BoundingBoxTransformation]
    public BoundingBox? BoundingBox { get; set; }

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

    /// <summary>What goes into one tar.</summary>
    [Parameter]
    public TarGrouping GroupBy { get; set; } = TarGrouping.Date;

    /// <summary>Leaves the files as they are, without tars.</summary>
    [Parameter]
    public SwitchParameter NoTar { get; set; }

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

    /// <summary>Passes over users whose collection is on archive.org; on unless -SkipArchived:$false is said.</summary>
    [Parameter]
    public SwitchParameter SkipArchived { get; set; } = true;

    /// <summary>Goes on also where it cannot be told whether the collection is on archive.org.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        RequireToken();
        if (Webp) _encoder = WebpEncoder.Find(WebpQuality);
    }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        var options = new BackupOptions
        {
            Save = new SaveOptions
            {
                Destination = FileSystemPath(Destination),
                Quality = ImageQualityNames.Parse(Quality),
                Webp = _encoder,
                Layout = Layout,
                ThrottleLimit = ThrottleLimit,
                Restore = NoExif ? null : new RestoreOptions { Position = Geometry, TimeZone = TimeZone },
            },
            Filter = new ImageFilter { BoundingBox = BoundingBox },
            Tar = NoTar ? null : GroupBy,
            SkipArchived = SkipArchived,
            GoOnWhenUntold = Force,
        };
        foreach (var user in User)
        {
            if (ShouldProcess($"user '{user}'", $"Back up to {options.Save.Destination}")) Backup(user, options);
        }
    }

    /// <inheritdoc/>
    protected override void OnEnd() => _progress.Complete();

    private void Backup(string user, BackupOptions options)
    {
        var backup = new UserBackup(Endpoints, RequireToken(), Log);
        // The work beside the pipeline posts; this thread shows.
        Start(async () =>
        {
            var result = await backup.RunAsync(user, options, new PostedProgress(this), Stopped);
            Post(() => WriteObject(result));
        });
        try
        {
            AwaitWork();
        }
        catch (Exception e) when (IsOfOneUser(e))
        {
            WriteError(ErrorRecords.Of(e, user));
        }
    }

    /// <summary>One user's trouble does not end the others' backup; a refused token or a full disk does.</summary>
    private static bool IsOfOneUser(Exception e) => e switch
    {
        ArchiveException => true,
        GraphException graph => graph.Fault is not (GraphFault.NoToken or GraphFault.TokenRefused or GraphFault.Blocked),
        CollectionException collection => collection.Fault != CollectionFault.NotWritable,
        _ => false,
    };

    private sealed class PostedProgress(BackupMapillaryUserCommand command) : IProgress<BackupProgress>
    {
        public void Report(BackupProgress value) =>
            command.Post(() => command._progress.Show($"{value.User}: {value.Activity}, {value.Ledger}, {ByteSize.Format(value.Bytes)}"));
    }
}
