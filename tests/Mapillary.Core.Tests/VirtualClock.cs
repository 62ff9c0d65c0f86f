namespace Mapillary.Tests;

/// <summary>A clock on which waits take no time: either it runs ahead to each moment that somebody waits for, or a test moves it.</summary>
public sealed class VirtualClock(bool runsAhead) : TimeProvider
{
    private readonly object _lock = new();
    private readonly List<Timer> _pending = [];
    private readonly List<TimeSpan> _waits = [];
    private readonly List<(int Count, TaskCompletionSource Reached)> _watchers = [];
    private TimeSpan _now;

    /// <summary>Every wait that was asked for, in order.</summary>
    public IReadOnlyList<TimeSpan> Waits
    {
        get
        {
            lock (_lock) return [.. _waits];
        }
    }

    public TimeSpan Now
    {
        get
        {
            lock (_lock) return _now;
        }
    }

    private bool RunsAhead => runsAhead;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Now.Ticks;

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + Now;

    /// <summary>Waits until so many wait.</summary>
    public Task WaitersAsync(int count)
    {
        lock (_lock)
        {
            if (_pending.Count >= count) return Task.CompletedTask;
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _watchers.Add((count, reached));
            return reached.Task.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        }
    }

    public void Advance(TimeSpan by)
    {
        List<Timer> due;
        lock (_lock)
        {
            _now += by;
            due = _pending.FindAll(t => t.Due <= _now);
            _pending.RemoveAll(due.Contains);
        }

        due.ForEach(t => t.Fire());
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private void Start(Timer timer, TimeSpan dueTime)
    {
        lock (_lock)
        {
            _pending.Remove(timer);
            if (dueTime < TimeSpan.Zero) return;
            _waits.Add(dueTime);
            timer.Due = _now + dueTime;
            if (!runsAhead)
            {
                _pending.Add(timer);
                foreach (var watcher in _watchers.FindAll(w => w.Count <= _pending.Count)) watcher.Reached.TrySetResult();
                return;
            }

            if (timer.Due > _now) _now = timer.Due;
        }

        // Not within the call that makes the timer: no real one is that fast.
        ThreadPool.QueueUserWorkItem(_ => timer.Fire());
    }

    private sealed class Timer(VirtualClock clock, TimerCallback callback, object? state) : ITimer
    {
        private bool _isDisposed;
        private TimeSpan _period;

        public TimeSpan Due { get; set; }

        public void Fire()
        {
            if (_isDisposed) return;
            // One that runs ahead would never come to an end.
            if (_period > TimeSpan.Zero && !clock.RunsAhead) clock.Start(this, _period);
            callback(state);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _period = period;
            clock.Start(this, dueTime);
            return true;
        }

        public void Dispose()
        {
            _isDisposed = true;
            lock (clock._lock) clock._pending.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
