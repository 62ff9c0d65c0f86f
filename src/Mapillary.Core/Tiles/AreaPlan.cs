using Mapillary.Graph;
using Mapillary.Services;

namespace Mapillary.Tiles;

/// <summary>What the listing of an area takes, before it is begun. Nothing is asked of Mapillary for it.</summary>
public sealed record AreaPlan
{
    /// <summary>The area, in words.</summary>
    public required string Area { get; init; }

    /// <summary>How many vector tiles have it, with the ring of tiles around.</summary>
    public required int Tiles { get; init; }

    /// <summary>How many of them are kept from a listing that did not come to its end.</summary>
    public required int Kept { get; init; }

    /// <summary>How long the others take at the pace that is kept to. The records come besides: how many there are, the tiles tell.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>Plans a listing.</summary>
    /// <param name="area">The area.</param>
    /// <param name="endpoints">Where the services are.</param>
    /// <param name="store">Where tiles are kept.</param>
    /// <exception cref="FormatException">The area takes too many tiles, or where the tiles are is not said.</exception>
    public static AreaPlan Of(GeoArea area, ServiceEndpoints endpoints, TileStore store)
    {
        ArgumentNullException.ThrowIfNull(area);
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(store);
        var (cover, source) = (TileCover.Of(area), endpoints.RequireTiles());
        var kept = cover.Count(tile => store.KeptAt(source, tile) is not null);
        return new AreaPlan { Area = area.ToString(), Tiles = cover.Count, Kept = kept, Duration = TileClient.TimeFor(cover.Count - kept) };
    }

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{Area}: {Tiles:N0} tiles, {Kept:N0} of them kept");
}
