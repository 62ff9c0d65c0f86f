using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Mapillary.Collections.Files;

/// <summary>An open folder on Linux and macOS, where names are looked up from it by the <c>at</c> calls of POSIX.1-2008.</summary>
internal sealed class UnixFolder : FolderHandle
{
    // Numbers that differ between the systems: Linux's are those of asm-generic/fcntl.h, of which ARM and POWER have some otherwise
    // (arch/*/include/uapi/asm/fcntl.h); macOS's are those of sys/fcntl.h.
    private static readonly bool IsMac = OperatingSystem.IsMacOS();
    private static readonly bool HasOwnFlags = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm or Architecture.Ppc64le;
    private static readonly int NoFollow = IsMac ? 0x100 : HasOwnFlags ? 0x8000 : 0x20000;
    private static readonly int Directory = IsMac ? 0x100000 : HasOwnFlags ? 0x4000 : 0x10000;
    private static readonly int CloseOnExec = IsMac ? 0x1000000 : 0x80000;
    private static readonly int NonBlocking = IsMac ? 0x4 : 0x800;
    private static readonly int NoTerminal = IsMac ? 0x20000 : 0x100;
    private static readonly int CreateNew = IsMac ? 0x200 | 0x800 : 0x40 | 0x80;
    private static readonly int TooManyLinks = IsMac ? 62 : 40;
    private static readonly int WouldBlock = IsMac ? 35 : 11;
    private static readonly int NotSupported = IsMac ? 45 : 95;
    private static readonly int NotSupportedOnSocket = IsMac ? 102 : 95;
    private static readonly int NotEmpty = IsMac ? 66 : 39;
    private static readonly int RemoveDirectory = IsMac ? 0x80 : 0x200;

    private const int ReadWrite = 2;
    private const int NotPermitted = 1;
    private const int NoEntry = 2;
    private const int Interrupted = 4;
    private const int NoDevice = 6;
    private const int AccessDenied = 13;
    private const int Exists = 17;
    private const int NotADirectory = 20;
    private const int IsADirectory = 21;

    /// <summary>What new files and folders may be used by, before the process's own mask: as .NET does it.</summary>
    private const uint NewFileMode = 0b110_110_110;
    private const uint NewFolderMode = 0b111_111_111;

    /// <summary>The kind in a file's mode, and that of a plain file (POSIX, sys/stat.h).</summary>
    private const int KindMask = 0xF000;
    private const int PlainFile = 0x8000;

    private readonly SafeFileHandle _folder;

    private UnixFolder(string path, SafeFileHandle folder)
        : base(path) => _folder = folder;

    /// <summary>Opens a folder by its path, through whatever links.</summary>
    public static UnixFolder OpenPath(string path)
    {
        var flags = Directory | CloseOnExec;
        SafeFileHandle folder;
        int error;
        do
        {
            folder = NativeOpen(path, flags);
            error = Marshal.GetLastPInvokeError();
        }
        while (folder.IsInvalid && error == Interrupted);
        return folder.IsInvalid ? throw Failure(error, path, isFolder: true) : new UnixFolder(path, folder);
    }

    protected override FolderHandle EnterOnce(string name)
    {
        var folder = OpenAt(name, Directory | NoFollow, 0, out var error);
        if (!folder.IsInvalid) return new UnixFolder(PathOf(name), folder);
        throw error == TooManyLinks || error == NotADirectory ? Refused(name, isFolder: true) : Failure(error, PathOf(name), isFolder: true);
    }

    protected override void MakeFolderOnce(string name)
    {
        if (NativeMakeDirectoryAt(_folder, name, NewFolderMode) < 0 && Marshal.GetLastPInvokeError() is var error and not Exists) throw Failure(error, PathOf(name), isFolder: true);
    }

