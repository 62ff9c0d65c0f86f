using System.Diagnostics;

namespace Mapillary.Reliability.Tests;

/// <summary>A file system of a given size at a folder, in memory, that can be made larger and read-only. Needs Linux and the right to mount.</summary>
public sealed class TinyDisk : IDisposable
{
    private readonly string _folder;

    private TinyDisk(string folder) => _folder = folder;

    /// <summary>Mounts one; skips the test where that is not allowed.</summary>
    public static TinyDisk Mount(string folder, int kibibytes)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has tmpfs.");
        Directory.CreateDirectory(folder);
        // A system without mount has no right to it either.
        var isThere = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(p => File.Exists(Path.Combine(p, "mount")));
        Assert.SkipUnless(isThere, "mount is not installed.");
        var (exitCode, error) = Run("mount", "-t", "tmpfs", "-o", $"size={kibibytes}k", "mapillary-test", folder);
        Assert.SkipWhen(exitCode != 0, $"Mounting is not allowed here: {error.Trim()}");
        return new TinyDisk(folder);
    }

    public void Resize(int kibibytes) => Remount($"size={kibibytes}k");

    public void MakeReadOnly() => Remount("ro");

    public void MakeWritable() => Remount("rw");

    public void Dispose()
    {
        var (exitCode, error) = Run("umount", _folder);
        if (exitCode != 0) throw new IOException(error);
    }

    private void Remount(string options)
    {
        var (exitCode, error) = Run("mount", "-o", $"remount,{options}", _folder);
        if (exitCode != 0) throw new IOException(error);
    }

    private static (int ExitCode, string Error) Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, error);
    }
}
