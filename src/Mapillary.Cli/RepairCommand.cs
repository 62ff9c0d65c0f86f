using System.CommandLine;
using Mapillary.Collections;
using Mapillary.Collections.Checking;

namespace Mapillary.Cli;

/// <summary><c>mapillary repair</c>: what Repair-MapillaryCollection does, without PowerShell.</summary>
internal static class RepairCommand
{
    private static readonly Argument<string[]> Folders = new("FOLDER")
    {
        Arity = ArgumentArity.OneOrMore,
        Description = "The folders of one or more collections.",
    };

    private static readonly Option<bool> DryRun = new("--dry-run") { Description = "Only says what would be made again." };

    private static readonly Option<bool> Verbose = new("--verbose") { Description = "Shows each step." };

    public static Command Create()
    {
        var command = new Command(
            "repair",
            "Makes lost or damaged files of collections again (collection.json, manifest, listing) of the images and tars that are there. "
            + "Asks nobody, and needs no token.")
        {
            Folders, DryRun, Verbose,
        };
        command.SetAction((parsed, cancellationToken) =>
        {
            var screen = new Screen(parsed.GetValue(Verbose));
            return CommandLine.GuardAsync(screen, () => Task.FromResult(Run(parsed, screen, cancellationToken)), cancellationToken);
        });
        return command;
    }

    private static int Run(ParseResult parsed, Screen screen, CancellationToken cancellationToken)
    {
        var (done, failed) = (0, 0);
        foreach (var folder in parsed.GetValue(Folders)!)
        {
            try
            {
                if (parsed.GetValue(DryRun)) Show(screen, folder, "would be made again", CollectionRepair.Find(folder, cancellationToken));
                else Show(screen, CollectionRepair.Run(folder, progress: null, screen, cancellationToken));
                done++;
            }
            catch (Exception e) when (e is CollectionException or IOException or UnauthorizedAccessException)
            {
                failed++;
                screen.Error(e.Message);
            }
        }

        return done == 0 ? ExitCode.NothingDone : failed > 0 ? ExitCode.SomeFailed : ExitCode.AllThere;
    }

    private static void Show(Screen screen, RepairResult repaired)
    {
        Show(screen, repaired.Path, "was made again", repaired.Faults);
        if (repaired.Faults.Count == 0) return;
        var (images, records) = (repaired.Images, repaired.Records);
        screen.Result(FormattableString.Invariant($"  {images:N0} images in the manifest, {records:N0} records in the listing"));
        foreach (var name in repaired.SetAside) screen.Result($"  the damaged file is kept as {name}");
    }

    private static void Show(Screen screen, string folder, string what, IReadOnlyList<CollectionFinding> faults)
    {
        if (faults.Count == 0) screen.Result($"{folder}: nothing to repair");
        foreach (var fault in faults) screen.Result($"{folder}: {fault.Path} {fault.Reason}; it {what}");
    }
}
