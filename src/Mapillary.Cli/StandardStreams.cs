using System.Runtime.InteropServices;
using System.Text;

namespace Mapillary.Cli;

/// <summary>
/// Standard output and error, where writing to them must not end the work: they may be closed (<c>&gt;&amp;-</c>, as some schedulers start
/// programs), or lead to a disk that is full. The exit code tells how the work ended.
/// </summary>
internal static class StandardStreams
{
    private const int GetDescriptorFlags = 1;
    private const int CloseOnExec = 1;

    /// <summary>Keeps the numbers of closed streams taken, so that no file of ours gets them.</summary>
    private static readonly List<FileStream> Kept = [];

    private static Guarded? _output;

    /// <summary>Why something that was to be shown on standard output was not; null where all was.</summary>
    public static string? LostOutput => _output?.Fault;

    /// <summary>To be called before anything is written.</summary>
    public static void Guard()
    {
        _output = new Guarded(IsOpen(1) ? Console.Out : null, "standard output is closed");
        Console.SetOut(_output);
        Console.SetError(new Guarded(IsOpen(2) ? Console.Error : null, "standard error is closed"));
    }

    /// <summary>
    /// Whether a stream came from whoever started this process. What is closed there gets its number from .NET, for a pipe of its own, before any
    /// of our code runs; writing would go into that. Such a pipe is closed for programs that this process starts, and so was not handed over
    /// to it itself (POSIX, exec and FD_CLOEXEC).
    /// </summary>
    private static bool IsOpen(int descriptor)
    {
        // Windows says so itself: .NET then writes to nowhere.
        if (OperatingSystem.IsWindows()) return true;
        for (int flags; (flags = GetFlags(descriptor, GetDescriptorFlags)) != 0;)
        {
            if (flags > 0) return (flags & CloseOnExec) == 0;
            Kept.Add(File.OpenWrite("/dev/null"));
        }

        return true;
    }

    [DllImport("libc", EntryPoint = "fcntl")]
    private static extern int GetFlags(int descriptor, int command);

    /// <summary>Writes where it can be written.</summary>
    /// <param name="inner">Null where there is nothing to write to.</param>
    /// <param name="closed">What is said of that.</param>
    private sealed class Guarded(TextWriter? inner, string closed) : TextWriter
    {
        public override Encoding Encoding => inner?.Encoding ?? Encoding.UTF8;

        public string? Fault { get; private set; }

        public override void Write(char value) => Try(w => w.Write(value));

        public override void Write(string? value) => Try(w => w.Write(value));

        public override void Write(char[] buffer, int index, int count) => Try(w => w.Write(buffer, index, count));

        public override void WriteLine(string? value) => Try(w => w.WriteLine(value));

        public override void Flush() => Try(w => w.Flush());

        private void Try(Action<TextWriter> write)
        {
            if (inner is null)
            {
                Fault ??= closed;
                return;
            }

            try
            {
                write(inner);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
            {
                Fault ??= e.Message;
            }
        }
    }
}
