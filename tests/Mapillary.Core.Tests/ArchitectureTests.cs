using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Mapillary.Backup;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Files;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.InternetArchive.Statistics;
using Mapillary.Tiles;

namespace Mapillary.Tests;

/// <summary>The Core's rooms, namespaces that are folders too, form a tree that has no way back.</summary>
public partial class ArchitectureTests
{
    /// <summary>
    /// The rooms, each with those that it stands on: these it may use, and what these stand on. What is at the root all may use. An arrow that
    /// follows from others is not among them. docs/architecture.md draws the same.
    /// </summary>
    private static readonly Dictionary<string, string[]> Rooms = new(StringComparer.Ordinal)
    {
        ["Services"] = [],
        ["Graph"] = ["Services"],
        ["Tiles"] = ["Graph"],
        ["Download"] = ["Graph"],
        ["Imaging"] = [],
        ["Imaging.Jpeg"] = ["Imaging"],
        ["Imaging.Exif"] = ["Imaging.Jpeg"],
        ["Imaging.Webp"] = ["Imaging.Jpeg"],
        ["Imaging.Xmp"] = ["Imaging"],
        ["Imaging.Metadata"] = ["Graph", "Imaging.Exif", "Imaging.Webp", "Imaging.Xmp"],
        ["Imaging.Forms"] = ["Imaging.Metadata"],
        ["Diagnosis"] = ["Download", "Imaging.Metadata"],
        ["Collections"] = ["Imaging.Forms"],
        ["Collections.Files"] = ["Collections"],
        ["Collections.Records"] = ["Collections.Files"],
        ["Collections.Places"] = ["Collections.Records"],
        ["Collections.Tars"] = ["Collections.Places"],
        ["Collections.Checking"] = ["Collections.Tars"],
        ["Maps"] = ["Collections.Places"],
        ["Saving"] = ["Collections.Checking", "Download"],
        ["Planning"] = ["InternetArchive.Client", "Saving"],
        ["InternetArchive.Client"] = ["Services"],
        ["InternetArchive.Describing"] = ["Collections.Places", "InternetArchive.Client"],
        ["InternetArchive.Statistics"] = ["Collections.Files", "InternetArchive.Client"],
        ["InternetArchive.Uploading"] = ["InternetArchive.Describing"],
        ["Backup"] = ["InternetArchive.Describing", "Planning"],
    };

    private static string CoreFolder => Path.GetFullPath(Path.Combine(ThisFolder(), "..", "..", "src", "Mapillary.Core"));

    [Fact]
    public void Rooms_use_only_what_they_stand_on() =>
        Assert.Empty(References().Where(r => !MayUse(r.From, r.To)).Select(r => r.Said).Order(StringComparer.Ordinal));

    [Fact]
    public void Every_arrow_between_rooms_is_used_and_none_follows_from_others()
    {
        var used = References().Select(r => (r.From, r.To)).ToHashSet();
        var arrows = Rooms.SelectMany(r => r.Value.Select(to => (From: r.Key, To: to))).ToList();

        Assert.Empty(arrows.Where(a => !used.Contains(a)).Select(a => $"no type in {a.From} uses one in {a.To}"));
        Assert.Empty(arrows.Where(a => Rooms[a.From].Any(other => other != a.To && Behind(other).Contains(a.To))).Select(a => $"{a.From} -> {a.To} follows from the others"));
    }

    [Fact]
    public void No_room_stands_on_itself() => Assert.DoesNotContain(Rooms.Keys, room => Rooms[room].Any(to => Behind(to).Contains(room)));

    [Fact]
    public void Rooms_are_folders_and_namespaces()
    {
        Assert.Equal(Rooms.Keys.Order(StringComparer.Ordinal), Sources().Select(s => s.Room).Where(r => r.Length > 0).Distinct().Order(StringComparer.Ordinal));
        Assert.Empty(Sources().Where(s => Namespace().Match(File.ReadAllText(s.File)).Groups["room"].Value != s.Room).Select(s => s.File));
    }

    /// <summary>The page that explains the rooms draws these arrows and no others.</summary>
    [Fact]
    public void The_page_about_the_architecture_draws_the_same_rooms()
    {
        var page = File.ReadAllText(Path.Combine(CoreFolder, "..", "..", "docs", "architecture.md"));
        var drawn = DrawnArrow().Matches(page).Select(m => $"{m.Groups["from"].Value} -> {m.Groups["to"].Value}");

        Assert.Equal(Rooms.SelectMany(r => r.Value.Select(to => $"{r.Key} -> {to}")).Order(StringComparer.Ordinal), drawn.Order(StringComparer.Ordinal));
        Assert.All(Rooms.Keys, room => Assert.Contains($"\n| {room} |", page, StringComparison.Ordinal));
    }

    private static bool MayUse(string from, string to) => to == "" || (from != "" && Behind(from).Contains(to));

    /// <summary>A room and all that it may use.</summary>
    private static HashSet<string> Behind(string room)
    {
        var behind = new HashSet<string>(StringComparer.Ordinal);
        var next = new Stack<string>([room]);
        while (next.TryPop(out var one))
        {
            if (!behind.Add(one)) continue;
            Assert.True(Rooms.ContainsKey(one), $"'{one}' is no room.");
            foreach (var to in Rooms[one]) next.Push(to);
        }

        return behind;
    }

    /// <summary>
    /// Which room uses which, and by what; the root is the empty name. Looked up in the compiled code, and in the sources' <c>using</c> lines
    /// besides: of a constant the compiled code has only the value.
    /// </summary>
    private static IEnumerable<(string From, string To, string Said)> References() => CompiledReferences().Concat(
        from source in Sources()
        from Match line in RoomUsing().Matches(File.ReadAllText(source.File))
        let used = line.Groups["room"].Value
        select (source.Room, used, $"{source.Room}: {Path.GetFileName(source.File)} has '{line.Value}'"));

    /// <summary>Leaves out what the compiler makes, which is in no room.</summary>
    private static IEnumerable<(string From, string To, string Said)> CompiledReferences() =>
        from reference in CompiledCode.ReferencesOf(typeof(Product).Assembly)
        let @from = RoomOf(reference.From)
        let to = RoomOf(reference.To)
        where @from is not null && to is not null && @from != to
        select (@from, to, $"{@from}: {reference.From.Name} uses {to}.{reference.To.Name}");

    private static string? RoomOf(Type type) =>
        type.Namespace == nameof(Mapillary) ? ""
        : type.Namespace?.StartsWith(nameof(Mapillary) + ".", StringComparison.Ordinal) == true ? type.Namespace[(nameof(Mapillary).Length + 1)..]
        : null;

    private static IEnumerable<(string Room, string File)> Sources() =>
        from file in Directory.EnumerateFiles(CoreFolder, "*.cs", SearchOption.AllDirectories)
        let folder = Path.GetRelativePath(CoreFolder, Path.GetDirectoryName(file)!).Replace(Path.DirectorySeparatorChar, '.')
        where folder.Split('.')[0] is not ("bin" or "obj")
        select (folder == "." ? "" : folder, file);

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

    [GeneratedRegex(@"^using Mapillary\.(?<room>[\w.]+);", RegexOptions.Multiline)]
    private static partial Regex RoomUsing();

    [GeneratedRegex(@"^namespace Mapillary(\.(?<room>[\w.]+))?;", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"^ +(?<from>[\w.]+) --> (?<to>[\w.]+)$", RegexOptions.Multiline)]
    private static partial Regex DrawnArrow();

    private static string ThisFolder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
