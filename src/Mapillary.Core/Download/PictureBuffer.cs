using System.Buffers;

namespace Mapillary.Download;

/// <summary>
/// The bytes of a picture as they come in. Memory follows what came, not what was announced: it grows by doubling, and each step is
/// reserved before it is taken.
/// </summary>
internal sealed class PictureBuffer : IDisposable
{
    /// <summary>Room for an answer that does not say its length, and the most that is made ready for one that does: few pictures have more.</summary>
    private const int FirstRoom = 8 * 1024 * 1024;

    /// <summary>From here on room is made for all that is to come: to double once more would take more than that.</summary>
    private const int LargestDoubled = 64 * 1024 * 1024;

    /// <summary>The pool would keep larger arrays for others, who hardly ever need them.</summary>
    private const int LargestPooled = 32 * 1024 * 1024;

    private readonly MemoryBudget.Reservation _room;
    private byte[]? _array;
    private int _length;

    private PictureBuffer(MemoryBudget.Reservation room, int size)
    {
        _room = room;
        _array = Take(size);
    }

    /// <summary>What came so far.</summary>
    public ReadOnlyMemory<byte> Bytes => (_array ?? throw new ObjectDisposedException(nameof(PictureBuffer))).AsMemory(0, _length);

    /// <summary>Waits for room for the beginning.</summary>
    /// <param name="budget">What the room is of.</param>
    /// <param name="announced">The length that the server announces; null where it does not.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    public static async ValueTask<PictureBuffer> ReserveAsync(MemoryBudget budget, long? announced, CancellationToken cancellationToken)
    {
        var size = (int)Math.Clamp(announced ?? FirstRoom, 1, FirstRoom);
        return new PictureBuffer(await budget.ReserveAsync(size, cancellationToken), size);
    }

    /// <summary>Whether the next bytes need more room first.</summary>
    public bool IsFull => _length == _array!.Length;

    /// <summary>Makes more room.</summary>
    /// <param name="most">The most bytes that are to come.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    public async ValueTask GrowAsync(int most, CancellationToken cancellationToken)
    {
        var size = _array!.Length < LargestDoubled ? (int)Math.Min(most, 2L * _array.Length) : most;
        await _room.GrowAsync(size - _array.Length, cancellationToken);
        var larger = Take(size);
        Bytes.CopyTo(larger);
        GiveBack(_array);
        _array = larger;
    }

    /// <summary>Reads what comes next.</summary>
    /// <param name="body">Where from.</param>
    /// <param name="most">The most bytes that are to come in all.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <returns>How many bytes came; 0 at the end.</returns>
    public async ValueTask<int> ReadAsync(Stream body, int most, CancellationToken cancellationToken)
    {
        // At least one byte is asked for, so that the end shows.
        var count = await body.ReadAsync(_array.AsMemory(_length, Math.Clamp(most - _length, 1, _array!.Length - _length)), cancellationToken);
        _length += count;
        return count;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        var array = Interlocked.Exchange(ref _array, null);
        if (array is null) return;
        GiveBack(array);
        _room.Dispose();
    }

    private static byte[] Take(int size) => size <= LargestPooled ? ArrayPool<byte>.Shared.Rent(size) : GC.AllocateUninitializedArray<byte>(size);

    private static void GiveBack(byte[] array)
    {
        if (array.Length <= LargestPooled) ArrayPool<byte>.Shared.Return(array);
    }
}
