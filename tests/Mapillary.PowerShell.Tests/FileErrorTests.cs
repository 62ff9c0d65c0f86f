using System.Management.Automation;

namespace Mapillary.PowerShell.Tests;

/// <summary>What is wrong with a file on the disk has one id, and its category says whether it was read or written.</summary>
public class FileErrorTests(Engine engine)
{
    [Fact]
    public void A_file_that_another_program_keeps_from_being_read_is_a_read_error()
    {
        using var session = engine.Open("held");

        var outcome = session.Run("""
            $held = [IO.File]::Open((Join-Path $PWD 'box.geojson'), 'Create', 'ReadWrite', 'None')
            try { Get-MapillaryImage -Area box.geojson } finally { $held.Dispose() }
            """);

        Assert.Equal(("FileError", ErrorCategory.ReadError), IdAndCategory(outcome));
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_a_write_error_and_stays_as_it_was()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows says of a folder in the place of a file that access is denied.");
        using var session = engine.Open("unwritable");

        var outcome = session.Run("""
            $image = Get-MapillaryImage -User ben -MaxPages 1 | Select-Object -First 1
            $saved = $image | Save-MapillaryImage -Quality 256
            $null = New-Item -ItemType Directory "$($saved.Path).part/in-the-way"
            $saved.Sha256 -eq (Get-FileHash $saved.Path).Hash
            $image | Set-MapillaryExif -Path $saved.Path -TimeZone Asia/Tokyo
            $saved.Sha256 -eq (Get-FileHash $saved.Path).Hash
            """);

        Assert.Equal(("FileError", ErrorCategory.WriteError), IdAndCategory(outcome));
        Assert.Equal([true, true], outcome.Output.Select(o => o.BaseObject));
    }

    private static (string Id, ErrorCategory Category) IdAndCategory(SessionOutcome outcome)
    {
        var error = Assert.Single(outcome.Errors);
        return (error.FullyQualifiedErrorId.Split(',')[0], error.CategoryInfo.Category);
    }
}
