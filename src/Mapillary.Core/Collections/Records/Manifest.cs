using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using Mapillary.Collections.Files;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;

namespace Mapillary.Collections.Records;

/// <summary>A tar of the collection.</summary>
/// <param name="Name">Its file name.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Md5">Its MD5, lower-case hexadecimal, as it was read back when it was made: archive.org keeps this checksum.</param>
internal sealed record ManifestTar(string Name, long Bytes, string Md5)
{
    /// <summary>Whether a text is an MD5 as it is noted: 32 digits, lower-case hexadecimal.</summary>
    public static bool IsMd5([NotNullWhen(true)] string? text) => text is { Length: 32 } && text.All(char.IsAsciiHexDigitLower);
}

/// <summary>
/// The list of what is finished, one JSON object a line, appended to as images finish; a later line about an image replaces an
/// earlier one, and one that says <c>removed</c> takes the image out of the list. Lines without an id tell of tars. In memory there is only where each image's line stands, so that a million images cost some 40 MB.
/// One that says <c>damaged</c> has a file that is not what it says; the image is fetched again.
/// An image's line has <c>made</c> with those options that were not the default; a line without it does not say how the image was made.
/// </summary>
internal sealed class Manifest : IDisposable
{
    public const string FileName = "manifest.jsonl";

    /// <summary>More than any name of a time zone has; the manifest may be somebody else's.</summary>
    private const int LongestTimeZone = 100;

    /// <summary>More earlier copies than any image has.</summary>
    private const int MostCopies = 1000;

    private readonly JsonLinesWriter _file;
    private readonly Dictionary<ulong, long> _offsets = [];
    private readonly Dictionary<string, long> _oddOffsets = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ManifestTar> _tars = new(StringComparer.Ordinal);
    // Where the line of each path stands, by keys of the paths; not before one is looked for whose file is not named by its image's id.
    private Dictionary<ulong, long>? _pathOffsets;
    // The images whose files a run was replacing when it died.
    private readonly HashSet<string> _pending = new(StringComparer.Ordinal);

    private readonly HashSet<string> _damaged = new(StringComparer.Ordinal);

    private int _brokenLines;
    private bool _hasEntries;

    private Manifest(JsonLinesWriter file) => _file = file;

    /// <summary>Whether nothing was written since it was compressed.</summary>
    public bool IsUnchanged => _file.IsUnchanged;

    /// <summary>How many images are finished, and not known to be damaged.</summary>
    public int Count => _offsets.Count + _oddOffsets.Count - _damaged.Count;

    /// <summary>Whether there are files that are known to be damaged.</summary>
    public bool HasDamaged => _damaged.Count > 0;

    /// <summary>Opens a collection's manifest, or begins one.</summary>
    public static Manifest Open(string collectionPath, IRunLog log)
    {
        var manifest = new Manifest(JsonLinesWriter.Open(Path.Combine(collectionPath, FileName)));
        try
        {
            manifest.Index(log);
            // A lost line costs an image that is fetched again. But where no line can be read, the file is something else, or of a
            // later version, and what is written now must not take its place.
            if (manifest is { _brokenLines: > 0, _hasEntries: false })
            {
                throw new InvalidDataException($"'{manifest._file.Path}' holds no manifest entry and was left unchanged. Move it away, and the next run downloads the images again.")
                    .With(Advice.RepairCollection);
            }

            var folder = new CollectionFolder(collectionPath);
            foreach (var id in manifest._pending) Replacement.TakeUp(manifest, folder, manifest.Find(id)!, log);
            return manifest;
        }
        catch
        {
            manifest.Dispose();
            throw;
        }
    }

    /// <summary>The ids of a manifest, which is only read.</summary>
    public static ImageIdSet ReadIds(string path, IRunLog log, CancellationToken cancellationToken)
    {
        var ids = new ImageIdSet();
        foreach (var line in ReadLines(path, line => log.Warn($"{path}, line {line}, is not an entry and was skipped; its image is not counted."), cancellationToken))
        {
            if (line.Entry is { IsDamaged: false }) ids.Add(line.Id!);
            else if (line.Id is not null) ids.Remove(line.Id);
        }

        return ids;
    }

    /// <summary>
    /// The entries of a manifest, which is only read: the last of each image. It is gone through twice, so that all that is kept in
    /// memory meanwhile is a number an image.
    /// </summary>
    public static IEnumerable<ManifestEntry> ReadEntries(string path, Action<int> brokenLine, CancellationToken cancellationToken)
    {
        var last = new Dictionary<(ulong Number, string? Odd), int>();
        var number = 0;
        foreach (var line in ReadLines(path, brokenLine, cancellationToken))
        {
            number++;
            if (line.Entry is not null) last[Key(line.Id!)] = number;
            else if (line.Id is not null) last.Remove(Key(line.Id));
        }

        number = 0;
        foreach (var line in ReadLines(path, _ => { }, cancellationToken))
        {
            number++;
            if (line.Entry is not null && last.GetValueOrDefault(Key(line.Id!)) == number) yield return line.Entry;
        }

        static (ulong Number, string? Odd) Key(string id) => ImageNumber.TryParse(id, out var number) ? (number, null) : (0, id);
    }

