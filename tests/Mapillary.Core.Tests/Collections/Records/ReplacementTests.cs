using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Collections.Checking;
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

/// <summary>Images that are fetched again, whatever became of their earlier files: the collection is whole, and each image is in it once.</summary>
public class ReplacementTests
{
    private const int Images = 6;

    /// <summary>Makes files of other bytes and the same length.</summary>
    private static readonly SaveOptions Berlin = MadeWithTests.Restored(new RestoreOptions { TimeZone = TimeZones.Find("Europe/Berlin")! });

    [Fact]
    public async Task What_was_fetched_again_after_tars_goes_into_a_further_tar_and_the_upload_has_both()
    {
        await using var place = await OpenAsync();
        var collection = (await BackupAsync(place)).CollectionPath!;
        var first = Tars(collection);
        await UploadAsync(place, collection);

        var again = await place.SaveAsync("anna", Berlin with { Force = true });

        Assert.All(again, s => Assert.Equal(SavedImageStatus.Saved, s.Status));
        Assert.Equal(Images, Pictures(collection).Count);
        await AssertIntactAsync(collection);
        Assert.Equal(Images, MapOf(place, collection).Pictures);
        Assert.Equal(Images, IaMetadata.Describe(collection, place.Log).Images);
        var bytes = again.ToDictionary(s => s.Id, s => File.ReadAllBytes(s.Path!));

        Assert.Equal(BackupStatus.Complete, (await BackupAsync(place)).Status);

        var further = Tars(collection).Except(first).ToList();
        Assert.Equal(first.Count, further.Count);
        Assert.All(further, t => Assert.EndsWith(".2.tar", t, StringComparison.Ordinal));
        Assert.Equal(bytes, Contents(further));
        Assert.Empty(Pictures(collection));
        await AssertIntactAsync(collection);
        Assert.All(await place.SaveAsync("anna", Berlin), s => Assert.Equal((SavedImageStatus.Present, true), (s.Status, further.Contains(s.TarPath!))));

        var upload = await UploadAsync(place, collection);
        Assert.Equal(PublishedFileState.Verified, upload.Status);
        var item = place.Emulator.UploadedItems[Path.GetFileName(collection)];
        Assert.All(first.Concat(further), t => Assert.Contains(Path.GetFileName(t), item.Files.Keys));
        Assert.All(first, t => Assert.Equal(1, item.Files[Path.GetFileName(t)].Puts));
        Assert.Equal(Images, IaMetadata.Describe(collection, place.Log).Images);
        Assert.DoesNotContain(place.Log.Warned, w => w.Contains("lacks", StringComparison.Ordinal));
        Assert.Equal(0, (await UploadAsync(place, collection)).FilesSent);
    }

