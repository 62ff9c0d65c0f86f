using System.Formats.Tar;
using System.Text.Json;
using System.Text.Json.Nodes;
using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Records;
using Mapillary.Collections.Tars;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

/// <summary>Users and sequences of any name: nothing lands outside of the destination, no two become one, and tars hold no way out.</summary>
public class HostileNamesTests
{
    private static readonly string[] Names =
    [
        "../../x", "..", ".", "/etc/passwd", "C:\\Windows", "a/b\\c:d", "CON", "nul.txt", "com1", "-rf", "--help", ".hidden", ".lock", ".meta",
        "trailing.", "trailing ", " leading", "tab\there", "line\nbreak", "\u0001\u001f\u007f", "nul\0inside", "*?<>|\"", "%2e%2e%2f", "~", "$(reboot)", "`x`", "a;b&c",
        "AbCd", "abcd", "ABCD", "Ünïcödé", "日本語", "مرحبا", "👩‍👩‍👧‍👦", "e\u0301", "\u00e9", "\u202egnp.exe", "manifest.jsonl", "2024-01-15", "collection.json",
        new string('x', 300), new string('ü', 300),
    ];

    [Fact]
    public async Task Sequences_of_any_name_get_a_folder_each_within_the_collection_and_tars_that_lead_nowhere_else()
    {
        await using var place = await Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = Names.Length }] });
        var images = (await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None))).Select((image, i) => With(image, "sequence", Names[i])).ToList();
        var destination = Path.Combine(place.Folder, "deep", "destination");

        List<SavedImage> saved;
        using (var saver = new ImageSaver(new SaveOptions { Destination = destination, Layout = CollectionLayout.Sequence }, Mapillary.Download.FetchRules.For(place.Endpoints, Workplace.QuickRetry), place.Graph, place.Log))
            saved = await Workplace.ToListAsync(saver.SaveAsync(Stream(images), TestContext.Current.CancellationToken));

        Assert.All(saved, s => Assert.Equal(SavedImageStatus.Saved, s.Status));
        var collection = Path.Combine(destination, "mapillary-anna-original");
        Assert.Equal([collection], Directory.GetDirectories(destination));
        var folders = saved.Select(s => Path.GetDirectoryName(s.Path!)!).ToList();
        Assert.All(folders, f => Assert.Equal(collection, Path.GetDirectoryName(f)));
        Assert.Equal([], folders.GroupBy(f => f, StringComparer.OrdinalIgnoreCase).Where(g => g.Count() > 1).SelectMany(g => g));
        Assert.Equal(Names.Length, Directory.EnumerateFiles(place.Folder, "*.jpg", SearchOption.AllDirectories).Count());
        // Any short name can be told again from its folder; for longer ones, each character a code, file systems have no room.
        Assert.All(saved.Where(s => s.SequenceId!.Length <= 10), s => Assert.Equal(s.SequenceId, SafeName.Decode(Path.GetFileName(Path.GetDirectoryName(s.Path!)!))));

        var tars = SequenceTarBundler.Bundle(collection, pictures: null, TarGrouping.Sequence, keepSource: false, place.Log, TestContext.Current.CancellationToken).ToList();

        Assert.Equal(Names.Length, tars.Sum(t => t.Entries));
        Assert.All(tars, t => Assert.Equal(collection, Path.GetDirectoryName(t.Path)));
        foreach (var path in tars.Select(t => t.Path))
        {
            using var tar = new TarReader(File.OpenRead(path));
            while (tar.GetNextEntry() is { } entry)
            {
                Assert.False(Path.IsPathRooted(entry.Name), entry.Name);
                Assert.DoesNotContain("..", entry.Name.Split('/', '\\'));
            }
        }

        var check = await CollectionCheck.RunAsync(collection, 2, null, SilentLog.Instance, TestContext.Current.CancellationToken);
        Assert.True(check.IsIntact, string.Join('\n', check.Missing.Concat(check.Changed).Concat(check.Unexpected)));
    }

    [Fact]
    public async Task Users_of_any_name_get_a_collection_each_within_the_destination()
    {
        await using var place = await Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = Names.Length }] });
        var images = (await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None)))
            .Select((image, i) => With(image, "creator", new JsonObject { ["username"] = Names[i], ["id"] = $"{i + 1}" })).ToList();
        var destination = Path.Combine(place.Folder, "deep", "destination");

        using (var saver = new ImageSaver(new SaveOptions { Destination = destination }, Mapillary.Download.FetchRules.For(place.Endpoints, Workplace.QuickRetry), place.Graph, place.Log))
            await foreach (var saved in saver.SaveAsync(Stream(images), TestContext.Current.CancellationToken)) Assert.Equal(SavedImageStatus.Saved, saved.Status);

        var collections = Directory.GetDirectories(destination);
        Assert.Equal(Names.Length, collections.Distinct(StringComparer.OrdinalIgnoreCase).Count());
        Assert.Equal(Names.Order(StringComparer.Ordinal), collections.Select(c => CollectionState.Read(c)!.User).Order(StringComparer.Ordinal));
        Assert.Equal(["deep"], Directory.GetFileSystemEntries(place.Folder).Select(Path.GetFileName));
    }

    private static MapillaryImage With(MapillaryImage image, string field, JsonNode value)
    {
        var record = JsonNode.Parse(image.Json)!.AsObject();
        record[field] = value;
        return MapillaryImage.Parse(record.ToJsonString(new JsonSerializerOptions()));
    }

    private static async IAsyncEnumerable<MapillaryImage> Stream(IEnumerable<MapillaryImage> images)
    {
        foreach (var image in images)
        {
            await Task.Yield();
            yield return image;
        }
    }
}
