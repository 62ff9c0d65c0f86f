namespace Mapillary.PowerShell.Tests;

/// <summary>What chooses among images means the same to the cmdlets that list and to the one that plans.</summary>
public class FilterTests(Engine engine)
{
    [Fact]
    public void Images_from_the_pipeline_are_measured_by_the_same_choice_as_those_of_a_user()
    {
        using var session = engine.Open("filters");

        var outcome = session.Run("""
            $images = @(Get-MapillaryImage -User anna)
            $from = @($images.CapturedAt | Sort-Object)[7]
            @(Get-MapillaryImage -User anna -After $from -Shard 1/2).Count
            (Measure-MapillaryDownload -User anna -After $from -Shard 1/2 -Rate 1MB).Images
            ($images | Measure-MapillaryDownload -After $from -Shard 1/2 -Rate 1MB).Images
            ($images | Measure-MapillaryDownload -Rate 1MB).Images
            """).ThrowIfFailed();

        var counts = outcome.Output.Select(o => Convert.ToInt64(o.BaseObject)).ToList();
        Assert.InRange(counts[0], 1, 16);
        Assert.Equal([counts[0], counts[0], 24], counts.Skip(1));
    }
}
