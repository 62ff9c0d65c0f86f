using System.Text.RegularExpressions;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Forms;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

/// <summary>The manifest knows how each image was made, and a run with other options says of how many images that are there.</summary>
public partial class MadeWithTests
{
    private const int Images = 4;

    private static readonly TimeZoneInfo Berlin = TimeZones.Find("Europe/Berlin")!;

    private static readonly SaveOptions Default = new();
    private static readonly SaveOptions FastWebp = new() { Form = new WebpForm(effort: 0) };

    /// <summary>Each option: what one run has, and another, and where the difference is counted.</summary>
    private static readonly Dictionary<string, (SaveOptions One, SaveOptions Other, Func<MadeOtherwise, long> Count)> Options = new()
    {
        ["geometry"] = (Default, Restored(new RestoreOptions { Position = PositionSource.Original }), m => m.Position),
        ["time zone"] = (Default, Restored(new RestoreOptions { TimeZone = Berlin }), m => m.TimeZone),
        ["no EXIF"] = (Default, Restored(null), m => m.Metadata),
        ["WebP quality"] = (FastWebp, new SaveOptions { Form = new WebpForm(30, effort: 0) }, m => m.WebpQuality),
        ["layout"] = (Default, new SaveOptions { Layout = CollectionLayout.Time }, m => m.Layout),
    };

    public static TheoryData<string, bool> Cases() => new(from option in Options.Keys from isTurned in new[] { false, true } select (option, isTurned));

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Images_that_are_there_and_were_made_with_another_option_are_counted_and_left_as_they_are(string option, bool isTurned)
    {
        var (one, other, count) = Options[option];
        if (isTurned) (one, other) = (other, one);
        await using var place = await OpenAsync();
        Assert.Empty(await RunAsync(place, one));
        var files = Files(place);

        Assert.Empty(await RunAsync(place, one));
        var found = Assert.Single(await RunAsync(place, other));

        Assert.Equal((place.Collection("anna", one.Form is WebpForm ? "original-webp" : "original"), Images, Images), (found.CollectionPath, found.Images, count(found)));
        Assert.Equal(Images, found.Metadata + found.Position + found.TimeZone + found.WebpQuality + found.Layout);
        Assert.Equal((option is "geometry" or "time zone" or "no EXIF" ? Images : 0, 0L), (found.Restorable, found.InTars));
        Assert.Equal(files, Files(place));

        Assert.Empty(await RunAsync(place, other with { Force = true }));
        Assert.Empty(await RunAsync(place, other));
        Assert.Single(await RunAsync(place, one));
    }

    [Fact]
    public async Task Of_a_manifest_that_does_not_say_how_images_were_made_nothing_is_claimed_but_the_layout()
    {
        await using var place = await OpenAsync();
        await RunAsync(place, Options["geometry"].Other);
        var manifest = Path.Combine(place.Collection("anna"), "manifest.jsonl");
        var lines = File.ReadAllText(manifest);
        Assert.Equal(Images, Regex.Count(lines, Regex.Escape(""","made":{"geometry":"original"}}""")));
        File.WriteAllText(manifest, Made().Replace(lines, ""));

        Assert.Empty(await RunAsync(place, Options["geometry"].Other));
        Assert.Empty(await RunAsync(place, Default));
        Assert.Empty(await RunAsync(place, Options["no EXIF"].Other));
        Assert.Equal(Images, Assert.Single(await RunAsync(place, Options["layout"].Other)).Layout);
    }

    [Theory]
    [InlineData("""{"geometry":"guessed"}""")]
    [InlineData("""{"time_zone":""}""")]
    [InlineData("""{"colours":"all"}""")]
    [InlineData("""{"exif":false,"colours":{"of":[1,2]}}""")]
    public async Task A_note_of_a_later_version_is_no_note_of_this_one_and_the_image_is_there(string made)
    {
        await using var place = await OpenAsync();
        await RunAsync(place, Default);
        var manifest = Path.Combine(place.Collection("anna"), "manifest.jsonl");
        File.WriteAllText(manifest, Made().Replace(File.ReadAllText(manifest), $",\"made\":{made}"));
        var fetches = place.Fetches;

        Assert.Empty(await RunAsync(place, Options["geometry"].Other));

        Assert.Equal(fetches, place.Fetches);
        Assert.Empty(place.Log.Warned);
    }

    [Fact]
    public async Task A_zone_by_the_name_that_Windows_has_for_it_is_the_same_and_so_is_one_that_never_differs_from_UTC()
    {
        await using var place = await OpenAsync();
        await RunAsync(place, Options["time zone"].Other);
        Assert.Empty(await RunAsync(place, Restored(new RestoreOptions { TimeZone = TimeZones.Find("W. Europe Standard Time")! })));

        await RunAsync(place, Default with { Force = true });
        Assert.Empty(await RunAsync(place, Restored(new RestoreOptions { TimeZone = TimeZones.Find("Etc/UTC")! })));
    }

