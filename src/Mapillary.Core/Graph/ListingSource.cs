using System.Runtime.CompilerServices;

namespace Mapillary.Graph;

/// <summary>A listing of the images of a user or an area that goes on: which share of them it has, how many it brought, and whether it was read to its end.</summary>
internal sealed class ListingSource(Shard? shard, bool isAll, ListedArea? area = null)
{
    private long _brought;
    private bool _isRead;

    /// <summary>The share of the images that it is limited to; null for no such limit.</summary>
    public Shard? Shard { get; } = shard;

    /// <summary>
    /// Whether all that the user has, or has in the shard, came to where so many arrived: it left nothing out, was read to its end, and
    /// nothing was lost or picked out on the way.
    /// </summary>
    public bool EndedWith(long arrived) => isAll && Volatile.Read(ref _isRead) && arrived >= Interlocked.Read(ref _brought);

    /// <summary>An image of the listing, which then knows that it comes from it.</summary>
    public MapillaryImage Mark(MapillaryImage image)
    {
        Interlocked.Increment(ref _brought);
        return image with { Origin = new ImageOrigin(this, area) };
    }

    /// <summary>Notes that the listing was read to its end.</summary>
    public void End() => Volatile.Write(ref _isRead, true);

    /// <summary>The images of a listing, each of which knows that it comes from it.</summary>
    public async IAsyncEnumerable<MapillaryImage> MarkAsync(IAsyncEnumerable<MapillaryImage> images, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var image in images.WithCancellation(cancellationToken))
            yield return Mark(image);
        End();
    }
}

/// <summary>An area whose images were listed, whoever captured them.</summary>
/// <param name="Name">A short name, for a folder.</param>
/// <param name="Text">The area in words.</param>
internal sealed record ListedArea(string Name, string Text);

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
