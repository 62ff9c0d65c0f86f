namespace Mapillary.Tests.Imaging;

/// <summary>
/// Writes small JPEGs by processes that common programs do not write: extended sequential with 12 bits, lossless, hierarchical.
/// Written from ITU-T T.81 with Huffman tables of its own, whose codes are all of one length.
/// </summary>
internal static class JpegWriter
{
    private const byte DcCodeLength = 5;
    private const byte AcCodeLength = 8;

    private static readonly byte[] ZigZag =
    [
        0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
        35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
    ];

    // Differences have up to 15 bits with samples of 12 (table F.6); in the lossless process up to 16, which is never needed here (table H.2).
    private static readonly byte[] DcSymbols = [.. Enumerable.Range(0, 16).Select(i => (byte)i)];

    // Figure F.1: a run of zeros and the bits of the number behind it; end of block; sixteen zeros.
    private static readonly byte[] AcSymbols = [0x00, 0xF0, .. Enumerable.Range(0, 16).SelectMany(run => Enumerable.Range(1, 14).Select(size => (byte)(run << 4 | size)))];

    private static byte[] StartWithJfif => [0xFF, 0xD8, .. JpegFixture.Jfif];

    /// <summary>An extended sequential picture (SOF1), not subsampled.</summary>
    /// <param name="precision">Bits of a sample, 8 or 12.</param>
    /// <param name="components">1 for grey, 3 for red, green and blue, 4 for the colours of print.</param>
    /// <param name="sample">The sample of a component at x and y.</param>
    public static byte[] Extended(int precision, int components, Func<int, int, int, int> sample) =>
        [.. StartWithJfif, .. Frame(0xC1, precision, components, JpegFixture.Width, JpegFixture.Height, sample), 0xFF, 0xD9];

    /// <summary>A picture of any size in one grey, or in one colour of none, whose codes are zeros all over: few bytes for many pixels.</summary>
    public static byte[] Flat(int width, int height, int components = 3)
    {
        var blocks = (long)((width + 7) / 8) * ((height + 7) / 8) * components;
        var scan = new List<byte> { (byte)components };
        for (var c = 1; c <= components; c++) scan.AddRange([(byte)c, 0x00]);
        var header = new List<byte> { 8, (byte)(height >> 8), (byte)height, (byte)(width >> 8), (byte)width, (byte)components };
        for (var c = 1; c <= components; c++) header.AddRange([(byte)c, 0x11, 0]);
        return
        [
            .. StartWithJfif, .. JpegFixture.Segment(0xDB, [0x00, .. Enumerable.Repeat((byte)1, 64)]), .. JpegFixture.Segment(0xC0, [.. header]),
            .. HuffmanTable(0x00, DcCodeLength, DcSymbols), .. HuffmanTable(0x10, AcCodeLength, AcSymbols),
            .. JpegFixture.Segment(0xDA, [.. scan, 0, 63, 0]), .. new byte[((blocks * (DcCodeLength + AcCodeLength)) + 7) / 8], 0xFF, 0xD9,
        ];
    }

    /// <summary>A grey picture by the lossless process (SOF3), each sample predicted by its left neighbour.</summary>
    public static byte[] Lossless(int precision, Func<int, int, int> sample)
    {
        var bits = new BitWriter();
        for (var y = 0; y < JpegFixture.Height; y++)
        {
            for (var x = 0; x < JpegFixture.Width; x++)
            {
                var predicted = x > 0 ? sample(x - 1, y) : y > 0 ? sample(0, y - 1) : 1 << (precision - 1);
                WriteDifference(bits, sample(x, y) - predicted);
            }
        }

        return
        [
            .. StartWithJfif, .. FrameHeader(0xC3, precision, 1, JpegFixture.Width, JpegFixture.Height), .. HuffmanTable(0x00, DcCodeLength, DcSymbols),
            .. JpegFixture.Segment(0xDA, [1, 1, 0x00, 1, 0, 0]), .. bits.End(), 0xFF, 0xD9,
        ];
    }

    /// <summary>A picture of half the size, and a second frame that makes the whole of it without adding anything (T.81, annex J).</summary>
    public static byte[] Hierarchical() =>
    [
        .. StartWithJfif, .. FrameHeader(0xDE, 8, 1, JpegFixture.Width, JpegFixture.Height),
        .. Frame(0xC1, 8, 1, JpegFixture.Width / 2, JpegFixture.Height / 2, (_, x, y) => x + y),
        .. JpegFixture.Segment(0xDF, [0x11]), .. Frame(0xC5, 8, 1, JpegFixture.Width, JpegFixture.Height, (_, _, _) => 128), 0xFF, 0xD9,
    ];

    /// <summary>A picture whose frame header leaves its height to a DNL segment behind the scan (T.81, B.2.5).</summary>
    public static byte[] HeightBehindScan() =>
    [
        .. StartWithJfif, .. Frame(0xC1, 8, 1, JpegFixture.Width, JpegFixture.Height, (_, x, y) => x + y, statedHeight: 0),
        .. JpegFixture.Segment(0xDC, [0, JpegFixture.Height]), 0xFF, 0xD9,
    ];

