using System.Buffers;
using System.Text;
using System.Text.Json;
using Mapillary.Graph;

namespace Mapillary.Collections;

/// <summary>One finished image.</summary>
/// <param name="Id">The image id.</param>
/// <param name="Path">Its path in the collection, with <c>/</c> on every system.</param>
/// <param name="Bytes">The file's size.</param>
/// <param name="Sha256">Its SHA-256, lower-case hexadecimal.</param>
/// <param name="Tar">The tar that holds it, or null while it is a file.</param>
public sealed record ManifestEntry(string Id, string Path, long Bytes, string Sha256, string? Tar);

/// <summary>
/// The list of what is finished, one JSON object a line, appended to as images finish; a later line about an image replaces an
/// earlier one, and one that says <c>removed</c> takes the image out of the list. In memory there is only where each image's line stands, so that a million images cost some 40 MB.
/// </summary>
internal sealed class Manifest : IDisposable
{
    public const string FileName = "manifest.jsonl";

    private readonly JsonLinesWriter _file;
    private readonly Dictionary<ulong, long> _offsets = [];
    private readonly Dictionary<string, long> _oddOffsets = new(StringComparer.Ordinal);

    private Manifest(JsonLinesWriter file) => _file = file;

    /// <summary>Whether nothing was written since it was compressed.</summary>
    public bool IsUnchanged => _file.IsUnchanged;

    /// <summary>How many images are finished.</summary>
    public int Count => _offsets.Count + _oddOffsets.Count;

    /// <summary>Opens a collection's manifest, or begins one.</summary>
    public static Manifest Open(string collectionPath, IRunLog log)
    {
        var manifest = new Manifest(JsonLinesWriter.Open(Path.Combine(collectionPath, FileName)));
        try
        {
            manifest.Index(log);
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
        foreach (var (id, entry) in ReadLines(path, line => log.Warn($"{path}, line {line}, is no entry and was passed over; its image is not counted."), cancellationToken))
        {
            if (entry is null) ids.Remove(id);
            else ids.Add(id);
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
        foreach (var (id, entry) in ReadLines(path, brokenLine, cancellationToken))
        {
            number++;
            if (entry is null) last.Remove(Key(id));
            else last[Key(id)] = number;
        }

        number = 0;
        foreach (var (id, entry) in ReadLines(path, _ => { }, cancellationToken))
        {
            number++;
            if (entry is not null && last.GetValueOrDefault(Key(id)) == number) yield return entry;
        }

        static (ulong Number, string? Odd) Key(string id) => IsPlainNumber(id, out var number) ? (number, null) : (0, id);
    }

    public ManifestEntry? Find(string id) => TryGetOffset(id, out var offset) ? ReadAt(offset) : null;

    /// <summary>The entry of the image whose file has this name, without extension. A long name does not hold its id.</summary>
    public ManifestEntry? FindByFileName(string name) =>
        Find(SafeName.Decode(name)) ?? (_oddOffsets.Keys.FirstOrDefault(id => SafeName.ForId(id) == name) is { } odd ? Find(odd) : null);

    public void Append(ManifestEntry entry) => SetOffset(entry.Id, WriteLine(json => Write(json, entry)));

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

    /// <summary>Closes the manifest and compresses it: the last line of each image, in the order of their ids.</summary>
    public void Compress()
    {
        var order = _offsets.OrderBy(o => o.Key).Select(o => o.Value)
            .Concat(_oddOffsets.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => o.Value));
        _file.Compress(_ => order.Select(offset => Encoding.UTF8.GetString(LineAt(offset))));
    }

    public void Dispose() => _file.Dispose();

    private static IEnumerable<(string Id, ManifestEntry? Entry)> ReadLines(string path, Action<int> brokenLine, CancellationToken cancellationToken)
    {
        var number = 0;
        foreach (var line in JsonLines.Read(path))
        {
            cancellationToken.ThrowIfCancellationRequested();
            number++;
            if (line.Length == 0) continue;
            if (Parse(Encoding.UTF8.GetBytes(line)) is { } parsed) yield return parsed;
            else brokenLine(number);
        }
    }

    private void Index(IRunLog log)
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
                Array.Resize(ref chunk, chunk.Length * 2);
                continue;
            }

            for (int end; (end = lines.IndexOf((byte)'\n')) >= 0; lines = lines[(end + 1)..], offset += end + 1)
            {
                if (Parse(lines[..end]) is { } parsed)
                {
                    if (parsed.Entry is null) Forget(parsed.Id);
                    else SetOffset(parsed.Id, offset);
                }
                else if (end > 0) log.Warn($"{_file.Path}: a line at byte {offset} is no entry and was passed over; its image will be fetched again.");
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
            if (length == buffer.Length) Array.Resize(ref buffer, length * 2);
        }
    }

    private ManifestEntry? ReadAt(long offset) => Parse(LineAt(offset))?.Entry;

    private bool TryGetOffset(string id, out long offset) =>
        IsPlainNumber(id, out var number) ? _offsets.TryGetValue(number, out offset) : _oddOffsets.TryGetValue(id, out offset);

    private void SetOffset(string id, long offset)
    {
        if (IsPlainNumber(id, out var number)) _offsets[number] = offset;
        else _oddOffsets[id] = offset;
    }

    private void Forget(string id)
    {
        if (IsPlainNumber(id, out var number)) _offsets.Remove(number);
        else _oddOffsets.Remove(id);
    }

    private long WriteLine(Action<Utf8JsonWriter> write)
    {
        var offset = _file.Position;
        var line = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(line)) write(json);
        line.Write("\n"u8);
        _file.Write(line.WrittenSpan);
        return offset;
    }

    /// <summary>Every id of the API is one; a leading zero would make two ids one number.</summary>
    private static bool IsPlainNumber(string id, out ulong number) =>
        ulong.TryParse(id, System.Globalization.NumberStyles.None, null, out number) && id[0] != '0';

    private static void Write(Utf8JsonWriter json, ManifestEntry entry)
    {
        json.WriteStartObject();
        json.WriteString("id", entry.Id);
        json.WriteString("path", entry.Path);
        json.WriteNumber("bytes", entry.Bytes);
        json.WriteString("sha256", entry.Sha256);
        if (entry.Tar is not null) json.WriteString("tar", entry.Tar);
        json.WriteEndObject();
    }

    /// <summary>What a line says about which image: its entry, or null where it takes the image out. Null for a line that says nothing.</summary>
    private static (string Id, ManifestEntry? Entry)? Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return null;
            string? id = null, path = null, sha256 = null, tar = null;
            var bytes = -1L;
            var removed = false;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = reader.GetString();
                reader.Read();
                switch (name)
                {
                    case "id": id = reader.GetString(); break;
                    case "path": path = reader.GetString(); break;
                    case "sha256": sha256 = reader.GetString(); break;
                    case "tar": tar = reader.GetString(); break;
                    case "removed": removed = reader.GetBoolean(); break;
                    case "bytes": bytes = reader.GetInt64(); break;
                    default: reader.Skip(); break;
                }
            }

            if (removed) return id is { Length: > 0 } ? (id, null) : null;
            return id is { Length: > 0 } && path is { Length: > 0 } && sha256 is not null && bytes >= 0 ? (id, new ManifestEntry(id, path, bytes, sha256, tar)) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }
}
