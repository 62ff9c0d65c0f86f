using System.Management.Automation;

namespace Mapillary.PowerShell.Tests;

/// <summary>
/// What cmdlets emit can be taken apart by whatever comes next: lists are indexed, JSON has names, tables have texts that are the same in
/// every culture. The objects are those that all cmdlets emit here, and what is in them.
/// </summary>
public class EmittedObjectTests(EmittedObjectTests.SampleSession samples) : IClassFixture<EmittedObjectTests.SampleSession>
{
    [Fact]
    public void There_is_an_object_of_every_type_that_a_cmdlet_emits()
    {
        var declared = samples.Session.Run("(Get-Command -Module Mapillary).OutputType.Type.FullName | Where-Object { $_ -like 'Mapillary.*' } | Sort-Object -Unique")
            .ThrowIfFailed().Output.Select(o => (string)o.BaseObject);

        Assert.Empty(declared.Except(samples.Emitted.Select(o => o.BaseObject.GetType().FullName!)));
    }

    [Fact]
    public void Every_list_is_indexed_and_no_value_is_of_an_enumeration()
    {
        var outcome = samples.Session.Run("""
            function Test-Value($object, $name) {
                foreach ($property in $object.PSObject.Properties) {
                    $value = $property.Value
                    $place = "$name.$($property.Name)"
                    if ($value -is [enum]) { "$place is a number in JSON: $($value.GetType())" }
                    elseif ($value -is [System.Collections.IEnumerable] -and $value -isnot [string]) {
                        $number = 0
                        foreach ($item in $value) {
                            if (-not [object]::Equals($value[$number], $item)) { "$place[$number] is not found" }
                            if ($item -is [enum]) { "$place[$number] is a number in JSON" }
                            if ($item.GetType().FullName -like 'Mapillary.*') { Test-Value $item "$place[$number]" }
                            $number++
                        }

                        if ($number -ne $value.Count) { "$place.Count is $($value.Count)" }
                        '{0}: {1}' -f $place, $number
                    }
                    elseif ($null -ne $value -and $value.GetType().FullName -like 'Mapillary.*') { Test-Value $value $place }
                }
            }

            foreach ($object in $emitted) { Test-Value $object $object.GetType().Name }
            """).ThrowIfFailed();
        var said = outcome.Output.Select(o => (string)o.BaseObject).ToList();

        Assert.All(said, line => Assert.Matches(@"^[\w.[\]]+: \d+$", line));
        // Lists with something in them are what was looked at.
        foreach (var list in new[] { "BackupResult.Tars", "UploadResult.Files", "UploadResult.Url", "IaMetadata.Tags", "ImageDiagnosis.Findings", "MapillaryImage.Renditions", "CollectionCheck.Missing", "RepairResult.Faults" })
            Assert.Contains(said, line => line.StartsWith(list + ":", StringComparison.Ordinal) && !line.EndsWith(": 0", StringComparison.Ordinal));
    }

    [Fact]
    public void Json_has_names_for_statuses_and_arrays_for_lists()
    {
        var outcome = samples.Session.Run("""
            $json = $backup | ConvertTo-Json | ConvertFrom-Json
            $json.Status
            $json.Tars[0].Path -eq $backup.Tars[0].Path -and (Test-Path $json.Tars[0].Path)
            ([Mapillary.Saving.LossKind]::new('Failed', 'refused', 2, '1') | ConvertTo-Json | ConvertFrom-Json).Status
            ($saved | ConvertTo-Json | ConvertFrom-Json).Status | Sort-Object -Unique
            ($upload | ConvertTo-Json | ConvertFrom-Json).Files.State | Sort-Object -Unique
            (Test-MapillaryImage -Id 1 | ConvertTo-Json | ConvertFrom-Json).Findings[0].Severity
            """).ThrowIfFailed();

        Assert.Equal(["Complete", true, "Failed", "Saved", "Unavailable", "Verified", "Error"], outcome.Output.Select(o => o.BaseObject));
    }

    /// <summary>Not even where the session's culture has a decimal comma and dates of its own.</summary>
    [Fact]
    public void A_table_has_no_type_names_no_local_dates_and_no_decimal_commas()
    {
        var rows = samples.Run("$emitted | ForEach-Object { $_ | ConvertTo-Csv | ConvertFrom-Csv }", "de-DE");

        Assert.All(rows, row => Assert.All(row.Properties.Where(p => p.Name is not "Json"), cell =>
        {
            var text = (string?)cell.Value ?? "";
            Assert.DoesNotMatch(@"^(System|Mapillary)\.|<>|\{ \w+ = ", text);
            Assert.DoesNotMatch(@"^-?\d+,\d+$|^\d\d\.\d\d\.\d{4}", text);
        }));
        var backup = rows.First(r => r.Properties["Tars"] is not null);
        Assert.Equal(samples.Run("$backup.Tars.Path -join '; '").Single().BaseObject, backup.Properties["Tars"].Value);
        Assert.Equal("Complete", backup.Properties["Status"].Value);
    }

