using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Forms;
using Mapillary.Saving;
using Mapillary.Services;

namespace Mapillary.Cli;

/// <summary><c>mapillary backup</c>: what Backup-MapillaryUser does, without PowerShell.</summary>
internal static class BackupCommand
{
    private const int MostWorkers = 256;
    private const string ByDate = "date";
    private const string BySequence = "sequence";

    private static readonly Argument<string[]> Users = new("USER") { Arity = ArgumentArity.ZeroOrMore, Description = "One or more user names. Put '--' before names that begin with '-'." };

    private static readonly Option<string?> UsersFrom = new("--users-from")
    {
        HelpName = "FILE",
        Description = "A file with more user names, one per line; blank lines and those that begin with # are skipped.",
    };

    private static readonly Option<string?> TokenOption = new("--token")
    {
        HelpName = "T",
        Description = $"The access token. Better set the environment variable {AccessToken.EnvironmentVariable}: other users of this machine cannot see it.",
    };

    private static readonly Option<string> Output = CommandLine.Option(
        "--output", "DIR", "The folder for finished collections.", SaveOptions.DefaultDestination, ParseFolder);

    // The help shows a default as it is typed.
    private static readonly Option<string> Quality = CommandLine.Option(
        "--quality", string.Join('|', ImageQualityNames.All), "The rendition: its width in pixels, or the full size.",
        ImageQuality.Original.ToName(), text => ImageQualityNames.Parse(text).ToName());

    private static readonly Option<BoundingBox?> Bbox = CommandLine.Option(
        "--bbox", "w,s,e,n", "Only images in this area: west,south,east,north in degrees.", null, text => (BoundingBox?)BoundingBox.Parse(text));

    private static readonly Option<bool> AllAreas = new("--all-areas")
    {
        Description = "Makes a collection that was limited to an area one of the whole account. Not together with --bbox.",
    };

    private static readonly Option<bool> Webp = new("--webp") { Description = "Converts to WebP." };

    private static readonly Option<int> Workers = CommandLine.Option(
        "--workers", "N", $"The maximum number of downloads at once, 1 to {MostWorkers}; the number that pays off is found while running.", SaveOptions.DefaultThrottleLimit, ParseWorkers);

    private static readonly Option<bool> NoTar = new("--no-tar") { Description = "Leaves the files as they are, without tars." };

    private static readonly Option<string> GroupBy = CommandLine.Option("--group-by", "date|sequence", "What goes into one tar.", ByDate, CheckGrouping);

    private static readonly Option<bool> IncludeArchived = new("--include-archived") { Description = "Also backs up users whose collection is already on archive.org." };

    /// <summary>The earlier name; of this version alone.</summary>
    private static readonly Option<bool> NoCheckIa = new("--no-check-ia") { Hidden = true };

    private static readonly Option<bool> NoExif = new("--no-exif") { Description = "Does not write metadata into the images." };

    private static readonly Option<long?> MaximumImages = CommandLine.Option(
        "--maximum-images", "N", "Stops after saving this many images; images that are there already do not count.", null, ParseCount);

    private static readonly Option<long?> MaximumSize = CommandLine.Option(
        "--maximum-size", "SIZE", "Stops after saving this much, such as 50GB.", null, ParseSize);

    private static readonly Option<TimeSpan?> MaximumDuration = CommandLine.Option(
        "--maximum-duration", "TIME", "Starts no new image after this time, such as 08:00:00, or 1.12:00 for a day and a half.", null, ParseDuration);

    private static readonly Option<long?> MinimumFreeSpace = CommandLine.Option(
        "--minimum-free-space", "SIZE", "Stops when less than this is free on the disk, such as 20GB.", null, ParseSize);

    private static readonly Option<bool> Verbose = new("--verbose") { Description = "Shows each network and file step." };

