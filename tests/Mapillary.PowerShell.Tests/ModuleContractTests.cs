using System.Management.Automation;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Mapillary.Graph;

namespace Mapillary.PowerShell.Tests;

/// <summary>What the module promises on paper against what its assembly holds. No engine is needed.</summary>
public partial class ModuleContractTests
{
    private static readonly Assembly Module = typeof(MapillaryCommand).Assembly;
    private static readonly string Manifest = File.ReadAllText(Repository.File("Mapillary.psd1"));

    public static TheoryData<Type> Commands() => [.. CommandTypes()];

    [Fact]
    public void The_manifest_exports_every_cmdlet_and_no_other()
    {
        var list = Regex.Match(Manifest, @"CmdletsToExport\s*=\s*@\((?<names>[^)]*)\)").Groups["names"].Value;

        Assert.Equal(CommandTypes().Select(NameOf).Order(), Regex.Matches(list, "'([^']+)'").Select(m => m.Groups[1].Value));
        Assert.Matches(@"FunctionsToExport\s*=\s*@\(\)", Manifest);
        Assert.Matches(@"AliasesToExport\s*=\s*@\(\)", Manifest);
        Assert.Matches(@"VariablesToExport\s*=\s*@\(\)", Manifest);
    }

    [Fact]
    public void The_manifest_the_assembly_and_the_changelog_are_of_one_version()
    {
        var label = Regex.Match(Manifest, @"^\s*Prerelease\s*=\s*'([^']+)'", RegexOptions.Multiline).Groups[1].Value;
        var version = Regex.Match(Manifest, @"ModuleVersion\s*=\s*'([^']+)'").Groups[1].Value + (label.Length > 0 ? $"-{label}" : "");

        Assert.Equal(version, Product.Version);
        Assert.Equal(version, Regex.Match(File.ReadAllText(Repository.File("CHANGELOG.md")), @"^## (\S+)", RegexOptions.Multiline).Groups[1].Value);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void A_cmdlet_is_named_by_an_approved_verb_and_its_class_by_both(Type command)
    {
        var approved = typeof(VerbsCommon).Assembly.GetTypes()
            .Where(t => t.IsPublic && t.Name.StartsWith("Verbs", StringComparison.Ordinal))
            .SelectMany(t => t.GetFields(BindingFlags.Public | BindingFlags.Static))
            .Select(f => (string)f.GetRawConstantValue()!);
        var (verb, noun) = VerbAndNoun(command);

        Assert.Contains(verb, approved);
        Assert.Equal($"{verb}{noun}Command", command.Name);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void A_cmdlet_says_what_it_emits(Type command) => Assert.NotEmpty(Attributes(command, "OutputTypeAttribute"));

    [Theory]
    [MemberData(nameof(Commands))]
    public void A_cmdlet_that_writes_asks_before_it_does(Type command)
    {
        var asks = Attributes(command, "CmdletAttribute").Single().NamedArguments.Any(a => a.MemberName == "SupportsShouldProcess" && a.TypedValue.Value is true);

        Assert.Equal(VerbAndNoun(command).Verb is not (VerbsCommon.Get or VerbsDiagnostic.Test or VerbsDiagnostic.Measure), asks);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void A_parameter_is_singular_pascal_case_and_literal_paths_take_what_files_carry(Type command)
    {
        foreach (var parameter in Parameters(command))
        {
            Assert.Matches("^[A-Z][A-Za-z0-9]+$", parameter.Name);
            if (parameter.Name is "LiteralPath")
                Assert.Contains("PSPath", Attributes(parameter, "AliasAttribute").SelectMany(a => (IEnumerable<CustomAttributeTypedArgument>)a.ConstructorArguments[0].Value!).Select(v => v.Value));
            // A list is asked for one name at a time; what ends in s names a number.
            if (parameter.PropertyType.IsArray) Assert.DoesNotMatch("[^s]s$", parameter.Name);
        }
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void One_parameter_a_set_takes_the_pipelines_objects(Type command)
    {
        var bySet = Parameters(command)
            .SelectMany(p => Attributes(p, "ParameterAttribute"))
            .Where(a => a.NamedArguments.Any(n => n.MemberName == "ValueFromPipeline" && n.TypedValue.Value is true))
            .GroupBy(a => a.NamedArguments.FirstOrDefault(n => n.MemberName == "ParameterSetName").TypedValue.Value as string);

        Assert.All(bySet, set => Assert.Single(set));
    }

    /// <summary>What an attribute has to spell out cannot come from a list; that it is the same as the list's can be seen to.</summary>
    [Fact]
    public void Renditions_are_named_alike_wherever_they_are_chosen()
    {
        var sets = CommandTypes().SelectMany(Parameters)
            .Where(p => p.Name == "Quality" && Attributes(p, "ValidateSetAttribute").Any())
            .Select(p => ((IEnumerable<CustomAttributeTypedArgument>)Attributes(p, "ValidateSetAttribute").Single().ConstructorArguments[0].Value!).Select(v => (string)v.Value!))
            .ToList();

        Assert.Equal(5, sets.Count);
        Assert.All(sets, set => Assert.Equal(ImageQualityNames.All, set, StringComparer.OrdinalIgnoreCase));
    }

    [Theory]
    [InlineData("Mapillary.Format.ps1xml", "TypeName")]
    [InlineData("Mapillary.Types.ps1xml", "Name")]
    public void Views_and_type_additions_are_of_types_and_members_that_exist(string file, string element)
    {
        var document = XDocument.Load(Repository.File("src", "Mapillary.PowerShell", file));
        var names = document.Descendants(element).Select(e => e.Value).Where(n => n.StartsWith("Mapillary.", StringComparison.Ordinal)).ToList();

        Assert.NotEmpty(names);
        Assert.All(names, name => Assert.NotNull(typeof(Product).Assembly.GetType(name)));
        foreach (var view in document.Descendants("View"))
        {
            var type = typeof(Product).Assembly.GetType(view.Descendants("TypeName").Single().Value)!;
            foreach (var property in view.Descendants("PropertyName").Select(p => p.Value).Concat(view.Descendants("ScriptBlock").SelectMany(s => ShownProperty().Matches(s.Value).Select(m => m.Groups[1].Value))))
                Assert.NotNull(type.GetProperty(property));
        }
    }

    [Fact]
    public void The_table_of_error_ids_in_the_code_is_the_one_in_the_documentation()
    {
        var table = ErrorIds().Select(f => (ErrorId)f.GetValue(null)!).Select(e => (e.Name, e.Category.ToString())).ToList();
        var told = Told().Matches(File.ReadAllText(Repository.File("docs", "errors.md"))).Select(m => (m.Groups[1].Value, m.Groups[2].Value)).ToList();

        Assert.NotEmpty(table);
        Assert.Equal(table, told);
        Assert.Equal(table.OrderBy(e => e.Name, StringComparer.OrdinalIgnoreCase), table);
    }

    [Fact]
    public void Every_error_id_is_used_and_no_error_has_another()
    {
        var sources = Directory.EnumerateFiles(Repository.File("src", "Mapillary.PowerShell"), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .ToDictionary(f => Path.GetFileName(f), File.ReadAllText);

        Assert.Equal(
            ErrorIds().Select(f => f.Name).Order(StringComparer.Ordinal),
            sources.Values.SelectMany(s => UsedErrorId().Matches(s)).Select(m => m.Groups[1].Value).Distinct().Order(StringComparer.Ordinal));
        // PowerShell's own error about a path is handed on as it is.
        Assert.Equal(
            ["ErrorRecords.cs", "MapillaryCommand.cs"],
            sources.SelectMany(s => Regex.Matches(s.Value, @"new ErrorRecord\(").Select(_ => s.Key)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_core_knows_nothing_of_PowerShell() =>
        Assert.DoesNotContain("System.Management.Automation", typeof(Product).Assembly.GetReferencedAssemblies().Select(a => a.Name));

    private static IEnumerable<FieldInfo> ErrorIds() => typeof(ErrorId).GetFields(BindingFlags.Public | BindingFlags.Static);

    [GeneratedRegex(@"\bErrorId\.([A-Za-z]+)")]
    private static partial Regex UsedErrorId();

    [GeneratedRegex(@"^\| `([A-Z][A-Za-z]+)` \| ([A-Za-z]+) \|", RegexOptions.Multiline)]
    private static partial Regex Told();

    [GeneratedRegex(@"\$_\.([A-Z]\w*)(?!\w*\()")]
    private static partial Regex ShownProperty();

    private static IEnumerable<Type> CommandTypes() => Module.GetTypes().Where(t => Attributes(t, "CmdletAttribute").Any());

    private static string NameOf(Type command)
    {
        var (verb, noun) = VerbAndNoun(command);
        return $"{verb}-{noun}";
    }

    private static (string Verb, string Noun) VerbAndNoun(Type command) =>
        Attributes(command, "CmdletAttribute").Single().ConstructorArguments is [var verb, var noun] ? ((string)verb.Value!, (string)noun.Value!) : default;

    private static IEnumerable<PropertyInfo> Parameters(Type command) => command.GetProperties().Where(p => Attributes(p, "ParameterAttribute").Any());

    private static IEnumerable<CustomAttributeData> Attributes(MemberInfo member, string name) => member.CustomAttributes.Where(a => a.AttributeType.Name == name);
}
