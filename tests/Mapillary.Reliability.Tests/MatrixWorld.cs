using System.Text.Json;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Collections.Records;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Saving;
using Mapillary.Services;
using Mapillary.Tests;

namespace Mapillary.Reliability.Tests;

/// <summary>
/// The 600 images of the fault matrix, odd records among them, and what a run without faults makes of them. Made once for all cases, which
/// each have an emulator of the same seed and so the same images.
/// </summary>
public sealed class MatrixWorld : IAsyncLifetime
{
    public const int Images = 600;
    public const int PageLimit = 100;
    public const int Pages = Images / PageLimit;
    public const string User = "anna";

    /// <summary>The quality of all runs: small pictures, so that the matrix is about faults and not about bytes.</summary>
    public static readonly SaveOptions Save = new() { Quality = ImageQuality.Thumb256 };

    private Workplace? _place;

    /// <summary>The collection of the run without faults.</summary>
    public string Folder { get; private set; } = "";

    public SortedDictionary<string, string> Contents { get; private set; } = [];

    public static EmulatorOptions Options(params FaultRule[] faults) => new()
    {
        Users = [new EmulatedUser { Name = User, Images = Images, Sequences = 12 }],
        PageLimit = PageLimit,
        Faults = faults,
        Oddities = Enum.GetValues<Oddity>().ToDictionary(o => o, _ => 0.03),
    };

    public static Task<BackupResult> RunAsync(Workplace place, RetryRules? retry = null) =>
        new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, retry ?? Workplace.QuickRetry).RunAsync(
            User,
            new BackupOptions { Save = Save with { Destination = place.Folder }, Tar = null },
            progress: null,
            TestContext.Current.CancellationToken);

    public async ValueTask InitializeAsync()
    {
        _place = await Workplace.OpenAsync(Options());
        var result = await RunAsync(_place);
        Assert.Equal(new Ledger(Images, 0, 0, 0), result.Ledger);
        Folder = result.CollectionPath!;
        Contents = Tree.Read(Folder);
    }

    public async ValueTask DisposeAsync()
    {
        if (_place is not null) await _place.DisposeAsync();
    }

    /// <summary>The pictures of a collection: their paths in it.</summary>
    public static IEnumerable<string> PicturesOf(string collection) => Directory.EnumerateFiles(collection, "*.jpg", SearchOption.AllDirectories)
        .Select(f => Path.GetRelativePath(collection, f))
        .Where(p => Path.GetDirectoryName(p) != "")
        .Order(StringComparer.Ordinal);

    /// <summary>Each image's picture is that of the run without faults: to the byte, or, where the server sent it with other metadata, from the quantisation tables on.</summary>
    public void AssertPicturesSame(string collection, Func<string, bool> hasOtherMetadata)
    {
        var pictures = PicturesOf(collection).ToList();
        Assert.Equal(PicturesOf(Folder), pictures);
        foreach (var picture in pictures)
        {
            ReadOnlySpan<byte> expected = File.ReadAllBytes(Path.Combine(Folder, picture)), actual = File.ReadAllBytes(Path.Combine(collection, picture));
            if (hasOtherMetadata(Path.GetFileNameWithoutExtension(picture))) Assert.True(FromQuantisation(actual).StartsWith(FromQuantisation(expected)), picture);
            else Assert.True(actual.SequenceEqual(expected), picture);
        }

        static ReadOnlySpan<byte> FromQuantisation(ReadOnlySpan<byte> jpeg) => jpeg[jpeg.IndexOf(new byte[] { 0xFF, 0xDB })..];
    }

    /// <summary>The ledger is what is wanted, adds up, and says the same in the result, in <c>collection.json</c> and in the log.</summary>
    public static void AssertLedger(Ledger expected, BackupResult result, Workplace place)
    {
        Assert.Equal(expected, result.Ledger);
        var state = CollectionState.Read(result.CollectionPath!)!;
        Assert.Equal((expected.Listed, expected.Saved + expected.Present, expected.Unavailable, expected.Failed), (state.Listed, state.Images, state.Unavailable, state.Failed));
        Assert.Equal(state.Listed, state.Images + state.Unavailable + state.Failed);
        Assert.Equal(expected.Failed == 0, state.Complete);
        Assert.Contains(place.Log.Said, s => s.Contains(expected.ToString(), StringComparison.Ordinal));
        Assert.Empty(Tree.HalfFiles(place.Folder));
    }

    /// <summary>What <c>failed.jsonl</c> says, by image id.</summary>
    public static Dictionary<string, (string Status, string Reason)> FailuresOf(string collection) => File.ReadLines(Path.Combine(collection, "failed.jsonl"))
        .Select(l => JsonDocument.Parse(l).RootElement)
        .ToDictionary(f => f.GetProperty("id").GetString()!, f => (f.GetProperty("status").GetString()!, f.GetProperty("reason").GetString()!));

    /// <summary>How often each image was asked of the CDN.</summary>
    public static Dictionary<string, int> FetchesByImage(EmulatorHost emulator) => emulator.Requests
        .Where(r => r.Server == ServerKind.Cdn).GroupBy(r => r.ImageId!).ToDictionary(g => g.Key, g => g.Count());

    /// <summary>The requests for pages of the listing.</summary>
    public static List<string> PageRequests(EmulatorHost emulator) => [.. emulator.Requests
        .Where(r => r.Server == ServerKind.Graph && r.PathAndQuery.StartsWith("/images?creator_username=", StringComparison.Ordinal)).Select(r => r.PathAndQuery)];

    /// <summary>The ids of images whose record was asked for again, as often as it was; those of a batch one by one.</summary>
    public static List<string> RefreshedIds(EmulatorHost emulator) => [.. emulator.Requests
        .Where(r => r.Server == ServerKind.Graph)
        .SelectMany(r => r.ImageId is { } id ? [id] : r.PathAndQuery.StartsWith("/images?image_ids=", StringComparison.Ordinal)
            ? Uri.UnescapeDataString(r.PathAndQuery["/images?image_ids=".Length..].Split('&')[0]).Split(',')
            : [])];
}