    public static Command Create()
    {
        var command = new Command("backup", "Backs up all images of users: list, save, bundle into tars, describe for the Internet Archive. Run it again to continue where it stopped.")
        {
            Users, UsersFrom, TokenOption, Output, Quality, Bbox, AllAreas, Webp, Workers, NoTar, GroupBy, IncludeArchived, NoCheckIa, NoExif,
            MaximumImages, MaximumSize, MaximumDuration, MinimumFreeSpace, Verbose,
        };
        command.SetAction((parsed, cancellationToken) =>
        {
            if ((WrongUser(parsed) ?? WrongOption(parsed)) is { } wrong) return Task.FromResult(CommandLine.WrongUsage(wrong, parsed));
            var screen = new Screen(parsed.GetValue(Verbose));
            return CommandLine.GuardAsync(screen, () => RunAsync(parsed, screen, cancellationToken), cancellationToken);
        });
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, Screen screen, CancellationToken cancellationToken)
    {
        var token = AccessToken.Require(parsed.GetValue(TokenOption));
        var backup = new UserBackup(ServiceEndpoints.FromEnvironment(), token, screen);
        using var budget = new RunBudget(RulesOf(parsed));
        var options = OptionsOf(parsed, budget);
        options.Save.Form.RequireEncoder();
        if (parsed.GetValue(NoCheckIa)) screen.Warn("--no-check-ia goes with the next version. Write --include-archived instead.");

        var (done, lacking) = (0, 0);
        List<string> users = [.. parsed.GetValue(Users)!];
        if (parsed.GetValue(UsersFrom) is { } list) users.AddRange(NameList.Read(await File.ReadAllLinesAsync(list, cancellationToken)));
        if (users.Count == 0) screen.Error($"There is no user name in '{parsed.GetValue(UsersFrom)}'.");
        foreach (var user in Referred(users, screen, () => lacking++).Distinct())
        {
            try
            {
                screen.Report(new BackupProgress(user, "Listing"));
                var result = await backup.RunAsync(user, options, screen, cancellationToken);
                done++;
                if (result.Status is BackupStatus.Incomplete or BackupStatus.Stopped or BackupStatus.Empty) lacking++;
                screen.Result(Summary(result));
                foreach (var line in RunSummary.Counts(result.Ledger, result.Bytes, result.PresentBytes).Concat(RunSummary.Advice(result.Losses, Next(result, options)))) screen.Result($"  {line}");
                foreach (var line in WaysToChange(result.MadeOtherwise, options.Save)) screen.Warn($"{user}: {line}");
            }
            catch (Exception e) when (BackupFailure.IsOfOneUser(e))
            {
                lacking++;
                screen.Error($"{user}: {e.Message}");
                foreach (var way in WaysOn(e, user, options)) screen.Error($"{user}: {way}");
            }
        }

        return done == 0 ? ExitCode.NothingDone : lacking > 0 ? ExitCode.SomeFailed : ExitCode.AllThere;
    }

    internal static StopRules RulesOf(ParseResult parsed) => new()
    {
        MaximumImages = parsed.GetValue(MaximumImages),
        MaximumSize = parsed.GetValue(MaximumSize),
        MaximumDuration = parsed.GetValue(MaximumDuration),
        MinimumFreeSpace = parsed.GetValue(MinimumFreeSpace),
    };

    internal static BackupOptions OptionsOf(ParseResult parsed, RunBudget budget) => new()
    {
        Save = new SaveOptions
        {
            Destination = parsed.GetValue(Output)!,
            Quality = ImageQualityNames.Parse(parsed.GetValue(Quality)!),
            Form = parsed.GetValue(Webp) ? new WebpForm() : PictureForm.AsServed,
            ThrottleLimit = parsed.GetValue(Workers),
            Budget = budget,
            Restore = parsed.GetValue(NoExif) ? null : RestoreOptions.Default,
        },
        Filter = new ImageFilter { BoundingBox = parsed.GetValue(Bbox) },
        AllAreas = parsed.GetValue(AllAreas),
        Tar = parsed.GetValue(NoTar) ? null : parsed.GetValue(GroupBy) == ByDate ? TarGrouping.Date : TarGrouping.Sequence,
        SkipArchived = !parsed.GetValue(IncludeArchived) && !parsed.GetValue(NoCheckIa),
    };

    private static string Summary(BackupResult result) => result.Status switch
    {
        BackupStatus.Empty => $"{result.User}: no images, or no such user",
        BackupStatus.Archived => $"{result.User}: on archive.org already, nothing fetched",
        BackupStatus.Stopped when result.CollectionPath is null => $"{result.User}: not begun, because {result.StopReason}",
        BackupStatus.Stopped => $"{result.User}: stopped, because {result.StopReason}; {Numbers(result)}; run the same command again to go on",
        BackupStatus.Incomplete => $"{result.User}: incomplete, {Numbers(result)}; run the same command again to try those that failed",
        _ => $"{result.User}: complete, {Numbers(result)}",
    };

    private static string? Next(BackupResult result, BackupOptions options) => result.Status switch
    {
        BackupStatus.Incomplete or BackupStatus.Stopped =>
            new BackupRequest(result.User, options).ForConsole(),
        BackupStatus.Complete when !result.IsUnchanged =>
            $"Publish-IaCollection -LiteralPath {CommandText.ForPowerShell(result.CollectionPath!)} -WhatIf (in PowerShell), to see what an upload to archive.org would do",
        _ => null,
    };

