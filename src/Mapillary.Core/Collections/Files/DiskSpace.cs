using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Mapillary.Collections.Files;

/// <summary>How much room there is on a disk.</summary>
internal static class DiskSpace
{
    /// <summary>
    /// The bytes that this account may still use on the disk of a folder; of one that is not there yet, the nearest one above it is on the
    /// same disk. The folder itself is asked: a share has no drive, and another disk may be mounted in a folder of one.
    /// </summary>
    /// <exception cref="IOException">It cannot be told.</exception>
    public static long FreeFor(string folder)
    {
        try
        {
            var found = Path.GetFullPath(folder);
            while (!Directory.Exists(found) && Path.GetDirectoryName(found) is { Length: > 0 } parent) found = parent;
            // On Linux and macOS this is statvfs of the very folder.
            if (!OperatingSystem.IsWindows()) return new DriveInfo(found).AvailableFreeSpace;
            return NativeFreeSpace(WindowsFolder.LongForm(found).TrimEnd('\\') + '\\', out var free, out _, out _)
                ? (long)Math.Min(free, long.MaxValue)
                : throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
        catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException or Win32Exception)
        {
            throw new IOException($"The free space of the disk of '{folder}' cannot be read: {e.Message}", e);
        }
    }

    [DllImport("kernel32", EntryPoint = "GetDiskFreeSpaceExW", CharSet = CharSet.Unicode, SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static extern bool NativeFreeSpace(string folder, out ulong freeToCaller, out ulong total, out ulong free);
}
