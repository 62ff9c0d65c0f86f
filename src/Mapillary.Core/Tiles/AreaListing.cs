using System.Globalization;
using System.Runtime.CompilerServices;
using Mapillary.Graph;

namespace Mapillary.Tiles;

/// <summary>
/// Lists all images of an area: their ids from the vector tiles that have it, for the API's own search by area is a sample; their records
/// from the API. Of each image the record's exact position decides, original or computed. Images come as they are found, in no order. To be used once.
/// </summary>
/// <param name="graph">Asked for the records.</param>
/// <param name="tiles">Asked for the tiles.</param>
/// <param name="store">Keeps the tiles of a listing that does not come to its end.</param>
/// <param name="log">Told each step.</param>
public sealed class AreaListing(GraphClient graph, TileClient tiles, TileStore store, IRunLog log)
{
    /// <summary>How many requests for records are under way at once.</summary>
    private const int BatchesAtOnce = 8;

    /// <summary>So many tiles in a row that passing faults cost are the service's trouble, not theirs.</summary>
    private const int TilesOfAnOutage = 5;

    private int _read;
    private int _count;

    /// <summary>How many of the tiles were read, and how many there are; for whoever looks on.</summary>
    public (int Read, int Count) Progress => (Volatile.Read(ref _read), Volatile.Read(ref _count));

    /// <summary>Lists an area. What cannot be read is told of where it is met, and the rest goes on: the listing is then not complete.</summary>
    /// <param name="area">The area.</param>
    /// <param name="filter">Which images are wanted. As far as tiles tell what it goes by, images that are not cost no request.</param>
    /// <param name="cancellationToken">Stops the listing.</param>
    /// <exception cref="FormatException">The area takes too many tiles.</exception>
    /// <exception cref="GraphException">Mapillary refuses, blocks this address, or fails at one tile after the other. The tiles so far are kept.</exception>
    public async IAsyncEnumerable<AreaAnswer> ListAsync(GeoArea area, ImageFilter filter, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(area);
        ArgumentNullException.ThrowIfNull(filter);
        var cover = TileCover.Of(area);
        Volatile.Write(ref _count, cover.Count);
        if (area.Bounds.Any(box => box.North > Tile.LargestLatitude || box.South < -Tile.LargestLatitude))
        {
            log.Warn(string.Create(
                CultureInfo.InvariantCulture, $"Mapillary's tiles end at {Tile.LargestLatitude:0.00} degrees north and south. Images of {area} beyond that are not found."));
        }

        store.ForgetOld();
        SayKept(area, cover);
        var source = new ListingSource(filter.Shard, filter.IsAll, new ListedArea(area.Name, area.ToString()));
        // Of the organization the tile has told.
        var wanted = filter with { Area = area, OrganizationId = null };
        var (seen, isWhole) = (new ImageIdSet(), true);
        await foreach (var tile in ReadTilesAsync(area, filter, cover, cancellationToken).AheadAsync(1, cancellationToken))
        {
            if (tile.Problem is not null)
            {
                isWhole = false;
                yield return new AreaAnswer(tile.Tile.ToString(), null, tile.Problem) { IsOfTile = true };
            }

            // Near an edge an image is in two tiles.
            var ids = tile.Ids.Where(seen.Add).Select(id => id.ToString(CultureInfo.InvariantCulture));
            await foreach (var batch in ids.Chunk(GraphClient.IdsARequest).InParallelAsync(BatchesAtOnce, RecordsAsync, cancellationToken))
            {
                foreach (var answer in batch)
                {
                    if (answer.Image is { } image)
                    {
                        if (wanted.Wants(image)) yield return new AreaAnswer(image.Id, source.Mark(image), null);
                    }
                    else if (answer.Problem!.Fault == GraphFault.NotFound)
                    {
                        log.Say($"Image {answer.Id} is in tile {tile.Tile} and not at Mapillary any more.");
                    }
                    else
                    {
                        isWhole = false;
                        yield return new AreaAnswer(answer.Id, null, answer.Problem);
                    }
                }
            }

            Interlocked.Increment(ref _read);
        }

        if (!isWhole) yield break;
        store.Forget(tiles.Source, cover);
        source.End();
    }

    private async Task<IReadOnlyList<ImageAnswer>> RecordsAsync(string[] ids, CancellationToken cancellationToken)
    {
        var answers = new List<ImageAnswer>(ids.Length);
        await foreach (var answer in new ImageListing(graph).ByIdAsync(ids, cancellationToken)) answers.Add(answer);
        return answers;
    }

