namespace Mapillary.Graph;

/// <summary>
/// Follows a listing through capture time, which the API lists newest first. Where its cursors lead no further, the listing goes on with what was
/// captured before the oldest image so far. That can be relied on only while the listing keeps that order, and gets older each time.
/// </summary>
/// <param name="times">The times that the API is asked for.</param>
internal sealed class TimeOrder(ImageFilter times)
{
    private DateTimeOffset? _oldest;
    private DateTimeOffset? _last;
    private bool _isBroken;

    /// <summary>The times that the API is to be asked for.</summary>
    public ImageFilter Times { get; private set; } = times;

    /// <summary>Whether the listing has gone on by time.</summary>
    public bool IsByTime { get; private set; }

    /// <summary>Whether no image had a time yet.</summary>
    public bool IsUnknown => _oldest is null;

    /// <summary>Whether the listing can go on from the oldest image so far. The API takes whole seconds, so it must have got older by one.</summary>
    public bool CanGoOn => !_isBroken && _oldest is { } oldest && (Times.Before is not { } before || WholeSecond(oldest) < WholeSecond(before));

    /// <summary>
    /// Whether there is nothing behind a page, wherever it leads: all that is older is not wanted; or the page, asked for what was captured up to
    /// the oldest image, has room for older ones and none but those of that second.
    /// </summary>
    /// <param name="page">The page.</param>
    /// <param name="isNew">Whether it brought an image for the first time.</param>
    /// <param name="isFull">Whether it has as many images as a page may have, for all that is known.</param>
    public bool IsAtEnd(ImagePage page, bool isNew, bool isFull) => !_isBroken && _oldest is { } oldest
        && (oldest < Times.After
            || (IsByTime && !isNew && !isFull && page.Images.Count > 0 && page.Images.All(i => i.CapturedAt is { } time && WholeSecond(time) == WholeSecond(oldest))));

    /// <summary>Notes an image that came for the first time.</summary>
    public void Note(MapillaryImage image)
    {
        if (image.CapturedAt is not { } time) return;
        _isBroken |= time > _last;
        _last = time;
        if (!(time >= _oldest)) _oldest = time;
    }

    /// <summary>The listing begins again: what was uploaded meanwhile comes first.</summary>
    public void StartOver() => _last = null;

    /// <summary>Goes on from the oldest image so far.</summary>
    public void GoOn()
    {
        Times = Times with { Before = _oldest };
        IsByTime = true;
        _last = null;
    }

    private static long WholeSecond(DateTimeOffset time) => (time.UtcTicks + TimeSpan.TicksPerSecond - 1) / TimeSpan.TicksPerSecond;
}
