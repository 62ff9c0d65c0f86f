using System.Management.Automation;
using Mapillary.Collections;
using Mapillary.Collections.Tars;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Bundles saved images into uncompressed, reproducible tars.</para>
/// <para type="description">One tar a sequence or a day. A tar that is there is never touched; sources go only after the tar was read back and compared.</para>
/// </summary>
[Cmdlet(VerbsCommon.New, "SequenceTar", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(SequenceTar))]
public sealed class NewSequenceTarCommand : MapillaryCommand
{
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";
    private const string ImageSet = "Image";

    /// <summary>The pictures to bundle, by collection; null for all of a folder.</summary>
    private readonly SortedDictionary<string, HashSet<string>?> _folders = new(StringComparer.Ordinal);
    private readonly ProgressLine _progress;
    private long _tars;
    private long _bytes;
    private long _inTars;
    private long _notSaved;

    /// <summary>Makes the cmdlet.</summary>
    public NewSequenceTarCommand() => _progress = new ProgressLine(this, "Bundling");

    /// <summary>Images from Save-MapillaryImage.</summary>
    [Parameter(ParameterSetName = ImageSet, Mandatory = true, ValueFromPipeline = true)]
    [SavedImageTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public SavedImage[] InputObject { get; set; } = [];

    /// <summary>The folders of collections; others are refused. Wildcards are allowed.</summary>
    [Parameter(ParameterSetName = PathSet, Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>The same paths, taken literally: [ ] * ? are no wildcards.</summary>
    [Parameter(ParameterSetName = LiteralPathSet, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath")]
    [AllowNull]
    public string?[]? LiteralPath { get; set; }

    /// <summary>What goes into one tar.</summary>
    [Parameter]
    public TarGrouping GroupBy { get; set; }

    /// <summary>Keeps the files.</summary>
    [Parameter]
    public SwitchParameter KeepSource { get; set; }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        foreach (var image in InputObject)
        {
            // What was not saved, or is in a tar already, has no file.
            if (image.Path is null)
            {
                if (image.TarPath is null) _notSaved++;
                else _inTars++;
                continue;
            }

            if (!_folders.TryGetValue(image.CollectionPath, out var pictures)) _folders[image.CollectionPath] = pictures = new HashSet<string>(StringComparer.Ordinal);
            pictures?.Add(image.Path);
        }

        foreach (var folder in ExistingPaths(Path, literal: false).Concat(ExistingPaths(LiteralPath, literal: true)))
        {
            if (Directory.Exists(folder)) Add(folder);
            else WriteError(ErrorRecords.Make(new NotSupportedException($"'{folder}' is a file; a folder is bundled."), "NotAFolder", ErrorCategory.InvalidArgument, folder, null));
        }
    }

    private void Add(string folder)
    {
        try
        {
            SequenceTarBundler.RequireCollection(folder);
            _folders[folder] = null;
        }
        catch (CollectionException e)
        {
            WriteError(ErrorRecords.Of(e, folder));
        }
    }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        var isRefused = false;
        // Only now is it known that no image of a sequence follows.
        foreach (var (folder, pictures) in _folders)
        {
            var what = pictures is null ? "Bundle all pictures into tars" : $"Bundle {pictures.Count} images into tars";
            if (!ShouldProcess(folder, what))
            {
                isRefused = true;
                continue;
            }

            foreach (var tar in SequenceTarBundler.Bundle(folder, pictures, GroupBy, KeepSource, Log, Stopped))
            {
                EmptyMailbox();
                _progress.Show(FormattableString.Invariant($"{System.IO.Path.GetFileName(folder)}: {++_tars:N0} tars, {ByteSize.Format(_bytes += tar.Length)}"));
                WriteObject(tar);
            }
        }

        _progress.Complete();
        if (_tars == 0 && !isRefused) Tell(WhyNothing());
    }

    private string WhyNothing()
    {
        var count = FormattableString.Invariant($"{_inTars:N0}");
        if (_folders.Count > 0) return "Nothing to bundle: all pictures are in tars already.";
        if (_inTars == 0) return $"Nothing to bundle: {(_notSaved > 0 ? "no image that came in was saved" : "no images came in")}.";
        if (_notSaved > 0) return $"Nothing to bundle: {count} of the images are in tars already, and the others were not saved.";
        return $"Nothing to bundle: {(_inTars == 1 ? "the image is in a tar" : $"all {count} images are in tars")} already.";
    }
}
