namespace Mapillary.Graph;

/// <summary>
/// Which capture times can be true. Cameras' clocks are set wrong or not at all, and some uploads gave seconds for milliseconds.
/// </summary>
public static class CaptureTime
{
    // Cameras and programs differ by their time zones; by more than a day nobody's clock is right.
    private static readonly TimeSpan Tolerance = TimeSpan.FromDays(1);

    /// <summary>
    /// No photo on Mapillary is older: digital cameras that note the time came later, and what seconds make of a time lies in 1970.
    /// </summary>
    public static DateTimeOffset Earliest { get; } = new(1995, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Whether a photo can have been taken then, as seen from a moment.</summary>
    /// <param name="time">The capture time.</param>
    /// <param name="now">The moment.</param>
    public static bool IsPossible(DateTimeOffset time, DateTimeOffset now) => time >= Earliest && time <= now + Tolerance;

    /// <summary>Whether a photo can have been taken then, as seen now.</summary>
    /// <param name="time">The capture time.</param>
    public static bool IsPossible(DateTimeOffset time) => IsPossible(time, DateTimeOffset.UtcNow);
}
