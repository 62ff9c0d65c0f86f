namespace Mapillary.InternetArchive;

/// <summary>
/// The names of items on archive.org: 3 to 100 ASCII letters, digits, <c>_ - .</c>, the first a letter or digit
/// (https://archive.org/services/docs/api/metadata-schema/index.html).
/// </summary>
public static class IaIdentifier
{
    private const int Shortest = 3;
    private const int Longest = 100;

    /// <summary>Whether archive.org takes the name.</summary>
    public static bool IsValid(string identifier)
    {
        ArgumentNullException.ThrowIfNull(identifier);
        return identifier.Length is >= Shortest and <= Longest
            && char.IsAsciiLetterOrDigit(identifier[0])
            && identifier.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.');
    }
}
