using System.Buffers.Binary;

namespace Mapillary.Collections.Tars;

/// <summary>
/// A tar's bytes on their way into SharpCompress, which is told of each header only when it adds up (POSIX.1-2001, pax, "ustar
/// Interchange Format"). Here it is found out where a tar is cut or damaged, what stands between and behind its entries, and that it
/// has no headers without end. Content goes through as it is.
/// </summary>
internal sealed class TarBlocks : Stream
{
    private const int BlockSize = 512;

    /// <summary>GNU tar and SharpCompress take extended headers of 64 KiB and less.</summary>
    private const int MostHeaderBytes = 1 << 20;

    private readonly Stream _tar;
    private readonly long _mostRead;
    private readonly CancellationToken _cancellationToken;

    /// <summary>The headers of one entry, as they are handed on: the library looks at the first of a tar twice.</summary>
    private readonly MemoryStream _headers = new();
    private readonly byte[] _block = new byte[BlockSize];
    private readonly byte[] _header = new byte[BlockSize];
    private long _position;
    private long _contentEnd;
    private long _headersStart;
    private long _extensionLeft;
    private bool _hasLongName;

    /// <param name="tar">The tar; it is not disposed of.</param>
    /// <param name="mostRead">How many bytes are read of one that can only be read forward.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    public TarBlocks(Stream tar, long mostRead, CancellationToken cancellationToken) =>
        (_tar, _mostRead, _cancellationToken) = (tar, mostRead, cancellationToken);

    /// <summary>What ended the reading: the library swallows some exceptions.</summary>
    public Exception? Fault { get; private set; }

    /// <summary>The kind that the entry's header names.</summary>
    public char Kind => (char)_header[156];

    /// <summary>The name in the entry's header; null when an extended header may have it.</summary>
    public byte[]? PlainName => _hasLongName || HasGlobalHeader || Headers.IndexOf(" path="u8) >= 0 ? null
        : HasPrefix && _header[345] != 0 ? [.. Text(345, 155), (byte)'/', .. Text(0, 100)]
        : [.. Text(0, 100)];

    /// <summary>Whether there was a header that holds for all that follow.</summary>
    public bool HasGlobalHeader { get; private set; }

    public override bool CanRead => true;

