namespace Mapillary.Download;

/// <summary>The bytes of a picture as served, in memory that goes back to the pool when this is disposed.</summary>
public sealed class FetchedImage : IDisposable
{
    private readonly PictureBuffer _buffer;

    internal FetchedImage(PictureBuffer buffer) => _buffer = buffer;

    /// <summary>The bytes; not to be used after disposal.</summary>
    public ReadOnlyMemory<byte> Bytes => _buffer.Bytes;

    /// <inheritdoc/>
    public void Dispose() => _buffer.Dispose();
}
