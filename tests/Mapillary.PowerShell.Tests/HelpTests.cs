using System.Globalization;
using System.Management.Automation;
using System.Reflection;
using System.Text.RegularExpressions;

namespace Mapillary.PowerShell.Tests;

/// <summary>
/// What Get-Help has of each cmdlet, against the cmdlet itself: its class, an instance of it, and what PowerShell makes of both. The help
/// is written while the module is built.
/// </summary>
public partial class HelpTests(HelpTests.HelpSession help) : IClassFixture<HelpTests.HelpSession>
{
    public static TheoryData<Type> Commands() => [.. typeof(MapillaryCommand).Assembly.GetExportedTypes().Where(t => !t.IsAbstract && t.IsSubclassOf(typeof(MapillaryCommand)))];

    [Theory]
    [MemberData(nameof(Commands))]
    public void Every_parameter_has_the_default_that_a_new_instance_has(Type type)
    {
        using var instance = (MapillaryCommand)Activator.CreateInstance(type)!;
        var parameters = help.Of(type).Parameters;

        foreach (var property in Shown(type))
        {
            var shown = parameters[property.Name].Default;
            var initial = property.GetValue(instance);
            if (initial is int number && number == Environment.ProcessorCount && shown == "the number of processors") continue;
            if (IsMandatory(property)) Assert.Equal("None", shown);
            // Where nothing is given there are words, or none.
            else if (InWriting(property, initial) is { } expected) Assert.Equal(expected, shown);
            else Assert.Matches("^[A-Za-z$]", shown);
        }
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void Every_value_of_a_closed_list_has_a_word(Type type)
    {
        foreach (var property in Shown(type))
        {
            var words = help.Of(type).Parameters[property.Name].Words;
            var element = Element(property.PropertyType);
            var values = element.IsEnum ? Enum.GetNames(element) : property.GetCustomAttribute<ValidateSetAttribute>()?.ValidValues ?? [];

            Assert.Equal(values, ExplainedValue().Matches(words).Select(m => m.Groups[1].Value));
        }
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void The_syntax_is_what_PowerShell_takes(Type type)
    {
        var expected = help.Session.Run($$"""
            foreach ($set in (Get-Command {{NameOf(type)}}).ParameterSets) {
                $given = $set.Parameters | Where-Object {
                    $_.Name -notin [System.Management.Automation.PSCmdlet]::CommonParameters -and $true -notin $_.Attributes.DontShow
                }
                ($given | ForEach-Object { '{0} {1} {2}' -f $_.Name, $_.IsMandatory, $(if ($_.Position -ge 0) { $_.Position } else { 'named' }) } | Sort-Object) -join '; '
            }
            """).ThrowIfFailed();

        Assert.Equal(expected.Output.Select(o => o.ToString()).Order(), help.Of(type).Syntax.Order(), StringComparer.OrdinalIgnoreCase);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void Nothing_of_Markdown_is_left_and_nothing_is_blank(Type type)
    {
        var text = help.Of(type).Text;

        Assert.DoesNotMatch(@"`|\]\(|\*\*", text);
        Assert.DoesNotMatch(@"\(\s*\)| is ,| ''", text);
    }

    /// <summary>What would be typed to give the value; null where it stands for nothing given.</summary>
    private static string? InWriting(PropertyInfo property, object? initial) => initial switch
    {
        null or "" or Array { Length: 0 } => null,
        TimeSpan time when time == TimeSpan.Zero => null,
        int or long when property.GetCustomAttribute<ValidateRangeAttribute>() is { } range && (LanguagePrimitives.Compare(initial, range.MinRange) < 0 || LanguagePrimitives.Compare(initial, range.MaxRange) > 0) => null,
        SwitchParameter { IsPresent: var isOn } => isOn.ToString(),
        Array list => string.Join(", ", list.Cast<object>()),
        _ => Convert.ToString(initial, CultureInfo.InvariantCulture),
    };

    private static IEnumerable<PropertyInfo> Shown(Type type) => type.GetProperties().Where(p => p.GetCustomAttributes<ParameterAttribute>().Any(a => !a.DontShow));

    private static bool IsMandatory(PropertyInfo property) => property.GetCustomAttributes<ParameterAttribute>().All(a => a.Mandatory);

    private static Type Element(Type type) => Nullable.GetUnderlyingType(type) ?? (type.IsArray ? type.GetElementType()! : type);

    private static string NameOf(Type type) => new CommandMetadata(type).Name;

    [GeneratedRegex(@"^- (\w+): \S", RegexOptions.Multiline)]
    private static partial Regex ExplainedValue();

    /// <summary>What Get-Help has of a cmdlet.</summary>
    /// <param name="Syntax">Of each parameter set, the parameters with whether they are mandatory and their place.</param>
    /// <param name="Text">All its texts.</param>
    public sealed record CmdletHelp(IReadOnlyDictionary<string, (string Default, string Words)> Parameters, IReadOnlyList<string> Syntax, string Text);

    /// <summary>A session that asks for the help of each cmdlet once.</summary>
    public sealed class HelpSession(Engine engine) : IDisposable
    {
        private readonly Dictionary<Type, CmdletHelp> _help = [];

        public Session Session { get; } = engine.Open("help");

        public CmdletHelp Of(Type type)
        {
            if (_help.TryGetValue(type, out var known)) return known;
            var found = Session.Run($$"""
                $help = Get-Help {{NameOf(type)}}
                $help.parameters.parameter | ForEach-Object { , @('parameter', $_.name, $_.defaultValue, ($_.description.Text -join "`n")) }
                $help.syntax.syntaxItem | ForEach-Object { , @('set', (($_.parameter | ForEach-Object { '{0} {1} {2}' -f $_.name, $_.required, $_.position } | Sort-Object) -join '; ')) }
                $texts = @(
                    $help.Synopsis
                    $help.description.Text
                    $help.parameters.parameter.description.Text
                    $help.inputTypes.inputType.description.Text
                    $help.returnValues.returnValue.description.Text
                    $help.examples.example | ForEach-Object { $_.title; $_.remarks.Text }
                    $help.relatedLinks.navigationLink.linkText
                )
                , @('text', ($texts -join "`n"))
                """).ThrowIfFailed().Output.Select(o => ((object[])o.BaseObject).Select(v => $"{v}").ToArray()).ToLookup(line => line[0]);
            return _help[type] = new CmdletHelp(
                found["parameter"].ToDictionary(p => p[1], p => (p[2], p[3])), [.. found["set"].Select(s => s[1])], found["text"].Single()[1]);
        }

        public void Dispose() => Session.Dispose();
    }
}
