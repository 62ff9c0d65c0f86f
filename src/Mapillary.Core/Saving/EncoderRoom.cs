using Mapillary.Download;
using Mapillary.Imaging.Forms;
using Mapillary.Imaging.Jpeg;

namespace Mapillary.Saving;

/// <summary>
/// Lets pictures be encoded, some at once. An encoder takes memory and time by the pixels of its picture, of which a small file may have
/// very many: so they are what is counted, beforehand, and no encoder works without end.
/// </summary>
/// <param name="encoders">The most encoders at work at once.</param>
internal sealed class EncoderRoom(int encoders) : IDisposable
{
    /// <summary>The pixels of the pictures in work at once, for each encoder; four times those of a usual photo.</summary>
    private const long PixelsAnEncoder = 48_000_000;

    /// <summary>
    /// How many pixels a byte of a JPEG can hold: coded with the fewest bits, a byte stands for 8 blocks of 8 x 8 pixels (T.81, annex G.1:
    /// a progressive scan of DC coefficients, a bit each). Twice that is more than any picture is worth encoding for.
    /// </summary>
    private const long PixelsAByte = 2 * 8 * 64;

    /// <summary>How long an encoder may work on one picture: the largest, at the greatest effort, take some minutes.</summary>
    private static readonly TimeSpan LongestWork = TimeSpan.FromMinutes(10);

    private readonly SemaphoreSlim _encoders = new(encoders);
    private readonly MemoryBudget _pixels = new(encoders * PixelsAnEncoder);

    /// <summary>Waits until there is room for a picture, and encodes it.</summary>
    /// <param name="jpeg">The file, of which the size in pixels is read.</param>
    /// <param name="encode">Encodes it; the token ends that.</param>
    /// <param name="cancellationToken">Gives up waiting, and ends the encoder.</param>
    /// <exception cref="EncodingException">It claims more pixels than it can hold, or took too long.</exception>
    public async Task<ConvertedImage> EncodeAsync(ReadOnlyMemory<byte> jpeg, Func<CancellationToken, Task<ConvertedImage>> encode, CancellationToken cancellationToken)
    {
        var (width, height) = JpegSegments.FindSize(jpeg.Span);
        if ((long)width * height / PixelsAByte > jpeg.Length)
            throw new EncodingException($"it claims {width} × {height} pixels, which a file of {jpeg.Length} bytes cannot hold.");
        // First the pixels: who waits for them must not keep an encoder from others.
        using var room = await _pixels.ReserveAsync((long)width * height, cancellationToken);
        await _encoders.WaitAsync(cancellationToken);
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(LongestWork);
            return await encode(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new EncodingException(FormattableString.Invariant($"the encoder worked on it for more than {LongestWork.TotalMinutes:0} minutes."));
        }
        finally
        {
            _encoders.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _encoders.Dispose();
}
