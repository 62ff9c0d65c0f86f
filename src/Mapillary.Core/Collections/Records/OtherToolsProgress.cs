using System.Text.Json;
using Mapillary.Collections.Files;
using Mapillary.Graph;

namespace Mapillary.Collections.Records;

/// <summary>The list of finished images that <c>mapillary-downloader</c> keeps: per quality, their ids.</summary>
internal static class OtherToolsProgress
{
    private const string FileName = "progress.json";

    /// <summary>The most bytes of it that are read.</summary>
    private const int LargestFile = 64 << 20;

    /// <summary>The ids that the other tool noted as downloaded; null where it noted none, and all that it listed must be taken as there.</summary>
    public static ImageIdSet? Read(CollectionFolder folder, ImageQuality quality, IRunLog log)
    {
        if (!folder.Has(FileName)) return null;
        try
        {
            using var file = folder.OpenRead(FileName);
            if (file.Length > LargestFile) throw new JsonException($"it has {ByteSize.Format(file.Length)}, more than millions of ids have.");
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
            log.Warn($"{folder.PathOf(FileName)} is damaged: {e.Message} All images of the listing are counted as downloaded.");
            return null;
        }
    }
}
