namespace Mapillary.Collections;

/// <summary>How much room there is on a disk.</summary>
internal static class DiskSpace
{
    /// <summary>The bytes that are free on the disk of a folder; of one that is not there yet, the nearest one above it is on the same disk.</summary>
    /// <exception cref="IOException">It cannot be told.</exception>
    public static long FreeFor(string folder)
    {
        try
        {
            while (!Directory.Exists(folder) && Path.GetDirectoryName(folder) is { Length: > 0 } parent) folder = parent;
            return new DriveInfo(OperatingSystem.IsWindows() ? Path.GetPathRoot(Path.GetFullPath(folder))! : folder).AvailableFreeSpace;
        }
        catch (ArgumentException e)
        {
            throw new IOException($"The free space of the disk of '{folder}' cannot be read: {e.Message}", e);
        }
    }
}
