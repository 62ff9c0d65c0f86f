namespace Mapillary.Download;

/// <summary>
/// Finds out how many transfers at once are worth it: more while more come through, fewer when the servers complain. It looks at stretches
/// of time in which each connection brought about two pictures, and compares what came through.
/// </summary>
/// <param name="most">The most transfers at once.</param>
/// <param name="clock">The clock by which throughput is measured.</param>
internal sealed class ConnectionTuner(int most, TimeProvider clock)
{
    private const int First = 4;
    private const int PicturesAConnection = 2;

    /// <summary>While it rises, more that bring no more than this are too many.</summary>
    private const double WorthDoubling = 1.1;

    private const double WorthMore = 1.05;
    private const double AsGood = 0.97;

    /// <summary>Far below what was, the line is another one.</summary>
    private const double AnotherLine = 0.6;

    private const int FirstRest = 4;
    private const int LongestRest = 64;
    private const int RestAfterTrouble = 16;

    private static readonly TimeSpan ShortestStretch = TimeSpan.FromMilliseconds(200);

    private Phase _phase = Phase.Rising;
    private int _before;
    private double _best;
    private int _rest = FirstRest;
    private int _stretchesLeft;
    private int _slowInARow;

    private long _begun = clock.GetTimestamp();
    private long _bytes;
    private int _pictures;
    private int _held;
    // Those that were under way when the number changed say nothing about the new one.
    private int _toPassOver;

    private enum Phase
    {
        /// <summary>Twice as many each time, until that brings nothing.</summary>
        Rising,

        /// <summary>As many as were found best.</summary>
        Resting,

        /// <summary>Some more, to see.</summary>
        TryingMore,

        /// <summary>Some fewer, to see.</summary>
        TryingFewer,
    }

    /// <summary>How many transfers at once are best, as far as is known.</summary>
    public int Current { get; private set; } = Math.Min(First, most);

    /// <summary>A picture came through.</summary>
    /// <param name="bytes">Its size.</param>
    /// <param name="wasHeldUp">Whether more could have been under way, or this one waited for something else than the line.</param>
    public void Done(long bytes, bool wasHeldUp)
    {
        if (_toPassOver > 0)
        {
            if (--_toPassOver == 0) Begin();
            return;
        }

        _bytes += bytes;
        _pictures++;
        if (wasHeldUp) _held++;
        var elapsed = clock.GetElapsedTime(_begun);
        if (_pictures < PicturesAConnection * Current || elapsed < ShortestStretch) return;
        // Where something else is the brake, the number of connections is not what was measured.
        var rate = _held * 4 < _pictures ? _bytes / elapsed.TotalSeconds : (double?)null;
        Begin();
        if (rate is { } measured) Decide(measured);
    }

    /// <summary>The servers ask for less, or a transfer stood still.</summary>
    public void Trouble()
    {
        // Of many under way at once, the first one counts.
        if (_phase == Phase.Resting && _toPassOver > 0) return;
        (_phase, _best, _rest, _stretchesLeft) = (Phase.Resting, 0, RestAfterTrouble, RestAfterTrouble);
        Set(Math.Max(1, Current / 2));
        _toPassOver = Math.Max(_toPassOver, 1);
    }

    private void Decide(double rate)
    {
        switch (_phase)
        {
            case Phase.Rising when _best == 0 || rate >= _best * WorthDoubling:
                (_best, _before) = (rate, Current);
                if (Current == most) Rest();
                else Set(Math.Min(most, Current * 2));
                break;
            case Phase.Rising:
                Set(_before);
                Rest();
                break;
            case Phase.Resting:
                Watch(rate);
                break;
            case Phase.TryingMore when rate >= _best * WorthMore:
                (_best, _before, _rest) = (rate, Current, FirstRest);
                TryMore();
                break;
            case Phase.TryingMore:
                Set(_before);
                TryFewer();
                break;
            case Phase.TryingFewer when rate >= _best * AsGood:
                _best = Math.Max(_best, rate);
                _before = Current;
                TryFewer();
                break;
            default:
                Set(_before);
                _rest = Math.Min(_rest * 2, LongestRest);
                Rest();
                break;
        }
    }

    private void Watch(double rate)
    {
        _slowInARow = rate < _best * AnotherLine ? _slowInARow + 1 : 0;
        if (_slowInARow >= 3)
        {
            (_phase, _best, _slowInARow) = (Phase.Rising, 0, 0);
            Set(Math.Max(1, Current / 2));
            return;
        }

        // Slowly: one stretch is not what the line can do.
        _best = _best == 0 ? rate : (_best * 0.8) + (rate * 0.2);
        if (--_stretchesLeft > 0) return;
        _before = Current;
        TryMore();
    }

    private void Rest() => (_phase, _stretchesLeft, _slowInARow) = (Phase.Resting, _rest, 0);

    private void TryMore()
    {
        if (Current == most)
        {
            TryFewer();
            return;
        }

        _phase = Phase.TryingMore;
        Set(Math.Min(most, Current + Math.Max(1, Current / 4)));
    }

    private void TryFewer()
    {
        if (_before == 1)
        {
            Rest();
            return;
        }

        _phase = Phase.TryingFewer;
        Set(_before - Math.Max(1, _before / 4));
    }

    private void Set(int number)
    {
        if (number == Current) return;
        _toPassOver = Math.Max(number, Current);
        Current = number;
    }

    private void Begin() => (_begun, _bytes, _pictures, _held) = (clock.GetTimestamp(), 0, 0, 0);
}
