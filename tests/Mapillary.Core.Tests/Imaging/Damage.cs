using System.Buffers.Binary;

namespace Mapillary.Tests.Imaging;

/// <summary>Ways in which files come to harm: by chance, and where it hurts readers most.</summary>
internal static class Damage
{
    private static readonly uint[] HostileNumbers = [0, 1, 2, 7, 8, 9, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x15555556, 0x20000001, 0x3FFFFFFF, 0x40000000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF];

    /// <summary>A JPEG with its segments, its EXIF blocks or any of its bytes damaged.</summary>
    public static byte[] OfJpeg(IReadOnlyList<byte[]> photos, Random random)
    {
        var file = photos[random.Next(photos.Count)];
        return random.Next(5) switch
        {
            0 => OfBytes(file, random),
            1 => OfBytes(OfSegments(file, photos, random), random),
            2 => OfSegments(file, photos, random),
            _ => OfSegments(file, photos, random, onlyExif: true),
        };
    }

    /// <summary>A JPEG with segments repeated, moved, taken from another file, of wrong length, or with damaged EXIF in them.</summary>
    public static byte[] OfSegments(byte[] jpeg, IReadOnlyList<byte[]> photos, Random random, bool onlyExif = false)
    {
        var (segments, rest) = Split(jpeg);
        for (var times = random.Next(1, 4); times > 0; times--)
        {
            if (segments.Count == 0) break;
            var at = random.Next(segments.Count);
            switch (onlyExif ? 6 : random.Next(8))
            {
                case 0: segments.Insert(random.Next(segments.Count + 1), segments[at]); break;
                case 1:
                    var moved = segments[at];
                    segments.RemoveAt(at);
                    segments.Insert(random.Next(segments.Count + 1), moved);
                    break;
                case 2: segments.RemoveAt(at); break;
                case 3:
                    var others = Split(photos[random.Next(photos.Count)]).Segments;
                    segments.Insert(at, others.Count > 0 ? others[random.Next(others.Count)] : []);
                    break;
                case 4 when segments[at].Length > 4:
                    segments[at] = [.. segments[at]];
                    var length = random.Next(2) == 0 ? (ushort)HostileNumbers[random.Next(HostileNumbers.Length)] : (ushort)(segments[at].Length - 2 + random.Next(-8, 9));
                    BinaryPrimitives.WriteUInt16BigEndian(segments[at].AsSpan(2), length);
                    break;
                case 5:
                    segments.Insert(at, random.Next(3) switch { 0 => [0xFF, 0xFF], 1 => [0xFF, 0xD0], _ => [0x17] });
                    break;
                default:
                    var exif = segments.FindIndex(s => s.Length > 10 && s.AsSpan(4).StartsWith("Exif\0"u8));
                    if (exif < 0) segments.Insert(at, JpegFixture.Exif(OfExif(TiffTree.Random(random.Next(), alsoOdd: true).Bytes, random)));
                    else segments[exif] = JpegFixture.Exif(OfExif(segments[exif][10..], random));
                    break;
            }
        }

        return [0xFF, 0xD8, .. segments.SelectMany(s => s), .. rest];
    }

    /// <summary>An EXIF block with directories that loop, counts and offsets that overflow, types that do not exist, or bytes damaged.</summary>
    public static byte[] OfExif(byte[] tiff, Random random)
    {
        var block = tiff.ToArray();
        var tables = Tables(block);
        if (tables.Count == 0 || random.Next(4) == 0) return OfBytes(block, random, longest: 60_000);
        for (var times = random.Next(1, 5); times > 0; times--)
        {
            var table = tables[random.Next(tables.Count)];
            var count = Read16(block, table);
            var entry = table + 2 + random.Next(Math.Max((ushort)1, count)) * 12;
            if (entry + 12 > block.Length) continue;
            switch (random.Next(7))
            {
                case 0: Write32(block, entry + 8, (uint)tables[random.Next(tables.Count)]); break;
                case 1: Write32(block, entry + 4, HostileNumbers[random.Next(HostileNumbers.Length)]); break;
                case 2: Write32(block, entry + 8, HostileNumbers[random.Next(HostileNumbers.Length)]); break;
                case 3: Write16(block, entry + 2, (ushort)random.Next(0, 15)); break;
                case 4: Write16(block, table, random.Next(2) == 0 ? (ushort)(count + random.Next(-2, 3)) : (ushort)HostileNumbers[random.Next(HostileNumbers.Length)]); break;
                case 5: Write16(block, entry, new ushort[] { 0x8769, 0x8825, 0xA005, 0x0201, 0x0202, 0x0111, 0x014A, 0x927C, 0x010F }[random.Next(9)]); break;
                default:
                    // The link to the next directory, which then leads back, or anywhere.
                    var link = table + 2 + count * 12;
                    if (link + 4 <= block.Length) Write32(block, link, random.Next(2) == 0 ? (uint)tables[random.Next(tables.Count)] : (uint)random.Next(block.Length + 2));
                    break;
            }
        }

        return block;
    }