    [Fact]
    public async Task The_parts_of_an_upload_count_images_and_no_copies()
    {
        await using var place = await OpenAsync();
        var collection = (await BackupAsync(place)).CollectionPath!;
        await place.SaveAsync("anna", Berlin with { Force = true });
        await BackupAsync(place);

        using var plan = await UploadPlan.MakeAsync(
            collection, place.Endpoints, new UploadOptions { MaximumItemSize = 1 }, place.Log, Workplace.QuickRetry, TestContext.Current.CancellationToken);

        var counts = plan.Items.Select(i => int.Parse(i.Metadata.Description.Split("Contains ")[1].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal(Images, counts.Sum());
        Assert.Equal(1 + Tars(collection).Count, plan.Items.Count);
    }

    [Fact]
    public async Task What_was_fetched_again_and_is_the_same_stays_in_its_tar()
    {
        await using var place = await OpenAsync();
        var collection = (await BackupAsync(place)).CollectionPath!;
        var before = Snapshot(Tars(collection));

        await place.SaveAsync("anna", new SaveOptions { Force = true });
        await AssertIntactAsync(collection);
        await BackupAsync(place);

        Assert.Equal(before, Snapshot(Tars(collection)));
        Assert.Empty(Pictures(collection));
        await AssertIntactAsync(collection);
        using var manifest = Manifest.Open(collection, place.Log);
        Assert.All(place.Emulator.World.Images, i => Assert.Empty(manifest.Find(i.Id)!.Superseded));
    }

    [Fact]
    public async Task Copies_that_were_replaced_may_go_and_where_they_are_damaged_they_are_named()
    {
        await using var place = await OpenAsync();
        var collection = (await BackupAsync(place)).CollectionPath!;
        var first = Tars(collection);
        await place.SaveAsync("anna", Berlin with { Force = true });
        await BackupAsync(place);

        using (var tar = new FileStream(first[0], FileMode.Open))
        {
            tar.Position = 512 + 300;
            tar.WriteByte((byte)~tar.ReadByte());
        }

        var check = await CheckAsync(collection);
        Assert.StartsWith(Path.GetFileName(first[0]) + ":", Assert.Single(check.Changed).Path, StringComparison.Ordinal);
        Assert.Empty(check.Missing.Concat(check.Unexpected));

        first.ForEach(File.Delete);
        await AssertIntactAsync(collection);
        Assert.All(await place.SaveAsync("anna", Berlin), s => Assert.Equal(SavedImageStatus.Present, s.Status));
    }

    [Theory]
    [InlineData("repaired", CollectionLayout.Date)]
    [InlineData("forced", CollectionLayout.Date)]
    [InlineData("forced", CollectionLayout.Sequence)]
    [InlineData("forced", CollectionLayout.Time)]
    public async Task A_packed_collection_with_replaced_images_is_intact(string how, CollectionLayout layout)
    {
        await using var place = await OpenAsync();
        var collection = (await BackupAsync(place)).CollectionPath!;
        if (how == "repaired") Tars(collection).ForEach(File.Delete);
        await place.SaveAsync("anna", Berlin with { Force = how == "forced", Layout = layout });
        await AssertIntactAsync(collection);
        await BackupAsync(place);
        await AssertIntactAsync(collection);

        var packed = Path.Combine(place.Folder, "packed.tar.gz");
        Workplace.Run("tar", "-czf", packed, "-C", place.Folder, Path.GetFileName(collection));

        await AssertIntactAsync(packed);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(TarGrouping.Date)]
    [InlineData(TarGrouping.Sequence)]
    public async Task In_another_layout_no_image_is_there_twice_and_no_empty_folder_is_left(TarGrouping? grouping)
    {
        await using var place = await OpenAsync();
        var collection = place.Collection("anna");
        await place.SaveAsync("anna");
        if (grouping is { } by) Bundle(collection, by, keepSource: true);
        foreach (var layout in new[] { CollectionLayout.Sequence, CollectionLayout.Time, CollectionLayout.Date })
        {
            var saved = await place.SaveAsync("anna", new SaveOptions { Layout = layout, Force = true });

            Assert.Equal(saved.Select(s => s.Path!).Order(StringComparer.Ordinal), Pictures(collection));
            Assert.DoesNotContain(Directory.EnumerateDirectories(collection, "*", SearchOption.AllDirectories), d => !Directory.EnumerateFileSystemEntries(d).Any());
            await AssertIntactAsync(collection);
        }
    }

    [Fact]
    public async Task Pictures_beside_their_tars_that_are_changed_leave_the_copies_in_these_as_known()
    {
        await using var place = await OpenAsync();
        var collection = place.Collection("anna");
        await place.SaveAsync("anna");
        Bundle(collection, TarGrouping.Date, keepSource: true);
        var images = ImageRecords.Read(ImageRecords.Of(collection)).ToDictionary(i => i.Id);
        var files = Pictures(collection);

        using (var restorer = new FileRestorer(Berlin.Restore!, place.Log))
        {
            foreach (var file in files.Take(3))
                await restorer.RestoreAsync(file, images[FileIdentity.IdOf(file)], TestContext.Current.CancellationToken);
        }

        using (var converter = new WebpConverter(new WebpForm(effort: 0), destination: null, keepOriginal: false, force: false, encoders: 1, place.Log))
            await converter.ConvertAsync(files[^1], TestContext.Current.CancellationToken);

        await AssertIntactAsync(collection);
        Bundle(collection, TarGrouping.Date, keepSource: false);
        Assert.Empty(Pictures(collection));
        await AssertIntactAsync(collection);
    }

    public static TheoryData<bool, CollectionLayout, bool> Deaths() => new(
        from isTarred in new[] { false, true }
        from layout in new[] { CollectionLayout.Date, CollectionLayout.Time }
        from isWritten in new[] { false, true }
        select (isTarred, layout, isWritten));

    /// <param name="isTarred">Whether the earlier file was in a tar.</param>
    /// <param name="layout">The layout that it is fetched again in; the first one was by date.</param>
    /// <param name="isWritten">Whether the new file had its name already.</param>
    [Theory]
    [MemberData(nameof(Deaths))]
    public async Task A_run_that_died_while_it_replaced_an_image_is_ended_by_the_next(bool isTarred, CollectionLayout layout, bool isWritten)
    {
        await using var place = await OpenAsync(images: 1);
        var collection = place.Collection("anna");
        var old = Path.GetRelativePath(collection, Assert.Single(await place.SaveAsync("anna")).Path!);
        if (isTarred) Bundle(collection, TarGrouping.Date, keepSource: false);
        var before = FilesOf(collection);
        var again = Assert.Single(await place.SaveAsync("anna", Berlin with { Force = true, Layout = layout }));
        var (now, whole) = (Path.GetRelativePath(collection, again.Path!), File.ReadAllBytes(again.Path!));
        var (state, fetches) = (FilesOf(collection), place.Fetches);

        // Without the last line, and with the old file, which goes just before that is written.
        state["manifest.jsonl"] = state["manifest.jsonl"][..(state["manifest.jsonl"].AsSpan(0, state["manifest.jsonl"].Length - 1).LastIndexOf((byte)'\n') + 1)];
        Assert.Contains("\"pending\":true", System.Text.Encoding.UTF8.GetString(state["manifest.jsonl"]), StringComparison.Ordinal);
        if (!isWritten) state.Remove(now);
        if (!isWritten) state[now + ".part"] = whole[..100];
        if (!isTarred && (now != old || !isWritten)) state[old] = before[old];
        Directory.Delete(collection, recursive: true);
        foreach (var (name, content) in state)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(collection, name))!);
            File.WriteAllBytes(Path.Combine(collection, name), content);
        }

