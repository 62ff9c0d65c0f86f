using Mapillary.HelpWriter;

// The module's help: what Get-Help shows of each cmdlet, and the about_ topics. The words come from docs/, all else from the assembly.
if (args is not [var assembly, var docs, var output, .. var address])
{
    Console.Error.WriteLine("Usage: Mapillary.HelpWriter <Mapillary.PowerShell.dll> <docs folder> <output folder> [<web address of the cmdlets' pages>]");
    return 2;
}

var faults = 0;
var cmdlets = CmdletFacts.Of(Path.GetFullPath(assembly));
var pages = Directory.GetFiles(Path.Combine(docs, "en-US"), "*-*.md").ToDictionary(p => Path.GetFileNameWithoutExtension(p), StringComparer.Ordinal);
var topics = Directory.GetFiles(docs, "*.md").Concat(Directory.GetFiles(Path.Combine(docs, "en-US"), "about_*.md"))
    .Select(p => (Path: p, Name: MarkdownPage.TopicOf(p)))
    .Where(t => t.Name is not null)
    .OrderBy(t => t.Name, StringComparer.Ordinal)
    .ToList();
var links = new HelpLinks([.. pages.Select(p => (p.Value, p.Key)), .. topics.Select(t => (t.Path, t.Name!))]);

var files = new Dictionary<string, string>();
var maml = new MamlDocument(address is [{ Length: > 0 } online] ? online : null);
foreach (var cmdlet in cmdlets)
{
    Try(() =>
    {
        if (!pages.Remove(cmdlet.Name, out var path)) throw new HelpException(docs, 1, $"There is no page en-US/{cmdlet.Name}.md.");
        maml.Add(cmdlet, CmdletPage.Of(MarkdownPage.Read(path, links), cmdlet));
    });
}

foreach (var (name, path) in pages) Try(() => throw new HelpException(path, 1, $"There is no cmdlet {name}."));
foreach (var (path, name) in topics) Try(() => files[$"{name}.help.txt"] = AboutText.Of(name!, MarkdownPage.Read(path, links)));
if (faults > 0) return 1;

Directory.CreateDirectory(output);
foreach (var (name, text) in files) File.WriteAllText(Path.Combine(output, name), text);
// The last one: what is there of it tells the build that all is.
maml.Save(Path.Combine(output, $"{Path.GetFileName(assembly)}-Help.xml"));
return 0;

// All pages are looked at before the build fails.
void Try(Action step)
{
    try
    {
        step();
    }
    catch (HelpException e)
    {
        faults++;
        Console.WriteLine($"{Path.GetFullPath(e.File)}({e.Line}): error HELP: {e.Message}");
    }
}
