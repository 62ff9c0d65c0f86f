using Microsoft.Win32.SafeHandles;

namespace Mapillary.Collections;

/// <summary>
/// An open folder. What is named in it is looked up from the open folder, not from a path, so that nobody can put a link in the way
/// meanwhile; no link is followed, and nothing but plain files and folders is opened. See <see cref="CollectionFolder"/>.
/// </summary>
internal abstract class FolderHandle(string path) : IDisposable
{
    /// <summary>The folder's path, for messages.</summary>
    public string Path { get; } = path;

    /// <summary>Opens a folder by its path. Links on the way to it are followed: the user named it.</summary>
    /// <exception cref="DirectoryNotFoundException">It is not there.</exception>
    public static FolderHandle Open(string path) => OperatingSystem.IsWindows() ? WindowsFolder.OpenPath(path) : UnixFolder.OpenPath(path);

    /// <summary>Opens a folder of this folder.</summary>
    /// <exception cref="CollectionException">It is a link, or no folder.</exception>
    /// <exception cref="DirectoryNotFoundException">It is not there.</exception>
    public abstract FolderHandle Enter(string name);

    /// <summary>Makes a folder; one that is there is left as it is.</summary>
    public abstract void MakeFolder(string name);

    /// <summary>Opens a file that is there.</summary>
    /// <exception cref="CollectionException">It is a link, a folder, a pipe or a device.</exception>
    /// <exception cref="FileNotFoundException">It is not there.</exception>
    public abstract SafeFileHandle OpenFile(string name, FileAccess access, FileShare share, FileOptions options);

    /// <summary>Makes a new file, for reading and writing.</summary>
    /// <exception cref="IOException">There is something of this name, be it a link.</exception>
    /// <exception cref="DirectoryNotFoundException">This folder itself was removed.</exception>
    public abstract SafeFileHandle CreateFile(string name, FileShare share, FileOptions options);

    /// <summary>Gives a file or a folder another name, or another folder.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="folder">Its new folder.</param>
    /// <param name="newName">Its new name.</param>
    /// <param name="overwrite">Whether a file, or a link, that has the new name is replaced.</param>
    public abstract void Move(string name, FolderHandle folder, string newName, bool overwrite);

    /// <summary>Removes a file, or a link and not what it leads to; nothing happens where there is none.</summary>
    public abstract void DeleteFile(string name);

    /// <summary>Removes an empty folder.</summary>
    public abstract void DeleteFolder(string name);

    /// <inheritdoc/>
    public abstract void Dispose();

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
}
