using System.Text.RegularExpressions;

namespace Mapillary.PowerShell.Tests;

/// <summary>What is said is said once, and where another way would do, the error names it.</summary>
public class WordsTests(Engine engine)
{
    private const string UploadWithWrongKeys = """
        $null = Get-MapillaryImage ben | Save-MapillaryImage -Quality 256
        $keys = [pscredential]::new('wrong', (ConvertTo-SecureString wrong -AsPlainText -Force))
        Publish-IaCollection mapillary_data/mapillary-ben-256 -Credential $keys
        """;

    [Theory]
    [InlineData("Get-MapillaryImage anna -Token 'MLY|1|fedcba9876543210fedcba9876543210'", "TokenRefused", "dashboard/developers")]
    [InlineData(UploadWithWrongKeys, "KeysRefused", "account/s3.php")]
    [InlineData("Get-MapillaryImage anna | Save-MapillaryImage -Quality 256 -Destination busy", "CollectionInUse", "Wait until")]
    public void An_error_says_what_to_do_once(string line, string errorId, string advice)
    {
        using var session = engine.Open($"once-{errorId}");

        var outcome = session.Run($$"""
            $null = New-Item busy/mapillary-anna-256/.lock -Force
            $lock = [IO.File]::Open("$PWD/busy/mapillary-anna-256/.lock", 'Open', 'ReadWrite', 'None')
            try { {{line}} }
            catch { $_.FullyQualifiedErrorId; $_ | Out-String -Width 500 }
            finally { $lock.Dispose() }
            """).ThrowIfFailed();

        Assert.StartsWith($"{errorId},", $"{outcome.Output[0]}", StringComparison.Ordinal);
        Assert.Single(Regex.Matches($"{outcome.Output[1]}", Regex.Escape(advice)));
    }

    [Theory]
    [InlineData("ConvertTo-Webp 'a[1].jpg'")]
    [InlineData("ConvertTo-Webp 'half[.jpg'")]
    [InlineData("New-SequenceTar 'folder [old]'")]
    [InlineData("Test-MapillaryCollection 'folder [old]'")]
    [InlineData("Get-MapillaryImage -Path 'folder [old]'")]
    public void A_name_with_brackets_that_is_there_brings_LiteralPath_to_mind(string line)
    {
        using var session = engine.Open("brackets");

        var outcome = session.Run($$"""
            $null = [IO.Directory]::CreateDirectory("$PWD/folder [old]")
            'a[1].jpg', 'half[.jpg' | ForEach-Object { [IO.File]::WriteAllText("$PWD/$_", '') }
            {{line}}
            """);

        var error = Assert.Single(outcome.Errors);
        Assert.StartsWith("PathNotFound,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Contains("wildcards", error.ToString(), StringComparison.Ordinal);
        Assert.Contains("-LiteralPath", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
    }

    [Fact]
    public void Verbose_has_one_line_for_each_image_and_Confirm_still_asks()
    {
        using var session = engine.Open("verbose");

        var outcome = session.Run("""
            $images = @(Get-MapillaryImage anna -MaxPages 1 | Select-Object -First 3)
            $saving = $images | Save-MapillaryImage -Verbose 4>&1 | Where-Object { $_ -is [System.Management.Automation.VerboseRecord] }
            $restoring = $images | Set-MapillaryExif ./mapillary_data -Verbose 4>&1
            $converting = ConvertTo-Webp ./mapillary_data/*/*/*/*.jpg -KeepOriginal -Verbose 4>&1 | Where-Object { $_ -is [System.Management.Automation.VerboseRecord] }
            foreach ($lines in $saving, $restoring, $converting) { foreach ($id in $images.Id) { @($lines -like "*$id*").Count } }
            """).ThrowIfFailed();

        Assert.Equal(Enumerable.Repeat<object>(1, 9), outcome.Output.Select(o => o.BaseObject));
        // There is nobody to ask.
        Assert.NotEmpty(session.Run("$images | Save-MapillaryImage -Destination asked -Confirm").Errors);
        Assert.NotEmpty(session.Run("$ConfirmPreference = 'Low'; $images | Save-MapillaryImage -Destination asked").Errors);
        Assert.False(Directory.Exists(Path.Combine(engine.Folder, "verbose", "asked")));
    }

    [Fact]
    public void The_ids_that_failed_can_be_listed_again()
    {
        using var session = engine.Open("failed");

        var outcome = session.Run("""
            $ids = (Get-MapillaryImage anna -MaxPages 1 | Select-Object -First 3).Id
            $ids | ForEach-Object { @{ id = $_; status = 'Failed'; reason = 'the image server answers HTTP 500.' } | ConvertTo-Json -Compress } | Set-Content failed.jsonl
            $again = Get-Content failed.jsonl | ConvertFrom-Json | Get-MapillaryImage
            "$again" -eq "$ids"
            (Get-Content failed.jsonl | ConvertFrom-Json | Test-MapillaryImage -Quality 256).IsFine
            """).ThrowIfFailed();

        Assert.Equal([true, true, true, true], outcome.Output.Select(o => o.BaseObject));
    }
}
