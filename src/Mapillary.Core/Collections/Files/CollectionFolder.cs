using System.IO.Enumeration;
using Microsoft.Win32.SafeHandles;

namespace Mapillary.Collections.Files;

/// <summary>
/// The folder of a collection, or another folder that files are kept in. Every file of a collection is opened, made, replaced, moved
/// and removed here. The folder itself is the user's to name, and may be a link; below it somebody else may have put what he likes, so
/// that no link is followed there, neither in the place of a file nor of a folder on its way, and nothing but plain files is opened.
/// A place is a path below the folder, with <c>/</c> on every system.
/// </summary>
internal sealed class CollectionFolder(string path)
{
    /// <summary>The most bytes that a picture is read of.</summary>
    public const long LargestPicture = 512L << 20;

    /// <summary>How files are opened to be read: nobody is kept from writing, replacing or removing them meanwhile.</summary>
    public const FileShare Any = FileShare.ReadWrite | FileShare.Delete;

    /// <summary>The folder's whole path.</summary>
    public string Path { get; } = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));

    /// <summary>The folder of a file, and the file's place in it.</summary>
    /// <param name="file">The file's path.</param>
    public static (CollectionFolder Folder, string Name) Of(string file)
    {
        file = System.IO.Path.GetFullPath(file);
        return (new CollectionFolder(System.IO.Path.GetDirectoryName(file) ?? file), System.IO.Path.GetFileName(file));
    }

    /// <summary>Whether something that is no folder has this path, be it a link that leads nowhere.</summary>
    public static bool IsThere(string path) => File.Exists(path) || new FileInfo(path).LinkTarget is not null;

    /// <summary>Whether something that is no folder is in this place, be it a link that leads nowhere.</summary>
    public bool Has(string place) => IsThere(PathOf(place));

    /// <summary>The whole path of a place.</summary>
    public string PathOf(string place) => System.IO.Path.GetFullPath(System.IO.Path.Combine(Path, place));

    /// <summary>The place of a path below this folder.</summary>
    public string PlaceOf(string path) => System.IO.Path.GetRelativePath(Path, path).Replace(System.IO.Path.DirectorySeparatorChar, '/');

    /// <summary>Makes the folder itself, where it is missing.</summary>
    public void Make() => Directory.CreateDirectory(Path);

    /// <summary>Opens the folder that a place is in.</summary>
    /// <param name="place">The place.</param>
    /// <param name="name">The last part of the place.</param>
    /// <param name="isMade">Whether folders that are missing are made.</param>
    /// <exception cref="CollectionException">A folder on the way is a link, or is no folder.</exception>
    /// <exception cref="DirectoryNotFoundException">A folder on the way is missing.</exception>
    public FolderHandle OpenFolderOf(string place, out string name, bool isMade = false)
    {
        var names = NamesOf(place);
        name = names[^1];
        return OpenFolder(names.AsSpan(0, names.Length - 1), isMade);
    }

    /// <summary>Opens a file that is there.</summary>
    /// <exception cref="CollectionException">It, or a folder on the way, is a link, or it is no plain file.</exception>
    /// <exception cref="IOException">It is not there, or cannot be read.</exception>
    public SafeFileHandle Open(string place, FileAccess access = FileAccess.Read, FileShare share = Any, FileOptions options = FileOptions.None)
    {
        using var folder = OpenFolderOf(place, out var name);
        return folder.OpenFile(name, access, share, options);
    }

    /// <summary>Opens a file that is there, for reading, without a buffer.</summary>
    /// <exception cref="CollectionException">It, or a folder on the way, is a link, or it is no plain file.</exception>
    /// <exception cref="IOException">It is not there, or cannot be read.</exception>
    public FileStream OpenRead(string place, FileShare share = Any, FileOptions options = FileOptions.SequentialScan) =>
        StreamOf(Open(place, FileAccess.Read, share, options), FileAccess.Read);

    /// <summary>Opens a file for reading and writing; makes it where it is missing.</summary>
    /// <exception cref="CollectionException">It, or a folder on the way, is a link, or it is no plain file.</exception>
    /// <exception cref="IOException">It cannot be written, or another process has it.</exception>
    public FileStream OpenOrCreate(string place, FileShare share, FileOptions options = FileOptions.None)
    {
        using var folder = OpenFolderOf(place, out var name, isMade: true);
        while (true)
        {
            try
            {
                return StreamOf(folder.OpenFile(name, FileAccess.ReadWrite, share, options), FileAccess.ReadWrite);
            }
            catch (FileNotFoundException)
            {
                // It is made.
            }

            try
            {
                return StreamOf(folder.CreateFile(name, share, options), FileAccess.ReadWrite);
            }
            catch (IOException e) when (SaysItIsThere(e))
            {
                // Another process made it just now, and may have removed it again.
            }
        }
    }

    /// <summary>Waits until all that was written there is on the disk itself. Windows has no way to for a whole folder.</summary>
    /// <exception cref="IOException">The disk refuses.</exception>
    public void Flush()
    {
        if (OperatingSystem.IsWindows()) return;
        using var folder = UnixFolder.OpenPath(Path);
        folder.FlushFileSystem();
    }

    /// <summary>Whether a file could not be made because something has its name: EEXIST on Linux and macOS, System Error Codes 80 and 183 on Windows.</summary>
    public static bool SaysItIsThere(IOException e) => e.HResult is 17 or unchecked((int)0x80070050) or unchecked((int)0x800700B7);

    /// <summary>Makes a new file, without a buffer; folders that are missing are made.</summary>
    /// <exception cref="CollectionException">A folder on the way is a link.</exception>
    /// <exception cref="IOException">Something has this name, or it cannot be written.</exception>
    public FileStream Create(string place, FileShare share)
    {
        using var folder = OpenFolderOf(place, out var name, isMade: true);
        return StreamOf(folder.CreateFile(name, share, FileOptions.None), FileAccess.ReadWrite);
    }

    /// <summary>Reads a picture.</summary>
    /// <exception cref="CollectionException">It, or a folder on the way, is a link, or it is no plain file.</exception>
    /// <exception cref="InvalidDataException">It is longer than a picture can be.</exception>
    /// <exception cref="IOException">It is not there, or cannot be read.</exception>
    public async Task<byte[]> ReadPictureAsync(string place, CancellationToken cancellationToken)
    {
        using var file = Open(place, options: FileOptions.Asynchronous);
        var picture = new byte[PictureLength(file, place)];
        var length = 0;
        for (int read; length < picture.Length && (read = await RandomAccess.ReadAsync(file, picture.AsMemory(length), length, cancellationToken)) > 0;) length += read;
        return length == picture.Length ? picture : picture[..length];
    }

    /// <summary>The length of an open picture in bytes.</summary>
    /// <exception cref="InvalidDataException">It is longer than a picture can be.</exception>
    public long PictureLength(SafeFileHandle file, string place)
    {
        var length = RandomAccess.GetLength(file);
        return length <= LargestPicture ? length : throw new InvalidDataException($"'{PathOf(place)}' has {ByteSize.Format(length)}, more than a picture can have ({ByteSize.Format(LargestPicture)}).");
    }

    /// <summary>The length in bytes of a plain file that is there; null where there is none, also where a link leads to one.</summary>
    public long? FindLength(string place)
    {
        try
        {
            using var file = Open(place);
            return RandomAccess.GetLength(file);
        }
        catch (Exception e) when (e is CollectionException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Removes a file, or a link and not what it leads to; nothing happens where there is none.</summary>
    /// <exception cref="CollectionException">A folder on the way is a link.</exception>
    /// <exception cref="IOException">It cannot be removed.</exception>
    public void Delete(string place)
    {
        try
        {
            using var folder = OpenFolderOf(place, out var name);
            folder.DeleteFile(name);
        }
        catch (DirectoryNotFoundException)
        {
            // Then it is not there either.
        }
    }

    /// <summary>Removes an empty folder.</summary>
    /// <exception cref="CollectionException">A folder on the way is a link.</exception>
    /// <exception cref="IOException">It is not empty, or cannot be removed.</exception>
    public void DeleteFolder(string place)
    {
        using var folder = OpenFolderOf(place, out var name);
        folder.DeleteFolder(name);
    }

    /// <summary>Removes the folders that files were in, and those above them, where nothing is left in them.</summary>
    /// <param name="places">The places of files that are gone.</param>
    /// <exception cref="CollectionException">A folder, or one on the way, is a link.</exception>
    /// <exception cref="IOException">A folder cannot be removed.</exception>
    public void DeleteEmptyFolders(IEnumerable<string> places)
    {
        foreach (var parent in places.Select(p => System.IO.Path.GetDirectoryName(PathOf(p))!).Distinct())
        {
            for (var empty = parent; empty.Length > Path.Length && IsEmptyFolder(empty); empty = System.IO.Path.GetDirectoryName(empty)!)
                DeleteFolder(PlaceOf(empty));
        }

        static bool IsEmptyFolder(string folder) => Directory.Exists(folder) && !Directory.EnumerateFileSystemEntries(folder).Any();
    }

    /// <summary>Moves a folder; the one that it goes into is made where it is missing.</summary>
    /// <exception cref="CollectionException">The folder, or one on the way, is a link.</exception>
    /// <exception cref="IOException">Something has the new name, or it cannot be moved.</exception>
    public void MoveFolder(string place, string newPlace)
    {
        using var from = OpenFolderOf(place, out var name);
        using var to = OpenFolderOf(newPlace, out var newName, isMade: true);
        if (Directory.Exists(PathOf(newPlace)) || Has(newPlace)) throw new IOException($"'{PathOf(newPlace)}' is there already.");
        from.Enter(name).Dispose();
        from.Move(name, to, newName, overwrite: true);
    }

    /// <summary>Makes sure that a folder, where it is there, is one and no link.</summary>
    /// <exception cref="CollectionException">It, or a folder on the way, is a link.</exception>
    public void RefuseLink(string place)
    {
        try
        {
            OpenFolder(NamesOf(place), isMade: false).Dispose();
        }
        catch (DirectoryNotFoundException)
        {
            // It may be made.
        }
    }

    /// <summary>The folders in a folder, by their names; links are left out.</summary>
    /// <param name="place">The folder; empty for this one.</param>
    public IEnumerable<string> Folders(string place = "") => new FileSystemEnumerable<string>(
        PathOf(place), (ref FileSystemEntry entry) => entry.FileName.ToString(), new EnumerationOptions { AttributesToSkip = FileAttributes.None })
    {
        ShouldIncludePredicate = (ref FileSystemEntry entry) => entry.IsDirectory && !IsLink(ref entry),
    };

    /// <summary>The files in a folder; links are left out, and what lies behind them.</summary>
    /// <param name="place">The folder; empty for this one.</param>
    /// <param name="isDeep">Whether those in its folders are among them.</param>
    /// <param name="skip">What kind of files and folders are left out besides.</param>
    public IEnumerable<FileInfo> Files(string place = "", bool isDeep = true, FileAttributes skip = FileAttributes.None) => new FileSystemEnumerable<FileInfo>(
        PathOf(place), (ref FileSystemEntry entry) => (FileInfo)entry.ToFileSystemInfo(), new EnumerationOptions { RecurseSubdirectories = isDeep, AttributesToSkip = skip })
    {
        ShouldIncludePredicate = (ref FileSystemEntry entry) => !entry.IsDirectory && !IsLink(ref entry),
        ShouldRecursePredicate = (ref FileSystemEntry entry) => !IsLink(ref entry),
    };

    /// <summary>What went wrong with an open file, with its path: .NET does not know that of one that is opened here.</summary>
    public static IOException Named(IOException e, string path) =>
        e.Message.Contains(path, StringComparison.Ordinal) ? e : new IOException($"{e.Message.TrimEnd('.')}: '{path}'", e) { HResult = e.HResult };

    /// <summary>A stream of an open file, without a buffer.</summary>
    public static FileStream StreamOf(SafeFileHandle file, FileAccess access) => new(file, access, bufferSize: 0, file.IsAsync);

    /// <summary>Not all reparse points of Windows are links.</summary>
    private static bool IsLink(ref FileSystemEntry entry) => (entry.Attributes & FileAttributes.ReparsePoint) != 0 && entry.ToFileSystemInfo().LinkTarget is not null;

    private FolderHandle OpenFolder(ReadOnlySpan<string> names, bool isMade)
    {
        FolderHandle folder;
        try
        {
            folder = FolderHandle.Open(Path);
        }
        catch (DirectoryNotFoundException) when (isMade)
        {
            Make();
            folder = FolderHandle.Open(Path);
        }

        foreach (var name in names)
        {
            using var above = folder;
            try
            {
                folder = above.Enter(name);
            }
            catch (DirectoryNotFoundException) when (isMade)
            {
                above.MakeFolder(name);
                folder = above.Enter(name);
            }
        }

        return folder;
    }

    private string[] NamesOf(string place)
    {
        var names = place.Split('/');
        foreach (var name in names)
        {
            if (name is "" or "." or ".." || name.Contains('\0', StringComparison.Ordinal) || name.Contains(System.IO.Path.DirectorySeparatorChar, StringComparison.Ordinal))
                throw new CollectionException(CollectionFault.Mismatch, Path, $"'{place}' is not a path inside '{Path}'; it was not touched.");
        }

        return names;
    }
}
