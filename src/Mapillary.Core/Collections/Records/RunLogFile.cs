using System.Globalization;
using System.Text.RegularExpressions;
using Mapillary.Collections.Files;

namespace Mapillary.Collections.Records;

/// <summary>
/// Keeps what a run says in a file of the collection too, a line each message, with its time in UTC. What is said before the collection is
/// known is kept until then. The file goes where the collection goes, to archive.org too: paths in it tell nothing of this machine.
/// </summary>
/// <param name="log">Told the same, with whole paths.</param>
/// <param name="folder">The folder that holds the collection; paths below it are written relative to it.</param>
internal sealed class RunLogFile(IRunLog log, string folder) : IRunLog, IDisposable
{
    private readonly IReadOnlyList<(Regex Path, string Name)> _folders = FoldersOfThisMachine(folder);
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
                _file = new StreamWriter(_folder.Create(_name, FileShare.Read)) { AutoFlush = true, NewLine = "\n" };
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
        foreach (var (path, name) in _folders) message = path.Replace(message, name);
        var time = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        var line = $"{time} {kind}{ShownText.Line(message)}";
        lock (_gate)
        {
            if (_closed) return;
            if (_file is null) _early.Add(line);
            else WriteLine(line);
        }
    }

    /// <summary>What paths begin with that only this machine has, and what is written instead; also in the system's own errors.</summary>
    private static List<(Regex Path, string Name)> FoldersOfThisMachine(string folder)
    {
        var folders = new List<(Regex, string)>();
        var options = OperatingSystem.IsLinux() ? RegexOptions.CultureInvariant : RegexOptions.CultureInvariant | RegexOptions.IgnoreCase;
        if (Path.IsPathRooted(folder)) Add(folder, ".");
        Add(Path.GetFullPath(folder), ".");
        Add(Environment.CurrentDirectory, ".");
        Add(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), "~");
        return folders;

        void Add(string path, string name)
        {
            path = Path.TrimEndingDirectorySeparator(path);
            // A root tells nothing, and would be found in every path.
            if (path.Length == 0 || path == Path.GetPathRoot(path)) return;
            // Not the beginning of another folder's name.
            folders.Add((new Regex($@"{Regex.Escape(path)}(?![\w-])", options), name));
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
