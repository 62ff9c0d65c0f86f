namespace Mapillary.Services;

/// <summary>
/// Keeps requests within a number a minute: they start evenly, a tenth slower than allowed, and whoever was idle may make up for one second.
/// </summary>
/// <param name="perMinute">The most requests that the service allows in any minute.</param>
/// <param name="clock">The clock by which is waited.</param>
/// <param name="jitter">By which share of the time between two starts it varies, up to a tenth.</param>
internal sealed class RequestPace(int perMinute, TimeProvider clock, double jitter = 0)
{
    private static readonly TimeSpan Leeway = TimeSpan.FromSeconds(1);

    private readonly TimeSpan _gap = TimeSpan.FromMinutes(1) / (perMinute * 0.9);
    private readonly long _start = clock.GetTimestamp();
    private readonly object _lock = new();
    private TimeSpan _next = -Leeway;

    /// <summary>Waits until a request may start.</summary>
    public Task WaitAsync(CancellationToken cancellationToken)
    {
        TimeSpan wait;
        lock (_lock)
        {
            var now = clock.GetElapsedTime(_start);
            if (_next < now - Leeway) _next = now - Leeway;
            wait = _next - now;
            _next += _gap * (1 + (jitter * ((2 * Random.Shared.NextDouble()) - 1)));
        }

        return wait > TimeSpan.Zero ? Task.Delay(wait, clock, cancellationToken) : Task.CompletedTask;
    }
}
