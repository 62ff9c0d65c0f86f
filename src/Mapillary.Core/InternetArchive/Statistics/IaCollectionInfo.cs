using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Mapillary.Collections;
using Mapillary.Graph;
using Mapillary.InternetArchive.Client;
using Mapillary.Services;

namespace Mapillary.InternetArchive.Statistics;

/// <summary>A collection that archive.org has, or a part of one that is spread over several items, made by this module or by <c>mapillary-downloader</c>.</summary>
public sealed partial record IaCollectionInfo
{
    // What an item says of itself is added up with what others say: more than any could hold would make sums that no number holds.
    private const long MostImages = 1_000_000_000_000;
    private const long MostBytes = 5_000_000_000_000;

    /// <summary>The fields to search for.</summary>
    internal static IReadOnlyList<string> Fields { get; } = ["identifier", "description", "item_size", "collection"];

    /// <summary>The item's identifier.</summary>
    public required string Identifier { get; init; }

    /// <summary>The user whose images these are.</summary>
    public required string User { get; init; }

    /// <summary>The rendition: 256, 1024, 2048 or original.</summary>
    public required string Quality { get; init; }

    /// <summary>The format of the pictures: JPEG or WebP.</summary>
    public required string Format { get; init; }

    /// <summary>How many images it holds; null where its description does not say.</summary>
    public required long? Images { get; init; }

    /// <summary>The size of all its files in bytes.</summary>
    public required long Bytes { get; init; }

    /// <summary>The collections of archive.org that it belongs to.</summary>
    public required IReadOnlyList<string> Collections { get; init => field = ItemList.Of(value); }

    /// <summary>The address of its page.</summary>
    public string Url => $"https://archive.org/details/{Identifier}";

    /// <inheritdoc/>
    public override string ToString() => Identifier;

    /// <summary>Reads an item that a search found; null when its identifier is none of a collection.</summary>
    internal static IaCollectionInfo? TryRead(JsonElement item)
    {
        if (item.ValueKind != JsonValueKind.Object || JsonAnswer.Texts(item, "identifier") is not [var identifier, ..]) return null;
        if (CollectionName.TryParse(IaIdentifier.CollectionOf(identifier)) is not { } name) return null;
        return new IaCollectionInfo
        {
            Identifier = identifier,
            User = name.User,
            Quality = name.Quality.ToName(),
            Format = name.Form.Format,
            Images = JsonAnswer.Texts(item, "description").Select(CountIn).FirstOrDefault(count => count is not null),
            Bytes = ArchiveClient.ReadSize(item) is <= MostBytes and var bytes ? bytes : 0,
            Collections = JsonAnswer.Texts(item, "collection"),
        };
    }

    /// <summary>The number in "Contains 12,345 images", which both this module and the other tool write into the description.</summary>
    private static long? CountIn(string description)
    {
        var match = ImageCount().Match(description);
        return match.Success && long.TryParse(match.Groups[1].ValueSpan, NumberStyles.AllowThousands, CultureInfo.InvariantCulture, out var count) && count <= MostImages ? count : null;
    }

    [GeneratedRegex(@"Contains ([0-9][0-9,]*) images?\b", RegexOptions.CultureInvariant)]
    private static partial Regex ImageCount();
}
