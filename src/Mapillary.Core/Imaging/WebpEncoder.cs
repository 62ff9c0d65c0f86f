using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Mapillary.Imaging;

/// <summary>Encodes JPEG pictures as WebP with libwebp's <c>cwebp</c>, through pipes: no file is written.</summary>
public sealed class WebpEncoder
{
    /// <summary>cwebp's own default quality.</summary>
    public const int DefaultQuality = 75;

    /// <summary>cwebp's own default effort.</summary>
    public const int DefaultEffort = 4;

    private readonly string _program;
    private readonly string[] _arguments;

    private WebpEncoder(string program, int quality, int effort)
    {
        _program = program;
        _arguments =
        [
            "-quiet", "-q", quality.ToString(CultureInfo.InvariantCulture), "-m", effort.ToString(CultureInfo.InvariantCulture),
            "-metadata", "none", "-o", "-", "--", "-",
        ];
    }

    /// <summary>Finds <c>cwebp</c> on the search path.</summary>
    /// <param name="quality">0 (smallest) to 100 (best).</param>
    /// <param name="effort">0 (fastest) to 6 (smallest).</param>
    /// <exception cref="EncoderMissingException">It is not installed; the message says how to install it.</exception>
    public static WebpEncoder Find(int quality = DefaultQuality, int effort = DefaultEffort) =>
        FindOn(Environment.GetEnvironmentVariable("PATH") ?? "", quality, effort);

    internal static WebpEncoder FindOn(string searchPath, int quality, int effort)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(quality);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(quality, 100);
        ArgumentOutOfRangeException.ThrowIfNegative(effort);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(effort, 6);
        var name = OperatingSystem.IsWindows() ? "cwebp.exe" : "cwebp";
        foreach (var directory in searchPath.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var program = Path.Combine(directory.Trim('"'), name);
            if (File.Exists(program)) return new WebpEncoder(program, quality, effort);
        }

        throw new EncoderMissingException("cwebp", EncoderMissingException.HowToInstallWebp());
    }

    /// <summary>Encodes one picture. The result has no metadata; <see cref="WebpConversion"/> puts them in.</summary>
    /// <param name="jpeg">The JPEG file in pieces.</param>
    /// <param name="cancellationToken">Ends the process at once.</param>
    /// <returns>The WebP file, in memory that disposing gives back.</returns>
    /// <exception cref="WebpEncodingException">cwebp failed; the message is its own.</exception>
    public async Task<IMemoryOwner<byte>> EncodeAsync(IReadOnlyList<ReadOnlyMemory<byte>> jpeg, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(jpeg);
        cancellationToken.ThrowIfCancellationRequested();
        var start = new ProcessStartInfo(_program, _arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardErrorEncoding = Encoding.UTF8,
            UseShellExecute = false,
            CreateNoWindow = true,
        };
        using var process = Process.Start(start) ?? throw new WebpEncodingException("cwebp could not be started.");
        PooledBytes? output = null;
        var writing = WriteAsync(process.StandardInput.BaseStream, jpeg, cancellationToken);
        var complaint = process.StandardError.ReadToEndAsync(cancellationToken);
        try
        {
            output = await PooledBytes.ReadAllAsync(process.StandardOutput.BaseStream, cancellationToken);
            await writing;
            await process.WaitForExitAsync(cancellationToken);
            if (process.ExitCode != 0 || output.Memory.IsEmpty)
                throw new WebpEncodingException($"cwebp failed (exit code {process.ExitCode}): {(await complaint).Trim().ReplaceLineEndings(" ")}");
            var whole = output;
            output = null;
            return whole;
        }
        finally
        {
            output?.Dispose();
            if (!process.HasExited) process.Kill(entireProcessTree: true);

            // The caller may reuse the picture's memory as soon as this returns.
            await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await ((Task)complaint).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task WriteAsync(Stream input, IReadOnlyList<ReadOnlyMemory<byte>> pieces, CancellationToken cancellationToken)
    {
        try
        {
            await using (input)
            {
                foreach (var piece in pieces) await input.WriteAsync(piece, cancellationToken);
            }
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

    internal static string HowToInstallWebp() =>
        OperatingSystem.IsWindows() ? "Install it with 'winget install Google.Libwebp' or 'scoop install libwebp', then open a new window."
        : OperatingSystem.IsMacOS() ? "Install it with 'brew install webp'."
        : "Install it with 'sudo apt install webp' (Debian, Ubuntu), 'sudo dnf install libwebp-tools' (Fedora) or 'apk add libwebp-tools' (Alpine).";
}

/// <summary>A picture could not be encoded as WebP.</summary>
public sealed class WebpEncodingException : Exception
{
    /// <summary>Says why.</summary>
    public WebpEncodingException(string message)
        : base(message)
    {
    }
}
