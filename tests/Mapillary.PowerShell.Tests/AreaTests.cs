using Mapillary.Emulator;

namespace Mapillary.PowerShell.Tests;

/// <summary>Areas as a script author has them.</summary>
[Collection("Alone")]
public class AreaTests(Engine engine)
{
    private const string AnnasWorld = """
        $annas = @(Get-MapillaryImage -User anna)
        $west, $east = ($annas.Longitude | Measure-Object -Minimum -Maximum | ForEach-Object { $_.Minimum - 0.0001; $_.Maximum + 0.0001 })
        $south, $north = ($annas.Latitude | Measure-Object -Minimum -Maximum | ForEach-Object { $_.Minimum - 0.0001; $_.Maximum + 0.0001 })
        $ring = @($west, $south), @($east, $south), @($east, $north), @($west, $north), @($west, $south)
        @{ type = 'Feature'; properties = @{}; geometry = @{ type = 'Polygon'; coordinates = @(, $ring) } } | ConvertTo-Json -Depth 9 | Set-Content town.geojson

        """;

    [Fact]
    public void A_box_a_polygon_and_a_circle_list_all_of_it_and_with_a_user_that_users()
    {
        using var session = engine.Open("areas");

        var outcome = session.Run(AnnasWorld + """
            (Get-MapillaryImage -BoundingBox $west, $south, $east, $north).Count
            (Get-MapillaryImage -Area town.geojson).Count
            (Get-MapillaryImage ben -Area town.geojson).Count
            (Get-MapillaryImage anna -Area town.geojson).Count
            $one = $annas[0]
            (Get-MapillaryImage -Near $one.Latitude, $one.Longitude -Radius 5).Id -contains $one.Id
            (Get-MapillaryImage -Near "$($one.Latitude),$($one.Longitude)" -Radius 5 -User ben).Count
            (Get-MapillaryImage -BoundingBox $west, $south, $east, $north -Sample).Count
            (Get-MapillarySequence -Area town.geojson).Count
            (Get-MapillarySequence anna -BoundingBox $west, $south, $east, $north | Measure-Object Images -Sum).Sum
            (Get-MapillarySequence -SequenceId $one.SequenceId -BoundingBox $west, $south, $east, $north).Images
            ($one.SequenceId | Get-MapillarySequence -BoundingBox $west, $south, $east, $north).Images
            """);

        Assert.All(outcome.Warnings, w => Assert.Contains("User 'ben'", w.Replace("user 'ben'", "User 'ben'", StringComparison.Ordinal), StringComparison.Ordinal));
        Assert.Equal([24, 24, 0, 24, true, 0, 24, 4, 24.0, 6, 6], outcome.ThrowIfFailed().Output.Select(o => o.BaseObject));
    }

    [Fact]
    public void Images_of_an_area_are_saved_into_its_own_collection_and_so_are_those_that_its_listing_has()
    {
        using var session = engine.Open("area-saved");

        var outcome = session.Run(AnnasWorld + """
            $saved = Get-MapillaryImage -Area town.geojson | Save-MapillaryImage -Quality 256
            Split-Path -Leaf ($saved.CollectionPath | Sort-Object -Unique)
            ($saved | Group-Object Status | ForEach-Object { "$($_.Name) $($_.Count)" })
            @(Get-MapillaryImage -Path $saved[0].CollectionPath | Save-MapillaryImage -Quality 256 | Group-Object Status, CollectionPath).Count
            Remove-Item $saved[3].Path
            (Get-MapillaryImage -Area town.geojson | Save-MapillaryImage -Quality 256 | Group-Object Status | Sort-Object Name | ForEach-Object { "$($_.Name) $($_.Count)" })
            (Export-IaMetadata $saved[0].CollectionPath).Title
            (Get-ChildItem mapillary_data).Count
            """).ThrowIfFailed();

        Assert.Equal(
            ["mapillary-area-town-256", "Saved 24", 1, "Present 23", "Saved 1", "Mapillary images of town", 1],
            outcome.Output.Select(o => o.BaseObject));
        Assert.DoesNotContain(outcome.Information, i => i.Contains("Backup-MapillaryUser", StringComparison.Ordinal));
    }

