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

    /// <summary>
    /// Locks of files that keep nobody out: NFS without its lock service says ENOLCK (flock(2)), some file systems in user space grant all. The
    /// program asks for the C library's function by its name, so that the asking has to be answered, too.
    /// </summary>
    public static string NoLocks(bool areGranted) =>
        $$"""
        int flock(int file, int operation)
        {
            if (!{{(areGranted ? 1 : 0)}}) errno = ENOLCK;
            return {{(areGranted ? 0 : -1)}};
        }
        """.WithNames("flock");

    /// <summary>Functions that a program gets, too, that asks for them by their names, as .NET does for what is not in its own library.</summary>
    private static string WithNames(this string functions, params string[] names)
    {
        var answers = string.Concat(names.Select(name => $"    if (name && !strcmp(name, \"{name}\")) return (void *){name};\n"));
        return $$"""
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <errno.h>
            #include <string.h>
            {{functions}}
            static void *(*next_dlsym)(void *, const char *);
            void *dlsym(void *library, const char *name)
            {
                if (!next_dlsym) next_dlsym = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
                if (!next_dlsym) next_dlsym = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.17");
                if (!next_dlsym) next_dlsym = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
                {{answers}}
                return next_dlsym(library, name);
            }
            """;
    }

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
