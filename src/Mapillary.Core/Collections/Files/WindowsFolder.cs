using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace Mapillary.Collections.Files;

/// <summary>
/// An open folder on Windows. While it is open, nobody can rename or remove it, or a folder above it, so that its path stays the path
/// to it; and what is opened by a path is asked for its own, which is another one where a link or a junction was followed. Other
/// reparse points, as those of OneDrive or of deduplicated volumes, lead nowhere else and are opened as plain files.
/// </summary>
[SupportedOSPlatform("windows")]
internal sealed class WindowsFolder : FolderHandle
{
    private const uint ListDirectory = 1;
    private const uint ShareReadAndWrite = 3;
    private const uint OpenExisting = 3;
    private const uint BackupSemantics = 0x02000000;
    private const uint NameOnVolume = 2;

    private readonly SafeFileHandle _folder;
    private readonly string _ownPath;

    private WindowsFolder(string path, SafeFileHandle folder, string ownPath)
        : base(path) => (_folder, _ownPath) = (folder, ownPath);

    /// <summary>A whole path with the prefix that lifts the limit of 260 characters.</summary>
    public static string LongForm(string path) =>
        path.StartsWith(@"\\?\", StringComparison.Ordinal) ? path
        : path.StartsWith(@"\\", StringComparison.Ordinal) ? @"\\?\UNC\" + path[2..]
        : @"\\?\" + path;

    /// <summary>Opens a folder by its path, through whatever links.</summary>
    public static WindowsFolder OpenPath(string path)
    {
        var folder = NativeCreateFile(LongForm(path), ListDirectory, ShareReadAndWrite, 0, OpenExisting, BackupSemantics, 0);
        if (folder.IsInvalid)
        {
            const int fileNotFound = 2, pathNotFound = 3, accessDenied = 5;
            var error = new Win32Exception(Marshal.GetLastPInvokeError());
            throw error.NativeErrorCode switch
            {
                fileNotFound or pathNotFound => new DirectoryNotFoundException($"There is no folder '{path}'."),
                accessDenied => new UnauthorizedAccessException($"Access to '{path}' is denied."),
                _ => new IOException($"{error.Message}: '{path}'", unchecked((int)0x80070000) | error.NativeErrorCode),
            };
        }

        try
        {
            return new WindowsFolder(path, folder, OwnPath(folder, path));
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    protected override FolderHandle EnterOnce(string name)
    {
        var folder = OpenPath(PathOf(name));
        if (IsIn(folder._ownPath, name) && (File.GetAttributes(folder._folder) & FileAttributes.Directory) != 0) return folder;
        folder.Dispose();
        throw Refused(name, isFolder: true);
    }

    protected override void MakeFolderOnce(string name) => Directory.CreateDirectory(PathOf(name));

    protected override SafeFileHandle OpenFileOnce(string name, FileAccess access, FileShare share, FileOptions options)
    {
        var path = PathOf(name);
        if (Directory.Exists(path)) throw Refused(name, isFolder: false);
        // It is opened as it is, neither made nor cut: what a link led to would be as it was.
        var file = File.OpenHandle(path, FileMode.Open, access, share, options);
        if (TryOwnPath(file) is { } own && IsIn(own, name)) return file;
        file.Dispose();
        throw Refused(name, isFolder: false);
    }

    protected override SafeFileHandle CreateFileOnce(string name, FileShare share, FileOptions options)
    {
        var path = PathOf(name);
        var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, share, options);
        var own = OwnPath(file, path);
        if (IsIn(own, name)) return file;
        // Windows makes what a link leads to where that is missing; it was not there before.
        file.Dispose();
        File.Delete(@"\\?\GLOBALROOT" + own);
        throw Refused(name, isFolder: false);
    }

    protected override void MoveOnce(string name, FolderHandle folder, string newName, bool overwrite)
    {
        var (from, to) = (PathOf(name), System.IO.Path.Combine(folder.Path, newName));
        // Windows itself would copy it there under its name, and leave half of it when the process dies.
        if (!overwrite && VolumeOf(_ownPath) != VolumeOf(((WindowsFolder)folder)._ownPath)) throw new IOException($"'{to}' is on another disk than '{from}'.", NotSameDevice);
        if (Directory.Exists(from)) Directory.Move(from, to);
        else File.Move(from, to, overwrite);
    }

    protected override void DeleteFileOnce(string name) => File.Delete(PathOf(name));

    protected override void DeleteFolderOnce(string name) => Directory.Delete(PathOf(name));

    public override void Dispose() => _folder.Dispose();

    /// <summary>The beginning of a path as the system has it: <c>\Device\HarddiskVolume3</c>, or <c>\Device\Mup\server\share</c>.</summary>
    private static string VolumeOf(string ownPath) => string.Join('\\', ownPath.Split('\\').Take(ownPath.StartsWith(@"\Device\Mup\", StringComparison.OrdinalIgnoreCase) ? 5 : 3));

    private bool IsIn(string ownPath, string name) =>
        ownPath.Equals(_ownPath.TrimEnd('\\') + '\\' + name, StringComparison.OrdinalIgnoreCase);

    private static string OwnPath(SafeFileHandle file, string path) =>
        TryOwnPath(file) ?? throw new IOException($"{new Win32Exception(Marshal.GetLastPInvokeError()).Message}: '{path}'");

    /// <summary>The path that the system has for what is open, by the name of its volume; null for what is no file or folder.</summary>
    private static string? TryOwnPath(SafeFileHandle file)
    {
        var path = new char[short.MaxValue + 1];
        var length = NativeFinalPath(file, path, (uint)path.Length, NameOnVolume);
        return length > 0 && length < path.Length ? new string(path, 0, (int)length) : null;
    }

    [DllImport("kernel32", EntryPoint = "CreateFileW", CharSet = CharSet.Unicode, SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern SafeFileHandle NativeCreateFile(string path, uint access, uint share, nint security, uint mode, uint flags, nint template);

    [DllImport("kernel32", EntryPoint = "GetFinalPathNameByHandleW", CharSet = CharSet.Unicode, SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern uint NativeFinalPath(SafeFileHandle file, [Out] char[] path, uint length, uint flags);
}
