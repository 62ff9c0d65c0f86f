using System.Globalization;
using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace Mapillary.Imaging;

/// <summary>
/// XMP packets (ISO 16684-1) and the GPano properties in them, by which viewers know a panorama
/// (https://developers.google.com/streetview/spherical-metadata).
/// </summary>
internal static class XmpPacket
{
    private const string ChangePrefix = "XMP-GPano:";

    private static readonly XNamespace Rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
    private static readonly XNamespace GPano = "http://ns.google.com/photos/1.0/panorama/";
    private static readonly XName HasExtendedXmp = XName.Get("HasExtendedXMP", "http://ns.adobe.com/xmp/note/");
    private static readonly XmlWriterSettings Writing = new()
    {
        OmitXmlDeclaration = true,
        Encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
        NewLineHandling = NewLineHandling.None,
    };

    /// <summary>A new packet that tells that the picture is a sphere.</summary>
    /// <param name="metadata">The sphere.</param>
    /// <param name="changes">Receives each property.</param>
    public static byte[] OfSphere(ImageMetadata metadata, List<MetadataChange> changes)
    {
        var packet = new StringBuilder(1024);
        packet.Append("<?xpacket begin=\"\uFEFF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n <rdf:RDF xmlns:rdf=\"")
            .Append(Rdf.NamespaceName).Append("\">\n  <rdf:Description rdf:about=\"\" xmlns:GPano=\"").Append(GPano.NamespaceName).Append("\">\n");
        foreach (var (name, value) in SphereProperties(metadata))
        {
            packet.Append("   <GPano:").Append(name).Append('>').Append(value).Append("</GPano:").Append(name).Append(">\n");
            changes.Add(new MetadataChange(ChangePrefix + name, null, value));
        }

        packet.Append("  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"w\"?>");
        return Encoding.UTF8.GetBytes(packet.ToString());
    }

    /// <summary>
    /// Those of several packets that are XML with an RDF element in it. What is more than one packet can be, all together, counts as broken.
    /// </summary>
    public static List<ReadOnlyMemory<byte>> FindReadable(IEnumerable<ReadOnlyMemory<byte>> packets)
    {
        var readable = new List<ReadOnlyMemory<byte>>();
        var room = BoundedXml.LongestText;
        foreach (var packet in packets)
        {
            if (packet.Length > room || Load(packet) is not { } document || FindRdf(document) is null) continue;
            readable.Add(packet);
            room -= packet.Length;
        }

        return readable;
    }

    /// <summary>The packet with the sphere's properties in it and all else kept.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="metadata">The sphere.</param>
    /// <param name="changes">Empty; receives each property that is set.</param>
    /// <returns>The given bytes if it has them already; null if it cannot be read.</returns>
    public static ReadOnlyMemory<byte>? WithSphere(ReadOnlyMemory<byte> packet, ImageMetadata metadata, List<MetadataChange> changes)
    {
        if (Load(packet) is not { } document || FindRdf(document) is not { } rdf) return null;
        var keepsCrop = TellsCrop(rdf, metadata);
        foreach (var (name, value) in SphereProperties(metadata))
        {
            if (keepsCrop && name.EndsWith("Pixels", StringComparison.Ordinal)) continue;
            Set(rdf, GPano + name, value, changes);
        }

        return changes.Count > 0 ? Save(document) : packet;
    }

    /// <summary>
    /// One packet with all properties of several; where two have the same property, the earlier counts.
    /// </summary>
    /// <param name="packets">The packets.</param>
    /// <param name="areParts">
    /// Whether they are a packet and what was split off from it (XMP specification part 3, section 1.1.3.1: extended XMP): then the mark
    /// of the split is taken out.
    /// </param>
    /// <returns>Null if one of them cannot be read.</returns>
    public static ReadOnlyMemory<byte>? Join(IReadOnlyList<ReadOnlyMemory<byte>> packets, bool areParts = false)
    {
        if (Load(packets[0]) is not { } document || FindRdf(document) is not { } rdf) return null;
        var known = Properties(rdf).ToHashSet();
        foreach (var packet in packets.Skip(1))
        {
            if (Load(packet) is not { } other || FindRdf(other) is not { } otherRdf) return null;
            foreach (var description in otherRdf.Elements(Rdf + "Description"))
            {
                var attributes = description.Attributes().Where(a => a.IsNamespaceDeclaration || a.Name.Namespace == Rdf || known.Add(a.Name)).ToList();
                var elements = description.Elements().Where(e => known.Add(e.Name)).ToList();
                if (elements.Count > 0 || attributes.Exists(a => !a.IsNamespaceDeclaration && a.Name.Namespace != Rdf))
                    rdf.Add(new XElement(description.Name, attributes, elements));
            }
        }

        foreach (var description in areParts ? rdf.Elements(Rdf + "Description") : [])
        {
            description.Attribute(HasExtendedXmp)?.Remove();
            description.Element(HasExtendedXmp)?.Remove();
        }

        return Save(document);
    }

