using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mapillary.Collections.Files;
using Mapillary.Collections.Records;
using Mapillary.InternetArchive.Describing;

namespace Mapillary.InternetArchive.Uploading;

/// <summary>
/// What is known of the uploads of a collection's files, in <c>.upload.jsonl</c> beside them: their MD5, so that no large file is read
/// twice for it, and what archive.org has taken over, which it lists only later. A later line about a file replaces an earlier one.
/// </summary>
internal sealed class UploadJournal : IDisposable
{
    private readonly object _gate = new();
    private readonly string _path;
    private readonly Dictionary<string, UploadEntry> _entries = new(StringComparer.Ordinal);
    private readonly RecordedFiles _recorded;
    private JsonLinesWriter? _file;

    /// <param name="collectionPath">The collection, which its caller has locked. Nothing is written before there is something to note.</param>
    /// <param name="recorded">What the collection's manifest says of its files.</param>
    /// <param name="log">Told each line that is no entry, such as a half-written one.</param>
    public UploadJournal(string collectionPath, RecordedFiles recorded, IRunLog log)
    {
        _recorded = recorded;
        _path = Path.Combine(collectionPath, CollectionFiles.UploadJournal);
        if (!CollectionFolder.IsThere(_path)) return;
        var broken = 0;
        foreach (var line in JsonLines.Read(_path))
        {
            if (Parse(line) is { } entry) _entries[entry.File] = entry;
            else if (line.Length > 0 && ++broken > JsonLines.MostBrokenLines) throw JsonLines.TooManyBroken(_path);
            else if (line.Length > 0) log.Say($"{_path}: a line is not an entry and was skipped.");
        }
    }

    /// <summary>What is known of a file as it is now; null where nothing is, or it was changed since.</summary>
    public UploadEntry? Find(ItemFile file)
    {
        lock (_gate) return _entries.GetValueOrDefault(file.Name) is { } entry && entry.Bytes == file.Bytes && entry.Modified == Text(file.Modified) ? entry : null;
    }

    /// <summary>The items that files were uploaded into, by the files' names.</summary>
    public IReadOnlyDictionary<string, string> Items
    {
        get
        {
            lock (_gate) return _entries.Values.Where(e => e.Item is not null).ToDictionary(e => e.File, e => e.Item!, StringComparer.Ordinal);
        }
    }

    /// <summary>The MD5 of a file, lower-case hexadecimal: the one that is known, be it from the manifest, else it is read for it.</summary>
    /// <exception cref="IOException">It cannot be read, or is something else than the manifest says.</exception>
    public async Task<string> Md5Async(ItemFile file, CancellationToken cancellationToken)
    {
        var recorded = _recorded.Find(file.Name);
        if (recorded is not null && recorded.Bytes != file.Bytes) throw RecordedFiles.Damage(file);
        if (Find(file) is { } known) return known.Md5;
        if (recorded?.Md5 is { } noted) return noted;
        var (md5, sha256) = await file.ReadHashesAsync(cancellationToken);
        if (recorded is not null && recorded.Sha256 != sha256) throw RecordedFiles.Damage(file);
        NotSent(file, md5);
        return md5;
    }

    /// <summary>Notes that archive.org has taken a file over.</summary>
    /// <param name="file">The file.</param>
    /// <param name="md5">Its MD5.</param>
    /// <param name="item">Into which item.</param>
    /// <param name="replaced">The MD5 of the file of this name that archive.org listed before; null where it listed none.</param>
    /// <param name="now">When.</param>
    public void Sent(ItemFile file, string md5, string item, string? replaced, DateTimeOffset now) =>
        Append(new UploadEntry(file.Name, file.Bytes, Text(file.Modified), md5) { Item = item, Sent = now, Replaced = replaced });

    /// <summary>Takes that back: what archive.org has is something else.</summary>
    public void NotSent(ItemFile file, string md5) => Append(new UploadEntry(file.Name, file.Bytes, Text(file.Modified), md5));

    public void Dispose() => _file?.Dispose();

    private void Append(UploadEntry entry)
    {
        lock (_gate)
        {
            _file ??= JsonLinesWriter.Open(_path);
            _file.Write([.. JsonSerializer.SerializeToUtf8Bytes(entry, UploadJson.Default.UploadEntry), (byte)'\n']);
            _entries[entry.File] = entry;
        }
    }

    private static UploadEntry? Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, UploadJson.Default.UploadEntry) is { File: not null } entry && ManifestTar.IsMd5(entry.Md5) ? entry : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string Text(DateTimeOffset time) => time.UtcDateTime.ToString("o", CultureInfo.InvariantCulture);
}

/// <summary>A line of the journal.</summary>
/// <param name="File">The file, by its name in the item.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Modified">When it was changed last, as ISO 8601.</param>
/// <param name="Md5">Its MD5, lower-case hexadecimal.</param>
internal sealed record UploadEntry(string File, long Bytes, string Modified, string Md5)
{
    /// <summary>The item it was uploaded into; null where it was not.</summary>
    public string? Item { get; init; }

    /// <summary>When archive.org took it over.</summary>
    public DateTimeOffset? Sent { get; init; }

    /// <summary>The MD5 of what archive.org listed under this name before.</summary>
    public string? Replaced { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(UploadEntry))]
internal sealed partial class UploadJson : JsonSerializerContext;
