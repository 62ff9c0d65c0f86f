namespace Mapillary.Graph;

/// <summary>The kinds of camera that the API names (https://www.mapillary.com/developer/api-documentation, field <c>camera_type</c>).</summary>
public static class CameraTypes
{
    /// <summary>How many letters may be wrong for a word to be taken for a mistyped one.</summary>
    private const int MostSlips = 3;

    /// <summary>Those of a camera with one lens.</summary>
    internal static IReadOnlyList<string> WithLens { get; } = ["perspective", "fisheye"];

    /// <summary>Those of a camera that sees all around, whose pictures are panoramas: the same under two names.</summary>
    internal static IReadOnlyList<string> Spherical { get; } = ["spherical", "equirectangular"];

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = [.. WithLens, .. Spherical];

    /// <summary>Reads one, whatever its case.</summary>
    /// <exception cref="FormatException">There is none of that name; the text offers the nearest, or all of them.</exception>
    public static string Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var word = name.Trim().ToLowerInvariant();
        if (All.Contains(word)) return word;
        var (near, slips) = All.Select(type => (type, Slips: word.Length > 0 && type.StartsWith(word, StringComparison.Ordinal) ? 0 : Slips(word, type))).MinBy(t => t.Slips);
        var offer = slips <= MostSlips ? $"Did you mean {near}? " : "";
        throw new FormatException($"'{name}' is no camera type. {offer}There are {string.Join(", ", All.SkipLast(1))} and {All[^1]}.");
    }

    /// <summary>Whether it is that of a camera with one lens.</summary>
    internal static bool HasLens(string? type) => type is not null && WithLens.Contains(type);

    /// <summary>Whether it is that of a camera that sees all around.</summary>
    internal static bool IsSpherical(string? type) => type is not null && Spherical.Contains(type);

    /// <summary>How many letters are to be put in, taken out or exchanged to make one word of the other (Levenshtein).</summary>
    private static int Slips(string word, string other)
    {
        var row = Enumerable.Range(0, other.Length + 1).ToArray();
        for (var i = 1; i <= word.Length; i++)
        {
            (var diagonal, row[0]) = (row[0], i);
            for (var j = 1; j <= other.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (word[i - 1] == other[j - 1] ? 0 : 1)));
        }

        return row[^1];
    }
}