    /// <summary>Writes a manifest anew, whole or not at all.</summary>
    public static void Write(CollectionFolder folder, IEnumerable<ManifestTar> tars, IEnumerable<ManifestEntry> entries) => WholeFile.Write(folder, FileName, stream =>
    {
        foreach (var tar in tars.OrderBy(t => t.Name, StringComparer.Ordinal)) stream.Write([.. Line(json => Write(json, tar)), (byte)'\n']);
        foreach (var entry in entries) stream.Write([.. Line(json => Write(json, entry)), (byte)'\n']);
    });

    /// <summary>The tars of a manifest, by their names; it is only read.</summary>
    public static Dictionary<string, ManifestTar> ReadTars(string path, CancellationToken cancellationToken)
    {
        var tars = new Dictionary<string, ManifestTar>(StringComparer.Ordinal);
        foreach (var line in ReadLines(path, _ => { }, cancellationToken))
        {
            if (line.Tar is { } tar) tars[tar.Name] = tar;
        }

        return tars;
    }

    public ManifestEntry? Find(string id) => TryGetOffset(id, out var offset) ? ReadAt(offset) : null;

    /// <summary>The entry of the image whose file has this path in the collection. Its name holds its id mostly, but not in every layout, and not a long one.</summary>
    public ManifestEntry? FindByPath(string path)
    {
        if (Find(SafeName.Decode(Path.GetFileNameWithoutExtension(path))) is { } named && named.Path == path) return named;
        _pathOffsets ??= ReadPathOffsets();
        // The line may be one that a later line about its image replaced.
        return _pathOffsets.TryGetValue(TextKey.Of(path), out var offset)
            && ReadAt(offset) is { } entry && entry.Path == path && TryGetOffset(entry.Id, out var last) && last == offset ? entry : null;
    }

    /// <summary>The entries of all images, as they are at the beginning; others may be appended meanwhile.</summary>
    public IEnumerable<ManifestEntry> Entries() => _offsets.Values.Concat(_oddOffsets.Values).ToList().Select(ReadAt).OfType<ManifestEntry>();

    /// <summary>The folders of the collection in which images lie, or lay before they went into tars.</summary>
    public IReadOnlySet<string> ReadFolders()
    {
        var folders = new HashSet<string>(StringComparer.Ordinal);
        ForEachLine(
            (line, _) =>
            {
                if (line.Entry is { } entry && entry.Path.IndexOf('/', StringComparison.Ordinal) is > 0 and var slash) folders.Add(entry.Path[..slash]);
            },
            brokenLine: null);
        return folders;
    }

    public void Append(ManifestEntry entry)
    {
        var offset = WriteLine(json => Write(json, entry));
        SetOffset(entry.Id, offset);
        NoteDamage(entry);
        if (_pathOffsets is not null) _pathOffsets[TextKey.Of(entry.Path)] = offset;
    }

    /// <summary>Notes a tar, before the images that are in it say so.</summary>
    public void Append(ManifestTar tar)
    {
        WriteLine(json => Write(json, tar));
        _tars[tar.Name] = tar;
    }

    /// <summary>Whether a tar was noted.</summary>
    public bool HasTar(string name) => _tars.ContainsKey(name);

    /// <summary>Takes an image out of the list, because it is not there any more.</summary>
    public void Remove(string id)
    {
        if (!TryGetOffset(id, out _)) return;
        WriteLine(json =>
        {
            json.WriteStartObject();
            json.WriteString("id", id);
            json.WriteBoolean("removed", true);
            json.WriteEndObject();
        });
        Forget(id);
    }

    /// <summary>Waits until everything is on the disk itself.</summary>
    public void Flush() => _file.Flush();