    private async IAsyncEnumerable<TileImages> ReadTilesAsync(
        GeoArea area, ImageFilter filter, IReadOnlyList<Tile> cover, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var failedInARow = 0;
        foreach (var tile in cover)
        {
            TileImages? images = null;
            try
            {
                images = FindKept(tile) ?? await tiles.GetAsync(tile, ReadAndKeep, cancellationToken);
                failedInARow = 0;
            }
            catch (GraphException e) when (!TileClient.EndsAll(e))
            {
                if (e.Fault is GraphFault.Transient or GraphFault.TimedOut && ++failedInARow == TilesOfAnOutage) throw;
                images = new TileImages(tile, [], e);
            }

            yield return images;

            TileImages ReadAndKeep(ReadOnlyMemory<byte> body)
            {
                var read = Read(tile, body, area, filter);
                if (read.Problem is null) store.Keep(tiles.Source, tile, body.Span);
                return read;
            }
        }

        TileImages? FindKept(Tile tile)
        {
            if (store.Read(tiles.Source, tile) is not { } body) return null;
            try
            {
                return Read(tile, body, area, filter);
            }
            catch (InvalidDataException e)
            {
                log.Say($"Tile {tile} was kept, and is damaged: {e.Message}. It is asked for again.");
                return null;
            }
        }
    }

    /// <exception cref="InvalidDataException">It is no whole tile.</exception>
    private TileImages Read(Tile tile, ReadOnlyMemory<byte> body, GeoArea area, ImageFilter filter)
    {
        var (ids, images, unreadable) = (new List<ulong>(), 0, 0);
        foreach (var feature in VectorTile.ReadImages(body))
        {
            images++;
            if (feature.Id is not { } id) unreadable++;
            else if (IsWanted(tile, feature, area, filter)) ids.Add(id);
        }

        log.Say($"Tile {tile}: {Amount.Of(images, "image")}, of {Amount.Of(ids.Count)} of which the records are wanted.");
        return new TileImages(tile, ids, unreadable == 0 ? null : new GraphException(
            GraphFault.BadAnswer,
            $"Tile {tile} has {Amount.Of(unreadable)} of {Amount.Of(images, "image")} without an id that can be read; they are missing."));
    }

    /// <summary>Whether an image's record has to be asked for, by what its tile tells; what that does not tell, the record decides.</summary>
    private static bool IsWanted(Tile tile, TileFeature feature, GeoArea area, ImageFilter filter)
    {
        if (feature.CapturedAt < filter.After?.ToUnixTimeMilliseconds()) return false;
        if (feature.CapturedAt > filter.Before?.ToUnixTimeMilliseconds()) return false;
        if (filter.OrganizationId is { } organization && feature.OrganizationId?.ToString(CultureInfo.InvariantCulture) != organization) return false;
        if (filter.CameraTypes.Count > 0 && feature.IsPanorama is { } isPanorama
            && !filter.CameraTypes.Any(type => CameraTypes.Spherical.Contains(type, StringComparer.OrdinalIgnoreCase) == isPanorama)) return false;
        // The ring around the area is a tile wide at least; what is further away is there by chance.
        return feature.Extent is not { } extent || area.Bounds.Any(box => tile.IsNear(extent, box));
    }

    private void SayKept(GeoArea area, IReadOnlyList<Tile> cover)
    {
        var kept = cover.Select(tile => store.KeptAt(tiles.Source, tile)).OfType<DateTimeOffset>().ToList();
        var minutes = Math.Ceiling(TileClient.TimeFor(cover.Count - kept.Count).TotalMinutes);
        log.Say($"{area}: {Amount.Of(cover.Count, "tile")}, about {Amount.Of((long)minutes)} min.");
        if (kept.Count == 0) return;
        log.Say(string.Create(CultureInfo.InvariantCulture,
            $"{Amount.Of(kept.Count)} of these tiles are kept from a run that did not come to its end, the oldest from {kept.Min().UtcDateTime:yyyy-MM-dd HH:mm} UTC; "
            + $"they are not asked for again."));
    }

    /// <summary>What a tile has.</summary>
    /// <param name="Tile">The tile.</param>
    /// <param name="Ids">The ids of the images whose records are wanted.</param>
    /// <param name="Problem">Why they are not all; null where they are.</param>
    private sealed record TileImages(Tile Tile, IReadOnlyList<ulong> Ids, GraphException? Problem);
}

/// <summary>What was found on the way through an area: an image, or what could not be read.</summary>
/// <param name="What">The image's id; of a tile what stands in its address, such as <c>14/8800/5100</c>.</param>
/// <param name="Image">The image; null where it, or the tile, could not be read.</param>
/// <param name="Problem">Why it could not be read, and the listing is not complete; null for an image.</param>
public sealed record AreaAnswer(string What, MapillaryImage? Image, GraphException? Problem)
{
    /// <summary>Whether it is a whole tile that could not be read.</summary>
    public bool IsOfTile { get; init; }
}
