namespace Mapillary.Imaging;

/// <summary>
/// Turns JPEG files into smaller ones of the same size in pixels, at the cost of quality. All that is not the coded picture goes
/// with it to the byte and in its order: EXIF, XMP, colour profile, comments, unknown segments, and what stands behind the end.
/// </summary>
public static class JpegRecompression
{
    private const byte App14 = 0xEE;
    private const byte Comment = 0xFE;

    private static ReadOnlySpan<byte> AdobePrefix => "Adobe"u8;

    /// <summary>Compresses one picture again.</summary>
    /// <param name="jpeg">The JPEG file in pieces, as <see cref="RestoredImage.Pieces"/> has them.</param>
    /// <param name="encoder">The encoder.</param>
    /// <param name="cancellationToken">Ends the encoder at once.</param>
    /// <exception cref="InvalidDataException">The JPEG cannot be read, or what the encoder made is not the same picture.</exception>
    /// <exception cref="NotSupportedException">It is of a kind that cannot be compressed again without changing more than its quality; the message is the same for all of a kind.</exception>
    /// <exception cref="EncodingException">The encoder failed.</exception>
    public static async Task<ConvertedImage> FromJpegAsync(IReadOnlyList<ReadOnlyMemory<byte>> jpeg, JpegEncoder encoder, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(jpeg);
        ArgumentNullException.ThrowIfNull(encoder);
        using var joined = jpeg.Count == 1 ? null : PooledBytes.Join(jpeg);
        var served = joined is null ? jpeg[0] : joined.Memory;
        var old = Anatomy.Read(served.Span);
        RefuseWhatWouldChange(old, served.Span);

        var encoded = await encoder.EncodeAsync([served], cancellationToken);
        try
        {
            if (JpegCheck.FindFault(encoded.Memory.Span) is { } fault) throw new InvalidDataException($"The encoder's picture is of no use: {fault}.");
            var made = Anatomy.Read(encoded.Memory.Span);
            if ((made.Width, made.Height, made.Components) != (old.Width, old.Height, old.Components))
                throw new InvalidDataException($"The encoder made {made.Width} × {made.Height} pixels of {made.Components} components of {old.Width} × {old.Height} of {old.Components}.");
            ReadOnlyMemory<byte> picture = encoded.Memory[made.TablesAt..made.End];
            return new ConvertedImage(encoded, [Header(served.Span, old, picture.Length), picture, served[old.End..].ToArray()], made.Width, made.Height);
        }
        catch
        {
            encoded.Dispose();
            throw;
        }
    }

    private static void RefuseWhatWouldChange(Anatomy old, ReadOnlySpan<byte> jpeg)
    {
        // T.81, table B.1: sequential and progressive, by Huffman or arithmetic coding; neither lossless nor hierarchical.
        if (old.Precision != 8 || old.Process is not (0xC0 or 0xC1 or 0xC2 or 0xC9 or 0xCA))
            throw new NotSupportedException("pictures of more than 8 bits, and lossless and hierarchical ones, cannot be compressed again.");
        if (old.Components is not (1 or 3))
            throw new NotSupportedException("pictures in other colours than red, green and blue (CMYK, say) would change theirs.");
        // Transform 1 is YCbCr, as in every picture of ours. With 0, it depends on the reader what the components are.
        foreach (var segment in old.Segments)
        {
            var payload = segment.Payload(jpeg);
            if (old.Components == 3 && IsAdobe(segment, payload) && !(payload.Length >= 12 && payload[11] == 1))
                throw new NotSupportedException("pictures whose colours Adobe's segment says to be not transformed might change theirs.");
        }
    }

    /// <summary>
    /// The start of the image and the old segments. The encoder's own JFIF segment is left out: the old one says more, and what had
    /// none needs none. Adobe's is about the coding of the old picture.
    /// </summary>
    private static byte[] Header(ReadOnlySpan<byte> jpeg, Anatomy old, int pictureLength)
    {
        using var header = new MemoryStream();
        header.Write(JpegSegments.StartOfImage);
        var index = (Start: 0L, Segment: default(JpegSegment));
        foreach (var segment in old.Segments)
        {
            var payload = segment.Payload(jpeg);
            if (IsAdobe(segment, payload)) continue;
            if (index.Segment.Length == 0 && segment.Marker == JpegSegment.App2 && payload.StartsWith(MultiPictureIndex.Prefix)) index = (header.Position, segment);
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

    private static bool IsAdobe(JpegSegment segment, ReadOnlySpan<byte> payload) => segment.Marker == App14 && payload.StartsWith(AdobePrefix);

    /// <summary>What a JPEG is made of.</summary>
    private sealed class Anatomy
    {
        public byte Process { get; private set; }

        public int Precision { get; private set; }

        public int Width { get; private set; }

        public int Height { get; private set; }

        public int Components { get; private set; }

        /// <summary>The segments that are no part of the coding: APP0 to APP15 and comments, those between scans too.</summary>
        public List<JpegSegment> Segments { get; } = [];

        /// <summary>Where the first segment of the coding stands.</summary>
        public int TablesAt { get; private set; }

        /// <summary>The first byte behind the end marker.</summary>
        public int End { get; private set; }

        /// <exception cref="InvalidDataException">It is no whole JPEG.</exception>
        public static Anatomy Read(ReadOnlySpan<byte> jpeg)
        {
            var anatomy = new Anatomy();
            var segments = new JpegSegments(jpeg);
            while (segments.MoveNext()) anatomy.Add(segments.Current, segments.Current.Payload(jpeg));
            if (segments.Fault is not null || anatomy.Width == 0)
                throw new InvalidDataException($"Not a readable JPEG: {segments.Fault ?? "it has no frame header with a size"}.");
            for (var position = segments.Current.End; JpegSegments.TryFindMarker(jpeg, ref position);)
            {
                var marker = jpeg[position + 1];
                if (marker == 0xD9)
                {
                    anatomy.End = position + 2;
                    return anatomy;
                }

                var length = 2;
                if (!JpegSegments.StandsAlone(marker))
                {
                    if (!JpegSegments.TryReadLength(jpeg, position, out length)) break;
                    var segment = new JpegSegment(marker, position, length);
                    anatomy.Add(segment, segment.Payload(jpeg));
                }

                position += length;
            }

            throw new InvalidDataException("Not a readable JPEG: it has no end marker.");
        }

        private void Add(JpegSegment segment, ReadOnlySpan<byte> payload)
        {
            if (segment.Marker is (>= 0xE0 and <= 0xEF) or Comment)
            {
                if (Segments.Count == JpegSegments.Most) throw new InvalidDataException($"Not a readable JPEG: it has more than {JpegSegments.Most} segments besides its picture data.");
                Segments.Add(segment);
                return;
            }

            if (TablesAt == 0) TablesAt = segment.Offset;
            if (!segment.IsFrameHeader || Process != 0 || payload.Length < 6) return;
            (Process, Precision, Components) = (segment.Marker, payload[0], payload[5]);
            (Width, Height) = JpegSegments.FrameSize(payload);
        }
    }
}
