using System.Globalization;

namespace Mapillary.Saving;

/// <summary>How fast a run is, by its last minute; for one thread.</summary>
/// <param name="clock">The clock.</param>
public sealed class RunRate(TimeProvider clock)
{
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    /// <summary>Sums so far, no more than one a second.</summary>
    private readonly Queue<(TimeSpan At, long Images, long Bytes)> _sums = new([(TimeSpan.Zero, 0, 0)]);
    private readonly long _begun = clock.GetTimestamp();
    private (TimeSpan At, long Images, long Bytes) _last;

    /// <summary>Images a second; 0 before the first second is over.</summary>
    public double Images => Seconds is > 0 and var seconds ? (_last.Images - _sums.Peek().Images) / seconds : 0;

    /// <summary>Bytes a second.</summary>
    public double Bytes => Seconds is > 0 and var seconds ? (_last.Bytes - _sums.Peek().Bytes) / seconds : 0;

    private double Seconds => _last.At - _sums.Peek().At is var span && span >= TimeSpan.FromSeconds(1) ? span.TotalSeconds : 0;

    /// <summary>Notes how far the run is.</summary>
    /// <param name="images">How many images it has brought so far.</param>
    /// <param name="bytes">And how many bytes.</param>
    public void Note(long images, long bytes)
    {
        var now = clock.GetElapsedTime(_begun);
        if (now - _last.At < TimeSpan.FromSeconds(1) && _last.At > TimeSpan.Zero) return;
        _last = (now, images, bytes);
        _sums.Enqueue(_last);
        while (_sums.Count > 2 && now - _sums.Peek().At > Window) _sums.Dequeue();
    }

    /// <summary>How long a number of further images will take, in words; null where that cannot be told.</summary>
    public string? TimeFor(long images) => images > 0 && Images > 0 ? InWords(TimeSpan.FromSeconds(images / Images)) : null;

    /// <summary>A time in its two largest units, such as "2 days 3 h".</summary>
    public static string InWords(TimeSpan time)
    {
        (long Number, string Unit)[] parts = [((long)time.TotalDays, time.TotalDays is >= 1 and < 2 ? "day" : "days"), (time.Hours, "h"), (time.Minutes, "min"), (time.Seconds, "s")];
        var shown = parts.SkipWhile(p => p.Number == 0).Take(2).Where(p => p.Number > 0).Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Number} {p.Unit}"));
        return string.Join(' ', shown) is { Length: > 0 } text ? text : "0 s";
    }
}
