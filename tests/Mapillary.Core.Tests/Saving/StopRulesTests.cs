using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Collections.Records;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Saving;

namespace Mapillary.Tests.Backup;

/// <summary>Runs that end before all is there, and those that go on with them.</summary>
public class StopRulesTests
{
    private const int Images = 60;
    private const int PageLimit = 20;
    private const int OfTheThumbnail = 1;

    [Fact]
    public async Task No_more_images_are_saved_than_asked_for_and_no_fewer_though_some_are_not_to_be_had()
    {
        await using var place = await OpenAsync(new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.NotFound404, Rate = 0.3, Times = int.MaxValue });

        var result = await RunAsync(place, new StopRules { MaximumImages = 20 });

        Assert.Equal((BackupStatus.Stopped, 20L), (result.Status, result.Ledger.Saved));
        Assert.Contains("20 images were saved", result.StopReason, StringComparison.Ordinal);
        Assert.Equal(20, Directory.EnumerateFiles(result.CollectionPath!, "*.jpg", SearchOption.AllDirectories).Count());
        Assert.False(Directory.Exists(place.Collection("anna")));
        var state = CollectionState.Read(result.CollectionPath!)!;
        Assert.False(state.Complete);
        Assert.Equal(result.StopReason, state.Stopped);
        Assert.Empty(Directory.EnumerateFiles(result.CollectionPath!, "*.tar"));
    }

    [Fact]
    public async Task A_run_that_saves_just_what_was_allowed_is_complete()
    {
        await using var place = await OpenAsync();

        var result = await RunAsync(place, new StopRules { MaximumImages = Images });

        Assert.Equal((BackupStatus.Complete, (string?)null), (result.Status, result.StopReason));
        Assert.Null(CollectionState.Read(result.CollectionPath!)!.Stopped);
    }

    [Fact]
    public async Task Runs_that_are_stopped_again_and_again_end_with_what_one_run_gives_and_fetch_nothing_twice()
    {
        await using var undisturbed = await OpenAsync();
        await using var place = await OpenAsync();
        var expected = await RunAsync(undisturbed, StopRules.None);

        var ledgers = new List<Ledger>();
        BackupResult result;
        do
        {
            result = await RunAsync(place, new StopRules { MaximumImages = 25 });
            ledgers.Add(result.Ledger);
        }
        while (result.Status == BackupStatus.Stopped);

        Assert.Equal(BackupStatus.Complete, result.Status);
        Assert.Equal([new Ledger(25, 0, 0, 0), new Ledger(25, 25, 0, 0), new Ledger(10, 50, 0, 0)], ledgers);
        Assert.Equal(Images + OfTheThumbnail, place.Fetches);
        Assert.Equal(Contents(expected.CollectionPath!), Contents(result.CollectionPath!));
    }

    [Fact]
    public async Task The_next_run_takes_the_listing_up_where_it_was()
    {
        await using var place = await OpenAsync();
        var stopped = await RunAsync(place, new StopRules { MaximumImages = 45 }, workers: 4);
        Assert.NotNull(CollectionState.Read(stopped.CollectionPath!)!.Cursor);
        var pages = place.Pages;

        var result = await RunAsync(place, StopRules.None);

        Assert.Equal((BackupStatus.Complete, new Ledger(15, 45, 0, 0)), (result.Status, result.Ledger));
        Assert.Equal(1, place.Pages - pages);
        var state = CollectionState.Read(result.CollectionPath!)!;
        Assert.Equal((Images, Images, (string?)null), (state.Listed, state.Images, state.Cursor));
    }

    [Fact]
    public async Task A_listing_whose_cursor_is_refused_begins_anew_and_no_image_counts_twice()
    {
        await using var place = await OpenAsync();
        var stopped = await RunAsync(place, new StopRules { MaximumImages = 45 }, workers: 4);
        var file = Path.Combine(stopped.CollectionPath!, CollectionState.FileName);
        File.WriteAllText(file, File.ReadAllText(file).Replace(CollectionState.Read(stopped.CollectionPath!)!.Cursor!, "expired", StringComparison.Ordinal));

        var result = await RunAsync(place, StopRules.None);

        Assert.Equal((BackupStatus.Complete, new Ledger(15, 45, 0, 0)), (result.Status, result.Ledger));
        Assert.Equal(Images + OfTheThumbnail, place.Fetches);
    }

    [Fact]
    public async Task Nothing_is_begun_once_the_size_is_reached()
    {
        await using var place = await OpenAsync();

        var result = await RunAsync(place, new StopRules { MaximumSize = 1 }, workers: 4);

        Assert.Equal(BackupStatus.Stopped, result.Status);
        Assert.InRange(result.Ledger.Saved, 1, 4);
        Assert.Contains("the maximum of this run is 1 byte", result.StopReason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_begun_after_the_time_is_up_or_where_too_little_is_free()
    {
        await using var place = await OpenAsync();
        var clock = new VirtualClock(runsAhead: false);
        using var time = new RunBudget(new StopRules { MaximumDuration = TimeSpan.FromHours(8) }, clock);
        Assert.True(await time.TryBeginAsync(place.Folder, SilentLog.Instance, TestContext.Current.CancellationToken));
        clock.Advance(TimeSpan.FromHours(8));
        Assert.False(await time.TryBeginAsync(place.Folder, SilentLog.Instance, TestContext.Current.CancellationToken));
        Assert.Contains("08:00:00", time.StopReason, StringComparison.Ordinal);

        var result = await RunAsync(place, new StopRules { MinimumFreeSpace = long.MaxValue });

        Assert.Equal((BackupStatus.Stopped, Ledger.Empty, 0), (result.Status, result.Ledger, place.Fetches));
        Assert.Contains("must stay free", result.StopReason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_rules_hold_for_a_run_over_many_users_together()
    {
        await using var place = await Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = 10 }, new EmulatedUser { Name = "ben", Images = 10 }, new EmulatedUser { Name = "cleo", Images = 10 }] });
        using var budget = new RunBudget(new StopRules { MaximumImages = 15 });

        var results = new List<BackupResult>();
        foreach (var user in new[] { "anna", "ben", "cleo" }) results.Add(await RunAsync(place, budget, user: user));

        Assert.Equal([BackupStatus.Complete, BackupStatus.Stopped, BackupStatus.Stopped], results.Select(r => r.Status));
        Assert.Equal([10, 5, 0], results.Select(r => r.Ledger.Saved));
        Assert.DoesNotContain(place.Emulator.Requests, r => r.PathAndQuery.Contains("cleo", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("50GB", 50L * 1024 * 1024 * 1024)]
    [InlineData("1.5kb", 1536)]
    [InlineData(" 700 ", 700)]
    [InlineData("2TB", 2L * 1024 * 1024 * 1024 * 1024)]
    public void Sizes_are_read_as_PowerShell_reads_them(string text, long bytes) => Assert.Equal(bytes, ByteSize.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("GB")]
    [InlineData("-1GB")]
    [InlineData("ten MB")]
    [InlineData("99999999PB")]
    public void What_is_no_size_is_refused_with_its_text(string text) =>
        Assert.Contains($"'{text}'", Assert.Throws<FormatException>(() => ByteSize.Parse(text)).Message, StringComparison.Ordinal);

    private static Task<Workplace> OpenAsync(params FaultRule[] faults) =>
        Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = Images, Sequences = 3 }], PageLimit = PageLimit, Faults = faults });

    private static async Task<BackupResult> RunAsync(Workplace place, StopRules rules, int workers = SaveOptions.DefaultThrottleLimit)
    {
        using var budget = new RunBudget(rules);
        return await RunAsync(place, budget, workers);
    }

    private static Task<BackupResult> RunAsync(Workplace place, RunBudget budget, int workers = SaveOptions.DefaultThrottleLimit, string user = "anna") =>
        new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry).RunAsync(
            user,
            // So that a run that is stopped has not listed all.
            new BackupOptions { Save = new SaveOptions { Destination = place.Folder, ThrottleLimit = workers, ListedAhead = 1, Budget = budget } },
            progress: null,
            TestContext.Current.CancellationToken);

    private static List<(string, string)> Contents(string collection) => UserBackupTests.Contents(collection);
}
