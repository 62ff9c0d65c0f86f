using System.Buffers.Binary;
using Mapillary.Graph;

namespace Mapillary.Imaging;

/// <summary>
/// Puts the metadata that Mapillary strips back into its pictures. Nothing is decoded: of a JPEG only EXIF and XMP segments change,
/// of a WebP only its metadata chunks.
/// </summary>
public static class MetadataRestorer
{
    /// <summary>The most EXIF blocks of a file that are joined; writers that append one of their own leave two or three.</summary>
    private const int MostBlocks = 16;

    internal static ReadOnlySpan<byte> ExifPrefix => "Exif\0\0"u8;

    internal static ReadOnlySpan<byte> XmpPrefix => "http://ns.adobe.com/xap/1.0/\0"u8;

    internal static ReadOnlySpan<byte> IccPrefix => "ICC_PROFILE\0"u8;

    /// <summary>Restores a JPEG's metadata.</summary>
    /// <param name="jpeg">The whole file. The result refers to these bytes, so they must stay as they are while it is used.</param>
    /// <param name="image">The API's record of the picture.</param>
    /// <param name="options">Position source and time zone.</param>
    /// <exception cref="InvalidDataException">The bytes are no JPEG, or end before the picture data.</exception>
    public static RestoredImage RestoreJpeg(ReadOnlyMemory<byte> jpeg, MapillaryImage image, RestoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(options);
        var header = ReadHeader(jpeg.Span);
        var metadata = ImageMetadata.Of(image, header.Width, header.Height, options);
        var notes = new List<string>();
        var edits = new List<Edit>();
        var exifChanges = new List<ExifChange>(48);
        var xmpChanges = new List<MetadataChange>();
        ReplaceExif(jpeg, header, metadata, notes, exifChanges, edits);
        ReplaceXmp(jpeg, header, metadata, notes, xmpChanges, edits);
        KeepFurtherPicturesInPlace(jpeg, header, edits);
        var pieces = Apply(jpeg, edits);
        return new RestoredImage(pieces, header.Width, header.Height, notes, exifChanges, xmpChanges, edits.Count > 0);
    }

    /// <summary>Restores a WebP's metadata, without encoding it anew.</summary>
    /// <param name="webp">The whole file. The result refers to these bytes, so they must stay as they are while it is used.</param>
    /// <param name="image">The API's record of the picture.</param>
    /// <param name="options">Position source and time zone.</param>
    /// <exception cref="InvalidDataException">The bytes are no WebP, or are cut or broken.</exception>
    public static RestoredImage RestoreWebp(ReadOnlyMemory<byte> webp, MapillaryImage image, RestoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(options);
        var container = WebpContainer.Read(webp);
        var metadata = ImageMetadata.Of(image, container.Width, container.Height, options);
        var notes = new List<string>();
        var exifChanges = new List<ExifChange>(48);
        var xmpChanges = new List<MetadataChange>();
        var fields = metadata.ToExifFields(hasColorProfile: !container.IccProfile.IsEmpty, Resolution.Unknown);
        var exif = MergeExif(container.ExifBlocks, fields, int.MaxValue, notes, exifChanges);
        var pieces = container.With(default, exif, MergeXmp(container.XmpPackets, metadata, notes, xmpChanges));
        return new RestoredImage(pieces, container.Width, container.Height, notes, exifChanges, xmpChanges, pieces.Count > 1);
    }

    private static void ReplaceExif(
        ReadOnlyMemory<byte> jpeg, JpegHeader header, ImageMetadata metadata, List<string> notes, List<ExifChange> changes, List<Edit> edits)
    {
        var payloads = header.Exif.ConvertAll(s => PayloadBehind(jpeg, s, ExifPrefix.Length));
        var merged = MergeExif(payloads, metadata.ToExifFields(header.HasColorProfile, header.Resolution), ExifBlock.LongestInJpeg, notes, changes);
        if (header.Exif is [var only] && merged.Equals(payloads[0]))
        {
            if (StandsFirst(jpeg.Span, header, only)) return;
            notes.Add("moved the EXIF block to its place at the start of the file");
        }

        edits.Add(new Edit(header.InsertAt, header.InsertAt, Segment(ExifPrefix, merged.Span)));
        for (var i = 0; i < header.Exif.Count; i++) edits.Add(new Edit(header.ExifStarts[i], header.Exif[i].End, default));
    }

    /// <summary>The one EXIF block that there is to be, with the values in it.</summary>
    private static ReadOnlyMemory<byte> MergeExif(
        List<ReadOnlyMemory<byte>> payloads, IReadOnlyList<ExifField> fields, int limit, List<string> notes, List<ExifChange> changes)
    {
        var block = ReadBlocks(payloads, notes, out var others);
        if (others.Count == 0) return block.Merge(fields, limit, notes, changes);
        var carried = CarriedFields(others).ToHashSet();
        var merged = block.Merge([.. carried, .. fields], limit, notes, changes);
        // What another of the file's blocks held is nothing new.
        changes.RemoveAll(c => carried.Contains(c.New));
        return merged;
    }

