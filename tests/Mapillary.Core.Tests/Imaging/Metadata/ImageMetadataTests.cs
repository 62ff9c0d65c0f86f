using System.Globalization;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Exif;
using Mapillary.Imaging.Metadata;

namespace Mapillary.Tests.Imaging;

public class ImageMetadataTests
{
    [Theory]
    // The API says 4000 × 3000. Turned pictures come with their sides swapped; then nothing is left to turn.
    [InlineData(1, 4000, 3000, 1, true)]
    [InlineData(2, 4000, 3000, 1, false)]
    [InlineData(3, 4000, 3000, 1, false)]
    [InlineData(4, 4000, 3000, 1, false)]
    [InlineData(5, 3000, 4000, 1, true)]
    [InlineData(6, 3000, 4000, 1, true)]
    [InlineData(7, 3000, 4000, 1, true)]
    [InlineData(8, 3000, 4000, 1, true)]
    // Not turned: the tag has to say how to turn it.
    [InlineData(5, 4000, 3000, 5, true)]
    [InlineData(6, 4000, 3000, 6, true)]
    [InlineData(7, 4000, 3000, 7, true)]
    [InlineData(8, 4000, 3000, 8, true)]
    // Smaller renditions, with sides rounded to whole pixels.
    [InlineData(6, 1024, 768, 6, true)]
    [InlineData(6, 256, 341, 1, true)]
    [InlineData(6, 1024, 1365, 1, true)]
    [InlineData(1, 256, 192, 1, true)]
    // Another picture altogether.
    [InlineData(6, 5000, 1000, 1, false)]
    public void Orientation_is_found_from_the_size(int uploaded, int width, int height, int orientation, bool proven)
    {
        var image = MapillaryImage.Parse(string.Create(CultureInfo.InvariantCulture, $$"""{"id":"1","exif_orientation":{{uploaded}},"width":4000,"height":3000}"""));
        var metadata = ImageMetadata.Of(image, width, height, RestoreOptions.Default);
        Assert.Equal((orientation, proven), (metadata.Orientation, metadata.IsOrientationProven));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(3, 1)]
    [InlineData(4, 1)]
    [InlineData(5, 5)]
    [InlineData(6, 6)]
    [InlineData(7, 7)]
    [InlineData(8, 8)]
    public void Each_orientation_is_written_as_found(int uploaded, int unturned)
    {
        Assert.Equal(unturned, Written(64, 48));
        Assert.Equal(1, Written(48, 64));

        int Written(int width, int height)
        {
            var image = MapillaryImage.Parse(string.Create(CultureInfo.InvariantCulture, $$"""{"id":"1","exif_orientation":{{uploaded}},"width":{{width}},"height":{{height}}}"""));
            using var restored = new MemoryStream([.. MetadataRestorer.RestoreJpeg(JpegFixture.Photos["jfif"], image, RestoreOptions.Default).Pieces.SelectMany(p => p.ToArray())]);
            return MetadataExtractor.ImageMetadataReader.ReadMetadata(restored).OfType<MetadataExtractor.Formats.Exif.ExifIfd0Directory>().Single()
                .GetObject(MetadataExtractor.Formats.Exif.ExifDirectoryBase.TagOrientation) is ushort orientation ? orientation : 0;
        }
    }

    [Theory]
    [InlineData("""{"id":"1","exif_orientation":6,"width":3000,"height":3000}""", 3000, 3000, 1, false)]
    [InlineData("""{"id":"1","exif_orientation":6,"width":3000,"height":3000}""", 1024, 1024, 1, false)]
    [InlineData("""{"id":"1","exif_orientation":6}""", 4000, 3000, 1, false)]
    [InlineData("""{"id":"1","width":4000,"height":3000}""", 4000, 3000, null, false)]
    [InlineData("""{"id":"1","width":4000,"height":3000}""", 3000, 4000, 1, true)]
    [InlineData("""{"id":"1","exif_orientation":9,"width":4000,"height":3000}""", 4000, 3000, null, false)]
    public void Orientation_that_the_size_does_not_tell_is_upright_or_unknown(string json, int width, int height, int? orientation, bool proven)
    {
        var metadata = ImageMetadata.Of(MapillaryImage.Parse(json), width, height, RestoreOptions.Default);
        Assert.Equal((orientation, proven), (metadata.Orientation, metadata.IsOrientationProven));
    }

