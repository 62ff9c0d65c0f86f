using System.Buffers.Binary;
using Mapillary.Graph;
using Mapillary.Imaging.Exif;
using Mapillary.Imaging.Jpeg;
using Mapillary.Imaging.Webp;
using Mapillary.Imaging.Xmp;

namespace Mapillary.Imaging.Metadata;

/// <summary>
/// Puts the metadata that Mapillary strips back into its pictures. Nothing is decoded: of a JPEG only EXIF and XMP segments change,
/// of a WebP only its metadata chunks.
/// </summary>
public static class MetadataRestorer
{
    /// <summary>The most EXIF blocks of a file that are joined; writers that append one of their own leave two or three.</summary>
    private const int MostBlocks = 16;

    /// <summary>Restores a JPEG's metadata.</summary>
    /// <param name="jpeg">The whole file. The result refers to these bytes, so they must stay as they are while it is used.</param>
    /// <param name="image">The API's record of the picture.</param>
    /// <param name="options">Position source and time zone.</param>
    /// <exception cref="InvalidDataException">The bytes are no JPEG, or end before the picture data.</exception>
    public static RestoredImage RestoreJpeg(ReadOnlyMemory<byte> jpeg, MapillaryImage image, RestoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(options);
        var header = JpegHeader.Read(jpeg.Span);
        if (header.Fault is not null) throw new InvalidDataException($"Not a readable JPEG: {header.Fault}.");
        var metadata = ImageMetadata.Of(image, header.Width, header.Height, options);
        var notes = new List<string>();
        var edits = new FileEdits();
        var exifChanges = new List<ExifChange>(48);
        var xmpChanges = new List<MetadataChange>();
        var (block, segment) = ReplaceExif(jpeg, header, metadata, notes, exifChanges, edits);
        ReplaceXmp(jpeg, header, metadata, notes, xmpChanges, edits);
        if (edits.Any) new MovedBytes(jpeg, header, edits, segment).KeepAddresses(block, notes);
        return new RestoredImage(edits.Apply(jpeg), header.Width, header.Height, notes, exifChanges, xmpChanges, edits.Any);
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
        var block = ReadBlocks(container.ExifBlocks, notes, out var others);
        var exif = MergeExif(block, others, fields, int.MaxValue, notes, exifChanges);
        var pieces = container.With(default, exif, MergeXmp(container.XmpPackets, metadata, notes, xmpChanges));
        return new RestoredImage(pieces, container.Width, container.Height, notes, exifChanges, xmpChanges, pieces.Count > 1);
    }

    /// <returns>The block that was kept, as it was; and the new segment, if it changed.</returns>
    private static (ExifBlock Block, byte[]? Segment) ReplaceExif(
        ReadOnlyMemory<byte> jpeg, JpegHeader header, ImageMetadata metadata, List<string> notes, List<ExifChange> changes, FileEdits edits)
    {
        var payloads = header.ExifBlocks(jpeg);
        var block = ReadBlocks(payloads, notes, out var others);
        var fields = metadata.ToExifFields(header.HasColorProfile, header.Resolution);
        var merged = MergeExif(block, others, fields, ExifBlock.LongestInJpeg, notes, changes);
        if (header.Exif is [var only] && merged.Equals(payloads[0]))
        {
            if (StandsFirst(jpeg.Span, header, only)) return (block, null);
            notes.Add("moved the EXIF block to its place at the start of the file");
        }

        var segment = Segment(SegmentKind.Exif, merged.Span);
        edits.Replace(header.InsertAt, header.InsertAt, segment);
        for (var i = 0; i < header.Exif.Count; i++) edits.Replace(header.ExifStarts[i], header.Exif[i].End, default);
        return (block, segment);
    }

    /// <summary>The one EXIF block that there is to be, with the values in it.</summary>
    private static ReadOnlyMemory<byte> MergeExif(
        ExifBlock block, List<ExifBlock> others, IReadOnlyList<ExifField> fields, int limit, List<string> notes, List<ExifChange> changes)
    {
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
        && segment.Payload(jpeg).StartsWith(SegmentKinds.NameOf(SegmentKind.Exif));

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
        ReadOnlyMemory<byte> jpeg, JpegHeader header, ImageMetadata metadata, List<string> notes, List<MetadataChange> changes, FileEdits edits)
    {
        var packets = header.XmpPackets(jpeg);
        var packet = MergeXmp(packets, metadata, notes, changes);
        if (packet.IsEmpty) return;
        if (packet.Length > JpegSegment.LongestPayload - SegmentKinds.NameOf(SegmentKind.Xmp).Length)
        {
            changes.Clear();
            notes.Add("left the XMP packet as it was: the panorama's properties do not fit into its segment");
            return;
        }

        var segment = Segment(SegmentKind.Xmp, packet.Span);
        if (packets.Count == 0) edits.Replace(header.InsertAt, header.InsertAt, segment);
        for (var i = 0; i < header.Xmp.Count; i++) edits.Replace(header.Xmp[i].Offset, header.Xmp[i].End, i == 0 ? segment : default);
    }

    /// <summary>The one packet that there is to be; empty where those that are there stay as they are.</summary>
    private static ReadOnlyMemory<byte> MergeXmp(List<ReadOnlyMemory<byte>> packets, ImageMetadata metadata, List<string> notes, List<MetadataChange> changes)
    {
        var old = packets.Count > 0 ? packets[0] : ReadOnlyMemory<byte>.Empty;
        if (packets.Count > 1)
        {
            var readable = XmpPacket.FindReadable(packets);
            if (readable.Count < packets.Count && !metadata.IsSphere) return default;
            if (readable.Count > 0)
            {
                notes.AddRange(packets.Where(p => !readable.Contains(p))
                    .Select(p => $"dropped a broken XMP packet: {XmpText.Excerpt(p.Span)}"));
            }

            if (readable.Count > 1) notes.Add($"joined {readable.Count} XMP packets");
            if (readable.Count > 0) old = XmpPacket.Join(readable) ?? old;
        }

        var packet = metadata.Sphere is { } sphere ? DescribeSphere(old, sphere, notes, changes) : old;
        return packets.Count == 1 && packet.Equals(packets[0]) ? default : packet;
    }

    /// <summary>The packet with the sphere in it, or a new one where the old is empty or broken.</summary>
    private static ReadOnlyMemory<byte> DescribeSphere(ReadOnlyMemory<byte> old, Sphere sphere, List<string> notes, List<MetadataChange> changes)
    {
        if (old.IsEmpty) return XmpPacket.OfSphere(sphere, changes);
        if (XmpPacket.WithSphere(old, sphere, changes) is { } extended) return extended;
        notes.Add($"replaced a broken XMP packet: {XmpText.Excerpt(old.Span)}");
        return XmpPacket.OfSphere(sphere, changes);
    }

    /// <summary>A whole segment of a kind that stands in APP1.</summary>
    internal static byte[] Segment(SegmentKind kind, ReadOnlySpan<byte> content)
    {
        var name = SegmentKinds.NameOf(kind);
        var segment = new byte[4 + name.Length + content.Length];
        segment[0] = 0xFF;
        segment[1] = JpegSegment.App1;
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(2), checked((ushort)(segment.Length - 2)));
        name.CopyTo(segment.AsSpan(4));
        content.CopyTo(segment.AsSpan(4 + name.Length));
        return segment;
    }
}
