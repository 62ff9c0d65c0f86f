using System.Runtime.ExceptionServices;

namespace Mapillary.Services;

/// <summary>
/// What all requests to one service go through. When one is told that there are too many, all wait; then a single one tries, and only
/// its success lets the others on. After a fault that ends all, no further request is made.
/// </summary>
/// <remarks>
/// Polly's own circuit breaker refuses requests while it is open; here they are to wait, so that none of them counts as failed.
/// </remarks>
internal sealed class RequestGate(RetryRules rules, Func<Exception, RetryVerdict?> verdict, Func<Exception, bool> endsAll, Action<string> say, RetryWaits? waits)
{
    private readonly object _lock = new();
    private readonly long _start = rules.Clock.GetTimestamp();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Counts the pauses, so that an answer to a request from before a pause is known as such.</summary>
    private int _round;
    private int _limitedInARow;
    private TimeSpan _resumeAt;
    private TaskCompletionSource? _trial;
    private ExceptionDispatchInfo? _end;

    /// <summary>Whether no further request is made.</summary>
    public bool HasEnded => _ended.Task.IsCompleted;

    private TimeSpan Now => rules.Clock.GetElapsedTime(_start);

    /// <summary>Makes a request when its turn has come.</summary>
    public async ValueTask<T> PassAsync<T>(Func<CancellationToken, ValueTask<T>> request, CancellationToken cancellationToken)
    {
        var pass = await EnterAsync(cancellationToken).ConfigureAwait(false);
        T answer;
        try
        {
            answer = await request(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            Leave(pass, e);
            throw;
        }

        Leave(pass, fault: null);
        return answer;
    }

    private async ValueTask<Pass> EnterAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task turn;
            lock (_lock)
            {
                _end?.Throw();
                if (_limitedInARow == 0) return new Pass(_round, IsTrial: false);
                var left = _resumeAt - Now;
                if (left > TimeSpan.Zero)
                {
                    turn = Task.Delay(left, rules.Clock, cancellationToken);
                }
                else if (_trial is null)
                {
                    _trial = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    return new Pass(_round, IsTrial: true);
                }
                else
                {
                    turn = _trial.Task;
                }
            }

            await Task.WhenAny(turn, _ended.Task).WaitAsync(cancellationToken);
        }
    }

    private void Leave(Pass pass, Exception? fault)
    {
        string? words = null;
        lock (_lock)
        {
            if (pass.IsTrial)
            {
                _trial!.SetResult();
                _trial = null;
            }

            if (fault is not null && endsAll(fault))
            {
                End(fault);
            }
            else if (fault is null || (fault is not OperationCanceledException && verdict(fault) is null))
            {
                // An answer, be it a refusal: the service works again. A passing fault tells nothing.
                if (pass.Round == _round) _limitedInARow = 0;
            }
            else if (verdict(fault) is { RateLimited: true } limited)
            {
                words = Pause(pass, fault, limited);
            }
        }

        if (words is not null) say(words);
    }

    /// <returns>What is to be said of it; null where others know already.</returns>
    private string? Pause(Pass pass, Exception fault, RetryVerdict limited)
    {
        if (pass.Round != _round)
        {
            // One of many under way when the pause began; they count as one, and the longest wait asked for holds.
            if (limited.RetryAfter is not null && Now + rules.PauseAfter(limited, 0) is var later && later > _resumeAt) HoldBackUntil(later);
            return null;
        }

        _round++;
        if (++_limitedInARow >= rules.RateLimitAttempts)
        {
            End(fault);
            return null;
        }

        var wait = rules.PauseAfter(limited, _limitedInARow - 1);
        HoldBackUntil(Now + wait);
        return rules.Words(fault, limited, wait);
    }

    private void HoldBackUntil(TimeSpan time)
    {
        _resumeAt = time;
        waits?.HoldBack(time - Now);
    }

    private void End(Exception fault)
    {
        _end ??= ExceptionDispatchInfo.Capture(fault);
        _ended.TrySetResult();
    }

    private readonly record struct Pass(int Round, bool IsTrial);
}
