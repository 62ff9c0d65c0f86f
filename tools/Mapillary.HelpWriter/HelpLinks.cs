namespace Mapillary.HelpWriter;

/// <summary>Where links lead in an installed module: to help of the module, or into the web.</summary>
internal sealed class HelpLinks(IEnumerable<(string Path, string Name)> help)
{
    private readonly Dictionary<string, string> _names = help.ToDictionary(h => Path.GetFullPath(h.Path), h => h.Name, StringComparer.Ordinal);

    /// <summary>What a reader of plain text gets in place of a link.</summary>
    /// <exception cref="HelpException">It leads to what the module does not have.</exception>
    public string InPlaceOf(string text, string target, string page, int line)
    {
        if (target.StartsWith("https://", StringComparison.Ordinal)) return text == target ? text : $"{text} ({target})";
        // A part of the same page.
        if (target.StartsWith('#')) return text;
        var path = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(page)!, target.Split('#')[0]));
        if (!_names.TryGetValue(path, out var name))
            throw new HelpException(page, line, $"The link to '{target}' leads to what the module does not have: name a page that is help, or an address that begins with https.");
        return text == name || text.EndsWith(".md", StringComparison.Ordinal) ? name : $"{text} ({name})";
    }
}
