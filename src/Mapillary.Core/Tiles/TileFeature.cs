namespace Mapillary.Tiles;

/// <summary>A feature of a tile's image layer: one image, with what the tile tells of it.</summary>
internal readonly record struct TileFeature
{
    /// <summary>The image id; null where the feature has none that can be read.</summary>
    public ulong? Id { get; init; }

    /// <summary>The capture time in milliseconds since 1970, UTC; null where the tile does not tell.</summary>
    public long? CapturedAt { get; init; }

    /// <summary>Whether it is a panorama; null where the tile does not tell.</summary>
    public bool? IsPanorama { get; init; }

    /// <summary>The id of the organization that it was captured for; null where there is none.</summary>
    public ulong? OrganizationId { get; init; }

    /// <summary>How many points its geometry has: one, but for a MultiPoint.</summary>
    public int Points { get; init; }

    /// <summary>Where its points are; null where the geometry cannot be read.</summary>
    public TileExtent? Extent { get; init; }
}

/// <summary>Where points of a tile lie, as shares of its width and height from its north-western corner. Those beside it are below 0 or over 1.</summary>
internal readonly record struct TileExtent(double Left, double Top, double Right, double Bottom);
