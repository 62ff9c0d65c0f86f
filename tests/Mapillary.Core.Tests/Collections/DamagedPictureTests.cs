using System.Security.Cryptography;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Files;
using Mapillary.Collections.Records;
using Mapillary.Collections.Tars;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

/// <summary>
/// Files that are not what was saved: a power cut may leave one of the right length with nothing but zeros in it. GNU tar judges what is in the tars.
/// </summary>
public class DamagedPictureTests
{
    private const int Images = 30;

    private static Task<Workplace> OpenAsync() =>
        Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = Images, Sequences = 3 }] });

    private static Task<BackupResult> RunAsync(Workplace place, TarGrouping? tar = TarGrouping.Sequence) =>
        new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry).RunAsync(
            "anna", new BackupOptions { Save = new SaveOptions { Destination = place.Folder }, Tar = tar }, progress: null, TestContext.Current.CancellationToken);

    [Fact]
    public async Task A_file_of_zeros_goes_into_no_tar_stays_and_is_fetched_again_and_no_other_is()
    {
        await using var place = await OpenAsync();
        await RunAsync(place, tar: null);
        var whole = Pictures(place.Collection("anna"));
        var zeros = whole.Keys.Order(StringComparer.Ordinal).ElementAt(7);
        Zero(Path.Combine(place.Collection("anna"), zeros));

        var damaged = await RunAsync(place);

        Assert.Equal(BackupStatus.Incomplete, damaged.Status);
        var warning = Assert.Single(place.Log.Warned, w => w.Contains("SHA-256", StringComparison.Ordinal));
        Assert.Contains(zeros, warning, StringComparison.Ordinal);
        var staged = damaged.CollectionPath!;
        Assert.Equal(whole.Where(p => p.Key != zeros), InTars(staged).OrderBy(p => p.Key, StringComparer.Ordinal));
        Assert.All(File.ReadAllBytes(Path.Combine(staged, zeros)), b => Assert.Equal(0, b));
        Assert.False(CollectionState.Read(staged)!.Complete);
        Assert.Equal(Images - 1, CollectionState.Read(staged)!.Images);

        var fetches = place.Fetches;
        var again = await RunAsync(place);

        Assert.Equal((BackupStatus.Complete, new Ledger(1, Images - 1, 0, 0)), (again.Status, again.Ledger));
        Assert.Equal(1, place.Fetches - fetches);
        Assert.Equal(whole, InTars(place.Collection("anna")));
        var check = await CollectionCheck.RunAsync(place.Collection("anna"), 2, null, SilentLog.Instance, TestContext.Current.CancellationToken);
        Assert.Equal([], check.Missing.Concat(check.Changed).Concat(check.Unexpected).Select(f => f.ToString()));
    }

    [Fact]
    public async Task After_a_power_cut_a_file_of_zeros_is_fetched_again_by_the_next_run_whether_there_are_tars_or_not()
    {
        await using var place = await OpenAsync();
        await RunAsync(place, tar: null);
        var collection = place.Collection("anna");
        var whole = Pictures(collection);
        var zeros = whole.Keys.Order(StringComparer.Ordinal).ElementAt(7);
        Zero(Path.Combine(collection, zeros));
        WriteOwner(collection, "00000000-0000-4000-8000-000000000000");
        // Whoever else takes the lock meanwhile leaves it to that run.
        using (CollectionLock.Take(collection)) Assert.DoesNotContain("00000000", File.ReadAllText(Path.Combine(collection, ".lock.owner")), StringComparison.Ordinal);
        Assert.Equal("Sound", CollectionRepair.Run(collection, progress: null, SilentLog.Instance).Status);
        var fetches = place.Fetches;

        var result = await RunAsync(place, tar: null);

        Assert.Equal((BackupStatus.Complete, new Ledger(1, Images - 1, 0, 0)), (result.Status, result.Ledger));
        Assert.Equal(1, place.Fetches - fetches);
        Assert.Equal(whole, Pictures(collection));
        Assert.Contains(place.Log.Warned, w => w.Contains(zeros, StringComparison.Ordinal));
        Assert.False(File.Exists(Path.Combine(collection, ".lock.owner")));

        // Looked at once; and one that was only killed lost nothing, so that nothing is read.
        Zero(Path.Combine(collection, zeros));
        Assert.Equal(new Ledger(0, Images, 0, 0), (await RunAsync(place, tar: null)).Ledger);
        WriteOwner(collection, LockHolder.SystemStart());
        Assert.Equal(new Ledger(0, Images, 0, 0), (await RunAsync(place, tar: null)).Ledger);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_a_power_cut_left_of_the_source_of_a_tar_is_removed_and_another_picture_in_its_place_stays(bool isPicture)
    {
        await using var place = await OpenAsync();
        await RunAsync(place, tar: null);
        var collection = place.Collection("anna");
        var whole = Pictures(collection);
        var (name, bytes) = (whole.Keys.First(), File.ReadAllBytes(Path.Combine(collection, whole.Keys.Last())));
        await RunAsync(place);
        var tars = Directory.GetFiles(collection, "*.tar");
        var file = Path.Combine(collection, name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file, isPicture ? bytes : new byte[bytes.Length]);

        var result = await RunAsync(place);

        Assert.Equal((BackupStatus.Complete, new Ledger(0, Images, 0, 0)), (result.Status, result.Ledger));
        Assert.Equal(isPicture, File.Exists(file));
        Assert.Equal(isPicture, place.Log.Warned.Any(w => w.Contains(name, StringComparison.Ordinal)));
        Assert.Equal(tars, Directory.GetFiles(collection, "*.tar"));
    }

    private static void WriteOwner(string collection, string start) => File.WriteAllText(Path.Combine(collection, ".lock.owner"), $"process 1 on a machine\n{start}");

    [Fact]
    public async Task What_Mapillary_has_no_more_stays_as_it_is_and_goes_into_no_tar_either_in_any_later_run()
    {
        await using var place = await OpenAsync();
        await RunAsync(place, tar: null);
        var whole = Pictures(place.Collection("anna"));
        var (zeros, id) = whole.Keys.Select(p => (p, Path.GetFileNameWithoutExtension(p))).OrderBy(p => p.p, StringComparer.Ordinal).First();
        Zero(Path.Combine(place.Collection("anna"), zeros));
        place.Emulator.World.Withdraw(id);

        await RunAsync(place);
        for (var run = 0; run < 2; run++)
        {
            var result = await RunAsync(place);
            Assert.Equal(BackupStatus.Complete, result.Status);
            Assert.Equal((Images - 1, 1), (CollectionState.Read(place.Collection("anna"))!.Images, CollectionState.Read(place.Collection("anna"))!.Unavailable));
            Assert.Equal(whole.Where(p => p.Key != zeros), InTars(place.Collection("anna")));
            Assert.True(File.Exists(Path.Combine(place.Collection("anna"), zeros)));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Bundling_by_itself_leaves_them_too_and_the_collection_is_not_complete_any_more(int damaged)
    {
        using var collection = new SmallCollection(isBundled: false);
        using (var writer = CollectionWriter.Open(
            collection.Path, new CollectionName("anna", ImageQuality.Original, Mapillary.Imaging.Forms.PictureForm.AsServed), CollectionLayout.Sequence, null, SilentLog.Instance)) Assert.True(writer.Complete());
        var ids = SmallCollection.Ids[..damaged];
        foreach (var id in ids) Zero(collection.In(SmallCollection.PlaceOf(id)));
        var log = new RecordingLog();

        var tars = SequenceTarBundler.Bundle(collection.Path, null, TarGrouping.Sequence, keepSource: false, log, TestContext.Current.CancellationToken).ToList();

        // Of a sequence that is all damaged there is no tar.
        Assert.Equal(damaged == 2 ? ["s2"] : ["s1", "s2"], tars.Select(t => t.Group));
        Assert.Equal(SmallCollection.Ids.Except(ids).Select(i => SmallCollection.PlaceOf(i)), InTars(collection.Path).Keys);
        Assert.All(ids, id => Assert.True(File.Exists(collection.In(SmallCollection.PlaceOf(id)))));
        Assert.Equal(damaged, log.Warned.Count);
        Assert.False(CollectionState.Read(collection.Path)!.Complete);
        Assert.Equal([], Directory.EnumerateFiles(collection.Path, "*.part"));
    }

    [Fact]
    public void Among_large_files_the_tar_that_is_read_back_meanwhile_has_all_others()
    {
        using var scratch = new Imaging.ScratchFolder();
        var sums = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < 40; i++)
        {
            var name = $"s/{i:00}.jpg";
            var bytes = new byte[(i % 5 * 700_000) + 13];
            new Random(i).NextBytes(bytes);
            Directory.CreateDirectory(Path.Combine(scratch.Path, "s"));
            File.WriteAllBytes(Path.Combine(scratch.Path, name), bytes);
            sums[name] = i % 3 == 0 ? new string('0', 64) : Convert.ToHexString(SHA256.HashData(bytes));
        }

        var (tar, differing) = TarFile.Write(Path.Combine(scratch.Path, "s.tar"), scratch.Path, [.. sums.Keys], name => sums[name], TestContext.Current.CancellationToken);

        Assert.Equal(Enumerable.Range(0, 40).Where(i => i % 3 == 0).Select(i => $"s/{i:00}.jpg"), differing);
        Assert.Equal(sums.Where(s => !differing.Contains(s.Key)).ToDictionary(s => s.Key, s => s.Value.ToLowerInvariant()), InTars(scratch.Path).ToDictionary());
        Assert.Equal(Workplace.Run("md5sum", Path.Combine(scratch.Path, "s.tar"))[..32], tar!.Md5);
    }

    private static void Zero(string path) => File.WriteAllBytes(path, new byte[new FileInfo(path).Length]);

    /// <summary>The loose pictures of a collection, each with its SHA-256.</summary>
    private static SortedDictionary<string, string> Pictures(string collection) => new(
        Directory.EnumerateFiles(collection, "*.jpg", SearchOption.AllDirectories)
            .Where(f => Path.GetDirectoryName(f) != collection)
            .ToDictionary(f => Path.GetRelativePath(collection, f), f => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f))).ToLowerInvariant()),
        StringComparer.Ordinal);

    /// <summary>What GNU tar unpacks of all tars of a collection, each with its SHA-256.</summary>
    private static SortedDictionary<string, string> InTars(string collection)
    {
        using var unpacked = new Imaging.ScratchFolder();
        foreach (var tar in Directory.EnumerateFiles(collection, "*.tar")) Workplace.Run("tar", "-x", "--keep-old-files", "-C", unpacked.Path, "-f", tar);
        return Pictures(unpacked.Path);
    }
}