    /// <summary>What can be carried over from several blocks; where two have the same tag, the earlier counts.</summary>
    internal static IEnumerable<ExifField> CarriedFields(List<ExifBlock> blocks) => blocks.SelectMany(o => o.MovableFields()).DistinctBy(f => (f.Directory, f.Tag));

    private static bool StandsFirst(ReadOnlySpan<byte> jpeg, JpegHeader header, JpegSegment segment) =>
        jpeg[header.InsertAt..segment.Offset].IndexOfAnyExcept((byte)0xFF) < 0
        && segment.Payload(jpeg).StartsWith(ExifPrefix);

    /// <summary>Whether an APP1 segment holds EXIF. The sixth byte should be zero as well; some writers put something else there.</summary>
    internal static bool IsExif(ReadOnlySpan<byte> payload) => payload.Length >= ExifPrefix.Length && payload.StartsWith(ExifPrefix[..5]);

    /// <summary>Reads the blocks and picks the one to keep: what cannot be moved, as maker notes and thumbnails, decides.</summary>
    internal static ExifBlock ReadBlocks(List<ReadOnlyMemory<byte>> payloads, List<string> notes, out List<ExifBlock> others)
    {
        var blocks = new List<ExifBlock>();
        if (payloads.Count > MostBlocks) notes.Add($"dropped all but the first {MostBlocks} of {payloads.Count} EXIF blocks");
        foreach (var payload in payloads.Take(MostBlocks))
        {
            if (ExifBlock.Parse(payload) is { } block) blocks.Add(block);
            else notes.Add("replaced a broken EXIF block");
        }

        others = blocks;
        if (blocks.Count == 0) return ExifBlock.Empty;
        if (blocks.Count > 1) notes.Add($"joined {blocks.Count} EXIF blocks");
        var kept = blocks.Find(b => b.HasMakerNote) ?? blocks[0];
        if (blocks.Count(b => b.HasMakerNote) > 1) notes.Add("kept the first of several maker notes");
        others.Remove(kept);
        return kept;
    }

    private static void ReplaceXmp(
        ReadOnlyMemory<byte> jpeg, JpegHeader header, ImageMetadata metadata, List<string> notes, List<MetadataChange> changes, List<Edit> edits)
    {
        var packets = header.Xmp.ConvertAll(s => PayloadBehind(jpeg, s, XmpPrefix.Length));
        var packet = MergeXmp(packets, metadata, notes, changes);
        if (packet.IsEmpty) return;
        if (packet.Length > JpegSegment.LongestPayload - XmpPrefix.Length)
        {
            changes.Clear();
            notes.Add("left the XMP packet as it was: the panorama's properties do not fit into its segment");
            return;
        }

        var segment = Segment(XmpPrefix, packet.Span);
        if (packets.Count == 0) edits.Add(new Edit(header.InsertAt, header.InsertAt, segment));
        for (var i = 0; i < header.Xmp.Count; i++)
            edits.Add(new Edit(header.Xmp[i].Offset, header.Xmp[i].End, i == 0 ? segment : default));
    }

    /// <summary>The one packet that there is to be; empty where those that are there stay as they are.</summary>
    private static ReadOnlyMemory<byte> MergeXmp(List<ReadOnlyMemory<byte>> packets, ImageMetadata metadata, List<string> notes, List<MetadataChange> changes)
    {
        var old = packets.Count > 0 ? packets[0] : ReadOnlyMemory<byte>.Empty;
        if (packets.Count > 1)
        {
            var readable = XmpPacket.FindReadable(packets);
            if (readable.Count < packets.Count && !metadata.IsSphere) return default;
            if (readable.Count > 0 && readable.Count < packets.Count) notes.AddRange(packets.Where(p => !readable.Contains(p)).Select(p => $"dropped a broken XMP packet: {XmpText.Excerpt(p.Span)}"));
            if (readable.Count > 1) notes.Add($"joined {readable.Count} XMP packets");
            if (readable.Count > 0) old = XmpPacket.Join(readable) ?? old;
        }

        var packet = metadata.IsSphere ? DescribeSphere(old, metadata, notes, changes) : old;
        return packets.Count == 1 && packet.Equals(packets[0]) ? default : packet;
    }

    /// <summary>The packet with the sphere in it, or a new one where the old is empty or broken.</summary>
    private static ReadOnlyMemory<byte> DescribeSphere(ReadOnlyMemory<byte> old, ImageMetadata metadata, List<string> notes, List<MetadataChange> changes)
    {
        if (old.IsEmpty) return XmpPacket.OfSphere(metadata, changes);
        if (XmpPacket.WithSphere(old, metadata, changes) is { } extended) return extended;
        notes.Add($"replaced a broken XMP packet: {XmpText.Excerpt(old.Span)}");
        return XmpPacket.OfSphere(metadata, changes);
    }

