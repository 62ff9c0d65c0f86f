using System.Buffers;

namespace Mapillary.Download;

/// <summary>The bytes of a picture as served, in memory that goes back to the pool when this is disposed.</summary>
public sealed class FetchedImage : IDisposable
{
    private readonly MemoryBudget _budget;
    private readonly long _reserved;
    private byte[]? _buffer;
    private readonly int _length;

    internal FetchedImage(byte[] buffer, int length, MemoryBudget budget, long reserved)
    {
        _buffer = buffer;
        _length = length;
        _budget = budget;
        _reserved = reserved;
    }

    /// <summary>The bytes; not to be used after disposal.</summary>
    public ReadOnlyMemory<byte> Bytes => (_buffer ?? throw new ObjectDisposedException(nameof(FetchedImage))).AsMemory(0, _length);

    /// <inheritdoc/>
    public void Dispose()
    {
        var buffer = Interlocked.Exchange(ref _buffer, null);
        if (buffer is null) return;
        ArrayPool<byte>.Shared.Return(buffer);
        _budget.Release(_reserved);
    }
}
