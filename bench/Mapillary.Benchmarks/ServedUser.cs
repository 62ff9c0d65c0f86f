using Mapillary.Emulator;

namespace Mapillary.Benchmarks;

/// <summary>
/// A user whose photos nginx serves, and the page of the listing as well, as the emulator has made it, so that making it takes none of
/// the time that is measured; archive.org is the emulator itself.
/// </summary>
internal sealed class ServedUser : IAsyncDisposable
{
    public const string Name = "anna";

    /// <summary>What a page of the Graph API holds.</summary>
    public const int MostImages = 2000;

    private readonly EmulatorHost _emulator;
    private readonly string _folder;
    private readonly Uri _photos;

    private ServedUser(EmulatorHost emulator, string folder, Uri graph, Uri photos)
    {
        (_emulator, _folder, _photos) = (emulator, folder, photos);
        Services = new Dictionary<string, string>
        {
            ["MAPILLARY_GRAPH_API_ENDPOINT"] = graph.ToString(),
            ["ARCHIVE_ORG_ENDPOINT"] = emulator.ArchiveEndpoint.ToString(),
            ["MAPILLARY_TOKEN"] = emulator.Token,
        };
    }

    /// <summary>The variables that lead ours to these services.</summary>
    public IReadOnlyDictionary<string, string> Services { get; }

    /// <summary>How many bytes all photos have.</summary>
    public long Bytes { get; private set; }

    private IReadOnlyList<EmulatedImage> Images => _emulator.World.Images;

    /// <summary>Puts the photos and the listing where nginx serves them.</summary>
    /// <param name="pictures">The photos; each image has one of them.</param>
    /// <param name="folder">That of the server.</param>
    /// <param name="images">How many; no more than <see cref="MostImages"/>.</param>
    /// <param name="graph">The server.</param>
    /// <param name="photos">Where photos are to be asked for: the server, or the line that leads to it.</param>
    public static async Task<ServedUser> CreateAsync(List<byte[]> pictures, string folder, int images, Uri graph, Uri photos)
    {
        var emulator = await EmulatorHost.StartAsync(new EmulatorOptions
        {
            Users = [new EmulatedUser { Name = Name, Images = images }],
            ModifyRecord = (image, record) => record.Literal["thumb_original_url"] = $"\"{UrlOf(photos, image)}\"",
        });
        var user = new ServedUser(emulator, folder, graph, photos);
        var files = Directory.CreateDirectory(Path.Combine(folder, "files")).FullName;
        for (var i = 0; i < pictures.Count; i++) await File.WriteAllBytesAsync(Path.Combine(folder, $"{i}.jpg"), pictures[i]);
        foreach (var image in user.Images)
        {
            var photo = image.Ordinal % pictures.Count;
            File.CreateSymbolicLink(Path.Combine(files, image.Id + ".jpg"), Path.Combine(folder, $"{photo}.jpg"));
            user.Bytes += pictures[photo].Length;
        }

        using var http = new HttpClient();
        http.DefaultRequestHeaders.Add("Authorization", $"OAuth {emulator.Token}");
        await File.WriteAllBytesAsync(
            Path.Combine(files, "images"),
            await http.GetByteArrayAsync(new Uri(emulator.GraphEndpoint, $"images?creator_username={Name}&limit={MostImages}&fields={string.Join(',', ImageRecord.FieldNames)}")));
        return user;
    }

    /// <summary>Writes a list of the first addresses for a program.</summary>
    /// <param name="name">The name of the list.</param>
    /// <param name="line">What the program wants to read of an address and the name of the file.</param>
    /// <param name="most">How many.</param>
    /// <returns>The path of the list.</returns>
    public async Task<string> ListAsync(string name, Func<string, string, string> line, int most = MostImages)
    {
        var path = Path.Combine(_folder, name);
        await File.WriteAllLinesAsync(path, Images.Take(most).Select(i => line(UrlOf(_photos, i), i.Id + ".jpg")));
        return path;
    }

    /// <summary>The list as curl wants it.</summary>
    public Task<string> CurlListAsync(int most = MostImages) => ListAsync($"curl-{most}", (url, file) => $"url = \"{url}\"\noutput = \"{file}\"", most);

    /// <summary>Ours, with these arguments added.</summary>
    public static string[] Backup(string folder, params string[] arguments) => Backup(Path.Combine(AppContext.BaseDirectory, "mapillary"), folder, arguments);

    /// <summary>The same by another build of the program.</summary>
    public static string[] Backup(string program, string folder, string[] arguments) => [program, "backup", Name, "--no-tar", "--output", folder, .. arguments];

    /// <summary>How many photos are in a folder and those in it. Ours may add a preview of the collection, which is named by no number.</summary>
    public static int CountPhotos(string folder) =>
        Directory.EnumerateFiles(folder, "*.jpg", SearchOption.AllDirectories).Count(f => char.IsAsciiDigit(Path.GetFileName(f)[0]));

    public ValueTask DisposeAsync() => _emulator.DisposeAsync();

    private static string UrlOf(Uri server, EmulatedImage image) => $"{server}{image.Id}.jpg?ccb=10-5&oh=00_Af0123456789ABCDEFGHIJKLMNOPQRSTUV&oe=7FFFFFFF&_nc_sid=201bca";
}
