using System.Management.Automation;
using Mapillary.Diagnosis;
using Mapillary.Graph;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Checks what is wrong with an image.</para>
/// <para type="description">
/// Is the record there, what does it lack, which renditions exist, until when do their addresses live, what does the image server answer,
/// is the picture whole; and what to do. Every question is asked once. Emits an object an image; nothing is written.
/// </para>
/// </summary>
[Cmdlet(VerbsDiagnostic.Test, "MapillaryImage", DefaultParameterSetName = ImageSet)]
[OutputType(typeof(ImageDiagnosis))]
public sealed class TestMapillaryImageCommand : GraphCommand
{
    private const string IdSet = "Id";
    private const string ImageSet = "Image";

    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);
    private ImageExaminer? _examiner;

    /// <summary>Image ids, or addresses of images. Blank ones and those that begin with # are skipped, as in a list of ids in a file.</summary>
    [Parameter(ParameterSetName = IdSet, Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [AllowEmptyString]
    [AllowEmptyCollection]
    [ImageIdTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public string[] Id { get; set; } = [];

    /// <summary>Images from Get-MapillaryImage. Without a token, what their records say is all that is looked at.</summary>
    [Parameter(ParameterSetName = ImageSet, Mandatory = true, ValueFromPipeline = true)]
    [ImageTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public MapillaryImage[] InputObject { get; set; } = [];

    /// <summary>The renditions that the image server is asked for, by their width in pixels, or Original; all of them without it.</summary>
    [Parameter]
    [ValidateSet("256", "1024", "2048", "Original")]
    public string[] Quality { get; set; } = ["256", "1024", "2048", "Original"];

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        if (ParameterSetName == IdSet) RequireNames(nameof(Id), Id);
        _examiner = new ImageExaminer(Endpoints, FindToken(), Log);
    }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        if (ParameterSetName == ImageSet)
        {
            foreach (var image in InputObject) Examine(image.Id, image);
        }
        else
        {
            RequireToken();
            foreach (var id in Referred(NameList.Read(Id), Reference.Image)) Examine(id, given: null);
        }
    }

    private void Examine(string id, MapillaryImage? given)
    {
        if (!_asked.Add(id)) return;
        var wanted = Quality.Select(ImageQualityNames.Parse).ToHashSet();
        WriteObject(Await(_examiner!.ExamineAsync(id, given, wanted, Stopped)));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing) _examiner?.Dispose();
    }
}
