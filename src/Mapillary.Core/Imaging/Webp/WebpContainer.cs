using System.Buffers.Binary;
using Mapillary.Imaging.Jpeg;

namespace Mapillary.Imaging.Webp;

/// <summary>
/// The chunks of a WebP file (RFC 9649, section 2). Metadata are put in without touching the picture: chunks that stay are slices
/// of the bytes that were given, unknown ones included.
/// </summary>
public sealed class WebpContainer
{
    private const int RiffHeaderLength = 12;
    private const int ChunkHeaderLength = 8;
    private const int ExtendedPayloadLength = 10;

    // An animation has two for each of its pictures.
    private const int MostChunks = 100_000;

    // Bits of the VP8X flags (RFC 9649, figure 7).
    private const byte IccFlag = 0x20;
    private const byte AlphaFlag = 0x10;
    private const byte ExifFlag = 0x08;
    private const byte XmpFlag = 0x04;

    private readonly ReadOnlyMemory<byte> _file;
    private readonly List<Chunk> _chunks = [];
    private readonly int _end;
    private readonly bool _hasAlpha;

    private WebpContainer(ReadOnlyMemory<byte> file)
    {
        _file = file;
        var bytes = file.Span;
        if (bytes.Length < RiffHeaderLength || !bytes.StartsWith("RIFF"u8) || !bytes[8..].StartsWith("WEBP"u8))
            throw new InvalidDataException("It is not a WebP.");
        var end = ChunkHeaderLength + (long)BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
        if (end > bytes.Length) throw new InvalidDataException($"The WebP ends early (cut after {bytes.Length} of {end} bytes).");
        _end = (int)end;
        var at = RiffHeaderLength;
        while (at + ChunkHeaderLength <= _end)
        {
            var length = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(at + 4)..]);
            var next = at + ChunkHeaderLength + length + (length & 1);
            if (at + ChunkHeaderLength + length > _end) throw new InvalidDataException($"The WebP chunk at byte {at} is broken.");
            if (_chunks.Count == MostChunks) throw new InvalidDataException($"The WebP has more than {MostChunks} chunks.");
            _chunks.Add(new Chunk(BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]), at, (int)length));
            at = (int)Math.Min(next, _end);
        }

        // What is too short for a chunk goes behind the file with all other trailing bytes.
        _end = at;
        (Width, Height, _hasAlpha) = ReadSize();
    }

    /// <summary>Width of the canvas in pixels.</summary>
    public int Width { get; }

    /// <summary>Height of the canvas in pixels.</summary>
    public int Height { get; }

    /// <summary>The EXIF block from its byte order mark on, of several the first; empty where there is none.</summary>
    public ReadOnlyMemory<byte> Exif => ExifBlocks.FirstOrDefault();

    /// <summary>The XMP packet, of several the first; empty where there is none.</summary>
    public ReadOnlyMemory<byte> Xmp => Payload(ChunkName.Xmp);

    /// <summary>All EXIF blocks. There should be one (RFC 9649, section 2.7.1.5), but some writers append a second.</summary>
    internal List<ReadOnlyMemory<byte>> ExifBlocks =>
        // Some writers put JPEG's prefix before the block.
        Payloads(ChunkName.Exif).ConvertAll(exif => SegmentKinds.Of(JpegSegment.App1, exif.Span) == SegmentKind.Exif
            ? exif[SegmentKinds.NameOf(SegmentKind.Exif).Length..]
            : exif);

    /// <summary>All XMP packets, of which there should be one.</summary>
    internal List<ReadOnlyMemory<byte>> XmpPackets => Payloads(ChunkName.Xmp);

    /// <summary>The colour profile; empty where there is none.</summary>
    public ReadOnlyMemory<byte> IccProfile => Payload(ChunkName.IccProfile);

    /// <summary>Reads a file.</summary>
    /// <exception cref="InvalidDataException">It is not a WebP, or is cut or broken.</exception>
    public static WebpContainer Read(ReadOnlyMemory<byte> webp) => new(webp);

    /// <summary>The file with these metadata in place of those of their kind; what is empty stays as it is.</summary>
    /// <param name="iccProfile">A colour profile.</param>
    /// <param name="exif">An EXIF block from its byte order mark on.</param>
    /// <param name="xmp">An XMP packet.</param>
    /// <returns>The bytes of the file, to be written one after the other; the file as one piece if nothing changes.</returns>
    public IReadOnlyList<ReadOnlyMemory<byte>> With(ReadOnlyMemory<byte> iccProfile, ReadOnlyMemory<byte> exif, ReadOnlyMemory<byte> xmp)
    {
        if (Holds(ChunkName.IccProfile, iccProfile) && Holds(ChunkName.Exif, exif) && Holds(ChunkName.Xmp, xmp) && AreFlagsRight())
            return [_file];

        var flags = (byte)(_chunks.Count > 0 && _chunks[0].Name == ChunkName.Extended
            ? _file.Span[_chunks[0].Offset + ChunkHeaderLength] & ~(IccFlag | ExifFlag | XmpFlag)
            : _hasAlpha ? AlphaFlag : 0);
        if (!iccProfile.IsEmpty || Has(ChunkName.IccProfile)) flags |= IccFlag;
        if (!exif.IsEmpty || Has(ChunkName.Exif)) flags |= ExifFlag;
        if (!xmp.IsEmpty || Has(ChunkName.Xmp)) flags |= XmpFlag;

        var header = ExtendedHeader(flags);
        var pieces = new List<ReadOnlyMemory<byte>> { header };
        if (!iccProfile.IsEmpty) AddChunk(pieces, ChunkName.IccProfile, iccProfile);
        foreach (var chunk in _chunks)
        {
            if (chunk.Name == ChunkName.Extended
                || (chunk.Name == ChunkName.IccProfile && !iccProfile.IsEmpty)
                || (chunk.Name == ChunkName.Exif && !exif.IsEmpty)
                || (chunk.Name == ChunkName.Xmp && !xmp.IsEmpty)) continue;
            pieces.Add(_file.Slice(chunk.Offset, Math.Min(chunk.PaddedLength, _end - chunk.Offset)));
            if (chunk.Offset + chunk.PaddedLength > _end) pieces.Add(new byte[1]);
        }

        if (!exif.IsEmpty) AddChunk(pieces, ChunkName.Exif, exif);
        if (!xmp.IsEmpty) AddChunk(pieces, ChunkName.Xmp, xmp);

        var length = pieces.Sum(p => (long)p.Length);
        if (length - ChunkHeaderLength > uint.MaxValue - 1) throw new InvalidDataException("The WebP would be longer than its format allows.");
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(4), (uint)(length - ChunkHeaderLength));
        if (_end < _file.Length) pieces.Add(_file[_end..]);
        return pieces;
    }

    private byte[] ExtendedHeader(byte flags)
    {
        var header = new byte[RiffHeaderLength + ChunkHeaderLength + ExtendedPayloadLength];
        "RIFF\0\0\0\0WEBPVP8X"u8.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(16), ExtendedPayloadLength);
        if (_chunks.Count > 0 && _chunks[0] is { Name: ChunkName.Extended } old)
            _file.Span.Slice(old.Offset + ChunkHeaderLength, ExtendedPayloadLength).CopyTo(header.AsSpan(20));
        header[20] = flags;
        WriteUInt24(header.AsSpan(24), Width - 1);
        WriteUInt24(header.AsSpan(27), Height - 1);
        return header;
    }

    private static void AddChunk(List<ReadOnlyMemory<byte>> pieces, uint name, ReadOnlyMemory<byte> payload)
    {
        var header = new byte[ChunkHeaderLength];
        BinaryPrimitives.WriteUInt32BigEndian(header, name);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(4), (uint)payload.Length);
        pieces.Add(header);
        pieces.Add(payload);
        if ((payload.Length & 1) != 0) pieces.Add(new byte[1]);
    }

    private bool Holds(uint name, ReadOnlyMemory<byte> payload) =>
        payload.IsEmpty || (_chunks.Count(c => c.Name == name) == 1 && Payload(name).Span.SequenceEqual(payload.Span));

    private bool AreFlagsRight()
    {
        if (_chunks.Count == 0 || _chunks[0].Name != ChunkName.Extended)
            return !Has(ChunkName.IccProfile) && !Has(ChunkName.Exif) && !Has(ChunkName.Xmp);
        var flags = _file.Span[_chunks[0].Offset + ChunkHeaderLength];
        return (flags & IccFlag) != 0 == Has(ChunkName.IccProfile)
            && (flags & ExifFlag) != 0 == Has(ChunkName.Exif)
            && (flags & XmpFlag) != 0 == Has(ChunkName.Xmp);
    }

    private bool Has(uint name) => _chunks.Exists(c => c.Name == name);

    private ReadOnlyMemory<byte> Payload(uint name) => Payloads(name).FirstOrDefault();

    private List<ReadOnlyMemory<byte>> Payloads(uint name) =>
        _chunks.FindAll(c => c.Name == name).ConvertAll(c => _file.Slice(c.Offset + ChunkHeaderLength, c.Length));

    private (int Width, int Height, bool HasAlpha) ReadSize()
    {
        foreach (var chunk in _chunks)
        {
            var payload = _file.Span.Slice(chunk.Offset + ChunkHeaderLength, chunk.Length);
            switch (chunk.Name)
            {
                case ChunkName.Extended when payload.Length < ExtendedPayloadLength || chunk.Offset != RiffHeaderLength:
                    throw new InvalidDataException("The WebP's VP8X chunk is broken.");

                case ChunkName.Extended:
                    return (ReadUInt24(payload[4..]) + 1, ReadUInt24(payload[7..]) + 1, (payload[0] & AlphaFlag) != 0);

                // RFC 6386, section 9.1: a key frame has its size behind a start code, 14 bits each.
                case ChunkName.Lossy when payload.Length >= 10 && payload[3..].StartsWith<byte>([0x9D, 0x01, 0x2A]):
                    return Checked(
                        BinaryPrimitives.ReadUInt16LittleEndian(payload[6..]) & 0x3FFF,
                        BinaryPrimitives.ReadUInt16LittleEndian(payload[8..]) & 0x3FFF,
                        false);

                // RFC 9649, section 3.4: 14 bits each for the sides less one, one bit for alpha.
                case ChunkName.Lossless when payload.Length >= 5 && payload[0] == 0x2F:
                    var bits = BinaryPrimitives.ReadUInt32LittleEndian(payload[1..]);
                    return Checked((int)(bits & 0x3FFF) + 1, (int)((bits >> 14) & 0x3FFF) + 1, (bits & 0x10000000) != 0);
            }
        }

        throw new InvalidDataException("The WebP holds no picture.");
    }

    private static (int Width, int Height, bool HasAlpha) Checked(int width, int height, bool hasAlpha) =>
        width > 0 && height > 0 ? (width, height, hasAlpha) : throw new InvalidDataException("The WebP's frame has no size.");

    private static int ReadUInt24(ReadOnlySpan<byte> bytes) => bytes[0] | bytes[1] << 8 | bytes[2] << 16;

    private static void WriteUInt24(Span<byte> bytes, int value)
    {
        bytes[0] = (byte)value;
        bytes[1] = (byte)(value >> 8);
        bytes[2] = (byte)(value >> 16);
    }

    private readonly record struct Chunk(uint Name, int Offset, int Length)
    {
        public int PaddedLength => ChunkHeaderLength + Length + (Length & 1);
    }

    /// <summary>Names of chunks as big-endian numbers.</summary>
    private static class ChunkName
    {
        public const uint Extended = 0x56503858; // "VP8X"
        public const uint IccProfile = 0x49434350; // "ICCP"
        public const uint Lossy = 0x56503820; // "VP8 "
        public const uint Lossless = 0x5650384C; // "VP8L"
        public const uint Exif = 0x45584946; // "EXIF"
        public const uint Xmp = 0x584D5020; // "XMP "
    }
}
