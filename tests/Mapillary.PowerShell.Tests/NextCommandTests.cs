using System.Management.Automation;
using Mapillary.Emulator;
using Mapillary.PowerShell.Commands;
using Mapillary.Tests;

namespace Mapillary.PowerShell.Tests;

/// <summary>What a run says that it came to, and the command that it says comes next: typed as printed, it does the rest of the same job.</summary>
public class NextCommandTests(Engine engine)
{
    /// <summary>A value for each parameter of Backup-MapillaryUser that changes what a run does, as it is typed and as it has to be printed.</summary>
    private static readonly Dictionary<string, string> Samples = new(StringComparer.Ordinal)
    {
        ["User"] = "Backup-MapillaryUser cora",
        ["Destination"] = "-Destination",
        ["AllAreas"] = "-AllAreas",
        ["BoundingBox"] = "-BoundingBox '-180,-90,180,90'",
        ["Force"] = "-Force",
        ["Geometry"] = "-Geometry Original",
        ["IncludeArchived"] = "-IncludeArchived",
        ["GroupBy"] = "-GroupBy Sequence",
        ["JpegQuality"] = "-JpegQuality 71",
        ["Layout"] = "-Layout Sequence",
        ["ListingParallelism"] = "-ListingParallelism 2",
        ["MaximumDuration"] = "-MaximumDuration 1.02:03:04",
        ["MaximumImages"] = "-MaximumImages 1000",
        ["MaximumSize"] = "-MaximumSize 50GB",
        ["MinimumFreeSpace"] = "-MinimumFreeSpace 1KB",
        ["NoExif"] = "-NoExif",
        ["NoTar"] = "-NoTar",
        ["Quality"] = "-Quality 256",
        ["ThrottleLimit"] = "-ThrottleLimit 3",
        ["TimeZone"] = "-TimeZone Asia/Tokyo",
        ["Webp"] = "-Webp",
        ["WebpQuality"] = "-Webp -WebpQuality 61",
    };

    /// <summary>An area that ends between the two sequences of "cora".</summary>
    private const string BoxOfOneSequence = """
        $east = (Get-MapillaryImage cora).Longitude | Sort-Object
        $gap = 1..7 | Sort-Object { $east[$_ - 1] - $east[$_] } | Select-Object -First 1
        $box = -180, -90, (($east[$gap - 1] + $east[$gap]) / 2), 90
        """;

    /// <summary>What changes nothing, is asked anew each time, is a secret, or is the earlier name of another.</summary>
    private static readonly string[] Unprinted = [.. Cmdlet.CommonParameters, .. Cmdlet.OptionalCommonParameters, "Token", "SkipArchived"];