    /// <summary>Closes the manifest and compresses it: the tars, and the last line of each image, in the order of their names and ids.</summary>
    public void Compress()
    {
        var order = _offsets.OrderBy(o => o.Key).Select(o => o.Value)
            .Concat(_oddOffsets.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => o.Value));
        var tars = _tars.Values.OrderBy(t => t.Name, StringComparer.Ordinal).Select(t => Encoding.UTF8.GetString(Line(json => Write(json, t))));
        _file.Compress(_ => tars.Concat(order.Select(offset => Encoding.UTF8.GetString(LineAt(offset)))));
    }

    public void Dispose() => _file.Dispose();

    private static IEnumerable<ManifestLine> ReadLines(string path, Action<int> brokenLine, CancellationToken cancellationToken)
    {
        int number = 0, broken = 0;
        foreach (var line in JsonLines.Read(path))
        {
            cancellationToken.ThrowIfCancellationRequested();
            number++;
            if (line.Length == 0) continue;
            if (Parse(Encoding.UTF8.GetBytes(line)) is { } parsed)
            {
                yield return parsed;
                continue;
            }

            if (++broken > JsonLines.MostBrokenLines) throw JsonLines.TooManyBroken(path);
            brokenLine(number);
        }
    }

    private void Index(IRunLog log) => ForEachLine(
        (line, offset) =>
        {
            _hasEntries = true;
            if (line.Tar is { } tar)
            {
                _tars[tar.Name] = tar;
                return;
            }

            if (line.Entry is null) Forget(line.Id!);
            else SetOffset(line.Id!, offset);
            if (line.Entry is { } entry) NoteDamage(entry);
            if (line.Entry is { IsPending: true }) _pending.Add(line.Id!);
            else if (_pending.Count > 0) _pending.Remove(line.Id!);
        },
        offset =>
        {
            if (++_brokenLines > JsonLines.MostBrokenLines) throw JsonLines.TooManyBroken(_file.Path);
            log.Warn($"{_file.Path}: a line at byte {offset} is not an entry and was skipped; its image will be fetched again.");
        });

    private Dictionary<ulong, long> ReadPathOffsets()
    {
        var offsets = new Dictionary<ulong, long>();
        ForEachLine(
            (line, offset) =>
            {
                if (line.Entry is { } entry) offsets[TextKey.Of(entry.Path)] = offset;
            },
            brokenLine: null);
        return offsets;
    }

    /// <summary>Goes through all lines, each with the place where it stands.</summary>
    private void ForEachLine(Action<ManifestLine, long> read, Action<long>? brokenLine)
    {
        var chunk = new byte[1 << 16];
        var offset = 0L;
        // Of each chunk the whole lines; what is left of the last one comes again with the next.
        for (int length; (length = RandomAccess.Read(_file.Handle, chunk, offset)) > 0;)
        {
            var lines = chunk.AsSpan(0, length);
            if (lines.IndexOf((byte)'\n') < 0)
            {
                if (length < chunk.Length) break;
                if (length > JsonLines.LongestLine) throw JsonLines.TooLong(_file.Path, FormattableString.Invariant($"at byte {offset}"));
                Array.Resize(ref chunk, chunk.Length * 2);
                continue;
            }

            for (int end; (end = lines.IndexOf((byte)'\n')) >= 0; lines = lines[(end + 1)..], offset += end + 1)
            {
                if (Parse(lines[..end]) is { } line) read(line, offset);
                else if (end > 0) brokenLine?.Invoke(offset);
            }
        }
    }

    private byte[] LineAt(long offset)
    {
        var buffer = new byte[512];
        for (var length = 0; ;)
        {
            var read = RandomAccess.Read(_file.Handle, buffer.AsSpan(length), offset + length);
            var end = buffer.AsSpan(length, read).IndexOf((byte)'\n');
            if (end >= 0) return buffer[..(length + end)];
            if (read == 0) throw new InvalidDataException($"{_file.Path} ends within a line; another program changed it.");
            length += read;
            if (length > 2 * JsonLines.LongestLine) throw JsonLines.TooLong(_file.Path, FormattableString.Invariant($"at byte {offset}"));
            if (length == buffer.Length) Array.Resize(ref buffer, length * 2);
        }
    }

    private ManifestEntry? ReadAt(long offset) => Parse(LineAt(offset))?.Entry;

    private bool TryGetOffset(string id, out long offset) =>
        ImageNumber.TryParse(id, out var number) ? _offsets.TryGetValue(number, out offset) : _oddOffsets.TryGetValue(id, out offset);

    private void SetOffset(string id, long offset)
    {
        if (ImageNumber.TryParse(id, out var number)) _offsets[number] = offset;
        else _oddOffsets[id] = offset;
    }

    private void Forget(string id)
    {
        _damaged.Remove(id);
        if (ImageNumber.TryParse(id, out var number)) _offsets.Remove(number);
        else _oddOffsets.Remove(id);
    }

    private void NoteDamage(ManifestEntry entry)
    {
        if (entry.IsDamaged) _damaged.Add(entry.Id);
        else if (_damaged.Count > 0) _damaged.Remove(entry.Id);
    }

    private long WriteLine(Action<Utf8JsonWriter> write)
    {
        var offset = _file.Position;
        _file.Write([.. Line(write), (byte)'\n']);
        return offset;
    }

    private static ReadOnlySpan<byte> Line(Action<Utf8JsonWriter> write)
    {
        var line = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(line)) write(json);
        return line.WrittenSpan;
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

    private static void Write(Utf8JsonWriter json, ManifestTar tar)
    {
        json.WriteStartObject();
        json.WriteString("tar", tar.Name);
        json.WriteNumber("bytes", tar.Bytes);
        json.WriteString("md5", tar.Md5);
        json.WriteEndObject();
    }

    /// <summary>What a line says; null for one that says nothing.</summary>
    private static ManifestLine? Parse(ReadOnlySpan<byte> text)
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

    /// <summary>A line: about an image, its entry or, where there is none, that it is taken out; or about a tar.</summary>
    private readonly record struct ManifestLine(string? Id, ManifestEntry? Entry, ManifestTar? Tar);
}
