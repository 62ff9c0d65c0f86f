using System.Collections.Concurrent;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.Planning;
using Mapillary.Saving;

namespace Mapillary.Tests.Backup;

public class DownloadPlannerTests
{
    private static EmulatorOptions Anna(int images, int sequences, params FaultRule[] faults) =>
        new() { Users = [new EmulatedUser { Name = "anna", Images = images, Sequences = sequences }], Faults = faults };

    private static async Task<DownloadPlan> PlanAsync(Workplace place, PlanOptions options, bool withToken = true, IEnumerable<MapillaryImage>? images = null)
    {
        var planner = new DownloadPlanner(options with { Destination = place.Folder }, place.Endpoints, withToken ? place.Graph : null, place.Log);
        foreach (var image in images ?? await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None))) planner.Add(image);
        return await planner.MakeAsync(TestContext.Current.CancellationToken);
    }

    private static long TrueSize(Workplace place) => place.Emulator.World.Images.Sum(i => (long)place.Emulator.World.Photos.For(i.Photo, Rendition.Original).Bytes.Length);

    [Fact]
    public async Task What_can_be_counted_is_exact_and_the_bytes_are_in_the_range()
    {
        await using var place = await Workplace.OpenAsync(Anna(400, 8));

        var plan = await PlanAsync(place, new PlanOptions { User = "anna", Rate = 1_000_000 });

        Assert.Equal((400, 8, 3, 400), (plan.Images, plan.Sequences, plan.Days, plan.ToFetch));
        Assert.Equal(place.Emulator.World.Images.Max(i => i.TrueCapturedAt), plan.Last!.Value.ToUnixTimeMilliseconds());
        Assert.Equal(30, plan.Sampled);
        Assert.False(plan.BytesToFetch!.IsExact);
        Assert.InRange(TrueSize(place), plan.BytesToFetch.Low!.Value, plan.BytesToFetch.High!.Value);
        Assert.InRange(plan.BytesToFetch.High.Value - plan.BytesToFetch.Low.Value, 1, TrueSize(place) / 2);
        Assert.Equal(plan.BytesToFetch.Bytes / 1e6, plan.Duration!.Value.TotalSeconds, 1e-6);
        Assert.True(plan.Fits);
        // Three tars by date, and five files of the collection's own.
        Assert.Equal((8, 1), (plan.ArchiveFiles, plan.ArchiveItems));
        // Sizes are asked for without the pictures, each once.
        var asked = place.Emulator.Requests.Where(r => r.Server == ServerKind.Cdn).ToList();
        Assert.All(asked, r => Assert.Equal("HEAD", r.Method));
        Assert.Equal(30, asked.Select(r => r.ImageId).Distinct().Count());
        Assert.Equal(30, asked.Count);
        // Evenly over the listing.
        var places = asked.Select(r => place.Emulator.World.Users[0].Images.ToList().FindIndex(i => i.Id == r.ImageId)).Order().ToList();
        Assert.Equal(0, places[0]);
        Assert.All(places.Zip(places.Skip(1)), p => Assert.InRange(p.Second - p.First, 5, 25));
        Assert.True(places[^1] > 370, $"the last one sampled is number {places[^1]}");
    }

    [Fact]
    public async Task That_the_run_ends_sooner_or_makes_pictures_smaller_is_told_beside_what_all_of_it_is()
    {
        await using var place = await Workplace.OpenAsync(Anna(10, 1));
        using var budget = new RunBudget(new StopRules { MaximumSize = 50L << 30, MaximumDuration = TimeSpan.FromHours(8) });

        var text = (await PlanAsync(place, PlanOptions.For(new SaveOptions { User = "anna", Budget = budget }, tar: null) with { Form = new JpegForm(85) })).ToText();

        Assert.StartsWith("User 'anna', original, compressed again as JPEG of quality 85", text, StringComparison.Ordinal);
        Assert.Contains(" as served, less when compressed again", text, StringComparison.Ordinal);
        Assert.Contains("  This run     ends earlier, when 50.0 GiB were saved, or after 08:00:00; the next run continues", text, StringComparison.Ordinal);
        Assert.DoesNotContain("This run", (await PlanAsync(place, new PlanOptions { User = "anna" })).ToText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_every_size_was_asked_for_the_bytes_are_exact()
    {
        await using var place = await Workplace.OpenAsync(Anna(25, 2));

        var plan = await PlanAsync(place, new PlanOptions { User = "anna", Rate = 1 });

        Assert.Equal(new ByteEstimate(TrueSize(place), TrueSize(place), TrueSize(place), IsExact: true), plan.BytesToFetch);
        Assert.False(plan.BytesOnDisk!.IsExact);
        Assert.Contains("Download     " + ByteSize.Format(TrueSize(place)) + Environment.NewLine, plan.ToText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_backup_then_saves_lies_in_the_range_for_the_disk()
    {
        await using var place = await Workplace.OpenAsync(Anna(120, 6));
        var plan = await PlanAsync(place, new PlanOptions { User = "anna" });
        Assert.True(plan.Rate > 0);
        // A few pictures were fetched to see a rate.
        Assert.Equal(6, place.Emulator.Requests.Count(r => r.Server == ServerKind.Cdn && r.Method == "GET"));

        await place.SaveAsync("anna");

        var onDisk = Directory.EnumerateFiles(place.Folder, "*", SearchOption.AllDirectories).Sum(f => new FileInfo(f).Length);
        Assert.InRange(onDisk, plan.BytesOnDisk!.Low!.Value, plan.BytesOnDisk.High!.Value);
    }

    [Fact]
    public async Task What_is_there_already_and_what_Mapillary_does_not_have_is_counted_and_not_measured()
    {
        await using var place = await Workplace.OpenAsync(Anna(60, 3) with { Oddities = new Dictionary<Oddity, double> { [Oddity.MissingOriginalUrl] = 0.2 } });
        var lacking = place.Emulator.World.Images.Count(i => i.Record.MissingRenditions.Contains(Rendition.Original));
        var before = await PlanAsync(place, new PlanOptions { User = "anna", Rate = 1 });
        Assert.Equal((0, lacking, 60 - lacking), (before.Present, before.Unavailable, before.ToFetch));

        await place.SaveAsync("anna");
        var fetches = place.Fetches;
        var after = await PlanAsync(place, new PlanOptions { User = "anna" });

        Assert.Equal((60 - lacking, lacking, 0), (after.Present, after.Unavailable, after.ToFetch));
        Assert.Equal(fetches, place.Fetches);
        Assert.Contains("nothing", after.ToText(), StringComparison.Ordinal);
        // Another quality is another collection.
        Assert.Equal(60, (await PlanAsync(place, new PlanOptions { User = "anna", Quality = ImageQuality.Thumb256, Rate = 1 })).ToFetch);
    }

    [Fact]
    public async Task Dead_addresses_are_asked_for_anew_in_one_request_and_images_that_are_gone_weigh_nothing()
    {
        await using var place = await Workplace.OpenAsync(Anna(40, 2) with { ListedUrlLifetime = TimeSpan.FromDays(-1) });
        var images = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));
        foreach (var image in images.Take(10)) place.Emulator.World.Withdraw(image.Id);
        var asked = place.Emulator.Requests.Count(r => r.Server == ServerKind.Graph);

        var plan = await PlanAsync(place, new PlanOptions { User = "anna", Rate = 1, SampleSize = 40 }, images: images);

        Assert.Equal(asked + 1, place.Emulator.Requests.Count(r => r.Server == ServerKind.Graph));
        var left = place.Emulator.World.Users[0].Images.Where(i => images.Skip(10).Any(m => m.Id == i.Id));
        Assert.Equal(left.Sum(i => (long)place.Emulator.World.Photos.For(i.Photo, Rendition.Original).Bytes.Length), plan.BytesToFetch!.Bytes);

        var without = await PlanAsync(place, new PlanOptions { User = "anna" }, withToken: false, images: images);
        Assert.Null(without.BytesToFetch);
        Assert.Null(without.Fits);
        Assert.Equal(40, without.Images);
        Assert.Contains("not known", without.ToText(), StringComparison.Ordinal);
        Assert.Contains(place.Log.Warned, w => w.Contains("have expired", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_server_that_knows_no_HEAD_is_asked_by_GET_and_not_read_any_further()
    {
        var methods = new ConcurrentQueue<string>();
        await using var server = new StubServer(request =>
        {
            methods.Enqueue(request.Head.Split(' ')[0]);
            // It announces a picture and sends none: whoever wants more than the head waits in vain.
            return request.Head.StartsWith("HEAD", StringComparison.Ordinal) ? StubServer.Answer(405, []) : StubServer.Raw("HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n", []);
        }, staysOpen: true);
        await using var place = await Workplace.OpenAsync();
        var images = Enumerable.Range(1, 3).Select(i => MapillaryImage.Parse($$"""{"id":"{{i}}","thumb_original_url":"{{server.Address}}{{i}}"}"""));

        var plan = await PlanAsync(place, new PlanOptions { User = "anna", Rate = 1 }, images: images);

        Assert.Equal(15_000_000, plan.BytesToFetch!.Bytes);
        Assert.Equal(["GET", "GET", "GET", "HEAD", "HEAD", "HEAD"], methods.Order());
    }

    [Theory]
    [InlineData(FaultKind.Html503)]
    [InlineData(FaultKind.ConnectionReset)]
    [InlineData(FaultKind.NotFound404)]
    public async Task Sizes_that_are_not_told_are_asked_for_once_and_left_out(FaultKind kind)
    {
        await using var place = await Workplace.OpenAsync(Anna(40, 2, new FaultRule { Server = ServerKind.Cdn, Kind = kind, Every = 2, Times = int.MaxValue }));

        var plan = await PlanAsync(place, new PlanOptions { User = "anna", SampleSize = 40, Rate = 1 });

        Assert.Equal(20, plan.Sampled);
        Assert.Equal(40, place.Fetches);
        Assert.InRange(TrueSize(place), plan.BytesToFetch!.Low!.Value, plan.BytesToFetch.High!.Value);
        Assert.Contains(place.Log.Warned, w => w.Contains("20 of 40", StringComparison.Ordinal));
    }

    // By hand: sizes 10, 20, 30 have the mean 20 and the variance 100; of 12 images, sqrt(100 / 3 * (1 - 3 / 12)) = 5, times 12 is 60.
    [Fact]
    public void The_range_is_two_standard_errors_to_each_side() =>
        Assert.Equal(new ByteEstimate(240, 120, 360, IsExact: false), DownloadPlanner.Estimate([10, 20, 30], 12));

    [Fact]
    public void One_size_makes_no_range_and_no_range_goes_below_what_was_seen()
    {
        Assert.Equal(new ByteEstimate(1000, null, null, IsExact: false), DownloadPlanner.Estimate([10], 100));
        Assert.Equal(1001, DownloadPlanner.Estimate([1, 1000], 3).Low);
    }

    [Fact]
    public async Task An_account_too_large_for_disk_and_item_is_told_so()
    {
        await using var server = new StubServer(_ => StubServer.Raw("HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\nConnection: close\r\n\r\n", []));
        await using var place = await Workplace.OpenAsync();
        // 25,000 pictures of 50 MB: 1.25 TB.
        var images = Enumerable.Range(1, 25_000).Select(i => MapillaryImage.Parse($$"""{"id":"{{i}}","captured_at":1600000000000,"sequence":"s{{i % 7}}","thumb_original_url":"{{server.Address}}{{i}}"}""")).ToList();

        var plan = await PlanAsync(place, new PlanOptions { User = "anna", Rate = 10_000_000, Tar = null }, images: images);
        var tarred = await PlanAsync(place, new PlanOptions { User = "anna", Rate = 10_000_000, Tar = TarGrouping.Date }, images: images);

        Assert.Equal((25_000, 7, 1), (plan.Images, plan.Sequences, plan.Days));
        Assert.Equal(1_250_000_000_000, plan.BytesToFetch!.Bytes);
        Assert.Equal(13, plan.ArchiveItems);
        Assert.Equal(25_005, plan.ArchiveFiles);
        // One day is one tar, which lies beside its sources for a while.
        Assert.InRange(tarred.RoomNeeded!.Value, 2 * plan.RoomNeeded!.Value - 1000, 2 * plan.RoomNeeded.Value);
        Assert.Equal(tarred.RoomNeeded <= tarred.FreeSpace, tarred.Fits);
        Assert.Contains("1 day 10 h", plan.ToText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Impossible_capture_times_stay_out_of_the_dates_of_a_plan()
    {
        await using var server = new StubServer(_ => StubServer.Raw("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n", []));
        await using var place = await Workplace.OpenAsync();
        // Seconds for milliseconds, the year 2286, and one that can be: 2020-09-13.
        long[] times = [1_600_000_000, 9_999_999_999_999, 1_600_000_000_000];
        var images = times.Select((t, i) => MapillaryImage.Parse($$"""{"id":"{{i + 1}}","captured_at":{{t}},"sequence":"s","thumb_original_url":"{{server.Address}}{{i}}"}""")).ToList();

        var plan = await PlanAsync(place, new PlanOptions { User = "anna" }, images: images);

        Assert.Equal(3, plan.Images);
        Assert.Equal(DateTimeOffset.FromUnixTimeMilliseconds(1_600_000_000_000), plan.First);
        Assert.Equal(plan.First, plan.Last);
    }

    [Fact]
    public async Task A_backups_plan_is_what_the_backup_then_does_and_passes_over_whom_that_passes_over()
    {
        await using var place = await Workplace.OpenAsync(Anna(45, 3) with { ArchivedItems = [new ArchivedItem { Identifier = "mapillary-anna-256" }] });
        var backup = new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry);
        var options = new BackupOptions { Save = new SaveOptions { Destination = place.Folder } };

        var plan = await backup.PlanAsync("anna", options, null, TestContext.Current.CancellationToken);
        Assert.Empty(Directory.EnumerateFileSystemEntries(place.Folder));
        var result = await backup.RunAsync("anna", options, null, TestContext.Current.CancellationToken);
        var again = await backup.PlanAsync("anna", options, null, TestContext.Current.CancellationToken);

        Assert.Equal(result.Ledger.Saved, plan.ToFetch);
        Assert.Equal(result.Tars.Count, plan.Days);
        Assert.Equal(Directory.EnumerateFiles(result.CollectionPath!).Count(f => !Path.GetFileName(f).StartsWith('.')), plan.ArchiveFiles);
        Assert.Equal((45, 0), (again.Present, again.ToFetch));
        var archived = await backup.PlanAsync("anna", options with { Save = options.Save with { Quality = ImageQuality.Thumb256 } }, null, TestContext.Current.CancellationToken);
        Assert.True(archived.IsArchived);
        Assert.Contains("archive.org already", archived.ToText(), StringComparison.Ordinal);
    }
}