    /// <summary>Tables, frame header and the one scan.</summary>
    private static byte[] Frame(byte marker, int precision, int components, int width, int height, Func<int, int, int, int> sample, int? statedHeight = null)
    {
        byte[] wide = [0, 1];
        byte[] quantisation = precision == 12
            ? [0x10, .. Enumerable.Repeat(wide, 64).SelectMany(b => b)]
            : [0x00, .. Enumerable.Repeat((byte)1, 64)];
        var scan = new List<byte> { (byte)components };
        for (var c = 0; c < components; c++) scan.AddRange([ComponentId(c, components), 0x00]);
        return
        [
            .. JpegFixture.Segment(0xDB, quantisation), .. FrameHeader(marker, precision, components, width, statedHeight ?? height),
            .. HuffmanTable(0x00, DcCodeLength, DcSymbols), .. HuffmanTable(0x10, AcCodeLength, AcSymbols),
            .. JpegFixture.Segment(0xDA, [.. scan, 0, 63, 0]), .. Scan(precision, components, width, height, sample),
        ];
    }

    private static byte[] FrameHeader(byte marker, int precision, int components, int width, int height)
    {
        var header = new List<byte> { (byte)precision, (byte)(height >> 8), (byte)height, (byte)(width >> 8), (byte)width, (byte)components };
        for (var c = 0; c < components; c++) header.AddRange([ComponentId(c, components), 0x11, 0]);
        return JpegFixture.Segment(marker, [.. header]);
    }

    private static byte ComponentId(int component, int components) => components == 3 ? (byte)"RGB"[component] : (byte)(component + 1);

    private static byte[] HuffmanTable(byte target, byte codeLength, byte[] symbols)
    {
        var counts = new byte[16];
        counts[codeLength - 1] = (byte)symbols.Length;
        return JpegFixture.Segment(0xC4, [target, .. counts, .. symbols]);
    }

    private static byte[] Scan(int precision, int components, int width, int height, Func<int, int, int, int> sample)
    {
        var bits = new BitWriter();
        var previous = new int[components];
        for (var top = 0; top < height; top += 8)
        {
            for (var left = 0; left < width; left += 8)
            {
                for (var c = 0; c < components; c++)
                {
                    var block = Transform((x, y) => sample(c, left + x, top + y) - (1 << (precision - 1)));
                    WriteDifference(bits, block[0] - previous[c]);
                    previous[c] = block[0];
                    WriteRest(bits, block);
                }
            }
        }

        return bits.End();
    }

    private static void WriteRest(BitWriter bits, int[] block)
    {
        var zeros = 0;
        for (var i = 1; i < 64; i++)
        {
            var value = block[ZigZag[i]];
            if (value == 0)
            {
                zeros++;
                continue;
            }

            for (; zeros > 15; zeros -= 16) bits.Write(Array.IndexOf(AcSymbols, (byte)0xF0), AcCodeLength);
            var size = SizeOf(value);
            bits.Write(Array.IndexOf(AcSymbols, (byte)(zeros << 4 | size)), AcCodeLength);
            bits.Write(value > 0 ? value : value - 1, size);
            zeros = 0;
        }

        if (zeros > 0) bits.Write(0, AcCodeLength);
    }

    private static void WriteDifference(BitWriter bits, int difference)
    {
        var size = SizeOf(difference);
        bits.Write(size, DcCodeLength);
        bits.Write(difference > 0 ? difference : difference - 1, size);
    }

    private static int SizeOf(int value)
    {
        var size = 0;
        for (value = Math.Abs(value); value > 0; value >>= 1) size++;
        return size;
    }

    /// <summary>The cosine transform of a block (T.81, A.3.3), rounded to whole numbers.</summary>
    private static int[] Transform(Func<int, int, int> sample)
    {
        var block = new int[64];
        for (var v = 0; v < 8; v++)
        {
            for (var u = 0; u < 8; u++)
            {
                var sum = 0.0;
                for (var y = 0; y < 8; y++)
                {
                    for (var x = 0; x < 8; x++)
                        sum += sample(x, y) * Math.Cos((2 * x + 1) * u * Math.PI / 16) * Math.Cos((2 * y + 1) * v * Math.PI / 16);
                }

                block[v * 8 + u] = (int)Math.Round(sum * (u == 0 ? Math.Sqrt(0.5) : 1) * (v == 0 ? Math.Sqrt(0.5) : 1) / 4);
            }
        }

        return block;
    }

    private sealed class BitWriter
    {
        private readonly List<byte> _bytes = [];
        private int _free = 8;
        private byte _current;

        /// <summary>Writes the lowest bits of a number, the highest of them first.</summary>
        public void Write(int value, int count)
        {
            while (count-- > 0)
            {
                _current |= (byte)((value >> count & 1) << --_free);
                if (_free == 0) Flush();
            }
        }

        /// <summary>Fills the last byte with ones (T.81, F.1.2.3).</summary>
        public byte[] End()
        {
            while (_free < 8) Write(1, 1);
            return [.. _bytes];
        }

        private void Flush()
        {
            _bytes.Add(_current);
            if (_current == 0xFF) _bytes.Add(0);
            (_current, _free) = (0, 8);
        }
    }
}
