using System.Reflection;
using System.Runtime.Loader;

namespace Mapillary.HelpWriter;

/// <summary>How a parameter is given in one parameter set.</summary>
internal sealed record Binding(int? Position, bool IsMandatory, bool ByValue, bool ByName);

/// <summary>What the assembly knows of a cmdlet.</summary>
/// <param name="Sets">The names of its parameter sets, the default one first.</param>
/// <param name="Parameters">Those that are shown; -WhatIf and -Confirm, which PowerShell adds, are not among them.</param>
/// <param name="Outputs">The names of the types that it says it emits.</param>
internal sealed record CmdletFacts(
    string Verb, string Noun, bool AsksBefore, IReadOnlyList<string> Sets, IReadOnlyList<ParameterFacts> Parameters, IReadOnlyList<string> Outputs)
{
    public string Name => $"{Verb}-{Noun}";

    /// <summary>The cmdlets of an assembly, by name.</summary>
    public static IReadOnlyList<CmdletFacts> Of(string assembly)
    {
        // Its neighbours, and of PowerShell what it is compiled against: attributes are read, nothing of PowerShell runs.
        AssemblyLoadContext.Default.Resolving += (context, name) =>
            Path.Combine(Path.GetDirectoryName(assembly)!, $"{name.Name}.dll") is var path && File.Exists(path) ? context.LoadFromAssemblyPath(path) : null;
        return AssemblyLoadContext.Default.LoadFromAssemblyPath(assembly).GetExportedTypes()
            .Where(t => t.Find("CmdletAttribute").Any())
            .Select(Of)
            .OrderBy(c => c.Name, StringComparer.Ordinal)
            .ToList();
    }

    private static CmdletFacts Of(Type type)
    {
        var attribute = type.Find("CmdletAttribute").Single();
        var cmdlet = Activator.CreateInstance(type)!;
        var parameters = type.GetProperties().Where(ParameterFacts.IsShown).Select(p => ParameterFacts.Of(p, cmdlet)).ToList();
        var sets = new[] { attribute.Named("DefaultParameterSetName") as string }
            .Concat(parameters.SelectMany(p => p.Bindings.Keys))
            .OfType<string>()
            .Where(s => s != ParameterFacts.AllSets)
            .Distinct()
            .ToList();
        return new CmdletFacts(
            (string)attribute.ConstructorArguments[0].Value!,
            (string)attribute.ConstructorArguments[1].Value!,
            attribute.Named("SupportsShouldProcess") is true,
            sets.Count > 0 ? sets : [ParameterFacts.AllSets],
            parameters,
            [.. type.Find("OutputTypeAttribute").SelectMany(a => a.List()).Select(t => ((Type)t).FullName!)]);
    }
}

/// <summary>The data of attributes, which are not run.</summary>
internal static class AttributeData
{
    public static IEnumerable<CustomAttributeData> Find(this MemberInfo member, string name) => member.CustomAttributes.Where(a => a.AttributeType.Name == name);

    public static object? Named(this CustomAttributeData attribute, string name) => attribute.NamedArguments.FirstOrDefault(a => a.MemberName == name).TypedValue.Value;

    /// <summary>The values of a list that is the attribute's first argument.</summary>
    public static IEnumerable<object> List(this CustomAttributeData attribute) =>
        ((IEnumerable<CustomAttributeTypedArgument>)attribute.ConstructorArguments[0].Value!).Select(a => a.Value!);
}
