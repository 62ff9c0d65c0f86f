using System.Globalization;
using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace Mapillary.HelpWriter;

/// <summary>The help of cmdlets as PowerShell reads it (MAML).</summary>
/// <param name="address">Where the cmdlets' pages are in the web, for Get-Help -Online; null where nobody knows.</param>
internal sealed class MamlDocument(string? address)
{
    private static readonly XNamespace Msh = "http://msh";
    private static readonly XNamespace Maml = "http://schemas.microsoft.com/maml/2004/10";
    private static readonly XNamespace Command = "http://schemas.microsoft.com/maml/dev/command/2004/10";
    private static readonly XNamespace Dev = "http://schemas.microsoft.com/maml/dev/2004/10";

    /// <summary>What PowerShell adds to a cmdlet that asks before it changes something.</summary>
    private static readonly (ParameterFacts Facts, string Words)[] Added =
    [
        (Switch("WhatIf", "wi"), "Shows what would be done, and changes nothing."),
        (Switch("Confirm", "cf"), "Asks before each change."),
    ];

    private readonly XElement _root = new(
        Msh + "helpItems", new XAttribute("schema", "maml"), new XAttribute(XNamespace.Xmlns + "maml", Maml), new XAttribute(XNamespace.Xmlns + "command", Command), new XAttribute(XNamespace.Xmlns + "dev", Dev));

    public void Add(CmdletFacts cmdlet, CmdletPage page)
    {
        var added = cmdlet.AsksBefore ? Added : [];
        var parameters = cmdlet.Parameters
            .Select(p => ParameterElement(p, p.In(cmdlet.Sets[0]) ?? p.Bindings.Values.First(), page.Parameters[p.Name].Blocks, page.Defaults[p.Name]))
            .Concat(added.Select(a => ParameterElement(a.Facts, a.Facts.Bindings.Values.Single(), [new Paragraph(0, a.Words)], "False")))
            .OrderBy(e => (string)e.Element(Maml + "name")!, StringComparer.Ordinal);
        _root.Add(new XElement(
            Command + "command",
            new XElement(
                Command + "details",
                new XElement(Command + "name", cmdlet.Name),
                new XElement(Maml + "description", Para(page.Synopsis)),
                new XElement(Command + "verb", cmdlet.Verb),
                new XElement(Command + "noun", cmdlet.Noun)),
            new XElement(Maml + "description", Paras(page.Description)),
            new XElement(Command + "syntax", cmdlet.Sets.Select(set => SyntaxElement(cmdlet, set, added.Select(a => a.Facts)))),
            new XElement(Command + "parameters", parameters),
            new XElement(Command + "inputTypes", cmdlet.Parameters.Select(InputElement)),
            new XElement(Command + "returnValues", page.Outputs.Select(o => new XElement(Command + "returnValue", TypeElement(o.Heading.Text), new XElement(Maml + "description", Paras(o.Blocks))))),
            new XElement(Command + "examples", page.Examples.Select(ExampleElement)),
            new XElement(Maml + "relatedLinks", LinkElements(cmdlet, page))));
    }

    public void Save(string path)
    {
        // The same bytes on every system.
        using var writer = XmlWriter.Create(path, new XmlWriterSettings { Indent = true, NewLineChars = "\n", NewLineHandling = NewLineHandling.None, Encoding = new UTF8Encoding(false) });
        _root.Save(writer);
    }

    private static ParameterFacts Switch(string name, string alias) => new(
        name, "SwitchParameter", "System.Management.Automation.SwitchParameter", IsSwitch: true, IsList: false, TakesWildcards: false,
        new Dictionary<string, Binding> { [ParameterFacts.AllSets] = new(null, false, false, false) }, [alias], [], "False", IsMachines: false);

    /// <summary>The parameters of a set in PowerShell's order: those with a position, those that must be given, the others.</summary>
    private static XElement SyntaxElement(CmdletFacts cmdlet, string set, IEnumerable<ParameterFacts> added) => new(
        Command + "syntaxItem",
        new XElement(Maml + "name", cmdlet.Name),
        cmdlet.Parameters.Concat(added)
            .Select(p => (Facts: p, Binding: p.In(set)))
            .Where(p => p.Binding is not null)
            .OrderBy(p => p.Binding!.Position ?? int.MaxValue)
            .ThenBy(p => !p.Binding!.IsMandatory)
            .Select(p => new XElement(Command + "parameter", Attributes(p.Facts, p.Binding!), new XElement(Maml + "name", p.Facts.Name), p.Facts.IsSwitch ? null : ValueElement(p.Facts))));

