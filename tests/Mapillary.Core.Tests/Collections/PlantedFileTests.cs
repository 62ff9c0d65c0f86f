using System.Runtime.InteropServices;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Collections.Tars;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Forms;
using Mapillary.InternetArchive.Describing;
using Mapillary.InternetArchive.Uploading;
using Mapillary.Maps;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

/// <summary>
/// A collection that somebody else made: in the place of each of its files and folders, links and a pipe, and everything that opens a
/// collection is let loose on it. What the links lead to stays as it is, byte for byte, nothing waits for the other end of a pipe, and
/// what is refused is refused in words that name the file.
/// </summary>
public class PlantedFileTests
{
    /// <summary>A case takes some milliseconds, and an encoder's start; who waits for a pipe waits for ever.</summary>
    private static readonly TimeSpan HangsAfter = TimeSpan.FromMinutes(2);

    private const string User = "anna";
    private const string Day = "<day>";
    private const string Sequence = "<sequence>";
    private const string Picture = "<picture>";

    /// <summary>What is planted.</summary>
    public enum Plant
    {
        /// <summary>A link to what was there, or to a file, which lies outside now.</summary>
        LinkToFile,

        /// <summary>A link to what was there, or to a folder, which lies outside now.</summary>
        LinkToFolder,

        /// <summary>A link to a name outside under which nothing is.</summary>
        DanglingLink,

        /// <summary>A pipe that nobody writes or reads.</summary>
        Pipe,
    }

    private static readonly string[] Places =
    [
        ".lock", ".lock.owner", "collection.json", "collection.json.part", "metadata.jsonl", "manifest.jsonl", "manifest.jsonl.part", "failed.jsonl", ".upload.jsonl",
        "metadata.jsonl.gz", "manifest.jsonl.gz", "metadata.jsonl.gz.part", "manifest.jsonl.gz.part",
        ".meta", ".meta/title", ".meta/title/0", ".meta/title/9", ".meta/title/0.part", "ia-metadata.csv", "ia-metadata.json",
        "__ia_thumb__.jpg", "__ia_thumb__.jpg.part", "map.html", "map.html.part", "map.geojson", "map.gpx", "map.csv",
        Day, Sequence, Picture, Picture + ".part", "<tar>.tar", "<tar>.tar.part", "download.log.20240101-000000", "progress.json",
        "../.staging", "../.staging/mapillary-anna-original", "../.staging/mapillary-anna-original.lock", "../.staging/mapillary-anna-original.lock.owner",
    ];

    private static readonly Dictionary<string, Func<Workplace, string, IReadOnlyList<MapillaryImage>, CancellationToken, Task>> Commands = new()
    {
        ["Save-MapillaryImage"] = async (place, _, _, _) => await place.SaveAsync(User, new SaveOptions { KeepsRunLog = true }),
        ["Save-MapillaryImage -Layout Time"] = async (place, _, _, _) => await place.SaveAsync(User, new SaveOptions { Layout = CollectionLayout.Time }),
        ["Backup-MapillaryUser"] = async (place, _, _, ct) => await BackupOf(place).RunAsync(User, BackupOptionsOf(place), progress: null, ct),
        ["Backup-MapillaryUser -WhatIf"] = async (place, _, _, ct) => await BackupOf(place).PlanAsync(User, BackupOptionsOf(place), progress: null, ct),
        ["New-SequenceTar"] = (_, path, _, ct) => Run(() => SequenceTarBundler.Bundle(path, null, TarGrouping.Sequence, keepSource: false, SilentLog.Instance, ct).Count()),
        ["Set-MapillaryExif"] = async (_, path, images, ct) =>
        {
            using var restorer = new FileRestorer(RestoreOptions.Default, SilentLog.Instance);
            foreach (var file in FileRestorer.FilesIn(path).Append(Path.Combine(path, PictureIn(path, images)))) await restorer.RestoreAsync(file, images[0], ct);
        },
        ["ConvertTo-Webp"] = async (_, path, images, ct) =>
        {
            using var converter = new WebpConverter(new WebpForm(effort: 0), destination: null, keepOriginal: false, force: true, 1, SilentLog.Instance);
            await converter.ConvertAsync(Path.Combine(path, PictureIn(path, images)), ct);
        },
        ["Export-IaMetadata"] = (_, path, _, ct) => Run(() =>
        {
            foreach (var format in Enum.GetValues<IaMetadataFormat>()) IaMetadataWriter.Write(IaMetadata.Describe(path, SilentLog.Instance, ct), format, destination: null);
        }),
        ["Publish-IaCollection -WhatIf"] = async (place, path, _, ct) =>
        {
            using var plan = await UploadPlan.MakeAsync(path, place.Endpoints, new UploadOptions { Force = true }, SilentLog.Instance, Workplace.QuickRetry, ct);
        },
        ["Publish-IaCollection"] = async (place, path, _, ct) =>
        {
            using var plan = await UploadPlan.MakeAsync(path, place.Endpoints, new UploadOptions { Force = true, MaximumWait = TimeSpan.Zero }, SilentLog.Instance, Workplace.QuickRetry, ct);
            await CollectionUpload.RunAsync(plan, place.Keys, progress: null, ct);
        },
        ["Test-MapillaryCollection"] = async (_, path, _, ct) => await CollectionCheck.RunAsync(path, 2, progress: null, SilentLog.Instance, ct),
        ["Export-MapillaryMap"] = (_, path, _, ct) => Run(() =>
        {
            foreach (var format in Enum.GetValues<MapFormat>())
            {
                var map = new CaptureMap();
                map.AddListing(path, SilentLog.Instance, ct);
                map.Write(Path.Combine(path, format.ToFileName()), format, ct);
            }
        }),
        ["Get-MapillaryImage -Path"] = (_, path, _, _) => Run(() => ImageRecords.Read(ImageRecords.Of(path)).Count()),
        ["Tab completion"] = (place, _, _, _) => Run(() =>
        {
            _ = NearbyCollections.Users(place.Folder).Count;
            _ = NearbyCollections.Sequences(place.Folder).Count;
        }),
    };

