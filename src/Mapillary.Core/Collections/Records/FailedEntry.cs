using System.Text.Json;
using System.Text.Json.Serialization;
using Mapillary.Collections.Files;

namespace Mapillary.Collections.Records;

/// <summary>An image that failed or is unavailable: a line of <c>failed.jsonl</c>.</summary>
/// <param name="Id">The image id.</param>
/// <param name="Status">Unavailable or Failed.</param>
/// <param name="Reason">Why.</param>
internal sealed record FailedEntry(string Id, string Status, string Reason)
{
    public const string FileName = "failed.jsonl";

    /// <summary>The line of an entry, with its line feed.</summary>
    public byte[] ToLine() => [.. JsonSerializer.SerializeToUtf8Bytes(this, FailedJson.Default.FailedEntry), (byte)'\n'];

    /// <summary>The entries by their ids, the last about each; none where there is no file.</summary>
    public static Dictionary<string, FailedEntry> ReadAll(string path, IRunLog log)
    {
        var entries = new Dictionary<string, FailedEntry>(StringComparer.Ordinal);
        if (!CollectionFolder.IsThere(path)) return entries;
        var broken = 0;
        foreach (var line in JsonLines.Read(path))
        {
            try
            {
                if (JsonSerializer.Deserialize(line, FailedJson.Default.FailedEntry) is { Id: not null, Reason: not null, Status: SavedImageStatus.Unavailable or SavedImageStatus.Failed } entry)
                    entries[entry.Id] = entry;
            }
            catch (JsonException e)
            {
                if (++broken > JsonLines.MostBrokenLines) throw JsonLines.TooManyBroken(path);
                log.Warn($"{path}: a line is not an entry and was skipped: {e.Message}");
            }
        }

        return entries;
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(FailedEntry))]
internal sealed partial class FailedJson : JsonSerializerContext;
