using System.Buffers;
using System.Diagnostics.CodeAnalysis;
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
/// </summary>
internal sealed class Manifest : IDisposable
{
    public const string FileName = "manifest.jsonl";

    private readonly JsonLinesWriter _file;
    private readonly Dictionary<ulong, long> _offsets = [];
    private readonly Dictionary<string, long> _oddOffsets = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ManifestTar> _tars = new(StringComparer.Ordinal);
    // Where the line of each path stands, by keys of the paths; not before one is looked for whose file is not named by its image's id.
    private Dictionary<ulong, long>? _pathOffsets;

    private int _brokenLines;
    private bool _hasEntries;

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
            // A lost line costs an image that is fetched again. But where no line can be read, the file is something else, or of a
            // later version, and what is written now must not take its place.
            if (manifest is { _brokenLines: > 0, _hasEntries: false })
                throw new InvalidDataException($"'{manifest._file.Path}' holds no manifest entry and was left unchanged. Move it away, and the next run downloads the images again.");
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
            if (line.Entry is not null) ids.Add(line.Id!);
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

        static (ulong Number, string? Odd) Key(string id) => IsPlainNumber(id, out var number) ? (number, null) : (0, id);
    }

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
        return _pathOffsets.TryGetValue(TimePlaces.KeyOf(path), out var offset)
            && ReadAt(offset) is { } entry && entry.Path == path && TryGetOffset(entry.Id, out var last) && last == offset ? entry : null;
    }

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
        if (_pathOffsets is not null) _pathOffsets[TimePlaces.KeyOf(entry.Path)] = offset;
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
            if (line.Tar is { } tar) _tars[tar.Name] = tar;
            else if (line.Entry is null) Forget(line.Id!);
            else SetOffset(line.Id!, offset);
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
                if (line.Entry is { } entry) offsets[TimePlaces.KeyOf(entry.Path)] = offset;
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
        _file.Write([.. Line(write), (byte)'\n']);
        return offset;
    }

    private static ReadOnlySpan<byte> Line(Action<Utf8JsonWriter> write)
    {
        var line = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(line)) write(json);
        return line.WrittenSpan;
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

    private static void Write(Utf8JsonWriter json, ManifestTar tar)
    {
        json.WriteStartObject();
        json.WriteString("tar", tar.Name);
        json.WriteNumber("bytes", tar.Bytes);
        json.WriteString("md5", tar.Md5);
        json.WriteEndObject();
    }

    /// <summary>What a line says; null for one that says nothing.</summary>
    private static ManifestLine? Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return null;
            string? id = null, path = null, sha256 = null, tar = null, md5 = null;
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
                    case "md5": md5 = reader.GetString(); break;
                    case "removed": removed = reader.GetBoolean(); break;
                    case "bytes": bytes = reader.GetInt64(); break;
                    default: reader.Skip(); break;
                }
            }

            if (id is null) return tar is { Length: > 0 } && ManifestTar.IsMd5(md5) && bytes >= 0 ? new ManifestLine(null, null, new ManifestTar(tar, bytes, md5)) : null;
            if (id.Length == 0) return null;
            if (removed) return new ManifestLine(id, null, null);
            return path is { Length: > 0 } && sha256 is not null && bytes >= 0 ? new ManifestLine(id, new ManifestEntry(id, path, bytes, sha256, tar), null) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    /// <summary>A line: about an image, its entry or, where there is none, that it is taken out; or about a tar.</summary>
    private readonly record struct ManifestLine(string? Id, ManifestEntry? Entry, ManifestTar? Tar);
}
