using System.Security.Cryptography;
using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Records;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

/// <summary>A collection of two sequences with two small pictures each, in a folder of its own that goes with the test.</summary>
internal sealed class SmallCollection : IDisposable
{
    public static readonly string[] Ids = ["11", "12", "21", "22"];

    private readonly string _folder = Directory.CreateTempSubdirectory("mapillary-test-").FullName;

    /// <param name="isBundled">Whether the pictures are in tars, one a sequence.</param>
    /// <param name="modified">The pictures' time; now, where it is null.</param>
    /// <param name="firstSequence">The name of the first sequence's folder.</param>
    public SmallCollection(bool isBundled, DateTime? modified = null, string firstSequence = "s1")
    {
        Directory.CreateDirectory(Path);
        using var writer = CollectionWriter.Open(Path, new CollectionName("anna", ImageQuality.Original, PictureForm.AsServed), CollectionLayout.Sequence, null, SilentLog.Instance);
        foreach (var id in Ids)
        {
            var place = PlaceOf(id, firstSequence);
            var picture = PictureOf(id);
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(In(place))!);
            File.WriteAllBytes(In(place), picture);
            if (modified is { } time) File.SetLastWriteTimeUtc(In(place), time);
            writer.List(MapillaryImage.Parse($$"""{"id":"{{id}}"}"""));
            writer.Finish(new ManifestEntry(id, place, picture.Length, Convert.ToHexString(SHA256.HashData(picture)), null));
        }

        if (isBundled) Assert.Equal(2, writer.Bundle(TarGrouping.Sequence, TestContext.Current.CancellationToken).Count());
    }

    /// <summary>The collection's folder; what lies beside it goes with the test too.</summary>
    public string Path => Beside("mapillary-anna-original");

    public static string PlaceOf(string id, string firstSequence = "s1") => $"{(id[0] == '1' ? firstSequence : "s2")}/{id}.jpg";

    /// <summary>Bytes that do not pack well, as those of a picture.</summary>
    public static byte[] PictureOf(string id)
    {
        var picture = new byte[700 + (10 * id[1])];
        new Random(id[0] * id[1]).NextBytes(picture);
        return picture;
    }

    public string In(string place) => System.IO.Path.Combine(Path, place);

    public string Beside(string name) => System.IO.Path.Combine(_folder, name);

    /// <summary>Runs a line of the shell in the collection's folder.</summary>
    public void Shell(string line) => Workplace.Shell(Path, line);

    public Task<CollectionCheck> CheckAsync(string? path = null) => CollectionCheck.RunAsync(path ?? Path, 2, null, SilentLog.Instance, TestContext.Current.CancellationToken);

    public async Task AssertIntactAsync(string? path = null)
    {
        var check = await CheckAsync(path);
        Assert.Equal([], check.Missing.Concat(check.Changed).Concat(check.Unexpected).Select(f => f.ToString()));
        Assert.Equal((Ids.Length, Ids.Sum(i => (long)PictureOf(i).Length)), (check.Images, check.Bytes));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
