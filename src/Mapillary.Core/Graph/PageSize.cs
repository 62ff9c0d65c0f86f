namespace Mapillary.Graph;

/// <summary>
/// How many images are asked for on a page: fewer where the service cannot answer, down to one, and more again where it can. One dense stretch of
/// an account does not make its whole listing slow.
/// </summary>
internal sealed class PageSize
{
    /// <summary>How many pages in a row are answered before a larger one is tried.</summary>
    private const int FirstPatience = 4;

    /// <summary>The most of them: each larger page that fails doubles their number, for it may have cost minutes.</summary>
    private const int LongestPatience = 64;

    private int _patience = FirstPatience;
    private int _inARow;
    private bool _isTrial;

    /// <summary>How many to ask for.</summary>
    public int Current { get; private set; } = GraphClient.LargestPage;

    /// <summary>Notes that a page was answered.</summary>
    public void Answered()
    {
        _isTrial = false;
        if (Current == GraphClient.LargestPage || ++_inARow < _patience) return;
        Current = Math.Min(Current * 2, GraphClient.LargestPage);
        (_inARow, _isTrial) = (0, true);
    }

    /// <summary>Notes that a page was too large.</summary>
    /// <param name="fault">Whether it was too much data, which is said at once, or took too long, which costs time and so is not tried in many steps.</param>
    public void Failed(GraphFault fault)
    {
        // Back to what was answered before, where this was only tried.
        var divisor = fault == GraphFault.TimedOut && !_isTrial ? 4 : 2;
        if (_isTrial) _patience = Math.Min(_patience * 2, LongestPatience);
        Current = Math.Max(1, Current / divisor);
        (_inARow, _isTrial) = (0, false);
    }
}
