using System.Text.Json;
using Mapillary.Collections.Files;
using Mapillary.Collections.Records;
using Mapillary.Graph;

namespace Mapillary.InternetArchive.Describing;

/// <summary>Which images a collection really holds, counted once each, and when they were captured.</summary>
/// <param name="Images">How many.</param>
/// <param name="Undated">How many of them have no capture time.</param>
/// <param name="Misdated">How many of them have one that cannot be right.</param>
/// <param name="First">The earliest day of capture, in UTC; null when none has a time.</param>
/// <param name="Last">The latest one.</param>
internal sealed record CollectionCensus(int Images, int Undated, int Misdated, DateOnly? First, DateOnly? Last)
{
    /// <summary>Who captured them, and how many.</summary>
    public IReadOnlyDictionary<string, int> Authors { get; private init; } = new Dictionary<string, int>();

    /// <summary>The list of finished images that <c>mapillary-downloader</c> keeps: per quality, their ids.</summary>
    private const string OtherToolsProgress = "progress.json";

    /// <summary>The most bytes of it that are read.</summary>
    private const int LargestProgress = 64 << 20;

    /// <param name="collectionPath">The collection.</param>
    /// <param name="quality">Its quality.</param>
    /// <param name="listingPath">Its listing.</param>
    /// <param name="log">Told what cannot be read.</param>
    /// <param name="cancellationToken">Stops between two lines.</param>
    /// <exception cref="InvalidDataException">A compressed file is damaged or cut.</exception>
    public static CollectionCensus Take(string collectionPath, ImageQuality quality, string listingPath, IRunLog log, CancellationToken cancellationToken)
    {
        // Listed is not there: an image without this rendition, or one that failed, stands in the listing too.
        var manifest = JsonLines.Find(Path.Combine(collectionPath, Manifest.FileName));
        var finished = manifest is null ? null : Manifest.ReadIds(manifest, log, cancellationToken);
        var isOurs = finished is not null;
        finished ??= ReadOtherToolsProgress(collectionPath, quality, log);

        var found = new ImageIdSet();
        var dated = new ImageIdSet();
        var misdated = new ImageIdSet();
        var authors = new Dictionary<string, int>(StringComparer.Ordinal);
        DateTimeOffset first = DateTimeOffset.MaxValue, last = DateTimeOffset.MinValue;
        foreach (var image in ImageRecords.Read(listingPath, log))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (finished is not null && !finished.Contains(image.Id)) continue;
            if (found.Add(image.Id) && image.Creator is { Length: > 0 } author) authors[author] = authors.GetValueOrDefault(author) + 1;
            if (image.CapturedAt is not { } capturedAt) continue;
            if (!CaptureTime.IsPossible(capturedAt))
            {
                misdated.Add(image.Id);
                continue;
            }

            dated.Add(image.Id);
            if (capturedAt < first) first = capturedAt;
            if (capturedAt > last) last = capturedAt;
        }

        var images = isOurs ? finished!.Count : found.Count;
        var undated = images - dated.Count - misdated.Count;
        return new CollectionCensus(
            images, undated, misdated.Count,
            dated.Count == 0 ? null : DateOnly.FromDateTime(first.UtcDateTime),
            dated.Count == 0 ? null : DateOnly.FromDateTime(last.UtcDateTime)) { Authors = authors };
    }

    /// <summary>The ids that the other tool noted as downloaded; null where it noted none, and all that it listed must be taken as there.</summary>
    private static ImageIdSet? ReadOtherToolsProgress(string collectionPath, ImageQuality quality, IRunLog log)
    {
        var path = Path.Combine(collectionPath, OtherToolsProgress);
        var (folder, name) = CollectionFolder.Of(path);
        if (!folder.Has(name)) return null;
        try
        {
            using var file = folder.OpenRead(name);
            if (file.Length > LargestProgress) throw new JsonException($"it has {ByteSize.Format(file.Length)}, more than millions of ids have.");
            using var progress = JsonDocument.Parse(file);
            if (progress.RootElement.ValueKind != JsonValueKind.Object
                || !progress.RootElement.TryGetProperty(quality.ToName(), out var list)
                || list.ValueKind != JsonValueKind.Array)
            {
                return null;
            }

            var ids = new ImageIdSet();
            foreach (var id in list.EnumerateArray())
            {
                if (id.ValueKind is JsonValueKind.String or JsonValueKind.Number && id.ToString() is { Length: > 0 } text) ids.Add(text);
            }

            return ids.Count > 0 ? ids : null;
        }
        catch (JsonException e)
        {
            log.Warn($"{path} is damaged: {e.Message} All images of the listing are counted as downloaded.");
            return null;
        }
    }
}
