using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Mapillary.Imaging.Xmp;

/// <summary>
/// The fields of IPTC's older form (IIM 4.2), which JPEG holds in Photoshop's segments, and where the newer form, in XMP, has each of them
/// (IPTC Photo Metadata Standard, "IPTC Core", mapping to IIM).
/// </summary>
internal static class IptcFields
{
    private const ushort IptcResource = 0x0404;
    private const int CodedCharacterSet = (1 << 8) + 90;
    private const int DateCreated = (2 << 8) + 55;
    private const int TimeCreated = (2 << 8) + 60;
    private const int DigitalCreationDate = (2 << 8) + 62;
    private const int DigitalCreationTime = (2 << 8) + 63;

    private static readonly Dictionary<int, (string Name, XmpShape Shape)> Places = new()
    {
        [4] = ("Iptc4xmpCore:IntellectualGenre", XmpShape.Text),
        [5] = ("dc:title", XmpShape.Language),
        [10] = ("photoshop:Urgency", XmpShape.Text),
        [12] = ("Iptc4xmpCore:SubjectCode", XmpShape.Bag),
        [15] = ("photoshop:Category", XmpShape.Text),
        [20] = ("photoshop:SupplementalCategories", XmpShape.Bag),
        [25] = ("dc:subject", XmpShape.Bag),
        [40] = ("photoshop:Instructions", XmpShape.Text),
        [55] = ("photoshop:DateCreated", XmpShape.Text),
        [62] = ("xmp:CreateDate", XmpShape.Text),
        [65] = ("xmp:CreatorTool", XmpShape.Text),
        [80] = ("dc:creator", XmpShape.Sequence),
        [85] = ("photoshop:AuthorsPosition", XmpShape.Text),
        [90] = ("photoshop:City", XmpShape.Text),
        [92] = ("Iptc4xmpCore:Location", XmpShape.Text),
        [95] = ("photoshop:State", XmpShape.Text),
        [100] = ("Iptc4xmpCore:CountryCode", XmpShape.Text),
        [101] = ("photoshop:Country", XmpShape.Text),
        [103] = ("photoshop:TransmissionReference", XmpShape.Text),
        [105] = ("photoshop:Headline", XmpShape.Text),
        [110] = ("photoshop:Credit", XmpShape.Text),
        [115] = ("photoshop:Source", XmpShape.Text),
        [116] = ("dc:rights", XmpShape.Language),
        [120] = ("dc:description", XmpShape.Language),
        [122] = ("photoshop:CaptionWriter", XmpShape.Text),
    };

    private static ReadOnlySpan<byte> ResourceSignature => "8BIM"u8;

    /// <summary>Reads the fields out of Photoshop's resources; what is broken ends the reading.</summary>
    /// <param name="resources">The contents of all of a file's Photoshop segments.</param>
    /// <param name="placeless">Receives the names, such as <c>2:118</c>, of fields that XMP has no place for.</param>
    public static List<XmpField> Read(ReadOnlySpan<byte> resources, List<string> placeless)
    {
        // A resource: signature, number, a name of odd length or with a zero, length, content, all on even places.
        for (var at = 0; at + 12 <= resources.Length && resources[at..].StartsWith(ResourceSignature);)
        {
            var number = BinaryPrimitives.ReadUInt16BigEndian(resources[(at + 4)..]);
            var content = at + 6 + ((resources[at + 6] + 2) & ~1);
            if (content + 4 > resources.Length) break;
            var length = BinaryPrimitives.ReadUInt32BigEndian(resources[content..]);
            content += 4;
            if (content + (long)length > resources.Length) break;
            if (number == IptcResource) return ReadRecords(resources.Slice(content, (int)length), placeless);
            at = content + (int)((length + 1) & ~1u);
        }

        return [];
    }

