using System.Security.Cryptography;
using Mapillary.Collections.Files;

namespace Mapillary.Collections.Tars;

/// <summary>
/// A tar that is read while it is still being written: whoever reads waits for what is not there yet. It may be hashed on the way.
/// </summary>
internal sealed class TarReadBack : ForwardStream
{
    private readonly object _gate = new();
    private readonly FileStream _file;
    private readonly IncrementalHash? _hash;
    private long _written;
    private bool _isWhole;

    /// <param name="tar">The tar, opened anew for reading; it is closed with this.</param>
    /// <param name="isHashed">Whether its MD5 is wanted.</param>
    public TarReadBack(FileStream tar, bool isHashed)
    {
        _file = tar;
#pragma warning disable CA5351 // No secret hangs on it: it is the checksum that archive.org keeps.
        _hash = isHashed ? IncrementalHash.CreateHash(HashAlgorithmName.MD5) : null;
#pragma warning restore CA5351
    }

    /// <summary>Tells how much is written; it may be read now.</summary>
    public void Written(long length)
    {
        lock (_gate)
        {
            _written = length;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Tells that nothing more will be written.</summary>
    public void End()
    {
        lock (_gate)
        {
            _isWhole = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>The MD5 of what was read, lower-case hexadecimal.</summary>
    public string Md5() => Convert.ToHexString(_hash!.GetHashAndReset()).ToLowerInvariant();

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        lock (_gate)
        {
            while (!_isWhole && _file.Position >= _written) Monitor.Wait(_gate);
            if (!_isWhole && _written - _file.Position < buffer.Length) buffer = buffer[..(int)(_written - _file.Position)];
        }

        var read = _file.Read(buffer);
        _hash?.AppendData(buffer[..read]);
        return read;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _file.Dispose();
            _hash?.Dispose();
        }

        base.Dispose(disposing);
    }
}
