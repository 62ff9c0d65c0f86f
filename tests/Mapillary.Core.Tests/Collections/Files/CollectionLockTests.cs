using System.Runtime.InteropServices;
using Mapillary.Collections.Files;
using Mapillary.Tests.Imaging;

namespace Mapillary.Tests.Collections;

public class CollectionLockTests
{
    /// <summary>A process that begins inherits what is open, until it becomes the program that was started: each start in a PowerShell session does.</summary>
    [Fact]
    public void A_collection_that_was_let_go_is_free_while_a_process_begins()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Looks for open files in /proc.");
        using var folder = new ScratchFolder();
        int inherited;
        using (CollectionLock.Take(folder.Path)) inherited = Duplicate(Path.Combine(folder.Path, ".lock"));
        try
        {
            CollectionLock.Take(folder.Path).Dispose();
        }
        finally
        {
            _ = Close(inherited);
        }
    }

    [Fact]
    public void A_file_that_was_written_is_read_while_a_process_begins()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Looks for open files in /proc.");
        using var folder = new ScratchFolder();
        var collection = new CollectionFolder(folder.Path);
        var inherited = -1;
        try
        {
            WholeFile.Write(collection, "note", stream =>
            {
                inherited = Duplicate(Path.Combine(folder.Path, "note.part"));
                stream.Write("whole"u8);
            });
            using var reader = new StreamReader(collection.OpenRead("note"));
            Assert.Equal("whole", reader.ReadToEnd());
        }
        finally
        {
            _ = Close(inherited);
        }
    }

    /// <summary>The open file once more, with its lock. Other tests close theirs meanwhile: such a link has no target any more.</summary>
    private static int Duplicate(string path) =>
        Duplicate(int.Parse(Path.GetFileName(Directory.GetFiles("/proc/self/fd").Single(f => new FileInfo(f).LinkTarget == path))));

    [DllImport("libc", EntryPoint = "dup"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Duplicate(int file);

    [DllImport("libc", EntryPoint = "close"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Close(int file);
}
