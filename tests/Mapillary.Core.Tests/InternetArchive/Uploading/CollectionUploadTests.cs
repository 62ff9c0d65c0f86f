using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.InternetArchive.Client;
using Mapillary.InternetArchive.Describing;
using Mapillary.InternetArchive.Uploading;
using Mapillary.Saving;
using Mapillary.Services;

namespace Mapillary.Tests.InternetArchive;

/// <summary>Collections on their way into an emulated archive.org, read back from there and held against the disk.</summary>
public class CollectionUploadTests
{
    private const long MillisecondsOfADay = 24 * 60 * 60 * 1000;
    private const string Anna = "mapillary-anna-original";

    private static readonly BackupOptions ByDate = new();

    private static EmulatorOptions AnnaWith(int images, params FaultRule[] faults) =>
        new() { Users = [new EmulatedUser { Name = "anna", Images = images, Sequences = 4 }], Faults = faults };

    private static FaultRule Fault(FaultKind kind, Func<FaultTarget, bool>? which = null, int times = 1) => new() { Server = ServerKind.S3, Kind = kind, Which = which, Times = times };

    [Fact]
    public async Task A_whole_account_goes_in_a_second_run_sends_nothing_and_new_images_go_in_as_an_addendum()
    {
        await using var place = await Workplace.OpenAsync(new EmulatorOptions
        {
            Users = [new EmulatedUser { Name = "anna", Images = 310 }, new EmulatedUser { Name = "ben", Images = 40 }, new EmulatedUser { Name = "carl", Images = 0 }],
        });
        // Ten images of one day are not there yet.
        var late = place.Emulator.World.Users[0].Images.GroupBy(i => i.TrueCapturedAt / MillisecondsOfADay).First(g => g.Count() > 10).Take(10).Select(i => i.Id).ToList();
        late.ForEach(place.Emulator.World.Withdraw);

        var first = await BackUpAndUploadAsync(place);

        Assert.Equal([BackupStatus.Complete, BackupStatus.Complete, BackupStatus.Empty], first.Select(r => r.Backup.Status));
        Assert.Equal([300L, 40L, 0L], first.Select(r => r.Backup.Ledger.Saved));
        Assert.All(first.Take(2), r => Assert.Equal((PublishedFileState.Verified, r.Upload!.Files.Count), (r.Upload.Status, r.Upload.FilesSent)));
        AssertEqualToDisk(place, Anna, "mapillary-ben-original");

        var puts = Puts(place);
        var second = await BackUpAndUploadAsync(place);

        Assert.All(second.Take(2), r => Assert.Equal((BackupStatus.Complete, true, PublishedFileState.Verified, 0), (r.Backup.Status, r.Backup.IsUnchanged, r.Upload!.Status, r.Upload.FilesSent)));
        Assert.Equal(puts, Puts(place));

        late.ForEach(place.Emulator.World.Restore);
        var third = await BackUpAndUploadAsync(place);

        var sent = third[0].Upload!.Files.Where(f => f.IsNew).Select(f => f.Name).ToList();
        Assert.Equal(new Ledger(10, 300, 0, 0), third[0].Backup.Ledger);
        Assert.Single(sent, name => name.EndsWith(".2.tar", StringComparison.Ordinal));
        Assert.Equal(["collection.json", "manifest.jsonl.gz", "metadata.jsonl.gz"], sent.Where(name => !name.EndsWith(".2.tar", StringComparison.Ordinal) && !name.StartsWith("download.log.", StringComparison.Ordinal)));
        Assert.Equal(0, third[1].Upload!.FilesSent);
        AssertEqualToDisk(place, Anna, "mapillary-ben-original");
        // What the newer files took the place of was not lost on the way: each went up once.
        Assert.All(place.Emulator.UploadedItems.Values.SelectMany(i => i.Files), f => Assert.InRange(f.Value.Puts, 1, 2));
    }

