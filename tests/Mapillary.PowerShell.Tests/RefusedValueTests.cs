using Mapillary.Emulator;

namespace Mapillary.PowerShell.Tests;

/// <summary>A value that cannot be meant is refused before anything is asked or written: the error names it and says what is expected.</summary>
[Collection("Alone")]
public class RefusedValueTests(Engine engine, RefusedValueTests.SharedSession shared) : IClassFixture<RefusedValueTests.SharedSession>
{
    private const string NotTransformed = "ParameterArgumentTransformationError";
    private const string NotValid = "ParameterArgumentValidationError";

    [Theory]
    [InlineData("Get-MapillaryImage -User anna -BoundingBox 1,2,3", NotTransformed, "'1,2,3'", "west,south,east,north")]
    [InlineData("Get-MapillaryImage -User anna -BoundingBox 5,2,3,9", NotTransformed, "'5,2,3,9'", "west,south,east,north")]
    [InlineData("Get-MapillaryImage -User anna -BoundingBox 'a,b,c,d'", NotTransformed, "'a,b,c,d'", "west,south,east,north")]
    [InlineData("Get-MapillaryImage -Near 55.7 -Radius 300", NotTransformed, "'55.7'", "latitude,longitude")]
    [InlineData("Get-MapillaryImage -Near 95,13 -Radius 300", NotTransformed, "latitude 95", "latitude,longitude")]
    [InlineData("Get-MapillarySequence -Near 55.7,13 -Radius 0", NotValid, "0", "1")]
    [InlineData("Get-MapillaryImage -Near 55.7,13 -Radius 200000", NotValid, "200000", "100000")]
    [InlineData("Get-MapillaryImage -Near 55.7,13 -Radius 20 -OrganizationId meta", NotValid, "'meta'", "number")]
    [InlineData("Get-MapillaryImage -Area nowhere.geojson", "PathNotFound", "nowhere.geojson", "no file")]
    [InlineData("Get-MapillarySequence -Area (Join-Path (Get-Module Mapillary).ModuleBase global.json)", "InvalidData", "global.json", "Polygon")]
    [InlineData("Get-MapillaryImage -BoundingBox 5,45,15,55", "InvalidValue", "5,45,15,55", "50,000")]
    [InlineData("Measure-MapillaryDownload -BoundingBox 5,45,15,55", "InvalidValue", "5,45,15,55", "50,000")]
    [InlineData("Measure-MapillaryDownload -BoundingBox 1,2,1.1,2.1 -Webp", "ParameterConflict", "-Webp", "not known")]
    [InlineData("Measure-MapillaryDownload -Near 55.7,13 -Radius 20 -After 2024-06-01", "ParameterConflict", "-After", "not known")]
    [InlineData("Get-MapillaryImage -User anna -BoundingBox 1,2,3,4 -Sample", "ParameterConflict", "-Sample", "-User")]
    [InlineData("Get-MapillaryImage -Near 55.7,13 -Radius 20 -MaxPages 2", "ParameterConflict", "-MaxPages", "-User")]
    [InlineData("Get-MapillaryImage -User anna -After yesterdayish", NotTransformed, "'yesterdayish'", "2024-06-01")]
    [InlineData("$images | Save-MapillaryImage -TimeZone Mars/Olympus", NotTransformed, "'Mars/Olympus'", "Europe/Berlin")]
    [InlineData("$images | Save-MapillaryImage -Quality 512", NotValid, "512", "1024")]
    [InlineData("$eight = 8; $images | Save-MapillaryImage -MaximumDuration $eight", NotValid, "00:00:00", "08:00:00")]
    [InlineData("Get-MapillaryImage -User ' '", NotValid, "blank", "name")]
    [InlineData("Get-MapillarySequence -User ' '", NotValid, "blank", "name")]
    [InlineData("Measure-MapillaryDownload -User ' '", NotValid, "blank", "name")]
    [InlineData("Test-IaCollection -User ' '", NotValid, "blank", "name")]
    [InlineData("Backup-MapillaryUser -User ''", "NothingNamed", "-User", "nothing")]
    [InlineData("Backup-MapillaryUser '', '# nobody yet'", "NothingNamed", "-User", "comments")]
    [InlineData("Get-MapillaryImage -SequenceId '# none yet'", "NothingNamed", "-SequenceId", "comments")]
    [InlineData("Get-MapillaryImage -Id ''", "NothingNamed", "-Id", "nothing")]
    [InlineData("Get-MapillaryImage -SequenceId '', ' '", "NothingNamed", "-SequenceId", "nothing")]
    [InlineData("Get-MapillarySequence -SequenceId ''", "NothingNamed", "-SequenceId", "nothing")]
    [InlineData("Test-MapillaryImage -Id ''", "NothingNamed", "-Id", "nothing")]
    [InlineData("$images | Save-MapillaryImage -Webp -JpegQuality 80", "ParameterConflict", "-Webp", "-JpegQuality")]
    [InlineData("$images | Save-MapillaryImage -WebpQuality 80", "ParameterConflict", "-WebpQuality", "-Webp.")]
    [InlineData("$images | Save-MapillaryImage -Webp:$false -WebpQuality 80", "ParameterConflict", "-WebpQuality", "-Webp.")]
    [InlineData("Backup-MapillaryUser anna -WebpQuality 80", "ParameterConflict", "-WebpQuality", "-Webp.")]
    [InlineData("$images | Save-MapillaryImage -NoExif -Geometry Original", "ParameterConflict", "-Geometry", "-NoExif")]
    [InlineData("$images | Save-MapillaryImage -NoExif -TimeZone Europe/Berlin", "ParameterConflict", "-TimeZone", "-NoExif")]
    [InlineData("Backup-MapillaryUser anna -NoTar -GroupBy Sequence", "ParameterConflict", "-GroupBy", "-NoTar")]
    [InlineData("Measure-MapillaryDownload -User anna -NoTar -GroupBy Sequence", "ParameterConflict", "-GroupBy", "-NoTar")]
    [InlineData("Get-MapillaryImage -User anna -MaxPages 2 -ListingParallelism 4", "ParameterConflict", "-ListingParallelism", "-MaxPages")]
    [InlineData("$images | Export-MapillaryMap -Force -NoClobber", "ParameterConflict", "-Force", "-NoClobber")]
    [InlineData("Backup-MapillaryUser anna -IncludeArchived -SkipArchived", "ParameterConflict", "-SkipArchived", "-IncludeArchived")]
    [InlineData("Get-MapillaryImage -User anna -After 2024-06-02 -Before 2024-06-01", "ParameterConflict", "2024-06-02", "-Before (2024-06-01")]
    [InlineData("Get-MapillarySequence -User anna -After 2024-06-02 -Before 2024-06-01", "ParameterConflict", "2024-06-02", "-Before (2024-06-01")]
    [InlineData("Measure-MapillaryDownload -User anna -After 2024-06-02 -Before 2024-06-01", "ParameterConflict", "2024-06-02", "-Before (2024-06-01")]
    [InlineData("Get-MapillaryImage -User anna -After 5.3.2023", NotTransformed, "'5.3.2023'", "2024-06-01")]
    [InlineData("Get-MapillaryImage -User anna -Before 3/5/2023", NotTransformed, "'3/5/2023'", "2024-06-01")]
    [InlineData("Measure-MapillaryDownload -User anna -After 3/5/2023", NotTransformed, "'3/5/2023'", "2024-06-01")]
    [InlineData("Get-MapillaryImage -User anna -CameraType persective", NotValid, "'persective'", "Did you mean perspective?")]
    [InlineData("Get-MapillarySequence -User anna -CameraType fisheye, 360", NotValid, "'360'", "equirectangular")]
    [InlineData("Measure-MapillaryDownload -User anna -CameraType sperical", NotValid, "'sperical'", "Did you mean spherical?")]
    [InlineData("Get-MapillaryImage -User anna -Token '\"MLY|1|2\"'", "InvalidValue", "quotes", "Take them off")]
    [InlineData("'anna' | Get-MapillaryImage", "NotAnImageId", "'anna'", "-User anna")]
    [InlineData("Get-MapillaryImage -Id anna", "NotAnImageId", "'anna'", "-User anna")]
    [InlineData("Get-MapillaryImage -Id '@anna'", "NotAnImageId", "'@anna'", "-User anna")]
    [InlineData("Get-MapillaryImage -Id https://www.mapillary.com/app/user/anna", "NotAnImageId", "app/user/anna'", "-User anna")]
    [InlineData("'3NpXMDuHm9IZQ1vBW6q4T0' | Get-MapillaryImage", "NotAnImageId", "'3NpXMDuHm9IZQ1vBW6q4T0'", "-SequenceId '3NpXMDuHm9IZQ1vBW6q4T0'")]
    [InlineData("Get-MapillaryImage -Id 'https://example.com/app/?pKey=1'", "NotAnImageId", "'example.com/app/'", "www.mapillary.com")]
    [InlineData("Test-MapillaryImage -Id anna", "NotAnImageId", "'anna'", "-User anna")]
    [InlineData("Test-MapillaryImage -Id '3NpXMDuHm9IZQ1vBW6q4T0'", "NotAnImageId", "'3NpXMDuHm9IZQ1vBW6q4T0'", "-SequenceId")]
    [InlineData("Get-MapillaryImage -SequenceId 1933525276802129", "NotASequenceId", "'1933525276802129'", "-Id '1933525276802129'")]
    [InlineData("Get-MapillarySequence -SequenceId '@anna'", "NotASequenceId", "'@anna'", "-User anna")]
    [InlineData("Get-MapillaryImage -User 'https://www.mapillary.com/app/?pKey=1933525276802129'", "NotAUser", "www.mapillary.com/app/", "-Id '1933525276802129'")]
    [InlineData("Get-MapillarySequence -User 'https://example.com/app/user/anna'", "NotAUser", "'example.com/app/user/anna'", "www.mapillary.com")]
    [InlineData("Measure-MapillaryDownload -User 'https://www.mapillary.com/app/?pKey=1'", "NotAUser", "www.mapillary.com/app/", "-Id '1'")]
    [InlineData("Backup-MapillaryUser -User 'https://www.mapillary.com/app/?pKey=1'", "NotAUser", "www.mapillary.com/app/", "-Id '1'")]
    [InlineData("Test-IaCollection -User 'https://www.mapillary.com/app/?pKey=1'", "NotAUser", "www.mapillary.com/app/", "-Id '1'")]
    [InlineData("Backup-MapillaryUser -User 'MLY|1|2'", "NotAUser", "token", "-Token")]
    [InlineData("'1933525276802129' | Save-MapillaryImage", NotTransformed, "'1933525276802129'", "Get-MapillaryImage -Id 1933525276802129 | Save-MapillaryImage")]
    [InlineData("1933525276802129 | Save-MapillaryImage", NotTransformed, "'1933525276802129'", "Get-MapillaryImage -Id 1933525276802129 | Save-MapillaryImage")]
    [InlineData("Save-MapillaryImage -InputObject anna", NotTransformed, "'anna'", "Get-MapillaryImage -User anna | Save-MapillaryImage")]
    [InlineData("Backup-MapillaryUser anna -BoundingBox 1,2,3,4 -AllAreas", "ParameterConflict", "-BoundingBox", "-AllAreas")]
    public void A_value_that_cannot_be_meant_is_refused_by_name(string line, string errorId, string value, string expected)
    {
        var asked = engine.Emulator.Requests.Count;

        var outcome = shared.Session.Run($"$ErrorActionPreference = 'Stop'; {line}");

        var error = Assert.Single(outcome.Errors);
        Assert.StartsWith($"{errorId},", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Contains(value, error.ToString(), StringComparison.Ordinal);
        Assert.Contains(expected, error.ToString(), StringComparison.Ordinal);
        Assert.Empty(outcome.Output);
        Assert.Equal(asked, engine.Emulator.Requests.Count);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(engine.Folder, "refused")));
    }

    [Fact]
    public void What_a_list_names_wrongly_fails_by_name_and_the_rest_goes_on()
    {
        using var session = engine.Open("lists");

        var outcome = session.Run("""
            $some = @(Get-MapillaryImage -User anna -MaxPages 1 | Select-Object -First 2)
            @($some[0].Id, 'anna', '# mine', '', $some[1].Id | Get-MapillaryImage).Count
            @(Get-MapillaryImage -Id $some[0].Id, 'anna', $some[1].Id).Count
            @(Test-MapillaryImage -Quality 256 -Id 'anna', $some[0].Id).Count
            @(Get-MapillarySequence -SequenceId $some[0].Id, $some[0].SequenceId).Count
            @(Get-MapillaryImage -User '@ben', "https://www.mapillary.com/app/?pKey=$($some[0].Id)").Count
            """);

        Assert.Equal([2, 2, 1, 1, 6], outcome.Output.Select(o => o.BaseObject));
        Assert.Equal(["NotAnImageId", "NotAnImageId", "NotAnImageId", "NotASequenceId", "NotAUser"], outcome.Errors.Select(e => e.FullyQualifiedErrorId.Split(',')[0]));
        Assert.Equal(["anna", "anna", "anna"], outcome.Errors.Take(3).Select(e => e.TargetObject));
    }

    [Theory]
    [InlineData("Get-MapillaryImage nobody", "User 'nobody' has no images", "there is no such user")]
    [InlineData("Get-MapillaryImage anna -After 2031-02-03", "user 'anna'", "captured at 2031-02-03 00:00:00 UTC or later")]
    [InlineData("Get-MapillarySequence anna -Before 2001-01-01T12:00:00+02:00", "user 'anna'", "captured at 2001-01-01 10:00:00 UTC or earlier")]
    [InlineData("$null = Measure-MapillaryDownload anna -BoundingBox 100,10,100.01,10.01", "user 'anna'", "in the area 100,10,100.01,10.01")]
    [InlineData("$null = Backup-MapillaryUser anna -BoundingBox 100,10,100.01,10.01", "user 'anna'", "in the area 100,10,100.01,10.01")]
    [InlineData("Get-MapillaryImage anna -CameraType perspective, fisheye -Before 2001-01-01", "user 'anna'", "camera type perspective or fisheye")]
    [InlineData("Get-MapillaryImage KN_D2XB5bCCMTjCcmU6Qqq", "KN_D2XB5bCCMTjCcmU6Qqq", "looks like a sequence id")]
    [InlineData("Get-MapillarySequence 1933525276802129", "1933525276802129", "looks like an image id")]
    [InlineData("Get-MapillaryImage -SequenceId KN_D2XB5bCCMTjCcmU6Qqq", "KN_D2XB5bCCMTjCcmU6Qqq", "no such sequence")]
    [InlineData("Get-MapillaryImage -BoundingBox 100,10,100.01,10.01 -After 2024-01-01", "in the area 100,10,100.01,10.01", "captured at 2024-01-01 00:00:00 UTC or later")]
    [InlineData("Get-MapillaryImage -Near 10,100 -Radius 30", "30 m around 10,100", "has no image")]
    [InlineData("Get-MapillarySequence -Near 10,100 -Radius 30 -OrganizationId 12", "30 m around 10,100", "of organization 12")]
    [InlineData("Get-MapillaryImage -BoundingBox 100,10,100.01,10.01 -Sample", "in the area 100,10,100.01,10.01", "sample")]
    [InlineData("Get-MapillaryImage -Path listing.jsonl -After 2031-02-03", "listing.jsonl'", "captured at 2031-02-03")]
    [InlineData("Get-MapillarySequence -Path listing.jsonl -Shard 1/2 -After 2031-02-03", "listing.jsonl'", "in shard 1/2")]
    public void Where_no_image_comes_a_warning_names_what_was_asked_for_and_each_condition(string line, string asked, string condition)
    {
        using var session = engine.Open("none");

        var outcome = session.Run($"(Get-MapillaryImage anna | Select-Object -First 3).Json | Set-Content listing.jsonl; {line}").ThrowIfFailed();

        Assert.Empty(outcome.Output);
        var warning = Assert.Single(outcome.Warnings);
        Assert.Contains(asked, warning, StringComparison.Ordinal);
        Assert.Contains(condition, warning, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", true, null)]
    [InlineData("-IncludeArchived", false, null)]
    [InlineData("-SkipArchived:$false", false, "Write -IncludeArchived instead")]
    [InlineData("-SkipArchived", true, "Leave it out")]
    public void The_earlier_name_of_a_parameter_does_what_it_did_and_says_what_to_write(string typed, bool isAsked, string? said)
    {
        using var session = engine.Open("earlier");
        var before = AskedOfArchive();

        var outcome = session.Run($"Backup-MapillaryUser anna -WhatIf {typed}").ThrowIfFailed();

        Assert.Equal(isAsked, AskedOfArchive() > before);
        Assert.Equal(said is null ? 0 : 1, outcome.Warnings.Count);
        Assert.All(outcome.Warnings, w => Assert.Contains(said!, w, StringComparison.Ordinal));

        int AskedOfArchive() => engine.Emulator.Requests.Count(r => r.Server == ServerKind.Archive);
    }

    [Fact]
    public void What_is_no_collection_is_not_bundled_and_the_collections_in_it_are_named()
    {
        using var session = engine.Open("bundle");
        session.Run("$null = Get-MapillaryImage -User ben | Save-MapillaryImage -Destination above -Quality 256; $null = New-Item -ItemType Directory mine/s1; Set-Content mine/s1/1.jpg 1").ThrowIfFailed();

        var outcome = session.Run("New-SequenceTar above, mine, above/mapillary-ben-256");

        Assert.Equal(["CollectionMismatch", "CollectionMismatch"], outcome.Errors.Select(e => e.FullyQualifiedErrorId.Split(',')[0]));
        Assert.Contains("mapillary-ben-256'", outcome.Errors[0].ToString(), StringComparison.Ordinal);
        Assert.Contains("mine' is no collection", outcome.Errors[1].ToString(), StringComparison.Ordinal);
        Assert.Single(outcome.Output);
        Assert.True(File.Exists(Path.Combine(engine.Folder, "bundle", "mine", "s1", "1.jpg")));
    }

    [Fact]
    public void A_file_that_is_there_is_told_by_the_error_id_that_the_table_promises()
    {
        using var session = engine.Open("there");
        session.Run("$saved = @(Get-MapillaryImage -User ben | Select-Object -First 1 | Save-MapillaryImage -Quality 256); $map = @(Get-MapillaryImage -User ben | Export-MapillaryMap -Destination map.html)").ThrowIfFailed();

        var outcome = session.Run("""
            $null = ConvertTo-Webp $saved[0].Path -KeepOriginal
            ConvertTo-Webp $saved[0].Path -KeepOriginal
            Get-MapillaryImage -User ben | Export-MapillaryMap -Destination map.html -NoClobber
            """);

        Assert.Equal(["FileExists", "FileExists"], outcome.Errors.Select(e => e.FullyQualifiedErrorId.Split(',')[0]));
        Assert.Contains("-Force", outcome.Errors[0].ErrorDetails.RecommendedAction, StringComparison.Ordinal);
        Assert.Empty(outcome.Output);
    }

    /// <summary>A session with images.</summary>
    public sealed class SharedSession : IDisposable
    {
        public SharedSession(Engine engine)
        {
            Session = engine.Open("refused");
            Session.Run("$images = @(Get-MapillaryImage -User anna -MaxPages 1)").ThrowIfFailed();
        }

        public Session Session { get; }

        public void Dispose() => Session.Dispose();
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