    public static TheoryData<string> Parameters() =>
        [.. new CommandMetadata(typeof(BackupMapillaryUserCommand)).Parameters.Keys.Except(Unprinted).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Parameters))]
    public void Each_parameter_that_changes_what_a_run_does_is_in_the_command_to_go_on_with(string parameter)
    {
        Assert.True(Samples.TryGetValue(parameter, out var sample), $"-{parameter} has no sample here, and is perhaps not printed: see CommandOption.");
        using var session = engine.Open($"parameter {parameter}");
        using var broken = engine.BreakCora();

        var outcome = session.Run($"Backup-MapillaryUser cora{(parameter is "User" or "Destination" ? "" : $" {sample}")}{(parameter == "Quality" ? "" : " -Quality 256")}");

        var next = NextOf(outcome);
        Assert.Contains($"{sample}", next, StringComparison.Ordinal);
        Assert.Contains(Path.Combine(engine.Folder, $"parameter {parameter}", "mapillary_data"), next, StringComparison.Ordinal);
    }

    [Fact]
    public void A_default_is_not_printed()
    {
        using var session = engine.Open("defaults");
        using var broken = engine.BreakCora();

        var outcome = session.Run("Backup-MapillaryUser cora -Quality Original -GroupBy Date -ThrottleLimit 64 -Geometry Computed -Layout Date -ListingParallelism 1");

        Assert.Equal($"Backup-MapillaryUser cora -Destination {Path.Combine(engine.Folder, "defaults", "mapillary_data")}", NextOf(outcome));
    }

    [Theory]
    [InlineData("-Quality 1024 -Webp -WebpQuality 61 -Layout Time -ThrottleLimit 3 -Geometry Original -TimeZone Asia/Tokyo -MaximumImages 1000 -MaximumSize 50GB "
        + "-MaximumDuration 1.02:03:04 -MinimumFreeSpace 1KB -BoundingBox $box -GroupBy Sequence -IncludeArchived -Force")]
    [InlineData("-Quality 2048 -JpegQuality 71 -NoExif -NoTar -AllAreas -Layout Sequence -ListingParallelism 2")]
    public void The_printed_command_ends_as_one_run_of_the_original_command(string options)
    {
        using var session = engine.Open($"rest {options.Length}");
        session.Run(BoxOfOneSequence).ThrowIfFailed();
        SessionOutcome first;
        using (engine.BreakCora()) first = session.Run($"Backup-MapillaryUser cora 'first one' {options}");
        // Pasted elsewhere, on another day.
        session.Run("Set-Location ..; Remove-Variable box").ThrowIfFailed();

        var second = session.Run(NextOf(first)).ThrowIfFailed();

        Assert.Equal(["Incomplete", "Complete"], [StatusOf(first), StatusOf(second)]);
        var whole = session.Run($"""
            {BoxOfOneSequence}
            Backup-MapillaryUser cora 'rest {options.Length}/whole' {options}
            """).ThrowIfFailed();
        Assert.Equal("Complete", StatusOf(whole));
        Assert.Equal(CollectionContents.Of(PathOf(whole)), CollectionContents.Of(PathOf(second)));
        Assert.NotEqual(PathOf(whole), PathOf(second));
    }

    [Fact]
    public void A_stop_rule_stays_in_the_command_and_each_run_of_it_goes_on()
    {
        using var session = engine.Open("rule");
        var outcome = session.Run("Backup-MapillaryUser cora -Quality 256 -MaximumImages 3");
        var next = NextOf(outcome);

        Assert.Contains("-MaximumImages 3", next, StringComparison.Ordinal);
        Assert.Equal(["Stopped", "Stopped", "Complete"], [StatusOf(outcome), StatusOf(session.Run(next)), StatusOf(session.Run(next))]);
        var whole = session.Run("Backup-MapillaryUser cora whole -Quality 256");
        Assert.Equal(
            CollectionContents.Of(PathOf(whole)).Keys,
            CollectionContents.Of(Path.Combine(engine.Folder, "rule", "mapillary_data", "mapillary-cora-256")).Keys);
    }

    [Fact]
    public void A_collection_of_an_area_stays_one_unless_the_whole_account_is_asked_for_and_both_ways_are_named()
    {
        using var session = engine.Open("area of cora");
        session.Run($"{BoxOfOneSequence}\nBackup-MapillaryUser cora -Quality 256 -BoundingBox $box").ThrowIfFailed();
        var collection = Path.Combine(engine.Folder, "area of cora", "mapillary_data", "mapillary-cora-256");
        var before = CollectionContents.Of(collection);

        var refused = Assert.Single(session.Run("Backup-MapillaryUser cora -Quality 256").Errors);

        Assert.Equal("CollectionOfOtherArea,Mapillary.PowerShell.Commands.BackupMapillaryUserCommand", refused.FullyQualifiedErrorId);
        Assert.Equal("CollectionOfOtherArea,Mapillary.PowerShell.Commands.BackupMapillaryUserCommand", Assert.Single(session.Run("Backup-MapillaryUser cora -Quality 256 -WhatIf").Errors).FullyQualifiedErrorId);
        Assert.Equal(before, CollectionContents.Of(collection));
        var ways = refused.ErrorDetails.RecommendedAction.Split('\n').Select(w => w[(w.IndexOf(": ", StringComparison.Ordinal) + 2)..]).ToList();
        Assert.Equal(2, ways.Count);
        Assert.Contains("-BoundingBox", ways[0], StringComparison.Ordinal);
        Assert.EndsWith("-AllAreas", ways[1], StringComparison.Ordinal);

        Assert.Equal("Complete", StatusOf(session.Run(ways[0]).ThrowIfFailed()));
        Assert.Equal(before, CollectionContents.Of(collection));
        Assert.Equal("Complete", StatusOf(session.Run(ways[1]).ThrowIfFailed()));
        var described = session.Run("Export-IaMetadata ./mapillary_data/mapillary-cora-256").ThrowIfFailed().Output.Single();
        Assert.Equal(8L, described.Properties["Images"].Value);
        Assert.DoesNotContain("area", (string)described.Properties["Description"].Value, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pipeline_says_what_it_did_and_that_it_may_be_a_selection_and_the_second_time_that_there_is_nothing_new()
    {
        using var session = engine.Open("pipeline");
        const string Line = "Get-MapillaryImage ben | Save-MapillaryImage -Quality 256 -Layout Sequence | New-SequenceTar | Export-IaMetadata";

        var first = session.Run(Line).ThrowIfFailed();
        var second = session.Run(Line).ThrowIfFailed();

        var check = $"Backup-MapillaryUser ben -Destination {Path.Combine(engine.Folder, "pipeline", "mapillary_data")} -Quality 256 -Layout Sequence";
        Assert.Empty(first.Warnings);
        Assert.Equal($"6 of 6 images saved. This may be a selection; {check} checks it against the whole account.", first.Information[0]);
        Assert.Equal(
            [
                $"Nothing new: all 6 are here. This may be a selection; {check} -GroupBy Sequence checks it against the whole account.",
                "Nothing to bundle: all 6 images are in tars already.",
                "Nothing to describe: no collection came in.",
            ],
            second.Information.Where(i => !i.StartsWith("Saved ", StringComparison.Ordinal) && !i.StartsWith("Present ", StringComparison.Ordinal) && !i.StartsWith("Unavailable ", StringComparison.Ordinal) && !i.StartsWith("Failed ", StringComparison.Ordinal)));
        Assert.Empty(second.Output);

        // The command that it names does check it, and then it is no selection any more.
        Assert.Equal("Complete", StatusOf(session.Run($"{check} -GroupBy Sequence").ThrowIfFailed()));
        Assert.Equal("Nothing new: all 6 are here.", session.Run("Get-MapillaryImage ben | Save-MapillaryImage -Quality 256 -Layout Sequence").ThrowIfFailed().Information[0]);
        Assert.Contains("says the same already", session.Run("Export-IaMetadata ./mapillary_data/mapillary-ben-256").ThrowIfFailed().Information.Single(), StringComparison.Ordinal);
        Assert.Equal("Nothing to bundle: all pictures are in tars already.", session.Run("New-SequenceTar ./mapillary_data/mapillary-ben-256").ThrowIfFailed().Information.Single());
    }

    [Fact]
    public void A_pipeline_whose_images_failed_names_the_command_that_brings_these_and_no_others()
    {
        using var session = engine.Open("failed pipeline");
        SessionOutcome first;
        using (engine.BreakCora())
        {
            first = session.Run("""
                Get-MapillaryImage cora | Select-Object -First 6 | Save-MapillaryImage -Quality 1024 -NoExif -Layout Time
                Export-IaMetadata ./mapillary_data/mapillary-cora-1024
                """);
        }

        var said = first.Information[0];
        Assert.StartsWith("3 of 6 images saved; 3 failed. To try again what is missing: ", said, StringComparison.Ordinal);
        // Export-IaMetadata knows what the collection tells alone.
        Assert.StartsWith("Next: Get-MapillaryImage -LiteralPath ", first.Warnings[^1], StringComparison.Ordinal);
        Assert.EndsWith(" -Quality 1024 -Layout Time", first.Warnings[^1], StringComparison.Ordinal);
        session.Run("Set-Location ..");

        var second = session.Run(said[(said.IndexOf(": ", StringComparison.Ordinal) + 2)..]).ThrowIfFailed();

        Assert.StartsWith("6 of 6 images are here, 3 of them new. This may be a selection; ", second.Information[0], StringComparison.Ordinal);
        var whole = session.Run("Get-MapillaryImage cora | Select-Object -First 6 | Save-MapillaryImage 'whole failed' -Quality 1024 -NoExif -Layout Time").ThrowIfFailed();
        Assert.Equal(HashesOf(whole), HashesOf(second));
    }

    [Fact]
    public void A_selection_is_uploaded_as_one_and_what_is_incomplete_is_refused_with_the_command_that_completes_it()
    {
        using var session = engine.Open("publish");
        session.Run("""
            $secret = [securestring]::new()
            """ + string.Concat(engine.Emulator.S3SecretKey.Select(c => $"\n$secret.AppendChar('{c}')")) + $"""

            $keys = [pscredential]::new('{engine.Emulator.S3AccessKey}', $secret)
            """).ThrowIfFailed();
        SessionOutcome refused;
        using (engine.BreakCora()) refused = session.Run("Get-MapillaryImage cora | Select-Object -First 6 | Save-MapillaryImage -Quality 1024 -ErrorAction Ignore | Out-Null; Publish-IaCollection ./mapillary_data/mapillary-cora-1024 -Credential $keys");

        var error = Assert.Single(refused.Errors);
        Assert.Equal("CollectionIncomplete,Mapillary.PowerShell.Commands.PublishIaCollectionCommand", error.FullyQualifiedErrorId);
        var advice = error.ErrorDetails.RecommendedAction;
        var next = advice[(advice.IndexOf(": ", StringComparison.Ordinal) + 2)..advice.IndexOf('\n')];
        var uploaded = session.Run($"{next} | Out-Null; Publish-IaCollection ./mapillary_data/mapillary-cora-1024 -Credential $keys").ThrowIfFailed();

        Assert.Equal("Verified", uploaded.Output.Single().Properties["Status"].Value.ToString());
        var item = engine.Emulator.UploadedItems["mapillary-cora-1024"];
        var description = item.Metadata["description"].Single();
        Assert.Contains("Contains 6 images", description, StringComparison.Ordinal);
        Assert.Contains("This is a selection, and may not be all of the user's images.", description, StringComparison.Ordinal);
    }

    [Fact]
    public void What_no_one_chose_is_said_too()
    {
        using var session = engine.Open("none");

        var outcome = session.Run("Get-MapillaryImage ben | Where-Object Id -EQ 'x' | Save-MapillaryImage | New-SequenceTar | Export-IaMetadata").ThrowIfFailed();

        Assert.Equal(["No images came in; nothing was saved.", "Nothing to bundle: no images came in.", "Nothing to describe: no collection came in."], outcome.Information);
    }

    private static string NextOf(SessionOutcome outcome)
    {
        const string mark = "cora: Next: ";
        var commands = outcome.Warnings.Where(w => w.StartsWith(mark, StringComparison.Ordinal)).ToList();
        Assert.True(commands.Count == 1, string.Join('\n', outcome.Warnings.Concat(outcome.Errors.Select(e => $"{e.FullyQualifiedErrorId}: {e}"))));
        return commands[0][mark.Length..];
    }

    private static string StatusOf(SessionOutcome outcome) => $"{outcome.Output[^1].Properties["Status"].Value}";

    private static string PathOf(SessionOutcome outcome) => (string)outcome.Output[^1].Properties["CollectionPath"].Value;

    private static IEnumerable<(object, object)> HashesOf(SessionOutcome saved) =>
        saved.Output.Select(o => (o.Properties["Id"].Value, o.Properties["Sha256"].Value)).OrderBy(o => o.Item1);
}
