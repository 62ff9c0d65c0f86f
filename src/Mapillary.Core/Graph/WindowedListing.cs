using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Mapillary.Graph;

/// <summary>
/// Lists a user's images in windows of their capture time, several at once. Nobody knows beforehand when a user was busy, so whoever is
/// busy gives the older half of what is left to whoever is idle.
/// </summary>
/// <param name="listing">Walks through a window.</param>
/// <param name="user">The user name.</param>
/// <param name="filter">Which images are wanted.</param>
/// <param name="parallelism">The most windows at once.</param>
/// <param name="sharedAfter">After how many images of a window its rest is worth sharing.</param>
internal sealed class WindowedListing(ImageListing listing, string user, ImageFilter filter, int parallelism, int sharedAfter)
{
    /// <summary>Before street photos were collected. What claims to be older, such as 1970, is a window of its own.</summary>
    private static readonly DateTimeOffset Earliest = new(2005, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>The API takes whole seconds.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(2);

    private readonly Channel<Window> _windows = Channel.CreateUnbounded<Window>();
    private readonly Channel<MapillaryImage> _images = Channel.CreateBounded<MapillaryImage>(GraphClient.LargestPage);
    private readonly object _gate = new();
    private readonly ImageIdSet _seen = new();

    /// <summary>Windows that wait for a worker or are worked on.</summary>
    private int _open;

    /// <summary>The images, each once, in no particular order.</summary>
    public async IAsyncEnumerable<MapillaryImage> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Open(new Window(filter.After ?? Earliest, filter.Before));
        if (filter.After is null) Open(new Window(null, Earliest));
        var work = Task.Run(async () =>
        {
            try
            {
                var options = new ParallelOptions { MaxDegreeOfParallelism = parallelism, CancellationToken = stop.Token };
                await Parallel.ForEachAsync(_windows.Reader.ReadAllAsync(stop.Token), options, async (window, ct) => await WalkAsync(window, ct));
                _images.Writer.Complete();
            }
            catch (Exception e)
            {
                // Not swallowed: the reader gets it, behind the images that came before.
                _images.Writer.Complete(e);
            }
        }, CancellationToken.None);

        try
        {
            await foreach (var image in _images.Reader.ReadAllAsync(cancellationToken)) yield return image;
        }
        finally
        {
            await stop.CancelAsync();
            await work;
        }
    }

    private async Task WalkAsync(Window window, CancellationToken cancellationToken)
    {
        var count = 0;
        await foreach (var image in listing.InWindowAsync(user, filter, window.From, window.To, cancellationToken))
        {
            bool isNew;
            lock (_gate) isNew = _seen.Add(image.Id);
            if (isNew) await _images.Writer.WriteAsync(image, cancellationToken);
            if (image.CapturedAt is not { } reached) continue;
            // Newest first: from here on it is another's.
            if (reached < window.From) break;
            if (++count >= sharedAfter) Share(window, reached);
        }

        lock (_gate)
        {
            if (--_open == 0) _windows.Writer.Complete();
        }
    }

    /// <summary>Gives the older half of what is left of a window away, where somebody is idle.</summary>
    private void Share(Window window, DateTimeOffset reached)
    {
        if (window.From is not { } from || reached - from < 2 * Shortest) return;
        lock (_gate)
        {
            if (_open >= parallelism) return;
            var middle = from + ((reached - from) / 2);
            Open(new Window(from, middle));
            window.From = middle;
        }
    }

    private void Open(Window window)
    {
        lock (_gate)
        {
            _open++;
            _windows.Writer.TryWrite(window);
        }
    }

    /// <summary>A stretch of capture time, both ends included; null where it has no end.</summary>
    private sealed class Window(DateTimeOffset? from, DateTimeOffset? to)
    {
        public DateTimeOffset? From { get; set; } = from;

        public DateTimeOffset? To { get; } = to;
    }
}
