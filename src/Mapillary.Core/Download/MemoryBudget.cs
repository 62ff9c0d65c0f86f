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
    private readonly Queue<TaskCompletionSource> _growing = new();
    private bool _isExceeded;
    private long _free;

    /// <param name="limit">The most bytes reserved at once.</param>
    public MemoryBudget(long limit) => _free = _limit = limit;

    /// <summary>Waits for room.</summary>
    /// <param name="bytes">How many bytes are wanted.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <returns>The room; disposing gives it back.</returns>
    public async ValueTask<Reservation> ReserveAsync(long bytes, CancellationToken cancellationToken)
    {
        bytes = Math.Clamp(bytes, 1, _limit);
        TaskCompletionSource turn;
        lock (_gate)
        {
            if (_waiting.Count == 0 && _free >= bytes)
            {
                _free -= bytes;
                return new Reservation(this, bytes);
            }

            turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue((bytes, turn));
        }

        await using var registration = cancellationToken.Register(() => turn.TrySetCanceled(cancellationToken));
        await turn.Task;
        return new Reservation(this, bytes);
    }

    private void Release(long bytes, bool wasBeyond)
    {
        lock (_gate)
        {
            _free += bytes;
            if (wasBeyond)
            {
                _isExceeded = false;
                while (!_isExceeded && _growing.TryDequeue(out var next)) _isExceeded = next.TrySetResult();
            }

            while (_waiting.TryPeek(out var next) && (next.Turn.Task.IsCompleted || _free >= next.Bytes))
            {
                _waiting.Dequeue();
                if (next.Turn.TrySetResult()) _free -= next.Bytes;
            }
        }
    }

    /// <summary>Room that somebody has; used by one at a time.</summary>
    internal sealed class Reservation(MemoryBudget budget, long bytes) : IDisposable
    {
        private long _bytes = bytes;
        private bool _isBeyond;

        /// <summary>
        /// Takes more, for what turns out larger than thought. Those that hold some and want more could wait for each other for ever; so one
        /// at a time goes beyond the limit, which ends and gives back, and the others wait for that.
        /// </summary>
        /// <param name="more">How many bytes more are wanted.</param>
        /// <param name="cancellationToken">Gives up waiting; what is held stays held.</param>
        public async ValueTask GrowAsync(long more, CancellationToken cancellationToken)
        {
            var turn = TakeOrQueue(more);
            if (turn is not null)
            {
                await using var registration = cancellationToken.Register(() => turn.TrySetCanceled(cancellationToken));
                await turn.Task;
                _isBeyond = true;
                lock (budget._gate) budget._free -= more;
            }

            _bytes += more;
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            if (_bytes == 0) return;
            budget.Release(_bytes, _isBeyond);
            _bytes = 0;
        }

        /// <returns>What to wait for; null where it is taken.</returns>
        private TaskCompletionSource? TakeOrQueue(long more)
        {
            lock (budget._gate)
            {
                if (budget._free < more && !_isBeyond)
                {
                    if (budget._isExceeded)
                    {
                        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                        budget._growing.Enqueue(turn);
                        return turn;
                    }

                    _isBeyond = budget._isExceeded = true;
                }

                budget._free -= more;
                return null;
            }
        }
    }
}
