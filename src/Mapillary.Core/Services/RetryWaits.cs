namespace Mapillary.Services;

/// <summary>What requests to a service are waiting for, for whoever shows how a run goes. Any thread may ask and tell.</summary>
/// <param name="clock">The clock by which is waited.</param>
public sealed class RetryWaits(TimeProvider clock)
{
    private readonly object _lock = new();
    private readonly long _start = clock.GetTimestamp();
    private readonly PriorityQueue<bool, TimeSpan> _ends = new();
    private TimeSpan _allGoOnAt;

    /// <summary>How many requests met a passing fault and wait before they are made again.</summary>
    public int Requests
    {
        get
        {
            lock (_lock)
            {
                while (_ends.TryPeek(out _, out var end) && end <= Now) _ends.Dequeue();
                return _ends.Count;
            }
        }
    }

    /// <summary>For how long all requests are held back, because the service asks for fewer; zero where they are not.</summary>
    public TimeSpan HeldBackFor
    {
        get
        {
            lock (_lock) return _allGoOnAt > Now ? _allGoOnAt - Now : TimeSpan.Zero;
        }
    }

    private TimeSpan Now => clock.GetElapsedTime(_start);

    /// <summary>Notes that a request waits.</summary>
    internal void Begin(TimeSpan wait)
    {
        lock (_lock) _ends.Enqueue(true, Now + wait);
    }

    /// <summary>Notes that all requests wait.</summary>
    internal void HoldBack(TimeSpan wait)
    {
        lock (_lock) _allGoOnAt = Now + wait;
    }
}
