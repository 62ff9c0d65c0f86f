using System.Globalization;

namespace Mapillary.Collections;

/// <summary>
/// The right to write a collection. The operating system holds it and takes it back when the process dies; the file itself stays,
/// because a file removed while another process waits for it would be two locks.
/// </summary>
internal sealed class CollectionLock : IDisposable
{
    public const string FileName = ".lock";
    public const string OwnerFileName = FileName + OwnerSuffix;

    private const string OwnerSuffix = ".owner";

    private readonly FileStream _file;
    // Where collections are made; it goes with the last that is.
    private readonly string? _workshop;

    private CollectionLock(FileStream file, string? workshop = null) => (_file, _workshop) = (file, workshop);

    /// <exception cref="CollectionException">Another process holds it, or the folder cannot be written.</exception>
    public static CollectionLock Take(string collectionPath)
    {
        try
        {
            return new CollectionLock(Open(Path.Combine(collectionPath, FileName), FileOptions.None));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Refused(collectionPath, Path.Combine(collectionPath, FileName), e);
        }
    }

    /// <summary>
    /// The right to make a collection: from before its folder is there until it has been moved to its place, between which no lock in the
    /// folder itself is of use. Its file goes when it is let go of, and so does the folder around it, where that is empty then.
    /// </summary>
    /// <exception cref="CollectionException">Another process holds it, or the folder cannot be written.</exception>
    public static CollectionLock TakeToMake(string collectionPath)
    {
        var workshop = Path.GetDirectoryName(Path.GetFullPath(collectionPath))!;
        while (true)
        {
            try
            {
                Directory.CreateDirectory(workshop);
                return new CollectionLock(Open(collectionPath + FileName, FileOptions.DeleteOnClose), workshop);
            }
            catch (DirectoryNotFoundException) when (Directory.Exists(Path.GetDirectoryName(workshop)))
            {
                // Another process has just ended with the last collection in there.
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw Refused(collectionPath, collectionPath + FileName, e);
            }
        }
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
            throw Refused(collectionPath, Path.Combine(collectionPath, FileName), e);
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

    private static FileStream Open(string path, FileOptions options)
    {
        var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0, options);
        try
        {
            File.WriteAllText(path + OwnerSuffix, string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId} on {Environment.MachineName}"));
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static CollectionException Refused(string collectionPath, string path, Exception e)
    {
        if (e is not IOException io || !IsHeldElsewhere(io)) return CollectionException.NotWritable(collectionPath, e);
        var owner = path + OwnerSuffix;
        var use = File.Exists(owner) ? $"being written by {File.ReadAllText(owner).Trim()}" : "in use by another process";
        return new CollectionException(CollectionFault.InUse, collectionPath, $"The collection '{collectionPath}' is {use}. Wait until it is done, or end it.", e);
    }

    public void Dispose()
    {
        if (_file.CanWrite) File.Delete(_file.Name + OwnerSuffix);
        _file.Dispose();
        if (_workshop is null) return;
        try
        {
            Directory.Delete(_workshop);
        }
        catch (IOException)
        {
            // Others are made in there.
        }
    }
}
