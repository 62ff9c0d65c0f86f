using System.Diagnostics;
using Mapillary.Cli.Tests;

namespace Mapillary.Reliability.Tests;

/// <summary>Functions of the C library that a program gets instead of the system's, as a file system of another kind would answer them.</summary>
public static class PreloadLibrary
{
    /// <summary>A share of Windows that is another account's, some containers: no file's time can be set.</summary>
    public const string NoTimes = """
        #include <errno.h>
        #include <sys/stat.h>
        int futimens(int file, const struct timespec times[2]) { errno = EPERM; return -1; }
        """;

    /// <summary>Lets all that the run starts from now on have them; skips the test where there is no compiler.</summary>
    public static void Preload(this ConsoleRun run, string code)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has LD_PRELOAD.");
        var library = Path.Combine(run.Folder, "preload.so");
        var start = new ProcessStartInfo("gcc", ["-shared", "-fPIC", "-o", library, "-x", "c", "-"]) { RedirectStandardInput = true, RedirectStandardError = true };
        try
        {
            using var compiler = Process.Start(start)!;
            compiler.StandardInput.Write(code);
            compiler.StandardInput.Close();
            var error = compiler.StandardError.ReadToEnd();
            compiler.WaitForExit();
            Assert.True(compiler.ExitCode == 0, error);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("gcc is not installed.");
        }

        run.Variables["LD_PRELOAD"] = library;
    }
}
