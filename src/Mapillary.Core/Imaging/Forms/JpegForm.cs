using System.Globalization;
using System.Text.Json;
using Mapillary.Imaging.Jpeg;
using Mapillary.Imaging.Metadata;

namespace Mapillary.Imaging.Forms;

/// <summary>
/// JPEG that is compressed again: as many pixels in fewer bytes, at the cost of quality. All that is not the coded picture goes with it to
/// the byte and in its order: EXIF, XMP, colour profile, comments, unknown segments, and what stands behind the end. Only addresses of the latter change.
/// </summary>
public sealed record JpegForm : PictureForm
{
    /// <summary>The best quality of libjpeg's scale. Even with it a picture loses something.</summary>
    public const int BestQuality = 100;

    private const string Field = "jpeg_quality";

    /// <summary>A form of a quality.</summary>
    /// <param name="quality">1 (smallest) to 100 (best).</param>
    public JpegForm(int quality)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(quality, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(quality, BestQuality);
        Quality = quality;
    }

    /// <summary>1 (smallest) to 100 (best).</summary>
    public int Quality { get; }

    /// <inheritdoc/>
    public override string Format => "JPEG";

    /// <inheritdoc/>
    public override string Extension => ".jpg";

    /// <inheritdoc/>
    public override string InWords => string.Create(CultureInfo.InvariantCulture, $"compressed again as JPEG of quality {Quality}");

    /// <inheritdoc/>
    public override string Description => string.Create(CultureInfo.InvariantCulture, $"Images were re-compressed as JPEG of quality {Quality}.");

    /// <summary>Not known: it depends on the quality that they were served in.</summary>
    public override (double Least, double Likely, double Most)? ShareLeft => null;

    /// <inheritdoc/>
    public override async Task<ConvertedImage> ConvertAsync(IReadOnlyList<ReadOnlyMemory<byte>> jpeg, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(jpeg);
        using var joined = jpeg.Count == 1 ? null : PooledBytes.Join(jpeg);
        var served = joined is null ? jpeg[0] : joined.Memory;
        var old = JpegAnatomy.Read(served.Span);
        RefuseWhatWouldChange(old, served.Span);

        ReadOnlyMemory<byte> encoded = await LibVips.EncodeJpegAsync(served, Quality, cancellationToken);
        if (JpegCheck.FindFault(encoded.Span) is { } fault) throw new InvalidDataException($"The encoder made a broken picture: {fault}.");
        var made = JpegAnatomy.Read(encoded.Span);
        if ((made.Frame.Width, made.Frame.Height, made.Frame.Components) != (old.Frame.Width, old.Frame.Height, old.Frame.Components))
        {
            throw new InvalidDataException(
                $"The encoder made {made.Frame.Width} × {made.Frame.Height} pixels of {made.Frame.Components} components of {old.Frame.Width} × {old.Frame.Height} of {old.Frame.Components}.");
        }

        var picture = encoded[made.TablesAt..made.End];
        var (header, trailer) = (Header(served.Span, old, picture.Length), served[old.End..].ToArray());
        MovedBytes.FollowTrailer(served, old.End, header, trailer, header.Length + picture.Length - old.End);
        return new ConvertedImage([header, picture, trailer], made.Frame.Width, made.Frame.Height);
    }

    internal override Dictionary<string, JsonElement> Fields() => new() { [Field] = JsonSerializer.SerializeToElement(Quality, FormJson.Default.Int32) };

    private protected override PictureForm? TryRead(IReadOnlyDictionary<string, JsonElement> fields) =>
        fields.TryGetValue(Field, out var field) && field.ValueKind == JsonValueKind.Number && field.TryGetInt32(out var quality) && quality is > 0 and <= BestQuality
            ? new JpegForm(quality)
            : null;

    private static void RefuseWhatWouldChange(JpegAnatomy old, ReadOnlySpan<byte> jpeg)
    {
        // T.81, table B.1: sequential and progressive, by Huffman or arithmetic coding; neither lossless nor hierarchical.
        if (old.Frame.Precision != 8 || old.Frame.Process is not (0xC0 or 0xC1 or 0xC2 or 0xC9 or 0xCA))
            throw new NotSupportedException("pictures of more than 8 bits, and lossless and hierarchical ones, cannot be compressed again.");
        if (old.Frame.Components is not (1 or 3))
            throw new NotSupportedException("pictures in colours other than red, green and blue, such as CMYK, would change their colours.");
        // Transform 1 is YCbCr, as in every picture of ours. With 0, it depends on the reader what the components are.
        foreach (var segment in old.Segments)
        {
            var payload = segment.Payload(jpeg);
            if (old.Frame.Components == 3 && segment.Kind(jpeg) == SegmentKind.Adobe && !(payload.Length >= 12 && payload[11] == 1))
                throw new NotSupportedException("pictures whose Adobe segment says that their colours are not transformed might change their colours.");
        }
    }

    /// <summary>
    /// The start of the image and the old segments. The encoder's own JFIF segment is left out: the old one says more, and what had
    /// none needs none. Adobe's is about the coding of the old picture.
    /// </summary>
    private static byte[] Header(ReadOnlySpan<byte> jpeg, JpegAnatomy old, int pictureLength)
    {
        using var header = new MemoryStream();
        header.Write(JpegSegments.StartOfImage);
        var index = (Start: 0L, Segment: default(JpegSegment));
        foreach (var segment in old.Segments)
        {
            var kind = segment.Kind(jpeg);
            if (kind == SegmentKind.Adobe) continue;
            if (index.Segment.Length == 0 && kind == SegmentKind.MultiPictureIndex) index = (header.Position, segment);
            header.Write(jpeg[segment.Offset..segment.End]);
        }

        if (index.Segment.Length > 0)
        {
            var (before, now) = (old.End - index.Segment.Offset, header.Length + pictureLength - index.Start);
            if (MultiPictureIndex.Shifted(jpeg[index.Segment.Offset..index.Segment.End], (int)(now - before)) is { } shifted)
            {
                header.Position = index.Start;
                header.Write(shifted);
            }
        }

        return header.ToArray();
    }
}
