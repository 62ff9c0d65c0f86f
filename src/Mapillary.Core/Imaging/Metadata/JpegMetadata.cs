using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Mapillary.Imaging.Exif;
using Mapillary.Imaging.Jpeg;
using Mapillary.Imaging.Xmp;

namespace Mapillary.Imaging.Metadata;

/// <summary>
/// What a JPEG says besides its picture, in the three blocks that other formats have for it: EXIF, XMP and a colour profile. IPTC's older form
/// and comments go into XMP. What none of them can hold is named.
/// </summary>
internal sealed class JpegMetadata
{
    // Extended XMP: the id of the packet, its whole length, where this part belongs (XMP specification part 3, section 1.1.3.1).
    private const int ExtendedXmpIdLength = 32;

    // CIPA DC-007, table 4: previews of the first picture; how far away things are.
    private const int FirstPreview = 0x010001;
    private const int LastPreview = 0x01FFFF;
    private const int Disparity = 0x020002;

    private readonly List<string> _parts = [];
    private readonly List<string> _leftOut = [];

    private JpegMetadata()
    {
    }

    /// <summary>The EXIF block from its byte order mark on; empty where there is none.</summary>
    public ReadOnlyMemory<byte> Exif { get; private set; }

    /// <summary>The XMP packet; empty where there is none.</summary>
    public ReadOnlyMemory<byte> Xmp { get; private set; }

    /// <summary>The colour profile; empty where there is none.</summary>
    public ReadOnlyMemory<byte> IccProfile { get; private set; }

    /// <summary>Videos, further pictures, maps of depth or light, in words.</summary>
    public IReadOnlyList<string> Parts => _parts;

    /// <summary>What else is not in the three blocks, in words.</summary>
    public IReadOnlyList<string> LeftOut => _leftOut;

    /// <summary>Reads what a whole JPEG holds.</summary>
    /// <param name="jpeg">The file.</param>
    /// <param name="anatomy">What it is made of.</param>
    public static JpegMetadata Read(ReadOnlySpan<byte> jpeg, JpegAnatomy anatomy)
    {
        var metadata = new JpegMetadata();
        var profile = new ProfileParts();
        var exif = new List<ReadOnlyMemory<byte>>();
        var xmp = new List<ReadOnlyMemory<byte>>();
        var extended = new List<byte[]>();
        var comments = new List<string>();
        var photoshop = new ArrayBufferWriter<byte>();
        var others = new SortedSet<string>(StringComparer.Ordinal);
        List<int>? pictures = null;
        var hasGainMap = false;
        foreach (var segment in anatomy.Segments.Where(s => s.Offset < anatomy.ScanAt))
        {
            var kind = segment.Kind(jpeg);
            var content = segment.Content(jpeg, kind);
            switch (kind)
            {
                case SegmentKind.Exif:
                    exif.Add(content.ToArray());
                    break;
                case SegmentKind.Xmp:
                    xmp.Add(XmpText.InUtf8(content.ToArray()));
                    break;
                case SegmentKind.ExtendedXmp:
                    extended.Add(content.ToArray());
                    break;
                case SegmentKind.Thermal:
                    if (!metadata._parts.Contains("a thermal picture")) metadata._parts.Add("a thermal picture");
                    break;
                case SegmentKind.IccProfile:
                    profile.Add(content);
                    break;
                case SegmentKind.MultiPictureIndex:
                    pictures ??= MultiPictureIndex.Kinds(jpeg[segment.Offset..segment.End]);
                    break;
                case SegmentKind.GainMap:
                    hasGainMap = true;
                    break;
                case SegmentKind.Photoshop:
                    photoshop.Write(content);
                    break;
                case SegmentKind.Comment:
                    comments.Add(IptcFields.Decode(content));
                    break;
                default:
                    // JFIF, its thumbnail, and Adobe's are about the coding.
                    if (segment.Marker is not (JpegSegment.App0 or JpegSegment.App14)) others.Add(NameOf(segment, content));
                    break;
            }
        }

        metadata.IccProfile = profile.Join();
        if (profile.IsBroken) metadata._leftOut.Add("a colour profile whose parts are not all there");
        metadata.Exif = JoinExif(exif);
        var packet = JoinExtended(JoinXmp(xmp), extended);
        metadata.FindParts(jpeg[anatomy.End..], pictures ?? [], packet.Span, hasGainMap);
        metadata.CarryIntoXmp(XmpPacket.WithoutFurtherParts(packet), photoshop.WrittenSpan, comments);
        if (others.Count > 0) metadata._leftOut.Add($"the segments {string.Join(", ", others)}");
        return metadata;
    }

