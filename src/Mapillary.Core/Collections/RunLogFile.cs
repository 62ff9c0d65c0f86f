using System.Globalization;

namespace Mapillary.Collections;

/// <summary>
/// Keeps what a run says in a file of the collection too, each line with its time in UTC. What is said before the collection is
/// known is kept until then.
/// </summary>
internal sealed class RunLogFile(IRunLog log) : IRunLog, IDisposable
{
    private readonly object _gate = new();
    private readonly List<string> _early = [];
    private StreamWriter? _file;
    private CollectionFolder? _folder;
    private string _name = "";
    private bool _closed;

    public void Say(string message)
    {
        log.Say(message);
        Write("", message);
    }

    public void Warn(string message)
    {
        log.Warn(message);
        Write("WARNING ", message);
    }

    /// <summary>Whether the file was begun.</summary>
    public bool IsOpen => _file is not null;

    /// <summary>Begins <c>download.log.&lt;time&gt;</c> in a collection.</summary>
    /// <exception cref="CollectionException">The folder cannot be written.</exception>
    public void OpenFile(string collectionPath)
    {
        lock (_gate)
        {
            try
            {
                _folder = new CollectionFolder(collectionPath);
                var name = _name = CollectionFiles.RunLogPrefix + DateTime.UtcNow.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture);
                // Of an earlier run in the same second.
                for (var number = 2; _folder.Has(_name); number++) _name = FormattableString.Invariant($"{name}.{number}");
                _file = new StreamWriter(_folder.Create(_name, FileShare.Read)) { AutoFlush = true };
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw CollectionException.NotWritable(collectionPath, e);
            }

            foreach (var line in _early) WriteLine(line);
            _early.Clear();
        }
    }

    /// <summary>Says in the file why a run did not come to its end.</summary>
    public void SayEnd(Exception e) => Write("", e is OperationCanceledException ? "Interrupted; the next run goes on here." : $"Ended with an error: {e.Message}");

    public void CloseFile()
    {
        lock (_gate)
        {
            _closed = true;
            _file?.Dispose();
        }
    }

    /// <summary>Takes the closed file away: it would tell of nothing.</summary>
    public void RemoveFile()
    {
        if (_file is not null) _folder!.Delete(_name);
    }

    public void Dispose() => CloseFile();

    private void Write(string kind, string message)
    {
        var line = $"{DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)} {kind}{message}";
        lock (_gate)
        {
            if (_closed) return;
            if (_file is null) _early.Add(line);
            else WriteLine(line);
        }
    }

    /// <summary>On a full disk the log ends, and what the run itself cannot write is what ends the run.</summary>
    private void WriteLine(string line)
    {
        try
        {
            _file!.WriteLine(line);
        }
        catch (IOException e)
        {
            _closed = true;
            log.Warn($"The log '{_folder!.PathOf(_name)}' ends here: {e.Message}");
        }
    }
}
