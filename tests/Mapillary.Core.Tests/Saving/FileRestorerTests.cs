using System.Security.Cryptography;
using Mapillary.Collections;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Forms;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

public class FileRestorerTests
{
    [Fact]
    public async Task Restoring_what_was_saved_bare_gives_what_is_saved_at_once_and_keeps_the_collection_true()
    {
        await using var place = await Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = 12 }] });
        var images = await Workplace.ToListAsync(place.Listing.OfUserAsync("anna", ImageFilter.None));
        var bare = await place.SaveAsync("anna", new SaveOptions { Restore = null });
        var times = bare.ToDictionary(s => s.Id, s => File.GetLastWriteTimeUtc(s.Path!));

        using (var restorer = new FileRestorer(RestoreOptions.Default, place.Log))
        {
            foreach (var image in images)
            {
                var path = bare.Single(s => s.Id == image.Id).Path!;
                Assert.True((await restorer.RestoreAsync(path, image, TestContext.Current.CancellationToken)).Changed);
                var once = File.ReadAllBytes(path);
                Assert.False((await restorer.RestoreAsync(path, image, TestContext.Current.CancellationToken)).Changed);
                Assert.Equal(once, File.ReadAllBytes(path));
                Assert.Equal(times[image.Id], File.GetLastWriteTimeUtc(path));
            }
        }

        var again = await place.SaveAsync("anna");
        Assert.All(again, s => Assert.Equal(SavedImageStatus.Present, s.Status));
        Assert.All(again, s => Assert.Equal(Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(s.Path!))), s.Sha256, ignoreCase: true));
        var restored = again.ToDictionary(s => s.Id, s => File.ReadAllBytes(s.Path!));
        var anew = await place.SaveAsync("anna", new SaveOptions { Force = true });
        Assert.All(anew, s => Assert.Equal(restored[s.Id], File.ReadAllBytes(s.Path!)));
    }

    [Fact]
    public async Task Converting_keeps_the_collection_true_and_removes_the_jpeg()
    {
        await using var place = await Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = 6 }] });
        var saved = await place.SaveAsync("anna");

        using (var converter = new WebpConverter(new WebpForm(effort: 0), destination: null, keepOriginal: false, force: false, encoders: 2, place.Log))
        {
            foreach (var image in saved)
            {
                var converted = await converter.ConvertAsync(image.Path!, TestContext.Current.CancellationToken);
                Assert.False(File.Exists(image.Path));
                Assert.Equal(image.CapturedAt!.Value.UtcDateTime, File.GetLastWriteTimeUtc(converted.Path));
            }
        }

        var again = await place.SaveAsync("anna");
        Assert.All(again, s => Assert.Equal(SavedImageStatus.Present, s.Status));
        Assert.All(again, s => Assert.EndsWith(".webp", s.Path, StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_no_picture_is_refused_and_left_alone()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("mapillary-test-").FullName, "1.jpg");
        File.WriteAllText(path, "<html>login</html>");
        using var restorer = new FileRestorer(RestoreOptions.Default, SilentLog.Instance);

        await Assert.ThrowsAsync<InvalidDataException>(() => restorer.RestoreAsync(path, MapillaryImage.Parse("""{"id":"1"}"""), TestContext.Current.CancellationToken));

        Assert.Equal("<html>login</html>", File.ReadAllText(path));
    }

    [Fact]
    public async Task A_file_behind_a_link_is_restored_with_its_permissions_and_the_link_stays()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such permissions, and links only for the privileged.");
        if (OperatingSystem.IsWindows()) return;
        var folder = Directory.CreateTempSubdirectory("mapillary-test-").FullName;
        var (file, link) = (Path.Combine(folder, "original.jpg"), Path.Combine(folder, "17.jpg"));
        File.WriteAllBytes(file, Imaging.JpegFixture.Photos["jfif"]);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        File.CreateSymbolicLink(link, file);
        using var restorer = new FileRestorer(RestoreOptions.Default, SilentLog.Instance);

        var restored = await restorer.RestoreAsync(link, MapillaryImage.Parse("""{"id":"17","make":"GoPro"}"""), TestContext.Current.CancellationToken);

        Assert.Contains(new MetadataChange("Make", null, "GoPro"), restored.Changes);
        Assert.Equal(file, new FileInfo(link).LinkTarget);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead, File.GetUnixFileMode(file));
        Assert.Equal(2, Directory.GetFiles(folder).Length);
    }
}
