using System.Globalization;
using System.Text;
using Mapillary.Graph;
using Mapillary.InternetArchive.Client;

namespace Mapillary.InternetArchive.Statistics;

/// <summary>What is archived in one quality.</summary>
/// <param name="Quality">The rendition: 256, 1024, 2048 or original.</param>
/// <param name="Collections">How many collections.</param>
/// <param name="Images">How many images, where their descriptions say it.</param>
/// <param name="Bytes">Their size in bytes.</param>
public sealed record IaQualityStatistics(string Quality, int Collections, long Images, long Bytes)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Quality}: {Images:N0} images");
}

/// <summary>What archive.org has of Mapillary, put there by this module and by <c>mapillary-downloader</c>.</summary>
public sealed record IaStatistics
{
    /// <summary>How long fetched data count as fresh.</summary>
    public static readonly TimeSpan Freshness = TimeSpan.FromHours(24);

    /// <summary>
    /// About how many images Mapillary has. No API tells it; this is the figure that <c>mapillary_downloader</c> reckons with since the
    /// day below (https://github.com/bitplane/mapillary_downloader, src/mapillary_downloader/ia_stats.py).
    /// </summary>
    public const long MapillaryImages = 2_000_000_000;

    /// <summary>The day of that figure.</summary>
    public static readonly DateOnly MapillaryImagesAsOf = new(2025, 10, 23);

    private const string Query = $"mapillary_downloader:* OR {ArchiveItem.ModuleTag}:*";

    /// <summary>How many collections; one that is spread over several items counts once.</summary>
    public required int Collections { get; init; }

    /// <summary>How many users have at least one.</summary>
    public required int Users { get; init; }

    /// <summary>How many images, every quality counted.</summary>
    public required long Images { get; init; }

    /// <summary>How many different images: for each user the largest count of any of the user's collections, summed.</summary>
    public required long UniqueImages { get; init; }

    /// <summary>About which share of Mapillary's images the unique ones are, from 0 to 1: of <see cref="MapillaryImages"/>.</summary>
    public double Share => (double)UniqueImages / MapillaryImages;

    /// <summary>The size of all collections in bytes.</summary>
    public required long Bytes { get; init; }

    /// <summary>The same by quality, the best first; qualities that nobody archived are left out.</summary>
    public required IReadOnlyList<IaQualityStatistics> ByQuality { get; init => field = ItemList.Of(value); }

    /// <summary>How many collections do not say how many images they hold, or not of all their parts: in the numbers of images these count as 0.</summary>
    public required int CollectionsWithoutCount { get; init; }

    /// <summary>How many items have a collection's tag, but by their names are not collections.</summary>
    public required int Others { get; init; }

    /// <summary>When the data were fetched.</summary>
    public required DateTimeOffset Updated { get; init; }

    /// <summary>Whether they come from the cache.</summary>
    public required bool IsFromCache { get; init; }

    /// <summary>The items themselves, by their identifiers: the collections, or their parts.</summary>
    public required IReadOnlyList<IaCollectionInfo> Items { get; init => field = ItemList.Of(value); }

    /// <summary>
    /// Takes the statistics from the cache while it is fresh, else from archive.org. When archive.org cannot be asked, an old cache
    /// must do, and a warning says how old it is.
    /// </summary>
    /// <param name="client">Asks archive.org.</param>
    /// <param name="cache">Where earlier data are, and these are kept.</param>
    /// <param name="refresh">Whether to ask archive.org though the cache is fresh.</param>
    /// <param name="log">Told where the data come from.</param>
    /// <param name="clock">Says what time it is; the system's clock when null.</param>
    /// <param name="cancellationToken">Stops the search and any wait.</param>
    /// <exception cref="ArchiveException">archive.org could not be asked, and there is no cache.</exception>
    public static async Task<IaStatistics> GetAsync(
        ArchiveClient client, IaStatisticsCache cache, bool refresh, IRunLog log, TimeProvider? clock = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(cache);
        ArgumentNullException.ThrowIfNull(log);
        var now = (clock ?? TimeProvider.System).GetUtcNow();
        var earlier = cache.Read(client.Endpoint, log);
        // Data from the future are a wrong clock's.
        if (!refresh && earlier is not null && earlier.Updated <= now && now - earlier.Updated < Freshness)
        {
            log.Say($"Statistics from the cache '{cache.Path}', {Age(now - earlier.Updated)} old.");
            return Of(earlier, isFromCache: true);
        }

        IaStatisticsSnapshot fetched;
        using var impatient = earlier is null ? null : client.GivingUpSoon();
        try
        {
            fetched = await FetchAsync(impatient ?? client, now, log, cancellationToken);
        }
        catch (ArchiveException e) when (earlier is not null)
        {
            log.Warn($"{e.Message} These statistics are from the cache and {Age(now - earlier.Updated)} old.");
            return Of(earlier, isFromCache: true);
        }

        cache.Write(fetched, log);
        return Of(fetched, isFromCache: false);
    }

