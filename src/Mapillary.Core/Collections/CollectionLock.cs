using System.Globalization;

namespace Mapillary.Collections;

/// <summary>
/// The right to write a collection. The operating system holds it and takes it back when the process dies; the file itself stays,
/// because a file removed while another process waits for it would be two locks.
/// </summary>
internal sealed class CollectionLock : IDisposable
{
    public const string FileName = ".lock";
    private const string OwnerFileName = ".lock.owner";

    private readonly FileStream _file;

    private CollectionLock(FileStream file) => _file = file;

    /// <exception cref="CollectionException">Another process holds it, or the folder cannot be written.</exception>
    public static CollectionLock Take(string collectionPath)
    {
        var owner = Path.Combine(collectionPath, OwnerFileName);
        FileStream file;
        try
        {
            file = new FileStream(Path.Combine(collectionPath, FileName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (IsHeldElsewhere(e))
        {
            var who = File.Exists(owner) ? File.ReadAllText(owner).Trim() : "another process";
            throw new CollectionException(CollectionFault.InUse, collectionPath, $"The collection '{collectionPath}' is being written by {who}. Wait until it is done, or end it.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CollectionException.NotWritable(collectionPath, e);
        }

        File.WriteAllText(owner, string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId} on {Environment.MachineName}"));
        return new CollectionLock(file);
    }

    /// <summary>Takes the lock's file away from a collection that is finished and about to be moved.</summary>
    public static void Remove(string collectionPath) => File.Delete(Path.Combine(collectionPath, FileName));

    /// <summary>The operating systems' codes: sharing and lock violation on Windows, EWOULDBLOCK on Linux and macOS.</summary>
    private static bool IsHeldElsewhere(IOException e) => OperatingSystem.IsWindows() ? (e.HResult & 0xFFFF) is 32 or 33 : e.HResult is 11 or 35;

    public void Dispose()
    {
        File.Delete(Path.Combine(Path.GetDirectoryName(_file.Name)!, OwnerFileName));
        _file.Dispose();
    }
}
