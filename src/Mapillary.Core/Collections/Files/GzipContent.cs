using System.Buffers.Binary;
using System.IO.Compression;

namespace Mapillary.Collections.Files;

/// <summary>
/// The content of a gzip, as it is read. .NET unpacks it, at several times the speed of SharpCompress, but takes a gzip that was cut
/// for one that ends there; a whole one ends with the length of its content (RFC 1952, ISIZE), and that is looked at here.
/// </summary>
/// <param name="packed">The gzip, which stays open.</param>
internal sealed class GzipContent(Stream packed) : ForwardStream
{
    private readonly Tail _tail = new(packed);
    private GZipStream? _unpacked;
    private long _length;

    /// <exception cref="InvalidDataException">The gzip is cut or damaged, or something stands behind it.</exception>
    public override int Read(byte[] buffer, int offset, int count)
    {
        if (count == 0) return 0;
        _unpacked ??= new GZipStream(_tail, CompressionMode.Decompress);
        try
        {
            var read = _unpacked.Read(buffer, offset, count);
            _length += read;
            if (read > 0 || _tail.LastNumber == (uint)_length) return read;
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException("it is no gzip, or a damaged one", e);
        }

        throw new InvalidDataException("its gzip is cut, or something stands behind it");
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) _unpacked?.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>Hands a stream on and keeps its last bytes.</summary>
    private sealed class Tail(Stream stream) : ForwardStream
    {
        private readonly byte[] _last = new byte[sizeof(uint)];

        public uint LastNumber => BinaryPrimitives.ReadUInt32LittleEndian(_last);

        public override int Read(byte[] buffer, int offset, int count)
        {
            var read = stream.Read(buffer, offset, count);
            var kept = Math.Min(read, _last.Length);
            _last.AsSpan(kept).CopyTo(_last);
            buffer.AsSpan(offset + read - kept, kept).CopyTo(_last.AsSpan(_last.Length - kept));
            return read;
        }
    }
}
