using Mapillary.Graph;

namespace Mapillary.Collections;

/// <summary>A listing of all images of a user, or of those in an area; what a collection may say of itself afterwards depends on it.</summary>
/// <param name="Area">The area; null for all of the account.</param>
/// <param name="MayWiden">Whether a collection that was limited to an area may become one of the whole account.</param>
public sealed record AccountListing(BoundingBox? Area, bool MayWiden = false)
{
    /// <summary>Whether a collection of an area stays true to its word when this listing is added to it.</summary>
    /// <param name="recorded">The area that the collection is limited to; null for none.</param>
    internal bool GoesWith(BoundingBox? recorded) => Area == recorded || (Area is null && MayWiden);
}
