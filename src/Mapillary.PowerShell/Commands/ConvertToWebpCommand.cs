using System.Management.Automation;
using System.Threading.Channels;
using Mapillary.Collections;
using Mapillary.Imaging.Forms;
using Mapillary.Saving;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Converts JPEG files to WebP, with their metadata.</para>
/// <para type="description">
/// EXIF, XMP, IPTC, comments, colour profile and time stamp go with the picture. The JPEG is removed when the WebP was read back, unless it
/// holds what a WebP cannot: a video, a further picture, a map of depth or light.
/// </para>
/// </summary>
[Cmdlet(VerbsData.ConvertTo, "Webp", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(ConvertedFile))]
public sealed class ConvertToWebpCommand : MapillaryCommand
{
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    private readonly Channel<string> _files = Channel.CreateBounded<string>(64);
    private readonly ProgressLine _progress;
    private WebpConverter? _converter;
    private long _done;
    private long _before;
    private long _after;

    /// <summary>Makes the cmdlet.</summary>
    public ConvertToWebpCommand() => _progress = new ProgressLine(this, "Converting to WebP");

    /// <summary>JPEG files. Wildcards are allowed.</summary>
    [Parameter(ParameterSetName = PathSet, Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>JPEG files, their names taken literally.</summary>
    [Parameter(ParameterSetName = LiteralPathSet, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath")]
    [AllowNull]
    public string?[]? LiteralPath { get; set; }

    /// <summary>The folder for the WebP files; without it each lies beside its JPEG.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Destination { get; set; }

    /// <summary>The quality, 0 to 100.</summary>
    [Parameter]
    [ValidateRange(0, 100)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public int Quality { get; set; } = WebpForm.DefaultQuality;

    /// <summary>How hard the encoder tries to make the file small, 0 (fast) to 6.</summary>
    [Parameter]
    [ValidateRange(0, 6)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public int Effort { get; set; } = WebpForm.DefaultEffort;

    /// <summary>Keeps the JPEG.</summary>
    [Parameter]
    public SwitchParameter KeepOriginal { get; set; }

    /// <summary>Replaces a WebP that is there, and removes JPEG files that hold more than a WebP can.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>The most encoders at work at once.</summary>
    [Parameter]
    [ValidateRange(1, 256)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public int ThrottleLimit { get; set; } = Environment.ProcessorCount;

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        var form = new WebpForm(Quality, Effort);
        form.RequireEncoder();
        var destination = Destination is null ? null : FileSystemPath(Destination);
        if (destination is not null && !Directory.Exists(destination) && ShouldProcess(destination, "Create folder")) Directory.CreateDirectory(destination);
        _converter = new WebpConverter(form, destination, KeepOriginal, Force, ThrottleLimit, Log);
        Start(async () =>
        {
            await foreach (var (file, error) in _files.Reader.ReadAllAsync(Stopped).InParallelAsync(_converter.FilesAtOnce, ConvertAsync, Stopped))
                Post(() => Write(file, error));
        });
    }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        var files = ParameterSetName == PathSet ? ExistingPaths(Path, literal: false) : ExistingPaths(LiteralPath, literal: true);
        foreach (var file in files)
        {
            if (!WebpConverter.Handles(file))
            {
                WriteError(ErrorRecords.Make(new NotSupportedException($"'{file}' is not a .jpg or .jpeg file; it was skipped."), "NotAJpeg", ErrorCategory.InvalidArgument, file, null));
                continue;
            }

            if (!ShouldProcessEach(file, "Convert to WebP")) continue;
            Feed(_files.Writer, file);
        }
    }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        Finish(_files.Writer);
        _progress.Complete();
        _converter!.Dispose();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing) _converter?.Dispose();
    }

    private async Task<(ConvertedFile? File, ErrorRecord? Error)> ConvertAsync(string file, CancellationToken cancellationToken)
    {
        try
        {
            return (await _converter!.ConvertAsync(file, cancellationToken), null);
        }
        catch (PictureTooLargeException e)
        {
            return (null, ErrorRecords.Make(new NotSupportedException($"'{file}' stays a JPEG: {e.Message}", e), "TooLargeForWebp", ErrorCategory.LimitsExceeded, file, null));
        }
        catch (NotSupportedException e)
        {
            return (null, ErrorRecords.Make(new NotSupportedException($"'{file}' stays a JPEG: {e.Message}", e), "JpegNotSupported", ErrorCategory.NotImplemented, file, null));
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException or EncodingException or CollectionException { Fault: CollectionFault.Mismatch })
        {
            return (null, ErrorRecords.Of(e, file));
        }
    }

    private void Write(ConvertedFile? file, ErrorRecord? error)
    {
        _done++;
        if (file is not null) (_before, _after) = (_before + file.SourceLength, _after + file.Length);
        _progress.Show(FormattableString.Invariant($"{_done:N0} files, {ByteSize.Format(_before)} as JPEG, {ByteSize.Format(_after)} as WebP"));
        if (error is not null) WriteError(error);
        else WriteObject(file);
    }
}
