using System.Globalization;

namespace Mapillary.Collections;

/// <summary>
/// The right to write a collection. The operating system holds it and takes it back when the process dies; the file itself stays,
/// because a file removed while another process waits for it would be two locks.
/// </summary>
internal sealed class CollectionLock : IDisposable
{
    public const string FileName = ".lock";
    public const string OwnerFileName = ".lock.owner";

    private readonly FileStream _file;

    private CollectionLock(FileStream file) => _file = file;

    /// <exception cref="CollectionException">Another process holds it, or the folder cannot be written.</exception>
    public static CollectionLock Take(string collectionPath)
    {
        FileStream file;
        try
        {
            file = new FileStream(Path.Combine(collectionPath, FileName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (IsHeldElsewhere(e))
        {
            throw InUse(collectionPath, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CollectionException.NotWritable(collectionPath, e);
        }

        File.WriteAllText(Path.Combine(collectionPath, OwnerFileName), string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId} on {Environment.MachineName}"));
        return new CollectionLock(file);
    }

    /// <summary>
    /// Keeps others from writing a collection while it is read, without writing anything itself: any number of readers may hold this.
    /// Null where there is no lock's file, or one that may not be opened; whoever asks again at the end learns of a writer that came.
    /// </summary>
    /// <exception cref="CollectionException">Another process is writing it.</exception>
    public static CollectionLock? TakeToRead(string collectionPath)
    {
        try
        {
            return new CollectionLock(new FileStream(Path.Combine(collectionPath, FileName), FileMode.Open, FileAccess.Read, FileShare.Read));
        }
        catch (IOException e) when (IsHeldElsewhere(e))
        {
            throw InUse(collectionPath, e);
        }
        catch (Exception e) when (e is FileNotFoundException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Takes the lock's file away from a collection that is finished and about to be moved.</summary>
    public static void Remove(string collectionPath) => File.Delete(Path.Combine(collectionPath, FileName));

    /// <summary>The operating systems' codes: sharing and lock violation on Windows, EWOULDBLOCK on Linux and macOS.</summary>
    private static bool IsHeldElsewhere(IOException e) => OperatingSystem.IsWindows() ? (e.HResult & 0xFFFF) is 32 or 33 : e.HResult is 11 or 35;

    private static CollectionException InUse(string collectionPath, IOException e)
    {
        var owner = Path.Combine(collectionPath, OwnerFileName);
        var use = File.Exists(owner) ? $"being written by {File.ReadAllText(owner).Trim()}" : "in use by another process";
        return new CollectionException(CollectionFault.InUse, collectionPath, $"The collection '{collectionPath}' is {use}. Wait until it is done, or end it.", e);
    }

    public void Dispose()
    {
        if (_file.CanWrite) File.Delete(Path.Combine(Path.GetDirectoryName(_file.Name)!, OwnerFileName));
        _file.Dispose();
    }
}
