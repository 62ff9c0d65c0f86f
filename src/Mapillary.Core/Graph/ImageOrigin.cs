namespace Mapillary.Graph;

/// <summary>The listing that an image came from. It is no part of what the image is: two are equal wherever they were listed.</summary>
internal readonly struct ImageOrigin(ListingSource? listing, ListedArea? area = null) : IEquatable<ImageOrigin>
{
    /// <summary>The listing; null where the image came in another way, such as by its id, from a file or from another machine.</summary>
    public ListingSource? Listing { get; } = listing;

    /// <summary>The area that it was listed for, now or by the run that made the listing it was read from; null where it was for a user or by its id.</summary>
    public ListedArea? Area { get; } = area;

    /// <inheritdoc/>
    public bool Equals(ImageOrigin other) => true;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is ImageOrigin;

    /// <inheritdoc/>
    public override int GetHashCode() => 0;
}
