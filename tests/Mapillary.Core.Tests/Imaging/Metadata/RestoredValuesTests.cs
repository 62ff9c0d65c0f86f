using System.Globalization;
using System.Text;
using System.Text.Json;
using Mapillary.Imaging.Metadata;
using MetadataExtractor;
using MetadataExtractor.Formats.Exif;
using MetadataExtractor.Formats.Xmp;

namespace Mapillary.Tests.Imaging;

/// <summary>500 records on pictures of every build, read back by two readers that are not ours.</summary>
public sealed class RestoredValuesTests : IDisposable
{
    private const double MillimetreInDegrees = 1 / 111_320_000.0;
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Exiftool_reads_every_value_of_500_records()
    {
        Tool.Require("exiftool");
        var samples = RecordSample.Make500().ToList();
        foreach (var (sample, name, pieces) in Restored(samples)) _folder.Write(name, pieces);

        var read = Tool.ExifTool(_folder.Path, "-G1", "-api", "Filter=1", "-charset", "exif=utf8");
        Assert.Equal(500, read.Count);
        for (var i = 0; i < samples.Count; i++)
        {
            var tags = read[FileName(i)];
            CheckWithExifTool(samples[i], tags, FileName(i));
        }
    }

    [Fact]
    public void MetadataExtractor_reads_every_value_of_500_records()
    {
        var index = 0;
        foreach (var (sample, name, pieces) in Restored(RecordSample.Make500()))
        {
            using var stream = new MemoryStream([.. pieces.SelectMany(p => p.ToArray())]);
            CheckWithMetadataExtractor(sample, ImageMetadataReader.ReadMetadata(stream), $"{name} ({index++})");
        }
    }

    private static IEnumerable<(RecordSample Sample, string Name, IReadOnlyList<ReadOnlyMemory<byte>> Pieces)> Restored(IEnumerable<RecordSample> samples)
    {
        var photos = JpegFixture.Photos.Values.ToList();
        var i = 0;
        foreach (var sample in samples)
        {
            var restored = MetadataRestorer.RestoreJpeg(photos[i % photos.Count], sample.ToImage(), sample.Options);
            yield return (sample, FileName(i++), restored.Pieces);
        }
    }

    private static string FileName(int i) => string.Create(CultureInfo.InvariantCulture, $"{i:000}.jpg");

