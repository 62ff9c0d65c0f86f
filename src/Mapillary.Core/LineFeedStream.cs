namespace Mapillary;

/// <summary>
/// Passes on what is written, but for carriage returns: .NET breaks the lines of indented JSON as the system does, and a collection is to
/// have the same bytes on every system. In JSON none of them belongs to a value: there they are escaped.
/// </summary>
internal sealed class LineFeedStream(Stream stream) : Stream
{
    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        for (int end; (end = buffer.IndexOf((byte)'\r')) >= 0; buffer = buffer[(end + 1)..]) stream.Write(buffer[..end]);
        stream.Write(buffer);
    }

    public override void Flush() => stream.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
