using System.Globalization;
using System.Text;

namespace Mapillary.Collections.Files;

/// <summary>
/// The right to write a collection. The operating system holds it and takes it back when the process dies; the file itself stays,
/// because a file removed while another process waits for it would be two locks. Where a file system's locks keep nobody out, a file does.
/// </summary>
internal sealed class CollectionLock : IDisposable
{
    public const string FileName = ".lock";
    public const string OwnerFileName = FileName + OwnerSuffix;
    public const string HeldFileName = FileName + HeldFile.Suffix;

    private const string OwnerSuffix = ".owner";

    /// <summary>The most bytes that are read of what says who holds it.</summary>
    private const int LongestOwner = 200;

    private readonly CollectionFolder _folder;
    private readonly string _place;
    private readonly FileStream _file;
    private readonly HeldFile? _held;
    // Where collections are made; it goes with the last that is.
    private readonly string? _workshop;
    // Who held it and died with the machine.
    private string? _lost;

    /// <summary>
    /// Whether the last process that held it died, and the machine was begun anew since, or it was another machine: what that process wrote
    /// last may be lost, though its files have their names and lengths.
    /// </summary>
    public bool FollowsPowerCut => _lost is not null;

    /// <summary>Notes that what was written then was looked at; who takes the lock next need not.</summary>
    public void NoteLookedAt() => _lost = null;

    private CollectionLock(CollectionFolder folder, string place, FileStream file, HeldFile? held, string? workshop) =>
        (_folder, _place, _file, _held, _workshop) = (folder, place, file, held, workshop);

    /// <summary>The right to write a collection that is there.</summary>
    /// <param name="collectionPath">Its folder.</param>
    /// <param name="log">Told where the file system has no locks, and when that of a process that is gone is taken over; may be null.</param>
    /// <param name="clock">The time by which a process on another machine counts as gone; the system's when null.</param>
    /// <exception cref="CollectionException">Another process holds it, the folder cannot be written, or the lock's file is a link.</exception>
    public static CollectionLock Take(string collectionPath, IRunLog? log = null, TimeProvider? clock = null)
    {
        var folder = new CollectionFolder(collectionPath);
        try
        {
            return Open(folder, FileName, FileOptions.None, collectionPath, workshop: null, log, clock);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Refused(collectionPath, folder, FileName, e);
        }
    }

    /// <summary>
    /// The right to make a collection: from before its folder is there until it has been moved to its place, between which no lock in the
    /// folder itself is of use. Its file goes when it is let go of, and so does the folder around it, where that is empty then.
    /// </summary>
    /// <param name="folder">The folder of the finished collections.</param>
    /// <param name="place">Where in it the collection is made.</param>
    /// <exception cref="CollectionException">Another process holds it, the folder cannot be written, or there is a link on the way.</exception>
    public static CollectionLock TakeToMake(CollectionFolder folder, string place)
    {
        var workshop = place[..place.LastIndexOf('/')];
        while (true)
        {
            try
            {
                return Open(folder, place + FileName, FileOptions.DeleteOnClose, folder.PathOf(place), workshop, log: null, clock: null);
            }
            catch (DirectoryNotFoundException) when (Directory.Exists(folder.Path))
            {
                // Another process has just ended with the last collection in there.
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw Refused(folder.PathOf(place), folder, place + FileName, e);
            }
        }
    }

