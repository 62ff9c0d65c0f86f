namespace Mapillary.Download;

/// <summary>
/// Keeps the bytes that are in memory at once under a limit: whoever wants some waits until there is room, in the order of
/// asking. One that wants more than there is in all gets all of it, alone.
/// </summary>
internal sealed class MemoryBudget
{
    private readonly long _limit;
    private readonly object _gate = new();
    private readonly Queue<(long Bytes, TaskCompletionSource Turn)> _waiting = new();
    private long _free;

    /// <param name="limit">The most bytes reserved at once.</param>
    public MemoryBudget(long limit) => _free = _limit = limit;

    /// <summary>Waits for room.</summary>
    /// <param name="bytes">How many bytes are wanted.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>What to hand back to <see cref="Release"/>.</returns>
    public async ValueTask<long> ReserveAsync(long bytes, CancellationToken cancellationToken)
    {
        bytes = Math.Clamp(bytes, 1, _limit);
        TaskCompletionSource turn;
        lock (_gate)
        {
            if (_waiting.Count == 0 && _free >= bytes)
            {
                _free -= bytes;
                return bytes;
            }

            turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue((bytes, turn));
        }

        await using var registration = cancellationToken.Register(() => turn.TrySetCanceled(cancellationToken));
        await turn.Task;
        return bytes;
    }

    /// <summary>
    /// Takes more for an answer that turned out larger than thought. It does not wait, because whoever holds some and waits for more
    /// waits for ever; the next ones wait the longer.
    /// </summary>
    public void Overdraw(long bytes)
    {
        lock (_gate) _free -= bytes;
    }

    /// <summary>Gives back what was reserved.</summary>
    public void Release(long bytes)
    {
        lock (_gate)
        {
            _free += bytes;
            while (_waiting.TryPeek(out var next) && (next.Turn.Task.IsCompleted || _free >= next.Bytes))
            {
                _waiting.Dequeue();
                if (next.Turn.TrySetResult()) _free -= next.Bytes;
            }
        }
    }
}
