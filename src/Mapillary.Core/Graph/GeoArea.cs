namespace Mapillary.Graph;

/// <summary>A part of the Earth's surface: a <see cref="BoundingBox"/>, a <see cref="GeoCircle"/> or a <see cref="GeoPolygon"/>.</summary>
public abstract record GeoArea
{
    /// <summary>Whether the point lies inside or on the edge.</summary>
    public abstract bool Contains(GeoPoint point);

    /// <summary>The boxes around it, none of which crosses the antimeridian.</summary>
    internal abstract IReadOnlyList<BoundingBox> Bounds { get; }

    /// <summary>A short name, such as a collection of its images can have.</summary>
    internal abstract string Name { get; }
}
