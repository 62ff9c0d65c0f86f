namespace Mapillary.PowerShell.Tests;

/// <summary>What to do about something is said in the words of PowerShell; the Core knows none.</summary>
public class AdviceTests(Engine engine)
{
    [Fact]
    public void Before_an_upload_of_what_is_not_whole_the_cmdlet_is_named_that_tells_what_is_missing()
    {
        using var session = engine.Open("advice");

        var outcome = session.Run("""
            $backup = Backup-MapillaryUser ben -NoTar -IncludeArchived -Quality 256
            Get-ChildItem $backup.CollectionPath -Recurse -Filter *.jpg | Where-Object Name -NotLike '__*' | Select-Object -First 1 | Remove-Item
            Publish-IaCollection $backup.CollectionPath -WhatIf
            """).ThrowIfFailed();

        Assert.Contains(outcome.Warnings, w => w.Contains("1 of the images", StringComparison.Ordinal) && w.Contains("Test-MapillaryCollection", StringComparison.Ordinal));
    }
}
