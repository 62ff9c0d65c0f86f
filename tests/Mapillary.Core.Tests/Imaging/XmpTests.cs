using System.Text;
using System.Xml.Linq;
using Mapillary.Graph;
using Mapillary.Imaging;

namespace Mapillary.Tests.Imaging;

public class XmpTests
{
    private static readonly XNamespace GPano = "http://ns.google.com/photos/1.0/panorama/";
    private static readonly XNamespace Xmp = "http://ns.adobe.com/xap/1.0/";
    private static readonly MapillaryImage Sphere = MapillaryImage.Parse("""{"id":"1","camera_type":"spherical","computed_compass_angle":-0.25}""");
    private static readonly MapillaryImage Plain = MapillaryImage.Parse("""{"id":"1","camera_type":"perspective"}""");

    [Fact]
    public void A_packet_of_others_is_kept_and_extended()
    {
        var packet = Restore(Sphere, JpegFixture.Xmp(JpegFixture.OtherXmp));
        Assert.Equal("4", Value(packet, Xmp + "Rating"));
        Assert.Equal("Rot & grün", Value(packet, Xmp + "Label"));
        Assert.Contains("<rdf:li>tree</rdf:li>", packet);
        Assert.StartsWith("<?xpacket begin=", packet);
        Assert.EndsWith("<?xpacket end=\"w\"?>", packet);
        Assert.Equal("equirectangular", Value(packet, GPano + "ProjectionType"));
        Assert.Equal("359.75", Value(packet, GPano + "PoseHeadingDegrees"));
    }

    [Theory]
    [InlineData("GPano:ProjectionType=\"cylindrical\" GPano:FullPanoWidthPixels=\"1\" GPano:PosePitchDegrees=\"3.5\"", "")]
    [InlineData("", "<GPano:ProjectionType>cylindrical</GPano:ProjectionType><GPano:FullPanoWidthPixels>1</GPano:FullPanoWidthPixels><GPano:PosePitchDegrees>3.5</GPano:PosePitchDegrees>")]
    [InlineData("GPano:ProjectionType=\"a\"", "<GPano:ProjectionType>b</GPano:ProjectionType><GPano:PosePitchDegrees>3.5</GPano:PosePitchDegrees>")]
    public void What_we_restore_is_replaced_and_the_rest_kept(string attributes, string elements)
    {
        var packet = Restore(Sphere, JpegFixture.Xmp(Packet(attributes, elements)));
        Assert.Equal("equirectangular", Value(packet, GPano + "ProjectionType"));
        Assert.Equal("64", Value(packet, GPano + "FullPanoWidthPixels"));
        Assert.Equal("3.5", Value(packet, GPano + "PosePitchDegrees"));
    }

    [Fact]
    public void A_crop_that_the_file_describes_itself_is_kept()
    {
        var packet = Restore(Sphere, JpegFixture.Xmp(Packet(
            "GPano:FullPanoWidthPixels=\"128\" GPano:FullPanoHeightPixels=\"64\" GPano:CroppedAreaImageWidthPixels=\"64\" GPano:CroppedAreaImageHeightPixels=\"48\" GPano:CroppedAreaLeftPixels=\"10\" GPano:CroppedAreaTopPixels=\"8\"", "")));
        Assert.Equal("128", Value(packet, GPano + "FullPanoWidthPixels"));
        Assert.Equal("10", Value(packet, GPano + "CroppedAreaLeftPixels"));
        Assert.Equal("equirectangular", Value(packet, GPano + "ProjectionType"));
    }

