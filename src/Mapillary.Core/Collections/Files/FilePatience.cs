using System.Diagnostics;

namespace Mapillary.Collections.Files;

/// <summary>What is done to a file or a folder.</summary>
internal enum FileAct
{
    /// <summary>It is opened to be read, or looked into.</summary>
    Read,

    /// <summary>It is opened to be written.</summary>
    Write,

    /// <summary>It is made.</summary>
    Create,

    /// <summary>It gets another name, or another folder.</summary>
    Move,

    /// <summary>It is removed.</summary>
    Delete,
}

/// <summary>
/// Tries again, for some seconds, what Windows refuses while another program has a file open: an antivirus, an indexer, a monitor, a
/// viewer. Most of them let go of it within milliseconds. The system's errors for it are sharing violation, lock violation, and, for a
/// file that is replaced or was just removed, access denied (System Error Codes 32, 33 and 5). Other systems refuse none of this.
/// </summary>
internal class FilePatience
{
    /// <summary>Takes the place of the usual one where a test plays another program.</summary>
    internal static readonly AsyncLocal<FilePatience?> Instead = new();

    private const int AccessDenied = unchecked((int)0x80070005);
    private const int LockViolation = unchecked((int)0x80070021);
    private const int ShortestWait = 5;
    private const int LongestWait = 250;

    private static readonly FilePatience Usual = new();

    // Where waiting was of no use: whoever may not write there at all would wait for each of a thousand files.
    private string? _closedFolder;

    /// <summary>The one that counts here.</summary>
    public static FilePatience Current => Instead.Value ?? Usual;

    /// <summary>How long it is tried.</summary>
    protected virtual TimeSpan Longest => TimeSpan.FromSeconds(5);

    /// <summary>Whether an error says that another program has the file.</summary>
    public static bool IsHeld(Exception e) => e is IOException && e.HResult is FileHeldException.SharingViolation or LockViolation;

    /// <summary>Whether an error may come of another program that has the file, or a file in the folder: Windows then denies access too.</summary>
    public static bool MayBeHeld(Exception e) => IsHeld(e) || e is UnauthorizedAccessException { HResult: AccessDenied };

    /// <summary>Does something to a file, and again where that was refused.</summary>
    /// <param name="act">What.</param>
    /// <param name="path">The file, for the error and the tests.</param>
    /// <param name="attempt">Does it once.</param>
    /// <param name="isLock">Whether it is opened to learn whether another process has it: then an antivirus is waited for, and no such process.</param>
    /// <param name="isHeldElsewhere">After all waiting was of no use, asked whether another program has it open: access denied does not tell.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="FileHeldException">Another program has the file open all the time.</exception>
    /// <exception cref="UnauthorizedAccessException">It is denied, and nobody is known to have it open.</exception>
    public T Run<T>(
        FileAct act, string path, Func<T> attempt, bool isLock = false, Func<bool>? isHeldElsewhere = null, CancellationToken cancellationToken = default)
    {
        // From the first refusal on.
        long? begun = null;
        bool IsOver() => Stopwatch.GetElapsedTime(begun ??= Stopwatch.GetTimestamp()) >= (isLock ? Longest / 10 : Longest);
        for (var wait = ShortestWait; ; wait = Math.Min(2 * wait, LongestWait))
        {
            try
            {
                Before(act, path);
                var result = attempt();
                if (wait > ShortestWait) _closedFolder = null;
                return result;
            }
            catch (Exception e) when (IsHeld(e))
            {
                if (IsOver()) throw new FileHeldException(path, e);
            }
            // One that may not be read is mostly somebody else's, and stays so.
            catch (UnauthorizedAccessException e) when (MayBeHeld(e) && act != FileAct.Read)
            {
                var folder = Path.GetDirectoryName(path);
                if (folder == _closedFolder || IsOver())
                {
                    if (isHeldElsewhere?.Invoke() == true) throw new FileHeldException(path, e);
                    _closedFolder = folder;
                    throw Denied(act, path, e);
                }
            }
            // .NET does not always say which file it was.
            catch (IOException e) when (CollectionFolder.Named(e, path) is var named && named != e)
            {
                throw named;
            }

            cancellationToken.WaitHandle.WaitOne(wait);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <summary>The same for what gives nothing back.</summary>
    public void Run(FileAct act, string path, Action attempt, Func<bool> isHeldElsewhere, CancellationToken cancellationToken = default) => Run(
        act,
        path,
        () =>
        {
            attempt();
            return true;
        },
        isHeldElsewhere: isHeldElsewhere,
        cancellationToken: cancellationToken);

    /// <summary>Does something to a file once.</summary>
    public void Once(FileAct act, string path, Action attempt)
    {
        Before(act, path);
        attempt();
    }

    /// <summary>Comes before each attempt; a test throws here what the system would.</summary>
    protected virtual void Before(FileAct act, string path)
    {
    }

    private static UnauthorizedAccessException Denied(FileAct act, string path, Exception e)
    {
        var what = act switch
        {
            FileAct.Create => "be made",
            FileAct.Move => "be moved or replaced",
            FileAct.Delete => "be removed",
            _ => "be written",
        };
        return new UnauthorizedAccessException($"'{path}' cannot {what}: access is denied. This account may not do it, or another program has it, or a file in it, open.", e);
    }
}