    /// <summary>
    /// Keeps others from writing a collection while it is read, without writing anything itself: any number of readers may hold this.
    /// Null where there is no lock's file, or one that may not be opened; whoever asks again at the end learns of a writer that came.
    /// </summary>
    /// <exception cref="CollectionException">Another process is writing it, or the lock's file is a link.</exception>
    public static CollectionLock? TakeToRead(string collectionPath)
    {
        var folder = new CollectionFolder(collectionPath);
        try
        {
            var file = folder.OpenRead(FileName, FileShare.Read);
            try
            {
                HeldFile.RefuseHeld(folder, HeldFileName, collectionPath, TimeProvider.System);
                if (KeepsOut(folder, FileName, FileShare.None))
                    return new CollectionLock(folder, FileName, file, held: null, workshop: null);
            }
            catch
            {
                file.Dispose();
                throw;
            }

            file.Dispose();
            return null;
        }
        catch (IOException e) when (IsHeldElsewhere(e))
        {
            throw Refused(collectionPath, folder, FileName, e);
        }
        catch (Exception e) when (e is FileNotFoundException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Takes the lock's file away from a collection that is finished and about to be moved.</summary>
    public static void Remove(string collectionPath) => new CollectionFolder(collectionPath).Delete(FileName);

    /// <summary>The operating systems' codes: sharing and lock violation on Windows, EWOULDBLOCK on Linux and macOS.</summary>
    private static bool IsHeldElsewhere(IOException e) => FilePatience.IsHeld(e) || (!OperatingSystem.IsWindows() && e.HResult is 11 or 35);

    /// <summary>
    /// Whether a lock that this process has keeps others out: a second opening by the same process is refused by all that do. Without its
    /// lock service NFS says that there are no locks, and some file systems in user space grant all.
    /// </summary>
    private static bool KeepsOut(CollectionFolder folder, string place, FileShare share)
    {
        if (OperatingSystem.IsWindows()) return true;
        try
        {
            folder.OpenRead(place, share).Dispose();
            return false;
        }
        catch (IOException e) when (IsHeldElsewhere(e))
        {
            return true;
        }
    }

    private static CollectionLock Open(
        CollectionFolder folder, string place, FileOptions options, string collectionPath, string? workshop, IRunLog? log, TimeProvider? clock)
    {
        var file = folder.OpenOrCreate(place, FileShare.None, options);
        HeldFile? held = null;
        try
        {
            if (!KeepsOut(folder, place, FileShare.Read))
            {
                held = HeldFile.Take(folder, place + HeldFile.Suffix, collectionPath, log, clock ?? TimeProvider.System);
                log?.Warn($"The file system of '{collectionPath}' has no locks that keep other processes out. "
                    + $"'{folder.PathOf(place + HeldFile.Suffix)}' does that instead.");
            }
            else
            {
                // Another machine may see the same files without their locks.
                HeldFile.RefuseHeld(folder, place + HeldFile.Suffix, collectionPath, clock ?? TimeProvider.System);
            }

            // Who let go of it removed that.
            var last = ReadOwner(folder, place + OwnerSuffix);
            NoteOwner(folder, place);
            var isLost = workshop is null && last is not null && !LockHolder.IsSameStart(last.Split('\n')[^1]);
            return new CollectionLock(folder, place, file, held, workshop) { _lost = isLost ? last : null };
        }
        catch
        {
            held?.Dispose();
            file.Dispose();
            throw;
        }
    }

    private static void NoteOwner(CollectionFolder folder, string place)
    {
        try
        {
            var self = string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId} on {Environment.MachineName}");
            WriteOwner(folder, place, $"{self}\n{LockHolder.SystemStart()}");
        }
        catch (Exception e) when (FilePatience.MayBeHeld(e))
        {
            // Another process that wants the lock too may be reading it just now; who holds it is for people to know, mostly.
        }
    }

    private static void WriteOwner(CollectionFolder folder, string place, string owner) =>
        WholeFile.Write(folder, place + OwnerSuffix, stream => stream.Write(Encoding.UTF8.GetBytes(owner)));

    private static CollectionException Refused(string collectionPath, CollectionFolder folder, string place, Exception e)
    {
        if (e is not IOException io || !IsHeldElsewhere(io)) return CollectionException.NotWritable(collectionPath, e);
        var owner = ReadOwner(folder, place + OwnerSuffix)?.Split('\n')[0];
        var use = string.IsNullOrEmpty(owner) ? "in use by another process" : $"being written by {owner}";
        return new CollectionException(CollectionFault.InUse, collectionPath, $"The collection '{collectionPath}' is {use}. Wait until it is done, or end it.", e);
    }

    private static string? ReadOwner(CollectionFolder folder, string place)
    {
        try
        {
            using var file = folder.OpenRead(place);
            var owner = new byte[LongestOwner];
            return Encoding.UTF8.GetString(owner, 0, file.ReadAtLeast(owner, owner.Length, throwOnEndOfStream: false)).Trim();
        }
        catch (Exception e) when (e is CollectionException or IOException or UnauthorizedAccessException)
        {
            // That it is in use is what matters.
            return null;
        }
    }

    public void Dispose()
    {
        try
        {
            if (_lost is not null) WriteOwner(_folder, _place, _lost);
            else if (_file.CanWrite) _folder.Delete(_place + OwnerSuffix);
            // Windows removes it when it is closed, and not before.
            if (_workshop is not null && !OperatingSystem.IsWindows()) _folder.Delete(_place);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next one writes over it.
        }

        _held?.Dispose();
        if (!OperatingSystem.IsWindows()) UnixFolder.Unlock(_file.SafeFileHandle);
        _file.Dispose();
        if (_workshop is null) return;
        try
        {
            _folder.DeleteFolder(_workshop);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Others are made in there.
        }
    }
}