    private static void CheckWithExifTool(RecordSample sample, Dictionary<string, string> tags, string name)
    {
        double Number(string tag) => double.Parse(tags[tag], CultureInfo.InvariantCulture);
        void Same(string? expected, string tag)
        {
            if (expected is not null) Assert.True(tags.TryGetValue(tag, out var value) && value == expected, $"{name}: {tag} is '{tags.GetValueOrDefault(tag)}', not '{expected}'");
        }

        if (sample.Position is { } position)
        {
            Assert.True(Math.Abs(Number("GPS:GPSLatitude") - Math.Abs(position.Latitude)) < MillimetreInDegrees, name);
            Assert.True(Math.Abs(Number("GPS:GPSLongitude") - Math.Abs(position.Longitude)) < MillimetreInDegrees, name);
            if (Math.Abs(position.Latitude) > MillimetreInDegrees || position.Latitude >= 0) Same(position.Latitude < 0 ? "S" : "N", "GPS:GPSLatitudeRef");
            if (Math.Abs(position.Longitude) > MillimetreInDegrees || position.Longitude >= 0) Same(position.Longitude < 0 ? "W" : "E", "GPS:GPSLongitudeRef");
            Same("WGS-84", "GPS:GPSMapDatum");
        }

        if (sample.Altitude is { } altitude)
        {
            var sign = tags["GPS:GPSAltitudeRef"] == "1" ? -1 : 1;
            Assert.True(Math.Abs(sign * Number("GPS:GPSAltitude") - altitude) < 0.01, name);
        }

        if ((sample.ComputedCompass ?? sample.Compass) is { } angle)
        {
            Assert.InRange(Number("GPS:GPSImgDirection"), 0, 359.9999999);
            Assert.True(AngleBetween(Number("GPS:GPSImgDirection"), angle) < 0.01, $"{name}: {tags["GPS:GPSImgDirection"]} for {angle}");
            Same("T", "GPS:GPSImgDirectionRef");
        }

        if (sample.Local() is var (time, fraction, offset))
        {
            foreach (var tag in new[] { "ExifIFD:DateTimeOriginal", "ExifIFD:CreateDate", "IFD0:ModifyDate" }) Same(time, tag);
            foreach (var tag in new[] { "ExifIFD:SubSecTime", "ExifIFD:SubSecTimeOriginal", "ExifIFD:SubSecTimeDigitized" }) Same(fraction, tag);
            foreach (var tag in new[] { "ExifIFD:OffsetTime", "ExifIFD:OffsetTimeOriginal", "ExifIFD:OffsetTimeDigitized" }) Same(offset, tag);
            var utc = DateTimeOffset.FromUnixTimeMilliseconds(sample.Milliseconds!.Value);
            Same(utc.ToString("yyyy':'MM':'dd", CultureInfo.InvariantCulture), "GPS:GPSDateStamp");
            Assert.Equal(utc.TimeOfDay, TimeSpan.Parse(tags["GPS:GPSTimeStamp"], CultureInfo.InvariantCulture));
        }

        Same(sample.Make, "IFD0:Make");
        Same(sample.Model, "IFD0:Model");
        Same(sample.Creator, "IFD0:Artist");
        Same(sample.Creator is null ? "CC BY-SA 4.0, Mapillary" : $"CC BY-SA 4.0, @{sample.Creator} on Mapillary", "IFD0:Copyright");
        Same(JpegFixture.Width.ToString(CultureInfo.InvariantCulture), "ExifIFD:ExifImageWidth");
        Same(JpegFixture.Height.ToString(CultureInfo.InvariantCulture), "ExifIFD:ExifImageHeight");
        if (sample.CameraType is "perspective" or "fisheye" && sample.Focal is { } focal)
            Assert.True(Math.Abs(Number("ExifIFD:FocalLengthIn35mmFormat") - focal * 36) <= 0.5, name);
        else
            Assert.DoesNotContain("ExifIFD:FocalLengthIn35mmFormat", tags.Keys);
        if (sample.Position is not null || sample.Milliseconds is not null) Same("2 3 0 0", "GPS:GPSVersionID");
        CheckComment(sample, tags["ExifIFD:UserComment"]);

        var isSphere = sample.CameraType is "spherical" or "equirectangular";
        Assert.Equal(isSphere, tags.ContainsKey("XMP-GPano:ProjectionType"));
        if (!isSphere) return;
        Same("equirectangular", "XMP-GPano:ProjectionType");
        Same("64", "XMP-GPano:FullPanoWidthPixels");
        Same("48", "XMP-GPano:FullPanoHeightPixels");
        Same("64", "XMP-GPano:CroppedAreaImageWidthPixels");
        Same("48", "XMP-GPano:CroppedAreaImageHeightPixels");
        Same("0", "XMP-GPano:CroppedAreaLeftPixels");
        Same("0", "XMP-GPano:CroppedAreaTopPixels");
        if ((sample.ComputedCompass ?? sample.Compass) is { } heading) Assert.True(AngleBetween(Number("XMP-GPano:PoseHeadingDegrees"), heading) < 0.01, name);
    }