    /// <summary>The id of the extended packet that belongs to a packet, or null.</summary>
    public static string? ExtendedPacketId(ReadOnlyMemory<byte> packet)
    {
        if (packet.Span.IndexOf("HasExtendedXMP"u8) < 0 || Load(packet) is not { } document || FindRdf(document) is not { } rdf) return null;
        return rdf.Elements(Rdf + "Description")
            .Select(d => d.Attribute(HasExtendedXmp)?.Value ?? d.Element(HasExtendedXmp)?.Value)
            .FirstOrDefault(id => id is not null)?.Trim();
    }

    private static IEnumerable<(string Name, string Value)> SphereProperties(ImageMetadata metadata)
    {
        var width = metadata.Width.ToString(CultureInfo.InvariantCulture);
        var height = metadata.Height.ToString(CultureInfo.InvariantCulture);
        yield return ("ProjectionType", "equirectangular");
        yield return ("FullPanoWidthPixels", width);
        yield return ("FullPanoHeightPixels", height);
        yield return ("CroppedAreaImageWidthPixels", width);
        yield return ("CroppedAreaImageHeightPixels", height);
        yield return ("CroppedAreaLeftPixels", "0");
        yield return ("CroppedAreaTopPixels", "0");
        if (metadata.Direction is { } direction)
            yield return ("PoseHeadingDegrees", (Math.Round(direction, 6) % 360).ToString("0.######", CultureInfo.InvariantCulture));
    }

    /// <summary>Whether the packet already says of which part of the sphere exactly this picture is; the API does not know that.</summary>
    private static bool TellsCrop(XElement rdf, ImageMetadata metadata)
    {
        return Number("CroppedAreaImageWidthPixels") == metadata.Width
            && Number("CroppedAreaImageHeightPixels") == metadata.Height
            && Number("CroppedAreaLeftPixels") is >= 0 and var left && left + metadata.Width <= Number("FullPanoWidthPixels")
            && Number("CroppedAreaTopPixels") is >= 0 and var top && top + metadata.Height <= Number("FullPanoHeightPixels");

        long? Number(string name)
        {
            var values = rdf.Elements(Rdf + "Description").SelectMany(d => d.Attributes(GPano + name).Select(a => a.Value).Concat(d.Elements(GPano + name).Select(e => e.Value))).ToList();
            return values.Count == 1 && long.TryParse(values[0], NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) && number <= int.MaxValue ? number : null;
        }
    }

    private static void Set(XElement rdf, XName name, string value, List<MetadataChange> changes)
    {
        var attributes = rdf.Elements(Rdf + "Description").Attributes(name).ToList();
        var elements = rdf.Elements(Rdf + "Description").Elements(name).ToList();
        var first = attributes.Count > 0 ? attributes[0].Value : elements.Count > 0 ? elements[0].Value : null;
        if (attributes.Count + elements.Count == 1 && first == value) return;

        attributes.ForEach(a => a.Remove());
        elements.ForEach(e => e.Remove());
        FindOrAddDescription(rdf).Add(new XElement(name, value));
        changes.Add(new MetadataChange(ChangePrefix + name.LocalName, first, value));
    }

    private static XElement FindOrAddDescription(XElement rdf)
    {
        var descriptions = rdf.Elements(Rdf + "Description").ToList();
        var found = descriptions.Find(d => d.Elements().Any(e => e.Name.Namespace == GPano) || d.Attributes().Any(a => a.Name.Namespace == GPano)
            || d.Attributes().Any(a => a.IsNamespaceDeclaration && a.Value == GPano.NamespaceName));
        if (found is not null) return found;

        var about = descriptions.Select(d => d.Attribute(Rdf + "about")?.Value).FirstOrDefault(a => a is not null) ?? "";
        var added = new XElement(Rdf + "Description", new XAttribute(Rdf + "about", about), new XAttribute(XNamespace.Xmlns + "GPano", GPano.NamespaceName));
        rdf.Add(added);
        return added;
    }

    private static IEnumerable<XName> Properties(XElement rdf) => rdf.Elements(Rdf + "Description")
        .SelectMany(d => d.Attributes().Where(a => !a.IsNamespaceDeclaration && a.Name.Namespace != Rdf).Select(a => a.Name).Concat(d.Elements().Select(e => e.Name)));

    private static XElement? FindRdf(XDocument document) => document.Descendants(Rdf + "RDF").FirstOrDefault();

    private static XDocument? Load(ReadOnlyMemory<byte> packet) => BoundedXml.Read(packet.Trim((byte)0));

    private static ReadOnlyMemory<byte> Save(XDocument document)
    {
        var stream = new MemoryStream(4096);
        using (var writer = XmlWriter.Create(stream, Writing)) document.Save(writer);
        return stream.GetBuffer().AsMemory(0, (int)stream.Length);
    }
}
