namespace Mapillary.PowerShell.Tests;

/// <summary>What is said of images that are there and were made with other options; what it says to type is typed.</summary>
public class MadeOtherwiseTests(Engine engine)
{
    [Fact]
    public void A_save_with_other_options_says_so_once_and_both_ways_that_it_names_work()
    {
        using var session = engine.Open("other-options");
        const string save = "$images | Save-MapillaryImage -Quality 256";
        const string other = $"{save} -Geometry Original -TimeZone Europe/Berlin";
        session.Run($"$images = @(Get-MapillaryImage -User ben); {save}").ThrowIfFailed();

        var warnings = session.Run(other).ThrowIfFailed().Warnings;

        var collection = Path.Combine(engine.Folder, "other-options", "mapillary_data", "mapillary-ben-256");
        var word = CommandText.ForPowerShell(collection);
        Assert.Equal(
            [
                $"'{collection}': 6 of the images here were made with other options and stay as they are: another -Geometry than Original (6), another -TimeZone than Europe/Berlin (6).",
                "To fetch them again: the same command with -Force.",
                $"To change only the metadata, of all files of this collection, these 6 among them: Set-MapillaryExif -LiteralPath {word} -MetadataPath {word} -Geometry Original -TimeZone Europe/Berlin",
            ],
            warnings);
        session.Run(warnings[2].Split("them: ")[1]).ThrowIfFailed();
        Assert.Empty(session.Run(other).ThrowIfFailed().Warnings);
        Assert.NotEmpty(session.Run(save).ThrowIfFailed().Warnings);
        session.Run($"{save} -Force").ThrowIfFailed();
        Assert.Empty(session.Run(save).ThrowIfFailed().Warnings);
    }

    [Theory]
    [InlineData("-NoExif", "", "with -NoExif (6)")]
    [InlineData("", "-NoExif", "without -NoExif (6)")]
    [InlineData("-Webp -WebpQuality 90", "-Webp", "another -WebpQuality than 75 (6)")]
    [InlineData("-Layout Time", "-Layout Sequence", "another -Layout than Sequence (6)")]
    public void Each_option_is_named_as_it_is_typed(string first, string second, string what)
    {
        using var session = engine.Open($"named-{first}-{second}".Replace(' ', '_'));
        session.Run($"Get-MapillaryImage -User ben | Save-MapillaryImage -Quality 256 {first}").ThrowIfFailed();

        var warnings = session.Run($"Get-MapillaryImage -User ben | Save-MapillaryImage -Quality 256 {second}").ThrowIfFailed().Warnings;

        Assert.EndsWith($" and stay as they are: {what}.", warnings[0], StringComparison.Ordinal);
        // Of these, only metadata that were left out can be put in where the files are.
        Assert.Equal(first == "-NoExif" ? 3 : 2, warnings.Count);
    }

    [Fact]
    public void A_backup_names_the_command_that_fetches_again_what_is_in_tars_and_the_next_one_bundles_that()
    {
        using var session = engine.Open("other-options-in-tars");
        session.Run("Backup-MapillaryUser ben -Quality 256 -Layout Sequence").ThrowIfFailed();
        const string other = "Backup-MapillaryUser ben -Quality 256 -Layout Sequence -TimeZone Europe/Berlin";

        var warnings = session.Run(other).ThrowIfFailed().Warnings;

        Assert.Equal(2, warnings.Count);
        Assert.EndsWith("another -TimeZone than Europe/Berlin (6).", warnings[0], StringComparison.Ordinal);
        Assert.StartsWith("ben: To fetch them again, as what is in tars cannot be changed: ", warnings[1], StringComparison.Ordinal);
        session.Run(warnings[1].Split("changed: ")[1]).ThrowIfFailed();
        Assert.Empty(session.Run(other).ThrowIfFailed().Warnings);
        var state = session.Run("Test-MapillaryCollection ./mapillary_data/* -Quiet; @(Get-ChildItem ./mapillary_data/*/*.2.tar).Count -gt 0; @(Get-ChildItem ./mapillary_data -Recurse -Filter *.jpg -Exclude __*).Count");
        Assert.Equal([true, true, 0], state.ThrowIfFailed().Output.Select(o => o.BaseObject));
    }
}
