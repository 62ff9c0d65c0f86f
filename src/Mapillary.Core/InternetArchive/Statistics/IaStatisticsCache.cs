using System.Text.Json;
using System.Text.Json.Serialization;

namespace Mapillary.InternetArchive.Statistics;

/// <summary>Keeps the collections that a search found in a file, for the next time.</summary>
/// <param name="path">The file.</param>
public sealed class IaStatisticsCache(string path)
{
    /// <summary>The file in the user's cache folder.</summary>
    public static string DefaultPath => System.IO.Path.Combine(UserCache.Folder, "ia-statistics.json");

    /// <summary>The file.</summary>
    public string Path { get; } = System.IO.Path.GetFullPath(path);

    /// <summary>The data of the last search at this address; null when there are none, or none that can be read.</summary>
    internal IaStatisticsSnapshot? Read(Uri source, IRunLog log)
    {
        try
        {
            if (!File.Exists(Path)) return null;
            using var file = File.OpenRead(Path);
            var data = JsonSerializer.Deserialize(file, IaStatisticsJson.Default.IaStatisticsSnapshot);
            if (data?.Items is not null && data.Items.All(i => i is { Identifier: not null, User: not null, Quality: not null, Collections: not null }))
                return data.Source == source ? data : null;
            log.Warn($"The cache '{Path}' is damaged: it lacks entries. It will be written again.");
        }
        catch (JsonException e)
        {
            log.Warn($"The cache '{Path}' is damaged: {e.Message} It will be written again.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.Warn($"The cache '{Path}' cannot be read: {e.Message}");
        }

        return null;
    }

    /// <summary>Keeps the data. That it cannot be done is no reason to withhold them.</summary>
    internal void Write(IaStatisticsSnapshot data, IRunLog log)
    {
        // Nothing keeps two runs from writing at once: each has a file of its own, and the last rename wins.
        var own = $"{Path}.{Guid.NewGuid():N}";
        try
        {
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
            try
            {
                using (var file = File.Create(own)) JsonSerializer.Serialize(file, data, IaStatisticsJson.Default.IaStatisticsSnapshot);
                File.Move(own, Path, overwrite: true);
            }
            finally
            {
                File.Delete(own);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.Warn($"The cache '{Path}' cannot be written: {e.Message} The next run will ask archive.org again.");
        }
    }
}

/// <summary>What a search found, and when.</summary>
internal sealed record IaStatisticsSnapshot
{
    /// <summary>The service that was asked; a test's data must never pass for archive.org's.</summary>
    public required Uri Source { get; init; }

    public required DateTimeOffset Updated { get; init; }

    public required int Others { get; init; }

    public required IReadOnlyList<IaCollectionInfo> Items { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, IgnoreReadOnlyProperties = true)]
[JsonSerializable(typeof(IaStatisticsSnapshot))]
internal sealed partial class IaStatisticsJson : JsonSerializerContext;
