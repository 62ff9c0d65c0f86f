using System.Globalization;
using Mapillary.Graph;
using Mapillary.Imaging.Jpeg;

namespace Mapillary.Benchmarks;

/// <summary>What all comparisons share: how often, on which photos, in which folder.</summary>
internal sealed class Bench : IDisposable
{
    /// <summary>The size of a usual full-size photo of Mapillary's, in bytes.</summary>
    private const int UsualPhoto = 280_000;

    private int _trash;

    public Bench(int pairs, int files, int records, string? photos, string? folder)
    {
        (Pairs, Files, Records) = (pairs, files, records);
        photos ??= Path.Combine(AppContext.BaseDirectory, "Photos");
        Photos = Directory.GetFiles(photos, "*.jpg").Order(StringComparer.Ordinal).Select(File.ReadAllBytes).ToList();
        if (Photos.Count == 0) throw new ArgumentException($"There is no .jpg file in '{photos}'.");
        FullSizePhotos = Photos.ConvertAll(Lengthened);
        Folder = folder is null ? Directory.CreateTempSubdirectory("mapillary-bench-").FullName : Directory.CreateDirectory(Path.Combine(folder, $"mapillary-bench-{Environment.ProcessId}")).FullName;
    }

    /// <summary>How many rounds count.</summary>
    public int Pairs { get; }

    /// <summary>How many photos are downloaded, restored, bundled.</summary>
    public int Files { get; }

    /// <summary>How many records the listing has.</summary>
    public int Records { get; }

    /// <summary>Photos as they are; they can be decoded.</summary>
    public List<byte[]> Photos { get; }

    /// <summary>The same, those that are smaller brought to the size of a usual photo.</summary>
    public List<byte[]> FullSizePhotos { get; }

    /// <summary>mapillary as a native program, to be measured beside the one that is built here; null where none was named.</summary>
    public string? NativeProgram { get; init; }

    /// <summary>Where everything is written; removed at the end.</summary>
    public string Folder { get; }

    /// <summary>A folder of the name that holds nothing. What was there before goes with <see cref="EmptyTrashAsync"/>.</summary>
    public string EmptyFolder(string name)
    {
        var path = Path.Combine(Folder, name);
        if (Directory.Exists(path)) Directory.Move(path, Path.Combine(Directory.CreateDirectory(Path.Combine(Folder, "trash")).FullName, $"{_trash++}"));
        return Directory.CreateDirectory(path).FullName;
    }

    /// <summary>
    /// Deletes what is not needed any more, and waits: ext4 without a journal passes over the inodes of files deleted within five seconds,
    /// one by one, which would make whatever comes next look slow.
    /// </summary>
    public async Task EmptyTrashAsync()
    {
        var trash = Path.Combine(Folder, "trash");
        if (!Directory.Exists(trash)) return;
        Directory.Delete(trash, recursive: true);
        await Task.Delay(TimeSpan.FromSeconds(6));
    }

    /// <summary>The id of an image of this bench.</summary>
    public static string IdOf(int number) => (900000000000000 + number).ToString(CultureInfo.InvariantCulture);

    /// <summary>The record of an image of this bench, as the Graph API would send it.</summary>
    public static string RecordOf(int number) => string.Create(CultureInfo.InvariantCulture,
        $$"""{"altitude":{{number % 900}}.25,"atomic_scale":0.99{{number % 1000:000}},"camera_parameters":[0.85,0.01,-0.002],"camera_type":"{{(number % 10 == 0 ? "spherical" : "perspective")}}","captured_at":{{1700000000123 + (number * 1977L)}},"compass_angle":{{number % 360}}.5,"computed_altitude":1.5,"computed_compass_angle":{{number % 360}}.75,"computed_geometry":{"type":"Point","coordinates":[13.{{number % 100000:00000}},52.{{number % 100000:00000}}]},"computed_rotation":[1.5,0.25,-0.5],"creator":{"username":"anna","id":"77"},"exif_orientation":1,"geometry":{"type":"Point","coordinates":[13.5,52.6]},"height":1536,"is_pano":{{(number % 10 == 0 ? "true" : "false")}},"make":"GoPro","model":"Max","merge_cc":2.4891{{number % 100:00}}e+15,"mesh":{"id":"{{number}}","url":"{{Address(number, 0)}}"},"quality_score":0.8{{number % 100:00}},"sequence":"AbCdEfGhIjKlMnOp{{number / 40:000000}}","sfm_cluster":{"id":"{{number / 7}}","url":"{{Address(number, 1)}}"},"thumb_256_url":"{{Address(number, 256)}}","thumb_1024_url":"{{Address(number, 1024)}}","thumb_2048_url":"{{Address(number, 2048)}}","thumb_original_url":"{{Address(number, 3)}}","width":2048,"id":"{{IdOf(number)}}"}""");

    /// <summary>The same, read.</summary>
    public static MapillaryImage ImageOf(int number) => MapillaryImage.Parse(RecordOf(number));

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static string Address(int number, int kind) => string.Create(CultureInfo.InvariantCulture,
        $"https://scontent-ham3-1.xx.fbcdn.net/m1/v/t6/An{number:x16}QrStUvWxYz0123456789{kind:x8}AbCdEfGhIjKlMnOpQrStUvWxYz?stp=s{kind}x1536&ccb=10-5&oh=00_Af{number:x24}&oe=7FFFFFFF&_nc_sid=201bca");

    /// <summary>
    /// A small photo with its picture data repeated until it has the usual size: as much to be walked through as in a large one. What is
    /// repeated decoders pass over.
    /// </summary>
    private static byte[] Lengthened(byte[] photo)
    {
        var segments = new JpegSegments(photo);
        while (segments.MoveNext())
        {
        }

        var end = photo.AsSpan().LastIndexOf<byte>([0xFF, 0xD9]);
        var longer = new MemoryStream();
        longer.Write(photo, 0, end);
        while (longer.Length + ((end - segments.Current.End) / 2) < UsualPhoto) longer.Write(photo, segments.Current.End, end - segments.Current.End);
        longer.Write(photo, end, photo.Length - end);
        return longer.ToArray();
    }
}