        var next = Assert.Single(await place.SaveAsync("anna"));

        Assert.Equal((SavedImageStatus.Present, fetches), (next.Status, place.Fetches));
        await AssertIntactAsync(collection);
        var left = Pictures(collection).Select(p => Path.GetRelativePath(collection, p));
        Assert.Equal(isWritten ? [now] : isTarred ? [] : [old], left);
        if (isWritten) Assert.Equal(whole, File.ReadAllBytes(again.Path!));
        if (!isWritten && !isTarred) Assert.Equal(before[old], File.ReadAllBytes(Path.Combine(collection, old)));

        // And it can be replaced again, as if nothing had been.
        await place.SaveAsync("anna", Berlin with { Force = true, Layout = layout });
        Assert.Equal(whole, File.ReadAllBytes(again.Path!));
        await AssertIntactAsync(collection);
    }

    [Fact]
    public async Task A_file_that_could_not_be_written_leaves_the_earlier_one_as_it_was()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows makes links only for the privileged.");
        await using var place = await OpenAsync(images: 1);
        var collection = place.Collection("anna");
        var saved = Assert.Single(await place.SaveAsync("anna"));
        var content = File.ReadAllBytes(saved.Path!);
        var folder = Path.GetRelativePath(collection, saved.Path!).Split(Path.DirectorySeparatorChar)[1];
        var outside = Directory.CreateDirectory(Path.Combine(place.Folder, "outside")).FullName;
        // In this layout the picture would lie behind the link.
        Directory.CreateSymbolicLink(Path.Combine(collection, folder), outside);

        await Assert.ThrowsAsync<CollectionException>(() => place.SaveAsync("anna", new SaveOptions { Layout = CollectionLayout.Sequence, Force = true }));

        Directory.Delete(Path.Combine(collection, folder));
        Assert.Equal(content, File.ReadAllBytes(saved.Path!));
        await AssertIntactAsync(collection);
        Assert.Equal(SavedImageStatus.Present, Assert.Single(await place.SaveAsync("anna")).Status);
        Assert.DoesNotContain(place.Log.Said, s => s.Contains("a run that died", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Where_the_newer_file_is_lost_and_Mapillary_has_the_image_no_more_the_copy_in_the_tar_counts_again()
    {
        var isGone = false;
        await using var place = await OpenAsync(1, new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.NotFound404, Which = _ => isGone, Times = int.MaxValue });
        var collection = place.Collection("anna");
        await place.SaveAsync("anna");
        Bundle(collection, TarGrouping.Date, keepSource: false);
        var again = Assert.Single(await place.SaveAsync("anna", Berlin with { Force = true }));
        File.Delete(again.Path!);
        isGone = true;

        Assert.Equal(SavedImageStatus.Unavailable, Assert.Single(await place.SaveAsync("anna")).Status);

        var state = CollectionState.Read(collection)!;
        Assert.Equal((1, 0, 0), (state.Images, state.Unavailable, state.Failed));
        Assert.Equal(Tars(collection), (await place.SaveAsync("anna")).Select(s => s.TarPath!));
        await AssertIntactAsync(collection);
    }

    [Fact]
    public async Task A_manifest_of_someone_else_has_nothing_removed_that_is_no_picture_of_the_collection()
    {
        await using var place = await OpenAsync(images: 1);
        var collection = place.Collection("anna");
        var saved = Assert.Single(await place.SaveAsync("anna"));
        var outside = Path.Combine(place.Folder, "outside.jpg");
        var notes = Path.Combine(collection, "notes.txt");
        foreach (var file in (string[])[outside, notes]) File.WriteAllText(file, "mine");
        var manifest = Path.Combine(collection, "manifest.jsonl");
        var line = File.ReadAllText(manifest).TrimEnd()[..^1];
        File.WriteAllText(
            manifest,
            $$"""{{line}},"pending":true,"superseded":[{"path":"../outside.jpg","bytes":4,"sha256":""},{"path":"notes.txt","bytes":4,"sha256":""},{"path":"collection.json","bytes":4,"sha256":""},{"path":"{{Path.GetFileName(saved.Path)}}","bytes":1,"sha256":"","tar":"../x.tar"}]}""" + "\n");

        Assert.Equal(SavedImageStatus.Present, Assert.Single(await place.SaveAsync("anna")).Status);

        Assert.All((string[])[outside, notes], f => Assert.Equal("mine", File.ReadAllText(f)));
        Assert.True(File.Exists(Path.Combine(collection, "collection.json")));
        Assert.Equal(["notes.txt"], (await CheckAsync(collection)).Unexpected.Select(f => f.Path));
    }

    internal static async Task AssertIntactAsync(string path)
    {
        var check = await CheckAsync(path);
        Assert.Equal([], check.Missing.Concat(check.Changed).Concat(check.Unexpected).Select(f => f.ToString()));
    }

    private static Task<CollectionCheck> CheckAsync(string path) =>
        CollectionCheck.RunAsync(path, 2, progress: null, SilentLog.Instance, TestContext.Current.CancellationToken);

    private static Task<Workplace> OpenAsync(int images = Images, params FaultRule[] faults) =>
        Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = images, Sequences = Math.Min(2, images) }], Faults = faults });

    private static Task<BackupResult> BackupAsync(Workplace place) =>
        new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry).RunAsync(
            "anna", new BackupOptions { Save = new SaveOptions { Destination = place.Folder } }, progress: null, TestContext.Current.CancellationToken);

    private static async Task<UploadResult> UploadAsync(Workplace place, string collection)
    {
        using var plan = await UploadPlan.MakeAsync(
            collection, place.Endpoints, new UploadOptions(), place.Log, Workplace.QuickRetry, TestContext.Current.CancellationToken);
        return await CollectionUpload.RunAsync(plan, place.Keys, progress: null, TestContext.Current.CancellationToken);
    }

    private static MapFile MapOf(Workplace place, string collection)
    {
        var map = new CaptureMap();
        map.AddListing(collection, place.Log, TestContext.Current.CancellationToken);
        return map.Write(Path.Combine(place.Folder, "map.html"), MapFormat.Html, TestContext.Current.CancellationToken);
    }

    private static void Bundle(string collection, TarGrouping grouping, bool keepSource) =>
        Assert.NotEmpty(SequenceTarBundler.Bundle(collection, pictures: null, grouping, keepSource, SilentLog.Instance, TestContext.Current.CancellationToken).ToList());

    private static List<string> Tars(string collection) => [.. Directory.GetFiles(collection, "*.tar").Order(StringComparer.Ordinal)];

    private static List<string> Pictures(string collection) => [.. FileRestorer.FilesIn(collection)];

    private static Dictionary<string, string> Snapshot(IEnumerable<string> files) => files.ToDictionary(f => f, f => Convert.ToHexString(File.ReadAllBytes(f)));

    private static Dictionary<string, byte[]> FilesOf(string folder) => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
        .ToDictionary(f => Path.GetRelativePath(folder, f), File.ReadAllBytes);

    /// <summary>What tars hold, by image ids.</summary>
    private static Dictionary<string, byte[]> Contents(IEnumerable<string> tars)
    {
        var contents = new Dictionary<string, byte[]>();
        foreach (var path in tars)
        {
            using var tar = new System.Formats.Tar.TarReader(File.OpenRead(path));
            while (tar.GetNextEntry() is { } entry)
            {
                using var content = new MemoryStream();
                entry.DataStream!.CopyTo(content);
                contents.Add(Path.GetFileNameWithoutExtension(entry.Name), content.ToArray());
            }
        }

        return contents;
    }
}
