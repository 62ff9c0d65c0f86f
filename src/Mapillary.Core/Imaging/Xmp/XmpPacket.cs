using System.Globalization;
using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace Mapillary.Imaging.Xmp;

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

    // Ultra HDR and Google's containers, Apple's gain maps, Dynamic Depth: each property of theirs tells where a part stands, or what it is for.
    private const string GoogleCamera = "http://ns.google.com/photos/1.0/camera/";
    private static readonly string[] FurtherParts =
    [
        "http://ns.adobe.com/hdr-gain-map/1.0/", "http://ns.google.com/photos/1.0/container/", "http://ns.apple.com/HDRGainMap/1.0/",
        "http://ns.google.com/photos/dd/1.0/device/",
    ];

    private static readonly byte[] EmptyPacket = Encoding.UTF8.GetBytes($"<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"{Rdf.NamespaceName}\"/></x:xmpmeta>");
    private static readonly Dictionary<string, XNamespace> Prefixes = new()
    {
        ["dc"] = "http://purl.org/dc/elements/1.1/",
        ["exif"] = "http://ns.adobe.com/exif/1.0/",
        ["Iptc4xmpCore"] = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
        ["photoshop"] = "http://ns.adobe.com/photoshop/1.0/",
        ["xmp"] = "http://ns.adobe.com/xap/1.0/",
    };

    private static readonly XmlWriterSettings Writing = new()
    {
        OmitXmlDeclaration = true,
        Encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
        NewLineHandling = NewLineHandling.None,
    };

    /// <summary>A new packet that tells that the picture is a sphere.</summary>
    /// <param name="sphere">The sphere.</param>
    /// <param name="changes">Receives each property.</param>
    public static byte[] OfSphere(Sphere sphere, List<MetadataChange> changes)
    {
        var packet = new StringBuilder(1024);
        packet.Append("<?xpacket begin=\"\uFEFF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n <rdf:RDF xmlns:rdf=\"")
            .Append(Rdf.NamespaceName).Append("\">\n  <rdf:Description rdf:about=\"\" xmlns:GPano=\"").Append(GPano.NamespaceName).Append("\">\n");
        foreach (var (name, value) in SphereProperties(sphere, crop: null))
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
    /// <param name="sphere">The sphere.</param>
    /// <param name="changes">Empty; receives each property that is set.</param>
    /// <returns>The given bytes if it has them already; null if it cannot be read.</returns>
    public static ReadOnlyMemory<byte>? WithSphere(ReadOnlyMemory<byte> packet, Sphere sphere, List<MetadataChange> changes)
    {
        if (Load(packet) is not { } document || FindRdf(document) is not { } rdf) return null;
        var crop = SphereCrop.Read(name => Number(rdf, name), sphere.Width, sphere.Height);
        foreach (var (name, value) in SphereProperties(sphere, crop)) Set(rdf, GPano + name, value, changes);

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
                var attributes = description.Attributes().Where(a => !IsProperty(a) || known.Add(a.Name)).ToList();
                var elements = description.Elements().Where(e => known.Add(e.Name)).ToList();
                if (elements.Count > 0 || attributes.Exists(IsProperty))
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

    /// <summary>The packet with these properties in it where it has none of their names, and with a comment that it does not say anywhere.</summary>
    /// <param name="packet">The packet; empty for a new one.</param>
    /// <param name="fields">The properties.</param>
    /// <param name="comments">Comments, which go into <c>exif:UserComment</c>.</param>
    /// <returns>The given bytes if nothing is added; null if the packet cannot be read.</returns>
    public static ReadOnlyMemory<byte>? With(ReadOnlyMemory<byte> packet, IEnumerable<XmpField> fields, IEnumerable<string> comments)
    {
        var document = packet.IsEmpty ? Load(EmptyPacket) : Load(packet);
        if (document is null || FindRdf(document) is not { } rdf) return null;
        var known = Properties(rdf).ToHashSet();
        var added = fields.Where(f => known.Add(NameOf(f))).Select(ElementOf).ToList();
        var said = rdf.Elements(Rdf + "Description").SelectMany(d => d.Attributes().Select(a => a.Value).Concat(d.DescendantNodes().OfType<XText>().Select(t => t.Value))).Select(t => t.Trim())
            .Concat(added.SelectMany(e => e.DescendantNodes().OfType<XText>()).Select(t => t.Value.Trim())).ToHashSet(StringComparer.Ordinal);
        var fresh = comments.Select(c => c.Trim()).Where(c => c.Length > 0 && said.Add(c)).ToList();
        if (fresh.Count > 0)
        {
            var field = new XmpField("exif:UserComment", XmpShape.Language, [string.Join('\n', fresh)]);
            // One that is there keeps its place, as the first line.
            var old = rdf.Elements(Rdf + "Description").Elements(NameOf(field)).ToList();
            if (old.Count > 0) field = field with { Values = [string.Join('\n', old.Select(o => o.Value.Trim()).Concat(fresh))] };
            old.ForEach(o => o.Remove());
            added.Add(ElementOf(field));
        }

        if (added.Count == 0) return packet;
        var prefixes = Prefixes.Where(p => added.Exists(e => e.Name.Namespace == p.Value)).Select(p => new XAttribute(XNamespace.Xmlns + p.Key, p.Value.NamespaceName));
        rdf.Add(new XElement(Rdf + "Description", new XAttribute(Rdf + "about", SubjectOf(rdf)), prefixes, added));
        return Save(document);
    }

    /// <summary>The white space in a packet that is there to be used up: in front of the end mark, or at the end. It may be empty.</summary>
    public static (int Start, int End) FindPadding(ReadOnlySpan<byte> packet)
    {
        if (!XmpText.IsUtf8(packet)) return default;
        var end = packet.LastIndexOf("<?xpacket end"u8) is var mark and >= 0 ? mark : packet.Length;
        return (packet[..end].TrimEnd(" \t\r\n"u8).Length, end);
    }

    /// <summary>The packet without what tells of pictures and videos that stand behind the JPEG's own: gain maps, depth maps, motion photos.</summary>
    /// <returns>The given bytes if it tells of none, or cannot be read.</returns>
    public static ReadOnlyMemory<byte> WithoutFurtherParts(ReadOnlyMemory<byte> packet)
    {
        if (packet.IsEmpty || Load(packet) is not { } document || FindRdf(document) is not { } rdf) return packet;
        var descriptions = rdf.Elements(Rdf + "Description").ToList();
        List<XAttribute> attributes = [.. descriptions.Attributes().Where(a => !a.IsNamespaceDeclaration && TellsOfFurtherParts(a.Name))];
        List<XElement> elements = [.. descriptions.Elements().Where(e => TellsOfFurtherParts(e.Name))];
        if (attributes.Count + elements.Count == 0) return packet;
        attributes.ForEach(a => a.Remove());
        elements.ForEach(e => e.Remove());
        return Save(document);
    }

    private static bool TellsOfFurtherParts(XName name) =>
        FurtherParts.Contains(name.NamespaceName)
        || (name.NamespaceName == GoogleCamera && (name.LocalName.StartsWith("MicroVideo", StringComparison.Ordinal) || name.LocalName.StartsWith("MotionPhoto", StringComparison.Ordinal)));

    private static XName NameOf(XmpField field) => Prefixes[field.Name.Split(':')[0]] + field.Name.Split(':')[1];

    private static XElement ElementOf(XmpField field)
    {
        var items = field.Values.Select(v => new XElement(Rdf + "li", field.Shape == XmpShape.Language ? new XAttribute(XNamespace.Xml + "lang", "x-default") : null, v));
        return new XElement(NameOf(field), field.Shape switch
        {
            XmpShape.Text => field.Values[0],
            XmpShape.Bag => new XElement(Rdf + "Bag", items),
            XmpShape.Sequence => new XElement(Rdf + "Seq", items),
            _ => new XElement(Rdf + "Alt", items),
        });
    }

    private static IEnumerable<(string Name, string Value)> SphereProperties(Sphere sphere, SphereCrop? crop)
    {
        yield return ("ProjectionType", "equirectangular");
        foreach (var (name, pixels) in (crop ?? SphereCrop.Whole(sphere.Width, sphere.Height)).Properties())
            yield return (name, pixels.ToString(CultureInfo.InvariantCulture));
        if (sphere.Direction is { } direction)
            yield return ("PoseHeadingDegrees", (Math.Round(direction, 6) % 360).ToString("0.######", CultureInfo.InvariantCulture));
    }

    /// <summary>A property of GPano that is a whole number, and that the packet has once; else null.</summary>
    private static long? Number(XElement rdf, string name)
    {
        var values = rdf.Elements(Rdf + "Description")
            .SelectMany(d => d.Attributes(GPano + name).Select(a => a.Value).Concat(d.Elements(GPano + name).Select(e => e.Value))).ToList();
        return values.Count == 1 && long.TryParse(values[0], NumberStyles.Integer, CultureInfo.InvariantCulture, out var number)
            && number <= int.MaxValue ? number : null;
    }

    private static void Set(XElement rdf, XName name, string value, List<MetadataChange> changes)
    {
        var attributes = rdf.Elements(Rdf + "Description").Attributes(name).ToList();
        var elements = rdf.Elements(Rdf + "Description").Elements(name).ToList();
        var first = attributes.Count > 0 ? attributes[0].Value : elements.Count > 0 ? elements[0].Value : null;
        if (attributes.Count + elements.Count == 1 && first?.Trim() == value) return;

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

        var added = new XElement(
            Rdf + "Description", new XAttribute(Rdf + "about", SubjectOf(rdf)), new XAttribute(XNamespace.Xmlns + "GPano", GPano.NamespaceName));
        rdf.Add(added);
        return added;
    }

    private static IEnumerable<XName> Properties(XElement rdf) => rdf.Elements(Rdf + "Description")
        .SelectMany(d => d.Attributes().Where(IsProperty).Select(a => a.Name).Concat(d.Elements().Select(e => e.Name)));

    /// <summary>Whether an attribute of a description is a property, and none of RDF's own; old packets write those without a prefix.</summary>
    private static bool IsProperty(XAttribute attribute) =>
        !attribute.IsNamespaceDeclaration && attribute.Name.Namespace != Rdf
        && attribute.Name.Namespace != XNamespace.None && attribute.Name.Namespace != XNamespace.Xml;

    /// <summary>What the descriptions are about; empty for the file itself. All of a packet have to say the same.</summary>
    private static string SubjectOf(XElement rdf) =>
        rdf.Elements(Rdf + "Description").Select(d => (d.Attribute(Rdf + "about") ?? d.Attribute("about"))?.Value)
            .FirstOrDefault(a => a is not null) ?? "";

    private static XElement? FindRdf(XDocument document) => document.Descendants(Rdf + "RDF").FirstOrDefault();

    private static XDocument? Load(ReadOnlyMemory<byte> packet)
    {
        if (XmpText.IsUtf8(packet.Span) && BoundedXml.Read(packet.Trim((byte)0)) is { } document) return document;
        var text = XmpText.Decode(packet.Span);
        return BoundedXml.Read(text)
            ?? XmpText.FindElements(text).Select(BoundedXml.Read).FirstOrDefault(d => d is not null && FindRdf(d) is not null);
    }

    private static ReadOnlyMemory<byte> Save(XDocument document)
    {
        var stream = new MemoryStream(4096);
        using (var writer = XmlWriter.Create(stream, Writing)) document.Save(writer);
        return stream.GetBuffer().AsMemory(0, (int)stream.Length);
    }
}
