using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Mapillary.Collections;
using Mapillary.InternetArchive;

namespace Mapillary.Tests;

/// <summary>The Core reads as the way of the data; no room knows of one behind it.</summary>
public partial class ArchitectureTests
{
    private static readonly string[] Rooms = ["Graph", "Download", "Imaging", "Collections", "Maps", "InternetArchive", "Backup"];

    [Fact]
    public void No_room_knows_of_one_behind_it()
    {
        var core = Path.GetFullPath(Path.Combine(ThisFolder(), "..", "..", "src", "Mapillary.Core"));

        Assert.Equal(Rooms.Order(), Directory.EnumerateDirectories(core).Select(d => Path.GetFileName(d)!).Except(["bin", "obj"]).Order());
        foreach (var (room, number) in Rooms.Select((r, i) => (r, i)))
        {
            foreach (var file in Directory.EnumerateFiles(Path.Combine(core, room), "*.cs"))
            {
                foreach (Match reference in RoomReference().Matches(File.ReadAllText(file)))
                    Assert.True(Array.IndexOf(Rooms, reference.Groups["room"].Value) <= number, $"{room}/{Path.GetFileName(file)} knows of {reference.Value}");
            }
        }
    }

    /// <summary>Looked up in the compiled code: whoever opens, makes, moves or removes a file by its path.</summary>
    [Fact]
    public void Files_are_opened_made_moved_and_removed_in_one_layer_alone()
    {
        // The cache of the statistics is the user's own and lies in no collection; what is unpacked of an archive goes with its folder.
        string[] allowed =
            [nameof(CollectionFolder), nameof(FolderHandle), nameof(UnixFolder), nameof(WindowsFolder), nameof(IaStatisticsCache), nameof(PackedCollection)];
        var found = new HashSet<string>();
        foreach (var type in typeof(CollectionFolder).Assembly.GetTypes())
        {
            var outermost = type;
            while (outermost.DeclaringType is { } outer) outermost = outer;
            const BindingFlags all = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
            foreach (var method in type.GetMethods(all).Cast<MethodBase>().Concat(type.GetConstructors(all)))
            {
                foreach (var called in CallsOf(method).Where(TouchesFileByPath)) found.Add($"{outermost.Name} calls {called.DeclaringType!.Name}.{called.Name}");
            }
        }

        Assert.Contains("CollectionFolder calls Directory.CreateDirectory", found);
        Assert.DoesNotContain(found, f => !allowed.Contains(f.Split(' ')[0]));
    }

    [Fact]
    public void The_front_ends_open_no_file_themselves()
    {
        var sources = Path.GetFullPath(Path.Combine(ThisFolder(), "..", "..", "src"));
        // The list of users is a file that the user names; so is the folder that his WebP files go into.
        string[] allowed = ["BackupCommand.cs: File.ReadAllLinesAsync(", "ConvertToWebpCommand.cs: Directory.CreateDirectory("];

        var found = new[] { "Mapillary.PowerShell", "Mapillary.Cli" }
            .SelectMany(project => Directory.EnumerateFiles(Path.Combine(sources, project), "*.cs", SearchOption.AllDirectories))
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .SelectMany(file => FileCall().Matches(File.ReadAllText(file)).Select(call => $"{Path.GetFileName(file)}: {call.Value}"));

        Assert.Equal(allowed, found.Order(StringComparer.Ordinal));
    }

    private static bool TouchesFileByPath(MethodBase called)
    {
        var takesPath = called.GetParameters() is [{ } first, ..] && first.ParameterType == typeof(string);
        return called.DeclaringType switch
        {
            { } type when type == typeof(File) => takesPath && called.Name is not (nameof(File.Exists) or nameof(File.ResolveLinkTarget)) && !called.Name.StartsWith("Get", StringComparison.Ordinal),
            { } type when type == typeof(Directory) => called.Name is nameof(Directory.CreateDirectory) or nameof(Directory.Delete) or nameof(Directory.Move) or nameof(Directory.CreateSymbolicLink),
            { } type when type == typeof(FileInfo) || type == typeof(DirectoryInfo) || type == typeof(FileSystemInfo) =>
                Regex.IsMatch(called.Name, "^(Open|Create|Append|Move|Copy|Replace|Delete|Encrypt|set_)", RegexOptions.CultureInvariant),
            { } type when type == typeof(FileStream) || type == typeof(StreamReader) || type == typeof(StreamWriter) => called.IsConstructor && takesPath,
            _ => false,
        };
    }

    /// <summary>The methods and constructors that a method's code names.</summary>
    private static IEnumerable<MethodBase> CallsOf(MethodBase method)
    {
        if (method.GetMethodBody()?.GetILAsByteArray() is not { } code) yield break;
        var typeArguments = method.DeclaringType is { IsGenericType: true } type ? type.GetGenericArguments() : null;
        var methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : null;
        for (var at = 0; at < code.Length;)
        {
            int value = code[at++];
            if (value == 0xFE) value = 0xFE00 | code[at++];
            var instruction = Instructions[value];
            if (instruction.OperandType == OperandType.InlineMethod) yield return method.Module.ResolveMethod(BitConverter.ToInt32(code, at), typeArguments, methodArguments)!;
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

    private static readonly Dictionary<int, OpCode> Instructions = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(instruction => (int)(ushort)instruction.Value);

    [GeneratedRegex(@"\bFile\.(Open|Read|Write|Append|Move|Copy|Create|Delete|Replace)\w*\(|\bDirectory\.(Move|Delete|Create)\w*\(|\bnew FileStream\(|\.(MoveTo|CopyTo|OpenRead|OpenWrite|OpenText)\(")]
    private static partial Regex FileCall();

    [GeneratedRegex(@"\b(using Mapillary\.(?<room>Graph|Download|Imaging|Collections|Maps|InternetArchive|Backup);|Mapillary\.(?<room>Graph|Download|Imaging|Collections|Maps|InternetArchive|Backup)\.[A-Z])")]
    private static partial Regex RoomReference();

    private static string ThisFolder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
