using System.Buffers;
using System.Text;
using System.Text.Json;
using Mapillary.Graph;

namespace Mapillary.Collections.Records;

/// <summary>
/// Reads a listing: API records, one a line, plain or compressed, as this module and <c>mapillary-downloader</c> write it.
/// </summary>
public static class ImageRecords
{
    /// <summary>The listing's name in a collection.</summary>
    public const string FileName = "metadata.jsonl";

    /// <summary>The listing that a path names: the file itself, or the one that it is a link to, or that of a collection.</summary>
    /// <param name="path">A file or a folder.</param>
    /// <exception cref="CollectionException">The folder is no collection.</exception>
    public static string Of(string path)
    {
        // A link that the user names is his; one that lies in a collection is not.
        if (!Directory.Exists(path)) return File.Exists(path) && File.ResolveLinkTarget(path, returnFinalTarget: true) is { } target ? target.FullName : path;
        return CollectionFiles.FindListing(path) ?? throw new CollectionException(CollectionFault.Mismatch, path, $"'{path}' is no collection: there is no {FileName} in it.")
        {
            Advice = CollectionFiles.IsCollection(path) ? Advice.RepairCollection : null,
        };
    }

    /// <summary>
    /// Reads the records. Blank lines and the other tool's end marker are skipped; a line that is no record is told to the log
    /// with its number, and skipped.
    /// </summary>
    /// <param name="path">The listing; compressed when it ends in <c>.gz</c>.</param>
    /// <param name="log">Told each line that is no record.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is compressed and damaged or unpacks to too much, or it is no listing.</exception>
    /// <exception cref="CollectionException">It is a link, or no plain file.</exception>
    public static IEnumerable<MapillaryImage> Read(string path, IRunLog? log = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        int number = 0, broken = 0;
        foreach (var line in JsonLines.Read(path))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line)) continue;
            MapillaryImage image;
            try
            {
                image = MapillaryImage.Parse(line);
            }
            catch (FormatException e)
            {
                if (IsEndMarker(line)) continue;
                if (++broken > JsonLines.MostBrokenLines) throw JsonLines.TooManyBroken(path);
                log?.Warn($"{path}, line {number}: {e.Message} The line was skipped.");
                continue;
            }

            yield return image;
        }

        ReadingPass.End(path);
    }

    /// <summary>
    /// The records of a listing for whoever goes on with them: those of an area's collection know that they are, and are saved into it again,
    /// while others are saved by the users in them.
    /// </summary>
    /// <inheritdoc cref="Read"/>
    public static IEnumerable<MapillaryImage> ReadToGoOn(string path, IRunLog log)
    {
        var area = AreaOf(path, log);
        return area is null ? Read(path, log) : Read(path, log).Select(image => image with { Origin = new ImageOrigin(null, area) });
    }

    /// <summary>The area whose images the collection has that a listing lies in; null where it is a user's, or the listing lies in none.</summary>
    private static ListedArea? AreaOf(string path, IRunLog log)
    {
        try
        {
            return Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder ? CollectionState.Read(folder)?.OfArea : null;
        }
        catch (Exception e) when (e is InvalidDataException or CollectionException)
        {
            log.Warn($"Of whom the images in '{path}' are cannot be told: {e.Message}");
            return null;
        }
    }

    /// <summary>
    /// A record without its signed addresses, which are dead within a month and nobody else's business; the rest stays to the letter,
    /// and so does a line that is no record.
    /// </summary>
    internal static string WithoutSignedAddresses(string json)
    {
        try
        {
            return Cut(json);
        }
        catch (JsonException)
        {
            return json;
        }
    }

    private static string Cut(string json)
    {
        var utf8 = Encoding.UTF8.GetBytes(json);
        var kept = new ArrayBufferWriter<byte>(utf8.Length);
        var from = 0;
        var reader = new Utf8JsonReader(utf8);
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName || !IsAddress(reader.ValueSpan)) continue;
            var start = (int)reader.TokenStartIndex;
            if (!reader.Read() || reader.TokenType != JsonTokenType.String) continue;
            kept.Write(utf8.AsSpan(from, start - from));
            from = (int)reader.BytesConsumed;
            var next = from + utf8.AsSpan(from).IndexOfAnyExcept(" \t"u8);
            // A comma goes with it: the one behind, or, where it was the last property, the one before.
            if (utf8[next] == ',') from = next + 1;
            else if (kept.WrittenSpan.TrimEnd(" \t"u8).EndsWith(","u8)) kept = Without(kept.WrittenSpan.TrimEnd(" \t"u8)[..^1]);
        }

        kept.Write(utf8.AsSpan(from));
        return Encoding.UTF8.GetString(kept.WrittenSpan);

        static bool IsAddress(ReadOnlySpan<byte> name) => name.SequenceEqual("url"u8) || name.EndsWith("_url"u8);

        static ArrayBufferWriter<byte> Without(ReadOnlySpan<byte> start)
        {
            var copy = new ArrayBufferWriter<byte>(Math.Max(1, start.Length));
            copy.Write(start);
            return copy;
        }
    }

    /// <summary><c>mapillary-downloader</c> closes its listing with <c>{"__complete__": true}</c>.</summary>
    private static bool IsEndMarker(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("__complete__", out _);
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
