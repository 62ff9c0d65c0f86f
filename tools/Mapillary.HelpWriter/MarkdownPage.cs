using System.Text.RegularExpressions;

namespace Mapillary.HelpWriter;

/// <summary>A part of a page, in plain text. A line of a code block ends in a line feed.</summary>
internal abstract record Block(int Line);

internal sealed record Heading(int Line, int Level, string Text) : Block(Line);

internal sealed record Paragraph(int Line, string Text) : Block(Line);

/// <param name="Value">The value that it explains, where it begins with one in backticks and a colon.</param>
internal sealed record ListItem(int Line, string Mark, string Text, string? Value) : Block(Line);

internal sealed record CodeBlock(int Line, string Text) : Block(Line);

internal sealed record Table(int Line, IReadOnlyList<string> Head, IReadOnlyList<IReadOnlyList<string>> Rows) : Block(Line);

/// <summary>A page of docs/, in as much of Markdown as is used there.</summary>
internal sealed partial class MarkdownPage
{
    private readonly string[] _lines;
    private readonly HelpLinks _links;
    private readonly List<Block> _blocks = [];
    private int _next;

    private MarkdownPage(string path, HelpLinks links) => (File, _lines, _links) = (path, System.IO.File.ReadAllLines(path), links);

    public string File { get; }

    public IReadOnlyList<Block> Blocks => _blocks;

    /// <summary>The about_ topic that a page is, as its first line says: <c>&lt;!-- about_Mapillary --&gt;</c>.</summary>
    public static string? TopicOf(string path) => TopicMark().Match(System.IO.File.ReadLines(path).FirstOrDefault() ?? "") is { Success: true } mark ? mark.Groups[1].Value : null;

    /// <exception cref="HelpException">Something is in it that is not understood, or a link leads to what the module does not have.</exception>
    public static MarkdownPage Read(string path, HelpLinks links)
    {
        var page = new MarkdownPage(path, links);
        while (page._next < page._lines.Length) page.ReadBlock();
        return page;
    }

    private void ReadBlock()
    {
        var line = _lines[_next];
        var number = _next + 1;
        if (line.Trim().Length == 0 || line.StartsWith("<!--", StringComparison.Ordinal)) _next++;
        else if (line.StartsWith("```", StringComparison.Ordinal)) _blocks.Add(new CodeBlock(number, FencedCode(number)));
        else if (line.StartsWith("    ", StringComparison.Ordinal)) _blocks.Add(new CodeBlock(number, string.Concat(Take(l => l.StartsWith("    ", StringComparison.Ordinal)).Select(l => $"{l[4..]}\n"))));
        else if (HeadingMark().Match(line) is { Success: true } heading)
        {
            _next++;
            _blocks.Add(new Heading(number, heading.Groups[1].Length, Plain(heading.Groups[2].Value, number)));
        }
        else if (line.StartsWith('|')) _blocks.Add(ReadTable(number));
        else if (ItemMark().Match(line) is { Success: true } item)
        {
            _next++;
            var text = string.Join(' ', [item.Groups[2].Value, .. Take(l => l.StartsWith("  ", StringComparison.Ordinal)).Select(l => l.Trim())]);
            _blocks.Add(new ListItem(number, item.Groups[1].Value, Plain(text, number), ValueMark().Match(text) is { Success: true } value ? value.Groups[1].Value : null));
        }
        else if (line.StartsWith("---", StringComparison.Ordinal) || line.StartsWith("![", StringComparison.Ordinal) || line.StartsWith('<') || line.StartsWith('>'))
            throw new HelpException(File, number, $"Help cannot show this: {line}");
        else _blocks.Add(new Paragraph(number, Plain(string.Join(' ', Take(IsProse).Select(l => l.Trim())), number)));
    }

    private string FencedCode(int number)
    {
        _next++;
        var code = string.Concat(Take(l => !l.StartsWith("```", StringComparison.Ordinal)).Select(l => $"{l}\n"));
        if (_next++ == _lines.Length) throw new HelpException(File, number, "This block of code has no end.");
        return code;
    }

    private Table ReadTable(int number)
    {
        var rows = Take(l => l.StartsWith('|'))
            .Select((row, i) => CellEnd().Split(row.Trim()[1..^1]).Select(c => Plain(c.Replace("\\|", "|", StringComparison.Ordinal).Trim(), number + i)).ToList())
            .ToList();
        // The second row is the line below the head.
        return new Table(number, rows[0], [.. rows.Skip(2)]);
    }

    private List<string> Take(Func<string, bool> belongs)
    {
        var first = _next;
        while (_next < _lines.Length && belongs(_lines[_next])) _next++;
        return [.. _lines[first.._next]];
    }

    private static bool IsProse(string line) =>
        line.Trim().Length > 0 && !line.StartsWith('|') && !line.StartsWith("```", StringComparison.Ordinal) && !HeadingMark().IsMatch(line) && !ItemMark().IsMatch(line);

    /// <summary>Without marks: what was code or bold is plain, and of a link there is what leads there.</summary>
    private string Plain(string markdown, int line) => Inline().Replace(markdown, match =>
    {
        if (match.Groups["code"] is { Success: true } code) return NotBlank(code.Value);
        if (match.Groups["bold"] is { Success: true } bold) return Plain(bold.Value, line);
        return _links.InPlaceOf(NotBlank(Plain(match.Groups["text"].Value, line)), match.Groups["target"].Value, File, line);

        string NotBlank(string text) => string.IsNullOrWhiteSpace(text) ? throw new HelpException(File, line, $"'{match.Value}' is empty.") : text;
    });

    [GeneratedRegex(@"^<!-- (about_\w+) -->")]
    private static partial Regex TopicMark();

    [GeneratedRegex(@"^(#+) (.+)$")]
    private static partial Regex HeadingMark();

    [GeneratedRegex(@"^(-|\d+\.) (.+)$")]
    private static partial Regex ItemMark();

    [GeneratedRegex(@"^`(\w+)`: ")]
    private static partial Regex ValueMark();

    [GeneratedRegex(@"(?<!\\)\|")]
    private static partial Regex CellEnd();

    [GeneratedRegex(@"`(?<code>[^`]*)`|\*\*(?<bold>.+?)\*\*|\[(?<text>[^\[\]]*)\]\((?<target>[^()]*)\)")]
    private static partial Regex Inline();
}
