namespace Mapillary.PowerShell.Tests;

/// <summary>A value that cannot be meant is refused before anything is asked or written: the error names it and says what is expected.</summary>
[Collection("Alone")]
public class RefusedValueTests(Engine engine)
{
    private const string NotTransformed = "ParameterArgumentTransformationError";
    private const string NotValid = "ParameterArgumentValidationError";

    [Theory]
    [InlineData("Get-MapillaryImage -User anna -BoundingBox 1,2,3", NotTransformed, "'1,2,3'", "west,south,east,north")]
    [InlineData("Get-MapillaryImage -User anna -BoundingBox 5,2,3,9", NotTransformed, "'5,2,3,9'", "west,south,east,north")]
    [InlineData("Get-MapillaryImage -User anna -BoundingBox 'a,b,c,d'", NotTransformed, "'a,b,c,d'", "west,south,east,north")]
    [InlineData("Get-MapillaryImage -User anna -After yesterdayish", NotTransformed, "'yesterdayish'", "2024-06-01")]
    [InlineData("$images | Save-MapillaryImage -TimeZone Mars/Olympus", NotTransformed, "'Mars/Olympus'", "Europe/Berlin")]
    [InlineData("$images | Save-MapillaryImage -Quality 512", NotValid, "512", "1024")]
    [InlineData("$eight = 8; $images | Save-MapillaryImage -MaximumDuration $eight", NotValid, "00:00:00", "08:00:00")]
    [InlineData("Get-MapillaryImage -User ' '", NotValid, "blank", "name")]
    [InlineData("Get-MapillarySequence -User ' '", NotValid, "blank", "name")]
    [InlineData("Measure-MapillaryDownload -User ' '", NotValid, "blank", "name")]
    [InlineData("Test-IaCollection -User ' '", NotValid, "blank", "name")]
    [InlineData("Backup-MapillaryUser -User ''", "NothingNamed", "-User", "nothing")]
    [InlineData("Get-MapillaryImage -Id ''", "NothingNamed", "-Id", "nothing")]
    [InlineData("Get-MapillaryImage -SequenceId '', ' '", "NothingNamed", "-SequenceId", "nothing")]
    [InlineData("Get-MapillarySequence -SequenceId ''", "NothingNamed", "-SequenceId", "nothing")]
    [InlineData("Test-MapillaryImage -Id ''", "NothingNamed", "-Id", "nothing")]
    [InlineData("$images | Save-MapillaryImage -Webp -JpegQuality 80", "ParameterConflict", "-Webp", "-JpegQuality")]
    public void A_value_that_cannot_be_meant_is_refused_by_name(string line, string errorId, string value, string expected)
    {
        using var session = engine.Open("refused");
        session.Run("$images = @(Get-MapillaryImage -User anna -MaxPages 1)").ThrowIfFailed();
        var asked = engine.Emulator.Requests.Count;

        var outcome = session.Run($"$ErrorActionPreference = 'Stop'; {line}");

        var error = Assert.Single(outcome.Errors);
        Assert.StartsWith($"{errorId},", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Contains(value, error.ToString(), StringComparison.Ordinal);
        Assert.Contains(expected, error.ToString(), StringComparison.Ordinal);
        Assert.Empty(outcome.Output);
        Assert.Equal(asked, engine.Emulator.Requests.Count);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(engine.Folder, "refused")));
    }

    [Theory]
    [InlineData("'', '# none yet' | Get-MapillaryImage")]
    [InlineData("@() | Backup-MapillaryUser")]
    public void Nothing_may_come_down_the_pipeline(string line)
    {
        using var session = engine.Open("nothing");

        Assert.Empty(session.Run(line).ThrowIfFailed().Output);
    }
}