    private static List<XmpField> ReadRecords(ReadOnlySpan<byte> iptc, List<string> placeless)
    {
        var values = new SortedDictionary<int, List<byte[]>>();
        // A field: a mark, record, number, length. A longer one than 32,767 bytes says in how many bytes its length follows.
        for (var at = 0; at + 5 <= iptc.Length && iptc[at] == 0x1C;)
        {
            var field = (iptc[at + 1] << 8) + iptc[at + 2];
            int length = BinaryPrimitives.ReadUInt16BigEndian(iptc[(at + 3)..]);
            at += 5;
            if ((length & 0x8000) != 0)
            {
                var digits = length & 0x7FFF;
                if (digits is 0 or > 4 || at + digits > iptc.Length) break;
                var longLength = 0L;
                for (; digits > 0; digits--) longLength = (longLength << 8) + iptc[at++];
                if (longLength > iptc.Length) break;
                length = (int)longLength;
            }

            if (at + length > iptc.Length) break;
            if (!values.TryGetValue(field, out var list)) values[field] = list = [];
            list.Add(iptc.Slice(at, length).ToArray());
            at += length;
        }

        var isUtf8 = values.TryGetValue(CodedCharacterSet, out var sets) && sets[0].AsSpan().SequenceEqual("\x1B%G"u8);
        var fields = new List<XmpField>();
        foreach (var (field, contents) in values)
        {
            var (record, number) = (field >> 8, field & 0xFF);
            // The envelope and the version tell of the transport; times stand with their dates.
            if (record == 1 || number == 0 || field is TimeCreated or DigitalCreationTime) continue;
            var texts = contents.Select(c => Decode(c, isUtf8)).Where(t => t.Length > 0).ToArray();
            if (texts.Length == 0) continue;
            if (field is DateCreated or DigitalCreationDate)
                texts = Date(texts[0], values.GetValueOrDefault(field == DateCreated ? TimeCreated : DigitalCreationTime)?[0]) is { } date ? [date] : [];
            if (record != 2 || !Places.TryGetValue(number, out var place) || texts.Length == 0) placeless.Add(string.Create(CultureInfo.InvariantCulture, $"{record}:{number}"));
            else fields.Add(new XmpField(place.Name, place.Shape, place.Shape is XmpShape.Text or XmpShape.Language ? [string.Join("; ", texts)] : texts));
        }

        return fields;
    }

    /// <summary>"20090603" and "170222+0200" as XMP has them; what is zero is not known.</summary>
    private static string? Date(string date, byte[]? time)
    {
        if (date.Length != 8 || date.AsSpan().ContainsAnyExceptInRange('0', '9') || date.StartsWith("0000", StringComparison.Ordinal)) return null;
        if (date.EndsWith("0000", StringComparison.Ordinal)) return date[..4];
        if (date.EndsWith("00", StringComparison.Ordinal)) return $"{date[..4]}-{date[4..6]}";
        var day = $"{date[..4]}-{date[4..6]}-{date[6..]}";
        var text = time is null ? "" : Encoding.ASCII.GetString(time);
        if (text.Length < 6 || text.AsSpan(0, 6).ContainsAnyExceptInRange('0', '9')) return day;
        var zone = text.Length == 11 && text[6] is '+' or '-' ? $"{text[6..9]}:{text[9..]}" : "";
        return $"{day}T{text[..2]}:{text[2..4]}:{text[4..6]}{zone}";
    }

    /// <summary>Text of a JPEG that does not say how it is written: UTF-8 where it can be, else that of Windows in the west.</summary>
    internal static string Decode(ReadOnlySpan<byte> text, bool isUtf8 = false)
    {
        text = text.TrimEnd((byte)0);
        var decoded = isUtf8 || System.Text.Unicode.Utf8.IsValid(text) ? Encoding.UTF8.GetString(text) : CodePagesEncodingProvider.Instance.GetEncoding(1252)!.GetString(text);
        // XML has no other control characters.
        return string.Concat(decoded.Where(c => c is '\t' or '\n' or '\r' || (!char.IsControl(c) && c is not ('\uFFFE' or '\uFFFF'))));
    }
}
