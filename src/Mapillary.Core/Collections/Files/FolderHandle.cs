using Microsoft.Win32.SafeHandles;

namespace Mapillary.Collections.Files;

/// <summary>
/// An open folder. What is named in it is looked up from the open folder, not from a path, so that nobody can put a link in the way
/// meanwhile; no link is followed, and nothing but plain files and folders is opened. See <see cref="CollectionFolder"/>. What Windows
/// refuses while another program has a file open is tried again (<see cref="FilePatience"/>).
/// </summary>
internal abstract class FolderHandle(string path) : IDisposable
{
    private const int CrossDeviceLink = 18;

    private protected const int NotSameDevice = unchecked((int)0x80070011);

    /// <summary>The folder's path, for messages.</summary>
    public string Path { get; } = path;

    /// <summary>Opens a folder by its path. Links on the way to it are followed: the user named it.</summary>
    /// <exception cref="DirectoryNotFoundException">It is not there.</exception>
    public static FolderHandle Open(string path) => FilePatience.Current.Run<FolderHandle>(
        FileAct.Read, path, () => OperatingSystem.IsWindows() ? WindowsFolder.OpenPath(path) : UnixFolder.OpenPath(path));

    /// <summary>Opens a folder of this folder.</summary>
    /// <exception cref="CollectionException">It is a link, or no folder.</exception>
    /// <exception cref="DirectoryNotFoundException">It is not there.</exception>
    public FolderHandle Enter(string name) => FilePatience.Current.Run(FileAct.Read, PathOf(name), () => EnterOnce(name));

    /// <summary>Makes a folder; one that is there is left as it is.</summary>
    public void MakeFolder(string name) => Change(FileAct.Create, name, () => MakeFolderOnce(name));

    /// <summary>Opens a file that is there. Whoever does not let others write wants to know whether they do, and waits for them no longer than half a second.</summary>
    /// <exception cref="CollectionException">It is a link, a folder, a pipe or a device.</exception>
    /// <exception cref="FileNotFoundException">It is not there.</exception>
    /// <exception cref="FileHeldException">Another program has it open, and lets nobody open it so.</exception>
    public SafeFileHandle OpenFile(string name, FileAccess access, FileShare share, FileOptions options) => FilePatience.Current.Run(
        access == FileAccess.Read ? FileAct.Read : FileAct.Write, PathOf(name), () => OpenFileOnce(name, access, share, options), isLock: !share.HasFlag(FileShare.Write));

    /// <summary>Makes a new file, for reading and writing.</summary>
    /// <exception cref="IOException">There is something of this name, be it a link.</exception>
    /// <exception cref="DirectoryNotFoundException">This folder itself was removed.</exception>
    public SafeFileHandle CreateFile(string name, FileShare share, FileOptions options) =>
        FilePatience.Current.Run(FileAct.Create, PathOf(name), () => CreateFileOnce(name, share, options));

    /// <summary>Gives a file or a folder another name, or another folder.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="folder">Its new folder.</param>
    /// <param name="newName">Its new name.</param>
    /// <param name="overwrite">Whether a file, or a link, that has the new name is replaced.</param>
    /// <param name="cancellationToken">Ends waiting for another program.</param>
    /// <exception cref="FileHeldException">Another program has what is there under either name open.</exception>
    /// <exception cref="IOException">The other folder is on another disk (<see cref="IsOnOtherDisk"/>), or something has the new name.</exception>
    public void Move(string name, FolderHandle folder, string newName, bool overwrite, CancellationToken cancellationToken = default) => FilePatience.Current.Run(
        FileAct.Move,
        folder.PathOf(newName),
        () => MoveOnce(name, folder, newName, overwrite),
        () => IsHeldElsewhere(name) || folder.IsHeldElsewhere(newName),
        cancellationToken);

    /// <summary>Whether a file was not moved because its new folder is on another disk: EXDEV on Linux and macOS, ERROR_NOT_SAME_DEVICE on Windows.</summary>
    public static bool IsOnOtherDisk(IOException e) => e.HResult == (OperatingSystem.IsWindows() ? NotSameDevice : CrossDeviceLink);

    /// <summary>Waits until the names in this folder are on the disk itself, where the system knows such a thing.</summary>
    public virtual void Flush()
    {
    }

    /// <summary>Removes a file, or a link and not what it leads to; nothing happens where there is none.</summary>
    /// <exception cref="FileHeldException">Another program has it open.</exception>
    public void DeleteFile(string name) => Change(FileAct.Delete, name, () => DeleteFileOnce(name));

    /// <summary>Removes a file that nobody needs, where that can be done at once: an error of this must not hide the one that led to it.</summary>
    public void DeleteLeftOver(string name)
    {
        try
        {
            FilePatience.Current.Once(FileAct.Delete, PathOf(name), () => DeleteFileOnce(name));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next run writes over it.
        }
    }

    /// <summary>Removes an empty folder.</summary>
    public void DeleteFolder(string name) => Change(FileAct.Delete, name, () => DeleteFolderOnce(name));

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <inheritdoc cref="Enter"/>
    protected abstract FolderHandle EnterOnce(string name);

    /// <inheritdoc cref="MakeFolder"/>
    protected abstract void MakeFolderOnce(string name);

    /// <inheritdoc cref="OpenFile"/>
    protected abstract SafeFileHandle OpenFileOnce(string name, FileAccess access, FileShare share, FileOptions options);

    /// <inheritdoc cref="CreateFile"/>
    protected abstract SafeFileHandle CreateFileOnce(string name, FileShare share, FileOptions options);

    /// <inheritdoc cref="Move"/>
    protected abstract void MoveOnce(string name, FolderHandle folder, string newName, bool overwrite);

    /// <inheritdoc cref="DeleteFile"/>
    protected abstract void DeleteFileOnce(string name);

    /// <inheritdoc cref="DeleteFolder"/>
    protected abstract void DeleteFolderOnce(string name);

    /// <summary>The path of what is in this folder, for messages.</summary>
    protected string PathOf(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>What is under a name is nothing that is opened.</summary>
    /// <param name="name">The name.</param>
    /// <param name="isFolder">Whether a folder is expected, not a file.</param>
    protected CollectionException Refused(string name, bool isFolder)
    {
        var path = PathOf(name);
        var why = new FileInfo(path).LinkTarget is { } target ? $"is a link to '{target}'. No link within a collection is followed; put what it leads to in its place."
            : isFolder ? "is no folder, and one is expected there. Move it away."
            : Directory.Exists(path) ? "is a folder, and a file is expected there. Move it away."
            : "is no file, but a pipe, a socket or a device. Remove it.";
        return new CollectionException(CollectionFault.Mismatch, path, $"'{path}' {why}");
    }

    private void Change(FileAct act, string name, Action attempt) =>
        FilePatience.Current.Run(act, PathOf(name), attempt, () => IsHeldElsewhere(name));

    private bool IsHeldElsewhere(string name)
    {
        try
        {
            FilePatience.Current.Once(FileAct.Read, PathOf(name), () => OpenFileOnce(name, FileAccess.Read, FileShare.None, FileOptions.None).Dispose());
            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CollectionException)
        {
            return FilePatience.IsHeld(e);
        }
    }
}
