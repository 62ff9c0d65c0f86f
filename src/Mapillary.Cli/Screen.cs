using System.Diagnostics;
using Mapillary.Backup;

namespace Mapillary.Cli;

/// <summary>
/// Standard error: progress, warnings and errors. On a terminal the progress is one line that is written over; redirected, it is
/// a line at each stage and one a minute in between. Any thread may speak.
/// </summary>
internal sealed class Screen : IRunLog, IProgress<BackupProgress>
{
    private const int WidthWhereUnknown = 80;
    private static readonly TimeSpan ShortestOnTerminal = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan ShortestInLog = TimeSpan.FromMinutes(1);

    private readonly object _gate = new();
    private readonly bool _isTerminal = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb";
    private readonly bool _verbose;
    private readonly Stopwatch _sinceLast = new();
    private string? _stage;
    private int _shown;

    public Screen(bool verbose = false) => _verbose = verbose;

    public void Say(string message)
    {
        if (_verbose) WriteLine(message);
    }

    public void Warn(string message) => WriteLine($"warning: {message}");

    public void Error(string message) => WriteLine($"error: {message}");

    public void Report(BackupProgress value)
    {
        var text = ShownText.Line(value.ToString());
        lock (_gate)
        {
            if (_isTerminal)
            {
                if (_sinceLast.IsRunning && _sinceLast.Elapsed < ShortestOnTerminal) return;
                var width = Console.IsOutputRedirected ? WidthWhereUnknown : Console.WindowWidth;
                // The last column stays free: some terminals begin a new line there.
                if (text.Length >= width) text = text[..Math.Max(0, width - 1)];
                Console.Error.Write($"\r{text.PadRight(_shown)}");
                _shown = text.Length;
            }
            else
            {
                // A tar more is no new stage: "Bundling 2024-01-15" is, after "Bundling 2024-01-14", still bundling.
                var stage = $"{value.User}: {value.Activity.Split(' ')[0]}";
                if (stage == _stage && _sinceLast.Elapsed < ShortestInLog) return;
                _stage = stage;
                Console.Error.WriteLine(text);
            }

            _sinceLast.Restart();
        }
    }

    /// <summary>A result, on standard output.</summary>
    public void Result(string line)
    {
        lock (_gate)
        {
            Clear();
            Console.Out.WriteLine(ShownText.Line(line));
        }
    }

    /// <summary>Takes the progress away.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            if (_shown == 0) return;
            Console.Error.Write($"\r{new string(' ', _shown)}\r");
            _shown = 0;
            _sinceLast.Reset();
        }
    }

    private void WriteLine(string message)
    {
        lock (_gate)
        {
            Clear();
            Console.Error.WriteLine(ShownText.Line(message));
        }
    }
}