    protected override SafeFileHandle OpenFileOnce(string name, FileAccess access, FileShare share, FileOptions options)
    {
        // A pipe is opened without waiting for its other end, and is then found to be one.
        var file = OpenAt(name, (access == FileAccess.Read ? 0 : ReadWrite) | NoFollow | NonBlocking | NoTerminal, 0, out var error);
        if (file.IsInvalid)
        {
            throw error == TooManyLinks || error == IsADirectory || error == NoDevice || error == NotSupportedOnSocket
                ? Refused(name, isFolder: false)
                : Failure(error, PathOf(name), isFolder: false);
        }

        if (IsPlainFile(file)) return Shared(file, name, share);
        file.Dispose();
        throw Refused(name, isFolder: false);
    }

    protected override SafeFileHandle CreateFileOnce(string name, FileShare share, FileOptions options)
    {
        var file = OpenAt(name, ReadWrite | CreateNew | NoFollow, NewFileMode, out var error);
        return file.IsInvalid ? throw Failure(error, PathOf(name), isFolder: error == NoEntry) : Shared(file, name, share);
    }

    protected override void MoveOnce(string name, FolderHandle folder, string newName, bool overwrite)
    {
        var other = (UnixFolder)folder;
        if (!overwrite)
        {
            // A second name, and the first one away: this fails where something has the name, in one step.
            if (NativeLinkAt(_folder, name, other._folder, newName, 0) == 0)
            {
                DeleteFileOnce(name);
                return;
            }

            // Not of folders, and not on every file system.
            if (Marshal.GetLastPInvokeError() is var why && why != NotPermitted && why != NotSupported && why != IsADirectory && why != AccessDenied) throw Failure(why, other.PathOf(newName), isFolder: false);
            if (CollectionFolder.IsThere(other.PathOf(newName))) throw Failure(Exists, other.PathOf(newName), isFolder: false);
        }

        if (NativeRenameAt(_folder, name, other._folder, newName) < 0) throw Failure(Marshal.GetLastPInvokeError(), PathOf(name), isFolder: false);
    }

    protected override void DeleteFileOnce(string name)
    {
        if (NativeUnlinkAt(_folder, name, 0) < 0 && Marshal.GetLastPInvokeError() is var error and not NoEntry) throw Failure(error, PathOf(name), isFolder: false);
    }

    protected override void DeleteFolderOnce(string name)
    {
        if (NativeUnlinkAt(_folder, name, RemoveDirectory) < 0) throw Failure(Marshal.GetLastPInvokeError(), PathOf(name), isFolder: true);
    }

    /// <summary>Waits until all that was written to the file system of this folder is on the disk itself.</summary>
    public void FlushFileSystem()
    {
        if (IsMac) NativeSync();
        else if (NativeSyncFileSystem(_folder) < 0) throw Failure(Marshal.GetLastPInvokeError(), Path, isFolder: true);
    }

    /// <summary>What cannot flush a folder, as some network file systems, has nothing to flush.</summary>
    public override void Flush() => _ = NativeFlush(_folder);

    public override void Dispose() => _folder.Dispose();

    private SafeFileHandle OpenAt(string name, int flags, uint mode, out int error)
    {
        SafeFileHandle file;
        do
        {
            file = NativeOpenAt(_folder, name, flags | CloseOnExec, mode, 0, 0, 0, 0, mode);
            error = Marshal.GetLastPInvokeError();
        }
        while (file.IsInvalid && error == Interrupted);
        return file;
    }

    /// <summary>Takes the lock that .NET takes for a file that is shared so, and that other processes, of older versions too, look for.</summary>
    private SafeFileHandle Shared(SafeFileHandle file, string name, FileShare share)
    {
        const int lockShared = 1, lockExclusive = 2, dontWait = 4;
        if (NativeLock(file, (share == FileShare.None ? lockExclusive : lockShared) | dontWait) == 0) return file;
        // Where a file system has no locks, there are none.
        var error = Marshal.GetLastPInvokeError();
        if (error != WouldBlock) return file;
        file.Dispose();
        throw new IOException($"'{PathOf(name)}' is in use by another process.", error);
    }

    /// <summary>
    /// Lets go of the lock of an open file. Closing does that too, but not while a process that was begun at this moment has the file open.
    /// </summary>
    public static void Unlock(SafeFileHandle file)
    {
        const int unlock = 8;
        _ = NativeLock(file, unlock);
    }

