using System.Diagnostics;
using System.Management.Automation;

namespace Mapillary.PowerShell;

/// <summary>A line of progress with an id of its own, updated at most five times a second.</summary>
internal sealed class ProgressLine(MapillaryCommand command, string activity)
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(200);
    private static int _lastId = 0x4D41_5000;

    private readonly int _id = Interlocked.Increment(ref _lastId);
    private readonly Stopwatch _sinceLast = new();
    private bool _shown;

    /// <summary>Shows how far it is, unless the last time is too short ago. For the pipeline's thread.</summary>
    public void Show(string status)
    {
        if (_shown && _sinceLast.Elapsed < Shortest) return;
        _shown = true;
        _sinceLast.Restart();
        command.WriteProgress(new ProgressRecord(_id, activity, status));
    }

    /// <summary>Takes the line away.</summary>
    public void Complete()
    {
        if (!_shown) return;
        command.WriteProgress(new ProgressRecord(_id, activity, "done") { RecordType = ProgressRecordType.Completed });
        _shown = false;
    }
}
