using System.Buffers;
using System.Globalization;

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

    private static string HowToInstall =>
        OperatingSystem.IsWindows() ? "Install it with 'winget install Google.Libwebp' or 'scoop install libwebp', then open a new window."
        : OperatingSystem.IsMacOS() ? "Install it with 'brew install webp'."
        : "Install it with 'sudo apt install webp' (Debian, Ubuntu), 'sudo dnf install libwebp-tools' (Fedora) or 'apk add libwebp-tools' (Alpine).";

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
        return new WebpEncoder(PipedProgram.Find(searchPath, "cwebp", HowToInstall), quality, effort);
    }

    /// <summary>Encodes one picture. The result has no metadata; <see cref="WebpConversion"/> puts them in.</summary>
    /// <param name="jpeg">The JPEG file in pieces.</param>
    /// <param name="cancellationToken">Ends the process at once.</param>
    /// <returns>The WebP file, in memory that disposing gives back.</returns>
    /// <exception cref="EncodingException">cwebp failed; the message is its own.</exception>
    public async Task<IMemoryOwner<byte>> EncodeAsync(IReadOnlyList<ReadOnlyMemory<byte>> jpeg, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(jpeg);
        await using var cwebp = PipedProgram.Start(_program, _arguments, cancellationToken);
        cwebp.Feed(jpeg, cancellationToken);
        var output = await PooledBytes.ReadAllAsync(cwebp.Output, cancellationToken);
        try
        {
            if (await cwebp.FindFaultAsync(cancellationToken) is { } fault) throw new EncodingException(fault);
            if (output.Memory.IsEmpty) throw new EncodingException("cwebp wrote nothing.");
            return output;
        }
        catch
        {
            output.Dispose();
            throw;
        }
    }
}