    [Fact]
    public void A_tile_that_is_missing_is_an_error_that_names_it_and_the_same_command_goes_on_with_it()
    {
        using var session = engine.Open("area-lost");
        var image = engine.Emulator.World.Users[0].Images[0].Record.ComputedGeometry!.Value;
        var (x, y) = ((int)((image.Longitude + 180) / 360 * 16384), (int)((1 - (Math.Asinh(Math.Tan(image.Latitude * Math.PI / 180)) / Math.PI)) / 2 * 16384));
        var tile = FormattableString.Invariant($"14/{x}/{y + 1}");
        var line = FormattableString.Invariant($"Get-MapillaryImage -Near {image.Latitude},{image.Longitude} -Radius 3");
        engine.LoseTile(tile);
        SessionOutcome first;
        try
        {
            first = session.Run(line);
        }
        finally
        {
            engine.LoseTile(null);
        }

        var before = engine.Emulator.Requests.Count(r => r.Server == ServerKind.Tiles);
        var second = session.Run(line).ThrowIfFailed();

        var error = Assert.Single(first.Errors);
        Assert.Equal(("TileNotRead,Mapillary.PowerShell.Commands.GetMapillaryImageCommand", tile), (error.FullyQualifiedErrorId, error.TargetObject));
        Assert.Contains("404", error.ToString(), StringComparison.Ordinal);
        Assert.Contains("not complete", Assert.Single(first.Warnings), StringComparison.Ordinal);
        Assert.NotEmpty(first.Output);
        Assert.Equal(before + 1, engine.Emulator.Requests.Count(r => r.Server == ServerKind.Tiles));
        Assert.Equal(first.Output.Count, second.Output.Count);
    }

    [Fact]
    public void The_token_is_in_no_stream()
    {
        using var session = engine.Open("area-token");
        engine.LoseTile("14/8191/8192");
        try
        {
            var outcome = session.Run("$DebugPreference = 'Continue'; Get-MapillaryImage -Near 0,0 -Radius 10 -Verbose");

            Assert.Contains(outcome.Verbose, v => v.Contains("14/8191/8191", StringComparison.Ordinal));
            var all = string.Join('\n', [.. outcome.Verbose, .. outcome.Warnings, .. outcome.Debug, .. outcome.Information, .. outcome.Errors.Select(e => $"{e}{e.Exception}{e.ErrorDetails}")]);
            Assert.DoesNotContain("access_token", all, StringComparison.Ordinal);
            Assert.DoesNotContain(engine.Emulator.Token, Uri.UnescapeDataString(all), StringComparison.Ordinal);
            Assert.Single(outcome.Errors);
        }
        finally
        {
            engine.LoseTile(null);
        }
    }

    [Fact]
    public void A_measure_of_an_area_tells_its_tiles_and_asks_nothing()
    {
        using var session = engine.Open("area-plan");
        var before = engine.Emulator.Requests.Count;

        var outcome = session.Run("""
            $plan = Measure-MapillaryDownload -BoundingBox 13.175,55.693,13.215,55.707
            $plan.Area, $plan.Tiles, $plan.Kept
            $plan.Duration -gt [timespan]'00:00:20' -and $plan.Duration -lt [timespan]'00:00:25'
            (Measure-MapillaryDownload -Near 55.70,13.19 -Radius 10).Tiles
            """).ThrowIfFailed();

        Assert.Equal(["13.175,55.693,13.215,55.707", 20, 0, true, 9], outcome.Output.Select(o => o.BaseObject));
        Assert.Equal(before, engine.Emulator.Requests.Count);
    }
}
