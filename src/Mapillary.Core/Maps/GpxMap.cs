using System.Globalization;
using System.Text;
using System.Xml;

namespace Mapillary.Maps;

/// <summary>
/// Writes GPX 1.1 (http://www.topografix.com/GPX/1/1/gpx.xsd, whose elements have a fixed order): a track a sequence, a point an image.
/// Images without a sequence are waypoints.
/// </summary>
internal static class GpxMap
{
    private const string Namespace = "http://www.topografix.com/GPX/1/1";
    private const string SchemaNamespace = "http://www.w3.org/2001/XMLSchema-instance";

    public static void Write(Stream stream, IReadOnlyList<MapSequence> sequences, CancellationToken cancellationToken)
    {
        using var xml = XmlWriter.Create(stream, new XmlWriterSettings { Encoding = new UTF8Encoding(false), Indent = true, IndentChars = " ", NewLineChars = "\n" });
        xml.WriteStartDocument();
        xml.WriteStartElement("gpx", Namespace);
        xml.WriteAttributeString("version", "1.1");
        xml.WriteAttributeString("creator", Product.Name);
        xml.WriteAttributeString("xsi", "schemaLocation", SchemaNamespace, $"{Namespace} {Namespace}/gpx.xsd");
        foreach (var photo in sequences.Where(s => s.Id is null).SelectMany(s => s.Photos)) WritePoint(xml, "wpt", photo);
        foreach (var sequence in sequences.Where(s => s.Id is not null))
        {
            cancellationToken.ThrowIfCancellationRequested();
            WriteTrack(xml, sequence);
        }

        xml.WriteEndElement();
    }

    private static void WriteTrack(XmlWriter xml, MapSequence sequence)
    {
        xml.WriteStartElement("trk", Namespace);
        WriteText(xml, "name", sequence.Id!);
        if (sequence.Camera is { } camera) WriteText(xml, "desc", camera);
        WriteText(xml, "src", sequence.Creator is null ? "Mapillary" : $"@{sequence.Creator} on Mapillary");
        xml.WriteStartElement("trkseg", Namespace);
        foreach (var photo in sequence.Photos) WritePoint(xml, "trkpt", photo);
        xml.WriteEndElement();
        xml.WriteEndElement();
    }

    private static void WritePoint(XmlWriter xml, string kind, MapPhoto photo)
    {
        xml.WriteStartElement(kind, Namespace);
        xml.WriteAttributeString("lat", Number(photo.Latitude, "0.#######"));
        // The schema has the antimeridian as -180 only.
        var longitude = Math.Round(photo.Longitude, 7);
        xml.WriteAttributeString("lon", Number(longitude >= 180 ? -180 : longitude, "0.#######"));
        if (photo.Altitude is { } altitude) xml.WriteElementString("ele", Namespace, Number(altitude, "0.###"));
        if (GeoJsonMap.Time(photo.CapturedAt) is { } time) xml.WriteElementString("time", Namespace, time);
        WriteText(xml, "name", photo.Id);
        xml.WriteStartElement("link", Namespace);
        xml.WriteAttributeString("href", photo.Url);
        xml.WriteEndElement();
        xml.WriteEndElement();
    }

    private static void WriteText(XmlWriter xml, string name, string text) => xml.WriteElementString(name, Namespace, OnlyXmlCharacters(text));

    private static string Number(double number, string format) => number.ToString(format, CultureInfo.InvariantCulture);

    /// <summary>XML has no way to write control characters and halves of pairs (XML 1.0, section 2.2); names from outside may hold them.</summary>
    private static string OnlyXmlCharacters(string text)
    {
        var clean = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (i + 1 < text.Length && XmlConvert.IsXmlSurrogatePair(text[i + 1], text[i])) clean.Append(text, i++, 2);
            else clean.Append(XmlConvert.IsXmlChar(text[i]) ? text[i] : '\uFFFD');
        }

        return clean.ToString();
    }
}
