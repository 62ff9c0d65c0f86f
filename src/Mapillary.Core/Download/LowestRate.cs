namespace Mapillary.Download;

/// <summary>
/// Tells a transfer that trickles: in each stretch of time it has to bring some bytes. A deadline for all of it by its size would let a
/// server that announces much, and sends next to nothing, hold it for hours.
/// </summary>
/// <param name="clock">The time.</param>
/// <param name="stretch">How long each stretch is.</param>
/// <param name="bytesASecond">What a transfer brings at least, on average over a stretch.</param>
internal sealed class LowestRate(TimeProvider clock, TimeSpan stretch, long bytesASecond)
{
    private long _begun = clock.GetTimestamp();
    private long _bytes;

    /// <summary>Begins anew, after a time that was not the server's.</summary>
    public void Restart() => (_begun, _bytes) = (clock.GetTimestamp(), 0);

    /// <summary>Takes note of bytes that came.</summary>
    /// <returns>Whether they come fast enough.</returns>
    public bool Note(int bytes)
    {
        _bytes += bytes;
        var elapsed = clock.GetElapsedTime(_begun);
        if (elapsed < stretch) return true;
        var isEnough = _bytes >= bytesASecond * stretch.TotalSeconds;
        Restart();
        return isEnough;
    }
}
