using System.Text;
using System.Text.RegularExpressions;

namespace Mapillary.Imaging.Xmp;

/// <summary>The text of an XMP packet: its encoding, and the element in it that counts, whatever stands around it.</summary>
internal static partial class XmpText
{
    private const int LongestExcerpt = 4000;

    // An outer and an inner element; more is rubbish, each of which would be read.
    private const int MostElements = 4;

    private const string Begin = "<?xpacket begin=\"\uFEFF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>";
    private const string End = "<?xpacket end=\"w\"?>";

    /// <summary>Whether a packet is in UTF-8, which every packet in a JPEG should be (XMP specification part 3, section 1.1.3).</summary>
    public static bool IsUtf8(ReadOnlySpan<byte> packet) => EncodingOf(packet) is UTF8Encoding;

    /// <summary>The packet as text, without a byte order mark and without the zeros around it.</summary>
    public static string Decode(ReadOnlySpan<byte> packet) => EncodingOf(packet).GetString(packet).Trim('\0', '\uFEFF');

    /// <summary>The packet in UTF-8; the same bytes if it is.</summary>
    public static ReadOnlyMemory<byte> InUtf8(ReadOnlyMemory<byte> packet) =>
        IsUtf8(packet.Span) ? packet : Encoding.UTF8.GetBytes(Decode(packet.Span));

    /// <summary>
    /// What may be the element of the metadata in a text that is no XML as a whole: the outer one, then the inner. In a wrapper if there
    /// was one.
    /// </summary>
    public static IEnumerable<string> FindElements(string text)
    {
        foreach (var match in StartTag().Matches(text).Take(MostElements))
        {
            var endTag = $"</{match.Groups[1].Value}>";
            var end = text.IndexOf(endTag, match.Index, StringComparison.Ordinal);
            if (end < 0) continue;
            var element = text[match.Index..(end + endTag.Length)];
            yield return text.Contains("<?xpacket", StringComparison.Ordinal) ? $"{Begin}\n{element}\n{End}" : element;
        }
    }

    /// <summary>What a packet says, for a person to read: the text on one line, of a long one the start.</summary>
    public static string Excerpt(ReadOnlySpan<byte> packet)
    {
        var text = new StringBuilder();
        foreach (var c in Decode(packet))
        {
            var isBlank = char.IsWhiteSpace(c) || char.IsControl(c);
            if (isBlank && (text.Length == 0 || text[^1] == ' ')) continue;
            if (text.Length == LongestExcerpt) return text.Append('…').ToString();
            text.Append(isBlank ? ' ' : c);
        }

        return text.ToString().TrimEnd();
    }

    /// <summary>By the mark of the byte order, or by where the zeros of the first characters stand; these are of ASCII.</summary>
    private static Encoding EncodingOf(ReadOnlySpan<byte> packet)
    {
        if (packet.Length < 4) return Encoding.UTF8;
        return (packet[0], packet[1], packet[2], packet[3]) switch
        {
            (0, 0, 0xFE, 0xFF) => new UTF32Encoding(bigEndian: true, byteOrderMark: true),
            (0, 0, 0, not 0) when packet.Length > 4 && packet[4] == 0 => new UTF32Encoding(bigEndian: true, byteOrderMark: true),
            (0xFF, 0xFE, 0, 0) or (not 0, 0, 0, 0) => Encoding.UTF32,
            (0xFE, 0xFF, _, _) or (0, not 0, 0, not 0) => Encoding.BigEndianUnicode,
            (0xFF, 0xFE, _, _) or (not 0, 0, not 0, 0) => Encoding.Unicode,
            _ => Encoding.UTF8,
        };
    }

    [GeneratedRegex(@"<((?:[A-Za-z_][\w.-]*:)?(?:xmpmeta|xapmeta|RDF))(?=[\s>])", RegexOptions.CultureInvariant)]
    private static partial Regex StartTag();
}
