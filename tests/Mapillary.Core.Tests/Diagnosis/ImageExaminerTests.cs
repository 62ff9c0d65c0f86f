using Mapillary.Diagnosis;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Metadata;
using Mapillary.Services;

namespace Mapillary.Tests.Imaging;

public class ImageExaminerTests
{
    private static readonly ImageQuality[] All = [ImageQuality.Thumb256, ImageQuality.Thumb1024, ImageQuality.Thumb2048, ImageQuality.Original];

    private static EmulatorOptions Anna(params FaultRule[] faults) => new() { Users = [new EmulatedUser { Name = "anna", Images = 12 }], Faults = faults };

    private static async Task<ImageDiagnosis> ExamineAsync(Workplace place, string id, MapillaryImage? given = null, bool withToken = true, params ImageQuality[] wanted)
    {
        using var examiner = new ImageExaminer(place.Endpoints, withToken ? AccessToken.Parse(place.Emulator.Token) : null, place.Log);
        return await examiner.ExamineAsync(id, given, wanted.Length == 0 ? All : wanted, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_sound_image_is_fine_and_everything_is_asked_for_once()
    {
        await using var place = await Workplace.OpenAsync(Anna());
        var image = place.Emulator.World.Images[0];

        var diagnosis = await ExamineAsync(place, image.Id);

        Assert.True(diagnosis.IsFine, diagnosis.ToString());
        Assert.True(diagnosis.HasRecord);
        Assert.Equal(image.Id, diagnosis.Image!.Id);
        Assert.Equal(["256", "1024", "2048", "original"], diagnosis.Renditions.Select(r => r.Quality));
        Assert.All(diagnosis.Renditions, r => Assert.True(r is { IsWhole: true, Status: 200 }, r.ToString()));
        var original = diagnosis.Renditions[^1];
        Assert.Equal((image.Photo.Width, image.Photo.Height, image.Photo.Bytes.Length), (original.Width!.Value, original.Height!.Value, original.Length!.Value));
        Assert.InRange(diagnosis.Expires!.Value, DateTimeOffset.UtcNow.AddDays(29), DateTimeOffset.UtcNow.AddDays(30));
        Assert.Equal(1, place.Emulator.Requests.Count(r => r.Server == ServerKind.Graph));
        Assert.Equal(4, place.Fetches);
    }

    [Fact]
    public async Task An_image_that_is_not_there_is_told_in_the_services_own_words()
    {
        await using var place = await Workplace.OpenAsync(Anna());

        var diagnosis = await ExamineAsync(place, "123456789");

        Assert.False(diagnosis.IsFine);
        Assert.False(diagnosis.HasRecord);
        Assert.Contains("Object with ID '123456789' does not exist", diagnosis.RecordProblem, StringComparison.Ordinal);
        Assert.Equal(FindingSeverity.Error, Assert.Single(diagnosis.Findings).Severity);
        Assert.Contains("Check the id", diagnosis.Findings[0].Advice, StringComparison.Ordinal);
        Assert.Single(place.Emulator.Requests);
    }

    [Theory]
    [InlineData(FaultKind.NotFound404, 404, "is refused by the image server (HTTP 404)", "Unavailable")]
    [InlineData(FaultKind.Expired403, 403, "is refused by the image server (HTTP 403)", "Unavailable")]
    [InlineData(FaultKind.Html503, 503, "the image server fails (HTTP 503)", "some minutes")]
    [InlineData(FaultKind.Html200, 200, "it is an HTML page", "another quality")]
    [InlineData(FaultKind.Empty, 200, "it is empty", "another quality")]
    [InlineData(FaultKind.TruncatedWithRightLength, 200, "ends before its end marker", "another quality")]
    [InlineData(FaultKind.ConnectionReset, null, "could not be downloaded: the transfer broke off", "network")]
    public async Task What_the_image_server_answers_is_told_with_what_to_do(FaultKind kind, int? status, string text, string advice)
    {
        await using var place = await Workplace.OpenAsync(Anna(new FaultRule { Server = ServerKind.Cdn, Kind = kind, Times = int.MaxValue }));

        var diagnosis = await ExamineAsync(place, place.Emulator.World.Images[0].Id, wanted: ImageQuality.Thumb1024);

        Assert.False(diagnosis.IsFine);
        Assert.True(diagnosis.HasRecord);
        var finding = Assert.Single(diagnosis.Findings);
        Assert.Equal(FindingSeverity.Error, finding.Severity);
        Assert.Contains("'1024'", finding.Text, StringComparison.Ordinal);
        Assert.Contains(text, finding.Text, StringComparison.Ordinal);
        Assert.Contains(advice, finding.Advice, StringComparison.Ordinal);
        Assert.DoesNotContain("..", finding.ToString(), StringComparison.Ordinal);
        Assert.Equal(status, diagnosis.Renditions[1].Status);
        Assert.False(diagnosis.Renditions[1].IsWhole);
        Assert.False(diagnosis.Renditions[0].WasAsked);
        Assert.Equal(1, place.Fetches);
    }

    [Fact]
    public async Task A_transfer_that_breaks_off_is_told_with_the_status_that_began_it()
    {
        await using var server = new StubServer(_ => StubServer.Raw("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", [0xFF, 0xD8, 0xFF]));
        await using var place = await Workplace.OpenAsync(Anna());
        var given = MapillaryImage.Parse($$"""{"id":"1","thumb_1024_url":"{{server.Address}}"}""");

        var diagnosis = await ExamineAsync(place, "1", given, withToken: false, ImageQuality.Thumb1024);

        Assert.Equal((200, 5000L), (diagnosis.Renditions[1].Status, diagnosis.Renditions[1].Length));
        Assert.Contains("is not a complete picture: the transfer broke off", diagnosis.Verdict, StringComparison.Ordinal);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task A_broken_EXIF_block_is_told_and_is_no_fault()
    {
        await using var place = await Workplace.OpenAsync(Anna(new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.CorruptExif, Times = int.MaxValue }));

        var diagnosis = await ExamineAsync(place, place.Emulator.World.Images[0].Id);

        Assert.True(diagnosis.IsFine);
        Assert.Equal(4, diagnosis.Findings.Count(f => f.Text.Contains("EXIF", StringComparison.Ordinal)));
        Assert.All(diagnosis.Renditions, r => Assert.Contains("EXIF", r.Metadata));
    }

    [Fact]
    public async Task An_EXIF_segment_whose_sixth_byte_is_not_zero_counts_as_it_does_for_the_restoring()
    {
        byte[] segment = JpegFixture.App(1, [.. "Exif\0"u8, 7, .. JpegFixture.Camera(bigEndian: false)]);
        var photo = JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Jfif, segment);
        await using var server = new StubServer(_ => StubServer.Answer(200, photo));
        var given = MapillaryImage.Parse($$"""{"id":"1","thumb_original_url":"{{server.Address}}1.jpg"}""");
        using var examiner = new ImageExaminer(new ServiceEndpoints { Graph = server.Address }, token: null, SilentLog.Instance);

        var diagnosis = await examiner.ExamineAsync("1", given, [ImageQuality.Original], TestContext.Current.CancellationToken);

        Assert.Equal(["EXIF", "GPS"], diagnosis.Renditions[^1].Metadata);
        var restored = MetadataRestorer.RestoreJpeg(photo, given, RestoreOptions.Default);
        Assert.True(restored.Pieces.SelectMany(p => p.ToArray()).ToArray().AsSpan().IndexOf("Firmware 1.2.3"u8) > 0);
    }

    [Fact]
    public async Task A_picture_much_smaller_than_its_record_may_be_a_placeholder()
    {
        await using var place = await Workplace.OpenAsync(Anna());
        var image = (await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None)))[0];
        var given = image with { Width = image.Width * 10, Height = image.Height * 10 };

