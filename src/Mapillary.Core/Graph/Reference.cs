using System.Text.RegularExpressions;

namespace Mapillary.Graph;

/// <summary>
/// Reads what people type or paste for an image, a sequence or a user: ids, names, and addresses of mapillary.com, such as
/// <c>https://www.mapillary.com/app/?pKey=1933525276802129&amp;focus=photo</c> and <c>https://www.mapillary.com/app/user/anna</c>, with or
/// without <c>https://</c>. Nothing is asked of Mapillary.
/// </summary>
public static partial class Reference
{
    /// <summary>What the tokens of Mapillary begin with.</summary>
    private const string TokenPrefix = "MLY|";

    private static readonly string[] Hosts = ["www.mapillary.com", "mapillary.com"];

    /// <summary>The parameters that hold an image id, in addresses of the map and of its frame in other pages.</summary>
    private static readonly string[] ImageParameters = ["pKey", "image_key"];

    /// <summary>Reads an image id, or the address of an image.</summary>
    /// <returns>The id: digits alone.</returns>
    /// <exception cref="ReferenceException">It is neither.</exception>
    public static string Image(string text)
    {
        var named = Read(text, ReferenceKind.Image);
        if ((named.Image ?? named.Plain) is { } id && IsNumber(id)) return id;
        var (found, value) = named.User is { } user ? (ReferenceKind.User, user) : (GuessOf(named.Plain), named.Plain);
        throw new ReferenceException(
            $"{named.Shown} is no image id. Expected is a number such as 1933525276802129, or the address of an image, which has it behind pKey=.",
            ReferenceKind.Image, found, value);
    }

    /// <summary>Reads the id of a sequence; case matters. The website has no addresses of sequences.</summary>
    /// <exception cref="ReferenceException">It is an image id, a user name with <c>@</c>, or an address.</exception>
    public static string Sequence(string text)
    {
        var named = Read(text, ReferenceKind.Sequence);
        if (named.Plain is { } id && !IsNumber(id)) return id;
        var image = named.Image ?? named.Plain;
        throw new ReferenceException(
            $"{named.Shown} is no sequence id. Expected is one such as 3NpXMDuHm9IZQ1vBW6q4T0.",
            ReferenceKind.Sequence, image is not null ? ReferenceKind.Image : named.User is not null ? ReferenceKind.User : null, image ?? named.User);
    }

    /// <summary>Reads a user name, with or without <c>@</c>, or the address of a user.</summary>
    /// <exception cref="ReferenceException">It is an address of something else, an access token, or has letters that were lost.</exception>
    public static string User(string text)
    {
        var named = Read(text, ReferenceKind.User);
        // What stands for bytes that are no UTF-8.
        if (text.Contains('\uFFFD', StringComparison.Ordinal))
        {
            throw new ReferenceException(
                $"{named.Shown} is no user name: letters of it were lost. A list of names in the code page of Windows was read as UTF-8; save it as UTF-8.",
                ReferenceKind.User, found: null, value: null);
        }

        return named.User ?? named.Plain ?? throw new ReferenceException(
            $"{named.Shown} is no user name. Expected is one such as anna, or the address of a user, such as https://www.mapillary.com/app/user/anna.",
            ReferenceKind.User, named.Image is null ? null : ReferenceKind.Image, named.Image);
    }

    /// <summary>What a user name that names no user may be instead; null where it is nothing that is known by its form.</summary>
    public static ReferenceKind? InsteadOfUser(string user)
    {
        ArgumentNullException.ThrowIfNull(user);
        return IsNumber(user) ? ReferenceKind.Image : LooksLikeSequence(user) ? ReferenceKind.Sequence : null;
    }

    private static Named Read(string text, ReferenceKind expected)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        text = text.Trim();
        if (text.StartsWith(TokenPrefix, StringComparison.OrdinalIgnoreCase))
        {
            // Never shown, and never asked for: the text would stand in an address.
            throw new ReferenceException($"What begins with {TokenPrefix} is an access token and names nothing.", expected, ReferenceKind.AccessToken, value: null);
        }

        if (text.Length > 1 && text[0] == '@') return new Named($"'{text}'") { User = text[1..] };
        return Address().IsMatch(text) ? ReadAddress(text, expected) : new Named($"'{text}'") { Plain = text };
    }

    private static Named ReadAddress(string text, ReferenceKind expected)
    {
        var isWhole = Uri.TryCreate(text.Contains("://", StringComparison.Ordinal) ? text : $"https://{text}", UriKind.Absolute, out var address);
        // Without its parameters: one of the Graph API may hold a token.
        var shown = $"'{(isWhole ? $"{address!.Host}{address.AbsolutePath}" : text.Split('?', '#')[0])}'";
        if (!isWhole || address!.Scheme is not ("https" or "http") || !Hosts.Contains(address.Host, StringComparer.OrdinalIgnoreCase))
            throw new ReferenceException($"{shown} is no address of Mapillary. Expected is one of {Hosts[0]}.", expected, found: null, value: null);

        var parameters = address.Query.TrimStart('?').Split('&').Select(p => p.Split('=', 2)).Where(p => p.Length == 2).ToList();
        var path = address.AbsolutePath.Split('/', StringSplitOptions.RemoveEmptyEntries).Select(Uri.UnescapeDataString).ToList();
        return new Named(shown)
        {
            Image = parameters.Where(p => ImageParameters.Contains(p[0], StringComparer.OrdinalIgnoreCase)).Select(p => Uri.UnescapeDataString(p[1])).FirstOrDefault(IsNumber)
                ?? (path is ["map", "im", var image, ..] && IsNumber(image) ? image : null),
            User = path switch
            {
                ["app", "user", var user, ..] => user,
                ["profile", var user, ..] => user,
                _ => null,
            },
        };
    }

    private static ReferenceKind? GuessOf(string? text) =>
        text is null ? null : LooksLikeSequence(text) ? ReferenceKind.Sequence : UserName().IsMatch(text) ? ReferenceKind.User : null;

    private static bool IsNumber(string text) => text.Length > 0 && text.All(char.IsAsciiDigit);

    /// <summary>128 bits as base64url: names of people are hardly ever so long, and all in one case or without a digit then.</summary>
    private static bool LooksLikeSequence(string text) =>
        SequenceId().IsMatch(text) && (text.Any(char.IsAsciiDigit) || (text.Any(char.IsAsciiLetterLower) && text.Any(char.IsAsciiLetterUpper)));

    [GeneratedRegex(@"^([a-z][a-z0-9+.-]*://|[a-z0-9-]+(\.[a-z0-9-]+)+(:[0-9]+)?[/?])", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Address();

    [GeneratedRegex(@"^[A-Za-z0-9_-]{22}\z", RegexOptions.CultureInvariant)]
    private static partial Regex SequenceId();

    [GeneratedRegex(@"^(?=.*\p{L})[\p{L}\p{M}\p{N}_.!-]{1,64}\z", RegexOptions.CultureInvariant)]
    private static partial Regex UserName();

    /// <summary>What a text names.</summary>
    /// <param name="Shown">The text, as errors show it.</param>
    private sealed record Named(string Shown)
    {
        /// <summary>The text itself, where it is neither an address nor marked as a name.</summary>
        public string? Plain { get; init; }

        public string? Image { get; init; }

        public string? User { get; init; }
    }
}