    [Theory]
    [InlineData("de-DE")]
    [InlineData("fa-IR")]
    public void The_flat_columns_of_images_are_the_same_in_every_culture_and_in_the_table_of_a_map(string culture)
    {
        var table = samples.Run("$images | Sort-Object { $_.SequenceId }, CapturedAt, Id | Select-Object Flat | ConvertTo-Csv -UseQuotes AsNeeded", culture).Select(l => (string)l.BaseObject).ToList();
        var map = File.ReadAllLines((string)samples.Run("($images | Export-MapillaryMap -Destination ./images.csv).Path", culture).Single().BaseObject);

        Assert.Equal("Id,SequenceId,CapturedAt,Latitude,Longitude,Altitude,Direction,CameraType,IsPanorama,Make,Model,Creator,Url", table[0]);
        Assert.Equal(table[0], map[0]);
        Assert.Equal(25, table.Count);
        Assert.Equal(table.Count, map.Length);
        var rows = map.ToDictionary(l => l.Split(',')[0], l => l.Split(','), StringComparer.Ordinal);
        Assert.All(table.Skip(1).Select(l => l.Split(',')), cells =>
        {
            Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", cells[2]);
            Assert.Matches(@"^-?\d+\.\d+$", cells[3]);
            var row = rows[cells[0]];
            Assert.Equal([cells[1], cells[2]], row[1..3]);
            Assert.Equal(cells[7..], row[7..]);
            // The map's numbers are rounded to a centimetre and a millimetre.
            for (var i = 3; i < 7; i++) Assert.Equal(Number(cells[i]), Number(row[i]), 0.0006);
        });
        Assert.Equal(24, samples.Run("@($images | Select-Object Flat | Where-Object Latitude -GT -90 | Where-Object { $_.Latitude -is [double] -and $_.CapturedAt -is [DateTimeOffset] }).Count", culture).Single().BaseObject);
    }

    [Fact]
    public void A_time_is_shown_alike_by_a_view_and_by_a_column_that_is_asked_for()
    {
        var shown = samples.Run("""
            ($images[0] | Format-Table CapturedAt | Out-String) -split '\r?\n' -match '^\d'
            ($images[0] | Out-String) -split '\r?\n' -match '^\d' -replace '^\S+ +(\S+).*', '$1'
            ($images[0] | Format-List CapturedAt | Out-String).Trim() -replace '^CapturedAt : '
            ($saved | Where-Object Id -EQ $images[0].Id | Select-Object CapturedAt | Out-String) -split '\r?\n' -match '^\d'
            $images[0].CapturedAt.ToString('yyyy-MM-ddTHH:mm:ss.fffZ', [cultureinfo]::InvariantCulture)
            """, "de-DE").Select(o => ((string)o.BaseObject).Trim()).ToList();

        Assert.Equal(5, shown.Count);
        Assert.Single(shown.Distinct());
    }

    [Fact]
    public void Values_stay_numbers_and_times_after_a_journey_through_XML_too()
    {
        var outcome = samples.Run("""
            $images | Export-Clixml ./images.xml
            foreach ($list in $images, (Import-Clixml ./images.xml)) {
                $list[0].CapturedAt.GetType().Name
                $list[0].CapturedAt -ge '2000-01-01Z'
                $list[0].Latitude + 0.5 -gt $list[0].Latitude
                @($list | Where-Object CapturedAt -GT $images[0].CapturedAt).Count -eq @($images | Where-Object CapturedAt -GT $images[0].CapturedAt).Count
                -not (Compare-Object ($list | Select-Object Flat | ConvertTo-Csv) ($images | Select-Object Flat | ConvertTo-Csv))
            }
            """, "de-DE");

        Assert.Equal(["DateTimeOffset", true, true, true, true, "DateTimeOffset", true, true, true, true], outcome.Select(o => o.BaseObject));
    }

