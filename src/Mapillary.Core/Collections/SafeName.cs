using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Mapillary.Collections;

/// <summary>
/// Names of users, sequences and images as names of files, on every system: reversible, and harmless whatever was in them. A
/// character that is not safe where it stands is written <c>_xHHHH_</c>, its UTF-16 code in hexadecimal, as .NET's XmlConvert
/// writes names; ordinary names stay as they are.
/// </summary>
public static partial class SafeName
{
    /// <summary>Names up to this long keep within what file systems (255 bytes) and archive.org (100 characters) take, with room for what is put around them.</summary>
    private const int LongestPlain = 76;

    /// <summary>With the path's own parts around it, still within 255 bytes.</summary>
    private const int LongestEscaped = 200;

    private static readonly HashSet<string> Reserved = new(
        ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", .. Enumerable.Range(0, 10).SelectMany(n => new[] { $"COM{n}", $"LPT{n}" })],
        StringComparer.OrdinalIgnoreCase);

    /// <summary>A user name as part of a collection's name. Letters, digits, <c>- _ .</c> stay.</summary>
    public static string ForUser(string user) => Encode(user, dotAllowed: true);

    /// <summary>
    /// A sequence or image id as the name of a folder or file. Letters, digits, <c>- _</c> stay; a dot never does, so that no such
    /// name meets one of a collection's own files.
    /// </summary>
    public static string ForId(string id) => Encode(id, dotAllowed: false);

    /// <summary>
    /// The name again, for where another is there that differs in case only: with its capital letters written as codes too, or, where it
    /// has none, its first letter.
    /// </summary>
    public static string ForCaseTwin(string safeName)
    {
        ArgumentNullException.ThrowIfNull(safeName);
        var escaped = new StringBuilder(safeName.Length + 16);
        for (var i = 0; i < safeName.Length; i++)
        {
            if (IsEscape(safeName, i))
            {
                escaped.Append(safeName, i, 7);
                i += 6;
            }
            else if (char.IsAsciiLetterUpper(safeName[i]))
            {
                AppendEscape(escaped, safeName[i]);
            }
            else
            {
                escaped.Append(safeName[i]);
            }
        }

        if (escaped.Length == safeName.Length)
        {
            var letter = Enumerable.Range(0, safeName.Length).Where(i => char.IsAsciiLetter(safeName[i]) && !IsWithinEscape(safeName, i)).FirstOrDefault(-1);
            if (letter < 0) return safeName;
            escaped.Clear().Append(safeName, 0, letter);
            AppendEscape(escaped, safeName[letter]);
            escaped.Append(safeName, letter + 1, safeName.Length - letter - 1);
        }

        return escaped.Length <= LongestEscaped ? escaped.ToString() : Shorten(safeName, safeName.ToLowerInvariant());
    }

    /// <summary>The name that was encoded. A name that was too long is not in its file name; the collection's listing has it.</summary>
    public static string Decode(string safeName)
    {
        ArgumentNullException.ThrowIfNull(safeName);
        var plain = new StringBuilder(safeName.Length);
        for (var i = 0; i < safeName.Length; i++)
        {
            if (IsEscape(safeName, i))
            {
                plain.Append((char)int.Parse(safeName.AsSpan(i + 2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
                i += 6;
            }
            else
            {
                plain.Append(safeName[i]);
            }
        }

        return plain.ToString();
    }

    private static string Encode(string name, bool dotAllowed)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        var safe = new StringBuilder(name.Length + 8);
        for (var i = 0; i < name.Length; i++)
        {
            var c = name[i];
            var stays = c switch
            {
                '-' => i > 0,
                '.' => dotAllowed && i > 0 && i < name.Length - 1,
                '_' => !StartsEscape(name, i),
                _ => char.IsAsciiLetterOrDigit(c) && !(i == 0 && Reserved.Contains(name.Split('.')[0])),
            };
            if (stays) safe.Append(c);
            else AppendEscape(safe, c);
        }

        var encoded = safe.ToString();
        return encoded.Length <= LongestPlain && !ShortenedEnd().IsMatch(encoded) ? encoded : Shorten(name, encoded);
    }

    /// <summary>How a shortened name ends: a name that is so of itself is shortened too, or it could pass for another's.</summary>
    [GeneratedRegex("^.{40}_h[0-9a-f]{32}$", RegexOptions.CultureInvariant)]
    private static partial Regex ShortenedEnd();

    /// <summary>No real name is so long. What is cut off is stood for by a hash, so that two such names stay two.</summary>
    private static string Shorten(string name, string safe)
    {
        var hash = Convert.ToHexString(SHA256.HashData(Encoding.Unicode.GetBytes(name))).ToLowerInvariant();
        return $"{safe.AsSpan(0, 40)}_h{hash.AsSpan(0, 32)}";
    }

    private static void AppendEscape(StringBuilder text, char c) => text.Append(CultureInfo.InvariantCulture, $"_x{(int)c:x4}_");

    private static bool IsWithinEscape(string text, int at) => Enumerable.Range(Math.Max(0, at - 6), Math.Min(7, at + 1)).Any(i => IsEscape(text, i));

    private static bool IsEscape(string text, int at) => at + 6 < text.Length && text[at + 6] == '_' && StartsEscape(text, at);

    private static bool StartsEscape(string text, int at) =>
        at + 5 < text.Length && text[at] == '_' && text[at + 1] == 'x'
        && char.IsAsciiHexDigit(text[at + 2]) && char.IsAsciiHexDigit(text[at + 3]) && char.IsAsciiHexDigit(text[at + 4]) && char.IsAsciiHexDigit(text[at + 5]);
}
