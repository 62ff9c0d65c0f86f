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

    /// <summary>The variable that names the file into which <see cref="PowerCut"/> writes.</summary>
    public const string PowerCutLog = "POWER_CUT_LOG";

    /// <summary>The variable that names the file that is read in place of the number of this start of the system.</summary>
    public const string PowerCutBoot = "POWER_CUT_BOOT";

    /// <summary>
    /// Notes, by the numbers of the files (inodes), what is made, where it is written to, and how much of it was on the disk when it was flushed:
    /// what a power cut takes is what was written since. Writes are noted before they are done, flushes after.
    /// </summary>
    public static string PowerCut => $$"""
        #include <fcntl.h>
        #include <stdarg.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <sys/stat.h>
        #include <sys/syscall.h>
        #include <sys/types.h>
        #include <sys/uio.h>
        #include <unistd.h>
        static int log_file(void)
        {
            static int file = -2;
            if (file == -2) file = getenv("{{PowerCutLog}}") ? syscall(SYS_openat, AT_FDCWD, getenv("{{PowerCutLog}}"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
            return file;
        }
        static void note(char what, int file, long at)
        {
            struct stat status;
            char line[80];
            int before = errno;
            if (log_file() >= 0 && !fstat(file, &status) && S_ISREG(status.st_mode))
            {
                if (what == 'F') at = status.st_size;
                int length = snprintf(line, sizeof line, "%c %lu %ld\n", what, (unsigned long)status.st_ino, at);
                if (syscall(SYS_write, log_file(), line, length) < 0) abort();
            }
            errno = before;
        }
        static int opened(int folder, const char *path, int flags, int mode)
        {
            if (getenv("{{PowerCutBoot}}") && !strcmp(path, "/proc/sys/kernel/random/boot_id")) path = getenv("{{PowerCutBoot}}");
            int file = syscall(SYS_openat, folder, path, flags, mode);
            if (file >= 0 && (flags & O_CREAT) && (flags & O_EXCL)) note('C', file, 0);
            if (file >= 0 && (flags & O_TRUNC)) note('W', file, 0);
            return file;
        }
        int openat(int folder, const char *path, int flags, ...)
        {
            va_list more; va_start(more, flags); int mode = (flags & O_CREAT) ? va_arg(more, int) : 0; va_end(more);
            return opened(folder, path, flags, mode);
        }
        int open(const char *path, int flags, ...)
        {
            va_list more; va_start(more, flags); int mode = (flags & O_CREAT) ? va_arg(more, int) : 0; va_end(more);
            return opened(AT_FDCWD, path, flags, mode);
        }
        int open64(const char *path, int flags, ...)
        {
            va_list more; va_start(more, flags); int mode = (flags & O_CREAT) ? va_arg(more, int) : 0; va_end(more);
            return opened(AT_FDCWD, path, flags, mode);
        }
        ssize_t write(int file, const void *bytes, size_t length) { note('W', file, lseek(file, 0, SEEK_CUR)); return syscall(SYS_write, file, bytes, length); }
        ssize_t pwrite(int file, const void *bytes, size_t length, off_t at) { note('W', file, at); return syscall(SYS_pwrite64, file, bytes, length, at); }
        ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at) { note('W', file, at); return syscall(SYS_pwrite64, file, bytes, length, at); }
        ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at) { note('W', file, at); return syscall(SYS_pwritev, file, parts, count, at, 0); }
        ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t at) { note('W', file, at); return syscall(SYS_pwritev, file, parts, count, at, 0); }
        int ftruncate(int file, off_t length) { note('W', file, length); return syscall(SYS_ftruncate, file, length); }
        int ftruncate64(int file, off64_t length) { note('W', file, length); return syscall(SYS_ftruncate, file, length); }
        int fsync(int file) { int result = syscall(SYS_fsync, file); if (!result) note('F', file, 0); return result; }
        int fdatasync(int file) { int result = syscall(SYS_fdatasync, file); if (!result) note('F', file, 0); return result; }
        int syncfs(int file)
        {
            int result = syscall(SYS_syncfs, file);
            if (!result && log_file() >= 0 && syscall(SYS_write, log_file(), "S 0 0\n", 6) < 0) abort();
            return result;
        }
        """.WithNames("open", "openat", "write", "fsync", "syncfs");

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
