using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Graph;

namespace Mapillary.Collections.Checking;

/// <summary>What the pictures of a collection are to be, as its manifest has it: of each image the last line.</summary>
internal sealed class ExpectedPictures
{
    /// <summary>More than any disk holds, and little enough for sums.</summary>
    public const long MostBytes = 1L << 56;

    private readonly Dictionary<string, ExpectedPicture> _byPlace = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Tar, string Place), ExpectedPicture> _superseded = [];
    private readonly HashSet<string> _tars = new(StringComparer.Ordinal);

    /// <summary>The images that the manifest names, also those whose place nobody would look for.</summary>
    public ImageIdSet Images { get; } = new();

    /// <summary>The pictures by their places in the collection.</summary>
    public IReadOnlyDictionary<string, ExpectedPicture> ByPlace => _byPlace;

    /// <summary>Earlier copies of images, by tar and path there. They may be gone; what is there is still what was written.</summary>
    public IReadOnlyDictionary<(string Tar, string Place), ExpectedPicture> Superseded => _superseded;

    /// <summary>The tars that hold some of them.</summary>
    public IReadOnlySet<string> Tars => _tars;

    /// <summary>How many bytes they have in all.</summary>
    public long Bytes { get; private set; }

    /// <summary>Reads a manifest, in one pass.</summary>
    /// <param name="collection">The collection, which has one.</param>
    /// <param name="wrong">Told what cannot be, with the image where it is about one.</param>
    /// <param name="cancellationToken">Stops between two lines.</param>
    public static ExpectedPictures Read(Collection collection, Action<string?, string> wrong, CancellationToken cancellationToken)
    {
        var expected = new ExpectedPictures();
        // Few tars hold many images: each tar's name once.
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        var last = new ImageIdMap<Line>();
        var (number, isInOrder) = (0, true);
        foreach (var line in Manifest.ReadLines(collection.ManifestPath!, line => wrong(null, $"line {line} is no entry"), cancellationToken))
        {
            number++;
            if (line.Id is null) continue;
            if (last.Remove(line.Id)) isInOrder = false;
            if (line.Entry is { } entry) last[line.Id] = LineOf(entry) with { Number = number };
        }

        foreach (var line in isInOrder ? last.Values : last.Values.OrderBy(l => l.Number)) expected.Add(line, wrong, Superseded);
        return expected;

        Line LineOf(ManifestEntry entry)
        {
            var place = PlaceOf(entry.Path);
            var tar = entry.Tar is null ? null : PlaceOf(entry.Tar);
            var outside = place is null ? entry.Path : tar is null ? entry.Tar : null;
            return new Line(place ?? "", outside, Picture(entry, OneOf(tar)), entry.Superseded, Number: 0);
        }

        (string Place, ExpectedPicture Picture)? Superseded(ManifestEntry copy) =>
            copy.Tar is not null && PlaceOf(copy.Path) is { } place && OneOf(PlaceOf(copy.Tar)) is { } tar ? (place, Picture(copy, tar)) : null;

        static ExpectedPicture Picture(ManifestEntry entry, string? tar) => new(entry.Id, tar, entry.Bytes, Sha256Digest.Parse(entry.Sha256));

        string? PlaceOf(string path) => CollectionFiles.FindPlace(collection.Path, path);

        string? OneOf(string? tar) => tar is null || names.TryAdd(tar, tar) ? tar : names[tar];
    }

    private void Add(Line line, Action<string?, string> wrong, Func<ManifestEntry, (string Place, ExpectedPicture Picture)?> superseded)
    {
        var (place, outside, picture, copies, _) = line;
        Images.Add(picture.ImageId);
        if (outside is not null)
        {
            wrong(picture.ImageId, $"names '{outside}', which is outside of the collection");
            return;
        }

        if (!_byPlace.TryAdd(place, picture)) wrong(picture.ImageId, $"names '{place}', as it does for image {_byPlace[place].ImageId}");
        else if (picture.Tar is not null) _tars.Add(picture.Tar);
        AddBytes(picture);
        foreach (var copy in copies)
        {
            if (superseded(copy) is not var (copyPlace, earlier)) continue;
            _superseded[(earlier.Tar!, copyPlace)] = earlier;
            _tars.Add(earlier.Tar!);
            AddBytes(earlier);
        }
    }

    private void AddBytes(ExpectedPicture picture) => Bytes = Math.Min(MostBytes, Bytes + Math.Clamp(picture.Bytes, 0, MostBytes));

    /// <summary>An image's line of the manifest, while later ones may replace it.</summary>
    /// <param name="Place">Where the manifest has its file.</param>
    /// <param name="Outside">What of it leads out of the collection; null for nothing.</param>
    /// <param name="Picture">What the file is to be.</param>
    /// <param name="Copies">Earlier copies of the image.</param>
    /// <param name="Number">The line's number.</param>
    private readonly record struct Line(string Place, string? Outside, ExpectedPicture Picture, IReadOnlyList<ManifestEntry> Copies, int Number);
}
