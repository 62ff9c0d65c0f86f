using System.Globalization;

namespace Mapillary.InternetArchive.Client;

/// <summary>
/// The names of items on archive.org: 3 to 100 ASCII letters, digits, <c>_ - .</c>, the first a letter or digit
/// (https://archive.org/services/docs/api/metadata-schema/index.html).
/// </summary>
public static class IaIdentifier
{
    private const int Shortest = 3;
    private const int Longest = 100;

    private const string PartMark = "-part";

    /// <summary>The item of a part of a collection that is spread over several, from 1; the first bears the collection's own name.</summary>
    public static string OfPart(string identifier, int part) => part == 1 ? identifier : string.Create(CultureInfo.InvariantCulture, $"{identifier}{PartMark}{part}");

    /// <summary>The collection whose part an item is, by their names; the name itself where it names no further part.</summary>
    public static string CollectionOf(string identifier)
    {
        ArgumentNullException.ThrowIfNull(identifier);
        var mark = identifier.LastIndexOf(PartMark, StringComparison.Ordinal);
        return mark > 0 && int.TryParse(identifier.AsSpan(mark + PartMark.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var part) && part > 1
            ? identifier[..mark]
            : identifier;
    }

    /// <summary>Whether archive.org takes the name.</summary>
    public static bool IsValid(string identifier)
    {
        ArgumentNullException.ThrowIfNull(identifier);
        return identifier.Length is >= Shortest and <= Longest
            && char.IsAsciiLetterOrDigit(identifier[0])
            && identifier.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.');
    }
}
