using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace Mapillary;

/// <summary>
/// Reads XML that others wrote, within bounds: its tree is built only after a look at how deep and how large it would become, because
/// trees are walked by calls within calls, and a program whose stack is full cannot go on.
/// </summary>
internal static class BoundedXml
{
    /// <summary>The deepest that elements may stand in each other. XMP needs some ten levels, an error of archive.org two.</summary>
    public const int DeepestLevel = 64;

    /// <summary>The most elements, texts and comments.</summary>
    public const int MostNodes = 100_000;

    /// <summary>The most attributes of one element, each of which is compared with the others.</summary>
    public const int MostAttributes = 1_000;

    /// <summary>The longest text in bytes. Extended XMP with a depth map in it has some MiB.</summary>
    public const int LongestText = 16 * 1024 * 1024;

    private static readonly XmlReaderSettings Reading = new()
    {
        DtdProcessing = DtdProcessing.Prohibit,
        XmlResolver = null,
        MaxCharactersInDocument = LongestText,
    };

    /// <summary>Reads a document, its white space included.</summary>
    /// <returns>Null where it is no XML, has a document type, or goes beyond the bounds.</returns>
    public static XDocument? Read(ReadOnlyMemory<byte> xml)
    {
        if (xml.Length > LongestText) return null;
        var bytes = xml.ToArray();
        return Read(() => XmlReader.Create(new MemoryStream(bytes), Reading));
    }

    /// <summary>Reads a document, its white space included, whatever encoding it says that it has.</summary>
    /// <returns>Null where it is no XML, has a document type, or goes beyond the bounds.</returns>
    public static XDocument? Read(string xml) =>
        xml.Length > LongestText ? null : Read(() => XmlReader.Create(new StringReader(xml), Reading));

    private static XDocument? Read(Func<XmlReader> open)
    {
        try
        {
            using (var look = open())
            {
                if (!IsWithinBounds(look)) return null;
            }

            using var reader = open();
            return XDocument.Load(reader, LoadOptions.PreserveWhitespace);
        }
        catch (Exception e) when (e is XmlException or DecoderFallbackException or ArgumentException)
        {
            return null;
        }
    }

    private static bool IsWithinBounds(XmlReader reader)
    {
        for (var nodes = 0; reader.Read();)
        {
            if (reader.Depth > DeepestLevel || reader.AttributeCount > MostAttributes || ++nodes > MostNodes) return false;
        }

        return true;
    }
}