    /// <summary>What is said of images that were made in another way. This program itself has neither way to change them.</summary>
    private static IEnumerable<string> WaysToChange(MadeOtherwise? others, SaveOptions save)
    {
        if (others is null) yield break;
        yield return others.ToString();
        yield return $"To fetch them again, in PowerShell: {SaveRequest.ToFetchAgain(others.CollectionPath, save).ForPowerShell()}";
        if (save.Restore is not { } restore || others.Restorable == 0) yield break;
        var files = others.Restorable.ToString("N0", CultureInfo.InvariantCulture);
        yield return $"To change only the metadata, of all files of this collection, these {files} among them, in PowerShell: "
            + NextCommand.ToRestore(others.CollectionPath, restore);
    }

    /// <summary>What can be done about a failure, and what may be meant by a request that the collection that is there refuses.</summary>
    private static IEnumerable<string> WaysOn(Exception failure, string user, BackupOptions options)
    {
        if (AdviceText.Of(failure) is { } advice) yield return advice;
        if (failure is not CollectionException { Fault: CollectionFault.OtherArea } refused) yield break;
        var request = new BackupRequest(user, options);
        yield return $"to go on with {(refused.RecordedArea is null ? "all areas" : "that area")}: {request.ForArea(refused.RecordedArea).ForConsole()}";
        yield return refused.RecordedArea is null
            ? "for a collection of the area alone, choose another --output"
            : $"to make it a collection of the whole account: {request.ForAllAreas().ForConsole()}";
    }

    private static string Numbers(BackupResult result) => $"{result.Ledger}, {ByteSize.Format(result.Bytes)} saved, {result.CollectionPath}";

    /// <summary>The parser takes an option that it does not know for a user.</summary>
    private static string? WrongUser(ParseResult parsed)
    {
        var literal = parsed.Tokens.SkipWhile(t => t.Type != TokenType.DoubleDash).Select(t => t.Value).ToHashSet();
        if (parsed.GetValue(Users)!.Length == 0 && parsed.GetValue(UsersFrom) is null) return "There is no user name.";
        foreach (var user in parsed.GetValue(Users)!)
        {
            if (string.IsNullOrWhiteSpace(user)) return "A user name is empty.";
            if (user.StartsWith('-') && !literal.Contains(user)) return $"There is no option '{user}'.";
        }

        return null;
    }

    private static string? WrongOption(ParseResult parsed) =>
        parsed.GetValue(NoTar) && parsed.GetResult(GroupBy) is { Implicit: false } ? "--group-by does nothing with --no-tar. Leave one of the two out."
        : parsed.GetValue(AllAreas) && parsed.GetValue(Bbox) is not null ? "--bbox and --all-areas exclude each other: a collection is of one area or of the whole account."
        : null;

    /// <summary>What users are named by; one that is none is told, and the others go on.</summary>
    private static IEnumerable<string> Referred(IEnumerable<string> texts, Screen screen, Action wrong)
    {
        foreach (var text in texts)
        {
            string user;
            try
            {
                user = Reference.User(text);
            }
            catch (ReferenceException e)
            {
                wrong();
                screen.Error($"{e.Message}{(e.Found == ReferenceKind.AccessToken ? $" Tokens are given as --token, or in {AccessToken.EnvironmentVariable}." : "")}");
                continue;
            }

            yield return user;
        }
    }

    private static string ParseFolder(string text) =>
        string.IsNullOrWhiteSpace(text) ? throw new FormatException("The folder of --output is empty.") : text;

    private static int ParseWorkers(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= MostWorkers
            ? number
            : throw new FormatException($"'{text}' is not a number of workers. Use a whole number from 1 to {MostWorkers}.");

    private static long? ParseCount(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
            ? number
            : throw new FormatException($"'{text}' is not a number of images. Use a whole number, 1 or more.");

    private static long? ParseSize(string text) =>
        ByteSize.Parse(text) is > 0 and var size ? size : throw new FormatException($"'{text}' is not a size above zero. Use a number with its unit, such as 50GB.");

    private static TimeSpan? ParseDuration(string text) =>
        TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var time) && time > TimeSpan.Zero && text.Contains(':', StringComparison.Ordinal)
            ? time
            : throw new FormatException($"'{text}' is not a time. Use hours:minutes:seconds, such as 08:00:00, or 1.12:00 for a day and a half.");

    private static string CheckGrouping(string text) => text.ToUpperInvariant() switch
    {
        "DATE" => ByDate,
        "SEQUENCE" => BySequence,
        _ => throw new FormatException($"'{text}' is not a way to group. Use date or sequence."),
    };
}
