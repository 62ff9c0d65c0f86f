using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Mapillary;

/// <summary>
/// Text from outside as it may be shown on a terminal or kept in a log: it steers no terminal, forges no line, and turns no letters
/// around. Values keep what they are; only what is shown of them goes through here.
/// </summary>
public static class ShownText
{
    /// <summary>What stands for a character that is not shown: there was something.</summary>
    private const char Stand = '\ufffd';

    // C0, DEL and C1 are commands to a terminal (ECMA-48). The others are invisible, and change the order of what is around them (UAX #9),
    // end a line (UAX #14) or hide text. The joiners U+200C and U+200D stay: names and emojis are written with them.
    private static readonly SearchValues<char> NotShown = SearchValues.Create(
    [
        .. Range('\0', '\u001f'), .. Range('\u007f', '\u009f'), '\u061c', '\u180e', '\u200b', '\u200e', '\u200f',
        .. Range('\u2028', '\u202e'), .. Range('\u2060', '\u206f'), '\ufeff', .. Range('\ufff9', '\ufffb'),
    ]);

    private static readonly SearchValues<char> NotShownOrSurrogate = SearchValues.Create(
        [.. Enumerable.Range(0, 0x10000).Select(c => (char)c).Where(c => NotShown.Contains(c) || char.IsSurrogate(c))]);

    /// <summary>One line: a line break or a tab becomes a blank, anything else that is not shown U+FFFD.</summary>
    [return: NotNullIfNotNull(nameof(text))]
    public static string? Line(string? text) => Clean(text, keepsLines: false);

    /// <summary>The same for a text whose line breaks are our own: they stay.</summary>
    [return: NotNullIfNotNull(nameof(text))]
    public static string? Lines(string? text) => Clean(text, keepsLines: true);

    /// <summary>Whether a character, or the half of a pair, may be shown as it is.</summary>
    /// <param name="text">The text.</param>
    /// <param name="at">Where the character begins.</param>
    /// <param name="length">How many UTF-16 code units it has.</param>
    internal static bool IsShown(string text, int at, out int length)
    {
        length = 1;
        if (!char.IsSurrogate(text[at])) return !NotShown.Contains(text[at]);
        if (!Rune.TryGetRuneAt(text, at, out var rune)) return false;
        length = 2;
        // Tags (U+E0000 and on) are letters that nobody sees.
        return rune.Value is not (>= 0xe0000 and <= 0xe007f);
    }

    private static string? Clean(string? text, bool keepsLines)
    {
        if (text is null || text.AsSpan().IndexOfAny(NotShownOrSurrogate) < 0) return text;
        var shown = new StringBuilder(text.Length);
        for (int at = 0, length; at < text.Length; at += length)
        {
            if (IsShown(text, at, out length)) shown.Append(text, at, length);
            else if (text[at] is '\r' && at + 1 < text.Length && text[at + 1] is '\n') continue;
            else if (text[at] is '\r' or '\n' && keepsLines) shown.Append('\n');
            else shown.Append(text[at] is '\r' or '\n' or '\t' or '\u0085' or '\u2028' or '\u2029' ? ' ' : Stand);
        }

        return keepsLines ? shown.Replace("\n", Environment.NewLine).ToString() : shown.ToString();
    }

    private static IEnumerable<char> Range(char first, char last) => Enumerable.Range(first, last - first + 1).Select(c => (char)c);
}