    [Theory]
    [InlineData("geometry")]
    [InlineData("time zone")]
    [InlineData("no EXIF")]
    public async Task Restoring_the_metadata_where_the_files_are_makes_them_those_of_the_other_options(string option)
    {
        var (wanted, first, _) = Options[option];
        await using var place = await OpenAsync();
        await using var reference = await OpenAsync();
        await RunAsync(place, first);
        await RunAsync(reference, wanted);

        await RestoreAsync(place, wanted.Restore!);

        Assert.Empty(await RunAsync(place, wanted));
        Assert.Single(await RunAsync(place, first));
        Assert.Equal(Files(reference), Files(place));
        await ReplacementTests.AssertIntactAsync(place.Collection("anna"));
    }

    [Fact]
    public async Task A_file_that_holds_everything_already_is_noted_as_made_so_and_one_whose_quality_nobody_knows_is_not()
    {
        await using var place = await OpenAsync();
        await RunAsync(place, Default);
        await RunAsync(place, FastWebp);
        foreach (var suffix in new[] { "original", "original-webp" })
        {
            var manifest = Path.Combine(place.Collection("anna", suffix), "manifest.jsonl");
            File.WriteAllText(manifest, Made().Replace(File.ReadAllText(manifest), ""));
            await RestoreAsync(place, RestoreOptions.Default, suffix);
        }

        Assert.Equal(Images, Assert.Single(await RunAsync(place, Options["geometry"].Other)).Position);
        Assert.Empty(await RunAsync(place, Options["WebP quality"].Other));
    }

    [Fact]
    public async Task Converting_notes_the_quality_and_keeps_what_was_known_of_the_metadata()
    {
        await using var place = await OpenAsync();
        await RunAsync(place, Options["geometry"].Other);
        using (var converter = new WebpConverter(new WebpForm(40, effort: 0), destination: null, keepOriginal: false, force: false, encoders: 2, place.Log))
        {
            foreach (var file in Directory.EnumerateFiles(place.Collection("anna"), "*.jpg", SearchOption.AllDirectories).ToList())
                await converter.ConvertAsync(file, TestContext.Current.CancellationToken);
        }

        using var manifest = Manifest.Open(place.Collection("anna"), place.Log);
        Assert.All(
            place.Emulator.World.Images,
            i => Assert.Equal(MadeWith.Default with { Position = PositionSource.Original, WebpQuality = 40 }, manifest.Find(i.Id)!.Made));
    }

    [Fact]
    public async Task A_backup_says_how_many_are_in_tars_where_they_cannot_be_restored()
    {
        await using var place = await OpenAsync();
        Assert.Null((await BackupAsync(place, Default)).MadeOtherwise);

        var found = (await BackupAsync(place, Options["time zone"].Other)).MadeOtherwise!;

        Assert.Equal((place.Collection("anna"), Images, Images, Images, 0L), (found.CollectionPath, found.Images, found.TimeZone, found.InTars, found.Restorable));
        Assert.Null((await BackupAsync(place, Default)).MadeOtherwise);
    }

    internal static SaveOptions Restored(RestoreOptions? restore) => new() { Restore = restore };

    private static Task<Workplace> OpenAsync() =>
        Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = Images, Sequences = 2 }] });

    private static async Task<IReadOnlyList<MadeOtherwise>> RunAsync(Workplace place, SaveOptions options)
    {
        using var saver = place.Saver(options);
        var run = new SavingRun(saver, place.Log);
        await run.SaveAsync(
            place.Listing.OfUserAsync("anna", ImageFilter.None), saved => Assert.Null(saved.Error), progress: null, TestContext.Current.CancellationToken);
        return run.MadeOtherwise;
    }

    private static Task<BackupResult> BackupAsync(Workplace place, SaveOptions options) =>
        new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry)
            .RunAsync("anna", new BackupOptions { Save = options with { Destination = place.Folder } }, progress: null, TestContext.Current.CancellationToken);

    private static async Task RestoreAsync(Workplace place, RestoreOptions options, string suffix = "original")
    {
        var collection = place.Collection("anna", suffix);
        var images = ImageRecords.Read(ImageRecords.Of(collection)).ToDictionary(i => i.Id);
        using var restorer = new FileRestorer(options, place.Log);
        foreach (var file in FileRestorer.FilesIn(collection).ToList())
            await restorer.RestoreAsync(file, images[FileIdentity.IdOf(file)], TestContext.Current.CancellationToken);
    }

    /// <summary>The pictures by their places, with what they hold.</summary>
    private static Dictionary<string, string> Files(Workplace place) => FileRestorer.FilesIn(place.Folder)
        .ToDictionary(f => Path.GetRelativePath(place.Folder, f), f => Convert.ToHexString(File.ReadAllBytes(f)));

    [GeneratedRegex(",\"made\":\\{[^}]*\\}")]
    private static partial Regex Made();
}