    private static void KeepFurtherPicturesInPlace(ReadOnlyMemory<byte> jpeg, JpegHeader header, List<Edit> edits)
    {
        if (header.MultiPictureIndex is not { } segment) return;
        var shift = edits.Where(e => e.Start > segment.Offset).Sum(e => e.Replacement.Length - (e.End - e.Start));
        if (shift != 0 && MultiPictureIndex.Shifted(jpeg.Span[segment.Offset..segment.End], shift) is { } shifted)
            edits.Add(new Edit(segment.Offset, segment.End, shifted));
    }

    private static ReadOnlyMemory<byte> PayloadBehind(ReadOnlyMemory<byte> jpeg, JpegSegment segment, int prefix) =>
        jpeg[(segment.Offset + 4 + prefix)..segment.End];

    private static byte[] Segment(ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> content)
    {
        var segment = new byte[4 + prefix.Length + content.Length];
        segment[0] = 0xFF;
        segment[1] = JpegSegment.App1;
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(2), checked((ushort)(segment.Length - 2)));
        prefix.CopyTo(segment.AsSpan(4));
        content.CopyTo(segment.AsSpan(4 + prefix.Length));
        return segment;
    }

    private static List<ReadOnlyMemory<byte>> Apply(ReadOnlyMemory<byte> file, List<Edit> edits)
    {
        var pieces = new List<ReadOnlyMemory<byte>>(edits.Count * 2 + 1);
        var position = 0;
        foreach (var edit in edits.OrderBy(e => e.Start).ThenBy(e => e.End))
        {
            Add(file[position..edit.Start]);
            Add(edit.Replacement);
            position = edit.End;
        }

        Add(file[position..]);
        return pieces;

        void Add(ReadOnlyMemory<byte> piece)
        {
            if (!piece.IsEmpty) pieces.Add(piece);
        }
    }

    private static JpegHeader ReadHeader(ReadOnlySpan<byte> jpeg)
    {
        var header = new JpegHeader { InsertAt = JpegSegments.StartOfImage.Length };
        var isFirst = true;
        var hasFrame = false;
        var previousEnd = header.InsertAt;
        var segments = new JpegSegments(jpeg);
        while (segments.MoveNext())
        {
            var segment = segments.Current;
            var payload = segment.Payload(jpeg);
            isFirst &= segment.Marker == JpegSegment.App0;
            if (isFirst) header.InsertAt = segment.End;

            if (segment.IsFrameHeader)
            {
                if (!hasFrame) (header.Width, header.Height) = JpegSegments.FrameSize(payload);
                hasFrame = true;
            }
            else if (segment.Marker == JpegSegment.App0)
            {
                if (Resolution.FromJfif(payload) is { } resolution) header.Resolution = resolution;
            }
            else if (segment.Marker == JpegSegment.App1)
            {
                if (IsExif(payload))
                {
                    header.Exif.Add(segment);
                    header.ExifStarts.Add(previousEnd + jpeg[previousEnd..segment.Offset].TrimEnd((byte)0xFF).Length);
                }
                else if (payload.StartsWith(XmpPrefix))
                {
                    header.Xmp.Add(segment);
                }
            }
            else if (segment.Marker == JpegSegment.App2)
            {
                if (payload.StartsWith(IccPrefix)) header.HasColorProfile = true;
                else if (payload.StartsWith(MultiPictureIndex.Prefix)) header.MultiPictureIndex ??= segment;
            }

            previousEnd = segment.End;
        }

        if (segments.Fault is not null) throw new InvalidDataException($"Not a readable JPEG: {segments.Fault}.");
        if (!hasFrame) throw new InvalidDataException("Not a readable JPEG: it has picture data without a frame header.");
        if (JpegSegments.FindSizeFault(header.Width, header.Height) is { } fault) throw new InvalidDataException($"Not a readable JPEG: {fault}.");
        return header;
    }

    private sealed class JpegHeader
    {
        public int Width { get; set; }

        public int Height { get; set; }

        /// <summary>Behind the start of the image and the JFIF segments: there EXIF has to stand (EXIF 2.32, section 4.7.1).</summary>
        public int InsertAt { get; set; }

        public bool HasColorProfile { get; set; }

        /// <summary>Pixels per inch or centimetre as JFIF states it, which a new EXIF block repeats.</summary>
        public Resolution Resolution { get; set; } = Resolution.Unknown;

        public JpegSegment? MultiPictureIndex { get; set; }

        public List<JpegSegment> Exif { get; } = [];

        /// <summary>Where each EXIF segment starts with the fill bytes before it, which belong to its marker (T.81, B.1.1.2).</summary>
        public List<int> ExifStarts { get; } = [];

        public List<JpegSegment> Xmp { get; } = [];
    }

    /// <summary>Bytes of the file, the end not included, and what stands there instead.</summary>
    private readonly record struct Edit(int Start, int End, ReadOnlyMemory<byte> Replacement);
}
