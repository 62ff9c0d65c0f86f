using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Emulator;
using Mapillary.Graph;

namespace Mapillary.Tests.Collections;

/// <summary>Reading a collection back: every kind of damage is found, and nothing where there is none.</summary>
public class CollectionCheckTests
{
    private const int Images = 20;

    [Theory]
    [InlineData(null)]
    [InlineData(TarGrouping.Date)]
    [InlineData(TarGrouping.Sequence)]
    public async Task A_collection_as_it_was_written_is_intact(TarGrouping? grouping)
    {
        await using var place = await OpenAsync();
        var path = await BackupAsync(place, grouping);

        var check = await CheckAsync(path);

        Assert.True(check.IsIntact, string.Join('\n', check.Missing.Concat(check.Changed).Concat(check.Unexpected)));
        Assert.Equal((Images, 0), (check.Images, check.Pending));
        Assert.False(File.Exists(Path.Combine(path, ".lock")));
    }

    [Fact]
    public async Task Every_damage_to_files_is_named()
    {
        await using var place = await OpenAsync();
        var path = await BackupAsync(place, grouping: null);
        var files = Directory.EnumerateFiles(path, "*.jpg", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToList();
        var (deleted, cut, flipped, touched) = (files[0], files[1], files[2], files[3]);
        File.Delete(deleted);
        using (var file = new FileStream(cut, FileMode.Open)) file.SetLength(file.Length - 1);
        FlipByte(flipped, 500);
        File.SetLastWriteTimeUtc(touched, DateTime.UnixEpoch);
        File.WriteAllText(Path.Combine(path, "notes.txt"), "mine");
        if (!OperatingSystem.IsWindows()) Directory.CreateSymbolicLink(Path.Combine(path, "elsewhere"), Path.GetTempPath());

        var check = await CheckAsync(path);

        Assert.False(check.IsIntact);
        Assert.Equal([(Place(path, deleted), IdOf(deleted), "is not there")], check.Missing.Select(f => (f.Path, f.ImageId, f.Reason)));
        Assert.Equal([(Place(path, cut), IdOf(cut)), (Place(path, flipped), IdOf(flipped))], check.Changed.Select(f => (f.Path, f.ImageId)));
        Assert.Matches(@"^has \d+ bytes, not \d+$", check.Changed[0].Reason);
        Assert.Contains("SHA-256 differs", check.Changed[1].Reason, StringComparison.Ordinal);
        Assert.Equal(OperatingSystem.IsWindows() ? ["notes.txt"] : ["elsewhere", "notes.txt"], check.Unexpected.Select(f => f.Path));
    }

    [Fact]
    public async Task Every_damage_to_tars_is_named()
    {
        await using var place = await OpenAsync();
        var path = await BackupAsync(place, TarGrouping.Sequence);
        var tars = Directory.GetFiles(path, "*.tar").Order(StringComparer.Ordinal).ToList();
        Assert.Equal(4, tars.Count);
        var inside = tars.ToDictionary(t => t, NamesIn);
        // Behind the header of the first entry: a byte of a picture.
        FlipByte(tars[0], 512 + 300);
        using (var file = new FileStream(tars[1], FileMode.Open)) file.SetLength(file.Length / 2);
        File.Delete(tars[2]);
        using (var tar = new System.Formats.Tar.TarWriter(File.Create(Path.Combine(path, "stray.tar"))))
            tar.WriteEntry(new System.Formats.Tar.UstarTarEntry(System.Formats.Tar.TarEntryType.RegularFile, "x.jpg") { DataStream = new MemoryStream([1]) });

        var check = await CheckAsync(path);

        Assert.Contains($"{Path.GetFileName(tars[0])}:{inside[tars[0]][0]}", check.Changed.Select(f => f.Path));
        Assert.Contains(Path.GetFileName(tars[1]), check.Changed.Select(f => f.Path));
        // What lies behind the cut, and all of the tar that is gone; each by its id.
        Assert.Contains($"{Path.GetFileName(tars[1])}:{inside[tars[1]][^1]}", check.Missing.Select(f => f.Path));
        Assert.All(inside[tars[2]], name => Assert.Contains(check.Missing, f => f.Path == name && f.ImageId == Path.GetFileNameWithoutExtension(name) && f.Reason.Contains("is not there", StringComparison.Ordinal)));
        Assert.Equal(["stray.tar"], check.Unexpected.Select(f => f.Path));
        Assert.DoesNotContain(check.Missing.Concat(check.Changed), f => f.Path.StartsWith(Path.GetFileName(tars[3]), StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_line_that_the_manifest_lost_and_one_that_is_garbage_are_found()
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        var path = place.Collection("anna");
        var manifest = Path.Combine(path, "manifest.jsonl");
        var lines = File.ReadAllLines(manifest);
        File.WriteAllText(manifest, string.Join('\n', lines[2..]) + "\n{\"id\":12}\n");

        var check = await CheckAsync(path);

        Assert.Equal(2, check.Unexpected.Count);
        Assert.Equal(2, check.Pending);
        Assert.Equal("manifest.jsonl", Assert.Single(check.Changed).Path);
    }

    [Fact]
    public async Task A_manifest_that_leads_outside_is_told_of_and_not_followed()
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        File.WriteAllText(Path.Combine(place.Folder, "secret"), "x");
        File.AppendAllText(Path.Combine(place.Collection("anna"), "manifest.jsonl"),
            """{"id":"1","path":"../secret","bytes":1,"sha256":"00"}""" + "\n" + """{"id":"2","path":"a/2.jpg","bytes":1,"sha256":"00","tar":"../x.tar"}""" + "\n");

        var check = await CheckAsync(place.Collection("anna"));

        Assert.Equal(["1", "2"], check.Changed.Select(f => f.ImageId));
        Assert.All(check.Changed, f => Assert.Contains("outside of the collection", f.Reason, StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_being_written_or_is_no_collection_is_refused()
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        using (CollectionWriter.Open(place.Collection("anna"), new CollectionName("anna", ImageQuality.Original, false), CollectionLayout.Date, null, place.Log))
            Assert.Equal(CollectionFault.InUse, (await Assert.ThrowsAsync<CollectionException>(() => CheckAsync(place.Collection("anna")))).Fault);

        var other = Directory.CreateDirectory(Path.Combine(place.Folder, "other")).FullName;
        Assert.Contains(other, (await Assert.ThrowsAsync<CollectionException>(() => CheckAsync(other))).Message, StringComparison.Ordinal);
    }

    private static Task<Workplace> OpenAsync() =>
        Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = Images, Sequences = 4 }] });

    private static async Task<string> BackupAsync(Workplace place, TarGrouping? grouping) =>
        (await new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry)
            .RunAsync("anna", new BackupOptions { Tar = grouping, Save = new SaveOptions { Destination = place.Folder } }, null, TestContext.Current.CancellationToken)).CollectionPath!;

    private static Task<CollectionCheck> CheckAsync(string path) => CollectionCheck.RunAsync(path, 2, null, SilentLog.Instance, TestContext.Current.CancellationToken);

    private static string Place(string root, string path) => Path.GetRelativePath(root, path).Replace('\\', '/');

    private static string IdOf(string path) => Path.GetFileNameWithoutExtension(path);

    private static List<string> NamesIn(string path)
    {
        using var tar = new System.Formats.Tar.TarReader(File.OpenRead(path));
        var names = new List<string>();
        while (tar.GetNextEntry() is { } entry) names.Add(entry.Name);
        return names;
    }

    private static void FlipByte(string path, int at)
    {
        using var file = new FileStream(path, FileMode.Open);
        file.Position = at;
        var value = file.ReadByte();
        file.Position = at;
        file.WriteByte((byte)(value ^ 0x20));
    }
}
