namespace Mapillary.Tests;

/// <summary>What the tests of the architecture see in compiled code.</summary>
public class CompiledCodeTests
{
    [Fact]
    public void A_type_is_found_wherever_another_one_names_it()
    {
        string[] expected =
        [
            nameof(NamedAsBase), nameof(NamedAsElement), nameof(NamedAsField), nameof(NamedAsInterfaceArgument), nameof(NamedAsParameter), nameof(NamedAsResult),
            nameof(NamedByAttribute), nameof(NamedByCall), nameof(NamedByCallOfGeneric), nameof(NamedByCatch), nameof(NamedByLambda), nameof(NamedByTypeOf),
            nameof(NamedInStateMachine), "NamedAsBound`1",
        ];

        var found = CompiledCode.ReferencesOf(typeof(Named).Assembly).Where(r => r.To == typeof(Named) && r.From != typeof(CompiledCodeTests)).Select(r => r.From.Name);

        Assert.Equal(expected.Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
    }
}

/// <summary>The one that the others name.</summary>
internal class Named : Exception
{
    public static void Act()
    {
    }
}

internal sealed class NamedAsBase : Named;

internal sealed class NamedAsInterfaceArgument : IComparable<Named>
{
    public int CompareTo(Named? other) => 0;
}

internal sealed class NamedAsBound<T>
    where T : Named;

[NamingType(typeof(Named))]
internal sealed class NamedByAttribute;

[AttributeUsage(AttributeTargets.Class)]
internal sealed class NamingTypeAttribute(Type type) : Attribute
{
    public Type Type { get; } = type;
}

internal sealed record NamedAsField(object Any)
{
    public static readonly Dictionary<string, List<Named>> Field = [];
}

internal static class NamedAsParameter
{
    public static void Take(Named? named) => GC.KeepAlive(named);
}

internal static class NamedAsResult
{
    public static Named? Give() => null;
}

internal static class NamedAsElement
{
    public static Task<Named[]>? Give() => null;
}

internal static class NamedByCall
{
    public static void Call() => Named.Act();
}

internal static class NamedByCallOfGeneric
{
    public static object Call() => Array.Empty<Named>();
}

internal static class NamedByTypeOf
{
    public static string Name() => typeof(Named).Name;
}

internal static class NamedByCatch
{
    public static void Catch(Action action)
    {
        try
        {
            action();
        }
        catch (Named)
        {
            GC.KeepAlive(action);
        }
    }
}

internal static class NamedByLambda
{
    public static Func<object, bool> Give() => any => any is Named;
}

internal static class NamedInStateMachine
{
    public static async Task WaitAsync()
    {
        await Task.Yield();
        Named.Act();
    }
}
