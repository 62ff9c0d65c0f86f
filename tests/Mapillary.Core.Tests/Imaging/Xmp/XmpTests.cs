using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Metadata;

namespace Mapillary.Tests.Imaging;

public sealed class XmpTests : IDisposable
{
    private static readonly XNamespace GPano = "http://ns.google.com/photos/1.0/panorama/";
    private static readonly XNamespace Xmp = "http://ns.adobe.com/xap/1.0/";
    private static readonly MapillaryImage Sphere = MapillaryImage.Parse("""{"id":"1","camera_type":"spherical","computed_compass_angle":-0.25}""");
    private static readonly MapillaryImage Plain = MapillaryImage.Parse("""{"id":"1","camera_type":"perspective"}""");

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_packet_is_kept_in_whatever_encoding_and_whatever_stands_around_its_element()
    {
        Tool.Require("exiftool");
        // exiftool knows the encoding by the mark in the wrapper.
        var packet = Regex.Replace(JpegFixture.OtherXmp, "begin=\"[^\"]*\"", "begin=\"\uFEFF\"");
        var inner = packet[packet.IndexOf("<x:xmpmeta", StringComparison.Ordinal)..(packet.IndexOf("</x:xmpmeta>", StringComparison.Ordinal) + 12)];
        var utf8 = Encoding.UTF8.GetBytes(packet);
        Dictionary<string, byte[]> packets = new()
        {
            ["utf-16 big"] = Encoding.BigEndianUnicode.GetBytes(packet),
            ["utf-16 little"] = Encoding.Unicode.GetBytes(packet),
            ["utf-16 big, mark"] = [0xFE, 0xFF, .. Encoding.BigEndianUnicode.GetBytes(packet)],
            ["utf-16 little, mark"] = [0xFF, 0xFE, .. Encoding.Unicode.GetBytes(packet), 0, 0],
            ["utf-8, mark"] = [0xEF, 0xBB, 0xBF, .. utf8],
            ["zeros behind"] = [.. utf8, 0, 0, 0],
            ["zeros in the padding"] = Encoding.UTF8.GetBytes(packet.Replace("<?xpacket end", "\0\0  \0<?xpacket end", StringComparison.Ordinal)),
            ["end mark cut"] = utf8[..^5],
            ["end mark and padding cut"] = Encoding.UTF8.GetBytes(packet[..(packet.IndexOf("</x:xmpmeta>", StringComparison.Ordinal) + 12)] + "   \n <"),
            ["junk behind"] = Encoding.UTF8.GetBytes(packet.Replace("<?xpacket end", "& junk <a <?xpacket end", StringComparison.Ordinal)),
            ["junk behind all"] = Encoding.UTF8.GetBytes(inner + "</x:xmpmeta> and more"),
            ["no outer element"] = Encoding.UTF8.GetBytes(Regex.Replace(packet, "</?x:xmpmeta[^>]*>", ""))[..^5],
        };
        foreach (var (name, bytes) in packets)
        {
            var served = JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.App(1, [.. "http://ns.adobe.com/xap/1.0/\0"u8, .. bytes]));
            _folder.Write(name + " a.jpg", served);
            var restored = MetadataRestorer.RestoreJpeg(served, Sphere, RestoreOptions.Default);
            Assert.True(restored.Notes.Count == 0, $"{name}: {string.Join("; ", restored.Notes)}");
            _folder.Write(name + " b.jpg", restored.Pieces);
            Assert.False(MetadataRestorer.RestoreJpeg(restored.Pieces.SelectMany(p => p.ToArray()).ToArray(), Sphere, RestoreOptions.Default).Changed, name);
        }

        var read = Tool.ExifTool(_folder.Path, "-G1", "-XMP:all");
        var faults = Tool.ExifToolFaults(_folder.Path);
        foreach (var name in packets.Keys)
        {
            var (before, after) = (read[name + " a.jpg"], read[name + " b.jpg"]);
            foreach (var tag in new[] { "XMP-xmp:Rating", "XMP-xmp:Label", "XMP-dc:Subject" }) Assert.True(before.ContainsKey(tag) && before[tag] == after.GetValueOrDefault(tag), $"{name}: {tag} is '{after.GetValueOrDefault(tag)}', not '{before.GetValueOrDefault(tag)}'");
            Assert.Equal("equirectangular", after["XMP-GPano:ProjectionType"]);
            Assert.True(!faults[name + " b.jpg"].Except(faults[name + " a.jpg"]).Any(), $"{name}: {string.Join("; ", faults[name + " b.jpg"])}");
        }
    }

    [Fact]
    public void What_is_added_is_about_the_same_as_the_rest_also_where_that_is_said_without_a_prefix()
    {
        Tool.Require("exiftool");
        foreach (var about in new[] { "about=\"uuid:1\"", "rdf:about=\"uuid:1\"" })
        {
            var served = JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Xmp(JpegFixture.OtherXmp.Replace("rdf:about=\"\"", about, StringComparison.Ordinal)));
            _folder.Write("packet.jpg", MetadataRestorer.RestoreJpeg(served, Sphere, RestoreOptions.Default).Pieces);
            var read = Tool.ExifTool(_folder.Path, "-G1", "-XMP:all", "-warning", "-validate")["packet.jpg"];
            Assert.Equal(("uuid:1", "4", "equirectangular"), (read["XMP-rdf:About"], read["XMP-xmp:Rating"], read["XMP-GPano:ProjectionType"]));
            Assert.DoesNotContain("ExifTool:Warning", read.Keys);
        }
    }

    [Theory]
    // Half as large; a little larger; as wide, in whole pixels, as a third is.
    [InlineData("256 128 128 96 64 16", "128 64 64 48 32 8")]
    [InlineData("80 40 32 24 8 4", "160 80 64 48 16 8")]
    [InlineData("600 300 193 145 0 150", "199 99 64 48 0 50")]
    // What cannot be, or tells of a picture of another shape, counts for nothing.
    [InlineData("100 100 128 96 0 0", "64 48 64 48 0 0")]
    [InlineData("256 128 128 64 64 16", "64 48 64 48 0 0")]
    [InlineData("256 128 0 0 0 0", "64 48 64 48 0 0")]
    [InlineData("256 128 128 96 -1 16", "64 48 64 48 0 0")]
    public void A_crop_that_the_file_describes_in_another_scale_gets_the_scale_of_the_picture(string before, string after)
    {
        string[] names = ["FullPanoWidthPixels", "FullPanoHeightPixels", "CroppedAreaImageWidthPixels", "CroppedAreaImageHeightPixels", "CroppedAreaLeftPixels", "CroppedAreaTopPixels"];
        var attributes = string.Join(' ', names.Zip(before.Split(' ')).Select(p => $"GPano:{p.First}=\"{p.Second}\""));
        var packet = Restore(Sphere, JpegFixture.Xmp(Packet(attributes, "")));
        Assert.Equal(after, string.Join(' ', names.Select(n => Value(packet, GPano + n))));
        Assert.Equal(packet, Restore(Sphere, JpegFixture.Xmp(packet)));
    }

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
        Assert.Contains($"replaced a broken XMP packet: {broken}", restored.Notes);
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
        Assert.Contains("dropped a broken XMP packet: not xml at all", restored.Notes);
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
