using System.Text;

namespace Mapillary.HelpWriter;

/// <summary>An about_ topic, as Get-Help shows it: plain text of at most 80 columns, but for code.</summary>
internal static class AboutText
{
    private const int Width = 80;
    private const string Indent = "    ";

    /// <summary>Makes the text. The page's title is the short description, whose place Get-Help knows: the fifth line.</summary>
    /// <exception cref="HelpException">The page has no title, or one of more than one line.</exception>
    public static string Of(string name, MarkdownPage page)
    {
        if (page.Blocks is not [Heading { Level: 1 } title, ..] || Indent.Length + title.Text.Length > Width)
            throw new HelpException(page.File, 1, $"A topic begins with a title of at most {Width - Indent.Length} letters.");
        var text = new StringBuilder($"TOPIC\n{Indent}{name}\n\nSHORT DESCRIPTION\n{Indent}{title.Text}\n\nLONG DESCRIPTION\n");
        Block? previous = null;
        foreach (var block in page.Blocks.Skip(1))
        {
            // The items of a list stand close.
            if (previous is not (null or Heading) && !(previous is ListItem && block is ListItem)) text.Append('\n');
            switch (block)
            {
                case Heading heading:
                    if (previous is Heading or null) text.Append('\n');
                    text.Append(heading.Level == 2 ? heading.Text.ToUpperInvariant() : heading.Text).Append('\n');
                    break;
                case Paragraph paragraph:
                    Wrap(text, paragraph.Text, Indent, Indent);
                    break;
                case ListItem item:
                    Wrap(text, $"{item.Mark} {item.Text}", Indent, Indent + new string(' ', item.Mark.Length + 1));
                    break;
                case CodeBlock code:
                    foreach (var line in code.Text.TrimEnd('\n').Split('\n')) text.Append($"{Indent}{Indent}{line}".TrimEnd()).Append('\n');
                    break;
                case Table table:
                    Write(text, table);
                    break;
            }

            previous = block;
        }

        return text.ToString();
    }

    /// <summary>The first cell of a row, and below it the others, each with its column's name where there are several.</summary>
    private static void Write(StringBuilder text, Table table)
    {
        foreach (var row in table.Rows)
        {
            Wrap(text, row[0], Indent, Indent);
            foreach (var (name, cell) in table.Head.Zip(row).Skip(1).Where(c => c.Second is not ("" or "-")))
                Wrap(text, row.Count > 2 && name.Length > 0 ? $"{name}: {cell}" : cell, Indent + Indent, Indent + Indent + "  ");
        }
    }

    private static void Wrap(StringBuilder text, string words, string first, string others)
    {
        var line = first;
        var isEmpty = true;
        foreach (var word in words.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!isEmpty && line.Length + 1 + word.Length > Width)
            {
                text.Append(line).Append('\n');
                (line, isEmpty) = (others, true);
            }

            line += isEmpty ? word : $" {word}";
            isEmpty = false;
        }

        text.Append(line).Append('\n');
    }
}