    private static void CheckWithMetadataExtractor(RecordSample sample, IReadOnlyList<MetadataExtractor.Directory> directories, string name)
    {
        var image = Assert.Single(directories.OfType<ExifIfd0Directory>());
        var exif = Assert.Single(directories.OfType<ExifSubIfdDirectory>());
        var gps = directories.OfType<GpsDirectory>().SingleOrDefault();
        foreach (var directory in new MetadataExtractor.Directory?[] { image, exif, gps })
            Assert.True(directory is null || !directory.HasError, name + ": " + string.Join("; ", directory?.Errors ?? []));

        if (sample.Position is { } position)
        {
            Assert.True(Math.Abs(Degrees(GpsDirectory.TagLatitude) - Math.Abs(position.Latitude)) < MillimetreInDegrees, name);
            Assert.True(Math.Abs(Degrees(GpsDirectory.TagLongitude) - Math.Abs(position.Longitude)) < MillimetreInDegrees, name);
        }

        if (sample.Altitude is { } altitude)
        {
            var sign = gps?.GetInt32(GpsDirectory.TagAltitudeRef) == 1 ? -1 : 1;
            Assert.True(Math.Abs(sign * gps!.GetRational(GpsDirectory.TagAltitude).ToDouble() - altitude) < 0.01, name);
        }

        if ((sample.ComputedCompass ?? sample.Compass) is { } angle)
            Assert.True(AngleBetween(gps!.GetRational(GpsDirectory.TagImgDirection).ToDouble(), angle) < 0.01, name);

        if (sample.Local() is var (time, fraction, offset))
        {
            Assert.Equal(time, exif.GetString(ExifDirectoryBase.TagDateTimeOriginal));
            Assert.Equal(time, exif.GetString(ExifDirectoryBase.TagDateTimeDigitized));
            Assert.Equal(time, image.GetString(ExifDirectoryBase.TagDateTime));
            Assert.Equal(fraction, exif.GetString(ExifDirectoryBase.TagSubsecondTimeOriginal));
            Assert.Equal(offset, exif.GetString(ExifDirectoryBase.TagTimeZoneOriginal));
            var utc = DateTimeOffset.FromUnixTimeMilliseconds(sample.Milliseconds!.Value);
            Assert.Equal(utc.ToString("yyyy':'MM':'dd", CultureInfo.InvariantCulture), gps?.GetString(GpsDirectory.TagDateStamp));
            var parts = gps!.GetRationalArray(GpsDirectory.TagTimeStamp)!;
            Assert.Equal(utc.TimeOfDay, new TimeSpan(0, (int)parts[0].ToDouble(), (int)parts[1].ToDouble(), 0) + TimeSpan.FromMilliseconds(Math.Round(parts[2].ToDouble() * 1000)));
        }

        if (sample.Make is not null) Assert.Equal(sample.Make, Text(image, ExifDirectoryBase.TagMake));
        if (sample.Model is not null) Assert.Equal(sample.Model, Text(image, ExifDirectoryBase.TagModel));
        if (sample.Creator is not null) Assert.Equal(sample.Creator, Text(image, ExifDirectoryBase.TagArtist));
        Assert.StartsWith("CC BY-SA 4.0", Text(image, ExifDirectoryBase.TagCopyright));
        Assert.Equal(JpegFixture.Width, exif.GetInt32(ExifDirectoryBase.TagExifImageWidth));
        Assert.Equal(JpegFixture.Height, exif.GetInt32(ExifDirectoryBase.TagExifImageHeight));
        CheckComment(sample, exif.GetDescription(ExifDirectoryBase.TagUserComment)!);
        if (sample.CameraType is "spherical" or "equirectangular")
        {
            Assert.Single(directories.OfType<XmpDirectory>(), d => d.GetXmpProperties().Values.Contains("equirectangular"));
        }

        double Degrees(int tag)
        {
            var parts = gps!.GetRationalArray(tag)!;
            return parts[0].ToDouble() + parts[1].ToDouble() / 60 + parts[2].ToDouble() / 3600;
        }

        static string Text(MetadataExtractor.Directory directory, int tag) => directory.GetStringValue(tag).ToString(Encoding.UTF8);
    }

    private static void CheckComment(RecordSample sample, string comment)
    {
        using var json = JsonDocument.Parse(comment);
        Assert.Equal(sample.Id, json.RootElement.GetProperty("id").GetString());
        Assert.Equal("seq-" + sample.Id, json.RootElement.GetProperty("sequence").GetString());
        CheckPoint("geometry", sample.Original);
        CheckPoint("computed_geometry", sample.Computed);
        Assert.Equal(sample.Compass, Optional("compass_angle"));
        Assert.Equal(sample.ComputedCompass, Optional("computed_compass_angle"));
        Assert.Equal(sample.Milliseconds, (long?)Optional("captured_at"));

        void CheckPoint(string name, (double Latitude, double Longitude)? point)
        {
            Assert.Equal(point is not null, json.RootElement.TryGetProperty(name, out var value));
            if (point is { } expected)
                Assert.Equal([expected.Longitude, expected.Latitude], value.GetProperty("coordinates").EnumerateArray().Select(c => c.GetDouble()));
        }

        double? Optional(string name) => json.RootElement.TryGetProperty(name, out var value) ? value.GetDouble() : null;
    }

    private static double AngleBetween(double one, double other)
    {
        var difference = Math.Abs(one - other) % 360;
        return Math.Min(difference, 360 - difference);
    }
}
