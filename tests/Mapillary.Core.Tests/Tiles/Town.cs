using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Tiles;

namespace Mapillary.Tests.Tiles;

/// <summary>
/// A town of images by four users on the emulator. Most were moved some metres by Mapillary's reconstruction, some of them hundreds of metres, and
/// some were not reconstructed. What an area has is judged by the records themselves, with arithmetic of the tests' own.
/// </summary>
public sealed class Town : IAsyncDisposable
{
    private Town(Workplace workplace)
    {
        Workplace = workplace;
        Tiles = new TileClient(workplace.Endpoints, AccessToken.Parse(workplace.Emulator.Token), Workplace.QuickRetry, workplace.Log);
        Store = new TileStore(StoreFolder, workplace.Log);
    }

    public Workplace Workplace { get; }

    public TileClient Tiles { get; }

    public TileStore Store { get; }

    public string StoreFolder => Path.Combine(Workplace.Folder, "tiles");

    public IReadOnlyList<EmulatedImage> Images => Workplace.Emulator.World.Images;

    /// <summary>The tiles that were asked for, in that order.</summary>
    public IReadOnlyList<string> Asked => [.. Workplace.Emulator.Requests.Where(r => r.Server == ServerKind.Tiles).Select(r => r.PathAndQuery.Split('?')[0]["/maps/vtp/mly1_public/2/".Length..])];

    public int RecordRequests => Workplace.Emulator.Requests.Count(r => r.Server == ServerKind.Graph);

    /// <param name="images">How many images.</param>
    /// <param name="center">The middle of the town.</param>
    /// <param name="reach">How far it goes from there, in degrees of latitude and of longitude.</param>
    /// <param name="options">What else is to be.</param>
    public static async Task<Town> OpenAsync(int images, GeoPoint center, (double Latitude, double Longitude) reach, EmulatorOptions? options = null) => new(await Workplace.OpenAsync((options ?? new EmulatorOptions()) with
    {
        Users = [.. new[] { "anna", "ben", "cora", "dan" }.Select((name, i) => new EmulatedUser { Name = name, Images = (images + i) / 4 })],
        ModifyRecord = (image, record) =>
        {
            var random = new Random(image.Ordinal);
            var (latitude, longitude) = (center.Latitude + (((random.NextDouble() * 2) - 1) * reach.Latitude), center.Longitude + (((random.NextDouble() * 2) - 1) * reach.Longitude));
            record.Geometry = (Turned(longitude), latitude);
            var shift = random.Next(20) == 0 ? 0.008 : 0.0001;
            record.ComputedGeometry = random.Next(10) == 0
                ? null
                : (Turned(longitude + (((random.NextDouble() * 2) - 1) * shift)), latitude + (((random.NextDouble() * 2) - 1) * shift));
            options?.ModifyRecord?.Invoke(image, record);
        },
    }));

    public AreaListing Listing() => new(Workplace.Graph, Tiles, Store, Workplace.Log);

    public async Task<List<AreaAnswer>> ListAsync(GeoArea area, ImageFilter? filter = null) =>
        await Workplace.ToListAsync(Listing().ListAsync(area, filter ?? ImageFilter.None, TestContext.Current.CancellationToken));

    /// <summary>The ids of the images of which one position or the other is there, in order.</summary>
    public IEnumerable<string> Ids(Func<double, double, bool> isThere) => Images
        .Where(image => (image.Record.Geometry is var (x, y) && isThere(x, y)) || (image.Record.ComputedGeometry is var (a, b) && isThere(a, b)))
        .Select(image => image.Id).Order();

    /// <summary>The ids that came, in order; each once, and nothing but images.</summary>
    public static IEnumerable<string> Ids(IEnumerable<AreaAnswer> answers)
    {
        Assert.All(answers, a => Assert.Null(a.Problem));
        return answers.Select(a => a.Image!.Id).Order();
    }

    public async ValueTask DisposeAsync()
    {
        Tiles.Dispose();
        await Workplace.DisposeAsync();
    }

    private static double Turned(double longitude) => Math.IEEERemainder(longitude, 360);
}
