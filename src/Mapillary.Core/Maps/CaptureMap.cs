using Mapillary.Collections;
using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Graph;

namespace Mapillary.Maps;

/// <summary>
/// Where and when images were captured: gathers them in any order, then writes a page, GeoJSON, GPX or a table. What is written depends on the
/// images alone, not on their order or on the time. Of each image it keeps some 200 bytes.
/// </summary>
/// <param name="geometry">Which position of an image counts.</param>
public sealed class CaptureMap(PositionSource geometry = PositionSource.Computed)
{
    /// <summary>By the sequence's id or, of images without one, by the user.</summary>
    private readonly Dictionary<(string? Id, string? Creator), MapSequence> _sequences = [];
    private readonly Dictionary<string, string> _creators = new(StringComparer.Ordinal);
    private readonly Dictionary<MapCamera, MapCamera> _cameras = [];
    private readonly Dictionary<PicturePlace, PicturePlace> _places = [];
    private readonly ImageIdSet _seen = new();

    /// <summary>How many images are on the map.</summary>
    public int Images => _seen.Count - WithoutPosition;

    /// <summary>How many images are not on it, because neither position is known.</summary>
    public int WithoutPosition { get; private set; }

    /// <summary>Puts an image on the map. One that comes again is skipped.</summary>
    public void Add(MapillaryImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        Add(image, null);
    }

    /// <summary>Puts the images of a listing on the map, and notes where their pictures are.</summary>
    /// <param name="path">A collection of this module or of <c>mapillary-downloader</c>, or a listing (<c>metadata.jsonl</c>, <c>.gz</c>).</param>
    /// <param name="log">Told each line that is no record.</param>
    /// <param name="cancellationToken">Stops between two images.</param>
    /// <exception cref="CollectionException">The folder holds no listing.</exception>
    /// <exception cref="InvalidDataException">A compressed file is damaged or cut.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public void AddListing(string path, IRunLog log, CancellationToken cancellationToken)
    {
        var listing = ImageRecords.Of(Path.GetFullPath(path));
        var collection = Collection.At(Path.GetDirectoryName(listing)!);
        var manifest = collection.ManifestPath;
        var pictures = collection.Pictures(
            (id, picture) => Shared(_places, PicturePlace.Of(id, picture)),
            line => log.Warn($"{manifest}, line {line}, is not an entry and was skipped; the map does not show this picture."),
            cancellationToken);
        foreach (var image in ImageRecords.Read(listing, log))
        {
            cancellationToken.ThrowIfCancellationRequested();
            Add(image, pictures.GetValueOrDefault(image.Id));
        }
    }

    /// <summary>Writes the map; what is there of this name is replaced in one step.</summary>
    /// <param name="path">The file; its folder is made where it is missing.</param>
    /// <param name="format">The form.</param>
    /// <param name="cancellationToken">Stops between two sequences; nothing is left then.</param>
    /// <exception cref="CollectionException">It cannot be written.</exception>
    public MapFile Write(string path, MapFormat format, CancellationToken cancellationToken)
    {
        path = Path.GetFullPath(path);
        var sequences = InOrder();
        var pictures = 0;
        try
        {
            var (folder, name) = CollectionFolder.Of(path);
            WholeFile.Write(folder, name, stream =>
            {
                switch (format)
                {
                    case MapFormat.Html: pictures = MapPage.Write(stream, path, sequences, WithoutPosition, cancellationToken); break;
                    case MapFormat.GeoJson: GeoJsonMap.Write(stream, sequences, cancellationToken); break;
                    case MapFormat.Gpx: GpxMap.Write(stream, sequences, cancellationToken); break;
                    case MapFormat.Csv: CsvMap.Write(stream, sequences, cancellationToken); break;
                    default: throw new ArgumentOutOfRangeException(nameof(format), format, null);
                }
            });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CollectionException.NotWritable(path, e);
        }

        return new MapFile
        {
            Path = path,
            Format = format.ToString(),
            Length = new FileInfo(path).Length,
            Images = Images,
            Panoramas = sequences.Sum(s => s.Photos.Count(p => p.Camera.IsPanorama)),
            Pictures = pictures,
            Sequences = sequences.Count(s => s.Id is not null),
            WithoutPosition = WithoutPosition,
            First = sequences.Min(s => s.First),
            Last = sequences.Max(s => s.Last),
        };
    }

    private void Add(MapillaryImage image, PicturePlace? picture)
    {
        if (!_seen.Add(image.Id)) return;
        if (image.PositionOf(geometry) is not { } point)
        {
            WithoutPosition++;
            return;
        }

        var key = (image.SequenceId, image.SequenceId is null ? image.Creator : null);
        if (!_sequences.TryGetValue(key, out var sequence)) _sequences[key] = sequence = new MapSequence(image.SequenceId, []);
        sequence.Photos.Add(new MapPhoto(
            image.Id,
            image.CapturedAt,
            point.Latitude,
            point.Longitude,
            image.Altitude,
            image.Direction,
            image.Creator is null ? null : Shared(_creators, image.Creator),
            Shared(_cameras, new MapCamera(image.Make, image.Model, image.CameraType, image.IsPanorama)),
            picture is null ? null : Shared(_places, picture)));
    }

    private List<MapSequence> InOrder()
    {
        foreach (var sequence in _sequences.Values) sequence.Photos.Sort();
        return [.. _sequences.Values
            .OrderBy(s => s.First ?? DateTimeOffset.MaxValue)
            .ThenBy(s => s.Id, StringComparer.Ordinal)
            .ThenBy(s => s.Creator, StringComparer.Ordinal)];
    }

    private static T Shared<T>(Dictionary<T, T> all, T one)
        where T : notnull
    {
        if (all.TryGetValue(one, out var known)) return known;
        all[one] = one;
        return one;
    }
}
