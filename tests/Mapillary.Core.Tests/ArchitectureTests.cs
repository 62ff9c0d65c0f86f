using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

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

    [GeneratedRegex(@"\b(using Mapillary\.(?<room>Graph|Download|Imaging|Collections|Maps|InternetArchive|Backup);|Mapillary\.(?<room>Graph|Download|Imaging|Collections|Maps|InternetArchive|Backup)\.[A-Z])")]
    private static partial Regex RoomReference();

    private static string ThisFolder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
