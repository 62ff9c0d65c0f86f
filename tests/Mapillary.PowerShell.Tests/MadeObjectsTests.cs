namespace Mapillary.PowerShell.Tests;

/// <summary>Images and saved images that a script makes from a hashtable, for its tests: cmdlets take them as their own.</summary>
public class MadeObjectsTests(Engine engine)
{
    private const string Image = """
        $image = [Mapillary.Graph.MapillaryImage]@{
            Id = '1'; Latitude = 55.7; Longitude = 13.2; CapturedAt = '2024-06-01T12:00:00.250Z'
            SequenceId = 's'; Creator = 'anna'; IsPanorama = $true; CameraType = 'spherical'
        }
        """;

    [Fact]
    public void An_image_has_what_it_was_given_and_a_record_that_a_listing_keeps()
    {
        using var session = engine.Open("made-image");

        var outcome = session.Run($$"""
            {{Image}}
            $image.Json | Set-Content listing.jsonl
            $image, (Get-MapillaryImage -Path listing.jsonl) | ForEach-Object {
                '{0} {1} {2} {3:o} {4} {5} {6}' -f $_.Id, $_.Latitude, $_.Longitude, $_.CapturedAt, $_.SequenceId, $_.Creator, $_.IsPanorama
            }
            """).ThrowIfFailed();

        const string Expected = "1 55.7 13.2 2024-06-01T12:00:00.2500000+00:00 s anna True";
        Assert.Equal([Expected, Expected], outcome.Output.Select(o => $"{o}"));
    }

    [Fact]
    public void Cmdlets_take_it_as_one_of_their_own()
    {
        using var session = engine.Open("made-taken");

        var outcome = session.Run($$"""
            {{Image}}
            (Import-Clixml (New-Item image.xml -Value ([System.Management.Automation.PSSerializer]::Serialize($image)))).Longitude
            ($image | Export-MapillaryMap -Destination map.geojson).Images
            (Get-Content map.geojson -Raw | ConvertFrom-Json).features.geometry.coordinates -join ' '
            ($image | Save-MapillaryImage -ErrorAction SilentlyContinue).Status
            Get-Content ./mapillary_data/mapillary-anna-original/metadata.jsonl | ForEach-Object { ($_ | ConvertFrom-Json).geometry.coordinates -join ' ' }
            """).ThrowIfFailed();

        // Mapillary has no address of its picture.
        Assert.Equal(["13.2", "1", "13.2 55.7", "Unavailable", "13.2 55.7"], outcome.Output.Select(o => $"{o}"));
    }

    [Fact]
    public void A_saved_image_goes_on_down_the_pipeline()
    {
        using var session = engine.Open("made-saved");

        var outcome = session.Run("""
            $picture = New-Item ./collection/2024-06-01/s/1.jpg -Force -Value 'a picture'
            $saved = [Mapillary.Collections.SavedImage]@{
                Id = '1'; Status = 'Saved'; SequenceId = 's'; Path = $picture.FullName; Length = $picture.Length; CollectionPath = "$PWD/collection"
            }
            "$($saved.Status)"
            ($saved | New-SequenceTar).Entries
            """).ThrowIfFailed();

        Assert.Equal(["Saved", "1"], outcome.Output.Select(o => $"{o}"));
    }

    [Theory]
    [InlineData("[Mapillary.Graph.MapillaryImage]@{ Latitude = 1 } | Save-MapillaryImage", "no id")]
    [InlineData("[Mapillary.Graph.MapillaryImage]@{ Latitude = 1 } | Export-MapillaryMap", "no id")]
    [InlineData("[Mapillary.Collections.SavedImage]@{ Id = '1' } | New-SequenceTar", "CollectionPath")]
    public void What_it_cannot_do_without_is_missed_by_name(string line, string missing)
    {
        using var session = engine.Open("made-half");

        var outcome = session.Run(line);

        Assert.NotEmpty(outcome.Errors);
        Assert.Contains(missing, outcome.Errors[0].ToString(), StringComparison.Ordinal);
        Assert.All(outcome.Errors, e => Assert.Contains("ParameterArgumentTransformationError", e.FullyQualifiedErrorId, StringComparison.Ordinal));
    }

    /// <summary>Scripts name what comes out of a cmdlet by the subject that it is of, wherever the Core has it.</summary>
    [Fact]
    public void Types_are_found_by_the_names_of_their_subjects()
    {
        string[] names =
        [
            "Graph.MapillaryImage", "Graph.MapillarySequence", "Graph.GeoPoint", "Graph.BoundingBox", "Tiles.AreaPlan", "Imaging.ImageDiagnosis", "Imaging.RenditionState",
            "Imaging.ImageFinding", "Imaging.MetadataChange", "Imaging.PositionSource", "Collections.SavedImage", "Collections.SavedImageStatus", "Collections.Ledger",
            "Collections.SequenceTar", "Collections.TarGrouping", "Collections.CollectionLayout", "Collections.RestoredFile", "Collections.ConvertedFile",
            "Collections.CollectionCheck", "Collections.RepairResult", "Collections.CollectionFinding", "Maps.MapFile", "Maps.MapFormat", "InternetArchive.IaMetadata",
            "InternetArchive.IaMetadataFormat", "InternetArchive.IaTag", "InternetArchive.IaStatistics", "InternetArchive.IaQualityStatistics", "InternetArchive.IaCollectionInfo",
            "InternetArchive.UploadResult", "InternetArchive.PublishedFile", "InternetArchive.PublishedFileState", "Backup.DownloadPlan", "Backup.ByteEstimate", "Backup.BackupResult",
            "Backup.BackupStatus", "Backup.LossKind", "Backup.MadeOtherwise",
        ];
        using var session = engine.Open("names");

        var outcome = session.Run(string.Join('\n', names.Select(n => $"[Mapillary.{n}].Name"))).ThrowIfFailed();

        Assert.Equal(names.Select(n => n.Split('.')[1]), outcome.Output.Select(o => $"{o}"));
    }
}
