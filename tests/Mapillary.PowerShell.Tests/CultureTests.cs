using System.Reflection;
using System.Runtime.CompilerServices;
using Mapillary.Tests;

namespace Mapillary.PowerShell.Tests;

/// <summary>Texts are the same on every machine, whatever its culture writes numbers and times like.</summary>
public class CultureTests(Engine engine)
{
    [Theory]
    [InlineData("de-DE")]
    [InlineData("ar-SA")]
    public void What_cmdlets_say_does_not_follow_the_culture(string culture)
    {
        using var session = engine.Open("culture");
        var records = Path.Combine(engine.Folder, "culture", "metadata.jsonl");
        // No sequence, and more of them than are written without a separator.
        File.WriteAllLines(records, Enumerable.Range(1, 1234).Select(i => $"{{\"id\":\"{i}\"}}"));

        var outcome = session.Run($"""
            [cultureinfo]::CurrentCulture = '{culture}'
            Get-MapillarySequence -Path metadata.jsonl
            """).ThrowIfFailed();

        Assert.StartsWith("1,234 of the images", Assert.Single(outcome.Warnings), StringComparison.Ordinal);
    }

    public static TheoryData<string> Assemblies() => ["Mapillary.Core", "Mapillary.PowerShell", "mapillary"];

    /// <summary>Looked up in the compiled code, so that no text is left out.</summary>
    [Theory]
    [MemberData(nameof(Assemblies))]
    public void No_text_is_made_of_a_number_or_time_in_the_machines_culture(string assembly)
    {
        var found = CompiledCode.MethodsOf(Assembly.Load(assembly))
            .SelectMany(m => CulturesOwn(m.Method).Select(call => $"{m.Outermost.Name}.{m.Method.Name}: {call}")).Distinct();

        Assert.Equal([], found);
    }

    /// <summary>The calls of a method that write a number or a time as the culture has it.</summary>
    private static IEnumerable<string> CulturesOwn(MethodBase method)
    {
        // Texts with values in them are made by handlers, one within another; each is told its culture when it is made.
        var handlers = new Stack<bool>();
        foreach (var call in CompiledCode.CallsOf(method))
        {
            var parameters = call.GetParameters();
            if (call.DeclaringType == typeof(DefaultInterpolatedStringHandler) || call.DeclaringType?.Name == "AppendInterpolatedStringHandler")
            {
                if (call.IsConstructor) handlers.Push(parameters.Any(p => p.ParameterType == typeof(IFormatProvider)));
                else if (call.Name == nameof(DefaultInterpolatedStringHandler.ToStringAndClear)) handlers.TryPop(out _);
                else if (call.Name == nameof(DefaultInterpolatedStringHandler.AppendFormatted) && handlers.TryPeek(out var isTold) && !isTold
                    && parameters[0].ParameterType is var type && DependsOnCulture(type, isFormatted: parameters.Length > 1 && parameters[^1].ParameterType == typeof(string)))
                    yield return $"a text with {type.Name}";
            }
            else if (parameters.Any(p => p.ParameterType.IsByRef && p.ParameterType.GetElementType()!.Name.EndsWith("InterpolatedStringHandler", StringComparison.Ordinal)))
            {
                handlers.TryPop(out _);
            }
            else if (call is { Name: "ToString" or "Parse" or "TryParse", DeclaringType: { } owner } && parameters.All(p => p.ParameterType != typeof(IFormatProvider))
                && DependsOnCulture(owner, isFormatted: call.Name == "ToString" && parameters.Length == 1))
            {
                yield return $"{owner.Name}.{call.Name}";
            }
        }
    }

    private static bool DependsOnCulture(Type type, bool isFormatted)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(double) || type == typeof(float) || type == typeof(decimal)
            || type == typeof(DateTime) || type == typeof(DateTimeOffset) || type == typeof(DateOnly) || type == typeof(TimeOnly)) return true;
        return isFormatted && (type == typeof(int) || type == typeof(long) || type == typeof(uint) || type == typeof(ulong) || type == typeof(TimeSpan));
    }
}