    private static XElement ParameterElement(ParameterFacts facts, Binding binding, IReadOnlyList<Block> words, string defaultValue) => new(
        Command + "parameter",
        Attributes(facts, binding),
        new XElement(Maml + "name", facts.Name),
        new XElement(Maml + "description", Paras(words)),
        new XElement(Command + "parameterValue", new XAttribute("required", !facts.IsSwitch), new XAttribute("variableLength", facts.IsList), facts.Type),
        TypeElement(facts.FullType),
        new XElement(Dev + "defaultValue", defaultValue));

    private static IEnumerable<XAttribute> Attributes(ParameterFacts facts, Binding binding) =>
    [
        new("required", binding.IsMandatory),
        new("variableLength", facts.IsList),
        new("globbing", facts.TakesWildcards),
        new("pipelineInput", (binding.ByValue, binding.ByName) switch { (true, true) => "true (ByValue, ByPropertyName)", (true, false) => "true (ByValue)", (false, true) => "true (ByPropertyName)", _ => "false" }),
        new("position", binding.Position?.ToString(CultureInfo.InvariantCulture) ?? "named"),
        new("aliases", facts.Aliases.Count > 0 ? string.Join(", ", facts.Aliases) : "none"),
    ];

    /// <summary>The type of a value, or all values that there are.</summary>
    private static XElement ValueElement(ParameterFacts facts) => facts is { Values.Count: > 0, IsList: false }
        ? new XElement(Command + "parameterValueGroup", facts.Values.Select(v => new XElement(Command + "parameterValue", new XAttribute("required", false), new XAttribute("variableLength", false), v)))
        : new XElement(Command + "parameterValue", new XAttribute("required", true), new XAttribute("variableLength", facts.IsList), facts.Type);

    private static XElement? InputElement(ParameterFacts facts)
    {
        var byValue = facts.Bindings.Values.Any(b => b.ByValue);
        var byName = facts.Bindings.Values.Any(b => b.ByName);
        if (!byValue && !byName) return null;
        var names = string.Join(" or ", facts.Aliases.Prepend(facts.Name));
        var words = (byValue, byName) switch
        {
            (true, true) => $"For -{facts.Name}. Objects with a property {names} are taken too.",
            (true, false) => $"For -{facts.Name}.",
            _ => $"For -{facts.Name}, from the property {names} of objects.",
        };
        return new XElement(Command + "inputType", TypeElement(facts.FullType), new XElement(Maml + "description", Para(words)));
    }

    private static XElement ExampleElement(Section example) => new(
        Command + "example",
        new XElement(Maml + "title", $"---------- {example.Heading.Text} ----------"),
        new XElement(Dev + "code", string.Concat(example.Blocks.OfType<CodeBlock>().Select(c => c.Text)).TrimEnd('\n')),
        // A blank line before the next one.
        new XElement(Dev + "remarks", Paras([.. example.Blocks.Where(b => b is not CodeBlock)]), Para("")));

    private IEnumerable<XElement> LinkElements(CmdletFacts cmdlet, CmdletPage page)
    {
        if (address is not null) yield return LinkElement("Online Version", $"{address}/{cmdlet.Name}.md");
        foreach (var link in page.Links.OfType<ListItem>()) yield return LinkElement(link.Text, "");
    }

    private static XElement LinkElement(string text, string uri) => new(Maml + "navigationLink", new XElement(Maml + "linkText", text), new XElement(Maml + "uri", uri));

    private static XElement TypeElement(string type) => new(Dev + "type", new XElement(Maml + "name", type));

    /// <summary>Paragraphs; the items of a list are lines of one.</summary>
    private static IEnumerable<XElement> Paras(IReadOnlyList<Block> blocks)
    {
        for (var i = 0; i < blocks.Count; i++)
        {
            if (blocks[i] is Paragraph paragraph) yield return Para(paragraph.Text);
            if (blocks[i] is not ListItem) continue;
            var items = blocks.Skip(i).TakeWhile(b => b is ListItem).Cast<ListItem>().ToList();
            yield return Para(string.Join('\n', items.Select(item => $"{item.Mark} {item.Text}")));
            i += items.Count - 1;
        }
    }

    private static XElement Para(string text) => new(Maml + "para", text);
}
