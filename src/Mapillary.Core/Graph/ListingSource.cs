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
