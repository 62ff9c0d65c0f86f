using System.Buffers.Binary;

namespace Mapillary.Tiles;

/// <summary>
/// Reads the wire form of Protocol Buffers (https://protobuf.dev/programming-guides/encoding/) from a stream, forwards, with a buffer of one
/// size. Lengths are checked against what is around them; a message is read while <see cref="NextField"/> finds a field before its end.
/// </summary>
/// <param name="stream">The bytes.</param>
/// <param name="most">The most bytes that are read.</param>
internal sealed class WireReader(Stream stream, long most)
{
    private readonly byte[] _buffer = new byte[1 << 16];
    private int _at;
    private int _filled;
    private long _read;

    /// <summary>How many bytes were read.</summary>
    public long Position => _read - _filled + _at;

    /// <summary>The next field of a message, or none where the message has ended.</summary>
    /// <param name="end">Where the message ends; <see cref="long.MaxValue"/> for the end of the stream.</param>
    /// <param name="field">The field's number.</param>
    /// <param name="type">How its value is written.</param>
    /// <exception cref="InvalidDataException">The bytes are no message, are cut, or are too many.</exception>
    public bool NextField(long end, out int field, out WireType type)
    {
        (field, type) = (0, default);
        if (end == long.MaxValue ? _at == _filled && !Fill() : Position >= end) return false;
        var tag = Varint(end);
        (field, type) = ((int)(tag >> 3), (WireType)(tag & 7));
        if (tag > uint.MaxValue || field == 0 || type is not (WireType.Varint or WireType.Fixed64 or WireType.Bytes or WireType.Fixed32))
            throw new InvalidDataException($"it has a field that is none, at byte {Position}");
        return true;
    }

    /// <summary>A number of up to 64 bits.</summary>
    /// <param name="end">Where the message ends that it is in.</param>
    public ulong Varint(long end)
    {
        var number = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = Byte(end);
            number |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80) return number;
        }

        throw new InvalidDataException($"it has a number that does not end, at byte {Position}");
    }

    /// <summary>Eight bytes as a number.</summary>
    /// <param name="end">Where the message ends that they are in.</param>
    public ulong Fixed64(long end)
    {
        Span<byte> bytes = stackalloc byte[8];
        Copy(bytes, end);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    /// <summary>Four bytes as a number.</summary>
    /// <param name="end">Where the message ends that they are in.</param>
    public uint Fixed32(long end)
    {
        Span<byte> bytes = stackalloc byte[4];
        Copy(bytes, end);
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    /// <summary>Reads a length, and says where what it is the length of ends.</summary>
    /// <param name="end">Where the message ends that it is in.</param>
    public long EndOfBytes(long end)
    {
        var length = Varint(end);
        if (length > (ulong)(end - Position)) throw new InvalidDataException($"it has a length of {length} bytes, more than there is room for, at byte {Position}");
        // Of the stream's own end nobody knows before it comes.
        if (length > (ulong)Math.Max(0, most - Position)) throw TooMuch();
        return Position + (long)length;
    }

    /// <summary>Reads so many bytes.</summary>
    /// <param name="into">Filled to its end.</param>
    /// <param name="end">Where the message ends that they are in.</param>
    public void Copy(Span<byte> into, long end)
    {
        if (into.Length > end - Position) throw Cut();
        while (into.Length > 0)
        {
            if (_at == _filled && !Fill()) throw Cut();
            var some = Math.Min(into.Length, _filled - _at);
            _buffer.AsSpan(_at, some).CopyTo(into);
            _at += some;
            into = into[some..];
        }
    }

    /// <summary>Leaves out a field's value.</summary>
    public void Skip(WireType type, long end)
    {
        switch (type)
        {
            case WireType.Varint: Varint(end); break;
            case WireType.Fixed64: Fixed64(end); break;
            case WireType.Fixed32: Fixed32(end); break;
            default: SkipTo(EndOfBytes(end)); break;
        }
    }

    /// <summary>Leaves out what is left before a place.</summary>
    public void SkipTo(long place)
    {
        while (Position < place)
        {
            if (_at == _filled && !Fill()) throw Cut();
            _at += (int)Math.Min(place - Position, _filled - _at);
        }
    }

    private byte Byte(long end)
    {
        if (Position >= end || (_at == _filled && !Fill())) throw Cut();
        return _buffer[_at++];
    }

    private bool Fill()
    {
        _at = 0;
        _filled = stream.Read(_buffer);
        _read += _filled;
        if (_read > most) throw TooMuch();
        return _filled > 0;
    }

    private InvalidDataException TooMuch() => new($"it has more than {ByteSize.Format(most)} when unpacked");

    private InvalidDataException Cut() => new($"it is cut at byte {Position}");
}

/// <summary>How a value is written in the wire form.</summary>
internal enum WireType
{
    /// <summary>A number, seven bits a byte.</summary>
    Varint = 0,

    /// <summary>Eight bytes.</summary>
    Fixed64 = 1,

    /// <summary>A length and so many bytes: text, a message, or packed numbers.</summary>
    Bytes = 2,

    /// <summary>Four bytes.</summary>
    Fixed32 = 5,
}
