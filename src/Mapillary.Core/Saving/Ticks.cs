namespace Mapillary.Saving;

/// <summary>Has something done time and again while one waits; never beside the one who waits.</summary>
internal sealed class Ticks : IDisposable
{
    private readonly PeriodicTimer _timer;
    private readonly Action _tick;
    private Task<bool> _next;

    public Ticks(TimeSpan period, TimeProvider clock, Action tick)
    {
        _timer = new PeriodicTimer(period, clock);
        _tick = tick;
        _next = _timer.WaitForNextTickAsync().AsTask();
    }

    public void Dispose() => _timer.Dispose();

    /// <summary>Waits for a task.</summary>
    public async ValueTask<T> UntilAsync<T>(ValueTask<T> awaited)
    {
        if (awaited.IsCompleted) return await awaited;
        var task = awaited.AsTask();
        while (await Task.WhenAny(task, _next) != task)
        {
            _next = _timer.WaitForNextTickAsync().AsTask();
            _tick();
        }

        return await task;
    }
}
