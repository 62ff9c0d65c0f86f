using System.Buffers;
using System.Net;
using Mapillary.InternetArchive.Describing;

namespace Mapillary.InternetArchive.Uploading;

/// <summary>
/// A file on its way to a server. The length is said beforehand, because archive.org takes no chunks.
/// </summary>
/// <param name="file">The file.</param>
/// <param name="sent">Told how many bytes more the connection has taken.</param>
internal sealed class FileContent(ItemFile file, Action<int> sent) : HttpContent
{
    private const int ChunkSize = 1 << 17;

    /// <summary>Whether the last of it was handed over: the server may have all of it, whatever it answers, or if the connection then ends.</summary>
    public bool IsSent { get; private set; }

    /// <summary>Why the file itself could not be sent as it was announced; null where the file is not at fault.</summary>
    public IOException? FileFault { get; private set; }

    protected override bool TryComputeLength(out long length)
    {
        length = file.Bytes;
        return true;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        IsSent = file.Bytes == 0;
        var chunk = ArrayPool<byte>.Shared.Rent(ChunkSize);
        try
        {
            using var source = Open();
            for (var left = file.Bytes; left > 0;)
            {
                var read = await ReadAsync(source, chunk.AsMemory(0, (int)Math.Min(chunk.Length, left)), cancellationToken);
                left -= read;
                IsSent = left == 0;
                await stream.WriteAsync(chunk.AsMemory(0, read), cancellationToken);
                sent(read);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }
    }

    private FileStream Open()
    {
        try
        {
            return file.Open();
        }
        catch (IOException e)
        {
            throw Fault(e.Message, e);
        }
    }

    private async Task<int> ReadAsync(FileStream source, Memory<byte> chunk, CancellationToken cancellationToken)
    {
        int read;
        try
        {
            read = await source.ReadAsync(chunk, cancellationToken);
        }
        catch (IOException e)
        {
            throw Fault(e.Message, e);
        }

        return read > 0 ? read : throw Fault("it became shorter while it was uploaded.");
    }

    private IOException Fault(string why, Exception? inner = null) => FileFault = new IOException($"'{file.Path}' cannot be read: {why}", inner);
}