    [Fact]
    public async Task The_item_bears_the_metadata_of_the_collection_and_is_looked_at_after_its_last_file()
    {
        await using var place = await Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "Ünal & Söhne", Images = 12 }] });
        var collection = (await BackUpAsync(place, "Ünal & Söhne")).CollectionPath!;

        var result = await UploadAsync(place, collection);

        var item = place.Emulator.UploadedItems[result.Identifier.Single()];
        var metadata = IaMetadata.Describe(collection, place.Log);
        Assert.Equal(["Ünal & Söhne"], item.Metadata["creator"]);
        Assert.Equal([metadata.Description], item.Metadata["description"]);
        Assert.Equal(["mapillary", "street-view", "computer-vision", "geospatial", "photography"], item.Metadata["subject"]);
        Assert.Equal(["mapillary-images"], item.Metadata["collection"]);
        Assert.Equal(["data"], item.Metadata["mediatype"]);
        Assert.Equal([Product.Version], item.Metadata["mapillary_powershell"]);
        Assert.Equal(["metadata.jsonl.gz"], item.Files.Where(f => f.Value.QueuedDerive).Select(f => f.Key));
        Assert.StartsWith("PUT", place.Emulator.Requests.Last(r => r.Server == ServerKind.S3 && r.Method == "PUT").Method, StringComparison.Ordinal);
        Assert.EndsWith("metadata.jsonl.gz", place.Emulator.Requests.Last(r => r.Server == ServerKind.S3 && r.Method == "PUT").PathAndQuery, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(FaultKind.SlowDown503)]
    [InlineData(FaultKind.Html503)]
    [InlineData(FaultKind.ConnectionReset)]
    [InlineData(FaultKind.ConnectionCutInBody)]
    [InlineData(FaultKind.BadDigest400)]
    [InlineData(FaultKind.ErrorAfterStored)]
    [InlineData(FaultKind.ResetAfterStored)]
    [InlineData(FaultKind.WrongBytesStored)]
    public async Task An_upload_that_meets_a_passing_fault_at_every_file_ends_whole(FaultKind kind)
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(40, Fault(kind)));
        var collection = (await BackUpAsync(place, "anna")).CollectionPath!;

        var result = await UploadAsync(place, collection);

        Assert.Equal(PublishedFileState.Verified, result.Status);
        AssertEqualToDisk(place, Anna);
    }

    [Theory]
    [InlineData(FaultKind.ErrorAfterStored)]
    [InlineData(FaultKind.ResetAfterStored)]
    public async Task A_file_that_arrived_though_its_upload_ended_in_an_error_is_not_sent_again(FaultKind kind)
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(40, Fault(kind, times: int.MaxValue)));
        var collection = (await BackUpAsync(place, "anna")).CollectionPath!;

        var result = await UploadAsync(place, collection);

        Assert.Equal(PublishedFileState.Verified, result.Status);
        Assert.All(place.Emulator.UploadedItems[Anna].Files.Values, f => Assert.Equal(1, f.Puts));
    }

    [Fact]
    public async Task What_cannot_be_sent_is_named_and_the_next_run_sends_that_alone()
    {
        var isBroken = true;
        await using var place = await Workplace.OpenAsync(AnnaWith(40, Fault(FaultKind.ConnectionCutInBody, t => isBroken && t.Path.EndsWith("manifest.jsonl.gz", StringComparison.Ordinal), int.MaxValue)));
        var collection = (await BackUpAsync(place, "anna")).CollectionPath!;

        var first = await UploadAsync(place, collection);

        Assert.Equal(PublishedFileState.Failed, first.Status);
        var failed = Assert.Single(first.Files, f => f.State == PublishedFileState.Failed);
        Assert.Equal("manifest.jsonl.gz", failed.Name);
        Assert.NotNull(failed.Error);

        isBroken = false;
        var second = await UploadAsync(place, collection);

        Assert.Equal((PublishedFileState.Verified, 1), (second.Status, second.FilesSent));
        AssertEqualToDisk(place, Anna);
    }

    [Fact]
    public async Task An_upload_that_is_stopped_goes_on_where_it_was()
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(200));
        var collection = (await BackUpAsync(place, "anna")).CollectionPath!;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var seen = 0;
        place.Emulator.Answered += r =>
        {
            if (r is { Server: ServerKind.S3, Method: "PUT" } && Interlocked.Increment(ref seen) == 3) stop.Cancel();
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => UploadAsync(place, collection, cancellationToken: stop.Token));
        var already = place.Emulator.UploadedItems[Anna].Files.Keys.ToList();
        var result = await UploadAsync(place, collection);

        Assert.Equal(PublishedFileState.Verified, result.Status);
        AssertEqualToDisk(place, Anna);
        Assert.NotEmpty(already);
        Assert.All(already, name => Assert.Equal(1, place.Emulator.UploadedItems[Anna].Files[name].Puts));
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(collection), f => Path.GetFileName(f).StartsWith(".lock", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_not_listed_yet_is_queued_and_neither_sent_again_nor_called_failed()
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(40) with { ListedAfterReads = 3 });
        var collection = (await BackUpAsync(place, "anna")).CollectionPath!;

        var sent = await UploadAsync(place, collection, new UploadOptions { MaximumWait = TimeSpan.Zero });
        Assert.All(sent.Files, f => Assert.Equal(PublishedFileState.Sent, f.State));
        Assert.Equal(PublishedFileState.Queued, sent.Status);

        var queued = await UploadAsync(place, collection, new UploadOptions { MaximumWait = TimeSpan.FromMilliseconds(1) });
        Assert.All(queued.Files, f => Assert.Equal((PublishedFileState.Queued, false), (f.State, f.IsNew)));

        var verified = await UploadAsync(place, collection);
        Assert.Equal((PublishedFileState.Verified, 0), (verified.Status, verified.FilesSent));
        Assert.All(place.Emulator.UploadedItems[Anna].Files.Values, f => Assert.Equal(1, f.Puts));
    }

    [Fact]
    public async Task It_is_waited_until_everything_is_listed()
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(40) with { ListedAfterReads = 8 });
        var collection = (await BackUpAsync(place, "anna")).CollectionPath!;
        var clock = new VirtualClock(runsAhead: true);

        var result = await UploadAsync(place, collection, rules: Workplace.QuickRetry with { Clock = clock });

        Assert.Equal(PublishedFileState.Verified, result.Status);
        Assert.Equal([1, 2, 4, 8], clock.Waits.Take(4).Select(w => w.TotalSeconds));
    }

    [Fact]
    public async Task What_was_not_listed_within_a_day_is_sent_again()
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(40) with { ListedAfterReads = 1000 });
        var collection = (await BackUpAsync(place, "anna")).CollectionPath!;
        var clock = new VirtualClock(runsAhead: false);
        var now = new UploadOptions { MaximumWait = TimeSpan.Zero };
        var rules = Workplace.QuickRetry with { Clock = clock };
        var all = (await UploadAsync(place, collection, now, rules)).FilesSent;

        clock.Advance(TimeSpan.FromHours(23));
        Assert.Equal(0, (await UploadAsync(place, collection, now, rules)).FilesSent);
        clock.Advance(TimeSpan.FromHours(2));
        Assert.Equal(all, (await UploadAsync(place, collection, now, rules)).FilesSent);
    }

    [Fact]
    public async Task A_refusal_as_spam_is_final()
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(40, Fault(FaultKind.Spam503, times: int.MaxValue)));
        var collection = (await BackUpAsync(place, "anna")).CollectionPath!;

        var refused = await Assert.ThrowsAsync<ArchiveException>(() => UploadAsync(place, collection));

        Assert.Equal(ArchiveFault.Refused, refused.Fault);
        Assert.Contains("SlowDown, Please reduce your request rate. Your upload of mapillary-anna-original from username emulator@example.org appears to be spam.", refused.Message, StringComparison.Ordinal);
        Assert.Contains("write to info@archive.org", refused.Message, StringComparison.Ordinal);
        Assert.Equal(1, Puts(place));
    }

    [Fact]
    public async Task Why_somebody_elses_item_takes_nothing_is_said_in_the_words_of_archive_org()
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(40) with
        {
            ArchivedItems = [new ArchivedItem { Identifier = Anna, IsForeign = true, Metadata = new Dictionary<string, IReadOnlyList<string>> { ["creator"] = ["anna"] } }],
        });
        var collection = (await new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry)
            .RunAsync("anna", new BackupOptions { Save = new SaveOptions { Destination = place.Folder }, SkipArchived = false }, progress: null, TestContext.Current.CancellationToken)).CollectionPath!;

        var refused = await Assert.ThrowsAsync<ArchiveException>(() => UploadAsync(place, collection));

        Assert.Equal(ArchiveFault.Refused, refused.Fault);
        Assert.Contains("AccessDenied, Access Denied. You lack sufficient privileges to write to this item (HTTP 403).", refused.Message, StringComparison.Ordinal);
        Assert.All(place.Emulator.Requests.Where(r => r is { Server: ServerKind.S3, Method: "PUT" }).GroupBy(r => r.PathAndQuery), puts => Assert.Single(puts));
    }

    [Fact]
    public async Task Where_a_proxy_does_not_take_Expect_files_go_without_it()
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(40, Fault(FaultKind.ExpectationFailed417, times: int.MaxValue)));
        var collection = (await BackUpAsync(place, "anna")).CollectionPath!;

        var result = await UploadAsync(place, collection);

        Assert.Equal((PublishedFileState.Verified, result.Files.Count), (result.Status, result.FilesSent));
        AssertEqualToDisk(place, Anna);
        // Learnt from the first, or from those that were sent along with it.
        Assert.InRange(Puts(place) - result.Files.Count, 1, 4);
    }

    [Fact]
    public async Task Wrong_keys_end_the_run_at_once_and_are_not_shown()
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(40));
        var collection = (await BackUpAsync(place, "anna")).CollectionPath!;

        using var plan = await PlanAsync(place, collection);
        var refused = await Assert.ThrowsAsync<ArchiveException>(() => CollectionUpload.RunAsync(plan, ArchiveKeys.Parse("someAccess", "someSecret"), null, TestContext.Current.CancellationToken));

        Assert.Equal(ArchiveFault.KeysRefused, refused.Fault);
        Assert.Equal(1, Puts(place));
        Assert.DoesNotContain("someSecret", refused.ToString() + string.Join('\n', place.Log.Said.Concat(place.Log.Warned)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redirects_lead_to_archive_org_only_and_the_bytes_go_out_once()
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(40) with { S3Redirects = true });
        var collection = (await BackUpAsync(place, "anna")).CollectionPath!;
        var progress = new Progress();

        var result = await UploadAsync(place, collection, progress: progress);

        Assert.Equal(PublishedFileState.Verified, result.Status);
        AssertEqualToDisk(place, Anna);
        Assert.Equal(result.BytesSent, progress.Last!.Bytes);
    }

    [Fact]
    public async Task A_redirect_to_somewhere_else_is_not_followed()
    {
        await using var elsewhere = await Workplace.OpenAsync();
        await using var place = await Workplace.OpenAsync(AnnaWith(40) with { S3RedirectTo = new UriBuilder(elsewhere.Emulator.CdnEndpoint) { Host = "localhost" }.Uri });
        var collection = (await BackUpAsync(place, "anna")).CollectionPath!;

        var refused = await Assert.ThrowsAsync<ArchiveException>(() => UploadAsync(place, collection));

        Assert.Equal(ArchiveFault.Refused, refused.Fault);
        Assert.Contains("localhost", refused.Message, StringComparison.Ordinal);
        Assert.Empty(elsewhere.Emulator.Requests);
    }

    [Fact]
    public async Task The_keys_are_in_one_header_to_the_upload_service_and_nowhere_else()
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(40, Fault(FaultKind.SlowDown503), Fault(FaultKind.ErrorAfterStored)) with { S3Redirects = true });
        var collection = (await BackUpAsync(place, "anna")).CollectionPath!;

        var result = await UploadAsync(place, collection);

        Assert.Equal(PublishedFileState.Verified, result.Status);
        string[] keys = [place.Emulator.S3AccessKey, place.Emulator.S3SecretKey];
        var said = place.Log.Said.Concat(place.Log.Warned).Append($"{result} {place.Keys} {string.Join(' ', result.Files)}");
        var files = Directory.EnumerateFiles(place.Folder, "*", SearchOption.AllDirectories).Select(f => System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(f)));
        Assert.All(keys, key => Assert.DoesNotContain(said.Concat(files), text => text.Contains(key, StringComparison.Ordinal)));
        foreach (var request in place.Emulator.Requests)
        {
            Assert.All(keys, key => Assert.DoesNotContain(key, request.PathAndQuery, StringComparison.Ordinal));
            var bearing = request.Headers.Where(h => keys.Any(key => h.Value.Contains(key, StringComparison.Ordinal))).Select(h => h.Key);
            Assert.Equal(request is { Server: ServerKind.S3, Method: "PUT" } ? ["Authorization"] : Array.Empty<string>(), bearing);
        }
    }

    [Theory]
    [InlineData("https://s3.us.archive.org/x", true)]
    [InlineData("https://ia601.us.archive.org/x", true)]
    [InlineData("http://ia601.us.archive.org/x", false)]
    [InlineData("https://ia601.us.archive.org:8443/x", false)]
    [InlineData("https://archive.org.example/x", false)]
    [InlineData("https://evilarchive.org/x", false)]
    [InlineData("https://127.0.0.1/x", false)]
    public void Keys_go_to_archive_org_by_https_alone(string target, bool isTrusted) =>
        Assert.Equal(isTrusted, ItemUploader.IsTrusted(new Uri("https://s3.us.archive.org"), new Uri(target)));

    [Fact]
    public async Task The_run_waits_while_archive_org_takes_no_uploads_but_not_because_it_could_not_be_asked()
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(40, Fault(FaultKind.OverLimit, times: 3), Fault(FaultKind.CheckLimitFails, times: int.MaxValue)));
        var collection = (await BackUpAsync(place, "anna")).CollectionPath!;
        var clock = new VirtualClock(runsAhead: true);

        var result = await UploadAsync(place, collection, rules: new RetryRules { Clock = clock });

        Assert.Equal(PublishedFileState.Verified, result.Status);
        Assert.Equal([30, 60, 120], clock.Waits.Where(w => w >= TimeSpan.FromSeconds(30)).Select(w => w.TotalSeconds));
    }

    [Fact]
    public async Task A_large_collection_is_spread_over_items_and_a_file_stays_where_it_is()
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(120));
        var late = place.Emulator.World.Users[0].Images.Take(20).Select(i => i.Id).ToList();
        late.ForEach(place.Emulator.World.Withdraw);
        var collection = (await BackUpAsync(place, "anna", ByDate with { Tar = TarGrouping.Sequence })).CollectionPath!;
        var most = new UploadOptions { MaximumItemSize = Directory.EnumerateFiles(collection, "*.tar").Max(f => new FileInfo(f).Length) + 200_000 };

        var first = await UploadAsync(place, collection, most);

        Assert.Equal(PublishedFileState.Verified, first.Status);
        Assert.True(first.Identifier.Count >= 3);
        Assert.Equal(first.Identifier.Skip(1), Enumerable.Range(2, first.Identifier.Count - 1).Select(n => $"{Anna}-part{n}"));
        AssertEqualToDisk(collection, first.Identifier.Select(i => place.Emulator.UploadedItems[i]));
        Assert.All(first.Identifier, i => Assert.True(place.Emulator.UploadedItems[i].Files.Sum(f => (long)f.Value.Content.Length) <= most.MaximumItemSize));
        Assert.Equal(100, first.Identifier.Sum(i => ImagesIn(place.Emulator.UploadedItems[i])));

        // An addendum, and a machine that knows nothing of the first upload.
        late.ForEach(place.Emulator.World.Restore);
        await BackUpAsync(place, "anna", ByDate with { Tar = TarGrouping.Sequence });
        File.Delete(Path.Combine(collection, ".upload.jsonl"));
        var second = await UploadAsync(place, collection, most);

        Assert.Equal(PublishedFileState.Verified, second.Status);
        var itemOf = second.Files.ToDictionary(f => f.Name, f => f.Identifier);
        Assert.All(first.Files, f => Assert.Equal(f.Identifier, itemOf[f.Name]));
        AssertEqualToDisk(collection, second.Identifier.Select(i => place.Emulator.UploadedItems[i]));
        Assert.Empty(second.Files.Where(f => f.IsNew && f.Name.EndsWith(".tar", StringComparison.Ordinal)).Select(f => f.Name).Intersect(first.Files.Select(f => f.Name)));
    }

    [Fact]
    public async Task An_incomplete_collection_is_not_uploaded_unless_that_is_asked_for()
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(40, new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.Html200, Which = t => t.Ordinal == 7, Times = int.MaxValue }));
        var collection = (await BackUpAsync(place, "anna")).CollectionPath!;

        var refused = await Assert.ThrowsAsync<CollectionException>(() => UploadAsync(place, collection));

        Assert.Equal(CollectionFault.Incomplete, refused.Fault);
        Assert.Equal(0, Puts(place));
        Assert.Equal(PublishedFileState.Verified, (await UploadAsync(place, collection, new UploadOptions { Force = true })).Status);
    }

    [Fact]
    public async Task A_taken_down_item_is_not_uploaded_into()
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(40) with { ArchivedItems = [new ArchivedItem { Identifier = Anna, IsDark = true }] });
        var collection = (await BackUpAsync(place, "anna")).CollectionPath!;

        var refused = await Assert.ThrowsAsync<ArchiveException>(() => UploadAsync(place, collection));

        Assert.Contains("taken down", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, Puts(place));
    }

    [Fact]
    public async Task While_a_collection_is_uploaded_no_backup_changes_it()
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(40));
        var collection = (await BackUpAsync(place, "anna")).CollectionPath!;
        using var plan = await PlanAsync(place, collection);

        var refused = await Assert.ThrowsAsync<CollectionException>(() => BackUpAsync(place, "anna"));

        Assert.Equal(CollectionFault.InUse, refused.Fault);
        Assert.True(Directory.Exists(collection));
    }

    [Fact]
    public async Task A_tar_that_was_damaged_after_it_was_made_is_not_uploaded_as_if_it_were_whole()
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(40));
        var collection = (await BackUpAsync(place, "anna")).CollectionPath!;
        var tar = Directory.EnumerateFiles(collection, "*.tar").First();
        var bytes = File.ReadAllBytes(tar);
        bytes[700] ^= 1;
        var time = File.GetLastWriteTimeUtc(tar);
        File.WriteAllBytes(tar, bytes);
        File.SetLastWriteTimeUtc(tar, time);

        var result = await UploadAsync(place, collection);

        var failed = Assert.Single(result.Files, f => f.State == PublishedFileState.Failed);
        Assert.Equal(Path.GetFileName(tar), failed.Name);
        Assert.DoesNotContain(Path.GetFileName(tar), place.Emulator.UploadedItems[Anna].Files.Keys);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task What_was_cut_or_changed_here_does_not_take_the_place_of_the_good_file_there(bool isTar, bool isCut)
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(40));
        var collection = (await BackUpAsync(place, "anna", isTar ? ByDate : ByDate with { Tar = null })).CollectionPath!;
        await UploadAsync(place, collection);
        // As on another machine, where nothing is known of the upload.
        File.Delete(Path.Combine(collection, ".upload.jsonl"));
        var path = Directory.EnumerateFiles(collection, isTar ? "*.tar" : "*.jpg", SearchOption.AllDirectories).First(f => !f.EndsWith("__ia_thumb__.jpg", StringComparison.Ordinal));
        var name = Path.GetRelativePath(collection, path).Replace('\\', '/');
        var whole = File.ReadAllBytes(path);
        if (isCut) File.WriteAllBytes(path, whole[..^2000]);
        else File.WriteAllBytes(path, [.. whole[..900], (byte)(whole[900] ^ 1), .. whole[901..]]);

        var result = await UploadAsync(place, collection);

        var failed = Assert.Single(result.Files, f => f.State == PublishedFileState.Failed);
        Assert.Equal(name, failed.Name);
        Assert.Contains("is not what it was when its checksum was noted", failed.Error, StringComparison.Ordinal);
        Assert.Equal(whole, place.Emulator.UploadedItems[Anna].Files[name].Content);
    }

    [Fact]
    public async Task That_images_are_gone_from_the_folder_is_said_before_the_upload()
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(40));
        var collection = (await BackUpAsync(place, "anna")).CollectionPath!;
        File.Delete(Directory.EnumerateFiles(collection, "*.tar").First());

        await UploadAsync(place, collection);

        Assert.Single(place.Log.Warned, w => w.Contains("of the images that its manifest has", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_plan_sends_nothing_and_writes_nothing()
    {
        await using var place = await Workplace.OpenAsync(AnnaWith(40));
        var collection = (await BackUpAsync(place, "anna")).CollectionPath!;
        var before = Directory.EnumerateFileSystemEntries(collection).Order().ToList();

        using (var plan = await PlanAsync(place, collection))
        {
            var item = Assert.Single(plan.Items);
            Assert.Equal((Anna, false), (item.Identifier, item.Exists));
            Assert.All(item.Files, f => Assert.Equal(PublishedFileState.Planned, f.State));
            Assert.Contains(("x-archive-meta00-collection", "mapillary-images"), item.Headers);
            Assert.Contains(("x-archive-meta00-mapillary--powershell", Product.Version), item.Headers);
            Assert.Contains(("x-archive-meta04-subject", "photography"), item.Headers);
        }

        Assert.DoesNotContain(place.Emulator.Requests, r => r.Server == ServerKind.S3);
        Assert.Equal(before, Directory.EnumerateFileSystemEntries(collection).Order());
    }

    [Fact]
    public async Task The_command_that_the_advice_names_runs_nothing_but_itself_whatever_the_user_is_called()
    {
        const string User = "o'neil\u2019; touch pwned; \u2019$(touch pwned)`touch pwned`\n\u001b[2J";
        await using var place = await Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = User, Images = 20 }] });
        var late = place.Emulator.World.Users[0].Images[^1].Id;
        place.Emulator.World.Withdraw(late);
        await BackUpAndUploadAsync(place);
        place.Emulator.World.Restore(late);

        var result = (await BackUpAndUploadAsync(place)).Single();

        var advice = Assert.Single(place.Log.Warned, w => w.Contains("ia metadata", StringComparison.Ordinal));
        var match = Regex.Match(ShownText.Line(advice), @"To bring it up to date: (ia .*) \(in a POSIX shell: (ia .*)\)$");
        Assert.True(match.Success, advice);
        var description = IaMetadata.Describe(result.Backup.CollectionPath!, SilentLog.Instance, TestContext.Current.CancellationToken).Description;
        string[] words = ["ia", "metadata", Assert.Single(result.Upload!.Identifier), $"--modify=description:{description}"];
        var folder = Directory.CreateDirectory(Path.Combine(place.Folder, "shell")).FullName;
        Assert.Contains(User, description, StringComparison.Ordinal);
        Assert.Equal(words, Assert.Single(HostileWords.InPowerShell(folder, [match.Groups[1].Value])));
        Assert.Equal(words, Assert.Single(HostileWords.InBash(folder, [match.Groups[2].Value])));
        // Nobody reads which is which.
        HostileWords.InBash(folder, [match.Groups[1].Value]);
        HostileWords.InPowerShell(folder, [match.Groups[2].Value]);
    }

    private static async Task<List<(BackupResult Backup, UploadResult? Upload)>> BackUpAndUploadAsync(Workplace place)
    {
        var results = new List<(BackupResult, UploadResult?)>();
        foreach (var user in place.Emulator.World.Users)
        {
            var backup = await BackUpAsync(place, user.Name);
            results.Add((backup, backup.CollectionPath is { } path ? await UploadAsync(place, path) : null));
        }

        return results;
    }

    private static Task<BackupResult> BackUpAsync(Workplace place, string user, BackupOptions? options = null) =>
        new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry)
            .RunAsync(user, (options ?? ByDate) with { Save = new SaveOptions { Destination = place.Folder } }, null, TestContext.Current.CancellationToken);

    private static Task<UploadPlan> PlanAsync(Workplace place, string collection, UploadOptions? options = null, RetryRules? rules = null, CancellationToken cancellationToken = default) =>
        UploadPlan.MakeAsync(collection, place.Endpoints, options ?? new UploadOptions(), place.Log, rules ?? Workplace.QuickRetry, cancellationToken);

    private static async Task<UploadResult> UploadAsync(
        Workplace place, string collection, UploadOptions? options = null, RetryRules? rules = null, IProgress<UploadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using var plan = await PlanAsync(place, collection, options, rules, cancellationToken);
        return await CollectionUpload.RunAsync(plan, place.Keys, progress, cancellationToken);
    }

    private static int Puts(Workplace place) => place.Emulator.Requests.Count(r => r is { Server: ServerKind.S3, Method: "PUT" });

    private static void AssertEqualToDisk(Workplace place, params string[] collections)
    {
        foreach (var name in collections) AssertEqualToDisk(Path.Combine(place.Folder, name), [place.Emulator.UploadedItems[name]]);
    }

    /// <summary>What archive.org got, name by name and byte by byte; nothing that begins with a dot belongs there.</summary>
    private static void AssertEqualToDisk(string collection, IEnumerable<UploadedItem> items)
    {
        var there = items.SelectMany(i => i.Files).Select(f => (f.Key, Convert.ToHexString(SHA256.HashData(f.Value.Content)))).Order().ToList();
        var here = Directory.EnumerateFiles(collection, "*", SearchOption.AllDirectories)
            .Select(f => (Path.GetRelativePath(collection, f).Replace('\\', '/'), Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f)))))
            .Where(f => f.Item1[0] != '.')
            .Order()
            .ToList();
        Assert.Equal(here, there);
    }

    private static long ImagesIn(UploadedItem item) =>
        long.Parse(System.Text.RegularExpressions.Regex.Match(item.Metadata["description"].Single(), @"Contains ([0-9,]+) images?\b").Groups[1].Value, System.Globalization.NumberStyles.AllowThousands, System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Keeps the last report; those come from any thread.</summary>
    private sealed class Progress : IProgress<UploadProgress>
    {
        public UploadProgress? Last { get; private set; }

        public void Report(UploadProgress value) => Last = value;
    }
}
