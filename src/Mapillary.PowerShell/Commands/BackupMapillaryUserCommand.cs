using System.Management.Automation;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Graph;
using Mapillary.Saving;

namespace Mapillary.PowerShell.Commands;

/// <summary>
/// <para type="synopsis">Backs up all images of users: list, save, bundle into tars, describe for the Internet Archive.</para>
/// <para type="description">For scheduled tasks. Run again, it goes on where it was. Emits an object a user.</para>
/// </summary>
[Cmdlet(VerbsData.Backup, "MapillaryUser", SupportsShouldProcess = true)]
[OutputType(typeof(BackupResult))]
public sealed class BackupMapillaryUserCommand : SavingCommand
{
    private readonly ProgressLine _progress;
    private SaveOptions _save = new();

    /// <summary>Makes the cmdlet.</summary>
    public BackupMapillaryUserCommand() => _progress = new ProgressLine(this, "Backing up");

    /// <summary>One or many user names. Blank lines of a list and those that begin with # are skipped.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [AllowEmptyString]
    [ArgumentCompleter(typeof(UserCompleter))]
    public string[] User { get; set; } = [];

    /// <summary>The folder in which finished collections appear.</summary>
    [Parameter(Position = 1)]
    [ValidateNotNullOrEmpty]
    public string Destination { get; set; } = SaveOptions.DefaultDestination;

    /// <summary>Only images of this area, west,south,east,north in degrees.</summary>
    [Parameter]
    [BoundingBoxTransformation]
    [ArgumentCompleter(typeof(NoCompleter))]
    public BoundingBox? BoundingBox { get; set; }

    /// <summary>Makes a collection that was limited to an area one of the whole account. Not together with -BoundingBox.</summary>
    [Parameter]
    public SwitchParameter AllAreas { get; set; }

    /// <summary>Lists a large account in so many windows of capture time at once; images without a capture time are then not found.</summary>
    [Parameter]
    [ValidateRange(1, 16)]
    [ArgumentCompleter(typeof(NoCompleter))]
    public int ListingParallelism { get; set; } = 1;

    /// <summary>What goes into one tar. Not with -NoTar.</summary>
    [Parameter]
    public TarGrouping GroupBy { get; set; } = TarGrouping.Date;

    /// <summary>Leaves the files as they are, without tars.</summary>
    [Parameter]
    public SwitchParameter NoTar { get; set; }

    /// <summary>Also backs up users whose collection is on archive.org and not here. Without it they are skipped.</summary>
    [Parameter]
    public SwitchParameter IncludeArchived { get; set; }

    /// <summary>The earlier name, with the opposite meaning; of this version alone.</summary>
    [Parameter(DontShow = true)]
    public SwitchParameter SkipArchived { get; set; } = true;

