using System.Runtime.CompilerServices;

namespace Mapillary.Graph;

/// <summary>A listing of a user's images that goes on: which share of them it has, how many it brought, and whether it was read to its end.</summary>
internal sealed class ListingSource(Shard? shard, bool isAll)
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

    /// <summary>The images of a listing, each of which knows that it comes from it.</summary>
    public async IAsyncEnumerable<MapillaryImage> MarkAsync(IAsyncEnumerable<MapillaryImage> images, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var image in images.WithCancellation(cancellationToken))
        {
            Interlocked.Increment(ref _brought);
            yield return image with { Origin = new ImageOrigin(this) };
        }

        Volatile.Write(ref _isRead, true);
    }
}

/// <summary>The listing that an image came from. It is no part of what the image is: two are equal wherever they were listed.</summary>
internal readonly struct ImageOrigin(ListingSource? listing) : IEquatable<ImageOrigin>
{
    /// <summary>The listing; null where the image came in another way, such as by its id, from a file or from another machine.</summary>
    public ListingSource? Listing { get; } = listing;

    /// <inheritdoc/>
    public bool Equals(ImageOrigin other) => true;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is ImageOrigin;

    /// <inheritdoc/>
    public override int GetHashCode() => 0;
}
