using Mapillary.Imaging.Jpeg;

namespace Mapillary.Tests.Imaging;

public class JpegAnatomyTests
{
    [Fact]
    public void Segments_are_told_by_their_marker_and_the_name_they_start_with()
    {
        var photo = JpegFixture.Photo(
            JpegFixture.Baseline, JpegFixture.Jfif, JpegFixture.Exif(JpegFixture.Camera(false)), JpegFixture.Xmp(JpegFixture.OtherXmp), JpegFixture.Icc,
            JpegFixture.Photoshop, JpegFixture.Adobe, JpegFixture.Comment, JpegFixture.UnknownApp, JpegFixture.Mpf(JpegFixture.Baseline.Length));

        var anatomy = JpegAnatomy.Read(photo);

        Assert.Null(anatomy.Fault);
        Assert.Equal(
            [
                SegmentKind.Jfif, SegmentKind.Exif, SegmentKind.Xmp, SegmentKind.IccProfile, SegmentKind.Photoshop, SegmentKind.Adobe, SegmentKind.Comment,
                SegmentKind.Other, SegmentKind.MultiPictureIndex,
            ],
            anatomy.Segments.Select(s => s.Kind));
        Assert.Equal(JpegFixture.Camera(false), anatomy.ExifBlocks(photo).Single().ToArray());
        Assert.True(anatomy.HasColorProfile);
        Assert.Equal((JpegFixture.Width, JpegFixture.Height, 3), (anatomy.Frame.Width, anatomy.Frame.Height, anatomy.Frame.Components));
        Assert.Equal(2 + JpegFixture.Jfif.Length, anatomy.InsertAt);
    }

    [Fact]
    public void Fill_bytes_belong_to_the_segment_behind_them()
    {
        var exif = JpegFixture.Exif(JpegFixture.Camera(false));
        var photo = JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Jfif, [0x00, 0x17], JpegFixture.Fill, exif);

        var segment = Assert.Single(JpegAnatomy.ReadHeader(photo).Exif);

        Assert.Equal(JpegFixture.Fill.Length, segment.Fill);
        Assert.Equal(exif, photo[segment.Offset..segment.End]);
    }

    [Theory]
    [InlineData("baseline", 0xC0)]
    [InlineData("progressive", 0xC2)]
    [InlineData("restart", 0xC0)]
    [InlineData("arithmetic", 0xC9)]
    public void A_file_is_read_to_its_end_marker_and_a_header_to_its_picture_data(string name, byte process)
    {
        byte[] photo = [.. JpegFixture.Load(name + ".jpg"), .. "behind"u8];

        var (header, whole) = (JpegAnatomy.ReadHeader(photo), JpegAnatomy.Read(photo));

        Assert.Equal((null, null), (header.Fault, whole.Fault));
        Assert.Equal((process, process), (header.Frame.Process, whole.Frame.Process));
        Assert.Equal((0, photo.Length - "behind".Length), (header.End, whole.End));
        Assert.Equal(header.ScanAt, whole.ScanAt);
        // Of the fixtures none has the marker's two bytes in front of it.
        var scanHeader = photo.AsSpan().IndexOf<byte>([0xFF, JpegSegment.StartOfScan]);
        Assert.Equal(scanHeader + 2 + (photo[scanHeader + 2] << 8) + photo[scanHeader + 3], whole.ScanAt);
    }

    [Fact]
    public void What_stands_between_scans_is_kept_and_does_not_count_as_the_headers()
    {
        var picture = JpegFixture.Progressive;
        var secondScan = Enumerable.Range(0, picture.Length - 1).Where(i => picture[i] == 0xFF && picture[i + 1] == JpegSegment.StartOfScan).ElementAt(1);
        byte[][] between = [JpegFixture.Comment, JpegFixture.Exif(JpegFixture.Camera(false)), JpegFixture.Icc];
        byte[] photo = [.. picture[..secondScan], .. between.SelectMany(s => s), .. picture[secondScan..]];

        var anatomy = JpegAnatomy.Read(photo);

        Assert.Null(anatomy.Fault);
        Assert.Equal([SegmentKind.Comment, SegmentKind.Exif, SegmentKind.IccProfile], anatomy.Segments.Where(s => s.Offset > anatomy.ScanAt).Select(s => s.Kind));
        Assert.Empty(anatomy.Exif);
        Assert.False(anatomy.HasColorProfile);
    }

    [Theory]
    [InlineData(new byte[] { 0xFF, 0xD8, 0xFF, 0xD9 }, "it holds no picture data")]
    [InlineData(new byte[] { 0xFF, 0xD8 }, "the picture ends before its picture data (cut after 2 bytes)")]
    [InlineData(new byte[] { 0x89, 0x50 }, "it is not a JPEG")]
    [InlineData(new byte[] { 0xFF, 0xD8, 0xFF, 0xDA, 0, 2, 1, 0xFF, 0xD9 }, "it has picture data without a frame header")]
    [InlineData(new byte[] { 0xFF, 0xD8, 0xFF, 0xC0, 0, 2, 0xFF, 0xDA, 0, 2, 1, 0xFF, 0xD9 }, "its frame header has no size")]
    public void What_is_no_picture_to_work_with_is_refused_with_the_reason(byte[] file, string fault)
    {
        Assert.Equal(fault, JpegAnatomy.Read(file).Fault);
        Assert.Equal($"Not a readable JPEG: {fault}.", Assert.Throws<InvalidDataException>(() => JpegAnatomy.ReadHeader(file).OrThrow()).Message);
    }
}
