namespace Mapillary.Collections;

/// <summary>
/// How much of what a user has is in a collection, as far as the collection knows. Texts, for the same reason as
/// <see cref="SavedImageStatus"/>.
/// </summary>
public static class CollectionExtent
{
    /// <summary>Everything that Mapillary listed of the user, or of the user in the collection's area, and still has.</summary>
    public const string Complete = nameof(Complete);

    /// <summary>All images that somebody chose. Whether the user has more was not asked.</summary>
    public const string Selection = nameof(Selection);

    /// <summary>Images are missing, or the listing was not read to its end.</summary>
    public const string Incomplete = nameof(Incomplete);
}
