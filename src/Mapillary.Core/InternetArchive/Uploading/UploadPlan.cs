namespace Mapillary.InternetArchive.Uploading;

/// <summary>
/// What of a collection is to be uploaded where: its items, one or, where it is large, several, and of each file whether archive.org has
/// it. It says how things were when archive.org was asked; an <see cref="UploadSession"/> makes it and sends by it.
/// </summary>
public sealed class UploadPlan
{
    /// <summary>The most items of a collection: a hundred terabytes.</summary>
    internal const int MostParts = 1_000;

    internal UploadPlan(string collectionPath, long missingImages, IReadOnlyList<ItemPlan> items) =>
        (CollectionPath, MissingImages, Items) = (collectionPath, missingImages, items);

    /// <summary>The collection's folder.</summary>
    public string CollectionPath { get; }

    /// <summary>How many of the images that its manifest has are not there any more.</summary>
    public long MissingImages { get; }

    /// <summary>Its items, in their order.</summary>
    public IReadOnlyList<ItemPlan> Items { get; }

    /// <summary>Whether there is anything to upload.</summary>
    public bool IsNeeded => Items.Any(i => i.IsNeeded);
}
