using System.Formats.Tar;
using Mapillary.Collections;
using Mapillary.Emulator;

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
    public async Task GNU_tar_reads_them_and_finds_no_difference()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "GNU tar is Linux's.");
        await using var place = await OpenAsync();
        var saved = await place.SaveAsync("anna");

        var tars = Bundle(place.Collection("anna"), keepSource: true);

        foreach (var tar in tars)
        {
            var differences = Workplace.Run("sh", "-c", $"tar --compare -C '{place.Collection("anna")}' -f '{tar.Path}' | grep -v -e 'Uid differs' -e 'Gid differs' || true");
            Assert.Equal("", differences);
        }

        var listed = tars.SelectMany(t => Workplace.Run("tar", "-tvf", t.Path, "--utc").Split('\n', StringSplitOptions.RemoveEmptyEntries)).ToList();
        Assert.Equal(60, listed.Count);
        Assert.All(listed, l => Assert.StartsWith("-rw-r--r-- 0/0", l, StringComparison.Ordinal));
        Assert.All(saved, s => Assert.Contains(listed, l => l.Contains(s.CapturedAt!.Value.UtcDateTime.ToString("yyyy-MM-dd HH:mm"), StringComparison.Ordinal) && l.EndsWith($"/{s.Id}.jpg", StringComparison.Ordinal)));
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
        }

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
}
