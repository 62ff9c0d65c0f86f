using System.Text.Json;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Metadata;

namespace Mapillary.Tests.Graph;

public class ImageFieldsTests
{
    // The order of a listing's records is the order of the request; written down here, so that nobody changes it without noticing.
    private const string AskedFor =
        "id,altitude,atomic_scale,camera_parameters,camera_type,captured_at,compass_angle,computed_altitude,computed_compass_angle,"
        + "computed_geometry,computed_rotation,creator,exif_orientation,geometry,height,is_pano,make,model,merge_cc,mesh,organization,"
        + "quality_score,sequence,sfm_cluster,thumb_256_url,thumb_1024_url,thumb_2048_url,thumb_original_url,width";

    private const string Full =
        """{"id":"17","altitude":12.5,"atomic_scale":1.5,"camera_parameters":[0.85,0.01,0],"camera_type":"perspective","captured_at":1704103200123,"compass_angle":361.5,"computed_altitude":2.5,"computed_compass_angle":1.25,"computed_geometry":{"type":"Point","coordinates":[13.4,52.5]},"computed_rotation":[1.5,0.25,-0.5],"creator":{"username":"anna","id":"77"},"exif_orientation":6,"geometry":{"type":"Point","coordinates":[13.5,52.6]},"height":3000,"is_pano":false,"make":"GoPro","model":"Max","merge_cc":4.546427159383e+18,"mesh":{"id":"5"},"organization":{"id":"6"},"quality_score":0.5,"sequence":"AbC","sfm_cluster":{"id":"8"},"thumb_256_url":"a","thumb_1024_url":"b","thumb_2048_url":"c","thumb_original_url":"d","width":4000}""";

    // As files have it that were restored by earlier versions. With another text all of them would be written anew.
    private const string Comment =
        """{"id":"17","sequence":"AbC","captured_at":1704103200123,"camera_type":"perspective","is_pano":false,"camera_parameters":[0.85,0.01,0],"width":4000,"height":3000,"exif_orientation":6,"geometry":{"type":"Point","coordinates":[13.5,52.6]},"computed_geometry":{"type":"Point","coordinates":[13.4,52.5]},"altitude":12.5,"computed_altitude":2.5,"compass_angle":361.5,"computed_compass_angle":1.25,"computed_rotation":[1.5,0.25,-0.5],"atomic_scale":1.5,"merge_cc":"4.546427159383e\u002B18","mesh":"5","sfm_cluster":"8","organization":"6","creator_id":"77","quality_score":0.5}""";

    [Fact]
    public async Task All_fields_are_asked_for_in_their_order()
    {
        await using var place = await Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = 1 }] });

        await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));

        var request = Assert.Single(place.Emulator.Requests, r => r.Server == ServerKind.Graph);
        Assert.EndsWith($"&fields={AskedFor}", Uri.UnescapeDataString(request.PathAndQuery), StringComparison.Ordinal);
    }

    [Fact]
    public void A_record_made_by_hand_has_every_field_as_the_API_sends_it()
    {
        var made = MapillaryImage.Parse(Full) with { Json = null! };

        using var expected = JsonDocument.Parse(Full);
        using var written = JsonDocument.Parse(made.Json);
        Assert.Equal(Fields(expected), Fields(written));

        static IEnumerable<(string, string)> Fields(JsonDocument record) => record.RootElement.EnumerateObject().Select(p => (p.Name, p.Value.GetRawText()));
    }

    [Fact]
    public void Every_field_that_is_read_gives_the_image_a_value_and_is_missing_without()
    {
        var (full, bare) = (MapillaryImage.Parse(Full), MapillaryImage.Parse("""{"id":"17"}"""));

        Assert.All(ImageFields.All, f => Assert.True(f.IsIn(full), f.Name));
        // An image is a panorama or not, whether its record says so or not.
        Assert.Equal(["id", "is_pano"], ImageFields.All.Where(f => f.IsIn(bare)).Select(f => f.Name));
    }

    [Fact]
    public void The_comment_is_to_the_letter_what_it_always_was() => Assert.Equal(Comment, RecordComment.TextOf(MapillaryImage.Parse(Full)));

    [Fact]
    public void What_a_comment_says_is_read_back_from_a_picture()
    {
        var image = MapillaryImage.Parse(Full);
        var restored = MetadataRestorer.RestoreJpeg(Imaging.JpegFixture.Photos["jfif"], image, RestoreOptions.Default);

        var read = RecordComment.FindRecord(restored.Pieces.SelectMany(p => p.ToArray()).ToArray())!;

        string[] addresses = ["thumb_256_url", "thumb_1024_url", "thumb_2048_url", "thumb_original_url"];
        Assert.Equal(addresses, ImageFields.All.Where(f => !f.IsIn(read)).Select(f => f.Name));
        var withoutAddresses = image with { Thumb256Url = null, Thumb1024Url = null, Thumb2048Url = null, ThumbOriginalUrl = null };
        Assert.Equal(Properties(withoutAddresses), Properties(read));
    }

    [Theory]
    [InlineData("""{"id":"1","\u0077idth":5}""", 5)]
    [InlineData("""{"id":"1","width":4,"width":5}""", 5)]
    [InlineData("""{"id":"1","Width":5}""", null)]
    [InlineData("""{"id":"1","width ":5}""", null)]
    [InlineData("""{"id":"1","width":5,"width":"wide"}""", null)]
    public void A_field_is_known_by_its_name_and_the_last_of_several_counts(string json, int? width) => Assert.Equal(width, MapillaryImage.Parse(json).Width);

    private static IEnumerable<string> Properties(MapillaryImage image) => typeof(MapillaryImage).GetProperties()
        .Where(p => p.Name != nameof(MapillaryImage.Json))
        .Select(p => FormattableString.Invariant($"{p.Name}: {p.GetValue(image)}"));
}
