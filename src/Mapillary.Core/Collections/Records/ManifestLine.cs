using System.Buffers;
using System.Text.Json;
using Mapillary.Imaging;
using Mapillary.Imaging.Forms;

namespace Mapillary.Collections.Records;

/// <summary>
/// A line of a manifest, a JSON object: about an image, its entry or, where there is none, that it is taken out of the list; or about a tar.
/// An image's line has <c>made</c> with those options that were not the default; a line without it does not say how the image was made.
/// </summary>
/// <param name="Id">The image; null where the line is about a tar.</param>
/// <param name="Entry">What is said of the image.</param>
/// <param name="Tar">What is said of a tar.</param>
internal readonly record struct ManifestLine(string? Id, ManifestEntry? Entry, ManifestTar? Tar)
{
    /// <summary>More than any name of a time zone has; the manifest may be somebody else's.</summary>
    private const int LongestTimeZone = 100;

    /// <summary>More earlier copies than any image has.</summary>
    private const int MostCopies = 1000;

    /// <summary>The line of an image, with its line feed.</summary>
    public static byte[] Of(ManifestEntry entry) => Line(json => Write(json, entry));

    /// <summary>The line of a tar.</summary>
    public static byte[] Of(ManifestTar tar) => Line(json =>
    {
        json.WriteStartObject();
        json.WriteString("tar", tar.Name);
        json.WriteNumber("bytes", tar.Bytes);
        json.WriteString("md5", tar.Md5);
        json.WriteEndObject();
    });

    /// <summary>The line that takes an image out of the list.</summary>
    public static byte[] OfRemoved(string id) => Line(json =>
    {
        json.WriteStartObject();
        json.WriteString("id", id);
        json.WriteBoolean("removed", true);
        json.WriteEndObject();
    });

    /// <summary>What a line says; null for one that says nothing.</summary>
    public static ManifestLine? Parse(ReadOnlySpan<byte> text)
    {
        try
        {
            var reader = new Utf8JsonReader(text);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return null;
            var line = Fields.Read(ref reader, isCopy: false);
            if (line.Id is null) return line.ToTar() is { } tar ? new ManifestLine(null, null, tar) : null;
            if (line.Id.Length == 0) return null;
            if (line.IsRemoved) return new ManifestLine(line.Id, null, null);
            return line.ToEntry(line.Id) is { } entry ? new ManifestLine(line.Id, entry, null) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    private static byte[] Line(Action<Utf8JsonWriter> write)
    {
        var line = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(line)) write(json);
        line.Write("\n"u8);
        return line.WrittenSpan.ToArray();
    }

    private static void Write(Utf8JsonWriter json, ManifestEntry entry)
    {
        json.WriteStartObject();
        json.WriteString("id", entry.Id);
        WriteFile(json, entry);
        if (entry.IsPending) json.WriteBoolean("pending", true);
        if (entry.IsDamaged) json.WriteBoolean("damaged", true);
        if (entry.Superseded.Count > 0)
        {
            json.WriteStartArray("superseded");
            foreach (var copy in entry.Superseded)
            {
                json.WriteStartObject();
                WriteFile(json, copy);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void WriteFile(Utf8JsonWriter json, ManifestEntry entry)
    {
        json.WriteString("path", entry.Path);
        json.WriteNumber("bytes", entry.Bytes);
        json.WriteString("sha256", entry.Sha256);
        if (entry.Tar is not null)
        {
            json.WriteString("tar", entry.Tar);
            if (entry.Offset is { } offset) json.WriteNumber("offset", offset);
        }

        if (entry.Warning is not null) json.WriteString("warning", entry.Warning);
        if (entry.Made is not { } made) return;
        json.WriteStartObject("made");
        if (!made.IsRestored) json.WriteBoolean("exif", false);
        if (made.Position == PositionSource.Original) json.WriteString("geometry", "original");
        if (!made.IsUtc) json.WriteString("time_zone", made.TimeZone);
        if (made.WebpQuality != WebpForm.DefaultQuality) json.WriteNumber("webp_quality", made.WebpQuality);
        json.WriteEndObject();
    }

    /// <summary>How a file was made; null where that is not told in a way that this version knows.</summary>
    private static MadeWith? ReadMade(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw new FormatException();
        var made = MadeWith.Default;
        var isKnown = true;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            switch (name)
            {
                case "exif": made = made with { IsRestored = reader.GetBoolean() }; break;
                case "geometry" when reader.ValueTextEquals("original"): made = made with { Position = PositionSource.Original }; break;
                case "time_zone" when reader.GetString() is { Length: > 0 and <= LongestTimeZone } zone:
                    made = made with { TimeZone = zone };
                    break;
                case "webp_quality": made = made with { WebpQuality = reader.GetInt32() }; break;
                default:
                    isKnown = false;
                    reader.Skip();
                    break;
            }
        }

        return isKnown ? made : null;
    }

    /// <summary>The fields of a line, or of an earlier copy in one.</summary>
    private struct Fields
    {
        private string? _path, _sha256, _tar, _md5, _warning;
        private long _bytes;
        private long? _offset;
        private bool _isPending, _isDamaged;
        private MadeWith? _made;
        private List<Fields>? _superseded;

        public string? Id { get; private set; }

        public bool IsRemoved { get; private set; }

        /// <param name="reader">Stands at the beginning of an object, and then at its end.</param>
        /// <param name="isCopy">Whether it is an earlier copy, which has none of its own.</param>
        public static Fields Read(ref Utf8JsonReader reader, bool isCopy)
        {
            var fields = new Fields { _bytes = -1 };
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = reader.GetString();
                reader.Read();
                switch (name)
                {
                    case "id": fields.Id = reader.GetString(); break;
                    case "path": fields._path = reader.GetString(); break;
                    case "sha256": fields._sha256 = reader.GetString(); break;
                    case "tar": fields._tar = reader.GetString(); break;
                    case "offset": fields._offset = reader.GetInt64(); break;
                    case "md5": fields._md5 = reader.GetString(); break;
                    case "removed": fields.IsRemoved = reader.GetBoolean(); break;
                    case "bytes": fields._bytes = reader.GetInt64(); break;
                    case "warning": fields._warning = reader.GetString(); break;
                    case "made": fields._made = ReadMade(ref reader); break;
                    case "pending": fields._isPending = reader.GetBoolean(); break;
                    case "damaged": fields._isDamaged = reader.GetBoolean(); break;
                    case "superseded" when !isCopy: fields._superseded = ReadCopies(ref reader); break;
                    default: reader.Skip(); break;
                }
            }

            return fields;
        }

        public readonly ManifestEntry? ToEntry(string id)
        {
            if (_path is not { Length: > 0 } path || _sha256 is null || _bytes < 0) return null;
            var entry = new ManifestEntry(id, path, _bytes, _sha256, _tar)
            {
                Offset = _tar is not null && _offset >= 0 ? _offset : null, Made = _made, Warning = _warning, IsPending = _isPending, IsDamaged = _isDamaged,
            };
            if (_superseded is null) return entry;
            return entry with { Superseded = [.. _superseded.Select(c => c.ToEntry(id)).OfType<ManifestEntry>()] };
        }

        public readonly ManifestTar? ToTar() =>
            _tar is { Length: > 0 } tar && ManifestTar.IsMd5(_md5) && _bytes >= 0 ? new ManifestTar(tar, _bytes, _md5) : null;

        private static List<Fields> ReadCopies(ref Utf8JsonReader reader)
        {
            if (reader.TokenType != JsonTokenType.StartArray) throw new FormatException();
            var copies = new List<Fields>();
            while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
            {
                if (copies.Count == MostCopies) throw new FormatException();
                copies.Add(Read(ref reader, isCopy: true));
            }

            return copies;
        }
    }
}
