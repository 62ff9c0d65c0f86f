using System.Security.Cryptography;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Collections.Records;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.Imaging.Jpeg;
using Mapillary.InternetArchive.Describing;
using Mapillary.Saving;
using Mapillary.Tests.Imaging;

namespace Mapillary.Tests.Collections;

/// <summary>Collections of pictures that were compressed again.</summary>
public sealed class JpegQualityTests : IDisposable
{
    private const int Images = 12;

    private readonly ScratchFolder _photos = new();

    public void Dispose() => _photos.Dispose();

    [Fact]
    public async Task The_files_are_smaller_and_whole_with_the_metadata_of_the_originals()
    {
        await using var place = await OpenAsync();
        await using var originals = await OpenAsync();

        var saved = await place.SaveAsync("anna", OfQuality(40));
        var expected = await originals.SaveAsync("anna");

        Assert.All(saved, s => Assert.Equal(SavedImageStatus.Saved, s.Status));
        Assert.Empty(place.Log.Warned);
        Assert.True(saved.Sum(s => s.Length) < expected.Sum(s => s.Length) / 2);
        Assert.All(saved, s => Assert.Equal(Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(s.Path!))), s.Sha256, ignoreCase: true));
        Assert.All(saved, s => Assert.Equal(s.CapturedAt!.Value.UtcDateTime, File.GetLastWriteTimeUtc(s.Path!)));
        string[] tags = ["-r", "-EXIF:all", "-XMP:all", "-ICC_Profile:all", "-ImageSize", "-ColorComponents"];
        Assert.Equal(Images, saved.Count);
        Assert.Equal(Sorted(Tool.ExifTool(originals.Collection("anna"), [.. tags, "-ext", "jpg"])), Sorted(Tool.ExifTool(place.Collection("anna"), [.. tags, "-ext", "jpg"])));

        static IEnumerable<string> Sorted(Dictionary<string, Dictionary<string, string>> read) =>
            read.SelectMany(f => f.Value.Where(t => t.Key != "ThumbnailOffset").Select(t => $"{f.Key} {t.Key} {t.Value}")).Order(StringComparer.Ordinal);
    }

    [Fact]
    public async Task The_collection_says_so_and_is_gone_on_with_in_that_quality_alone()
    {
        await using var place = await OpenAsync();
        await place.SaveAsync("anna", OfQuality(85));
        var fetches = place.Fetches;

        Assert.Equal(new JpegForm(85), CollectionState.Read(place.Collection("anna"))!.Form);
        Assert.Contains("\"jpeg_quality\": 85", File.ReadAllText(Path.Combine(place.Collection("anna"), CollectionState.FileName)), StringComparison.Ordinal);
        Assert.All(await place.SaveAsync("anna", OfQuality(85)), s => Assert.Equal(SavedImageStatus.Present, s.Status));
        Assert.Contains("Images were re-compressed as JPEG of quality 85.", IaMetadata.Describe(place.Collection("anna"), place.Log).Description, StringComparison.Ordinal);

        foreach (var other in new[] { OfQuality(84), new SaveOptions() })
        {
            var error = await Assert.ThrowsAsync<CollectionException>(() => place.SaveAsync("anna", other));
            Assert.Equal(CollectionFault.Mismatch, error.Fault);
            Assert.Contains("compressed again as JPEG of quality 85", error.Message, StringComparison.Ordinal);
        }

        Assert.Equal(fetches, place.Fetches);
    }

    [Fact]
    public async Task A_finished_collection_of_originals_stays_in_its_place_when_another_quality_is_asked_for()
    {
        await using var place = await OpenAsync();
        Assert.Equal(BackupStatus.Complete, (await BackupAsync(place, new SaveOptions())).Status);
        Assert.DoesNotContain("jpeg_quality", File.ReadAllText(Path.Combine(place.Collection("anna"), CollectionState.FileName)), StringComparison.Ordinal);

        var error = await Assert.ThrowsAsync<CollectionException>(() => BackupAsync(place, OfQuality(85)));

        Assert.Equal(CollectionFault.Mismatch, error.Fault);
        Assert.Equal([place.Collection("anna")], Directory.GetDirectories(place.Folder));
        Assert.Equal(BackupStatus.Complete, (await BackupAsync(place, new SaveOptions())).Status);
    }

    [Fact]
    public async Task The_preview_of_small_pictures_is_as_Mapillary_serves_it()
    {
        await using var place = await OpenAsync();

        var result = await BackupAsync(place, OfQuality(30) with { Quality = ImageQuality.Thumb256 });

        Assert.Equal(BackupStatus.Complete, result.Status);
        var preview = File.ReadAllBytes(Path.Combine(result.CollectionPath!, "__ia_thumb__.jpg"));
        Assert.Contains(place.Emulator.World.Images, i => place.Emulator.ServedBytes(i.Id, Rendition.Thumb256).AsSpan().SequenceEqual(preview));
    }

    [Fact]
    public async Task What_would_not_stay_the_same_picture_stays_as_served_and_each_kind_is_warned_of_once()
    {
        _photos.Write("1.jpg", JpegFixture.TwelveBits);
        _photos.Write("2.jpg", JpegFixture.Lossless);
        _photos.Write("3.jpg", JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.App(14, [.. "Adobe"u8, 0, 100, 0, 0, 0, 0, 0])));
        _photos.Write("4.jpg", JpegFixture.Baseline);
        await using var place = await Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = 40 }], Photos = _photos.Path });

        var saved = await place.SaveAsync("anna", OfQuality(20) with { Restore = null });

        Assert.All(saved, s => Assert.Equal(SavedImageStatus.Saved, s.Status));
        var photos = place.Emulator.World.Images.ToDictionary(i => i.Id, i => Path.GetFileName(i.Photo.Path));
        Assert.Equal(4, photos.Values.Distinct().Count());
        Assert.All(saved, s => Assert.Equal(photos[s.Id] != "4.jpg", place.Emulator.ServedBytes(s.Id).AsSpan().SequenceEqual(File.ReadAllBytes(s.Path!))));
        Assert.Equal(2, place.Log.Warned.Count);
        Assert.All(place.Log.Warned, w => Assert.Contains("stays as it is served, and so do all others of its kind", w, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Whoever_stops_leaves_no_encoder_and_no_part_of_a_file_behind()
    {
        await using var place = await OpenAsync();
        using (var saver = place.Saver(OfQuality(85)))
        {
            await foreach (var _ in saver.SaveAsync(place.Listing.OfUserAsync("anna", ImageFilter.None))) break;
        }

        Assert.Empty(Directory.EnumerateFiles(place.Folder, "*.part", SearchOption.AllDirectories));
        var second = await place.SaveAsync("anna", OfQuality(85));
        Assert.Equal(Images, second.Count);
        Assert.All(second, s => Assert.Null(JpegCheck.FindFault(File.ReadAllBytes(s.Path!))));
    }

    private static SaveOptions OfQuality(int quality) => new() { Form = new JpegForm(quality) };

    private static Task<Workplace> OpenAsync() => Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = Images }] });

    private static Task<BackupResult> BackupAsync(Workplace place, SaveOptions save) =>
        new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry)
            .RunAsync("anna", new BackupOptions { Save = save with { Destination = place.Folder } }, progress: null, TestContext.Current.CancellationToken);
}
