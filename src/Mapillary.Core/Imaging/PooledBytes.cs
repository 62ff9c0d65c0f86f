using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace Mapillary.Imaging;

/// <summary>Bytes in an array of the shared pool.</summary>
internal sealed class PooledBytes : IMemoryOwner<byte>
{
    private const int FirstRoom = 128 * 1024;

    private byte[]? _array;
    private int _length;

    private PooledBytes(int room) => _array = ArrayPool<byte>.Shared.Rent(room);

    /// <inheritdoc/>
    public Memory<byte> Memory => _array.AsMemory(0, _length);

    /// <summary>Joins pieces into one.</summary>
    public static PooledBytes Join(IReadOnlyList<ReadOnlyMemory<byte>> pieces)
    {
        var bytes = new PooledBytes(checked((int)pieces.Sum(p => (long)p.Length)));
        foreach (var piece in pieces)
        {
            piece.CopyTo(bytes._array.AsMemory(bytes._length));
            bytes._length += piece.Length;
        }

        return bytes;
    }

    /// <summary>Reads a file from its start.</summary>
    /// <exception cref="IOException">It cannot be read, or is longer than a picture can be.</exception>
    public static async Task<PooledBytes> ReadAllAsync(SafeFileHandle file, CancellationToken cancellationToken)
    {
        var length = RandomAccess.GetLength(file);
        if (length > Array.MaxLength) throw new IOException($"The file is {length} bytes long, more than a picture can have.");
        var bytes = new PooledBytes((int)length);
        try
        {
            while (bytes._length < length)
            {
                var read = await RandomAccess.ReadAsync(file, bytes._array.AsMemory(bytes._length, (int)length - bytes._length), bytes._length, cancellationToken);
                if (read == 0) break;
                bytes._length += read;
            }

            return bytes;
        }
        catch
        {
            bytes.Dispose();
            throw;
        }
    }

    /// <summary>Reads a stream to its end.</summary>
    public static async Task<PooledBytes> ReadAllAsync(Stream stream, CancellationToken cancellationToken)
    {
        var bytes = new PooledBytes(FirstRoom);
        try
        {
            while (true)
            {
                if (bytes._length == bytes._array!.Length) bytes.Grow();
                var read = await stream.ReadAsync(bytes._array.AsMemory(bytes._length), cancellationToken);
                if (read == 0) return bytes;
                bytes._length += read;
            }
        }
        catch
        {
            bytes.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_array is null) return;
        ArrayPool<byte>.Shared.Return(_array);
        _array = null;
        _length = 0;
    }

    private void Grow()
    {
        var larger = ArrayPool<byte>.Shared.Rent(_array!.Length * 2);
        _array.CopyTo(larger, 0);
        ArrayPool<byte>.Shared.Return(_array);
        _array = larger;
    }
}
