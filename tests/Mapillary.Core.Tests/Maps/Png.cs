using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Mapillary.Tests.Maps;

/// <summary>The pixels of a PNG of eight bits a channel, not interlaced, as browsers write screenshots (ISO/IEC 15948).</summary>
internal sealed class Png
{
    private readonly byte[] _bytes;
    private readonly int _channels;

    public Png(byte[] file)
    {
        using var packed = new MemoryStream();
        for (var at = 8; at < file.Length;)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));
            var content = file.AsSpan(at + 8, length);
            switch (Encoding.ASCII.GetString(file, at + 4, 4))
            {
                case "IHDR":
                    (Width, Height) = (BinaryPrimitives.ReadInt32BigEndian(content), BinaryPrimitives.ReadInt32BigEndian(content[4..]));
                    _channels = (content[8], content[9], content[12]) switch { (8, 2, 0) => 3, (8, 6, 0) => 4, var kind => throw new NotSupportedException($"{kind}") };
                    break;
                case "IDAT": packed.Write(content); break;
            }

            at += length + 12;
        }

        packed.Position = 0;
        using var lines = new ZLibStream(packed, CompressionMode.Decompress);
        var stride = Width * _channels;
        _bytes = new byte[stride * Height];
        var line = new byte[stride + 1];
        for (var y = 0; y < Height; y++)
        {
            lines.ReadExactly(line);
            for (var x = 0; x < stride; x++)
            {
                int left = x >= _channels ? _bytes[(y * stride) + x - _channels] : 0, above = y > 0 ? _bytes[((y - 1) * stride) + x] : 0;
                var corner = x >= _channels && y > 0 ? _bytes[((y - 1) * stride) + x - _channels] : 0;
                _bytes[(y * stride) + x] = (byte)(line[x + 1] + line[0] switch { 0 => 0, 1 => left, 2 => above, 3 => (left + above) / 2, _ => Paeth(left, above, corner) });
            }
        }
    }

    public int Width { get; }

    public int Height { get; }

    public (byte Red, byte Green, byte Blue) this[int x, int y]
    {
        get
        {
            var at = ((y * Width) + x) * _channels;
            return (_bytes[at], _bytes[at + 1], _bytes[at + 2]);
        }
    }

    private static int Paeth(int left, int above, int corner)
    {
        var guess = left + above - corner;
        var (a, b, c) = (Math.Abs(guess - left), Math.Abs(guess - above), Math.Abs(guess - corner));
        return a <= b && a <= c ? left : b <= c ? above : corner;
    }
}