    private static bool IsPlainFile(SafeFileHandle file)
    {
        Span<byte> status = stackalloc byte[256];
        ref var first = ref MemoryMarshal.GetReference(status);
        if (IsMac)
        {
            // struct stat with 64 bits for the inode (sys/stat.h): st_dev has 4 bytes, then st_mode 2.
            var result = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? NativeStatusX64(file, ref first) : NativeStatus(file, ref first);
            return result == 0 && (BitConverter.ToUInt16(status[4..]) & KindMask) == PlainFile;
        }

        // struct statx (linux/stat.h), which is the same on every processor: stx_mode stands at byte 28. In glibc since 2.28, in musl since 1.2.5.
        const int thisVeryFile = 0x1000, kindAndMode = 3;
        return NativeStatusOf(file, "", thisVeryFile, kindAndMode, ref first) == 0 && (BitConverter.ToUInt16(status[28..]) & KindMask) == PlainFile;
    }

    /// <summary>The exceptions that .NET throws for the same errors.</summary>
    private static Exception Failure(int error, string path, bool isFolder) => error switch
    {
        NoEntry => isFolder ? new DirectoryNotFoundException($"There is no folder '{path}'.") : new FileNotFoundException($"There is no file '{path}'.", path),
        // With the system's own number: it stays denied, unlike on Windows.
        NotPermitted or AccessDenied => new UnauthorizedAccessException($"Access to '{path}' is denied.") { HResult = error },
        _ => new IOException($"{(error == NotEmpty ? "The folder is not empty" : Marshal.GetPInvokeErrorMessage(error))}: '{path}'", error),
    };

#pragma warning disable CA2101 // All names are UTF-8 here, which holds every character.
    [DllImport("libc", EntryPoint = "open", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern SafeFileHandle NativeOpen([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    /// <summary>
    /// The mode is one of "further arguments" in C: most systems have those in registers as others are, Apple's ARM64 always on the stack.
    /// Given twice, it is where either looks for it.
    /// </summary>
    [DllImport("libc", EntryPoint = "openat", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern SafeFileHandle NativeOpenAt(
        SafeFileHandle folder, [MarshalAs(UnmanagedType.LPUTF8Str)] string name, int flags, nuint mode, nint unused4, nint unused5, nint unused6, nint unused7, nuint modeOnStack);

    [DllImport("libc", EntryPoint = "mkdirat", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeMakeDirectoryAt(SafeFileHandle folder, [MarshalAs(UnmanagedType.LPUTF8Str)] string name, uint mode);

    [DllImport("libc", EntryPoint = "linkat", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeLinkAt(
        SafeFileHandle folder, [MarshalAs(UnmanagedType.LPUTF8Str)] string name, SafeFileHandle newFolder, [MarshalAs(UnmanagedType.LPUTF8Str)] string newName, int flags);

    [DllImport("libc", EntryPoint = "renameat", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeRenameAt(
        SafeFileHandle folder, [MarshalAs(UnmanagedType.LPUTF8Str)] string name, SafeFileHandle newFolder, [MarshalAs(UnmanagedType.LPUTF8Str)] string newName);

    [DllImport("libc", EntryPoint = "unlinkat", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeUnlinkAt(SafeFileHandle folder, [MarshalAs(UnmanagedType.LPUTF8Str)] string name, int flags);

    [DllImport("libc", EntryPoint = "flock", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeLock(SafeFileHandle file, int operation);

    [DllImport("libc", EntryPoint = "statx", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeStatusOf(SafeFileHandle file, [MarshalAs(UnmanagedType.LPUTF8Str)] string name, int flags, uint mask, ref byte status);
#pragma warning restore CA2101

    [DllImport("libc", EntryPoint = "syncfs", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeSyncFileSystem(SafeFileHandle file);

    [DllImport("libc", EntryPoint = "sync"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern void NativeSync();

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeFlush(SafeFileHandle folder);

    [DllImport("libc", EntryPoint = "fstat", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeStatus(SafeFileHandle file, ref byte status);

    [DllImport("libc", EntryPoint = "fstat$INODE64", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeStatusX64(SafeFileHandle file, ref byte status);
}
