namespace Mapillary.Download;

/// <summary>Lets as many transfers go on at once as <see cref="ConnectionTuner"/> finds worth it; the others wait, in the order of asking.</summary>
/// <param name="most">The most transfers at once.</param>
/// <param name="clock">The clock by which throughput is measured.</param>
/// <param name="changed">Told each new number.</param>
internal sealed class ConnectionLimit(int most, TimeProvider clock, Action<int> changed)
{
    private readonly object _gate = new();
    private readonly ConnectionTuner _tuner = new(most, clock);
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private int _underWay;

    /// <summary>How many transfers may go on at once now.</summary>
    public int Current
    {
        get
        {
            lock (_gate) return _tuner.Current;
        }
    }

    /// <summary>Waits until one more transfer may begin; it has to be told of its end.</summary>
    public async ValueTask EnterAsync(CancellationToken cancellationToken)
    {
        TaskCompletionSource turn;
        lock (_gate)
        {
            if (_underWay < _tuner.Current)
            {
                _underWay++;
                return;
            }

            turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(turn);
        }

        await using var registration = cancellationToken.Register(() => turn.TrySetCanceled(cancellationToken));
        await turn.Task;
    }

    /// <summary>A transfer has brought a picture.</summary>
    /// <param name="bytes">Its size.</param>
    /// <param name="wasHeldUp">Whether it waited for something else than the line.</param>
    public void Done(long bytes, bool wasHeldUp) => Leave(tuner => tuner.Done(bytes, wasHeldUp || _waiting.Count == 0));

    /// <summary>A transfer has ended in that the servers ask for less, or in standing still.</summary>
    public void Trouble() => Leave(tuner => tuner.Trouble());

    /// <summary>A transfer has ended otherwise.</summary>
    public void Leave() => Leave(_ => { });

    private void Leave(Action<ConnectionTuner> tell)
    {
        int? news;
        lock (_gate)
        {
            var before = _tuner.Current;
            tell(_tuner);
            _underWay--;
            while (_underWay < _tuner.Current && _waiting.TryDequeue(out var next))
            {
                if (next.TrySetResult()) _underWay++;
            }

            news = _tuner.Current == before ? null : _tuner.Current;
        }

        if (news is { } number) changed(number);
    }
}
