using Mapillary.Graph;

namespace Mapillary.Tests.Graph;

public class MapillaryImageTests
{
    private const string Full =
        """{"id":"900000000000017","altitude":12.5,"atomic_scale":1,"camera_parameters":[0.85,-6.6499673206348e-05,0],"camera_type":"perspective","captured_at":1704103200123,"compass_angle":361.5,"computed_altitude":2.5,"computed_compass_angle":0,"computed_geometry":{"type":"Point","coordinates":[13.4,52.5]},"computed_rotation":[1.5,0.25,-0.5],"creator":{"username":"anna","id":"77"},"exif_orientation":6,"geometry":{"type":"Point","coordinates":[13.5,52.6]},"height":3000,"is_pano":false,"make":"GoPro","model":"Max","merge_cc":4.546427159383e+18,"mesh":{"id":"5","url":"u"},"organization":{"id":"6"},"quality_score":0.5,"sequence":"AbC","sfm_cluster":{"id":"8","url":"v"},"thumb_256_url":"a","thumb_1024_url":"b","thumb_2048_url":"c","thumb_original_url":"d","width":4000,"a_field_of_next_year":{"x":[1,{"y":2}]}}""";

    [Fact]
    public void Every_field_of_the_API_has_a_property()
    {
        var image = MapillaryImage.Parse(Full);

        Assert.Equal("900000000000017", image.Id);
        Assert.Equal("AbC", image.SequenceId);
        Assert.Equal(new DateTimeOffset(2024, 1, 1, 10, 0, 0, 123, TimeSpan.Zero), image.CapturedAt);
        Assert.Equal(12.5, image.Altitude);
        Assert.Equal(361.5, image.CompassAngle);
        Assert.Equal("perspective", image.CameraType);
        Assert.False(image.IsPanorama);
        Assert.Equal(("GoPro", "Max"), (image.Make, image.Model));
        Assert.Equal((4000, 3000), (image.Width, image.Height));
        Assert.Equal(("anna", "77"), (image.Creator, image.CreatorId));
        Assert.Equal(6, image.ExifOrientation);
        Assert.Equal(new GeoPoint(52.6, 13.5), image.Geometry);
        Assert.Equal(new GeoPoint(52.5, 13.4), image.ComputedGeometry);
        Assert.Equal((52.5, 13.4), (image.Latitude, image.Longitude));
        Assert.Equal(2.5, image.ComputedAltitude);
        Assert.Equal(0, image.ComputedCompassAngle);
        Assert.Equal([1.5, 0.25, -0.5], image.ComputedRotation);
        Assert.Equal([0.85, -6.6499673206348e-05, 0], image.CameraParameters);
        Assert.Equal(1, image.AtomicScale);
        Assert.Equal("4.546427159383e+18", image.MergeCc);
        Assert.Equal(("5", "8", "6"), (image.MeshId, image.SfmClusterId, image.OrganizationId));
        Assert.Equal(0.5, image.QualityScore);
        Assert.Equal(("a", "b", "c", "d"), (image.Thumb256Url, image.Thumb1024Url, image.Thumb2048Url, image.ThumbOriginalUrl));
    }

    [Fact]
    public void The_record_is_kept_to_the_letter() => Assert.Equal(Full, MapillaryImage.Parse(Full).Json);

    [Fact]
    public void An_image_made_by_hand_has_the_record_that_the_API_would_send()
    {
        var image = MapillaryImage.Parse(Full);
        var made = image with { Json = null! };

        var read = MapillaryImage.Parse(made.Json);

        Assert.NotEqual(Full, made.Json);
        Assert.All(
            typeof(MapillaryImage).GetProperties().Where(p => p.Name != nameof(MapillaryImage.Json)),
            property => Assert.Equal(property.GetValue(image), property.GetValue(read)));
    }

    [Fact]
    public void A_position_can_be_given_in_degrees()
    {
        var image = new MapillaryImage { Id = "1", Latitude = 55.7, Longitude = 13.2 };

        Assert.Equal((55.7, 13.2), (image.Latitude, image.Longitude));
        Assert.Equal(new GeoPoint(55.7, 13.2), image.Geometry);
        Assert.Equal(new GeoPoint(55.7, 13.2), MapillaryImage.Parse(image.Json).Geometry);
        Assert.Equal(1, (image with { ComputedGeometry = new GeoPoint(1, 2) }).Latitude);
        Assert.Null(new MapillaryImage { Id = "1", Latitude = 55.7 }.Geometry);
    }

