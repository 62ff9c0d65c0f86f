using System.Reflection;
using System.Reflection.Emit;

namespace Mapillary.Tests;

/// <summary>What is in compiled methods: the calls and texts of their instructions.</summary>
internal static class CompiledCode
{
    private static readonly Dictionary<int, OpCode> OpCodes = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(instruction => (int)(ushort)instruction.Value);

    /// <summary>The methods and constructors of an assembly, each with the outermost type that it is in.</summary>
    public static IEnumerable<(Type Outermost, MethodBase Method)> MethodsOf(Assembly assembly)
    {
        const BindingFlags all = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        foreach (var type in assembly.GetTypes())
        {
            var outermost = type;
            while (outermost.DeclaringType is { } outer) outermost = outer;
            foreach (var method in type.GetMethods(all).Cast<MethodBase>().Concat(type.GetConstructors(all))) yield return (outermost, method);
        }
    }

    /// <summary>The methods and constructors that a method's code names, in the order of the code.</summary>
    public static IEnumerable<MethodBase> CallsOf(MethodBase method)
    {
        var typeArguments = method.DeclaringType is { IsGenericType: true } type ? type.GetGenericArguments() : null;
        var methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : null;
        return OperandsOf(method, OperandType.InlineMethod).Select(token => method.Module.ResolveMethod(token, typeArguments, methodArguments)!);
    }

    /// <summary>The texts that a method's code holds.</summary>
    public static IEnumerable<string> TextsOf(MethodBase method) => OperandsOf(method, OperandType.InlineString).Select(method.Module.ResolveString);

    private static IEnumerable<int> OperandsOf(MethodBase method, OperandType kind)
    {
        if (method.GetMethodBody()?.GetILAsByteArray() is not { } code) yield break;
        for (var at = 0; at < code.Length;)
        {
            int value = code[at++];
            if (value == 0xFE) value = 0xFE00 | code[at++];
            var instruction = OpCodes[value];
            if (instruction.OperandType == kind) yield return BitConverter.ToInt32(code, at);
            at += instruction.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(code, at)),
                _ => 4,
            };
        }
    }
}
