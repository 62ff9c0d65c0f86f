using System.Formats.Tar;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Mapillary.Collections;
using Mapillary.Collections.Tars;
using Mapillary.Emulator;
using Mapillary.Tests.InternetArchive;
using TarFile = Mapillary.Collections.Tars.TarFile;

namespace Mapillary.Tests.Collections;

public class SequenceTarTests
{
    private static List<SequenceTar> Bundle(string folder, TarGrouping grouping = TarGrouping.Sequence, bool keepSource = false, IEnumerable<string>? pictures = null) =>
        [.. SequenceTarBundler.Bundle(folder, pictures, grouping, keepSource, SilentLog.Instance, TestContext.Current.CancellationToken)];

    private static Task<Workplace> OpenAsync() => Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = 60, Sequences = 4 }] });

    [Theory]
    [InlineData(TarGrouping.Sequence)]
    [InlineData(TarGrouping.Date)]
    public async Task Tars_hold_every_image_as_it_was_and_the_files_are_gone(TarGrouping grouping)
    {
        await using var place = await OpenAsync();
        var saved = await place.SaveAsync("anna");
        var folder = place.Collection("anna");
        var files = saved.ToDictionary(s => Path.GetRelativePath(folder, s.Path!).Replace('\\', '/'), s => File.ReadAllBytes(s.Path!));

        var tars = Bundle(folder, grouping);

        var expected = saved.Select(s => grouping == TarGrouping.Sequence ? SafeName.ForId(s.SequenceId!) : s.CapturedAt!.Value.UtcDateTime.ToString("yyyy-MM-dd")).Distinct().Order(StringComparer.Ordinal);
        Assert.Equal(expected, tars.Select(t => t.Group));
        Assert.Equal(60, tars.Sum(t => t.Entries));
        var read = new Dictionary<string, byte[]>();
        foreach (var tar in tars)
        {
            Assert.Equal(Path.Combine(folder, tar.Group + ".tar"), tar.Path);
            using var reader = new TarReader(File.OpenRead(tar.Path));
            while (reader.GetNextEntry(copyData: true) is { } entry)
            {
                using var content = new MemoryStream();
                entry.DataStream!.CopyTo(content);
                read.Add(entry.Name, content.ToArray());
                Assert.Equal((0, 0), (entry.Uid, entry.Gid));
            }
        }

        Assert.Equal(files.Keys.Order(), read.Keys.Order());
        Assert.All(files, f => Assert.Equal(f.Value, read[f.Key]));
        Assert.Empty(Directory.EnumerateDirectories(folder));
    }

    [Fact]
    public void Only_collections_are_required_and_those_in_a_folder_are_named()
    {
        using var collection = new SmallCollection(isBundled: false);
        var mine = Directory.CreateDirectory(collection.Beside("mine/s1")).Parent!.FullName;
        File.WriteAllBytes(Path.Combine(mine, "s1", "1.jpg"), SmallCollection.PictureOf("11"));

        SequenceTarBundler.RequireCollection(collection.Path);
        SequenceTarBundler.RequireCollection(collection.Path + "/");
        var error = Assert.Throws<CollectionException>(() => SequenceTarBundler.RequireCollection(mine));
        Assert.Equal((CollectionFault.Mismatch, mine), (error.Fault, error.Path));
        Assert.Contains(mine, error.Message, StringComparison.Ordinal);
        error = Assert.Throws<CollectionException>(() => SequenceTarBundler.RequireCollection(collection.Beside("")));
        Assert.Contains($"in it: '{collection.Path}'", error.Message, StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(mine, "metadata.jsonl"), "");
        SequenceTarBundler.RequireCollection(mine);
    }

    [Fact]
    public async Task GNU_tar_reads_them_and_finds_no_difference()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "GNU tar is Linux's.");
        await using var place = await OpenAsync();
        var saved = await place.SaveAsync("anna");

        var tars = Bundle(place.Collection("anna"), keepSource: true);

        Assert.All(tars, t => Assert.Equal("", Differences(t.Path, place.Collection("anna"))));

        var listed = tars.SelectMany(t => Workplace.Run("tar", "--list", "--verbose", "--full-time", "--numeric-owner", "--quoting-style=literal", "-f", t.Path).Split('\n', StringSplitOptions.RemoveEmptyEntries));
        var expected = saved.Select(s => string.Create(
            CultureInfo.InvariantCulture,
            $"-rw-r--r-- 0/0 {new FileInfo(s.Path!).Length} {s.CapturedAt!.Value.UtcDateTime:yyyy-MM-dd HH:mm:ss} {Path.GetRelativePath(place.Collection("anna"), s.Path!)}"));
        Assert.Equal(expected.Order(StringComparer.Ordinal), listed.Select(l => Regex.Replace(l, " +", " ")).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task They_are_byte_for_byte_what_GNU_tar_writes_of_the_same_files()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "GNU tar is Linux's.");
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        var folder = place.Collection("anna");

        foreach (var tar in Bundle(folder, keepSource: true))
        {
            var names = Directory.EnumerateFiles(folder, "*.jpg", SearchOption.AllDirectories)
                .Select(f => Path.GetRelativePath(folder, f)).Where(f => f.Split('/')[1] == tar.Group).Order(StringComparer.Ordinal);
            var reference = Path.Combine(place.Folder, "gnu.tar");
            Workplace.Run("tar", ["--format=ustar", "--owner=0", "--group=0", "--numeric-owner", "--mode=0644", "-C", folder, "-cf", reference, .. names]);
            var (ours, gnu) = (File.ReadAllBytes(tar.Path), File.ReadAllBytes(reference));
            Assert.Equal(gnu[..ours.Length], ours);
            // GNU tar fills its last record up.
            Assert.All(gnu[ours.Length..], b => Assert.Equal(0, b));
        }
    }

    [Fact]
    public async Task The_same_files_give_the_same_bytes()
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        var first = Bundle(place.Collection("anna"), keepSource: true).ToDictionary(t => t.Group, t => File.ReadAllBytes(t.Path));
        var copy = Path.Combine(place.Folder, "copy");
        foreach (var file in Directory.EnumerateFiles(place.Collection("anna"), "*.jpg", SearchOption.AllDirectories).Reverse())
        {
            var target = Path.Combine(copy, Path.GetRelativePath(place.Collection("anna"), file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
            // As another umask would have left it.
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(target, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherExecute);
        }

        Assert.All(first.Values, t => Assert.DoesNotContain(TypesOf(t), type => type != '0'));
        var second = Bundle(copy);

        Assert.All(second, t => Assert.Equal(first[t.Group], File.ReadAllBytes(t.Path)));
        Assert.Equal(first.Count, second.Count);
    }

    [Fact]
    public async Task A_tar_that_is_there_is_not_touched()
    {
        await using var place = await OpenAsync();
        var saved = await place.SaveAsync("anna");
        var folder = place.Collection("anna");
        var day = saved[0].CapturedAt!.Value.UtcDateTime.ToString("yyyy-MM-dd");
        File.WriteAllText(Path.Combine(folder, day + ".tar"), "mine");
        File.WriteAllText(Path.Combine(folder, day + ".2.tar"), "mine too");

        var tars = Bundle(folder, TarGrouping.Date);

        Assert.Contains(Path.Combine(folder, day + ".3.tar"), tars.Select(t => t.Path));
        Assert.Equal("mine", File.ReadAllText(Path.Combine(folder, day + ".tar")));
        Assert.Equal("mine too", File.ReadAllText(Path.Combine(folder, day + ".2.tar")));
    }

    [Fact]
    public async Task What_is_in_a_tar_counts_as_there()
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        Bundle(place.Collection("anna"));
        var fetches = place.Fetches;

        var again = await place.SaveAsync("anna");

        Assert.All(again, s => Assert.Equal(SavedImageStatus.Present, s.Status));
        Assert.All(again, s => Assert.True(File.Exists(s.TarPath)));
        Assert.Equal(fetches, place.Fetches);
        Assert.Empty(Bundle(place.Collection("anna")));
    }

    [Fact]
    public async Task A_run_that_died_when_a_tar_had_its_name_beside_the_first_one_is_taken_up()
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        var folder = place.Collection("anna");
        var tar = Bundle(folder, keepSource: true)[0].Path;
        File.Copy(tar, tar + ".part");
        // As when the run had not come to note it.
        var manifest = Path.Combine(folder, "manifest.jsonl");
        File.WriteAllLines(manifest, File.ReadLines(manifest).Where(l => !l.Contains(".tar", StringComparison.Ordinal)).ToList());

        Bundle(folder);

        Assert.False(File.Exists(tar + ".part"));
        Assert.Equal(4, Directory.GetFiles(folder, "*.tar*").Length);
        Assert.Empty(Directory.EnumerateDirectories(folder));
    }

    [Fact]
    public async Task A_lost_tar_is_fetched_again()
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        var lost = Bundle(place.Collection("anna"))[1];
        File.Delete(lost.Path);

        var again = await place.SaveAsync("anna");

        Assert.Equal(lost.Entries, again.Count(s => s.Status == SavedImageStatus.Saved));
    }

    [Fact]
    public void Names_that_ustar_cannot_hold_come_back_whole()
    {
        var folder = Directory.CreateTempSubdirectory("mapillary-test-").FullName;
        string[] sequences = [new string('s', 120), "größe-日本", new string('a', 60) + "/" + new string('b', 60) + "/" + new string('c', 60)];
        foreach (var sequence in sequences)
        {
            Directory.CreateDirectory(Path.Combine(folder, sequence));
            File.WriteAllText(Path.Combine(folder, sequence, new string('n', 90) + ".jpg"), sequence);
        }

        var tars = Bundle(folder, keepSource: true);

        var read = new Dictionary<string, string>();
        foreach (var tar in tars)
        {
            using var reader = new TarReader(File.OpenRead(tar.Path));
            while (reader.GetNextEntry(copyData: true) is { } entry) read[entry.Name] = new StreamReader(entry.DataStream!).ReadToEnd();
        }

        Assert.Equal(sequences.Order(), read.Values.Order());
        if (OperatingSystem.IsLinux())
        {
            var listed = tars.SelectMany(t => Workplace.Run("tar", "--quoting-style=literal", "-tf", t.Path).Split('\n', StringSplitOptions.RemoveEmptyEntries));
            Assert.Equal(read.Keys.Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
        }

        Assert.All(read, r => Assert.Equal($"{r.Value}/{new string('n', 90)}.jpg", r.Key));
    }

    [Fact]
    public void A_sequence_whose_id_begins_with_a_dash_gets_a_tar_that_no_program_takes_for_an_option()
    {
        using var folder = new TestFolder();
        folder.Write("2024-01-15/--49xbCtIcKmxBbYALHRWA/1.jpg", "one");
        folder.Write("2024-01-15/-rf/2.jpg", "two");
        folder.Write("2024-01-15/3.jpg", "of no sequence");

        var tars = Bundle(folder.Path, keepSource: true);

        Assert.Equal(["_x002d_-49xbCtIcKmxBbYALHRWA.tar", "_x002d_rf.tar", "unknown-sequence.tar"], tars.Select(t => Path.GetFileName(t.Path)));
        if (!OperatingSystem.IsLinux()) return;
        Assert.All(tars, t => Assert.Equal("", Differences(t.Path, folder.Path)));
        var unpacked = Directory.CreateDirectory(Path.Combine(folder.Path, "unpacked")).FullName;
        foreach (var tar in tars) Workplace.Run("tar", "-C", unpacked, "-xf", tar.Path);
        Assert.Equal("one", File.ReadAllText(Path.Combine(unpacked, "2024-01-15", "--49xbCtIcKmxBbYALHRWA", "1.jpg")));
        Assert.Equal("two", File.ReadAllText(Path.Combine(unpacked, "2024-01-15", "-rf", "2.jpg")));
    }

    [Theory]
    [InlineData(0, "0")]
    [InlineData(-1, "x0")]
    [InlineData(-86_400 * 365L, "x0")]
    [InlineData(8_589_934_591, "0")]
    [InlineData(8_589_934_592, "x0")]
    public void A_time_that_ustar_cannot_say_is_in_a_pax_header(long seconds, string types)
    {
        using var folder = new TestFolder();
        var time = DateTimeOffset.FromUnixTimeSeconds(seconds).UtcDateTime;
        var file = folder.Write("s/1.jpg", "x");
        File.SetLastWriteTimeUtc(file, time);
        Assert.SkipUnless(File.GetLastWriteTimeUtc(file) == time, "This file system keeps no such times.");

        var tar = Assert.Single(Bundle(folder.Path, keepSource: true));

        Assert.Equal(types, TypesOf(File.ReadAllBytes(tar.Path)));
        using (var reader = new TarReader(File.OpenRead(tar.Path))) Assert.Equal(time, reader.GetNextEntry()!.ModificationTime.UtcDateTime);
        if (OperatingSystem.IsLinux())
            Assert.Contains(time.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture), Workplace.Run("tar", "--list", "--verbose", "--full-time", "-f", tar.Path), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(8_589_934_591, "0")]
    [InlineData(8_589_934_592, "x0")]
    [InlineData(9_000_000_001, "x0")]
    public void An_entry_over_8_GiB_is_listed_with_its_length(long length, string types)
    {
        using var folder = new TestFolder();
        var path = Path.Combine(folder.Path, "x.tar");
        var header = new MemoryStream();
        TarFile.WriteHeader(header, "s/1.jpg", length, DateTimeOffset.FromUnixTimeSeconds(1_700_000_000).UtcDateTime);
        using (var tar = File.Create(path))
        {
            // The content is a hole, which takes no room on the disk.
            tar.Write(header.ToArray());
            tar.SetLength(header.Length + (length + 511) / 512 * 512);
            tar.Seek(0, SeekOrigin.End);
            TarFile.WriteHeader(tar, "s/2.jpg", 0, DateTimeOffset.FromUnixTimeSeconds(1_700_000_001).UtcDateTime);
            tar.Write(new byte[1024]);
        }

        Assert.Equal(types, TypesOf([.. header.ToArray(), .. new byte[1024]], skipContent: false));
        using (var reader = new TarReader(File.OpenRead(path)))
        {
            var entry = reader.GetNextEntry()!;
            Assert.Equal(("s/1.jpg", length), (entry.Name, entry.Length));
            Assert.Equal("s/2.jpg", reader.GetNextEntry()!.Name);
        }

        if (OperatingSystem.IsLinux())
        {
            var listed = Workplace.Run("tar", "--list", "--verbose", "--full-time", "--numeric-owner", "-f", path).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal([$"-rw-r--r-- 0/0 {length} 2023-11-14 22:13:20 s/1.jpg", "-rw-r--r-- 0/0 0 2023-11-14 22:13:21 s/2.jpg"], listed.Select(l => Regex.Replace(l, " +", " ")));
        }
    }

    [Fact]
    public void A_real_file_over_8_GiB_goes_into_a_tar_and_only_then_from_the_disk()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("MAPILLARY_LONG_TESTS") == "1", "Set MAPILLARY_LONG_TESTS=1 to write a tar of 8 GiB.");
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Files with holes are made so on Linux only.");
        using var folder = new TestFolder();
        Assert.SkipUnless(new DriveInfo(folder.Path).AvailableFreeSpace > 12L << 30, "There is no room for 8 GiB.");
        const long length = (8L << 30) + (100 << 20) + 1;
        var file = folder.Write("s/1.jpg", "begin");
        using (var stream = File.OpenWrite(file))
        {
            stream.SetLength(length - 3);
            stream.Seek(0, SeekOrigin.End);
            stream.Write("end"u8);
        }

        File.SetLastWriteTimeUtc(file, new DateTime(2024, 1, 15, 12, 30, 45, 678, DateTimeKind.Utc));

        var kept = Assert.Single(Bundle(folder.Path, keepSource: true));
        Assert.Equal("", Differences(kept.Path, folder.Path));
        Assert.Contains($" {length} ", Workplace.Run("tar", "--list", "--verbose", "-f", kept.Path), StringComparison.Ordinal);
        Assert.Empty(Bundle(folder.Path));

        Assert.False(File.Exists(file));
        Assert.Single(Directory.EnumerateFiles(folder.Path, "*.tar"));
    }

    [Fact]
    public void A_pax_header_is_there_for_a_name_that_ustar_cannot_hold_and_for_no_other()
    {
        // A prefix of 155 and a name of 100 bytes are the most that ustar holds; with the slash, 256.
        var longest = $"{new string('p', 77)}/{new string('q', 77)}";
        foreach (var (folderName, file, types) in ((string, string, string)[])
        [
            (longest, new string('n', 96) + ".jpg", "0"),
            (longest + "r", new string('n', 96) + ".jpg", "x0"),
            (longest, new string('n', 97) + ".jpg", "x0"),
            (new string('s', 99 - 5), "1.jpg", "0"),
            (new string('s', 200), new string('n', 200) + ".jpg", "x0"),
            ("größe", "1.jpg", "x0"),
            ("日本語" + new string('s', 90), "😀.jpg", "x0"),
        ])
        {
            using var folder = new TestFolder();
            var source = folder.Write($"{folderName}/{file}", "a picture");
            var time = new DateTime(2024, 1, 15, 12, 30, 45, 678, DateTimeKind.Utc);
            File.SetLastWriteTimeUtc(source, time);

            var tar = Assert.Single(Bundle(folder.Path));

            Assert.Equal(types, TypesOf(File.ReadAllBytes(tar.Path)));
            Assert.False(File.Exists(source));
            if (!OperatingSystem.IsLinux()) continue;
            Assert.Equal($"{folderName}/{file}\n", Workplace.Run("tar", "--quoting-style=literal", "--list", "-f", tar.Path));
            Workplace.Run("tar", "-C", folder.Path, "-xf", tar.Path);
            Assert.Equal("a picture", File.ReadAllText(source));
            // What has a header has its milliseconds in it.
            Assert.Equal(types == "0" ? time.AddMilliseconds(-678) : time, File.GetLastWriteTimeUtc(source));
            Assert.Equal("", Differences(tar.Path, folder.Path));
        }
    }

    [Fact]
    public void A_source_that_cannot_be_read_back_the_same_stays_with_all_others()
    {
        using var folder = new TestFolder();
        var (one, two) = (folder.Write("s/1.jpg", "one"), folder.Write("s/2.jpg", "two"));
        using (File.Open(two, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
            Assert.Throws<IOException>(() => Bundle(folder.Path));

        Assert.Equal(("one", "two"), (File.ReadAllText(one), File.ReadAllText(two)));
        Assert.Empty(Directory.EnumerateFiles(folder.Path, "*.tar*"));
        Assert.Equal(2, Assert.Single(Bundle(folder.Path)).Entries);
    }

    [Fact]
    public void A_tar_that_reads_back_otherwise_than_its_sources_is_found_out_wherever_it_differs()
    {
        using var folder = new TestFolder();
        string[] names = ["s/1.jpg", "s/2.jpg", "s/3.jpg"];
        foreach (var name in names) folder.Write(name, $"the picture {name}");
        var path = Path.Combine(folder.Path, "s.tar");
        TarFile.Write(path, folder.Path, names, sha256Of: null, TestContext.Current.CancellationToken);
        var whole = File.ReadAllBytes(path);
        Assert.Equal(3 * 1024 + 1024, whole.Length);
        Compare();

        // Name, size and content of each entry.
        foreach (var at in Enumerable.Range(0, 3).SelectMany(entry => new[] { 0, 2, 124 + 9, 512, 512 + 18 }.Select(byteAt => entry * 1024 + byteAt)))
        {
            byte[] damaged = [.. whole];
            damaged[at] ^= 1;
            File.WriteAllBytes(path, damaged);
            Assert.Throws<IOException>(Compare);
        }

        foreach (var length in new[] { 0, 512, 1023, 1024, 2048, 2048 + 512 + 5 })
        {
            File.WriteAllBytes(path, whole[..length]);
            Assert.ThrowsAny<IOException>(Compare);
        }

        File.WriteAllBytes(path, [.. whole[..3072], .. whole[..1024], .. whole[3072..]]);
        Assert.Contains("twice", Assert.Throws<IOException>(Compare).Message, StringComparison.Ordinal);
        File.WriteAllBytes(path, whole);
        folder.Write("s/2.jpg", "another picture");
        Assert.Contains("'s/2.jpg'", Assert.Throws<IOException>(Compare).Message, StringComparison.Ordinal);

        void Compare()
        {
            using var file = File.OpenRead(path);
            TarFile.Compare(path, file, folder.Path, names, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>What GNU tar finds different about the files of a tar but their owner and mode, which are those of nobody's machine.</summary>
    private static string Differences(string tar, string folder) =>
        Workplace.Run("sh", "-c", $"tar --compare -C '{folder}' -f '{tar}' 2>&1 | grep -v -e 'Uid differs' -e 'Gid differs' -e 'Mode differs' || true");

    /// <summary>The type flags of a tar's headers, by the blocks alone: '0' a file, 'x' a pax header.</summary>
    private static string TypesOf(byte[] tar, bool skipContent = true)
    {
        var types = new StringBuilder();
        for (var at = 0; at < tar.Length && tar[at] != 0;)
        {
            var type = (char)tar[at + 156];
            types.Append(type);
            var length = Convert.ToInt64(Encoding.ASCII.GetString(tar, at + 124, 11), 8);
            at += 512 + (type == '0' && !skipContent ? 0 : (int)((length + 511) / 512 * 512));
        }

        return types.ToString();
    }
}