    [Theory]
    [InlineData("<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF")]
    [InlineData("not xml at all")]
    [InlineData("<a/>")]
    [InlineData("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")]
    public void A_broken_packet_is_replaced_and_said_so(string broken)
    {
        var restored = MetadataRestorer.RestoreJpeg(JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Xmp(broken)), Sphere, RestoreOptions.Default);
        Assert.Contains("replaced a broken XMP packet", restored.Notes);
        Assert.Equal("64", Value(PacketOf(restored), GPano + "FullPanoWidthPixels"));
    }

    [Fact]
    public void A_packet_of_a_picture_that_is_no_sphere_is_untouched()
    {
        foreach (var old in new[] { JpegFixture.OtherXmp, "not xml at all" })
            Assert.Equal(old, Restore(Plain, JpegFixture.Xmp(old)));
    }

    [Fact]
    public void Several_packets_become_one_with_all_properties()
    {
        foreach (var image in new[] { Plain, Sphere })
        {
            var packet = Restore(image, JpegFixture.Xmp(JpegFixture.OtherXmp), JpegFixture.Comment, JpegFixture.Xmp(Packet("GPano:PosePitchDegrees=\"3.5\"", "<xmp:Rating xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\">1</xmp:Rating>")));
            Assert.Equal("4", Value(packet, Xmp + "Rating"));
            Assert.Equal("3.5", Value(packet, GPano + "PosePitchDegrees"));
        }
    }

    [Fact]
    public void A_broken_packet_does_not_cost_the_whole_one_beside_it()
    {
        var restored = MetadataRestorer.RestoreJpeg(JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Xmp("not xml at all"), JpegFixture.Xmp(JpegFixture.OtherXmp)), Sphere, RestoreOptions.Default);
        Assert.Contains("dropped a broken XMP packet", restored.Notes);
        Assert.Equal("4", Value(PacketOf(restored), Xmp + "Rating"));
        Assert.Equal("equirectangular", Value(PacketOf(restored), GPano + "ProjectionType"));
    }

    [Fact]
    public void Joined_packets_still_name_the_extended_packet_that_stays_in_the_file()
    {
        XName mark = XName.Get("HasExtendedXMP", "http://ns.adobe.com/xmp/note/");
        var main = JpegFixture.OtherXmp.Replace("xmp:Rating=", $"xmlns:n=\"{mark.NamespaceName}\" n:HasExtendedXMP=\"{JpegFixture.ExtendedXmpId}\" xmp:Rating=", StringComparison.Ordinal);
        var packet = Restore(Sphere, JpegFixture.Xmp(main), JpegFixture.Xmp(Packet("GPano:PosePitchDegrees=\"3.5\"", "")), JpegFixture.App(1, JpegFixture.ExtendedXmp(0, "<a/>"u8.ToArray(), 4)));
        Assert.Equal(JpegFixture.ExtendedXmpId, Value(packet, mark));
        Assert.Equal("3.5", Value(packet, GPano + "PosePitchDegrees"));
    }

    [Fact]
    public void A_packet_that_gets_too_long_is_left_alone()
    {
        var old = Packet($"GPano:PosePitchDegrees=\"3.5\" GPano:Long=\"{new string('x', 64_900)}\"", "");
        var restored = MetadataRestorer.RestoreJpeg(JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Xmp(old)), Sphere, RestoreOptions.Default);
        Assert.Equal(old, PacketOf(restored));
        Assert.Contains(restored.Notes, n => n.Contains("XMP", StringComparison.Ordinal));
    }

    private static string Packet(string attributes, string elements) =>
        $"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" {attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta>""";

    private static string Restore(MapillaryImage image, params byte[][] segments) =>
        PacketOf(MetadataRestorer.RestoreJpeg(JpegFixture.Photo(JpegFixture.Baseline, segments), image, RestoreOptions.Default));

    private static string PacketOf(RestoredImage image) =>
        Encoding.UTF8.GetString(Assert.Single(JpegFixture.XmpPackets([.. image.Pieces.SelectMany(p => p.ToArray())])));

    /// <summary>The one value of a property, whether attribute or element.</summary>
    private static string Value(string packet, XName property)
    {
        var document = XDocument.Parse(packet);
        return Assert.Single(document.Descendants(property).Select(e => e.Value).Concat(document.Descendants().Attributes(property).Select(a => a.Value)));
    }
}
