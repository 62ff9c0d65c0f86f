using System.Collections.Concurrent;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Collections.Tars;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.InternetArchive.Describing;
using Mapillary.InternetArchive.Uploading;
using Mapillary.Maps;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

/// <summary>How often a job reads the listing and the manifest from end to end: of a million images each time takes seconds.</summary>
public class ReadingPassTests
{
    private const int Images = 60;

    private static Task<Workplace> OpenAsync(params FaultRule[] faults) => Workplace.OpenAsync(new EmulatorOptions
    {
        Users = [new EmulatedUser { Name = "anna", Images = Images, Sequences = 3 }],
        PageLimit = 10,
        Faults = faults,
    });

    private static Task<BackupResult> BackUpAsync(Workplace place, BackupOptions? options = null)
    {
        options ??= new BackupOptions();
        return new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry)
            .RunAsync("anna", options with { Save = options.Save with { Destination = place.Folder } }, progress: null, TestContext.Current.CancellationToken);
    }

    private static async Task<(int Listing, int Manifest)> CountAsync(Workplace place, Func<Task> job)
    {
        var read = new ConcurrentQueue<string>();
        ReadingPass.Ended += Note;
        try
        {
            await job();
        }
        finally
        {
            ReadingPass.Ended -= Note;
        }

        return (read.Count(n => n.StartsWith(ImageRecords.FileName, StringComparison.Ordinal)), read.Count(n => n.StartsWith(Manifest.FileName, StringComparison.Ordinal)));

        // Other tests run at the same time.
        void Note(string path)
        {
            if (path.StartsWith(place.Folder, StringComparison.Ordinal)) read.Enqueue(Path.GetFileName(path));
        }
    }

    [Theory]
    [InlineData(CollectionLayout.Date)]
    [InlineData(CollectionLayout.Time)]
    public async Task A_backup_reads_each_once_when_it_begins_and_describes_the_collection_by_what_it_knows(CollectionLayout layout)
    {
        await using var place = await OpenAsync();
        var late = place.Emulator.World.Images.Where(i => i.Ordinal % 10 == 3).Select(i => i.Id).ToList();
        late.ForEach(place.Emulator.World.Withdraw);
        var options = new BackupOptions { Save = new SaveOptions { Layout = layout } };

        Assert.Equal((1, 1), await CountAsync(place, () => BackUpAsync(place, options)));
        late.ForEach(place.Emulator.World.Restore);
        Assert.Equal((1, 1), await CountAsync(place, () => BackUpAsync(place, options)));
        // Nothing new, and what Mapillary does not list any more was saved.
        late.ForEach(place.Emulator.World.Withdraw);
        Assert.Equal((1, 1), await CountAsync(place, () => BackUpAsync(place, options)));

        var described = File.ReadAllText(Path.Combine(place.Collection("anna"), ".meta", "description", "0"));
        Assert.Equal(IaMetadata.Describe(place.Collection("anna"), place.Log, TestContext.Current.CancellationToken).Description, described.TrimEnd());
        Assert.Contains($"Contains {Images} images", described, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_backup_that_takes_up_an_interrupted_listing_reads_the_listing_once_more_to_hand_on_its_images()
    {
        var blocked = true;
        await using var place = await OpenAsync(
            new FaultRule { Server = ServerKind.Graph, Kind = FaultKind.BlockedRedirect302, Which = t => blocked && t.Ordinal >= 4, Times = int.MaxValue });
        await Assert.ThrowsAsync<GraphException>(() => BackUpAsync(place));
        blocked = false;
        var pages = place.Pages;

        Assert.Equal((2, 1), await CountAsync(place, () => BackUpAsync(place)));

        Assert.InRange(place.Pages - pages, 1, 4);
        Assert.Equal(Images, CollectionState.Read(place.Collection("anna"))!.Images);
    }

    [Theory]
    [InlineData(CollectionLayout.Date)]
    [InlineData(CollectionLayout.Time)]
    public async Task Bundling_reads_the_manifest_once_and_not_the_listing(CollectionLayout layout)
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna", new SaveOptions { Layout = layout });

        var passes = await CountAsync(place, () =>
        {
            Assert.NotEmpty(SequenceTarBundler.Bundle(
                place.Collection("anna"), pictures: null, TarGrouping.Date, keepSource: false, place.Log, TestContext.Current.CancellationToken).ToList());
            return Task.CompletedTask;
        });

        Assert.Equal((0, 1), passes);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Checking_reads_each_once(bool isBundled)
    {
        await using var place = await OpenAsync();
        if (isBundled) await BackUpAsync(place);
        else await place.SaveAsync("anna");

        var passes = await CountAsync(place, async () =>
        {
            var check = await CollectionCheck.RunAsync(place.Collection("anna"), 2, progress: null, place.Log, TestContext.Current.CancellationToken);
            Assert.Equal((true, Images), (check.IsIntact, check.Images));
        });

        Assert.Equal((1, 1), passes);
    }

    [Fact]
    public async Task Describing_reads_each_once_and_so_does_a_map()
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");

        Assert.Equal((1, 1), await CountAsync(place, () =>
        {
            Assert.Equal(Images, IaMetadata.Describe(place.Collection("anna"), place.Log, TestContext.Current.CancellationToken).Images);
            return Task.CompletedTask;
        }));
        Assert.Equal((1, 1), await CountAsync(place, () =>
        {
            var map = new CaptureMap();
            map.AddListing(place.Collection("anna"), place.Log, TestContext.Current.CancellationToken);
            Assert.Equal(Images, map.Images + map.WithoutPosition);
            return Task.CompletedTask;
        }));
    }

    [Fact]
    public async Task An_upload_reads_each_once_also_where_the_collection_is_spread_over_several_items()
    {
        await using var place = await OpenAsync();
        await BackUpAsync(place, new BackupOptions { Tar = TarGrouping.Sequence });
        var collection = place.Collection("anna");
        var options = new UploadOptions { MaximumItemSize = Directory.GetFiles(collection, "*.tar").Max(f => new FileInfo(f).Length) };

        var passes = await CountAsync(place, async () =>
        {
            using var session = UploadSession.Open(collection, place.Endpoints, options, place.Log, Workplace.QuickRetry, TestContext.Current.CancellationToken);
            var plan = await session.PlanAsync(TestContext.Current.CancellationToken);
            Assert.InRange(plan.Items.Count, 2, 100);
            var counts = plan.Items.Select(i => i.Metadata.Description).Select(d => int.Parse(d.Split("Contains ")[1].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture));
            Assert.Equal(Images, counts.Sum());
        });

        Assert.Equal((1, 1), passes);
    }

    [Fact]
    public async Task What_another_process_writes_between_two_readings_is_read()
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna");
        var collection = Collection.At(place.Collection("anna"));
        Assert.Equal(Images, collection.ReadManifest(_ => { }, TestContext.Current.CancellationToken)!.Finished);

        await File.AppendAllTextAsync(collection.ManifestPath!, """{"id":"1234","path":"s/1234.jpg","bytes":1,"sha256":"00"}""" + "\n", TestContext.Current.CancellationToken);

        Assert.Equal(Images + 1, collection.ReadManifest(_ => { }, TestContext.Current.CancellationToken)!.Finished);
    }
}