    /// <summary>Back to the beginning of the headers of an entry; the library asks for no more.</summary>
    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => _position;
        set => _position = value >= _headersStart && value <= _headersStart + _headers.Length ? value : throw new NotSupportedException();
    }

    private ReadOnlySpan<byte> Headers => _headers.GetBuffer().AsSpan(0, (int)_headers.Length);

    private bool HasPrefix => _header.AsSpan(257, 6).SequenceEqual("ustar\0"u8);

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        if (Fault is not null) throw new InvalidDataException(Fault.Message, Fault);
        try
        {
            if (buffer.IsEmpty) return 0;
            if (_position < _contentEnd) return ReadContent(buffer);
            if (_position < _headersStart) return ReadPadding(buffer);
            if (_position == _headersStart + _headers.Length && !TryReadHeaderBlock()) return 0;
            _headers.Position = _position - _headersStart;
            var read = _headers.Read(buffer);
            _position += read;
            return read;
        }
        catch (Exception e)
        {
            Fault = e;
            throw;
        }
    }

    /// <summary>Tells what follows the headers that were read.</summary>
    /// <param name="name">The entry's name, for errors.</param>
    /// <param name="length">The length of its content in bytes.</param>
    /// <exception cref="InvalidDataException">The tar cannot hold as much.</exception>
    public void BeginContent(string name, long length)
    {
        var start = _headersStart + _headers.Length;
        if (length < 0 || length > long.MaxValue - start - BlockSize || (_tar.CanSeek && length > _tar.Length - _tar.Position))
            throw Damaged(FormattableString.Invariant($"'{name}' is said to have {length} bytes, which are not there"));
        _contentEnd = start + length;
        _headersStart = _contentEnd + Padding(length);
        _headers.SetLength(0);
        _hasLongName = false;
    }

    /// <summary>Seeks to the next header, where the tar can be sought in and that is worth it.</summary>
    /// <param name="least">From how many bytes on it is.</param>
    public bool TrySkipContent(int least)
    {
        if (!_tar.CanSeek || _contentEnd - _position < least) return false;
        _tar.Seek(_contentEnd - _position, SeekOrigin.Current);
        _position = _contentEnd;
        while (_position < _headersStart) _ = Read(_block);
        return true;
    }

    /// <summary>Whether a header follows, and nothing that the library would take for another kind of file.</summary>
    public bool HasHeader() => (_headers.Length > 0 || TryReadHeaderBlock()) && Headers.ContainsAnyExcept((byte)0);

    /// <summary>Reads what is behind the last entry.</summary>
    /// <exception cref="InvalidDataException">It is not two empty blocks (the mark of a tar's end) or more.</exception>
    public void ReadEnd()
    {
        if (_headers.Length > 0 && Headers[^BlockSize..].ContainsAnyExcept((byte)0))
            throw Damaged($"the header at byte {_position - BlockSize} has no name");
        if (_headers.Length == 0 || !TryReadBlock()) throw Damaged("it is cut: the mark of its end is not there");
        for (var length = BlockSize; length > 0; length = ReadForward(_block))
        {
            if (_block.AsSpan(0, length).ContainsAnyExcept((byte)0)) throw Damaged("it holds something behind its end");
            _position += length;
        }
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private static long Padding(long length) => (BlockSize - (length % BlockSize)) % BlockSize;

    private int ReadContent(Span<byte> buffer)
    {
        var read = ReadForward(buffer[..(int)Math.Min(buffer.Length, _contentEnd - _position)]);
        if (read == 0) throw Damaged("it is cut within an entry");
        _position += read;
        return read;
    }

    private int ReadPadding(Span<byte> buffer)
    {
        buffer = buffer[..(int)Math.Min(buffer.Length, _headersStart - _position)];
        var read = ReadForward(buffer);
        if (read == 0) throw Damaged("it is cut behind an entry");
        if (buffer[..read].ContainsAnyExcept((byte)0))
            throw Damaged($"it holds something between two entries, before byte {_headersStart}");
        _position += read;
        return read;
    }

    /// <summary>Takes over the next block of the headers; false where the tar ends without one.</summary>
    private bool TryReadHeaderBlock()
    {
        if (_headers.Length >= MostHeaderBytes) throw Damaged($"the headers before byte {_position} have no end");
        if (!TryReadBlock()) return false;
        if (_extensionLeft > 0) _extensionLeft -= BlockSize;
        else if (_block.AsSpan().ContainsAnyExcept((byte)0)) TakeHeader();
        _headers.Position = _headers.Length;
        _headers.Write(_block);
        return true;
    }

    private void TakeHeader()
    {
        if (!HasTrueSum()) throw Damaged($"the header at byte {_position} is damaged");
        switch ((char)_block[156])
        {
            case 'x' or 'g' or 'L' or 'K':
                _hasLongName |= _block[156] == 'L';
                HasGlobalHeader |= _block[156] == 'g';
                var length = Number(124, 12) ?? -1;
                if (length is < 0 or > MostHeaderBytes) throw Damaged($"the header at byte {_position} says a wrong length");
                _extensionLeft = length + Padding(length);
                break;
            default:
                _block.CopyTo(_header, 0);
                // Mode, owners and time are of no use here, and the library stops at what GNU tar writes for large owners and for times
                // before 1970. What GNU tar may have in the place of ustar's prefix, times too, it takes for a part of the name.
                "0000000\00000000\00000000\0"u8.CopyTo(_block.AsSpan(100));
                "00000000000\0"u8.CopyTo(_block.AsSpan(136));
                if (!HasPrefix) _block.AsSpan(345, 155).Clear();
                WriteSum();
                break;
        }
    }

    private bool TryReadBlock()
    {
        var length = 0;
        for (int read; length < BlockSize && (read = ReadForward(_block.AsSpan(length))) > 0;) length += read;
        if (length is > 0 and < BlockSize) throw Damaged("it is cut within a header");
        return length > 0;
    }

    private int ReadForward(Span<byte> buffer)
    {
        _cancellationToken.ThrowIfCancellationRequested();
        if (!_tar.CanSeek && _position > _mostRead)
            throw Damaged($"it unpacks to more than {ByteSize.Format(_mostRead)}, far more than is expected; the rest was not read");
        return _tar.Read(buffer);
    }

    private bool HasTrueSum() => Number(148, 8) == Sum();

    private void WriteSum()
    {
        var sum = Convert.ToString(Sum(), 8).PadLeft(6, '0');
        for (var i = 0; i < sum.Length; i++) _block[148 + i] = (byte)sum[i];
        (_block[154], _block[155]) = (0, (byte)' ');
    }

    /// <summary>The sum is over the header with blanks in its own place.</summary>
    private int Sum()
    {
        var sum = 8 * ' ';
        for (var i = 0; i < BlockSize; i++) sum += i is >= 148 and < 156 ? 0 : _block[i];
        return sum;
    }

    /// <summary>A number in octal digits with blanks and zeros around them, or binary as GNU tar has it; null for what is none.</summary>
    private long? Number(int at, int length)
    {
        var field = _block.AsSpan(at, length);
        if ((field[0] & 0x80) != 0) return BinaryPrimitives.ReadInt64BigEndian(field[^8..]);
        var number = 0L;
        foreach (var digit in field.TrimEnd((byte)' ').TrimEnd((byte)0).TrimEnd((byte)' ').TrimStart((byte)' '))
        {
            if (digit is < (byte)'0' or > (byte)'7') return null;
            number = (number * 8) + digit - '0';
        }

        return number;
    }

    private ReadOnlySpan<byte> Text(int at, int length)
    {
        var field = _header.AsSpan(at, length);
        var end = field.IndexOf((byte)0);
        return end < 0 ? field : field[..end];
    }

    private InvalidDataException Damaged(string how)
    {
        var damage = new InvalidDataException(how);
        Fault ??= damage;
        return damage;
    }
}
