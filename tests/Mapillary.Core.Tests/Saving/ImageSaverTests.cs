using System.Security.Cryptography;
using System.Text.Json;
using Mapillary.Collections;
using Mapillary.Download;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.Imaging.Jpeg;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

public class ImageSaverTests
{
    private static EmulatorOptions Anna(int images = 24, params FaultRule[] faults) =>
        new() { Users = [new EmulatedUser { Name = "anna", Images = images }], Faults = faults };

    [Fact]
    public async Task Every_image_is_saved_whole_in_its_place_with_its_hash_and_time()
    {
        await using var place = await Workplace.OpenAsync(Anna());

        var saved = await place.SaveAsync("anna");

        Assert.Equal(place.Emulator.World.Images.Select(i => i.Id).Order(), saved.Select(s => s.Id).Order());
        Assert.All(saved, s =>
        {
            Assert.Equal(SavedImageStatus.Saved, s.Status);
            Assert.Equal(Path.Combine(place.Collection("anna"), s.CapturedAt!.Value.UtcDateTime.ToString("yyyy-MM-dd"), SafeName.ForId(s.SequenceId!), s.Id + ".jpg"), s.Path);
            Assert.Equal(new FileInfo(s.Path!).Length, s.Length);
            Assert.Equal(Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(s.Path!))), s.Sha256, ignoreCase: true);
            Assert.Equal(s.CapturedAt!.Value.UtcDateTime, File.GetLastWriteTimeUtc(s.Path!));
        });
        Assert.Empty(Directory.EnumerateFiles(place.Folder, "*.part", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task The_files_differ_from_the_served_ones_in_metadata_only()
    {
        await using var place = await Workplace.OpenAsync(Anna());

        foreach (var saved in await place.SaveAsync("anna"))
        {
            var (file, served) = (File.ReadAllBytes(saved.Path!), place.Emulator.ServedBytes(saved.Id));
            Assert.Equal(FromQuantisation(served), FromQuantisation(file));
            Assert.NotEqual(served, file);
        }

        static byte[] FromQuantisation(byte[] jpeg) => jpeg[jpeg.AsSpan().IndexOf(new byte[] { 0xFF, 0xDB })..];
    }

    [Fact]
    public async Task Without_exif_the_files_are_the_served_ones()
    {
        await using var place = await Workplace.OpenAsync(Anna());

        foreach (var saved in await place.SaveAsync("anna", new SaveOptions { Restore = null }))
            Assert.Equal(place.Emulator.ServedBytes(saved.Id), File.ReadAllBytes(saved.Path!));
    }

    [Fact]
    public async Task A_second_run_fetches_nothing_again()
    {
        await using var place = await Workplace.OpenAsync(Anna());
        var first = await place.SaveAsync("anna");
        var fetches = place.Fetches;

        var second = await place.SaveAsync("anna");

        Assert.Equal(fetches, place.Fetches);
        Assert.All(second, s => Assert.Equal(SavedImageStatus.Present, s.Status));
        Assert.Equal(first.OrderBy(s => s.Id).Select(s => (s.Path, s.Length, s.Sha256)), second.OrderBy(s => s.Id).Select(s => (s.Path, s.Length, s.Sha256)));
    }

    [Fact]
    public async Task A_deleted_or_emptied_file_is_fetched_again_and_no_other()
    {
        await using var place = await Workplace.OpenAsync(Anna());
        var first = await place.SaveAsync("anna");
        File.Delete(first[3].Path!);
        File.WriteAllBytes(first[5].Path!, []);

        var second = await place.SaveAsync("anna");

        Assert.Equal(new[] { first[3].Id, first[5].Id }.Order(), second.Where(s => s.Status == SavedImageStatus.Saved).Select(s => s.Id).Order());
        Assert.Equal(first.Count + 2, place.Fetches);
    }

    [Fact]
    public async Task Force_fetches_everything_again()
    {
        await using var place = await Workplace.OpenAsync(Anna());
        await place.SaveAsync("anna");

        var second = await place.SaveAsync("anna", new SaveOptions { Force = true });

        Assert.All(second, s => Assert.Equal(SavedImageStatus.Saved, s.Status));
        Assert.Equal(48, place.Fetches);
    }

    [Fact]
    public async Task The_same_image_twice_in_a_run_is_fetched_once()
    {
        await using var place = await Workplace.OpenAsync(Anna());
        var images = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));
        using var saver = place.Saver();

        var saved = await Workplace.ToListAsync(saver.SaveAsync(Twice(images)));

        Assert.Equal(24, saved.Count(s => s.Status == SavedImageStatus.Saved));
        Assert.Equal(24, saved.Count(s => s.Status == SavedImageStatus.Present));
        Assert.Equal(24, place.Fetches);

        static async IAsyncEnumerable<MapillaryImage> Twice(List<MapillaryImage> images)
        {
            await Task.Yield();
            foreach (var image in images)
            {
                yield return image;
                yield return image;
            }
        }
    }

    public static TheoryData<FaultKind> PassingFaults() =>
    [
        FaultKind.Truncated, FaultKind.TruncatedWithRightLength, FaultKind.Html200, FaultKind.Empty, FaultKind.ConnectionReset, FaultKind.Html503,
    ];

    [Theory]
    [MemberData(nameof(PassingFaults))]
    public async Task What_is_not_a_whole_picture_is_fetched_again(FaultKind kind)
    {
        await using var place = await Workplace.OpenAsync(Anna(24, new FaultRule { Server = ServerKind.Cdn, Kind = kind, Every = 2, Times = 2 }));

        var saved = await place.SaveAsync("anna");

        Assert.All(saved, s => Assert.Equal(SavedImageStatus.Saved, s.Status));
        Assert.All(saved, s => Assert.Null(JpegCheck.FindFault(File.ReadAllBytes(s.Path!))));
        Assert.Equal(24 + (12 * 2), place.Fetches);
    }

    [Theory]
    [InlineData(FaultKind.TrailingBytes)]
    [InlineData(FaultKind.CorruptExif)]
    [InlineData(FaultKind.ExistingXmp)]
    public async Task An_odd_but_whole_picture_is_saved(FaultKind kind)
    {
        await using var place = await Workplace.OpenAsync(Anna(24, new FaultRule { Server = ServerKind.Cdn, Kind = kind, Times = int.MaxValue }));

        var saved = await place.SaveAsync("anna");

        Assert.All(saved, s => Assert.Equal(SavedImageStatus.Saved, s.Status));
        Assert.Equal(24, place.Fetches);
    }

    [Fact]
    public async Task An_image_that_never_comes_whole_is_named_and_leaves_no_file()
    {
        await using var place = await Workplace.OpenAsync(Anna(24, new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.TruncatedWithRightLength, Every = 8, Times = int.MaxValue }));

        var saved = await place.SaveAsync("anna");

        var failed = saved.Where(s => s.Status == SavedImageStatus.Failed).ToList();
        Assert.Equal(3, failed.Count);
        Assert.All(failed, f => Assert.Contains(f.Id, f.Error, StringComparison.Ordinal));
        Assert.Equal(21, Directory.EnumerateFiles(place.Folder, "*.jpg", SearchOption.AllDirectories).Count());
        var lines = File.ReadAllLines(Path.Combine(place.Collection("anna"), "failed.jsonl"));
        Assert.Equal(failed.Select(f => f.Id).Order(), lines.Select(l => JsonDocument.Parse(l).RootElement.GetProperty("id").GetString()).Order());
    }

    [Fact]
    public async Task Expired_addresses_are_asked_for_again()
    {
        await using var place = await Workplace.OpenAsync(Anna() with { ListedUrlLifetime = TimeSpan.FromDays(-1) });

        var saved = await place.SaveAsync("anna");

        Assert.All(saved, s => Assert.Equal(SavedImageStatus.Saved, s.Status));
    }

    [Fact]
    public async Task A_refused_address_is_asked_for_again_once_and_then_the_image_is_unavailable()
    {
        await using var place = await Workplace.OpenAsync(Anna(24, new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.NotFound404, Every = 12, Times = int.MaxValue }));

        var saved = await place.SaveAsync("anna");

        var gone = saved.Where(s => s.Status == SavedImageStatus.Unavailable).ToList();
        Assert.Equal(2, gone.Count);
        Assert.All(gone, g => Assert.Equal(2, place.Emulator.FetchCount(g.Id)));
    }

    [Fact]
    public async Task An_image_without_the_rendition_is_unavailable_and_counted()
    {
        await using var place = await Workplace.OpenAsync(Anna() with { Oddities = new Dictionary<Oddity, double> { [Oddity.MissingOriginalUrl] = 0.3 } });

        var saved = await place.SaveAsync("anna");

        var ledger = saved.Aggregate(Ledger.Empty, (l, s) => l.With(s.Status));
        Assert.Equal(24, ledger.Listed);
        Assert.InRange(ledger.Unavailable, 1, 23);
        Assert.Equal(0, ledger.Failed);
        Assert.Equal(ledger.Saved, Directory.EnumerateFiles(place.Folder, "*.jpg", SearchOption.AllDirectories).Count());
    }

    [Theory]
    [InlineData(ImageQuality.Thumb256, "256")]
    [InlineData(ImageQuality.Thumb1024, "1024")]
    [InlineData(ImageQuality.Thumb2048, "2048")]
    public async Task The_wanted_rendition_is_fetched(ImageQuality quality, string suffix)
    {
        await using var place = await Workplace.OpenAsync(Anna());

        var saved = await place.SaveAsync("anna", new SaveOptions { Quality = quality, Restore = null });

        var rendition = Enum.Parse<Rendition>(quality.ToString());
        Assert.All(saved, s => Assert.Equal(place.Emulator.ServedBytes(s.Id, rendition), File.ReadAllBytes(s.Path!)));
        Assert.All(saved, s => Assert.Equal(place.Collection("anna", suffix), s.CollectionPath));
    }

    [Fact]
    public async Task Sequences_that_differ_in_case_only_get_folders_that_do_not()
    {
        await using var place = await Workplace.OpenAsync(Anna(40) with { Users = [new EmulatedUser { Name = "anna", Images = 40, Sequences = 4 }], CaseTwins = true });

        var saved = await place.SaveAsync("anna", new SaveOptions { Layout = CollectionLayout.Sequence });

        var folders = Directory.EnumerateDirectories(place.Collection("anna")).Select(Path.GetFileName).ToList();
        Assert.Equal(4, folders.Count);
        Assert.Equal(4, folders.Distinct(StringComparer.OrdinalIgnoreCase).Count());
        Assert.Equal(saved.Select(s => s.SequenceId!).Distinct().Order(), folders.Select(f => SafeName.Decode(f!)).Order());
    }

    [Fact]
    public async Task An_address_at_another_server_is_not_asked()
    {
        await using var place = await Workplace.OpenAsync();
        var image = MapillaryImage.Parse("""{"id":"1","creator":{"username":"anna"},"thumb_original_url":"https://evil.example/x"}""");
        using var saver = place.Saver();

        var saved = Assert.Single(await Workplace.ToListAsync(saver.SaveAsync(Stream(image))));

        Assert.Equal(SavedImageStatus.Failed, saved.Status);
        Assert.Contains("https://evil.example", saved.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../../escape", "../../../up", "../x")]
    [InlineData("CON", "-rf", "a/b\\c:d")]
    public async Task Hostile_names_stay_inside_the_collection(string user, string sequence, string id)
    {
        await using var place = await Workplace.OpenAsync(Anna(1));
        var served = place.Emulator.World.Images.Single();
        var url = (await place.Graph.GetImageAsync(served.Id, TestContext.Current.CancellationToken)).ThumbOriginalUrl;
        var image = MapillaryImage.Parse(JsonSerializer.Serialize(new { id, sequence, creator = new { username = user }, thumb_original_url = url }));
        var inside = Directory.CreateDirectory(Path.Combine(place.Folder, "a", "b")).FullName;
        using var saver = new ImageSaver(new SaveOptions { Destination = inside }, FetchRules.For(place.Endpoints, Workplace.QuickRetry), place.Graph, place.Log);

        var saved = Assert.Single(await Workplace.ToListAsync(saver.SaveAsync(Stream(image))));

        Assert.Equal(SavedImageStatus.Saved, saved.Status);
        Assert.All(Directory.EnumerateFiles(place.Folder, "*", SearchOption.AllDirectories), f => Assert.StartsWith(inside + Path.DirectorySeparatorChar, f, StringComparison.Ordinal));
        Assert.Equal(id, SafeName.Decode(Path.GetFileNameWithoutExtension(saved.Path!)));
    }

    [Fact]
    public async Task A_collection_in_use_is_not_touched()
    {
        await using var place = await Workplace.OpenAsync(Anna());
        var name = new CollectionName("anna", ImageQuality.Original, PictureForm.AsServed);
        using var other = CollectionWriter.Open(name.PathIn(place.Folder), name, CollectionLayout.Date, null, place.Log);

        var error = await Assert.ThrowsAsync<CollectionException>(() => place.SaveAsync("anna"));

        Assert.Equal(CollectionFault.InUse, error.Fault);
        Assert.Contains($"process {Environment.ProcessId}", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, place.Fetches);
    }

    [Fact]
    public async Task A_destination_that_cannot_be_written_is_said_before_anything_is_fetched()
    {
        await using var place = await Workplace.OpenAsync(Anna());
        File.WriteAllText(place.Collection("anna"), "a file where the folder should be");

        var error = await Assert.ThrowsAsync<CollectionException>(() => place.SaveAsync("anna"));

        Assert.Equal(CollectionFault.NotWritable, error.Fault);
        Assert.Contains(place.Collection("anna"), error.Message, StringComparison.Ordinal);
        Assert.Equal(0, place.Fetches);
    }

    [Fact]
    public async Task Whoever_stops_reading_stops_the_work_and_leaves_no_part_of_a_file()
    {
        await using var place = await Workplace.OpenAsync(Anna(200) with { CdnLatency = TimeSpan.FromMilliseconds(5) });
        using (var saver = place.Saver())
        {
            await foreach (var _ in saver.SaveAsync(place.Listing.OfUserAsync("anna", ImageFilter.None))) break;
        }

        var fetches = place.Fetches;
        Assert.InRange(fetches, 1, 199);
        Assert.Empty(Directory.EnumerateFiles(place.Folder, "*.part", SearchOption.AllDirectories));

        var second = await place.SaveAsync("anna");

        Assert.Equal(200, second.Count);
        Assert.Equal(200, Directory.EnumerateFiles(place.Folder, "*.jpg", SearchOption.AllDirectories).Count());
    }

    [Fact]
    public async Task A_manifest_that_names_files_outside_counts_for_nothing()
    {
        await using var place = await Workplace.OpenAsync(Anna());
        var saved = await place.SaveAsync("anna");
        var (image, outside) = (saved[0], Path.Combine(place.Folder, "outside.jpg"));
        File.Move(image.Path!, outside);
        File.AppendAllText(Path.Combine(place.Collection("anna"), "manifest.jsonl"), $$"""{"id":"{{image.Id}}","path":"../outside.jpg","bytes":{{image.Length}},"sha256":"{{image.Sha256}}"}""" + "\n");

        var again = await place.SaveAsync("anna");

        Assert.Equal(SavedImageStatus.Saved, again.Single(s => s.Id == image.Id).Status);
        Assert.True(File.Exists(image.Path));
    }

    [Fact]
    public async Task A_half_written_last_line_of_the_manifest_is_repaired()
    {
        await using var place = await Workplace.OpenAsync(Anna());
        await place.SaveAsync("anna");
        var manifest = Path.Combine(place.Collection("anna"), "manifest.jsonl");
        var lines = File.ReadAllLines(manifest);
        File.WriteAllText(manifest, string.Join('\n', lines[..^1]) + "\n" + lines[^1][..20]);

        var second = await place.SaveAsync("anna");

        Assert.Equal(1, second.Count(s => s.Status == SavedImageStatus.Saved));
        Assert.All(File.ReadAllLines(manifest), line => JsonDocument.Parse(line));
        Assert.Equal(24, File.ReadAllLines(manifest).Length);
    }

    [Fact]
    public async Task Webp_holds_the_picture_and_its_metadata()
    {
        await using var place = await Workplace.OpenAsync(Anna());

        var saved = await place.SaveAsync("anna", new SaveOptions { Form = new WebpForm() });

        Assert.All(saved, s => Assert.EndsWith(".webp", s.Path, StringComparison.Ordinal));
        var read = JsonDocument.Parse(Workplace.Run("exiftool", ["-q", "-json", "-n", "-ImageWidth", "-GPSLatitude", "-DateTimeOriginal", "-r", place.Folder, "-ext", "webp"])).RootElement;
        Assert.Equal(24, read.GetArrayLength());
        Assert.All(read.EnumerateArray(), file => Assert.Equal(4, file.EnumerateObject().Count()));
        Assert.Empty(Directory.EnumerateFiles(place.Folder, "*.jpg", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_picture_much_smaller_than_its_record_is_kept_and_told_apart_in_this_run_and_in_the_next()
    {
        await using var place = await Workplace.OpenAsync(Anna(6));
        var images = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));
        // What comes is a placeholder: the record tells of an upload of ten times the size.
        var (width, height) = (images[2].Width * 10, images[2].Height * 10);
        images[2] = MapillaryImage.Parse(images[2].Json.Replace($"\"width\":{images[2].Width}", $"\"width\":{width}", StringComparison.Ordinal).Replace($"\"height\":{images[2].Height}", $"\"height\":{height}", StringComparison.Ordinal));
        Assert.Equal(width, images[2].Width);

        foreach (var status in new[] { SavedImageStatus.Saved, SavedImageStatus.Present })
        {
            using var saver = place.Saver();
            var run = new SavingRun(saver, place.Log);
            var saved = new List<SavedImage>();
            await run.SaveAsync(Stream([.. images]), saved.Add, progress: null, TestContext.Current.CancellationToken);

            Assert.All(saved, s => Assert.Equal(status, s.Status));
            var small = Assert.Single(saved, s => s.Warning is not null);
            Assert.Equal(images[2].Id, small.Id);
            Assert.Contains($"of an upload of {width} x {height}", small.Warning, StringComparison.Ordinal);
            Assert.True(File.Exists(small.Path));
            Assert.Equal(1, run.Doubtful);
        }

        Assert.Equal(2, place.Log.Warned.Count(w => w.Contains($"much smaller than its record says of 1 image: {images[2].Id}.", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(ImageQuality.Thumb256)]
    [InlineData(ImageQuality.Thumb1024)]
    [InlineData(ImageQuality.Thumb2048)]
    [InlineData(ImageQuality.Original)]
    public async Task A_rendition_of_its_own_size_is_no_doubtful_picture(ImageQuality quality)
    {
        await using var place = await Workplace.OpenAsync(Anna(6));
        Assert.All(await place.SaveAsync("anna", new SaveOptions { Quality = quality }), s => Assert.Null(s.Warning));
    }

    [Fact]
    public async Task Impossible_capture_times_are_told_once_a_run_and_kept_in_the_files()
    {
        // The epoch; seconds taken for milliseconds; before the epoch; before cameras had clocks; the year 2099. And one that is right.
        long[] times = [0, 1_704_067_200, -5_000, 662_688_000_000, 4_086_000_000_000, 1_704_067_200_000, 1];
        await using var place = await Workplace.OpenAsync(Anna(times.Length));
        var images = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));
        for (var i = 0; i < times.Length; i++)
            images[i] = MapillaryImage.Parse(images[i].Json.Replace($"\"captured_at\":{images[i].CapturedAt!.Value.ToUnixTimeMilliseconds()}", $"\"captured_at\":{times[i]}", StringComparison.Ordinal));

        using var saver = place.Saver();
        var saved = await Workplace.ToListAsync(saver.SaveAsync(Stream([.. images]), TestContext.Current.CancellationToken));

        Assert.Equal(times.Order(), saved.Select(s => s.CapturedAt!.Value.ToUnixTimeMilliseconds()).Order());
        var warning = Assert.Single(place.Log.Warned, w => w.Contains("capture time", StringComparison.Ordinal));
        Assert.StartsWith($"The capture time cannot be right of 6 images: {images[0].Id} (1970-01-01 00:00:00 UTC), {images[1].Id} (1970-01-20 17:21:07 UTC)", warning, StringComparison.Ordinal);
        Assert.Contains(" and 1 more.", warning, StringComparison.Ordinal);
        Assert.DoesNotContain(images[5].Id, warning, StringComparison.Ordinal);
        var late = saved.Single(s => s.Id == images[4].Id);
        Assert.Equal("2099:06:24", Workplace.Run("exiftool", "-s3", "-GPSDateStamp", late.Path!).Trim());
    }

    private static async IAsyncEnumerable<MapillaryImage> Stream(params MapillaryImage[] images)
    {
        await Task.Yield();
        foreach (var image in images) yield return image;
    }
}
