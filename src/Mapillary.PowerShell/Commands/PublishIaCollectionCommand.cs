using System.Globalization;
using System.Management.Automation;
using System.Text;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.InternetArchive.Client;
using Mapillary.InternetArchive.Uploading;
using Mapillary.Services;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Uploads collections to archive.org.</para>
/// <para type="description">
/// What is there with the same MD5 is not sent again. Emits an object a collection, with the state of each file: Sent, Queued (archive.org
/// has it and does not list it yet) or Verified (listed with our MD5). archive.org asks not to mirror without reason what is still
/// online; look at -WhatIf first.
/// </para>
/// </summary>
[Cmdlet(VerbsData.Publish, "IaCollection", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(UploadResult))]
public sealed class PublishIaCollectionCommand : CollectionsCommand
{
    private readonly HashSet<string> _done = new(StringComparer.Ordinal);
    private readonly ProgressLine _progress;
    private ArchiveKeys? _keys;
    private string? _current;

    /// <summary>Makes the cmdlet.</summary>
    public PublishIaCollectionCommand() => _progress = new ProgressLine(this, "Uploading to archive.org");

    /// <summary>The access key as user name and the secret key as password; without it, $env:IA_ACCESS_KEY and $env:IA_SECRET_KEY are used.</summary>
    [Parameter]
    [Credential]
    [ArgumentCompleter(typeof(NoCompleter))]
    public PSCredential? Credential { get; set; }

    /// <summary>The most bytes of one item; a larger collection is spread over several.</summary>
    [Parameter]
    [ValidateRange(1, long.MaxValue)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public long? MaximumItemSize { get; set; }

    /// <summary>How long to wait until archive.org lists the uploaded files; 00:00 for not at all.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(NoCompleter))]
    public TimeSpan MaximumWait { get; set; } = new UploadOptions().MaximumWait;

    /// <summary>The most files under way at once.</summary>
    [Parameter]
    [ValidateRange(1, 32)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public int ThrottleLimit { get; set; } = UploadOptions.DefaultThrottleLimit;

    /// <summary>Uploads also a collection that is not complete.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        // Nothing goes up without keys, and a plan needs none.
        if (!IsWhatIf) _keys = Credential is null ? ArchiveKeys.FromEnvironment() : ArchiveKeys.Parse(Credential.UserName, Credential.GetNetworkCredential().Password);
    }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        foreach (var path in GivenPaths())
        {
            // The tars of a collection come one after another; it is uploaded when the next collection begins, or at the end.
            if (path != _current) PublishCurrent();
            _current = path;
        }
    }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        PublishCurrent();
        _progress.Complete();
    }

    private void PublishCurrent()
    {
        if (_current is not { } collection || !_done.Add(collection)) return;
        _current = null;
        try
        {
            Publish(collection);
        }
        catch (Exception e) when (e is not (OperationCanceledException or ArchiveException { Fault: ArchiveFault.KeysRefused }) && ErrorRecords.TryOf(e, collection, out _))
        {
            WriteError(ErrorRecords.Of(e, collection, WayOn(e, collection)));
        }
    }

    /// <summary>What completes a collection that is refused because it is not complete; null for any other failure.</summary>
    private static string? WayOn(Exception failure, string collection) =>
        failure is CollectionException { Fault: CollectionFault.Incomplete } && NextCommand.ToComplete(collection) is { } next
            ? $"Complete it first: {next}\nTo upload it as it is, use -Force; its description then says that images are missing."
            : null;

    private void Publish(string collection)
    {
        var options = new UploadOptions { ThrottleLimit = ThrottleLimit, MaximumItemSize = MaximumItemSize, MaximumWait = MaximumWait, Force = Force };
        using var plan = Await(UploadPlan.MakeAsync(collection, ServiceEndpoints.FromEnvironment(), options, Log, cancellationToken: Stopped));
        if (plan.MissingImages > 0 && NextCommand.ToComplete(plan.CollectionPath) is { } next) WriteWarning($"Next: {next}");
        var isNeeded = plan.Items.Any(i => i.Files.Any(f => f.State == PublishedFileState.Planned));
        if (isNeeded ? !ShouldProcess(InWords(plan), $"Upload '{plan.CollectionPath}' to archive.org?", "Upload") : IsWhatIf) return;
        Start(async () =>
        {
            var result = await CollectionUpload.RunAsync(plan, _keys!, new PostedProgress(this), Stopped);
            Post(() =>
            {
                WriteObject(result);
                foreach (var file in result.Files.Where(f => f.State == PublishedFileState.Failed)) WriteError(ErrorRecords.NotUploaded(file));
            });
        });
        AwaitWork();
    }

    /// <summary>What -WhatIf shows: each item with its headers, and its files.</summary>
    private static string InWords(UploadPlan plan)
    {
        var text = new StringBuilder();
        foreach (var item in plan.Items)
        {
            var files = item.Files.Where(f => f.State == PublishedFileState.Planned).ToList();
            var there = item.Files.Count - files.Count;
            text.Append(CultureInfo.InvariantCulture, $"Upload {files.Count} file{(files.Count == 1 ? "" : "s")}, {ByteSize.Format(files.Sum(f => f.Length))}, into {(item.Exists ? "the" : "the new")} item '{item.Identifier}'");
            if (there > 0) text.Append(CultureInfo.InvariantCulture, $"; {there} {(there == 1 ? "is" : "are")} there");
            text.AppendLine();
            if (files.Count == 0) continue;
            text.AppendLine("  authorization: LOW (the keys)");
            if (!item.Exists)
            {
                foreach (var (name, value) in item.Headers) text.Append(CultureInfo.InvariantCulture, $"  {name}: {ShownText.Line(value)}").AppendLine();
            }

            foreach (var file in files) text.Append(CultureInfo.InvariantCulture, $"  {ShownText.Line(file.Name)}, {ByteSize.Format(file.Length)}").AppendLine();
        }

        return text.ToString().TrimEnd();
    }

    private sealed class PostedProgress(PublishIaCollectionCommand command) : IProgress<UploadProgress>
    {
        public void Report(UploadProgress value) => command._progress.ShowSoon(
            $"{value.Identifier}: {value.Files} of {value.AllFiles} files, {ByteSize.Format(value.Bytes)} of {ByteSize.Format(value.AllBytes)}, {value.Activity}",
            value.AllBytes > 0 ? (int)(value.Bytes * 100 / value.AllBytes) : null);
    }
}
