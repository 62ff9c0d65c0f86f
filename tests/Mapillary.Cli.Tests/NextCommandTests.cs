using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.RegularExpressions;
using Mapillary.Backup;
using Mapillary.Emulator;
using Mapillary.Saving;
using Mapillary.Tests;

namespace Mapillary.Cli.Tests;

/// <summary>The command that the console prints to go on with: typed as printed, it does the rest of the same job.</summary>
public partial class NextCommandTests
{
    /// <summary>A value for each option that changes what a run does; empty for a switch.</summary>
    private static readonly Dictionary<string, string> Samples = new(StringComparer.Ordinal)
    {
        ["--output"] = "my archive",
        ["--quality"] = "1024",
        ["--bbox"] = "-0.5,51.25,1E-05,52",
        ["--all-areas"] = "",
        ["--webp"] = "",
        ["--workers"] = "3",
        ["--no-tar"] = "",
        ["--group-by"] = "sequence",
        ["--include-archived"] = "",
        ["--no-exif"] = "",
        ["--maximum-images"] = "1000",
        ["--maximum-size"] = "50GB",
        ["--maximum-duration"] = "1.02:03:04",
        ["--minimum-free-space"] = "1KB",
    };

    /// <summary>What changes nothing, is a secret, names further users, for each of whom a command is printed, or is the earlier name of another.</summary>
    private static readonly string[] Unprinted = ["--verbose", "--token", "--users-from", "--no-check-ia"];

    public static TheoryData<string> Options() => [.. BackupCommand.Create().Options.Select(o => o.Name).Except(Unprinted)];

    [Theory]
    [MemberData(nameof(Options))]
    public void Each_option_that_changes_what_a_run_does_is_in_the_command_to_go_on_with_as_it_was_typed(string option)
    {
        Assert.True(Samples.TryGetValue(option, out var sample), $"{option} has no sample here, and is perhaps not printed: see CommandOption.");
        var typed = BackupCommand.Create().Parse(["anna", option, .. sample.Length > 0 ? new[] { sample } : []]);

        var printed = Parse(Print(typed));

        Assert.Empty(printed.Errors);
        Assert.Equal([option], Given(printed).Keys);
        Assert.Equal(Given(typed), Given(printed));
    }

    [Fact]
    public void A_default_is_not_printed_and_a_name_that_looks_like_an_option_stays_a_name()
    {
        Assert.Equal("mapillary backup anna", Print(BackupCommand.Create().Parse(["anna", "--quality", "original", "--group-by", "date", "--workers", "64", "--output", "mapillary_data"])));
        Assert.Equal("mapillary backup --webp -- '-x'", Print(BackupCommand.Create().Parse(["--webp", "--", "-x"])));
    }

    [Fact]
    public async Task The_printed_command_ends_as_one_run_of_the_original_command()
    {
        var isBroken = true;
        await using var run = await ConsoleRun.OpenAsync(new EmulatorOptions
        {
            Users = [new EmulatedUser { Name = "anna", Images = 8, Sequences = 2 }],
            // Fails at once, without waits.
            Faults = [new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.BadRequest400, Times = int.MaxValue, Which = t => isBroken && t.Ordinal % 2 == 1 }],
        });
        // Between the two sequences.
        var longitudes = run.Emulator.World.Images.Select(i => i.Record.Geometry!.Value.Longitude).Order().ToList();
        var (west, east) = longitudes.Zip(longitudes.Skip(1)).MaxBy(pair => pair.Second - pair.First);
        var area = FormattableString.Invariant($"-180,-90,{(west + east) / 2},90");
        var within = longitudes.Count(l => l <= west);
        string[] options =
        [
            "--quality", "1024", "--bbox", area, "--webp", "--workers", "3", "--group-by", "sequence", "--no-check-ia", "--no-exif",
            "--maximum-images", "1000", "--maximum-size", "50GB", "--maximum-duration", "1.02:03:04", "--minimum-free-space", "1KB",
        ];

        var (firstExitCode, first, _) = await run.RunAsync(["backup", "anna", "--output", "first one", .. options]);
        isBroken = false;
        var (secondExitCode, _, error) = await run.RunAsync(["backup", .. WordsOf(NextLine().Match(first).Groups[1].Value)]);
        var (_, wholeOutput, _) = await run.RunAsync(["backup", "anna", "--output", "whole", .. options]);

        Assert.Equal((ExitCode.SomeFailed, ExitCode.AllThere), (firstExitCode, secondExitCode));
        Assert.DoesNotContain("error: ", error, StringComparison.Ordinal);
        Assert.Contains($"saved {within} ", wholeOutput, StringComparison.Ordinal);
        Assert.Equal(
            CollectionContents.Of(Path.Combine(run.Folder, "whole", "mapillary-anna-1024-webp")),
            CollectionContents.Of(Path.Combine(run.Folder, "first one", "mapillary-anna-1024-webp")));

        // The whole account is another job: both ways on are named, and each does what it says.
        var (refusedExitCode, _, refusal) = await run.RunAsync("backup", "anna", "--output", "whole", "--quality", "1024", "--webp");
        var ways = WayLine().Matches(refusal).Select(m => m.Groups[1].Value).ToList();
        Assert.Equal((ExitCode.NothingDone, 2), (refusedExitCode, ways.Count));
        Assert.Contains($"saved 0 + present {within}", (await run.RunAsync(["backup", .. WordsOf(ways[0])])).Output, StringComparison.Ordinal);
        Assert.Contains($"saved {8 - within} + present {within}", (await run.RunAsync(["backup", .. WordsOf(ways[1])])).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_area_and_all_areas_can_only_be_a_mistake()
    {
        await using var run = await ConsoleRun.OpenAsync();

        var (exitCode, _, error) = await run.RunAsync("backup", "anna", "--bbox", "1,2,3,4", "--all-areas");

        Assert.Equal(ExitCode.NothingDone, exitCode);
        Assert.Contains("--bbox and --all-areas", error, StringComparison.Ordinal);
        Assert.Empty(run.Emulator.Requests);
    }

    private static string Print(ParseResult parsed)
    {
        using var budget = new RunBudget(BackupCommand.RulesOf(parsed));
        return new BackupRequest(parsed.GetValue<string[]>("USER")!.Single(), BackupCommand.OptionsOf(parsed, budget)).ForConsole();
    }

    private static ParseResult Parse(string command) => BackupCommand.Create().Parse(WordsOf(command));

    /// <summary>The words behind "mapillary backup"; what stands in quotes here has none in it.</summary>
    private static string[] WordsOf(string command) => [.. Word().Matches(command).Skip(2).Select(m => m.Value.Trim('\''))];

    /// <summary>What was typed for each option. Names of kinds may be typed in any case.</summary>
    private static Dictionary<string, string> Given(ParseResult parsed) => parsed.CommandResult.Children.OfType<OptionResult>()
        .Where(r => !r.Implicit)
        .ToDictionary(r => r.Option.Name, r => string.Join(' ', r.Tokens.Select(t => t.Value)).ToUpperInvariant());

    [GeneratedRegex("'[^']*'|[^ ]+")]
    private static partial Regex Word();

    [GeneratedRegex("^  Next: (mapillary backup .*)$", RegexOptions.Multiline)]
    private static partial Regex NextLine();

    [GeneratedRegex("^error: anna: to .*?: (mapillary backup .*)$", RegexOptions.Multiline)]
    private static partial Regex WayLine();
}
