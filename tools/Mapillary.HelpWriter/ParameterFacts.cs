using System.Globalization;
using System.Reflection;

namespace Mapillary.HelpWriter;

/// <summary>What the assembly knows of a parameter.</summary>
/// <param name="Type">Its type, as PowerShell writes it.</param>
/// <param name="FullType">Its type's full name.</param>
/// <param name="Bindings">How it is given, by parameter set.</param>
/// <param name="Values">All values that it takes, where that is a list of names.</param>
/// <param name="Default">The value that it has when it is not given, as it would be typed; null where there is none to be typed.</param>
/// <param name="IsMachines">Whether that value differs from machine to machine.</param>
internal sealed record ParameterFacts(
    string Name, string Type, string FullType, bool IsSwitch, bool IsList, bool TakesWildcards, IReadOnlyDictionary<string, Binding> Bindings,
    IReadOnlyList<string> Aliases, IReadOnlyList<string> Values, string? Default, bool IsMachines)
{
    /// <summary>The name that PowerShell has for all sets together.</summary>
    public const string AllSets = "__AllParameterSets";

    private static readonly Dictionary<string, string> ShortNames = new(StringComparer.Ordinal)
    {
        ["String"] = "string",
        ["Int32"] = "int",
        ["Int64"] = "long",
        ["Double"] = "double",
        ["Boolean"] = "bool",
        ["TimeSpan"] = "timespan",
        ["DateTime"] = "datetime",
        ["SecureString"] = "securestring",
        ["PSCredential"] = "pscredential",
    };

    public bool IsMandatory => Bindings.Values.All(b => b.IsMandatory);

    /// <summary>Whether a property is a parameter that help shows.</summary>
    public static bool IsShown(PropertyInfo property) => property.Find("ParameterAttribute").Any(a => a.Named("DontShow") is not true);

    public static ParameterFacts Of(PropertyInfo property, object cmdlet)
    {
        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        var element = type.IsArray ? type.GetElementType()! : type;
        var isSwitch = type.Name == "SwitchParameter";
        var initial = property.GetValue(cmdlet);
        return new ParameterFacts(
            property.Name,
            ShortNames.GetValueOrDefault(element.Name, element.Name) + (type.IsArray ? "[]" : ""),
            type.FullName!,
            isSwitch,
            type.IsArray,
            property.Find("SupportsWildcardsAttribute").Any(),
            property.Find("ParameterAttribute").ToDictionary(a => a.Named("ParameterSetName") as string ?? AllSets, BindingOf, StringComparer.Ordinal),
            [.. property.Find("AliasAttribute").SelectMany(a => a.List()).Cast<string>()],
            element.IsEnum ? Enum.GetNames(element) : [.. property.Find("ValidateSetAttribute").SelectMany(a => a.List()).Cast<string>()],
            isSwitch ? "False" : Typed(initial, property),
            initial is int number && number == Environment.ProcessorCount);
    }

    /// <summary>How it is given in a set, or null where it is not.</summary>
    public Binding? In(string set) => Bindings.GetValueOrDefault(set) ?? Bindings.GetValueOrDefault(AllSets);

    private static Binding BindingOf(CustomAttributeData attribute) => new(
        attribute.Named("Position") as int?,
        attribute.Named("Mandatory") is true,
        attribute.Named("ValueFromPipeline") is true,
        attribute.Named("ValueFromPipelineByPropertyName") is true);

    private static string? Typed(object? value, PropertyInfo property) => value switch
    {
        null or "" => null,
        Array { Length: 0 } => null,
        Array list => string.Join(", ", list.Cast<object>()),
        // What the parameter itself would refuse stands for not given.
        TimeSpan time when time == TimeSpan.Zero => null,
        int or long when property.Find("ValidateRangeAttribute").Any(a => !IsWithin(value, a)) => null,
        _ => Convert.ToString(value, CultureInfo.InvariantCulture),
    };

    private static bool IsWithin(object number, CustomAttributeData range)
    {
        var value = Convert.ToDecimal(number, CultureInfo.InvariantCulture);
        return value >= Bound(0) && value <= Bound(1);

        decimal Bound(int index) => Convert.ToDecimal(range.ConstructorArguments[index].Value, CultureInfo.InvariantCulture);
    }
}