        var diagnosis = await ExamineAsync(place, image.Id, given, withToken: false, ImageQuality.Original);

        Assert.False(diagnosis.IsFine);
        Assert.StartsWith($"Rendition 'original' may be a placeholder: the picture has {image.Width} x {image.Height} pixels", Assert.Single(diagnosis.Findings, f => f.Severity == FindingSeverity.Warning).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Oddity.MissingCapturedAt, "captured_at", "no capture time")]
    [InlineData(Oddity.EpochZero, null, "1970-01-01 00:00:00 UTC, cannot be right")]
    [InlineData(Oddity.FutureCapture, null, "2099")]
    public async Task What_the_record_lacks_or_has_wrong_is_a_warning(Oddity oddity, string? field, string text)
    {
        await using var place = await Workplace.OpenAsync(Anna() with { Oddities = new Dictionary<Oddity, double> { [oddity] = 1 } });

        var diagnosis = await ExamineAsync(place, place.Emulator.World.Images[0].Id);

        var warning = Assert.Single(diagnosis.Findings, f => f.Severity == FindingSeverity.Warning);
        Assert.Contains(text, warning.Text, StringComparison.Ordinal);
        Assert.False(diagnosis.IsFine);
        if (field is not null) Assert.Contains(field, diagnosis.MissingFields);
    }

    [Fact]
    public async Task A_rendition_that_is_not_offered_is_told_with_the_largest_that_is()
    {
        await using var place = await Workplace.OpenAsync(Anna() with { Oddities = new Dictionary<Oddity, double> { [Oddity.MissingOriginalUrl] = 1, [Oddity.NotComputed] = 1 } });

        var diagnosis = await ExamineAsync(place, place.Emulator.World.Images[0].Id);

        Assert.Contains("no rendition 'original'", diagnosis.Verdict, StringComparison.Ordinal);
        Assert.Contains("'2048'", diagnosis.Findings[0].Advice, StringComparison.Ordinal);
        Assert.Equal(["computed_geometry", "computed_compass_angle"], diagnosis.MissingFields.Where(f => f.StartsWith("computed", StringComparison.Ordinal)));
        Assert.Contains(diagnosis.Findings, f => f.Severity == FindingSeverity.Information && f.Text.Contains("computed_geometry", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_a_token_a_record_at_hand_is_looked_at_and_an_expired_address_is_known_as_such()
    {
        await using var place = await Workplace.OpenAsync(Anna() with { ListedUrlLifetime = TimeSpan.FromDays(-3) });
        var given = (await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None)))[0];
        var asked = place.Emulator.Requests.Count(r => r.Server == ServerKind.Graph);

        var without = await ExamineAsync(place, given.Id, given, withToken: false, ImageQuality.Original);
        Assert.Null(without.HasRecord);
        Assert.Contains("has expired (HTTP 403)", without.Verdict, StringComparison.Ordinal);
        Assert.True(without.Expires < DateTimeOffset.UtcNow);
        Assert.Equal(asked, place.Emulator.Requests.Count(r => r.Server == ServerKind.Graph));

        var with = await ExamineAsync(place, given.Id, given, withToken: true, ImageQuality.Original);
        Assert.True(with.IsFine, with.ToString());
        Assert.Contains(with.Findings, f => f.Text.Contains("have expired", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(FaultKind.Transient500)]
    [InlineData(FaultKind.Html503)]
    [InlineData(FaultKind.CutJson)]
    public async Task Where_it_cannot_be_told_it_is_asked_once_and_said_so(FaultKind kind)
    {
        await using var place = await Workplace.OpenAsync(Anna(new FaultRule { Server = ServerKind.Graph, Kind = kind, Times = int.MaxValue }));

        var diagnosis = await ExamineAsync(place, place.Emulator.World.Images[0].Id);

        Assert.Null(diagnosis.HasRecord);
        Assert.False(diagnosis.IsFine);
        Assert.Contains("not known whether", diagnosis.Verdict, StringComparison.Ordinal);
        Assert.Single(place.Emulator.Requests);
    }

    [Theory]
    [InlineData(FaultKind.RateLimited403, GraphFault.RateLimited)]
    [InlineData(FaultKind.RateLimited429, GraphFault.RateLimited)]
    [InlineData(FaultKind.BlockedRedirect302, GraphFault.Blocked)]
    [InlineData(FaultKind.BlockedHtml200, GraphFault.Blocked)]
    public async Task What_concerns_all_images_ends_the_work_at_once(FaultKind kind, GraphFault fault)
    {
        await using var place = await Workplace.OpenAsync(Anna(new FaultRule { Server = ServerKind.Graph, Kind = kind, Times = int.MaxValue, RetryAfterSeconds = 3600 }));
        using var examiner = new ImageExaminer(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log);

        foreach (var image in place.Emulator.World.Images.Take(3))
        {
            var error = await Assert.ThrowsAsync<GraphException>(() => examiner.ExamineAsync(image.Id, null, All, TestContext.Current.CancellationToken));
            Assert.Equal(fault, error.Fault);
        }

        Assert.Single(place.Emulator.Requests);
    }

    [Fact]
    public async Task No_address_but_of_Mapillarys_image_servers_is_asked()
    {
        await using var place = await Workplace.OpenAsync(Anna());
        var given = MapillaryImage.Parse("""{"id":"1","thumb_1024_url":"https://evil.example/x","thumb_256_url":"not an address"}""");

        var diagnosis = await ExamineAsync(place, "1", given, withToken: false, ImageQuality.Thumb256, ImageQuality.Thumb1024);

        Assert.Contains("evil.example, which is none of Mapillary's", diagnosis.Renditions[1].Fault, StringComparison.Ordinal);
        Assert.Contains("malformed", diagnosis.Renditions[0].Fault, StringComparison.Ordinal);
    }
}
