using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Mapillary.Imaging;

/// <summary>Turns JPEG files into WebP files that carry the same EXIF, XMP and colour profile.</summary>
public static class WebpConversion
{
    /// <summary>The longest side in pixels a WebP can have (RFC 6386, section 9.1: 14 bits).</summary>
    public const int LongestSide = 16383;

    // Extended XMP: the id of the packet, its whole length, where this part belongs (XMP specification part 3, section 1.1.3.1).
    private const int ExtendedXmpIdLength = 32;

    private static ReadOnlySpan<byte> ExtendedXmpPrefix => "http://ns.adobe.com/xmp/extension/\0"u8;

    /// <summary>Whether a WebP can hold a picture of this size.</summary>
    public static bool CanHold(int width, int height) => width is > 0 and <= LongestSide && height is > 0 and <= LongestSide;

    /// <summary>Converts one picture.</summary>
    /// <param name="jpeg">The JPEG file in pieces, as <see cref="RestoredImage.Pieces"/> has them.</param>
    /// <param name="encoder">The encoder.</param>
    /// <param name="cancellationToken">Ends the encoder at once.</param>
    /// <exception cref="InvalidDataException">The JPEG cannot be read, or what the encoder made is not the same size.</exception>
    /// <exception cref="NotSupportedException">A side is longer than <see cref="LongestSide"/>.</exception>
    /// <exception cref="EncodingException">The encoder failed.</exception>
    public static async Task<ConvertedImage> FromJpegAsync(IReadOnlyList<ReadOnlyMemory<byte>> jpeg, WebpEncoder encoder, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(jpeg);
        ArgumentNullException.ThrowIfNull(encoder);
        var metadata = ReadMetadata(jpeg);
        if (!CanHold(metadata.Width, metadata.Height))
            throw new NotSupportedException($"A WebP cannot hold {metadata.Width} × {metadata.Height} pixels; a side may have {LongestSide}.");

        var encoded = await encoder.EncodeAsync(jpeg, cancellationToken);
        try
        {
            var container = WebpContainer.Read(encoded.Memory);
            if ((container.Width, container.Height) != (metadata.Width, metadata.Height))
                throw new InvalidDataException($"The encoder made {container.Width} × {container.Height} of {metadata.Width} × {metadata.Height} pixels.");
            return new ConvertedImage(encoded, container.With(metadata.IccProfile, metadata.Exif, metadata.Xmp), container.Width, container.Height);
        }
        catch
        {
            encoded.Dispose();
            throw;
        }
    }

    private static JpegMetadata ReadMetadata(IReadOnlyList<ReadOnlyMemory<byte>> pieces)
    {
        using var joined = pieces.Count == 1 ? null : PooledBytes.Join(pieces);
        var jpeg = joined is null ? pieces[0].Span : joined.Memory.Span;
        var metadata = new JpegMetadata();
        var profile = new SortedDictionary<byte, byte[]>();
        var exif = new List<ReadOnlyMemory<byte>>();
        var xmp = new List<ReadOnlyMemory<byte>>();
        var extended = new List<byte[]>();
        var segments = new JpegSegments(jpeg);
        while (segments.MoveNext())
        {
            var segment = segments.Current;
            var payload = segment.Payload(jpeg);
            if (segment.IsFrameHeader && metadata.Width == 0)
                (metadata.Width, metadata.Height) = JpegSegments.FrameSize(payload);
            else if (segment.Marker == JpegSegment.App1 && MetadataRestorer.IsExif(payload))
                exif.Add(payload[MetadataRestorer.ExifPrefix.Length..].ToArray());
            else if (segment.Marker == JpegSegment.App1 && payload.StartsWith(MetadataRestorer.XmpPrefix))
                xmp.Add(payload[MetadataRestorer.XmpPrefix.Length..].ToArray());
            else if (segment.Marker == JpegSegment.App1 && payload.StartsWith(ExtendedXmpPrefix))
                extended.Add(payload[ExtendedXmpPrefix.Length..].ToArray());
            else if (segment.Marker == JpegSegment.App2 && payload.StartsWith(MetadataRestorer.IccPrefix) && payload.Length > MetadataRestorer.IccPrefix.Length + 2)
                profile.TryAdd(payload[MetadataRestorer.IccPrefix.Length], payload[(MetadataRestorer.IccPrefix.Length + 1)..].ToArray());
        }

        if (segments.Fault is not null || metadata.Width == 0)
            throw new InvalidDataException($"Not a readable JPEG: {segments.Fault ?? "it has no frame header with a size"}.");
        metadata.IccProfile = JoinProfile(profile);
        metadata.Exif = JoinExif(exif);
        metadata.Xmp = JoinExtended(JoinXmp(xmp), extended);
        return metadata;
    }