    [Fact]
    public void Properties_of_an_object_that_someone_makes_are_set_by_their_names()
    {
        var made = samples.Run("""
            $made = [Mapillary.Collections.SavedImage]@{ Id = '1'; Status = 'unavailable'; CollectionPath = '/x'; CapturedAt = '2024-06-01T10:00:00Z' }
            $made.Status; $made.CapturedAt.ToString('HH')
            try { [Mapillary.Collections.SavedImage]@{ Id = '1'; Status = 'Lost'; CollectionPath = '/x' } } catch { "$_" }
            """).Select(o => (string)o.BaseObject).ToList();

        Assert.Equal(["Unavailable", "10"], made[..2]);
        Assert.Contains("none of Saved, Present, Unavailable, Failed", made[2], StringComparison.Ordinal);
    }

    [Fact]
    public void Of_an_image_in_a_tar_the_table_names_the_tar_and_errors_say_that_there_is_no_file()
    {
        var outcome = samples.Session.Run("""
            $again = $images[0] | Save-MapillaryImage -Destination ./tarred
            $null -eq $again.Path
            $again.TarPath -eq $tarred.Path
            ($again | Out-String -Width 120) -split '\r?\n' -match '^Present'
            $again | ConvertTo-Webp
            $unavailable | ConvertTo-Webp
            $again | Copy-Item -Destination .
            """);

        Assert.Equal([true, true], outcome.Output.Take(2).Select(o => o.BaseObject));
        Assert.Matches(@"^Present +\d+ +\d+\.\d KiB _x002d_0nzumrVA…", outcome.Output[2].ToString());
        Assert.Equal(3, outcome.Errors.Count);
        Assert.Matches(@"^There is no file or folder '.*\.tar/\d+ \(in this tar\)'", outcome.Errors[0].ToString());
        Assert.Matches(@"^There is no file or folder '.*/1 \(Unavailable\)'", outcome.Errors[1].ToString());
        // PowerShell's own words; the table has an empty Path, and the tar beside it.
        Assert.Equal("Cannot bind argument to parameter 'Path' because it is null.", outcome.Errors[2].ToString());
    }

    private static double Number(string cell) => cell.Length == 0 ? double.NaN : double.Parse(cell, System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>A session with what all cmdlets emit.</summary>
    public sealed class SampleSession : IDisposable
    {
        public SampleSession(Engine engine)
        {
            Session = engine.Open("emitted");
            Session.Run($$$"""
                $env:IA_ACCESS_KEY, $env:IA_SECRET_KEY = '{{{engine.Emulator.S3AccessKey}}}', '{{{engine.Emulator.S3SecretKey}}}'
                $images = @(Get-MapillaryImage -User anna)
                Set-Content gone.jsonl '{"id":"1","captured_at":1709544607120,"creator":{"username":"anna","id":"1"}}'
                $gone = Get-MapillaryImage -Path gone.jsonl
                $unavailable = $gone | Save-MapillaryImage -Destination ./gone -ErrorAction Ignore
                $saved = @($images[0..3] | Save-MapillaryImage -Quality 256 -NoExif) + $unavailable
                $restored = @($saved | Where-Object Path | Get-Item | Set-MapillaryExif -PassThru)
                $converted = @(Get-Item $saved[0].Path | ConvertTo-Webp)
                $tarred = $images[0] | Save-MapillaryImage -Destination ./tarred | New-SequenceTar
                $backup = Backup-MapillaryUser ben -Destination ./archive -IncludeArchived
                Remove-Item $saved[1].Path
                $check = Test-MapillaryCollection ./mapillary_data/mapillary-anna-256
                Remove-Item ./tarred/mapillary-anna-original/manifest.jsonl
                $repaired = Repair-MapillaryCollection ./tarred/mapillary-anna-original -WarningAction Ignore
                $upload = Publish-IaCollection $backup.CollectionPath
                $emitted = @(
                    $images[0]; Get-MapillarySequence -User ben; $saved; $restored; $converted; $tarred; $backup; $check; $repaired; $upload
                    Export-MapillaryMap $backup.CollectionPath; Export-IaMetadata $backup.CollectionPath
                    Get-IaStats -Refresh; Get-IaStats -Detailed; Measure-MapillaryDownload -User anna; Measure-MapillaryDownload -Near 55.7,13.19 -Radius 300; Test-MapillaryImage -Id 1, $images[0].Id
                )
                """).ThrowIfFailed();
            Emitted = Run("$emitted");
        }

        public Session Session { get; }

        public IReadOnlyList<PSObject> Emitted { get; }

        /// <summary>Runs a script that nothing may go wrong in, in a culture.</summary>
        public IReadOnlyList<PSObject> Run(string script, string culture = "en-US") =>
            Session.Run($"[cultureinfo]::CurrentCulture = '{culture}'; {script}").ThrowIfFailed().Output;

        public void Dispose() => Session.Dispose();
    }
}