    public static TheoryData<string> CommandNames => [.. Commands.Keys];

    [Theory]
    [MemberData(nameof(CommandNames))]
    public async Task Nothing_outside_of_a_collection_is_touched_or_waited_for(string command)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows makes links only for the privileged, and has no pipes among files.");
        await using var place = await Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = User, Images = 2, Sequences = 1 }] });
        // One that a run began, and one that was completed and has its state compressed. Their pictures lack their metadata.
        await place.SaveAsync(User, new SaveOptions { Quality = ImageQuality.Original, Restore = null });
        var begun = Move(place.Collection(User), Path.Combine(place.Folder, "begun"));
        await BackupOf(place).RunAsync(User, BackupOptionsOf(place) with { Tar = null }, progress: null, TestContext.Current.CancellationToken);
        var complete = Move(place.Collection(User), Path.Combine(place.Folder, "complete"));
        var images = ImageRecords.Read(Path.Combine(begun, "metadata.jsonl")).ToList();
        var refused = 0;

        foreach (var (from, planted, plant) in Cases(command, begun, complete, images))
        {
            var outside = Directory.CreateDirectory(Path.Combine(place.Folder, "outside")).FullName;
            Copy(from, place.Collection(User));
            PutInPlace(Path.GetFullPath(Path.Combine(place.Collection(User), planted)), plant, outside);
            var before = ContentOf(outside);
            var what = $"{command}, {plant} in the place of {planted}";

            var work = Task.Run(() => Commands[command](place, place.Collection(User), images, TestContext.Current.CancellationToken));
            await Task.WhenAny(work, Task.Delay(HangsAfter, TestContext.Current.CancellationToken));
            Assert.True(work.IsCompleted, $"{what}: does not end");
            if (work.Exception?.InnerException is { } error)
            {
                refused++;
                Assert.True(error is CollectionException or IOException or InvalidDataException or UnauthorizedAccessException, $"{what}: {error}");
                Assert.True(error.Message.Contains(Path.GetFileName(planted), StringComparison.Ordinal), $"{what}: says {error.Message}");
            }

            Assert.True(before == ContentOf(outside), $"{what}: changed what lies outside, from\n{before}\nto\n{ContentOf(outside)}");
            Directory.Delete(outside, recursive: true);
            if (Directory.Exists(place.Collection(User))) Directory.Delete(place.Collection(User), recursive: true);
            if (Path.Combine(place.Folder, ".staging") is var staging && new FileInfo(staging).LinkTarget is not null) File.Delete(staging);
            else if (Directory.Exists(staging)) Directory.Delete(staging, recursive: true);
            else File.Delete(staging);
        }

        if (command is not ("Tab completion" or "Test-MapillaryCollection")) Assert.NotEqual(0, refused);
    }

    [Theory]
    [InlineData("manifest.jsonl")]
    [InlineData("metadata.jsonl")]
    [InlineData("collection.json")]
    [InlineData(".lock")]
    [InlineData(".upload.jsonl")]
    public async Task A_plan_of_an_upload_says_which_file_is_a_link_and_what_to_do(string file)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows makes links only for the privileged.");
        await using var place = await Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = User, Images = 1 }] });
        await place.SaveAsync(User);
        var victim = Path.Combine(place.Folder, "victim");
        File.WriteAllText(victim, "alias ls='echo mine'\n");
        var path = Path.Combine(place.Collection(User), file);
        File.Delete(path);
        File.CreateSymbolicLink(path, "../victim");

        var refused = await Assert.ThrowsAsync<CollectionException>(() =>
            UploadPlan.MakeAsync(place.Collection(User), place.Endpoints, new UploadOptions { Force = true }, place.Log, Workplace.QuickRetry, TestContext.Current.CancellationToken));

        Assert.Equal(CollectionFault.Mismatch, refused.Fault);
        Assert.Contains($"'{path}' is a link to '../victim'", refused.Message, StringComparison.Ordinal);
        Assert.Contains("put what it leads to in its place", refused.Message, StringComparison.Ordinal);
        Assert.Equal("alias ls='echo mine'\n", File.ReadAllText(victim));
    }

    [Fact]
    public async Task A_collection_whose_folder_is_itself_a_link_and_files_with_a_second_name_are_written_as_ever()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows makes links only for the privileged.");
        await using var place = await Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = User, Images = 3 }] });
        var elsewhere = Directory.CreateDirectory(Path.Combine(place.Folder, "another-disk")).FullName;
        Directory.CreateSymbolicLink(place.Collection(User), elsewhere);

        await place.SaveAsync(User);
        Workplace.Run("ln", Path.Combine(elsewhere, "manifest.jsonl"), Path.Combine(place.Folder, "second-name"));
        var again = await place.SaveAsync(User);

        Assert.All(again, s => Assert.Equal(SavedImageStatus.Present, s.Status));
        Assert.Equal(3, Directory.EnumerateFiles(elsewhere, "*.jpg", SearchOption.AllDirectories).Count());
        Assert.True((await CollectionCheck.RunAsync(place.Collection(User), 1, null, place.Log, TestContext.Current.CancellationToken)).IsIntact);
    }

    [Fact]
    public async Task A_folder_that_becomes_a_link_while_files_are_opened_in_it_is_never_followed()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows makes links only for the privileged.");
        const int rounds = 3000;
        var root = Directory.CreateTempSubdirectory("mapillary-test-").FullName;
        try
        {
            var outside = Directory.CreateDirectory(Path.Combine(root, "outside")).FullName;
            File.WriteAllText(Path.Combine(outside, "state"), "victim");
            var collection = Directory.CreateDirectory(Path.Combine(root, "collection")).FullName;
            var way = Path.Combine(collection, "way");
            Directory.CreateDirectory(way);
            File.WriteAllText(Path.Combine(way, "state"), "own");
            var folder = new CollectionFolder(collection);
            var isDone = 0;
            // As fast as it goes, the folder is put aside and a link takes its name.
            var swapping = Task.Run(() =>
            {
                while (Volatile.Read(ref isDone) == 0)
                {
                    Directory.Move(way, way + ".aside");
                    // The folder that is missing for a moment may be made anew meanwhile.
                    Try(() => File.CreateSymbolicLink(way, outside));
                    if (new FileInfo(way).LinkTarget is not null) File.Delete(way);
                    while (Directory.Exists(way + ".aside"))
                    {
                        Try(() => Directory.Delete(way, recursive: true));
                        Try(() => Directory.Move(way + ".aside", way));
                    }
                }
            });

            int read = 0, refused = 0;
            for (var i = 0; i < rounds; i++)
            {
                foreach (var attempt in new Action[]
                {
                    () => Assert.NotEqual("victim", new StreamReader(folder.OpenRead("way/state")).ReadToEnd()),
                    () => WholeFile.Write(folder, "way/state", stream => stream.Write("own"u8)),
                    () => folder.Delete("way/other"),
                    () => folder.OpenOrCreate("way/new", FileShare.None).Dispose(),
                })
                {
                    try
                    {
                        attempt();
                        read++;
                    }
                    catch (Exception e) when (e is CollectionException or IOException or UnauthorizedAccessException)
                    {
                        refused++;
                    }
                }
            }

            Volatile.Write(ref isDone, 1);
            await swapping;

            Assert.Equal(["state"], Directory.EnumerateFileSystemEntries(outside).Select(Path.GetFileName));
            Assert.Equal("victim", File.ReadAllText(Path.Combine(outside, "state")));
            Assert.NotEqual(0, read);
            Assert.NotEqual(0, refused);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    /// <summary>
    /// Each place in the collection that has something there, or where a new file goes, with each plant; at hand with one of them, another
    /// from place to place and from command to command.
    /// </summary>
    private static IEnumerable<(string From, string Place, Plant Plant)> Cases(string command, string begun, string complete, IReadOnlyList<MapillaryImage> images)
    {
        var plants = Enum.GetValues<Plant>();
        var turn = Commands.Keys.ToList().IndexOf(command);
        foreach (var place in Places)
        {
            turn++;
            var from = place.Contains(".jsonl.gz", StringComparison.Ordinal) || place.Contains(".staging", StringComparison.Ordinal) || place.Contains("meta", StringComparison.Ordinal) && !place.Contains("metadata.jsonl", StringComparison.Ordinal) ? complete : begun;
            var picture = PictureIn(from, images);
            var sequence = Path.GetDirectoryName(picture)!;
            var real = place.Replace(Picture, picture, StringComparison.Ordinal).Replace(Sequence, sequence, StringComparison.Ordinal)
                .Replace(Day, Path.GetDirectoryName(sequence)!, StringComparison.Ordinal).Replace("<tar>", Path.GetFileName(sequence), StringComparison.Ordinal);
            foreach (var plant in Thoroughness.IsFull ? plants : [plants[turn % plants.Length]]) yield return (from, real, plant);
        }
    }

    private static void PutInPlace(string path, Plant plant, string outside)
    {
        var target = Path.Combine(outside, "victim");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        Directory.CreateDirectory(Path.Combine(outside, "folder"));
        File.WriteAllText(Path.Combine(outside, "folder", "0"), "mine");
        File.WriteAllText(Path.Combine(outside, "folder", "mine.jpg"), "mine");
        // The worst that a link can lead to is what would be taken for the collection's own.
        if (Directory.Exists(path) && plant == Plant.LinkToFolder) Directory.Move(path, target);
        else if (File.Exists(path) && plant == Plant.LinkToFile) File.Move(path, target);
        else if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
        else File.Delete(path);
        if (plant == Plant.LinkToFile && !File.Exists(target)) File.WriteAllText(target, "mine");
        if (plant == Plant.LinkToFolder && !Directory.Exists(target)) target = Path.Combine(outside, "folder");
        if (plant == Plant.Pipe) Assert.Equal(0, MakePipe(path, 0b110_000_000));
        else File.CreateSymbolicLink(path, target);
    }

    [DllImport("libc", EntryPoint = "mkfifo", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern int MakePipe(string path, uint mode);

    private static string PictureIn(string collection, IReadOnlyList<MapillaryImage> images)
    {
        var sequence = SafeName.ForId(images[0].SequenceId!);
        return $"{ImagePlaces.DateName(images[0].CapturedAt)}/{sequence}/{SafeName.ForId(images[0].Id)}.jpg";
    }

    private static UserBackup BackupOf(Workplace place) => new(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry);

    private static BackupOptions BackupOptionsOf(Workplace place) => new() { Save = new SaveOptions { Destination = place.Folder } };

    private static string Move(string from, string to)
    {
        Directory.Move(from, to);
        return to;
    }

    private static void Try(Action work)
    {
        try
        {
            work();
        }
        catch (IOException)
        {
            // Somebody was faster.
        }
    }

    private static Task Run(Action work)
    {
        work();
        return Task.CompletedTask;
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var folder in Directory.EnumerateDirectories(from, "*", SearchOption.AllDirectories)) Directory.CreateDirectory(Path.Combine(to, Path.GetRelativePath(from, folder)));
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories)) File.Copy(file, Path.Combine(to, Path.GetRelativePath(from, file)));
    }

    private static string ContentOf(string folder) => string.Join('\n', Directory.EnumerateFileSystemEntries(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
        .Select(e => $"{Path.GetRelativePath(folder, e)}: {(Directory.Exists(e) ? "folder" : Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(e))))}"));
}
