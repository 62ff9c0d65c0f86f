using System.Formats.Tar;
using System.IO.Compression;
using System.Text.Json;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Collections.Records;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.InternetArchive.Client;
using Mapillary.InternetArchive.Describing;
using Mapillary.Saving;

namespace Mapillary.Tests.Backup;

public class UserBackupTests
{
    private static Task<BackupResult> RunAsync(Workplace place, string user = "anna", BackupOptions? options = null)
    {
        options ??= new BackupOptions();
        return new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry)
            .RunAsync(user, options with { Save = options.Save with { Destination = place.Folder } }, progress: null, TestContext.Current.CancellationToken);
    }

    private static Task<Workplace> OpenAsync(params FaultRule[] faults) =>
        Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = 50, Sequences = 3 }], Faults = faults });

    [Fact]
    public async Task A_finished_collection_is_whole_described_and_in_its_place()
    {
        await using var place = await OpenAsync();

        var result = await RunAsync(place);

        Assert.Equal(BackupStatus.Complete, result.Status);
        Assert.Equal(new Ledger(50, 0, 0, 0), result.Ledger);
        Assert.Equal(place.Collection("anna"), result.CollectionPath);
        Assert.False(Directory.Exists(Path.Combine(place.Folder, ".staging")));
        Assert.Equal(50, EntriesOf(place.Collection("anna")).Count);
        Assert.Equal(Directory.EnumerateFiles(place.Collection("anna"), "*.tar").Order(StringComparer.Ordinal), result.Tars.Select(t => t.Path));
        Assert.All(result.Tars, t => Assert.Equal(place.Collection("anna"), t.CollectionPath));
        var state = CollectionState.Read(place.Collection("anna"))!;
        Assert.True(state.Complete);
        Assert.Equal((50, 50, 0, 0), (state.Listed, state.Images, state.Unavailable, state.Failed));
        Assert.Contains("Contains 50 images in original resolution", File.ReadAllText(Path.Combine(place.Collection("anna"), ".meta", "description", "0")), StringComparison.Ordinal);
        Assert.Single(Directory.EnumerateFiles(place.Collection("anna"), "download.log.*"));
    }

    [Fact]
    public async Task The_files_have_the_same_bytes_on_every_system()
    {
        await using var place = await OpenAsync();
        await RunAsync(place);
        IaMetadataWriter.Write(IaMetadata.Describe(place.Collection("anna"), SilentLog.Instance, TestContext.Current.CancellationToken), IaMetadataFormat.Json, destination: null);

        var files = Directory.GetFiles(place.Collection("anna"), "*", SearchOption.AllDirectories).ToLookup(Path.GetExtension);

        // The system's number in the header (RFC 1952, OS) is that of Unix.
        Assert.Equal(2, files[".gz"].Count());
        Assert.All(files[".gz"], path => Assert.Equal(3, File.ReadAllBytes(path)[9]));
        var texts = files.Where(f => f.Key is not (".gz" or ".tar" or ".jpg")).SelectMany(f => f).ToList();
        Assert.Superset(new HashSet<string> { "collection.json", "ia-metadata.json" }, texts.Select(t => Path.GetFileName(t)).ToHashSet());
        Assert.All(texts, path => Assert.DoesNotContain((byte)'\r', File.ReadAllBytes(path)));
    }

    [Fact]
    public async Task The_log_in_the_collection_tells_no_folder_of_this_machine_and_holds_a_line_a_message()
    {
        await using var place = await OpenAsync();
        var late = place.Emulator.World.Users[0].Images[^1].Id;
        place.Emulator.World.Withdraw(late);
        await RunAsync(place);
        // Brought back, damaged, and gone on with.
        File.WriteAllText(Path.Combine(place.Collection("anna"), "failed.jsonl"), "no entry\n");
        place.Emulator.World.Restore(late);
        await RunAsync(place);

        var logs = Directory.GetFiles(place.Collection("anna"), "download.log.*").SelectMany(File.ReadAllLines).ToList();

        Assert.Contains(logs, l => l.Contains(" to ./.staging/mapillary-anna-original/", StringComparison.Ordinal));
        Assert.Contains(logs, l => l.EndsWith("The collection is complete: ./mapillary-anna-original.", StringComparison.Ordinal));
        Assert.DoesNotContain(logs, l => l.Contains(place.Folder, StringComparison.Ordinal) || l.Contains(Path.GetTempPath(), StringComparison.Ordinal));
        Assert.All(logs, l => Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", l));
        // What a person at the terminal is told has them.
        Assert.Contains(place.Log.Said, m => m.Contains(place.Folder, StringComparison.Ordinal));
    }

    [Fact]
    public void A_message_with_line_breaks_is_one_line_of_the_log_and_other_folders_of_this_machine_are_not_in_it_either()
    {
        var folder = Directory.CreateTempSubdirectory("mapillary-log-").FullName;
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        using (var log = new RunLogFile(SilentLog.Instance, folder))
        {
            log.Warn("Image 1\n2024-01-01T00:00:00.000Z Saved image 2 as 2.jpg.\u001b[2J");
            log.OpenFile(Path.Combine(folder, "mapillary-anna-256"));
            log.Say($"'{folder}' and '{Path.Combine(folder, "x")}' but '{folder}-other'; {Path.Combine(Environment.CurrentDirectory, "y")}; {Path.Combine(home, "z")}");
            log.SayEnd(new IOException($"Could not find file '{Path.Combine(folder, "a\nb")}'."));
        }

        var lines = File.ReadAllLines(Assert.Single(Directory.GetFiles(Path.Combine(folder, "mapillary-anna-256")))).Select(l => l[25..]).ToList();
        var slash = Path.DirectorySeparatorChar;
        // On Windows the temporary folder lies in the user's own.
        var other = folder.StartsWith(home + slash, StringComparison.OrdinalIgnoreCase) ? $"~{folder[home.Length..]}" : folder;
        Assert.Equal(3, lines.Count);
        Assert.Equal("WARNING Image 1 2024-01-01T00:00:00.000Z Saved image 2 as 2.jpg.\ufffd[2J", lines[0]);
        Assert.Equal($"'.' and '.{slash}x' but '{other}-other'; .{slash}y; ~{slash}z", lines[1]);
        Assert.Equal($"Ended with an error: Could not find file '.{slash}a b'.", lines[2]);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task The_listing_holds_the_records_to_the_letter_but_for_signed_addresses()
    {
        await using var place = await OpenAsync();
        var received = (await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None))).ToDictionary(i => i.Id, i => i.Json);

        await RunAsync(place);

        using var gzip = new GZipStream(File.OpenRead(Path.Combine(place.Collection("anna"), "metadata.jsonl.gz")), CompressionMode.Decompress);
        var lines = new StreamReader(gzip).ReadToEnd().TrimEnd('\n').Split('\n');
        Assert.Equal(received.Keys.Order(), lines.Select(l => MapillaryImage.Parse(l).Id).Order());
        foreach (var line in lines)
        {
            Assert.DoesNotContain("http://", line, StringComparison.Ordinal);
            using var kept = JsonDocument.Parse(line);
            using var original = JsonDocument.Parse(received[MapillaryImage.Parse(line).Id]);
            foreach (var field in original.RootElement.EnumerateObject().Where(f => !f.Name.EndsWith("_url", StringComparison.Ordinal) && f.Value.ValueKind != JsonValueKind.Object))
                Assert.Equal(field.Value.GetRawText(), kept.RootElement.GetProperty(field.Name).GetRawText());
        }
    }

    [Fact]
    public async Task A_second_run_fetches_nothing_and_leaves_every_file_as_it_was_to_the_byte()
    {
        await using var place = await OpenAsync();
        await RunAsync(place);
        var before = AllContents(place.Collection("anna"));
        var fetches = place.Fetches;

        var second = await RunAsync(place);

        Assert.Equal((new Ledger(0, 50, 0, 0), true), (second.Ledger, second.IsUnchanged));
        Assert.Equal(fetches, place.Fetches);
        Assert.Equal(before, AllContents(place.Collection("anna")));
    }

    [Fact]
    public async Task The_thumbnail_is_the_256_pixel_rendition_of_an_image_of_the_collection_as_it_is_served()
    {
        await using var place = await OpenAsync();

        await RunAsync(place);

        var thumbnail = File.ReadAllBytes(Path.Combine(place.Collection("anna"), "__ia_thumb__.jpg"));
        Assert.Contains(place.Emulator.World.Users.Single().Images, i => place.Emulator.ServedBytes(i.Id, Rendition.Thumb256).AsSpan().SequenceEqual(thumbnail));
    }

    [Fact]
    public async Task A_thumbnail_that_cannot_be_had_is_said_and_does_no_harm()
    {
        await using var place = await OpenAsync(new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.NotFound404, Which = t => t.Key.EndsWith("Thumb256", StringComparison.Ordinal), Times = int.MaxValue });

        var result = await RunAsync(place);

        Assert.Equal((BackupStatus.Complete, new Ledger(50, 0, 0, 0)), (result.Status, result.Ledger));
        Assert.False(File.Exists(Path.Combine(result.CollectionPath!, "__ia_thumb__.jpg")));
        Assert.Single(place.Log.Warned, w => w.Contains("thumbnail", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Saving_into_a_complete_collection_leaves_it_complete()
    {
        await using var place = await OpenAsync();
        await RunAsync(place);
        var before = Contents(place.Collection("anna"));

        await place.SaveAsync("anna");

        Assert.Equal(before, Contents(place.Collection("anna")));
        Assert.True(CollectionState.Read(place.Collection("anna"))!.Complete);
    }

    [Fact]
    public async Task New_images_come_as_further_tars()
    {
        await using var place = await OpenAsync();
        var late = place.Emulator.World.Users.Single().Images.Where((_, i) => i % 10 == 3).Select(i => i.Id).ToList();
        late.ForEach(place.Emulator.World.Withdraw);
        var first = await RunAsync(place);
        late.ForEach(place.Emulator.World.Restore);

        var second = await RunAsync(place);

        Assert.Equal(45, first.Ledger.Saved);
        Assert.Equal(new Ledger(5, 45, 0, 0), second.Ledger);
        Assert.All(second.Tars, t => Assert.EndsWith(".2.tar", t.Path, StringComparison.Ordinal));
        Assert.Equal(50, EntriesOf(place.Collection("anna")).Distinct().Count());
        Assert.Contains("Contains 50 images", File.ReadAllText(Path.Combine(place.Collection("anna"), ".meta", "description", "0")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_collection_with_a_failed_image_stays_in_staging_and_the_next_run_ends_it()
    {
        var broken = true;
        await using var place = await OpenAsync(new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.Html200, Which = t => broken && t.Ordinal % 25 == 0, Times = int.MaxValue });

        var first = await RunAsync(place);

        Assert.Equal(BackupStatus.Incomplete, first.Status);
        Assert.Equal(2, first.Ledger.Failed);
        Assert.Equal(50, first.Ledger.Listed);
        Assert.False(Directory.Exists(place.Collection("anna")));
        Assert.Equal(Path.Combine(place.Folder, ".staging", "mapillary-anna-original"), first.CollectionPath);

        broken = false;
        var second = await RunAsync(place);

        Assert.Equal(BackupStatus.Complete, second.Status);
        Assert.Equal(new Ledger(2, 48, 0, 0), second.Ledger);
        Assert.Equal(50, EntriesOf(place.Collection("anna")).Count);
        Assert.False(File.Exists(Path.Combine(place.Collection("anna"), "failed.jsonl")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_was_withdrawn_before_it_could_be_saved_keeps_nothing_from_being_complete(bool isAllWithdrawn)
    {
        var broken = true;
        await using var place = await OpenAsync(new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.Html200, Which = t => broken && t.Ordinal % 25 == 0, Times = int.MaxValue });
        await RunAsync(place);
        broken = false;
        foreach (var image in place.Emulator.World.Images.Where(i => isAllWithdrawn || i.Ordinal % 25 == 0)) place.Emulator.World.Withdraw(image.Id);

        var second = await RunAsync(place);

        Assert.Equal((BackupStatus.Complete, new Ledger(0, 48, 2, 0)), (second.Status, second.Ledger));
        Assert.Equal(48, EntriesOf(place.Collection("anna")).Count);
        var state = CollectionState.Read(place.Collection("anna"))!;
        Assert.Equal((50, 48, 2, 0, true), (state.Listed, state.Images, state.Unavailable, state.Failed, state.Complete));
    }

    [Fact]
    public async Task Runs_over_the_same_user_at_once_are_refused_or_end_well_and_harm_nothing()
    {
        await using var place = await OpenAsync();
        for (var round = 0; round < 10; round++)
        {
            // As short as it gets, so that much of it lies between the last image and the collection in its place.
            var runs = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () => await Record.ExceptionAsync(() => RunAsync(place)))));

            Assert.All(runs.OfType<Exception>(), e => Assert.Equal(CollectionFault.InUse, Assert.IsType<CollectionException>(e).Fault));
            Assert.Equal(BackupStatus.Complete, (await RunAsync(place)).Status);
            Assert.Equal(50, EntriesOf(place.Collection("anna")).Count);
            Assert.Equal([place.Collection("anna")], Directory.EnumerateFileSystemEntries(place.Folder));
            Directory.Delete(place.Collection("anna"), recursive: true);
        }
    }

    [Fact]
    public async Task A_collection_that_was_begun_keeps_its_name_whatever_user_came_meanwhile()
    {
        var broken = true;
        await using var place = await Workplace.OpenAsync(new EmulatorOptions
        {
            Users = [new EmulatedUser { Name = "anna", Images = 6 }, new EmulatedUser { Name = "Anna", Images = 4 }],
            Faults = [new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.Html200, Which = t => broken && t.Ordinal == 0, Times = int.MaxValue }],
        });
        Assert.Equal(BackupStatus.Incomplete, (await RunAsync(place)).Status);
        Assert.Equal(BackupStatus.Complete, (await RunAsync(place, "Anna")).Status);
        broken = false;

        var second = await RunAsync(place);

        Assert.Equal((BackupStatus.Complete, new Ledger(1, 5, 0, 0)), (second.Status, second.Ledger));
        Assert.Equal(["mapillary-_x0041_nna-original", "mapillary-anna-original"], Directory.EnumerateFileSystemEntries(place.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_block_in_the_middle_of_a_listing_ends_the_run_is_in_its_log_and_loses_nothing()
    {
        var blocked = true;
        await using var place = await Workplace.OpenAsync(new EmulatorOptions
        {
            Users = [new EmulatedUser { Name = "anna", Images = 50 }],
            PageLimit = 10,
            Faults = [new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.BlockedRedirect302, Which = t => blocked && t.Ordinal >= 2, Times = int.MaxValue }],
        });

        var fault = await Assert.ThrowsAsync<GraphException>(() => RunAsync(place));

        Assert.Equal(GraphFault.Blocked, fault.Fault);
        var staged = Path.Combine(place.Folder, ".staging", "mapillary-anna-original");
        Assert.EndsWith($"Ended with an error: {fault.Message}", File.ReadLines(Assert.Single(Directory.EnumerateFiles(staged, "download.log.*"))).Last(), StringComparison.Ordinal);
        // A page is asked for when half of the one before has been taken; what had been taken when the refusal came is kept.
        Assert.InRange(File.ReadLines(Path.Combine(staged, "metadata.jsonl")).Count(), 15, 20);

        blocked = false;
        var second = await RunAsync(place);

        Assert.Equal((BackupStatus.Complete, 50), (second.Status, second.Ledger.Listed));
        Assert.Equal(50, EntriesOf(place.Collection("anna")).Count);
    }

    [Fact]
    public async Task A_collection_of_an_area_becomes_one_of_the_whole_account_only_where_that_is_asked_for_and_never_the_other_way_round()
    {
        await using var place = await OpenAsync();
        var some = (await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None))).Take(10).ToList();
        var area = new BackupOptions
        {
            Filter = new ImageFilter
            {
                BoundingBox = new BoundingBox(some.Min(i => i.Longitude!.Value) - 1e-6, some.Min(i => i.Latitude!.Value) - 1e-6, some.Max(i => i.Longitude!.Value) + 1e-6, some.Max(i => i.Latitude!.Value) + 1e-6),
            },
        };
        var description = Path.Combine(place.Collection("anna"), ".meta", "description", "0");

        Assert.InRange((await RunAsync(place, options: area)).Ledger.Saved, 10, 49);
        Assert.Contains("Limited to the area", File.ReadAllText(description), StringComparison.Ordinal);

        var ofArea = AllContents(place.Collection("anna"));
        var refused = await Assert.ThrowsAsync<CollectionException>(() => RunAsync(place));
        Assert.Equal((CollectionFault.OtherArea, area.Filter.BoundingBox), (refused.Fault, refused.RecordedArea));
        Assert.Equal(ofArea, AllContents(place.Collection("anna")));

        Assert.Equal(50, (await RunAsync(place, options: new BackupOptions { AllAreas = true })).Ledger.Listed);
        Assert.DoesNotContain("Limited to the area", File.ReadAllText(description), StringComparison.Ordinal);

        var before = AllContents(place.Collection("anna"));
        refused = await Assert.ThrowsAsync<CollectionException>(() => RunAsync(place, options: area));
        Assert.Equal((CollectionFault.OtherArea, (BoundingBox?)null), (refused.Fault, refused.RecordedArea));
        Assert.Equal(before, AllContents(place.Collection("anna")));
    }

    [Fact]
    public async Task An_unknown_user_leaves_no_trace()
    {
        await using var place = await OpenAsync();

        var result = await RunAsync(place, "nobody");

        Assert.Equal(BackupStatus.Empty, result.Status);
        Assert.Contains(place.Log.Warned, w => w.Contains("'nobody'", StringComparison.Ordinal));
        Assert.Empty(Directory.EnumerateFileSystemEntries(place.Folder));
    }

    [Fact]
    public async Task A_refused_token_leaves_no_trace()
    {
        await using var place = await OpenAsync();

        await Assert.ThrowsAsync<GraphException>(() => new UserBackup(place.Endpoints, AccessToken.Parse(Tokens.Expired), place.Log, Workplace.QuickRetry)
            .RunAsync("anna", new BackupOptions { Save = new SaveOptions { Destination = place.Folder } }, null, TestContext.Current.CancellationToken));

        Assert.Empty(Directory.EnumerateFileSystemEntries(place.Folder));
    }

    [Theory]
    [InlineData(false, BackupStatus.Archived)]
    [InlineData(true, BackupStatus.Complete)]
    public async Task What_is_archived_is_passed_over_but_a_dark_item_is_not(bool isDark, string expected)
    {
        await using var place = await Workplace.OpenAsync(new EmulatorOptions
        {
            ArchivedItems = [new ArchivedItem { Identifier = "mapillary-anna-original", IsDark = isDark }],
        });

        Assert.Equal(expected, (await RunAsync(place)).Status);
    }

    [Fact]
    public async Task What_is_archived_and_here_is_kept_up_to_date()
    {
        await using var place = await Workplace.OpenAsync(new EmulatorOptions
        {
            Users = [new EmulatedUser { Name = "anna", Images = 50, Sequences = 3 }],
            ArchivedItems = [new ArchivedItem { Identifier = "mapillary-anna-original" }],
        });
        var late = place.Emulator.World.Users.Single().Images.Take(5).Select(i => i.Id).ToList();
        late.ForEach(place.Emulator.World.Withdraw);
        await RunAsync(place, options: new BackupOptions { SkipArchived = false });
        late.ForEach(place.Emulator.World.Restore);

        Assert.Equal(new Ledger(5, 45, 0, 0), (await RunAsync(place)).Ledger);
    }

    [Fact]
    public async Task Not_to_know_whether_it_is_archived_is_an_error_unless_told_to_go_on()
    {
        await using var place = await OpenAsync(new FaultRule { Server = ServerKind.Archive, Kind = FaultKind.Html503, Times = int.MaxValue });

        await Assert.ThrowsAsync<ArchiveException>(() => RunAsync(place));
        Assert.Empty(Directory.EnumerateFileSystemEntries(place.Folder));

        Assert.Equal(BackupStatus.Complete, (await RunAsync(place, options: new BackupOptions { GoOnWhenUntold = true })).Status);
    }

    [Fact]
    public async Task Without_tars_the_files_stay()
    {
        await using var place = await OpenAsync();

        var result = await RunAsync(place, options: new BackupOptions { Tar = null });

        Assert.Empty(result.Tars);
        Assert.Equal(50, Directory.EnumerateFiles(result.CollectionPath!, "*.jpg", SearchOption.AllDirectories).Count(f => Path.GetFileName(f) != "__ia_thumb__.jpg"));
    }

    /// <summary>The names of the entries of all tars of a collection.</summary>
    public static List<string> EntriesOf(string collection)
    {
        var names = new List<string>();
        foreach (var path in Directory.EnumerateFiles(collection, "*.tar"))
        {
            using var tar = new TarReader(File.OpenRead(path));
            while (tar.GetNextEntry() is { } entry) names.Add(entry.Name);
        }

        return names;
    }

    /// <summary>The files of a collection and their hashes, but for what tells of the run itself.</summary>
    internal static List<(string Name, string Hash)> Contents(string collection) =>
        [.. AllContents(collection).Where(f => !f.Name.StartsWith("download.log.", StringComparison.Ordinal) && f.Name is not ("collection.json" or ".lock"))];

    private static List<(string Name, string Hash)> AllContents(string collection) =>
        [.. Directory.EnumerateFiles(collection, "*", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal)
            .Select(f => (Path.GetRelativePath(collection, f), Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(f)))))];
}
