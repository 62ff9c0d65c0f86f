namespace Mapillary.Graph;

/// <summary>Which images of a listing are wanted. All that is set must hold.</summary>
public sealed record ImageFilter
{
    /// <summary>The filter that lets everything through.</summary>
    public static ImageFilter None { get; } = new();

    /// <summary>The earliest capture time wanted, inclusive.</summary>
    public DateTimeOffset? After { get; init; }

    /// <summary>The latest capture time wanted, inclusive.</summary>
    public DateTimeOffset? Before { get; init; }

    /// <summary>The camera types wanted, as the API names them; empty for all.</summary>
    public IReadOnlyList<string> CameraTypes { get; init; } = [];

    /// <summary>The area wanted: an image passes when its original or its computed position lies in it.</summary>
    public BoundingBox? BoundingBox { get; init; }

    /// <summary>The area wanted, in the same way, where it need not be a box.</summary>
    public GeoArea? Area { get; init; }

    /// <summary>The id of the organization wanted, for which an image was captured; null for all images.</summary>
    public string? OrganizationId { get; init; }

    /// <summary>The share wanted of what else passes; null for all of it.</summary>
    public Shard? Shard { get; init; }

    /// <summary>Whether nothing is left out but by <see cref="Shard"/>.</summary>
    internal bool IsAll => this is { After: null, Before: null, CameraTypes.Count: 0, BoundingBox: null, Area: null, OrganizationId: null };

    /// <summary>Whether the image is wanted. An image without capture time passes only where no time is asked for.</summary>
    public bool Wants(MapillaryImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (After is not null && !(image.CapturedAt >= After)) return false;
        if (Before is not null && !(image.CapturedAt <= Before)) return false;
        if (CameraTypes.Count > 0 && !CameraTypes.Contains(image.CameraType, StringComparer.OrdinalIgnoreCase)) return false;
        if (OrganizationId is not null && image.OrganizationId != OrganizationId) return false;
        if (Shard?.Has(image) == false) return false;
        return IsIn(BoundingBox, image) && IsIn(Area, image);
    }

    /// <summary>
    /// What of a sequence that is asked for by its id is wanted. Its shard goes by that id, also where a record does not name its sequence,
    /// so that no image falls between the shards.
    /// </summary>
    /// <returns>The filter for its images; null where none is wanted, and the sequence need not be asked for.</returns>
    public ImageFilter? ForSequence(string sequenceId) => Shard?.HasSequence(sequenceId) == false ? null : this with { Shard = null };

    private static bool IsIn(GeoArea? area, MapillaryImage image) => area is null
        || (image.Geometry is { } original && area.Contains(original))
        || (image.ComputedGeometry is { } computed && area.Contains(computed));
}
