using System.Collections.Concurrent;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Collections.Files;
using Mapillary.Collections.Records;
using Mapillary.Collections.Tars;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Saving;
using Mapillary.Tests.Imaging;

namespace Mapillary.Tests.Collections;

/// <summary>
/// Files that another program has open, on any system: before each attempt of the file layer the tests throw what .NET throws on Windows,
/// for access denied, a sharing violation and a lock violation (System Error Codes 5, 32, 33).
/// </summary>
public class HeldFileTests
{
    private const int Images = 12;

    public static TheoryData<string, int> Refusals()
    {
        var data = new TheoryData<string, int>();
        foreach (var act in Enum.GetNames<FileAct>())
        {
            // Reading that is denied stays denied, and is tried once.
            foreach (var code in (int[])[5, 32, 33]) if (code != 5 || act != nameof(FileAct.Read)) data.Add(act, code);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Refusals))]
    public void What_is_refused_three_times_is_done_the_fourth_time(string act, int code)
    {
        using var scratch = new ScratchFolder();
        File.WriteAllText(Path.Combine(scratch.Path, "old"), "old");
        var folder = new CollectionFolder(scratch.Path);
        var refusals = 0;
        using var other = new OtherProgram((a, path) => a.ToString() == act && Path.GetFileName(path) is "old" or "new" or "made" && refusals++ < 3 ? Refusal(code) : null, letsGo: true);

        using (var read = new StreamReader(folder.OpenRead("old"))) Assert.Equal("old", read.ReadToEnd());
        using (var write = folder.OpenOrCreate("old", CollectionFolder.Any)) write.Write("new"u8);
        folder.Create("made/new", FileShare.Read).Dispose();
        folder.Delete("made/new");
        folder.MoveFolder("made", "new");
        folder.DeleteFolder("new");
        WholeFile.Write(folder, "new", stream => stream.Write("whole"u8));
        folder.Delete("old");

        Assert.Equal(3, Math.Min(refusals, 3));
        Assert.Equal(["new"], Directory.EnumerateFileSystemEntries(scratch.Path).Select(Path.GetFileName));
        Assert.Equal("whole", File.ReadAllText(Path.Combine(scratch.Path, "new")));
    }

    [Theory]
    [InlineData(5, 5)]
    [InlineData(5, 32)]
    [InlineData(32, 32)]
    [InlineData(33, 32)]
    public void What_stays_refused_is_an_error_that_names_the_file_and_says_who_has_it_where_that_is_known(int code, int codeOfLook)
    {
        using var scratch = new ScratchFolder();
        var folder = new CollectionFolder(scratch.Path);
        WholeFile.Write(folder, "state", stream => stream.Write("before"u8));
        var path = folder.PathOf("state");
        using var other = new OtherProgram((act, p) => p != path ? null : act == FileAct.Move ? Refusal(code) : act == FileAct.Read ? Refusal(codeOfLook) : null);

        var error = Record.Exception(() => WholeFile.Write(folder, "state", stream => stream.Write("after"u8)));

        Assert.Contains($"'{path}'", error!.Message, StringComparison.Ordinal);
        if (codeOfLook == 32) Assert.Contains("is open in another program", Assert.IsType<FileHeldException>(error).Message, StringComparison.Ordinal);
        else Assert.Contains("access is denied", Assert.IsType<UnauthorizedAccessException>(error).Message, StringComparison.Ordinal);
        Assert.Equal("before", File.ReadAllText(path));
        Assert.Equal(["state"], Directory.EnumerateFileSystemEntries(scratch.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void A_folder_that_may_not_be_written_is_waited_for_once_and_not_for_each_of_its_files()
    {
        using var scratch = new ScratchFolder();
        var folder = new CollectionFolder(scratch.Path);
        var attempts = new List<string>();
        using var other = new OtherProgram((act, path) =>
        {
            if (act != FileAct.Create) return null;
            attempts.Add(Path.GetFileName(path));
            return Refusal(5);
        });

        for (var i = 0; i < 20; i++) Assert.Throws<UnauthorizedAccessException>(() => folder.Create($"{i}", FileShare.Read));

        Assert.True(attempts.Count(a => a == "0") > 1, "The first was not waited for.");
        Assert.All(Enumerable.Range(1, 19), i => Assert.Single(attempts, a => a == $"{i}"));
    }

    [Fact]
    public void A_lock_that_another_process_holds_says_so_and_one_that_is_only_looked_at_is_taken()
    {
        using var scratch = new ScratchFolder();
        CollectionLock.Take(scratch.Path).Dispose();
        using (new OtherProgram((act, path) => Path.GetFileName(path) == CollectionLock.FileName && act is FileAct.Read or FileAct.Write ? Refusal(32) : null))
        {
            Assert.Equal(CollectionFault.InUse, Assert.Throws<CollectionException>(() => CollectionLock.Take(scratch.Path)).Fault);
            Assert.Equal(CollectionFault.InUse, Assert.Throws<CollectionException>(() => CollectionLock.TakeToRead(scratch.Path)).Fault);
        }

        var looks = 0;
        using (new OtherProgram((_, path) => Path.GetFileName(path) == CollectionLock.FileName && looks++ % 3 < 2 ? Refusal(32) : null, letsGo: true))
        {
            CollectionLock.Take(scratch.Path).Dispose();
            using var reading = CollectionLock.TakeToRead(scratch.Path);
            Assert.NotNull(reading);
        }
    }

    /// <summary>A second run reads who has the lock at the very moment when that is written.</summary>
    [Fact]
    public void Whoever_has_the_lock_goes_on_though_the_note_of_it_cannot_be_written_or_removed()
    {
        using var scratch = new ScratchFolder();
        using var other = new OtherProgram((act, path) => Path.GetFileName(path) == CollectionLock.OwnerFileName && act != FileAct.Read ? Refusal(5) : null);

        using (CollectionLock.Take(scratch.Path)) Assert.Equal(CollectionFault.InUse, Assert.Throws<CollectionException>(() => CollectionLock.Take(scratch.Path)).Fault);
        CollectionLock.Take(scratch.Path).Dispose();
    }

    [Fact]
    public async Task A_backup_of_which_each_file_is_held_for_a_moment_each_time_ends_as_if_nobody_had_looked()
    {
        await using var undisturbed = await OpenAsync();
        await using var place = await OpenAsync();
        Assert.Equal(BackupStatus.Complete, (await BackUpAsync(undisturbed)).Status);
        var files = new ConcurrentDictionary<(FileAct, string), int>();
        using var other = new OtherProgram((act, path) =>
        {
            // Each act on each file is refused each time, in another way each time, and then let through.
            var time = files.AddOrUpdate((act, path), 1, (_, before) => before + 1);
            return time % 2 == 0 ? null : Refusal(act == FileAct.Read || time % 4 == 1 ? 32 : 5);
        }, letsGo: true);

        var result = await BackUpAsync(place);

        Assert.Equal((BackupStatus.Complete, new Ledger(Images, 0, 0, 0)), (result.Status, result.Ledger));
        Assert.Equal(CollectionContents.Of(undisturbed.Collection("anna")), CollectionContents.Of(place.Collection("anna")));
        Assert.False(Directory.Exists(Path.Combine(place.Folder, ".staging")));
        // All went through the one layer: each file that is there was refused, and each picture that is in a tar now.
        var touched = files.Keys.Select(f => Path.GetFileName(f.Item2)).ToHashSet();
        Assert.All(Directory.EnumerateFiles(place.Collection("anna"), "*", SearchOption.AllDirectories), f => Assert.Contains(Path.GetFileName(f), touched));
        Assert.Equal(Images, files.Keys.Count(f => f.Item1 == FileAct.Delete && f.Item2.EndsWith(".jpg", StringComparison.Ordinal) && !f.Item2.Contains("__ia", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_picture_that_stays_held_fails_by_name_and_the_next_run_saves_it()
    {
        await using var place = await OpenAsync();
        var held = place.Emulator.World.Users[0].Images[3].Id;
        BackupResult result;
        using (new OtherProgram((act, path) => act == FileAct.Move && Path.GetFileName(path) == $"{held}.jpg" ? Refusal(32) : null))
        {
            result = await BackUpAsync(place);
        }

        Assert.Equal((BackupStatus.Incomplete, new Ledger(Images - 1, 0, 0, 1)), (result.Status, result.Ledger));
        Assert.Contains(place.Log.Warned, w => w.Contains(held, StringComparison.Ordinal) && w.Contains("is open in another program", StringComparison.Ordinal));
        Assert.Equal(new Ledger(1, Images - 1, 0, 0), (await BackUpAsync(place)).Ledger);
    }

    [Fact]
    public async Task A_picture_that_is_held_while_it_is_bundled_is_in_the_tar_and_goes_with_the_next_bundling()
    {
        await using var place = await OpenAsync();
        var saved = await place.SaveAsync("anna");
        var held = saved[0].Path!;
        List<SequenceTar> tars;
        using (new OtherProgram((act, path) => act == FileAct.Delete && path == held ? Refusal(32) : null))
        {
            tars = [.. SequenceTarBundler.Bundle(place.Collection("anna"), null, TarGrouping.Sequence, keepSource: false, place.Log, TestContext.Current.CancellationToken)];
        }

        Assert.Equal(Images, tars.Sum(t => t.Entries));
        Assert.Equal([held], Directory.EnumerateFiles(place.Collection("anna"), "*.jpg", SearchOption.AllDirectories));
        Assert.Contains(place.Log.Warned, w => w.Contains($"'{held}' is open in another program", StringComparison.Ordinal));
        Assert.Empty(SequenceTarBundler.Bundle(place.Collection("anna"), null, TarGrouping.Sequence, keepSource: false, place.Log, TestContext.Current.CancellationToken));
        Assert.Empty(Directory.EnumerateFiles(place.Collection("anna"), "*.jpg", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData(5)]
    [InlineData(32)]
    public async Task A_collection_with_an_open_file_stays_whole_in_staging_and_the_next_run_moves_it(int code)
    {
        await using var undisturbed = await OpenAsync();
        await using var place = await OpenAsync();
        await BackUpAsync(undisturbed);
        CollectionException error;
        using (new OtherProgram((act, path) => act == FileAct.Move && path == place.Collection("anna") ? Refusal(code) : null))
        {
            error = await Assert.ThrowsAsync<CollectionException>(() => BackUpAsync(place));
        }

        Assert.Equal((CollectionFault.InUse, true), (error.Fault, BackupFailure.IsOfOneUser(error)));
        Assert.Contains("is whole, but could not be moved", error.Message, StringComparison.Ordinal);
        Assert.Contains("Close what has a file", error.Message, StringComparison.Ordinal);
        Assert.Equal(
            CollectionContents.Of(undisturbed.Collection("anna")),
            CollectionContents.Of(Path.Combine(place.Folder, ".staging", "mapillary-anna-original")));
        var again = await BackUpAsync(place);
        Assert.Equal((BackupStatus.Complete, new Ledger(0, Images, 0, 0)), (again.Status, again.Ledger));
        Assert.Equal(CollectionContents.Of(undisturbed.Collection("anna")), CollectionContents.Of(place.Collection("anna")));
    }

    [Theory]
    [InlineData(CollectionState.FileName)]
    [InlineData(Manifest.FileName)]
    [InlineData(ImageRecords.FileName)]
    public async Task A_file_of_the_collection_that_stays_held_ends_one_users_backup_by_name_and_leaves_nothing_open(string name)
    {
        await using var place = await OpenAsync();
        await BackUpAsync(place, new StopRules { MaximumImages = 5 });
        var path = Path.Combine(place.Folder, ".staging", "mapillary-anna-original", name);
        Exception error;
        using (new OtherProgram((act, p) => act is FileAct.Move or FileAct.Write && p == path ? Refusal(32) : null))
        {
            error = await Assert.ThrowsAsync<CollectionException>(() => BackUpAsync(place));
        }

        Assert.True(BackupFailure.IsOfOneUser(error));
        Assert.Contains($"'{path}' is open in another program", error.Message, StringComparison.Ordinal);
        // Nobody else gets a file for himself that is still open here.
        foreach (var file in Directory.EnumerateFiles(Path.GetDirectoryName(path)!)) File.Open(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None).Dispose();
        Assert.Equal(new Ledger(Images - 5, 5, 0, 0), (await BackUpAsync(place)).Ledger);
    }

    private static Task<Workplace> OpenAsync() =>
        Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = Images, Sequences = 2 }] });

    private static async Task<BackupResult> BackUpAsync(Workplace place, StopRules? rules = null)
    {
        using var budget = rules is null ? null : new RunBudget(rules);
        return await new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry)
            .RunAsync("anna", new BackupOptions { Save = new SaveOptions { Destination = place.Folder, Budget = budget } }, progress: null, TestContext.Current.CancellationToken);
    }

    /// <summary>As .NET words it on Windows for a rename: without the file's name.</summary>
    private static Exception Refusal(int code) => code == 5
        ? new UnauthorizedAccessException("Access to the path is denied.")
        : new IOException("The process cannot access the file because it is being used by another process.", unchecked((int)0x80070000) | code);

    /// <summary>Plays another program that has files open, for what this test does.</summary>
    private sealed class OtherProgram : FilePatience, IDisposable
    {
        private readonly Func<FileAct, string, Exception?> _refuse;

        public OtherProgram(Func<FileAct, string, Exception?> refuse, bool letsGo = false) => (_refuse, Longest, Instead.Value) = (refuse, letsGo ? Minutes : Moment, this);

        protected override TimeSpan Longest { get; }

        private static TimeSpan Minutes => TimeSpan.FromMinutes(5);

        private static TimeSpan Moment => TimeSpan.FromMilliseconds(50);

        public void Dispose() => Instead.Value = null;

        protected override void Before(FileAct act, string path)
        {
            if (_refuse(act, path) is { } refusal) throw refusal;
        }
    }
}