    [Fact]
    public void Nothing_but_the_id_is_needed()
    {
        var image = MapillaryImage.Parse("""{"id":"1"}""");

        Assert.Equal("1", image.Id);
        Assert.Null(image.CapturedAt);
        Assert.Null(image.Latitude);
        Assert.Null(image.ThumbOriginalUrl);
        Assert.False(image.IsPanorama);
    }

    [Fact]
    public void Null_wrong_and_empty_values_count_as_absent()
    {
        var image = MapillaryImage.Parse(
            """{"id":"1","captured_at":null,"geometry":[1,2],"computed_geometry":{"type":"Point","coordinates":["x",1]},"altitude":{},"make":"","width":"wide","creator":"anna","is_pano":"yes","computed_rotation":[1,null,2],"thumb_original_url":""}""");

        Assert.Null(image.CapturedAt);
        Assert.Null(image.Geometry);
        Assert.Null(image.ComputedGeometry);
        Assert.Null(image.Altitude);
        Assert.Null(image.Make);
        Assert.Null(image.Width);
        Assert.Null(image.Creator);
        Assert.Null(image.ComputedRotation);
        Assert.Null(image.ThumbOriginalUrl);
    }

    [Theory]
    [InlineData("4294967281", -15)]
    [InlineData("0", 0)]
    [InlineData("-15.5", -15.5)]
    [InlineData("8848.86", 8848.86)]
    [InlineData("1.5e3", 1500)]
    public void Altitudes_below_sea_level_are_unwrapped(string json, double metres) =>
        Assert.Equal(metres, MapillaryImage.Parse($$"""{"id":"1","altitude":{{json}}}""").Altitude);

    [Theory]
    [InlineData("""{"id":"1","camera_type":"spherical"}""", true)]
    [InlineData("""{"id":"1","camera_type":"equirectangular"}""", true)]
    [InlineData("""{"id":"1","camera_type":"fisheye"}""", false)]
    [InlineData("""{"id":"1","camera_type":"brown"}""", false)]
    [InlineData("""{"id":"1","camera_type":"spherical","is_pano":false}""", false)]
    [InlineData("""{"id":"1","is_pano":true}""", true)]
    public void A_panorama_is_known_by_its_flag_else_by_its_camera(string json, bool expected) =>
        Assert.Equal(expected, MapillaryImage.Parse(json).IsPanorama);

    [Theory]
    [InlineData("""{"id":"1","captured_at":0}""", "1970-01-01T00:00:00.0000000+00:00")]
    [InlineData("""{"id":"1","captured_at":1.704103200123e+12}""", "2024-01-01T10:00:00.1230000+00:00")]
    [InlineData("""{"id":"1","captured_at":-1}""", "1969-12-31T23:59:59.9990000+00:00")]
    public void Capture_times_are_exact_to_the_millisecond(string json, string expected) =>
        Assert.Equal(expected, MapillaryImage.Parse(json).CapturedAt!.Value.ToString("o"));

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{\"id\":\"1\"")]
    [InlineData("{\"sequence\":\"a\"}")]
    [InlineData("{\"id\":\"\"}")]
    public void What_is_no_record_is_refused(string json) =>
        Assert.Throws<FormatException>(() => MapillaryImage.Parse(json));

    [Theory]
    [InlineData("""{"id":"7","make":"\ud800","captured_at":5}""")]
    [InlineData("""{"id":"7","\udfff":1,"captured_at":5}""")]
    [InlineData("""{"id":"7","altitude":"\ud800","captured_at":5}""")]
    [InlineData("""{"id":"7","creator":{"username":"\ud800","\ud800":"x"},"captured_at":5}""")]
    public void A_text_that_is_not_valid_costs_its_field_and_not_the_record(string json)
    {
        var image = MapillaryImage.Parse(json);

        Assert.Equal(("7", null, null, null, 5L), (image.Id, image.Make, image.Altitude, image.Creator, image.CapturedAt!.Value.ToUnixTimeMilliseconds()));
        Assert.Equal(json, image.Json);
    }
}
