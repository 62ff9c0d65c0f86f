using System.Collections.Concurrent;
using Mapillary.Imaging;
using Mapillary.Imaging.Forms;

namespace Mapillary.Saving;

/// <summary>Makes of the pictures of a run what its collections want. One that cannot become that stays as it is served, and that is told.</summary>
/// <param name="form">What is wanted.</param>
/// <param name="log">Told what stays, and what is lost.</param>
internal sealed class PictureConversion(PictureForm form, IRunLog log) : IDisposable
{
    private readonly EncoderRoom _encoders = new(Environment.ProcessorCount);
    private readonly ConcurrentDictionary<string, bool> _saidToStay = new(StringComparer.Ordinal);
    private long _converted;

    /// <summary>How many pictures were converted; null where all stay as they are served.</summary>
    public long? Converted => form.IsConversion ? Interlocked.Read(ref _converted) : null;

    /// <summary>Converts a picture.</summary>
    /// <param name="imageId">The image.</param>
    /// <param name="served">The picture as it was served.</param>
    /// <param name="jpeg">The picture with its metadata.</param>
    /// <param name="cancellationToken">Stops at once.</param>
    /// <returns>What the picture became; null where it stays as it is.</returns>
    public async Task<ConvertedImage?> ConvertAsync(
        string imageId, ReadOnlyMemory<byte> served, IReadOnlyList<ReadOnlyMemory<byte>> jpeg, CancellationToken cancellationToken)
    {
        if (!form.IsConversion) return null;
        var stays = $"Image {imageId} stays as it is served";
        try
        {
            var converted = await _encoders.EncodeAsync(served, ct => form.ConvertAsync(jpeg, ct), cancellationToken);
            foreach (var lost in converted.Parts) log.Say($"Image {imageId}: a {form.Format} cannot hold {lost}.");
            if (converted.Parts.Count > 0)
                throw new NotSupportedException($"a {form.Format} cannot hold the video, the further picture or the map of depth or light that is in the file.");
            Interlocked.Increment(ref _converted);
            return converted;
        }
        catch (NotSupportedException e)
        {
            // The same words for all of a kind.
            if (_saidToStay.TryAdd(e.Message, true)) log.Warn($"{stays}, and so do all others of its kind: {e.Message}");
            return null;
        }
        catch (Exception e) when (e is EncodingException or InvalidDataException)
        {
            log.Warn($"{stays}: {e.Message}");
            return null;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _encoders.Dispose();
}
