using System.Globalization;
using System.Text;

namespace Mapillary;

/// <summary>
/// Words of commands that people are shown, to be pasted or completed. Whatever a word holds, the shell that it was written for reads it as
/// that word, and the other one runs nothing of it: nobody knows into which of them a line is pasted. No word holds a character that
/// <see cref="ShownText"/> would not show, for a terminal takes such a one as a key: Ctrl+C, and what follows is another command.
/// </summary>
/// <remarks>cmd.exe quotes in no such way; no command is written for it.</remarks>
public static class CommandText
{
    /// <summary>
    /// A word for PowerShell: as it is where that is safe, else in single quotes, of which PowerShell takes five characters for one
    /// (about_Quoting_Rules); what is not shown is put together, as in <c>('a'+[char]0x1b+'b')</c>. To a POSIX shell the doubled quotes end and begin a
    /// quoted text, and the parenthesis is an error of the whole line.
    /// </summary>
    /// <param name="word">The word.</param>
    public static string ForPowerShell(string word)
    {
        ArgumentNullException.ThrowIfNull(word);
        // What begins as a number may be one, as 1e3 is, and a list of them loses how they were written.
        if (IsPlain(word) && (char.IsAsciiLetter(word[0]) || word[0] is '/')) return word;
        var text = new StringBuilder("'", word.Length + 8);
        var (isOpen, isSum) = (true, false);
        for (int at = 0, length; at < word.Length; at += length)
        {
            if (ShownText.IsShown(word, at, out length))
            {
                if (!isOpen) text.Append("+'");
                isOpen = true;
                text.Append(word, at, length);
                if (IsSingleQuote(word[at])) text.Append(word[at]);
                continue;
            }

            if (isOpen) text.Append('\'');
            (isOpen, isSum) = (false, true);
            foreach (var unit in word.AsSpan(at, length)) text.Append(CultureInfo.InvariantCulture, $"+[char]0x{(int)unit:x}");
        }

        if (isOpen) text.Append('\'');
        return isSum ? $"({text})" : text.ToString();
    }

    /// <summary>
    /// A word for a POSIX shell, such as bash: as it is where that is safe, else in single quotes; what PowerShell takes for one stands in
    /// double quotes. What is not shown is written in dollar quotes (POSIX.1-2024, 2.2.4), as in <c>'a'$'\033''b'</c>; a shell without them
    /// takes that literally. What no argument can hold, NUL and half a surrogate pair, becomes U+FFFD.
    /// </summary>
    /// <param name="word">The word.</param>
    public static string ForPosixShell(string word)
    {
        ArgumentNullException.ThrowIfNull(word);
        if (word.Length == 0) return "''";
        if (IsPlain(word) && word[0] is not '-') return word;
        var text = new StringBuilder(word.Length + 8);
        var (open, close) = ("", "");
        for (int at = 0, length; at < word.Length; at += length)
        {
            if (!ShownText.IsShown(word, at, out length))
            {
                In("$'", "'");
                var character = word[at] is '\0' || (length == 1 && char.IsSurrogate(word[at])) ? "\ufffd" : word.Substring(at, length);
                foreach (var octet in Encoding.UTF8.GetBytes(character))
                    text.Append('\\').Append(Convert.ToString(octet, 8).PadLeft(3, '0'));
                continue;
            }

            if (IsSingleQuote(word[at])) In("\"", "\"");
            else In("'", "'");
            text.Append(word, at, length);
        }

        return text.Append(close).ToString();

        void In(string opening, string closing)
        {
            if (open == opening) return;
            text.Append(close).Append(opening);
            (open, close) = (opening, closing);
        }
    }

    /// <summary>A word for the shell that people of this system most likely are in: PowerShell on Windows, else a POSIX shell.</summary>
    /// <param name="word">The word.</param>
    public static string ForShell(string word) => OperatingSystem.IsWindows() ? ForPowerShell(word) : ForPosixShell(word);

    private static bool IsPlain(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/');

    /// <summary>What PowerShell takes for a single quote: ' and U+2018 to U+201B.</summary>
    private static bool IsSingleQuote(char c) => c is '\'' or (>= '\u2018' and <= '\u201b');
}
