using System.Globalization;

namespace Mapillary.Backup;

/// <summary>
/// Keeps what a run says in a file of the collection too, each line with its time in UTC. What is said before the collection is
/// known is kept until then.
/// </summary>
internal sealed class RunLogFile(IRunLog log) : IRunLog, IDisposable
{
    private readonly object _gate = new();
    private readonly List<string> _early = [];
    private StreamWriter? _file;
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

    /// <summary>Begins <c>download.log.&lt;time&gt;</c> in a collection.</summary>
    /// <exception cref="Mapillary.Collections.CollectionException">The folder cannot be written.</exception>
    public void OpenFile(string collectionPath)
    {
        lock (_gate)
        {
            try
            {
                Directory.CreateDirectory(collectionPath);
                var name = Collections.CollectionFiles.RunLogPrefix + DateTime.UtcNow.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture);
                _file = new StreamWriter(new FileStream(Path.Combine(collectionPath, name), FileMode.Append, FileAccess.Write, FileShare.Read)) { AutoFlush = true };
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw Collections.CollectionException.NotWritable(collectionPath, e);
            }

            foreach (var line in _early) _file.WriteLine(line);
            _early.Clear();
        }
    }

    public void CloseFile()
    {
        lock (_gate)
        {
            _closed = true;
            _file?.Dispose();
        }
    }

    public void Dispose() => CloseFile();

    private void Write(string kind, string message)
    {
        var line = $"{DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)} {kind}{message}";
        lock (_gate)
        {
            if (_closed) return;
            if (_file is null) _early.Add(line);
            else _file.WriteLine(line);
        }
    }
}
