using System.Diagnostics;
using System.Text;

namespace Mapillary.Imaging;

/// <summary>A running program that reads a picture from its standard input and writes one to its standard output.</summary>
internal sealed class PipedProgram : IAsyncDisposable
{
    /// <summary>The environment's secrets, which an encoder has no use for.</summary>
    private static readonly string[] Secrets = ["MAPILLARY_TOKEN", "IA_ACCESS_KEY", "IA_SECRET_KEY"];

    private readonly Process _process;
    private readonly Task<string> _complaint;
    private Task _feeding = Task.CompletedTask;

    private PipedProgram(Process process, CancellationToken cancellationToken)
    {
        _process = process;
        _complaint = process.StandardError.ReadToEndAsync(cancellationToken);
    }

    /// <summary>What the program writes. Whoever reads it to its end asks <see cref="FindFaultAsync"/> next.</summary>
    public Stream Output => _process.StandardOutput.BaseStream;

    private string Name => Path.GetFileNameWithoutExtension(_process.StartInfo.FileName);

    /// <summary>The path of a program.</summary>
    /// <param name="searchPath">Folders, separated as on the system's search path.</param>
    /// <param name="name">The program, without <c>.exe</c>.</param>
    /// <param name="howToInstall">What to do where it is missing, as a sentence.</param>
    /// <exception cref="EncoderMissingException">It is in none of the folders.</exception>
    public static string Find(string searchPath, string name, string howToInstall)
    {
        var file = OperatingSystem.IsWindows() ? name + ".exe" : name;
        return searchPath.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(directory => Path.Combine(directory.Trim('"'), file))
            .FirstOrDefault(File.Exists)
            ?? throw new EncoderMissingException(name, howToInstall);
    }

    /// <param name="program">Its path.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="cancellationToken">Stops waiting for it; disposing ends it.</param>
    /// <exception cref="EncodingException">It could not be started.</exception>
    public static PipedProgram Start(string program, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardErrorEncoding = Encoding.UTF8,
            UseShellExecute = false,
            CreateNoWindow = true,
        };
        foreach (var secret in Secrets) start.Environment.Remove(secret);
        var process = Process.Start(start) ?? throw new EncodingException($"{program} could not be started.");
        return new PipedProgram(process, cancellationToken);
    }

    /// <summary>Begins to write pieces to the program. Disposing waits until they are needed no more.</summary>
    public void Feed(IReadOnlyList<ReadOnlyMemory<byte>> pieces, CancellationToken cancellationToken) => _feeding = WriteAsync(async input =>
    {
        foreach (var piece in pieces) await input.WriteAsync(piece, cancellationToken);
    });

    /// <summary>Begins to write what another program writes.</summary>
    public void Feed(PipedProgram source, CancellationToken cancellationToken) => _feeding = WriteAsync(async input =>
    {
        // Where this one listens no longer, the other must not wait for it.
        await using var output = source.Output;
        await output.CopyToAsync(input, cancellationToken);
    });

    /// <summary>Waits for the program's end.</summary>
    /// <returns>What went wrong, in its own words; null where nothing did.</returns>
    public async Task<string?> FindFaultAsync(CancellationToken cancellationToken)
    {
        await _feeding;
        await _process.WaitForExitAsync(cancellationToken);
        return _process.ExitCode == 0 ? null : $"{Name} failed (exit code {_process.ExitCode}): {(await _complaint).Trim().ReplaceLineEndings(" ")}";
    }

    /// <summary>Ends the program where it has not ended by itself. What it was fed may be reused afterwards.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _feeding.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await ((Task)_complaint).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _process.Dispose();
    }

    private async Task WriteAsync(Func<Stream, Task> write)
    {
        try
        {
            await using var input = _process.StandardInput.BaseStream;
            await write(input);
        }
        catch (IOException)
        {
            // It no longer listens: its exit code and its words on the error stream say why.
        }
    }
}

/// <summary>A program that encodes pictures is not installed.</summary>
public sealed class EncoderMissingException : Exception
{
    /// <summary>Names the program and how to install it.</summary>
    public EncoderMissingException(string program, string howToInstall)
        : base($"{program} was not found. {howToInstall}")
    {
        Program = program;
    }

    /// <summary>The missing program.</summary>
    public string Program { get; }
}

/// <summary>A picture could not be encoded.</summary>
public sealed class EncodingException : Exception
{
    /// <summary>Says why.</summary>
    public EncodingException(string message)
        : base(message)
    {
    }
}