    [Theory]
    [InlineData(3, 3)]
    [InlineData(0, 1)]
    public void Where_the_size_does_not_tell_a_tag_in_the_file_counts(ushort inFile, byte expected)
    {
        var block = new TiffBuilder(bigEndian: true);
        block.Image.Add(block.Short(0x0112, inFile));
        var image = MapillaryImage.Parse("""{"id":"1","exif_orientation":3,"width":64,"height":48}""");
        var restored = MetadataRestorer.RestoreJpeg(JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Exif(block.Build())), image, RestoreOptions.Default);
        var written = ExifBlock.Parse(JpegFixture.ExifBlocks([.. restored.Pieces.SelectMany(p => p.ToArray())])[0])!;
        Assert.Equal([0, expected], written.ValueOf(ExifDirectory.Image, 0x0112).ToArray());
    }

    [Theory]
    [InlineData("Europe/Berlin", "2024-03-31T00:59:59.999Z", "2024-03-31T01:59:59.999+01:00")]
    [InlineData("Europe/Berlin", "2024-03-31T01:00:00.000Z", "2024-03-31T03:00:00.000+02:00")]
    [InlineData("W. Europe Standard Time", "2024-07-01T12:00:00.000Z", "2024-07-01T14:00:00.000+02:00")]
    [InlineData("W. Europe Standard Time", "2024-03-31T00:59:59.999Z", "2024-03-31T01:59:59.999+01:00")]
    [InlineData("W. Europe Standard Time", "2024-03-31T01:00:00.000Z", "2024-03-31T03:00:00.000+02:00")]
    [InlineData("W. Europe Standard Time", "2024-10-27T00:59:59.999Z", "2024-10-27T02:59:59.999+02:00")]
    [InlineData("W. Europe Standard Time", "2024-10-27T01:00:00.000Z", "2024-10-27T02:00:00.000+01:00")]
    // 10 March 2024, 2:00 in New York; back on 3 November, 2:00.
    [InlineData("Eastern Standard Time", "2024-03-10T06:59:59.999Z", "2024-03-10T01:59:59.999-05:00")]
    [InlineData("Eastern Standard Time", "2024-03-10T07:00:00.000Z", "2024-03-10T03:00:00.000-04:00")]
    [InlineData("Eastern Standard Time", "2024-11-03T05:59:59.999Z", "2024-11-03T01:59:59.999-04:00")]
    [InlineData("Eastern Standard Time", "2024-11-03T06:00:00.000Z", "2024-11-03T01:00:00.000-05:00")]
    // Newfoundland, half an hour beside the rest of the world.
    [InlineData("America/St_Johns", "2024-03-10T05:29:59.999Z", "2024-03-10T01:59:59.999-03:30")]
    [InlineData("America/St_Johns", "2024-03-10T05:30:00.000Z", "2024-03-10T03:00:00.000-02:30")]
    [InlineData("America/St_Johns", "2024-11-03T04:29:59.999Z", "2024-11-03T01:59:59.999-02:30")]
    [InlineData("America/St_Johns", "2024-11-03T04:30:00.000Z", "2024-11-03T01:00:00.000-03:30")]
    // Lord Howe Island moves its clocks by half an hour, on 7 April and 6 October 2024, at 2:00.
    [InlineData("Australia/Lord_Howe", "2024-04-06T14:59:59.999Z", "2024-04-07T01:59:59.999+11:00")]
    [InlineData("Australia/Lord_Howe", "2024-04-06T15:00:00.000Z", "2024-04-07T01:30:00.000+10:30")]
    [InlineData("Australia/Lord_Howe", "2024-10-05T15:29:59.999Z", "2024-10-06T01:59:59.999+10:30")]
    [InlineData("Australia/Lord_Howe", "2024-10-05T15:30:00.000Z", "2024-10-06T02:30:00.000+11:00")]
    [InlineData("Europe/Berlin", "2024-10-27T00:59:59.000Z", "2024-10-27T02:59:59.000+02:00")]
    [InlineData("Europe/Berlin", "2024-10-27T01:00:00.000Z", "2024-10-27T02:00:00.000+01:00")]
    [InlineData("Asia/Kathmandu", "2024-01-01T00:00:00.000Z", "2024-01-01T05:45:00.000+05:45")]
    [InlineData("America/St_Johns", "2024-01-01T00:00:00.000Z", "2023-12-31T20:30:00.000-03:30")]
    [InlineData("Pacific/Chatham", "2024-01-01T00:00:00.000Z", "2024-01-01T13:45:00.000+13:45")]
    [InlineData(null, "2024-07-01T12:00:00.001Z", "2024-07-01T12:00:00.001+00:00")]
    [InlineData("America/New_York", "0001-01-01T00:00:00.000Z", "0001-01-01T00:00:00.000+00:00")]
    public void Local_times_have_the_offset_of_that_moment(string? zone, string utc, string local)
    {
        var image = new MapillaryImage { Id = "1", Json = "{}", CapturedAt = DateTimeOffset.Parse(utc, CultureInfo.InvariantCulture) };
        var options = new RestoreOptions { TimeZone = zone is null ? null : TimeZoneInfo.FindSystemTimeZoneById(zone) };
        var captured = ImageMetadata.Of(image, 4, 3, options).CapturedAt!.Value;
        Assert.Equal(local, captured.ToString("yyyy-MM-ddTHH:mm:ss.fffzzz", CultureInfo.InvariantCulture));
    }

    [Fact]
    public void The_position_is_the_wanted_one_or_else_the_other()
    {
        var both = MapillaryImage.Parse("""{"id":"1","geometry":{"type":"Point","coordinates":[1,2]},"computed_geometry":{"type":"Point","coordinates":[3,4]}}""");
        var original = MapillaryImage.Parse("""{"id":"1","geometry":{"type":"Point","coordinates":[1,2]}}""");
        var computed = MapillaryImage.Parse("""{"id":"1","computed_geometry":{"type":"Point","coordinates":[3,4]}}""");
        var wantsOriginal = new RestoreOptions { Position = PositionSource.Original };

        Assert.Equal(new GeoPoint(4, 3), ImageMetadata.Of(both, 4, 3, RestoreOptions.Default).Position);
        Assert.Equal(new GeoPoint(2, 1), ImageMetadata.Of(both, 4, 3, wantsOriginal).Position);
        Assert.Equal(new GeoPoint(2, 1), ImageMetadata.Of(original, 4, 3, RestoreOptions.Default).Position);
        Assert.Equal(new GeoPoint(4, 3), ImageMetadata.Of(computed, 4, 3, wantsOriginal).Position);
    }

    [Fact]
    public void The_altitude_after_reconstruction_is_never_taken() =>
        Assert.Null(ImageMetadata.Of(MapillaryImage.Parse("""{"id":"1","computed_altitude":12}"""), 4, 3, RestoreOptions.Default).Altitude);

    [Theory]
    [InlineData("perspective", "[0.85136388143343,0,0.1]", 31, false)]
    [InlineData("fisheye", "[0.47,-0.02,0.005]", 17, false)]
    [InlineData("perspective", "[0.85,0,0]", 31, true)]
    [InlineData("spherical", "[0.85,0.1,0]", null, false)]
    [InlineData("perspective", "[-1,0.1,0]", null, false)]
    [InlineData("perspective", "[1e300,0.1,0]", null, false)]
    public void The_focal_length_comes_from_the_camera_parameters(string camera, string parameters, int? millimetres, bool assumed)
    {
        var image = MapillaryImage.Parse($$"""{"id":"1","camera_type":"{{camera}}","camera_parameters":{{parameters}}}""");
        var metadata = ImageMetadata.Of(image, 4, 3, RestoreOptions.Default);
        Assert.Equal((millimetres, assumed), (metadata.FocalLengthIn35mmFilm, metadata.IsFocalLengthAssumed));
    }

    [Theory]
    [InlineData("spherical", false, true)]
    [InlineData("equirectangular", true, true)]
    [InlineData(null, true, true)]
    [InlineData("perspective", true, false)]
    [InlineData("fisheye", false, false)]
    public void Spheres_are_known_by_their_projection(string? camera, bool isPanorama, bool isSphere)
    {
        var image = new MapillaryImage { Id = "1", Json = "{}", CameraType = camera, IsPanorama = isPanorama };
        Assert.Equal(isSphere, ImageMetadata.Of(image, 4, 2, RestoreOptions.Default).IsSphere);
    }

    [Fact]
    public void Odd_text_does_no_harm()
    {
        var image = new MapillaryImage { Id = "1", Json = "{}", Make = "  Go\0Pro\n ", Model = "\0", Creator = new string('x', 70_000) };
        var metadata = ImageMetadata.Of(image, 4, 3, RestoreOptions.Default);
        Assert.Equal("GoPro", metadata.Make);
        Assert.Null(metadata.Model);
        Assert.InRange(metadata.Artist!.Length, 1, 1000);
    }
}
