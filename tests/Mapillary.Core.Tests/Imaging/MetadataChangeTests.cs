using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Metadata;

namespace Mapillary.Tests.Imaging;

/// <summary>What restoring says that it changed, held against what exiftool finds changed.</summary>
public sealed class MetadataChangeTests : IDisposable
{
    /// <summary>exiftool's names for tags that it calls otherwise than the standard.</summary>
    private static readonly Dictionary<string, string> ExiftoolNames = new()
    {
        ["DateTime"] = "ModifyDate",
        ["DateTimeDigitized"] = "CreateDate",
        ["PixelXDimension"] = "ExifImageWidth",
        ["PixelYDimension"] = "ExifImageHeight",
        ["FocalLengthIn35mmFilm"] = "FocalLengthIn35mmFormat",
    };

    private static readonly MapillaryImage Sphere = MapillaryImage.Parse(
        """{"id":"900000000000017","altitude":12.5,"camera_type":"spherical","captured_at":1704103200123,"compass_angle":1.5,"computed_geometry":{"type":"Point","coordinates":[13.4,52.5]},"creator":{"username":"anna","id":"77"},"exif_orientation":1,"height":48,"width":64,"make":"GoPro","model":"Max","sequence":"AbC"}""");

    private readonly ScratchFolder _folder = new();

    public static TheoryData<string> WholePhotos => ["bare", "jfif", "icc", "exif", "exif big-endian", "exif after icc", "exif last", "xmp", "fill bytes"];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(WholePhotos))]
    public void The_tags_that_it_names_are_those_that_exiftool_finds_changed(string photo)
    {
        var served = JpegFixture.Photos[photo];
        var restored = MetadataRestorer.RestoreJpeg(served, Sphere, RestoreOptions.Default);
        _folder.Write("before.jpg", served);
        _folder.Write("after.jpg", restored.Pieces);
        var files = Tool.ExifTool(_folder.Path, "-G0", "-EXIF:all", "-XMP-GPano:all", "--MakerNotes:all");
        var (before, after) = (files["before.jpg"], files["after.jpg"]);

        var changed = after.Where(tag => !before.TryGetValue(tag.Key, out var old) || Text(old) != Text(tag.Value))
            .Select(tag => tag.Key[(tag.Key.IndexOf(':') + 1)..])
            // Where the thumbnail stands is no value.
            .Where(name => name is not "ThumbnailOffset")
            .Order(StringComparer.Ordinal);

        var named = restored.DescribeChanges().Select(c => c.Tag).Select(n => ExiftoolNames.GetValueOrDefault(n, n)).Select(n => n[(n.IndexOf(':') + 1)..]);
        Assert.Equal(changed, named.Order(StringComparer.Ordinal));

        // Padding is no other value.
        static string Text(string value) => value.TrimEnd();
    }

    [Fact]
    public void A_replaced_value_is_named_with_what_it_was()
    {
        var once = MetadataRestorer.RestoreJpeg(JpegFixture.Photos["jfif"], Sphere, RestoreOptions.Default);
        byte[] jpeg = [.. once.Pieces.SelectMany(p => p.ToArray())];
        var moved = MapillaryImage.Parse(Sphere.Json
            .Replace("[13.4,52.5]", "[13.4,-52.25]", StringComparison.Ordinal)
            .Replace("\"GoPro\"", "\"Insta360\"", StringComparison.Ordinal)
            .Replace("\"compass_angle\":1.5", "\"compass_angle\":359.25", StringComparison.Ordinal));

        var changes = MetadataRestorer.RestoreJpeg(jpeg, moved, RestoreOptions.Default).DescribeChanges().ToDictionary(c => c.Tag);

        Assert.Equal(["GPSImgDirection", "GPSLatitude", "GPSLatitudeRef", "Make", "UserComment", "XMP-GPano:PoseHeadingDegrees"], changes.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("Make: Insta360 (was: GoPro)", changes["Make"].ToString());
        Assert.Equal(("N", "S"), (changes["GPSLatitudeRef"].Before, changes["GPSLatitudeRef"].After));
        Assert.Equal(("52 30 0", "52 15 0"), (changes["GPSLatitude"].Before, changes["GPSLatitude"].After));
        Assert.Equal(("1.5", "359.25"), (changes["GPSImgDirection"].Before, changes["GPSImgDirection"].After));
        Assert.Equal(("1.5", "359.25"), (changes["XMP-GPano:PoseHeadingDegrees"].Before, changes["XMP-GPano:PoseHeadingDegrees"].After));
        Assert.Contains("\"coordinates\":[13.4,52.5]", changes["UserComment"].Before, StringComparison.Ordinal);
        Assert.Contains("\"coordinates\":[13.4,-52.25]", changes["UserComment"].After, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_named_where_nothing_changes()
    {
        byte[] once = [.. MetadataRestorer.RestoreJpeg(JpegFixture.Photos["exif after icc"], Sphere, RestoreOptions.Default).Pieces.SelectMany(p => p.ToArray())];

        var again = MetadataRestorer.RestoreJpeg(once, Sphere, RestoreOptions.Default);

        Assert.False(again.Changed);
        Assert.Empty(again.DescribeChanges());
        Assert.Empty(again.Notes);
    }
}