    /// <summary>Goes on also where it cannot be told whether the collection is on archive.org.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        RequireNames(nameof(User), User);
        RefuseWith(nameof(GroupBy), nameof(NoTar), NoTar);
        RefuseWith(nameof(AllAreas), nameof(BoundingBox), BoundingBox is not null);
        TakeEarlierName();
        RequireToken();
        _save = CreateSaveOptions(Destination);
    }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        var options = new BackupOptions
        {
            Save = _save,
            Filter = new ImageFilter { BoundingBox = BoundingBox },
            AllAreas = AllAreas,
            ListingParallelism = ListingParallelism,
            Tar = NoTar ? null : GroupBy,
            SkipArchived = !IncludeArchived,
            GoOnWhenUntold = Force,
        };
        foreach (var user in Referred(NameList.Read(User), Reference.User))
        {
            if (IsWhatIf) Plan(user, options);
            else if (ShouldProcess($"user '{user}'", $"Back up to {options.Save.Destination}")) Backup(user, options);
        }
    }

    /// <inheritdoc/>
    protected override void OnEnd() => _progress.Complete();

    private void TakeEarlierName()
    {
        if (!MyInvocation.BoundParameters.ContainsKey(nameof(SkipArchived))) return;
        RefuseWith(nameof(SkipArchived), nameof(IncludeArchived), MyInvocation.BoundParameters.ContainsKey(nameof(IncludeArchived)));
        WriteWarning(SkipArchived
            ? "-SkipArchived goes with the next version. Leave it out: users whose collection is on archive.org are skipped without it."
            : "-SkipArchived:$false goes with the next version. Write -IncludeArchived instead.");
        IncludeArchived = !SkipArchived;
    }

    /// <summary>What -WhatIf shows: how much it would be, and whether there is room.</summary>
    private void Plan(string user, BackupOptions options)
    {
        try
        {
            var plan = Await(new UserBackup(Endpoints, RequireToken(), Log).PlanAsync(user, options, new PostedCount(this, user), Stopped));
            ShouldProcess($"Back up to {ShownText.Line(options.Save.Destination)}: {plan.ToText()}", $"Back up user '{user}'?", "Back up");
        }
        catch (Exception e) when (BackupFailure.IsOfOneUser(e))
        {
            WriteError(ErrorRecords.Of(e, user, WaysOn(e, user, options)));
        }
    }

    private void Backup(string user, BackupOptions options)
    {
        var backup = new UserBackup(Endpoints, RequireToken(), Log);
        // The work beside the pipeline posts; this thread shows.
        Start(async () =>
        {
            var result = await backup.RunAsync(user, options, new PostedProgress(this), Stopped);
            Post(() =>
            {
                if (result.Status == BackupStatus.Complete) Tell($"{user}: {RunSummary.Outcome(result.Ledger)} They are in {result.CollectionPath}");
                if (result.Ledger.Listed > 0)
                {
                    foreach (var line in RunSummary.Classes(result.Ledger, result.Bytes, result.PresentBytes)) WriteInformation($"{user}: {line}");
                }

                foreach (var line in RunSummary.Advice(result.Losses, Next(result, options)))
                {
                    // What is left to do is seen without being asked for.
                    if (result.Status is BackupStatus.Incomplete or BackupStatus.Stopped) WriteWarning($"{user}: {line}");
                    else WriteInformation($"{user}: {line}");
                }

                if (result.Losses.FirstOrDefault(l => l.Status == SavedImageStatus.Failed) is { } loss)
                    WriteWarning($"{user}: Test-MapillaryImage {CommandText.ForPowerShell(loss.FirstId)} tells more about one that failed.");
                if (result.MadeOtherwise is { } others)
                {
                    foreach (var line in MadeOtherwiseText.Lines(others, options.Save, SaveRequest.ToFetchAgain(others.CollectionPath, options.Save).ForPowerShell())) WriteWarning($"{user}: {line}");
                }

                WriteObject(result);
            });
        });
        try
        {
            AwaitWork();
        }
        catch (Exception e) when (BackupFailure.IsOfOneUser(e))
        {
            WriteError(ErrorRecords.Of(e, user, WaysOn(e, user, options)));
        }
    }

    private static string? Next(BackupResult result, BackupOptions options) => result.Status switch
    {
        BackupStatus.Incomplete or BackupStatus.Stopped => new BackupRequest(result.User, options).ForPowerShell(),
        // To the letter: a folder may be named as a wildcard.
        BackupStatus.Complete when !result.IsUnchanged => $"Publish-IaCollection -LiteralPath {CommandText.ForPowerShell(result.CollectionPath!)} -WhatIf",
        _ => null,
    };

    /// <summary>What may be meant by a request that the collection that is there refuses; null for any other failure.</summary>
    private static string? WaysOn(Exception failure, string user, BackupOptions options)
    {
        if (failure is not CollectionException { Fault: CollectionFault.OtherArea } refused) return null;
        var request = new BackupRequest(user, options);
        var asItIs = $"To go on with {(refused.RecordedArea is null ? "all areas" : "that area")}: {request.ForArea(refused.RecordedArea).ForPowerShell()}";
        return refused.RecordedArea is null
            ? $"{asItIs}\nFor a collection of the area alone, choose another -Destination."
            : $"{asItIs}\nTo make it a collection of the whole account: {request.ForAllAreas().ForPowerShell()}";
    }

    private sealed class PostedProgress(BackupMapillaryUserCommand command) : IProgress<BackupProgress>
    {
        public void Report(BackupProgress value) => command._progress.ShowSoon(
            $"{value.User}: {(value.Saving?.Overall ?? (value.Waiting is null ? value.Activity : $"{value.Activity}, {value.Waiting}"))}", value.Saving?.PercentComplete, value.Saving?.Lines);
    }

    private sealed class PostedCount(BackupMapillaryUserCommand command, string user) : IProgress<long>
    {
        public void Report(long value) => command._progress.ShowSoon(FormattableString.Invariant($"{user}: {value:N0} images listed"));
    }
}