    /// <summary>Any bytes flipped, set, removed, repeated or inserted, or cut, a few times over; mostly near the front, where the structure is.</summary>
    public static byte[] OfBytes(byte[] original, Random random, int longest = int.MaxValue)
    {
        var file = new List<byte>(original);
        for (var times = random.Next(1, 6); times > 0 && file.Count > 4; times--)
        {
            var at = random.Next(3) == 0 ? random.Next(file.Count) : random.Next(Math.Min(file.Count, 400));
            var length = Math.Min(random.Next(1, 40), file.Count - at);
            switch (random.Next(9))
            {
                case 0 or 1: file[at] ^= (byte)(1 << random.Next(8)); break;
                case 2: file[at] = (byte)random.Next(256); break;
                case 3: file[at] = random.Next(2) == 0 ? (byte)0xFF : (byte)0; break;
                case 4: file.RemoveRange(at, length); break;
                case 5: file.InsertRange(at, file.GetRange(at, length)); break;
                case 6: file.Insert(at, (byte)random.Next(256)); break;
                case 7:
                    for (var i = 0; i < Math.Min(4, length); i++) file[at + i] = (byte)(random.Next(2) * 0xFF);
                    break;
                default:
                    if (random.Next(4) == 0) file.RemoveRange(at, file.Count - at);
                    break;
            }
        }

        return [.. file.Take(longest)];
    }

    /// <summary>A WebP with chunks repeated, moved, removed, of wrong length, or with damaged EXIF in them, or any bytes damaged.</summary>
    public static byte[] OfWebp(byte[] webp, Random random)
    {
        if (random.Next(3) == 0) return OfBytes(webp, random);
        var chunks = new List<byte[]>();
        for (var at = 12; at < webp.Length;)
        {
            var length = 8 + BinaryPrimitives.ReadInt32LittleEndian(webp.AsSpan(at + 4));
            chunks.Add(webp[at..(at + length + length % 2)]);
            at += length + length % 2;
        }

        for (var times = random.Next(1, 4); times > 0 && chunks.Count > 0; times--)
        {
            var at = random.Next(chunks.Count);
            switch (random.Next(6))
            {
                case 0: chunks.Insert(random.Next(chunks.Count + 1), chunks[at]); break;
                case 1:
                    var moved = chunks[at];
                    chunks.RemoveAt(at);
                    chunks.Insert(random.Next(chunks.Count + 1), moved);
                    break;
                case 2: chunks.RemoveAt(at); break;
                case 3:
                    chunks[at] = [.. chunks[at]];
                    BinaryPrimitives.WriteUInt32LittleEndian(chunks[at].AsSpan(4), random.Next(2) == 0 ? HostileNumbers[random.Next(HostileNumbers.Length)] : (uint)(chunks[at].Length - 8 + random.Next(-3, 4)));
                    break;
                default:
                    var exif = OfExif(random.Next(2) == 0 ? JpegFixture.Camera(random.Next(2) == 0) : TiffTree.Random(random.Next(), alsoOdd: true).Bytes, random);
                    var size = new byte[4];
                    BinaryPrimitives.WriteInt32LittleEndian(size, exif.Length);
                    chunks.Insert(random.Next(chunks.Count + 1), [.. "EXIF"u8, .. size, .. exif, .. new byte[exif.Length % 2]]);
                    break;
            }
        }

        byte[] file = [.. webp[..12], .. chunks.SelectMany(c => c)];
        if (random.Next(20) > 0) BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(4), file.Length - 8);
        return file;
    }

    /// <summary>The segments of a whole JPEG before its first scan, each with the fill bytes before it, and all from the scan on.</summary>
    private static (List<byte[]> Segments, byte[] Scans) Split(byte[] jpeg)
    {
        var segments = new List<byte[]>();
        var start = 2;
        while (true)
        {
            var at = start;
            while (jpeg[at + 1] == 0xFF) at++;
            if (jpeg[at + 1] == 0xDA) return (segments, jpeg[start..]);
            if (at > start) segments.Add(jpeg[start..at]);
            start = at + 2 + BinaryPrimitives.ReadUInt16BigEndian(jpeg.AsSpan(at + 2));
            segments.Add(jpeg[at..start]);
        }
    }

    /// <summary>Where the directories of a block start, as far as they can be found.</summary>
    private static List<int> Tables(byte[] block)
    {
        var tables = new List<int>();
        if (block.Length < 8 || block[0] is not ((byte)'I' or (byte)'M')) return tables;
        Follow(Read32(block, 4));
        return tables;

        void Follow(uint place)
        {
            if (place < 8 || place + 2L > block.Length || tables.Contains((int)place) || tables.Count > 20) return;
            tables.Add((int)place);
            var end = (int)place + 2 + Read16(block, (int)place) * 12;
            if (end + 4 > block.Length) return;
            for (var entry = (int)place + 2; entry < end; entry += 12)
            {
                if (Read16(block, entry) is 0x8769 or 0x8825 or 0xA005 or 0x014A) Follow(Read32(block, entry + 8));
            }

            Follow(Read32(block, end));
        }
    }

    private static ushort Read16(byte[] block, int at) =>
        block[0] == 'M' ? BinaryPrimitives.ReadUInt16BigEndian(block.AsSpan(at)) : BinaryPrimitives.ReadUInt16LittleEndian(block.AsSpan(at));

    private static uint Read32(byte[] block, int at) =>
        block[0] == 'M' ? BinaryPrimitives.ReadUInt32BigEndian(block.AsSpan(at)) : BinaryPrimitives.ReadUInt32LittleEndian(block.AsSpan(at));

    private static void Write16(byte[] block, int at, ushort value) => new TiffBuilder(block[0] == 'M').Bytes16(value).CopyTo(block, at);

    private static void Write32(byte[] block, int at, uint value) => new TiffBuilder(block[0] == 'M').Bytes32(value).CopyTo(block, at);
}
