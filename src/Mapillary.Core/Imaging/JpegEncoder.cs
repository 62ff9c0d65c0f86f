using System.Buffers;
using System.Globalization;

namespace Mapillary.Imaging;

/// <summary>Compresses JPEG pictures again, with libjpeg-turbo's <c>djpeg</c> and <c>cjpeg</c> through pipes: no file is written.</summary>
public sealed class JpegEncoder
{
    /// <summary>The best quality of <c>cjpeg</c>'s scale. Even with it a picture loses something.</summary>
    public const int BestQuality = 100;

    /// <summary>
    /// How much each program may take to hold a picture, in their notation: enough for 600 million pixels, and too little for a small
    /// file that claims to be the largest that there can be.
    /// </summary>
    private const string MostMemory = "2000M";

    private static readonly string[] Decoding = ["-pnm", "-maxmemory", MostMemory];

    private readonly string _decoder;
    private readonly string _encoder;
    private readonly string[] _encoding;

    private JpegEncoder(string decoder, string encoder, int quality)
    {
        _decoder = decoder;
        _encoder = encoder;
        Quality = quality;
        // Below a quality of 25, tables without -baseline have values that many readers refuse.
        _encoding = ["-quality", quality.ToString(CultureInfo.InvariantCulture), "-baseline", "-optimize", "-maxmemory", MostMemory];
    }

    /// <summary>1 (smallest) to 100 (best).</summary>
    public int Quality { get; }

    private static string HowToInstall =>
        OperatingSystem.IsWindows() ? "Install libjpeg-turbo from https://libjpeg-turbo.org, put its 'bin' folder on the PATH, then open a new window."
        : OperatingSystem.IsMacOS() ? "Install it with 'brew install jpeg-turbo'."
        : "Install it with 'sudo apt install libjpeg-turbo-progs' (Debian, Ubuntu), 'sudo dnf install libjpeg-turbo-utils' (Fedora) or 'apk add libjpeg-turbo-utils' (Alpine).";

    /// <summary>Finds <c>djpeg</c> and <c>cjpeg</c> on the search path.</summary>
    /// <param name="quality">1 (smallest) to 100 (best).</param>
    /// <exception cref="EncoderMissingException">One of them is not installed; the message says how to install it.</exception>
    public static JpegEncoder Find(int quality) => FindOn(Environment.GetEnvironmentVariable("PATH") ?? "", quality);

    internal static JpegEncoder FindOn(string searchPath, int quality)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(quality, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(quality, BestQuality);
        return new JpegEncoder(PipedProgram.Find(searchPath, "djpeg", HowToInstall), PipedProgram.Find(searchPath, "cjpeg", HowToInstall), quality);
    }

    /// <summary>Compresses one picture. The result has no metadata; <see cref="JpegRecompression"/> puts them in.</summary>
    /// <param name="jpeg">The JPEG file in pieces.</param>
    /// <param name="cancellationToken">Ends the processes at once.</param>
    /// <returns>The JPEG file, in memory that disposing gives back.</returns>
    /// <exception cref="EncodingException">One of them failed, or warns that the picture is damaged; the message is its own.</exception>
    public async Task<IMemoryOwner<byte>> EncodeAsync(IReadOnlyList<ReadOnlyMemory<byte>> jpeg, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(jpeg);
        await using var cjpeg = PipedProgram.Start(_encoder, _encoding, cancellationToken);
        // Disposed first, so that nothing more comes to the other.
        await using var djpeg = PipedProgram.Start(_decoder, Decoding, cancellationToken);
        djpeg.Feed(jpeg, cancellationToken);
        cjpeg.Feed(djpeg, cancellationToken);
        var output = await PooledBytes.ReadAllAsync(cjpeg.Output, cancellationToken);
        try
        {
            string?[] faults = [await djpeg.FindFaultAsync(cancellationToken), await cjpeg.FindFaultAsync(cancellationToken)];
            if (Array.Exists(faults, f => f is not null)) throw new EncodingException(string.Join("; ", faults.OfType<string>()));
            return output;
        }
        catch
        {
            output.Dispose();
            throw;
        }
    }
}
