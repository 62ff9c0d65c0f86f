using System.Globalization;
using Mapillary.InternetArchive.Describing;

namespace Mapillary.InternetArchive.Uploading;

/// <summary>
/// The headers of archive.org's S3-like API (https://archive.org/developers/ias3.html). Metadata in them count when an item comes into
/// being, and never after.
/// </summary>
internal static class ItemHeaders
{
    /// <summary>The headers that make an item: its metadata, and how much will come.</summary>
    /// <param name="tags">The metadata.</param>
    /// <param name="bytes">The size in bytes of all files that are to follow, by which archive.org finds a disk with room.</param>
    public static IReadOnlyList<(string Name, string Value)> ForNewItem(IReadOnlyList<IaTag> tags, long bytes) =>
    [
        ("x-archive-auto-make-bucket", "1"),
        ("x-archive-size-hint", bytes.ToString(CultureInfo.InvariantCulture)),
        .. tags.SelectMany(tag => tag.Values.Select((value, i) => (NameOf(tag.Name, i), Quoted(value)))),
    ];

    /// <summary>The headers of every file.</summary>
    /// <param name="isLast">Whether it is the last of its item: only then archive.org is asked to make previews and the like.</param>
    public static IReadOnlyList<(string Name, string Value)> ForFile(bool isLast) =>
    [
        ("x-archive-queue-derive", isLast ? "1" : "0"),
        // What a newer file takes the place of stays in the item's history.
        ("x-archive-keep-old-version", "1"),
    ];

    /// <summary>Numbers tell the values of one name apart; a header's name cannot hold an underscore, so that one is written as two dashes.</summary>
    private static string NameOf(string tag, int number) =>
        string.Create(CultureInfo.InvariantCulture, $"x-archive-meta{number:00}-{tag.Replace("_", "--", StringComparison.Ordinal)}");

    /// <summary>A header holds plain ASCII; anything else, blanks included, is percent-encoded and marked as such.</summary>
    private static string Quoted(string value) =>
        value.All(c => c is > ' ' and <= '~') && !value.StartsWith("uri(", StringComparison.Ordinal) ? value : $"uri({Uri.EscapeDataString(value)})";
}
