using System.Runtime.InteropServices;

namespace Mapillary.Cli;

/// <summary>
/// Ctrl+C, SIGTERM and SIGHUP, on Windows also Ctrl+Break, a console that is closed (which .NET has for SIGHUP) and the shutdown (for
/// SIGTERM): the first cancels the work, a second one ends the process the system's way.
/// </summary>
internal sealed class Interruption : IDisposable
{
    /// <summary>How long cancelled work may take to end; whoever presses Ctrl+C is not kept waiting for a second.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(700);

    /// <summary>
    /// Windows gives a process five seconds when its console is closed or the system is shut down, and ends it as soon as the handler is
    /// done (HandlerRoutine, Console Functions): the process is to end by itself before.
    /// </summary>
    private static readonly TimeSpan TimeToEnd = TimeSpan.FromSeconds(4.5);

    private readonly CancellationTokenSource _stop = new();
    private readonly PosixSignalRegistration[] _signals;
    private volatile bool _isClosing;

    public Interruption()
    {
        List<PosixSignal> signals = [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP];
        // Elsewhere it is there to end a program at once, with a dump.
        if (OperatingSystem.IsWindows()) signals.Add(PosixSignal.SIGQUIT);
        _signals = [.. signals.Select(signal => PosixSignalRegistration.Create(signal, Stop))];
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => _stop.Token;

    /// <summary>Ends when the work was cancelled and had time enough to end.</summary>
    public async Task OverdueAsync()
    {
        await Task.Delay(Timeout.Infinite, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Task.Delay(Grace);
    }

    public void Dispose()
    {
        // A handler that is waited for holds the lock that this needs.
        if (_isClosing) return;
        foreach (var signal in _signals) signal.Dispose();
        _stop.Dispose();
    }

    private void Stop(PosixSignalContext context)
    {
        if (_stop.IsCancellationRequested) return;
        context.Cancel = true;
        _isClosing = OperatingSystem.IsWindows() && context.Signal is PosixSignal.SIGTERM or PosixSignal.SIGHUP;
        _stop.Cancel();
        if (_isClosing) Thread.Sleep(TimeToEnd);
    }
}
