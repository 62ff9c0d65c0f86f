using System.Security.Cryptography;
using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Forms;
using Mapillary.InternetArchive.Describing;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

/// <summary>On Unix a backslash is a letter of a name like any other; only Windows separates folders by it.</summary>
public sealed class BackslashTests : IDisposable
{
    private const string Place = @"20240115_093012_a\b/20240115_093012_120.jpg";

    private readonly string _folder = Directory.CreateTempSubdirectory("mapillary-test-").FullName;
    private readonly byte[] _picture = Imaging.JpegFixture.Photos["jfif"];

    private string Collection => Path.Combine(_folder, "mapillary-anna-original");

    [Fact]
    public void A_file_keeps_its_name_in_an_upload()
    {
        Make();

        var file = Assert.Single(ItemFile.Of(Collection), f => f.Name.EndsWith(".jpg", StringComparison.Ordinal));

        Assert.Equal(Place, file.Name);
        using var content = file.Open();
        Assert.Equal(_picture.Length, content.Length);
    }

    [Fact]
    public void A_file_is_found_in_the_manifest_that_knows_which_image_it_is()
    {
        Make();
        var file = Path.Combine(Collection, Place);

        Assert.Equal("11", FileIdentity.IdsOf([file], SilentLog.Instance, TestContext.Current.CancellationToken)[file]);
    }

    [Fact]
    public async Task A_file_that_is_changed_is_changed_in_the_manifest_too()
    {
        Make();
        using (var restorer = new FileRestorer(RestoreOptions.Default, SilentLog.Instance))
        {
            var image = MapillaryImage.Parse("""{"id":"11","captured_at":1705311012120,"geometry":{"type":"Point","coordinates":[13.1,55.6]}}""");
            Assert.True((await restorer.RestoreAsync(Path.Combine(Collection, Place), image, TestContext.Current.CancellationToken)).Changed);
        }

        var check = await CollectionCheck.RunAsync(Collection, 1, null, SilentLog.Instance, TestContext.Current.CancellationToken);

        Assert.Equal([], check.Missing.Concat(check.Changed).Concat(check.Unexpected).Select(f => f.ToString()));
        Assert.Equal(1, check.Images);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void Make()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such names.");
        var file = Path.Combine(Collection, Place);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file, _picture);
        using var writer = CollectionWriter.Open(Collection, new CollectionName("anna", ImageQuality.Original, PictureForm.AsServed), CollectionLayout.Time, null, SilentLog.Instance);
        writer.List(MapillaryImage.Parse("""{"id":"11"}"""));
        writer.Finish(new ManifestEntry("11", Place, _picture.Length, Convert.ToHexString(SHA256.HashData(_picture)), null));
    }
}
