using System.Reflection;
using System.Reflection.Emit;

namespace Mapillary.Tests;

/// <summary>What is in compiled code: the types that a type names, and the calls and texts of methods' instructions.</summary>
internal static class CompiledCode
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<int, OpCode> OpCodes = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(instruction => (int)(ushort)instruction.Value);

    /// <summary>The methods and constructors of an assembly, each with the outermost type that it is in.</summary>
    public static IEnumerable<(Type Outermost, MethodBase Method)> MethodsOf(Assembly assembly)
    {
        foreach (var type in assembly.GetTypes())
        {
            var outermost = Outermost(type);
            foreach (var method in MethodsOf(type)) yield return (outermost, method);
        }
    }

    /// <summary>
    /// Which type of an assembly names which other type of it, both as the outermost ones that they are in: as a base, an interface, an
    /// attribute, a field, a parameter, a result, a bound of a type parameter, a local, in an instruction, as what is caught, or as an argument
    /// or an element of any of these. A constant is not seen, for the compiler puts its value in its place.
    /// </summary>
    public static IEnumerable<(Type From, Type To)> ReferencesOf(Assembly assembly) =>
        assembly.GetTypes().SelectMany(type => NamedBy(type).SelectMany(Parts).Where(part => part.Assembly == assembly).Select(part => (From: Outermost(type), To: Outermost(part))))
            .Where(r => r.From != r.To).Distinct();

    private static IEnumerable<Type> NamedBy(Type type)
    {
        var found = new List<Type>(type.GetInterfaces());
        if (type.BaseType is { } parent) found.Add(parent);
        found.AddRange(type.GetGenericArguments().SelectMany(Bounds));
        found.AddRange(AttributesOf(type));
        foreach (var field in type.GetFields(Declared))
        {
            found.Add(field.FieldType);
            found.AddRange(AttributesOf(field));
        }

        foreach (var property in type.GetProperties(Declared)) found.AddRange(AttributesOf(property));
        foreach (var method in MethodsOf(type))
        {
            found.AddRange(method.GetParameters().SelectMany(p => AttributesOf(p).Append(p.ParameterType)));
            found.AddRange(AttributesOf(method));
            if (method is MethodInfo { ReturnType: var result }) found.Add(result);
            if (method.IsGenericMethodDefinition) found.AddRange(method.GetGenericArguments().SelectMany(Bounds));
            if (method.GetMethodBody() is not { } body) continue;
            found.AddRange(body.LocalVariables.Select(l => l.LocalType));
            found.AddRange(body.ExceptionHandlingClauses.Where(c => c.Flags == ExceptionHandlingClauseOptions.Clause).Select(c => c.CatchType!));
            foreach (var kind in new[] { OperandType.InlineMethod, OperandType.InlineField, OperandType.InlineType, OperandType.InlineTok })
                found.AddRange(MembersOf(method, kind).SelectMany(NamedBy));
        }

        return found;
    }

    /// <summary>What an instruction names by a member: its type, and all in its signature, for whoever calls with a type or takes it uses it.</summary>
    private static IEnumerable<Type> NamedBy(MemberInfo member)
    {
        if (member is Type type) return [type];
        List<Type> found = [member.DeclaringType!];
        if (member is FieldInfo field) found.Add(field.FieldType);
        if (member is not MethodBase method) return found;
        found.AddRange(method.GetParameters().Select(p => p.ParameterType));
        if (method is MethodInfo { ReturnType: var result }) found.Add(result);
        if (method.IsGenericMethod) found.AddRange(method.GetGenericArguments());
        return found;
    }

    private static IEnumerable<Type> Bounds(Type parameter) => parameter.IsGenericParameter ? parameter.GetGenericParameterConstraints() : [];

    private static IEnumerable<Type> AttributesOf(MemberInfo member) => member.GetCustomAttributesData().SelectMany(NamedBy);

    private static IEnumerable<Type> AttributesOf(ParameterInfo parameter) => parameter.GetCustomAttributesData().SelectMany(NamedBy);

    private static IEnumerable<Type> NamedBy(CustomAttributeData attribute) =>
        attribute.ConstructorArguments.Concat(attribute.NamedArguments.Select(n => n.TypedValue)).SelectMany(NamedBy).Append(attribute.AttributeType);

    private static IEnumerable<Type> NamedBy(CustomAttributeTypedArgument argument) => argument.Value switch
    {
        Type type => [type],
        IEnumerable<CustomAttributeTypedArgument> values => values.SelectMany(NamedBy),
        _ => [argument.ArgumentType],
    };

    /// <summary>A type and what it is made of: the elements of an array, the arguments of a generic type.</summary>
    private static IEnumerable<Type> Parts(Type type)
    {
        if (type.HasElementType) return Parts(type.GetElementType()!);
        if (type.IsGenericParameter) return [];
        return type.IsConstructedGenericType ? type.GetGenericArguments().SelectMany(Parts).Append(type.GetGenericTypeDefinition()) : [type];
    }

    private static Type Outermost(Type type) => type.DeclaringType is { } outer ? Outermost(outer) : type;

    private static IEnumerable<MethodBase> MethodsOf(Type type) => type.GetMethods(Declared).Cast<MethodBase>().Concat(type.GetConstructors(Declared));

    /// <summary>The methods and constructors that a method's code names, in the order of the code.</summary>
    public static IEnumerable<MethodBase> CallsOf(MethodBase method) => MembersOf(method, OperandType.InlineMethod).Cast<MethodBase>();

    private static IEnumerable<MemberInfo> MembersOf(MethodBase method, OperandType kind)
    {
        var typeArguments = method.DeclaringType is { IsGenericType: true } generic ? generic.GetGenericArguments() : null;
        var methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : null;
        return OperandsOf(method, kind).Select(token => method.Module.ResolveMember(token, typeArguments, methodArguments)!);
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
