using System.Management.Automation;
using System.Threading.Channels;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Download;
using Mapillary.Graph;
using Mapillary.Planning;
using Mapillary.Saving;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Downloads images in parallel, with their metadata restored.</para>
/// <para type="description">Emits an object for each input image as soon as it has ended: Saved, Present, Unavailable or Failed.</para>
/// </summary>
[Cmdlet(VerbsData.Save, "MapillaryImage", SupportsShouldProcess = true)]
[OutputType(typeof(SavedImage))]
public sealed class SaveMapillaryImageCommand : SavingCommand
{
    /// <summary>Of how many collections it is told what may follow; a pipeline may bring the images of many users.</summary>
    private const int MostAdvised = 3;

    private readonly Channel<MapillaryImage> _images = Channel.CreateBounded<MapillaryImage>(64);
    private readonly ProgressLine _progress;
    private GraphClient? _graph;
    private ImageSaver? _saver;
    private SavingRun? _run;
    private DownloadPlanner? _planner;
    private SaveOptions _options = new();
    private bool _isDeclined;

    /// <summary>Makes the cmdlet.</summary>
    public SaveMapillaryImageCommand() => _progress = new ProgressLine(this, "Saving images");

    /// <summary>Images from Get-MapillaryImage; also as they come back from Import-Clixml or another machine.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    [ImageTransformation(ExplainsText = true)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public MapillaryImage[] InputObject { get; set; } = [];

    /// <summary>The folder in which collections are made.</summary>
    [Parameter(Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Destination { get; set; } = SaveOptions.DefaultDestination;

    /// <summary>Fetches images again that are there.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        var options = _options = CreateSaveOptions(Destination) with { Force = Force, KeepsRunLog = true };
        // Without a token what the records say is fetched; only fresh addresses cannot be asked for.
        if (FindToken() is { } token) _graph = new GraphClient(Endpoints.Graph, token, log: Log);
        if (IsWhatIf)
        {
            _planner = new DownloadPlanner(PlanOptions.For(options, tar: null), Endpoints, _graph, Log);
            return;
        }

        _saver = new ImageSaver(options, FetchRules.For(Endpoints), _graph, Log);
        _run = new SavingRun(_saver, Log);
        Start(async () =>
        {
            await _run.SaveAsync(
                _images.Reader.ReadAllAsync(Stopped), saved => Post(() => Write(saved)), now => _progress.ShowSoon(now.Overall, now.PercentComplete, now.Lines), Stopped);
            if (options.Budget?.StopReason is not { } reason) return;
            Log.Warn($"Stopped, because {reason}. The remaining images are skipped; run the same line again to continue.");
            await foreach (var _ in _images.Reader.ReadAllAsync(Stopped)) { }
        });
    }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        foreach (var image in InputObject)
        {
            _planner?.Add(image);
            if (_planner is not null) continue;
            if (ShouldProcessEach($"image {image.Id}", $"Save to {Destination}")) Feed(_images.Writer, image);
            else _isDeclined = true;
        }
    }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        if (_planner is not null)
        {
            // One plan for all of them, not a line an image.
            if (_planner.Images > 0) ShouldProcess($"Save to {ShownText.Line(Destination)}: {Await(_planner.MakeAsync(Stopped)).ToText()}", "Save these images?", "Save");
            return;
        }

        Finish(_images.Writer);
        // Now, not at disposal: the next command of the pipeline may want the collections.
        var collections = _saver!.Collections;
        _saver.Dispose();
        _progress.Complete();
        // A run that a stop rule ended has told so, and does not know of what else would have come.
        if (_options.Budget?.StopReason is null && !_isDeclined) TellOutcome([.. collections]);
        var others = _run!.MadeOtherwise.SelectMany(made => MadeOtherwiseText.Lines(made, _options, "the same command with -Force."));
        foreach (var line in others) WriteWarning(line);
        if (_run.Ledger.Listed == 0) return;
        foreach (var line in RunSummary.Classes(_run.Ledger, _run.Bytes, _run.PresentBytes).Concat(RunSummary.Advice(_run.Losses, next: null))) WriteInformation(line);
        WriteVerbose($"Images {_run.Ledger}; {ByteSize.Format(_run.Bytes)} saved.");
    }

    /// <summary>
    /// A pipeline knows what it was given: that all of it is here is good news. Whether that was all that the user has, another command
    /// finds out.
    /// </summary>
    private void TellOutcome(CollectionWriter[] collections)
    {
        var outcome = RunSummary.Outcome(_run!.Ledger);
        if (collections is [var only])
        {
            Tell(AdviceFor(only) is { } advice ? $"{outcome} {advice}" : outcome);
            return;
        }

        Tell(outcome);
        var advised = collections.Select(c => (c.Path, Advice: AdviceFor(c))).Where(c => c.Advice is not null).ToList();
        foreach (var (path, advice) in advised.Take(MostAdvised)) Tell($"{System.IO.Path.GetFileName(path)}: {advice}");
        if (advised.Count > MostAdvised) Tell(FormattableString.Invariant($"and {advised.Count - MostAdvised:N0} further collections, each as those."));
    }

    private string? AdviceFor(CollectionWriter collection)
    {
        var state = collection.State;
        return state.Extent switch
        {
            CollectionExtent.Selection when state.Shard is null && NextCommand.ToCheck(collection, _options) is { } check =>
                $"This may be a selection; {check} checks it against {(state.Area is null ? "the whole account" : "all of that area")}.",
            CollectionExtent.Incomplete => $"To try again what is missing: {NextCommand.ToComplete(collection.Path, _options)}",
            _ => null,
        };
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
        WriteObject(saved);
        if (saved.Error is not null) WriteError(ErrorRecords.NotSaved(saved));
    }
}
