using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Mapillary.Imaging;

/// <summary>WebP, with the same EXIF, XMP and colour profile as the JPEG.</summary>
public sealed record WebpForm : PictureForm
{
    /// <summary>The longest side in pixels a WebP can have (RFC 6386, section 9.1: 14 bits).</summary>
    public const int LongestSide = 16383;

    /// <summary>The quality where nobody names another; cwebp's own too.</summary>
    public const int DefaultQuality = 75;

    /// <summary>The effort where nobody names another; cwebp's own too.</summary>
    public const int DefaultEffort = 4;

    // Extended XMP: the id of the packet, its whole length, where this part belongs (XMP specification part 3, section 1.1.3.1).
    private const int ExtendedXmpIdLength = 32;

    private const string Field = "webp";

    /// <summary>A form of a quality.</summary>
    /// <param name="quality">0 (smallest) to 100 (best).</param>
    /// <param name="effort">0 (fastest) to 6 (smallest).</param>
    public WebpForm(int quality = DefaultQuality, int effort = DefaultEffort)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(quality);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(quality, 100);
        ArgumentOutOfRangeException.ThrowIfNegative(effort);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(effort, 6);
        (Quality, Effort) = (quality, effort);
    }

    /// <summary>0 (smallest) to 100 (best).</summary>
    public int Quality { get; }

    /// <summary>0 (fastest) to 6 (smallest).</summary>
    public int Effort { get; }

    /// <inheritdoc/>
    public override string Format => "WebP";

    /// <inheritdoc/>
    public override string Extension => ".webp";

    /// <inheritdoc/>
    public override string NameSuffix => "-webp";

    /// <inheritdoc/>
    public override string InWords => "as WebP";

    /// <inheritdoc/>
    public override string Description => "Images were converted to WebP.";

    /// <summary>
    /// mapillary-downloader's README says that about 70 % are saved; of street photos that were tried with cwebp -q 75, from 29 % to 54 %
    /// were left. Rough, and depends on the camera.
    /// </summary>
    public override (double Least, double Likely, double Most)? ShareLeft => (0.29, 0.35, 0.54);

    private static ReadOnlySpan<byte> ExtendedXmpPrefix => "http://ns.adobe.com/xmp/extension/\0"u8;

    /// <summary>Pictures of any quality do.</summary>
    public override bool GoesWith(PictureForm other) => other is WebpForm;

    /// <summary>Whether a WebP can hold a picture of this size.</summary>
    internal static bool CanHold(int width, int height) => width is > 0 and <= LongestSide && height is > 0 and <= LongestSide;

    /// <inheritdoc/>
    public override async Task<ConvertedImage> ConvertAsync(IReadOnlyList<ReadOnlyMemory<byte>> jpeg, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(jpeg);
        using var joined = jpeg.Count == 1 ? null : PooledBytes.Join(jpeg);
        var whole = joined is null ? jpeg[0] : joined.Memory;
        var metadata = ReadMetadata(whole.Span);
        if (!CanHold(metadata.Frame.Width, metadata.Frame.Height))
            throw new NotSupportedException($"a WebP cannot hold a side of more than {LongestSide:N0} pixels.");

        var container = WebpContainer.Read(await LibVips.EncodeWebpAsync(whole, Quality, Effort, cancellationToken));
        if ((container.Width, container.Height) != (metadata.Frame.Width, metadata.Frame.Height))
            throw new InvalidDataException($"The encoder made {container.Width} × {container.Height} of {metadata.Frame.Width} × {metadata.Frame.Height} pixels.");
        // The profile of print's colours is not one of what they became.
        return new ConvertedImage(container.With(metadata.Frame.Components == 4 ? default : metadata.IccProfile, metadata.Exif, metadata.Xmp), container.Width, container.Height);
    }

    internal override Dictionary<string, JsonElement> Fields() => new() { [Field] = JsonSerializer.SerializeToElement(true) };

    private protected override PictureForm? TryRead(IReadOnlyDictionary<string, JsonElement> fields) =>
        fields.TryGetValue(Field, out var field) && field.ValueKind == JsonValueKind.True ? new WebpForm() : null;

    private static JpegMetadata ReadMetadata(ReadOnlySpan<byte> jpeg)
    {
        var metadata = new JpegMetadata { Frame = JpegFrame.Read(jpeg) };
        var profile = new SortedDictionary<byte, byte[]>();
        var exif = new List<ReadOnlyMemory<byte>>();
        var xmp = new List<ReadOnlyMemory<byte>>();
        var extended = new List<byte[]>();
        var segments = new JpegSegments(jpeg);
        while (segments.MoveNext())
        {
            var segment = segments.Current;
            var payload = segment.Payload(jpeg);
            if (segment.Marker == JpegSegment.App1 && MetadataRestorer.IsExif(payload))
                exif.Add(payload[MetadataRestorer.ExifPrefix.Length..].ToArray());
            else if (segment.Marker == JpegSegment.App1 && payload.StartsWith(MetadataRestorer.XmpPrefix))
                xmp.Add(payload[MetadataRestorer.XmpPrefix.Length..].ToArray());
            else if (segment.Marker == JpegSegment.App1 && payload.StartsWith(ExtendedXmpPrefix))
                extended.Add(payload[ExtendedXmpPrefix.Length..].ToArray());
            else if (segment.Marker == JpegSegment.App2 && payload.StartsWith(MetadataRestorer.IccPrefix) && payload.Length > MetadataRestorer.IccPrefix.Length + 2)
                profile.TryAdd(payload[MetadataRestorer.IccPrefix.Length], payload[(MetadataRestorer.IccPrefix.Length + 1)..].ToArray());
        }

        metadata.IccProfile = JoinProfile(profile);
        metadata.Exif = JoinExif(exif);
        metadata.Xmp = JoinExtended(xmp.Count > 1 ? XmpPacket.Join(xmp) ?? xmp[0] : xmp.FirstOrDefault(), extended);
        return metadata;
    }

    /// <summary>A WebP has one EXIF chunk, so what several segments hold goes into one block, as restoring does it.</summary>
    private static ReadOnlyMemory<byte> JoinExif(List<ReadOnlyMemory<byte>> payloads)
    {
        if (payloads.Count <= 1) return payloads.FirstOrDefault();
        var kept = MetadataRestorer.ReadBlocks(payloads, [], out var others);
        return ReferenceEquals(kept, ExifBlock.Empty) ? payloads[0] : kept.Merge([.. others.SelectMany(o => o.MovableFields())], int.MaxValue, []);
    }

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
        public required JpegFrame Frame { get; init; }

        public ReadOnlyMemory<byte> IccProfile { get; set; }

        public ReadOnlyMemory<byte> Exif { get; set; }

        public ReadOnlyMemory<byte> Xmp { get; set; }
    }
}
