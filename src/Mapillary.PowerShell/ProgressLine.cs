using System.Diagnostics;
using System.Management.Automation;

namespace Mapillary.PowerShell;

/// <summary>A line of progress, and one below it for each stage; they change at most five times a second.</summary>
internal sealed class ProgressLine
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(200);

    /// <summary>Ids that other modules will hardly use; each line has sixteen, for itself and its stages.</summary>
    private static int _lastId = 0x4D41_5000;

    private readonly MapillaryCommand _command;
    private readonly string _activity;
    private readonly int _id = Interlocked.Add(ref _lastId, 16);
    private readonly Stopwatch _sinceLast = new();
    private readonly List<string> _stages = [];
    private readonly HashSet<string> _shownStages = [];
    private bool _shown;
    private Action? _soon;
    private Action? _stopFollowing;
    private bool _isOver;

    public ProgressLine(MapillaryCommand command, string activity) => (_command, _activity) = (command, activity);

    /// <summary>Shows how far it is, unless the last time is too short ago. For the pipeline's thread.</summary>
    /// <param name="status">How far all of it is.</param>
    /// <param name="percent">How much of a hundred; null where that is not known.</param>
    /// <param name="stages">How far each stage is; one that was there before and is no more goes.</param>
    public void Show(string status, int? percent = null, IReadOnlyList<(string Name, string Status)>? stages = null)
    {
        if (_isOver || (_shown && _sinceLast.Elapsed < Shortest)) return;
        _shown = true;
        _sinceLast.Restart();
        _command.WriteProgress(new ProgressRecord(_id, _activity, ShownText.Line(status)) { PercentComplete = percent ?? -1 });
        foreach (var (name, stage) in stages ?? [])
        {
            if (!_stages.Contains(name)) _stages.Add(name);
            _shownStages.Add(name);
            _command.WriteProgress(StageOf(name, stage));
        }

        foreach (var name in _shownStages.Where(n => stages?.Any(s => s.Name == n) != true).ToList()) Remove(name);
    }

    /// <summary>Has the pipeline's thread show how far it is; for the threads beside it. Of several that it has not come to, the last counts.</summary>
    public void ShowSoon(string status, int? percent = null, IReadOnlyList<(string Name, string Status)>? stages = null)
    {
        if (Interlocked.Exchange(ref _soon, () => Show(status, percent, stages)) is null) _command.Post(() => Interlocked.Exchange(ref _soon, null)?.Invoke());
    }

    /// <summary>Asks time and again how far it is, also while nothing happens, until it is taken away or the cmdlet ends.</summary>
    /// <param name="read">Says how far; on another thread.</param>
    public void Follow(Func<string> read)
    {
        if (_stopFollowing is not null) return;
        var timer = new Timer(_ => ShowSoon(read()), null, Shortest, Shortest);
        _stopFollowing = timer.Dispose;
        _command.Stopped.Register(timer.Dispose);
    }

    /// <summary>How much of a hundred something is; null where it is not known of how much.</summary>
    public static int? Percent(long done, long total) => total > 0 ? (int)Math.Min(100, done * 100 / total) : null;

    /// <summary>Takes it all away.</summary>
    public void Complete()
    {
        _stopFollowing?.Invoke();
        // A tick that is on its way shows nothing any more.
        _isOver = true;
        if (!_shown) return;
        foreach (var name in _shownStages.ToList()) Remove(name);
        _command.WriteProgress(new ProgressRecord(_id, _activity, "done") { RecordType = ProgressRecordType.Completed });
        _shown = false;
    }

    private void Remove(string name)
    {
        var record = StageOf(name, "done");
        record.RecordType = ProgressRecordType.Completed;
        _command.WriteProgress(record);
        _shownStages.Remove(name);
    }

    private ProgressRecord StageOf(string name, string status) => new(_id + 1 + _stages.IndexOf(name), name, ShownText.Line(status)) { ParentActivityId = _id };
}