    /// <summary>A WebP has one EXIF chunk, so what several segments hold goes into one block, as restoring does it.</summary>
    private static ReadOnlyMemory<byte> JoinExif(List<ReadOnlyMemory<byte>> payloads)
    {
        if (payloads.Count <= 1) return payloads.FirstOrDefault();
        var kept = MetadataRestorer.ReadBlocks(payloads, [], out var others);
        return ReferenceEquals(kept, ExifBlock.Empty) ? payloads[0] : kept.Merge([.. MetadataRestorer.CarriedFields(others)], int.MaxValue, []);
    }

    private static ReadOnlyMemory<byte> JoinXmp(List<ReadOnlyMemory<byte>> packets) =>
        packets.Count > 1 && XmpPacket.FindReadable(packets) is [_, ..] readable && XmpPacket.Join(readable) is { } joined ? joined : packets.FirstOrDefault();

    /// <summary>The colour profile from its numbered parts (ICC.1:2022, annex B.4); none where a part is missing.</summary>
    private static byte[] JoinProfile(SortedDictionary<byte, byte[]> parts)
    {
        var number = 1;
        foreach (var (index, part) in parts)
        {
            if (index != number++ || part[0] != parts.Count) return [];
        }

        return [.. parts.Values.SelectMany(p => p.Skip(1))];
    }

    /// <summary>A WebP has one XMP chunk of any length, so what a JPEG had to split becomes one packet again.</summary>
    private static ReadOnlyMemory<byte> JoinExtended(ReadOnlyMemory<byte> main, List<byte[]> parts)
    {
        if (parts.Count == 0 || XmpPacket.ExtendedPacketId(main) is not { } id) return main;
        var whole = new ArrayBufferWriter<byte>();
        var expected = 0u;
        foreach (var part in parts.Where(p => p.Length > ExtendedXmpIdLength + 8 && Encoding.ASCII.GetString(p, 0, ExtendedXmpIdLength) == id)
                     .OrderBy(p => BinaryPrimitives.ReadUInt32BigEndian(p.AsSpan(ExtendedXmpIdLength + 4))))
        {
            expected = BinaryPrimitives.ReadUInt32BigEndian(part.AsSpan(ExtendedXmpIdLength));
            if (BinaryPrimitives.ReadUInt32BigEndian(part.AsSpan(ExtendedXmpIdLength + 4)) != whole.WrittenCount) return main;
            whole.Write(part.AsSpan(ExtendedXmpIdLength + 8));
        }

        return whole.WrittenCount == expected && expected > 0 ? XmpPacket.Join([main, whole.WrittenMemory], areParts: true) ?? main : main;
    }

    private sealed class JpegMetadata
    {
        public int Width { get; set; }

        public int Height { get; set; }

        public ReadOnlyMemory<byte> IccProfile { get; set; }

        public ReadOnlyMemory<byte> Exif { get; set; }

        public ReadOnlyMemory<byte> Xmp { get; set; }
    }
}

/// <summary>A file made from a JPEG; disposing it gives its memory back.</summary>
public sealed class ConvertedImage : IDisposable
{
    private readonly IMemoryOwner<byte> _encoded;

    internal ConvertedImage(IMemoryOwner<byte> encoded, IReadOnlyList<ReadOnlyMemory<byte>> pieces, int width, int height)
    {
        _encoded = encoded;
        Pieces = pieces;
        Length = pieces.Sum(p => (long)p.Length);
        Width = width;
        Height = height;
    }

    /// <summary>The bytes of the file, to be written one after the other.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Pieces { get; }

    /// <summary>The length of the file in bytes.</summary>
    public long Length { get; }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <inheritdoc/>
    public void Dispose() => _encoded.Dispose();
}
