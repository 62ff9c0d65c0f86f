namespace Mapillary;

/// <summary>
/// Where a run says what it does. The Core speaks; whoever called it decides where the words go: the verbose stream, a
/// terminal, a log file. All methods may be called from any thread and at any time while the run lasts.
/// </summary>
public interface IRunLog
{
    /// <summary>One network or file step. Never holds a token, a key or a signed address.</summary>
    void Say(string message);

    /// <summary>Something a person should know although the run goes on.</summary>
    void Warn(string message);

    /// <summary>The same, with what to do about it, which a front end may say in its own words.</summary>
    void Warn(string message, Advice advice) => Warn(message);
}

/// <summary>A log that nobody reads.</summary>
public sealed class SilentLog : IRunLog
{
    /// <summary>The one instance.</summary>
    public static SilentLog Instance { get; } = new();

    private SilentLog()
    {
    }

    /// <inheritdoc/>
    public void Say(string message)
    {
    }

    /// <inheritdoc/>
    public void Warn(string message)
    {
    }
}
