namespace Mapillary.Graph;

/// <summary>
/// A step of a listing that can be taken up where it was interrupted. Whoever notes the steps in their order always knows where to go
/// on: a place is told of behind all images before it.
/// </summary>
internal abstract record ListingStep
{
    /// <summary>An image.</summary>
    public sealed record Found(MapillaryImage Image) : ListingStep;

    /// <summary>All images up to here came before.</summary>
    /// <param name="Cursor">Where the listing goes on; null where it was read to its end.</param>
    public sealed record UpTo(string? Cursor) : ListingStep;

    /// <summary>Nothing follows: what a collection has listed beside these images, Mapillary does not list any more.</summary>
    /// <param name="Ids">The ids of all images that came.</param>
    public sealed record AllFound(ImageIdSet Ids) : ListingStep;
}

/// <summary>The images among the steps of a listing.</summary>
internal static class ListingSteps
{
    public static async IAsyncEnumerable<MapillaryImage> ImagesAsync(this IAsyncEnumerable<ListingStep> steps)
    {
        await foreach (var step in steps)
        {
            if (step is ListingStep.Found(var image)) yield return image;
        }
    }

    public static async IAsyncEnumerable<ListingStep> AsStepsAsync(this IAsyncEnumerable<MapillaryImage> images)
    {
        await foreach (var image in images) yield return new ListingStep.Found(image);
    }
}
