using System.Text;
using System.Text.Json;

namespace Mapillary.Tests.Graph;

/// <summary>Values that no service sends by mistake, and records with some of them.</summary>
public static class HostileRecords
{
    /// <summary>Every field that is read, and one that is not.</summary>
    public static readonly string[] Fields =
    [
        "altitude", "atomic_scale", "camera_parameters", "camera_type", "captured_at", "compass_angle", "computed_altitude", "computed_compass_angle", "computed_geometry", "computed_rotation", "creator",
        "exif_orientation", "geometry", "height", "is_pano", "make", "merge_cc", "mesh", "model", "organization", "quality_score", "sequence", "sfm_cluster", "thumb_256_url", "thumb_1024_url",
        "thumb_2048_url", "thumb_original_url", "width", "a_field_of_next_year",
    ];

    /// <summary>Texts, as they are and not as JSON has them.</summary>
    private static readonly string[] Texts =
    [
        "", " ", "\0", "a\0b", "a\nb\r\nc", "\u001b[2J\u001b]0;x\u0007", "\u202egpj.x", "\u0085\u009b31m", "\uFEFF", "e\u0301", "é", "👩‍👩‍👧", "x\u2028y", "../../x", "..", "CON", "nul.txt", "-rf", "$(touch x)", "'; --", "a,b;\"c\"",
        "NaN", "Infinity", "-Infinity", "1e999", "0x10", "1,5", "١٢٣", "1970-01-01", "null", "true", "[1,2]", "<x>&y;</x>", "]]>", "%00%2e%2e%2f", new string('x', 300), new string('é', 1000), new string('"', 5000),
        "https://evil.com／.fbcdn.net/x", "https://evil.com%EF%BC%8F.fbcdn.net/x", "https://evil.com\u2100.fbcdn.net", "https://xn--0.fbcdn.net/x", "https://" + new string('a', 70) + ".fbcdn.net/x",
        "https://" + string.Join('.', Enumerable.Repeat("abcdefgh", 40)) + ".fbcdn.net/x", "https://a..fbcdn.net/x", "https://.fbcdn.net/x", "https://-.fbcdn.net/x", "https://a_b.fbcdn.net:443:443/x", "https://a.fbcdn.net:0/x",
        "https://[::1%25eth0]/x", "https://[fe80::1%/x", "http://[::ffff:127.0.0.1]/x", "http://0177.0.0.1/x", "http://127.1:1/x", "https://a.fbcdn.net/x?oe=7FFFFFFFFFFFFFFF", "https://a.fbcdn.net/x?oe=FFFFFFFFFFFFFFFF",
        "https://a.fbcdn.net/x?oe=-1", "https://a.fbcdn.net/%zz?oe=%&oe", "HTTPS:a.fbcdn.net", "https:\\\\a.fbcdn.net\\x", "https://a.fbcdn.net\t/x", "file:///dev/zero", "unix:/x", "\\\\.\\pipe\\x", "http://", "://", ":",
    ];

    /// <summary>Values as JSON has them.</summary>
    private static readonly string[] Literals =
    [
        "null", "true", "false", "0", "-0", "-0.0", "1", "-1", "0.5", "1e-400", "1e400", "-1e400", "1.7976931348623157e308", "-1.7976931348623157e308", "5e-324", "2147483647", "2147483648", "-2147483649", "4294967281",
        "4294967295", "4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551616", "253402300799999", "253402300800000", "-62135596800000", "-62135596800001", "-62167219200000", "1e15", "180.0000001",
        "90.0000001", "-720", "360", "359.9999999", "65536", new string('9', 400), "0." + new string('1', 400), "[]", "{}", "[[]]", "[{}]", "[null]", "[1]", "[1,2]", "[1,2,3]", "[1,\"x\",3]", "[1e400,0,0]", "[0.85,0,0]",
        "[1e308,1e308,1e308]", "[-1,0,0]", "{\"id\":{}}", "{\"id\":[1]}", "{\"id\":null}", "{\"id\":\"\"}", "{\"username\":{},\"id\":1e5}", "{\"username\":\"\\ud800\"}", "{\"username\":\"../x\",\"id\":\"../y\"}", "{\"coordinates\":1}",
        "{\"coordinates\":[]}", "{\"coordinates\":[181,0]}", "{\"coordinates\":[0,-91]}", "{\"coordinates\":[-180,90]}", "{\"coordinates\":[180,-90]}", "{\"coordinates\":[1e400,0]}", "{\"coordinates\":[[1,2]]}", "{\"coordinates\":[\"1\",\"2\"]}",
        "{\"coordinates\":[1,2,3,4]}", "{\"type\":5,\"coordinates\":[1,2],\"coordinates\":[3,4]}", "{\"\\ud800\":1}", "\"\\ud800\"", "\"\\udc00x\"", "\"x\\ud83d\"", "\"\\ud83d\\ude00\"", "\"\\u0000\"", "\"\\u001b\"", "[\"\\ud800\"]",
    ];

    /// <summary>A value as JSON has it.</summary>
    public static string Value(Random random) => random.Next(6) switch
    {
        0 or 1 => JsonSerializer.Serialize(Texts[random.Next(Texts.Length)]),
        2 => $"[{string.Join(',', Enumerable.Repeat(Literals[random.Next(Literals.Length)], random.Next(20)))}]",
        3 => $"{{\"{Fields[random.Next(Fields.Length)]}\":{Literals[random.Next(Literals.Length)]},\"id\":{Literals[random.Next(Literals.Length)]}}}",
        _ => Literals[random.Next(Literals.Length)],
    };

    /// <summary>A record with some of them; mostly with an id, and at times with damage to its bytes.</summary>
    public static byte[] Next(Random random, string sound)
    {
        using var document = JsonDocument.Parse(sound);
        var fields = document.RootElement.EnumerateObject().Select(p => (p.Name, Value: p.Value.GetRawText())).ToList();
        for (var n = random.Next(1, 8); n > 0; n--)
        {
            var name = random.Next(20) == 0 ? "id" : Fields[random.Next(Fields.Length)];
            if (random.Next(2) == 0) fields.RemoveAll(f => f.Name == name);
            fields.Insert(random.Next(fields.Count + 1), (name, Value(random)));
        }

        var record = Encoding.UTF8.GetBytes($"{{{string.Join(',', fields.Select(f => $"\"{f.Name}\":{f.Value}"))}}}");
        if (random.Next(4) != 0) return record;
        for (var n = random.Next(1, 4); n > 0; n--) record[random.Next(1, record.Length)] = (byte)random.Next(256);
        return random.Next(4) == 0 ? record[..random.Next(record.Length)] : record;
    }
}
