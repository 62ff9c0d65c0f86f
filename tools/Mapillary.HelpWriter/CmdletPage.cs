namespace Mapillary.HelpWriter;

/// <summary>A part of a page below a heading of its own.</summary>
internal sealed record Section(Heading Heading, IReadOnlyList<Block> Blocks);

/// <summary>The words on a cmdlet, which fit what the assembly knows of it.</summary>
/// <param name="Defaults">By parameter, the words for a default that is no plain value.</param>
internal sealed record CmdletPage(
    string Synopsis, IReadOnlyList<Block> Description, IReadOnlyList<Section> Examples, IReadOnlyDictionary<string, Section> Parameters,
    IReadOnlyDictionary<string, string> Defaults, IReadOnlyList<Section> Outputs, IReadOnlyList<Block> Links)
{
    private const string DefaultMark = "Default value: ";

    private static readonly string[] Parts = ["SYNOPSIS", "DESCRIPTION", "EXAMPLES", "PARAMETERS", "OUTPUTS", "RELATED LINKS"];

    /// <exception cref="HelpException">A part is missing or unknown, or contradicts the assembly.</exception>
    public static CmdletPage Of(MarkdownPage page, CmdletFacts cmdlet)
    {
        var parts = Below(page.Blocks, 2);
        Check(1, parts.Select(p => p.Heading.Text), Parts, "Parts");
        IReadOnlyList<Block> Part(string name) => parts.Single(p => p.Heading.Text == name).Blocks;

        var parameters = Below(Part("PARAMETERS"), 3);
        var line = parts.Single(p => p.Heading.Text == "PARAMETERS").Heading.Line;
        Check(line, parameters.Select(p => p.Heading.Text), cmdlet.Parameters.Select(p => $"-{p.Name}").Order(StringComparer.Ordinal), "Parameters");
        var outputs = Below(Part("OUTPUTS"), 3);
        Check(parts.Single(p => p.Heading.Text == "OUTPUTS").Heading.Line, outputs.Select(o => o.Heading.Text), cmdlet.Outputs, "Types of output");

        var defaults = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (facts, section) in cmdlet.Parameters.OrderBy(p => p.Name, StringComparer.Ordinal).Zip(parameters))
        {
            Check(section.Heading.Line, section.Blocks.OfType<ListItem>().Select(i => i.Value).OfType<string>(), facts.Values, $"Values of -{facts.Name}");
            var words = section.Blocks.OfType<Paragraph>().FirstOrDefault(IsDefault)?.Text[DefaultMark.Length..].TrimEnd('.');
            if (words is not null && (facts.IsMandatory || (facts.Default is not null && !facts.IsMachines && !facts.IsSwitch)))
                throw Fault(section.Heading.Line, $"The default of -{facts.Name} is not to be written here: the assembly has {facts.Default ?? "none, for it has to be given"}.");
            if (words is null && facts.IsMachines)
                throw Fault(section.Heading.Line, $"The default of -{facts.Name} differs from machine to machine: say it in words, as '{DefaultMark}…'.");
            defaults[facts.Name] = words ?? (facts.IsMandatory ? null : facts.Default) ?? "None";
        }

        return new CmdletPage(
            string.Join(' ', Part("SYNOPSIS").OfType<Paragraph>().Select(p => p.Text)), Part("DESCRIPTION"), Below(Part("EXAMPLES"), 3),
            parameters.ToDictionary(p => p.Heading.Text[1..], p => p with { Blocks = [.. p.Blocks.Where(b => b is not Paragraph text || !IsDefault(text))] }),
            defaults, outputs, Part("RELATED LINKS"));

        static bool IsDefault(Paragraph paragraph) => paragraph.Text.StartsWith(DefaultMark, StringComparison.Ordinal);

        HelpException Fault(int line, string message) => new(page.File, line, message);

        void Check(int line, IEnumerable<string> found, IEnumerable<string> expected, string what)
        {
            if (found.SequenceEqual(expected)) return;
            var wrong = new[] { ("missing", expected.Except(found)), ("unknown", found.Except(expected)), ("expected in this order", expected) }.First(w => w.Item2.Any());
            throw Fault(line, $"{what}: {wrong.Item1}: {string.Join(", ", wrong.Item2)}.");
        }
    }

    private static List<Section> Below(IReadOnlyList<Block> blocks, int level)
    {
        var starts = Enumerable.Range(0, blocks.Count).Where(i => blocks[i] is Heading heading && heading.Level == level).ToList();
        return [.. starts.Select((start, i) => new Section((Heading)blocks[start], [.. blocks.Take(i + 1 < starts.Count ? starts[i + 1] : blocks.Count).Skip(start + 1)]))];
    }
}