    private void CarryIntoXmp(ReadOnlyMemory<byte> packet, ReadOnlySpan<byte> photoshop, List<string> comments)
    {
        var placeless = new List<string>();
        var fields = IptcFields.Read(photoshop, placeless);
        if (XmpPacket.With(packet, fields, comments) is { } carried)
        {
            Xmp = carried;
        }
        else
        {
            Xmp = packet;
            if (fields.Count > 0) _leftOut.Add("IPTC, because the XMP packet that it would go into cannot be read");
            if (comments.Count > 0) _leftOut.Add("comments, because the XMP packet that they would go into cannot be read");
        }

        if (placeless.Count > 0) _leftOut.Add($"the IPTC fields {string.Join(", ", placeless)}, which have no place in XMP");
    }

    /// <summary>Names what stands behind the picture.</summary>
    private void FindParts(ReadOnlySpan<byte> trailer, List<int> pictures, ReadOnlySpan<byte> xmp, bool hasGainMap)
    {
        if (trailer.IndexOfAnyExcept((byte)0) < 0) return;
        // A box of an MP4: its length and its type.
        var video = trailer.IndexOf("ftyp"u8) is var at and >= 4 && BinaryPrimitives.ReadUInt32BigEndian(trailer[(at - 4)..]) is >= 8 and <= 4096 ? at - 4 : -1;
        if (video >= 0) _parts.Add($"a video ({ByteSize.Format(trailer.Length - video)})");

        var hasPicture = trailer.IndexOf<byte>([0xFF, 0xD8, 0xFF]) >= 0;
        hasGainMap |= xmp.IndexOf("hdr-gain-map"u8) >= 0 || xmp.IndexOf("HDRGainMap"u8) >= 0;
        if (hasPicture && hasGainMap) _parts.Add("a gain map, which makes a brighter picture");
        if (pictures.Contains(Disparity) || xmp.IndexOf("Semantic=\"Depth\""u8) >= 0 || xmp.IndexOf("Semantic=\"DepthMap\""u8) >= 0 || trailer.IndexOf("DepthMap"u8) >= 0)
            _parts.Add("a depth map");
        if (hasPicture && _parts.Count == 0)
        {
            if (pictures.Count > 0 && pictures.TrueForAll(k => k is >= FirstPreview and <= LastPreview)) _leftOut.Add("a preview");
            else _parts.Add(pictures.Count > 1 ? string.Create(CultureInfo.InvariantCulture, $"{pictures.Count} further pictures") : "a further picture");
        }

        if (_parts.Count == 0 && !hasPicture) _leftOut.Add(string.Create(CultureInfo.InvariantCulture, $"{trailer.Length:N0} bytes behind the picture's end"));
    }

    /// <summary>A segment's number, and the name that most begin with.</summary>
    private static string NameOf(JpegSegment segment, ReadOnlySpan<byte> payload)
    {
        var length = payload.IndexOfAnyExceptInRange((byte)' ', (byte)'~') is var end and >= 0 ? end : payload.Length;
        var name = Encoding.ASCII.GetString(payload[..Math.Min(length, 16)]);
        return string.Create(CultureInfo.InvariantCulture, $"APP{segment.Marker - JpegSegment.App0}{(name.Length > 1 ? $" '{name}'" : "")}");
    }

    /// <summary>There is one EXIF block, so what several segments hold goes into it, as restoring does it.</summary>
    private static ReadOnlyMemory<byte> JoinExif(List<ReadOnlyMemory<byte>> payloads)
    {
        if (payloads.Count <= 1) return payloads.FirstOrDefault();
        var kept = MetadataRestorer.ReadBlocks(payloads, [], out var others);
        return ReferenceEquals(kept, ExifBlock.Empty) ? payloads[0] : kept.Merge([.. MetadataRestorer.CarriedFields(others)], int.MaxValue, []);
    }

    private static ReadOnlyMemory<byte> JoinXmp(List<ReadOnlyMemory<byte>> packets) =>
        packets.Count > 1 && XmpPacket.FindReadable(packets) is [_, ..] readable && XmpPacket.Join(readable) is { } joined ? joined : packets.FirstOrDefault();

    /// <summary>There is one XMP packet of any length, so what a JPEG had to split becomes one again.</summary>
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

    /// <summary>
    /// The numbered parts of a colour profile (ICC.1:2022, annex B.4). Some writers number from 0, or say that there are none in all: as
    /// exiftool does, parts count until there are as many as they say, and are joined in the order of their numbers.
    /// </summary>
    private sealed class ProfileParts
    {
        private readonly SortedDictionary<byte, byte[]> _parts = [];
        private int? _total;
        private bool _isWhole;

        /// <summary>Whether there are parts that make no profile.</summary>
        public bool IsBroken { get; private set; }

        public void Add(ReadOnlySpan<byte> numbered)
        {
            if (_isWhole || IsBroken) return;
            if (numbered.Length < 2 || (_total ??= numbered[1]) != numbered[1] || !_parts.TryAdd(numbered[0], numbered[2..].ToArray()))
            {
                IsBroken = true;
                return;
            }

            _isWhole = _parts.Count >= _total;
        }

        public byte[] Join()
        {
            IsBroken |= _parts.Count > 0 && !_isWhole;
            return _isWhole ? [.. _parts.Values.SelectMany(p => p)] : [];
        }
    }
}
