using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.InternetArchive;
using Mapillary.Tiles;

namespace Mapillary.Tests;

/// <summary>The Core reads as the way of the data; no room knows of one behind it.</summary>
public partial class ArchitectureTests
{
    private static readonly string[] Rooms = ["Graph", "Tiles", "Download", "Imaging", "Collections", "Maps", "InternetArchive", "Backup"];

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
        // The caches of statistics and tiles are the user's own and lie in no collection, and so is the file with an area; what is unpacked of an
        // archive goes with its folder; and the encoder's library comes with the module. Which processes there are, Linux tells in files of its own.
        string[] allowed =
        [
            nameof(CollectionFolder), nameof(FolderHandle), nameof(UnixFolder), nameof(WindowsFolder), nameof(IaStatisticsCache), nameof(TileStore), nameof(GeoJsonArea),
            nameof(PackedCollection), nameof(LibraryFile), nameof(LockHolder),
        ];
        var found = new HashSet<string>();
        foreach (var (outermost, method) in CompiledCode.MethodsOf(typeof(CollectionFolder).Assembly))
        {
            foreach (var called in CompiledCode.CallsOf(method).Where(TouchesFileByPath)) found.Add($"{outermost.Name} calls {called.DeclaringType!.Name}.{called.Name}");
        }

        Assert.Contains("CollectionFolder calls Directory.CreateDirectory", found);
        Assert.DoesNotContain(found, f => !allowed.Contains(f.Split(' ')[0]));
    }

    [Fact]
    public void The_front_ends_open_no_file_themselves()
    {
        var sources = Path.GetFullPath(Path.Combine(ThisFolder(), "..", "..", "src"));
        // The list of users is a file that the user names; so is the folder that his WebP files go into. /dev/null takes the place of a closed stream.
        string[] allowed = ["BackupCommand.cs: File.ReadAllLinesAsync(", "ConvertToWebpCommand.cs: Directory.CreateDirectory(", "StandardStreams.cs: File.OpenWrite("];

        var found = new[] { "Mapillary.PowerShell", "Mapillary.Cli" }
            .SelectMany(project => Directory.EnumerateFiles(Path.Combine(sources, project), "*.cs", SearchOption.AllDirectories))
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .SelectMany(file => FileCall().Matches(File.ReadAllText(file)).Select(call => $"{Path.GetFileName(file)}: {call.Value}"));

        Assert.Equal(allowed, found.Order(StringComparer.Ordinal));
    }

    /// <summary>Looked up in the compiled code: each front end has its own words, and the Core gives it data to word.</summary>
    [Fact]
    public void No_text_names_a_cmdlet_a_parameter_or_an_option_of_a_front_end()
    {
        // These print what to type, for either front end.
        string[] printers = [nameof(BackupRequest), nameof(SaveRequest), nameof(NextCommand), nameof(CommandOption)];
        // Of another tool, which updates descriptions on archive.org.
        const string other = "--modify=description:";
        var texts = CompiledCode.MethodsOf(typeof(Product).Assembly)
            .SelectMany(m => CompiledCode.TextsOf(m.Method).Select(text => (m.Outermost.Name, Text: text.Replace(other, "", StringComparison.Ordinal)))).ToList();

        Assert.Contains(texts, t => t.Text.Contains("No Mapillary access token", StringComparison.Ordinal));
        Assert.Empty(texts.Where(t => !printers.Contains(t.Name) && FrontEndWord().IsMatch(t.Text)).Select(t => $"{t.Name}: {t.Text}"));
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

    /// <summary>A cmdlet, such as Get-MapillaryImage; a parameter, such as -Destination; an option, such as --output; the console program with a command.</summary>
    [GeneratedRegex(@"\b[A-Z][A-Za-z]+-(Mapillary|Ia|Sequence|Webp)[A-Za-z]*|(?<![\w/.-])-[A-Z][A-Za-z]+\b|(?<![\w-])--[a-z]|\bmapillary (backup|repair|stats)\b")]
    private static partial Regex FrontEndWord();

    [GeneratedRegex(@"\bFile\.(Open|Read|Write|Append|Move|Copy|Create|Delete|Replace)\w*\(|\bDirectory\.(Move|Delete|Create)\w*\(|\bnew FileStream\(|\.(MoveTo|CopyTo|OpenRead|OpenWrite|OpenText)\(")]
    private static partial Regex FileCall();

    [GeneratedRegex(@"\b(using Mapillary\.(?<room>Graph|Tiles|Download|Imaging|Collections|Maps|InternetArchive|Backup);|Mapillary\.(?<room>Graph|Tiles|Download|Imaging|Collections|Maps|InternetArchive|Backup)\.[A-Z])")]
    private static partial Regex RoomReference();

    private static string ThisFolder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