    /// <summary>The statistics as lines for people, in the invariant culture.</summary>
    public string ToText()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"Mapillary on archive.org, {Updated.UtcDateTime:yyyy-MM-dd HH:mm} UTC{(IsFromCache ? ", from the cache" : "")}\n\n");
        text.Append(CultureInfo.InvariantCulture, $"Collections    {Collections,15:N0}\n");
        text.Append(CultureInfo.InvariantCulture, $"Users          {Users,15:N0}\n");
        text.Append(CultureInfo.InvariantCulture, $"Images         {Images,15:N0}\n");
        text.Append(CultureInfo.InvariantCulture, $"Unique images  {UniqueImages,15:N0}\n");
        text.Append(CultureInfo.InvariantCulture, $"Share of all   {Share,15:0.000 %} of about {MapillaryImages / 1_000_000_000} billion as of {MapillaryImagesAsOf:yyyy-MM-dd}\n");
        text.Append(CultureInfo.InvariantCulture, $"Size           {ByteSize.Format(Bytes),15}\n");
        if (CollectionsWithoutCount > 0)
        {
            var words = CollectionsWithoutCount == 1 ? "collection does not say how many images it holds" : "collections do not say how many images they hold";
            text.Append(CultureInfo.InvariantCulture, $"\n{CollectionsWithoutCount:N0} {words}; there are more images than these numbers tell.\n");
        }

        if (ByQuality.Count == 0) return text.ToString();

        text.Append(CultureInfo.InvariantCulture, $"\n{"Quality",-8}  {"Collections",12}  {"Images",15}  {"Size",12}\n");
        foreach (var row in ByQuality)
            text.Append(CultureInfo.InvariantCulture, $"{row.Quality,-8}  {row.Collections,12:N0}  {row.Images,15:N0}  {ByteSize.Format(row.Bytes),12}\n");
        return text.ToString();
    }

    /// <inheritdoc/>
    public override string ToString() => ToText();

    private static async Task<IaStatisticsSnapshot> FetchAsync(ArchiveClient client, DateTimeOffset now, IRunLog log, CancellationToken cancellationToken)
    {
        // By identifier: a search that runs while items change may show one twice.
        var items = new SortedDictionary<string, IaCollectionInfo>(StringComparer.Ordinal);
        var others = 0;
        await foreach (var item in client.SearchAsync(Query, IaCollectionInfo.Fields, cancellationToken))
        {
            if (IaCollectionInfo.TryRead(item) is { } collection)
            {
                items[collection.Identifier] = collection;
            }
            else
            {
                others++;
                log.Say($"Skipped, because its name is not that of a collection: {item.GetRawText()}");
            }
        }

        return new IaStatisticsSnapshot { Source = client.Endpoint, Updated = now, Others = others, Items = [.. items.Values] };
    }

    private static IaStatistics Of(IaStatisticsSnapshot data, bool isFromCache)
    {
        // The parts of one collection hold different images, the collections of one user the same ones.
        var collections = data.Items.GroupBy(i => IaIdentifier.CollectionOf(i.Identifier), StringComparer.Ordinal)
            .Select(g => (g.First().User, g.First().Quality, Images: g.Sum(i => i.Images ?? 0), Bytes: g.Sum(i => i.Bytes), IsCounted: g.All(i => i.Images is not null)))
            .ToList();
        var users = collections.GroupBy(c => c.User, StringComparer.Ordinal).Select(g => g.Max(c => c.Images)).ToList();
        return new IaStatistics
        {
            Collections = collections.Count,
            Users = users.Count,
            Images = collections.Sum(c => c.Images),
            UniqueImages = users.Sum(),
            Bytes = collections.Sum(c => c.Bytes),
            ByQuality =
            [
                .. ImageQualityNames.All.Reverse()
                    .Select(quality => (quality, ofQuality: collections.Where(c => c.Quality == quality).ToList()))
                    .Where(q => q.ofQuality.Count > 0)
                    .Select(q => new IaQualityStatistics(q.quality, q.ofQuality.Count, q.ofQuality.Sum(c => c.Images), q.ofQuality.Sum(c => c.Bytes))),
            ],
            CollectionsWithoutCount = collections.Count(c => !c.IsCounted),
            Others = data.Others,
            Updated = data.Updated,
            IsFromCache = isFromCache,
            Items = data.Items,
        };
    }

    private static string Age(TimeSpan age) => age switch
    {
        { TotalDays: >= 2 } => $"{(int)age.TotalDays} days",
        { TotalHours: >= 2 } => $"{(int)age.TotalHours} hours",
        { TotalMinutes: >= 2 } => $"{(int)age.TotalMinutes} minutes",
        _ => "a moment",
    };
}
