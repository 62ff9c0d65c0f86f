using System.Buffers.Binary;

namespace Mapillary.Tests.Imaging;

/// <summary>
/// A random EXIF block: directories, values and pictures of all kinds, laid out in any order and with gaps, as TIFF allows it. It knows
/// what it holds and where, so that a test can ask for it again.
/// </summary>
internal sealed class TiffTree
{
    private static readonly ushort[] Types = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 129];

    private readonly Random _random;
    private readonly bool _bigEndian;
    private readonly List<Piece> _pieces = [];
    private readonly bool _alsoOdd;

    private TiffTree(Random random, bool alsoOdd)
    {
        (_random, _alsoOdd, _bigEndian) = (random, alsoOdd, random.Next(2) == 0);
        var image = NewDirectory();
        AddKnown(image, [(0x010F, 2), (0x0110, 2), (0x0131, 2), (0x013B, 2), (0x8298, 2), (0x010E, 2), (0x0132, 2)]);
        if (Sometimes()) Add(image, 0x0112, 3, [.. U16(6)]);
        AddUnknown(image, 0xC800);
        if (_alsoOdd && Sometimes()) Add(image, 0x014A, 4, Enumerable.Range(0, random.Next(1, 4)).Select(_ => Pinned(SubDirectory())).ToArray());
        if (_alsoOdd && Sometimes()) Add(image, 0xC700, 13, [Pinned(SubDirectory())]);
        if (random.Next(5) > 0)
        {
            var exif = NewDirectory();
            AddKnown(exif, [(0x829A, 5), (0x8827, 3), (0x9003, 2), (0x9201, 10), (0xA434, 2), (0x9286, 7), (0xA301, 7)]);
            AddUnknown(exif, 0xD000);
            if (Sometimes()) AddMakerNote(exif);
            if (Sometimes())
            {
                var interoperability = NewDirectory();
                Add(interoperability, 0x0001, 2, "R98\0"u8.ToArray());
                Add(interoperability, 0x0002, 7, "0100"u8.ToArray());
                Add(exif, 0xA005, 4, [interoperability]);
                Interoperability = interoperability.Entries;
            }

            Add(image, 0x8769, _alsoOdd && Sometimes() ? (ushort)13 : (ushort)4, [exif]);
            Exif = exif.Entries;
        }

        if (Sometimes())
        {
            var gps = NewDirectory();
            Add(gps, 0x0001, 2, "S\0"u8.ToArray());
            AddKnown(gps, [(0x0002, 5, 3), (0x000D, 5, 1), (0x001B, 7, 12)]);
            if (_alsoOdd) AddUnknown(gps, 0x0100);
            Add(image, 0x8825, 4, [gps]);
            Gps = gps.Entries;
        }

        if (Sometimes()) AddThumbnail(image);
        Image = image.Entries;
        Bytes = Compose(image);
    }

    public byte[] Bytes { get; }

    public List<Entry> Image { get; }

    public List<Entry> Exif { get; } = [];

    public List<Entry> Gps { get; } = [];

    public List<Entry> Interoperability { get; } = [];

    public List<Entry> ThumbnailTags { get; private set; } = [];

    /// <summary>What has to stay at its place, because only the maker, or nobody, knows who points to it.</summary>
    public IEnumerable<(int Place, byte[] Bytes)> PinnedBytes => _pieces.Where(p => p.IsPinned).Select(p => (p.Place, Bytes[p.Place..(p.Place + p.Length)]));

    /// <summary>Makes a block.</summary>
    /// <param name="seed">Another number, another block.</param>
    /// <param name="alsoOdd">Whether there may be things at which exiftool shakes its head.</param>
    public static TiffTree Random(int seed, bool alsoOdd) => new(new Random(seed), alsoOdd);

    private bool Sometimes() => _random.Next(2) == 0;

    private Directory NewDirectory()
    {
        var directory = new Directory();
        _pieces.Add(directory);
        return directory;
    }

    private Directory SubDirectory()
    {
        var directory = NewDirectory();
        for (var tag = (ushort)0xC000; tag < 0xC000 + _random.Next(1, 4); tag++)
        {
            // Zeros too: nothing may take them for free room.
            var value = new byte[_random.Next(1, 20)];
            if (Sometimes()) _random.NextBytes(value);
            Add(directory, tag, 7, value);
        }

        foreach (var value in directory.Entries.Select(e => e.Blob).OfType<Piece>()) value.IsPinned = true;
        return directory;
    }

    private static Directory Pinned(Directory directory)
    {
        directory.IsPinned = true;
        return directory;
    }

    private void AddKnown(Directory directory, params (ushort Tag, ushort Type)[] tags) =>
        AddKnown(directory, [.. tags.Select(t => (t.Tag, t.Type, t.Type is 2 or 7 ? _random.Next(1, 30) : 1))]);

    private void AddKnown(Directory directory, params (ushort Tag, ushort Type, int Count)[] tags)
    {
        foreach (var (tag, type, count) in tags)
        {
            if (!Sometimes()) continue;
            var value = type == 2 ? Text(count) : Numbers(type, count);
            Add(directory, tag, type, value);
        }
    }

    private void AddUnknown(Directory directory, ushort firstTag)
    {
        var count = _random.Next(8);
        for (var i = 0; i < count; i++)
        {
            var type = Types[_random.Next(Types.Length)];
            if (!_alsoOdd && type == 129) continue;
            Add(directory, (ushort)(firstTag + i * 3), type, type is 2 or 129 ? Text(_random.Next(1, 40)) : Numbers(type, _alsoOdd ? _random.Next(8) : _random.Next(1, 8)));
        }
    }

    /// <summary>A note with a directory whose value stands elsewhere in the block.</summary>
    private void AddMakerNote(Directory exif)
    {
        var note = new byte[_random.Next(5, 300)];
        _random.NextBytes(note);
        Add(exif, 0x927C, 7, note);
        var outside = new byte[_random.Next(1, 30)];
        _random.NextBytes(outside);
        outside[^1] |= 1;
        _pieces.Add(new Piece(outside) { IsPinned = true });
        if (exif.Entries[^1].Blob is { } blob) blob.IsPinned = true;
    }

    private void AddThumbnail(Directory image)
    {
        var thumbnail = NewDirectory();
        image.Next = thumbnail;
        ThumbnailTags = thumbnail.Entries;
        Add(thumbnail, 0x011A, 5, Numbers(5, 1));
        switch (_random.Next(_alsoOdd ? 3 : 1))
        {
            case 0:
                var picture = new Piece(JpegFixture.Photo(JpegFixture.Progressive, JpegFixture.Exif(JpegFixture.Small(_bigEndian)))) { IsPinned = true };
                _pieces.Add(picture);
                Add(thumbnail, 0x0103, 3, U16(6));
                Add(thumbnail, 0x0201, 4, [picture]);
                Add(thumbnail, 0x0202, 4, U32((uint)picture.Length));
                break;
            case 1:
                var strips = Enumerable.Range(0, _random.Next(1, 4)).Select(_ => new Piece(new byte[_random.Next(1, 50)]) { IsPinned = true }).ToArray();
                strips[0].Content.AsSpan().Fill(9);
                _pieces.AddRange(strips);
                Add(thumbnail, 0x0111, 4, strips);
                Add(thumbnail, 0x0117, 3, [.. strips.SelectMany(s => U16((ushort)s.Length))]);
                break;
            default:
                thumbnail.Next = Pinned(SubDirectory());
                break;
        }
    }

    private byte[] Text(int length)
    {
        var text = new byte[length];
        for (var i = 0; i < length - 1; i++) text[i] = (byte)_random.Next('a', 'z' + 1);
        return text;
    }

    private byte[] Numbers(ushort type, int count)
    {
        var value = new byte[count * SizeOf(type)];
        if (_random.Next(4) > 0) _random.NextBytes(value);
        return value;
    }

    private void Add(Directory directory, ushort tag, ushort type, byte[] value)
    {
        Piece? blob = value.Length > 4 ? new Piece(value) : null;
        if (blob is not null) _pieces.Add(blob);
        directory.Entries.Add(new Entry(tag, type, (uint)(value.Length / SizeOf(type)), value, blob, []));
    }

    /// <summary>Adds an entry whose values are places.</summary>
    private void Add(Directory directory, ushort tag, ushort type, Piece[] targets)
    {
        Piece? blob = targets.Length > 1 ? new Piece(new byte[targets.Length * 4]) { IsPinned = true } : null;
        if (blob is not null) _pieces.Add(blob);
        directory.Entries.Add(new Entry(tag, type, (uint)targets.Length, blob?.Content ?? new byte[4], blob, targets));
    }

    private byte[] Compose(Directory image)
    {
        foreach (var directory in _pieces.OfType<Directory>()) directory.Entries.Sort((a, b) => a.Tag.CompareTo(b.Tag));
        var order = _pieces.ToArray();
        _random.Shuffle(order);
        var end = 8;
        foreach (var piece in order)
        {
            if (Sometimes()) end += _random.Next(_alsoOdd ? 9 : 3);
            end += end % 2;
            piece.Place = end;
            end += piece.Length;
        }

        var bytes = new byte[end];
        (_bigEndian ? "MM\0*"u8 : "II*\0"u8).CopyTo(bytes);
        U32((uint)image.Place).CopyTo(bytes, 4);
        foreach (var piece in order)
        {
            if (piece is Directory directory) WriteDirectory(directory, bytes);
            else piece.Content.CopyTo(bytes, piece.Place);
        }

        foreach (var entry in _pieces.OfType<Directory>().SelectMany(d => d.Entries).Where(e => e.Targets.Length > 0 && e.Blob is not null))
        {
            byte[] places = [.. entry.Targets.SelectMany(t => U32((uint)t.Place))];
            places.CopyTo(bytes, entry.Blob!.Place);
            places.CopyTo(entry.Value, 0);
        }

        return bytes;
    }

    private void WriteDirectory(Directory directory, byte[] bytes)
    {
        var at = directory.Place;
        U16((ushort)directory.Entries.Count).CopyTo(bytes, at);
        at += 2;
        foreach (var entry in directory.Entries)
        {
            U16(entry.Tag).CopyTo(bytes, at);
            U16(entry.Type).CopyTo(bytes, at + 2);
            U32(entry.Count).CopyTo(bytes, at + 4);
            if (entry.Blob is { } blob) U32((uint)blob.Place).CopyTo(bytes, at + 8);
            else if (entry.Targets is [var target]) U32((uint)target.Place).CopyTo(bytes, at + 8);
            else entry.Value.CopyTo(bytes, at + 8);
            if (entry.Targets is [var only]) U32((uint)only.Place).CopyTo(entry.Value, 0);
            at += 12;
        }

        if (directory.Next is { } next) U32((uint)next.Place).CopyTo(bytes, at);
    }

    private byte[] U16(ushort value) => new TiffBuilder(_bigEndian).Bytes16(value);

    private byte[] U32(uint value) => new TiffBuilder(_bigEndian).Bytes32(value);

    private static int SizeOf(ushort type) => type switch
    {
        3 or 8 => 2,
        4 or 9 or 11 or 13 => 4,
        5 or 10 or 12 => 8,
        _ => 1,
    };

    /// <summary>Bytes that stand together somewhere in the block.</summary>
    public class Piece(byte[] content)
    {
        public byte[] Content { get; } = content;

        public int Place { get; set; }

        public bool IsPinned { get; set; }

        public virtual int Length => Content.Length;
    }

    private sealed class Directory() : Piece([])
    {
        public List<Entry> Entries { get; } = [];

        public Directory? Next { get; set; }

        public override int Length => 2 + Entries.Count * 12 + 4;
    }

    /// <summary>An entry: its value as it stands in the block, and the pieces that the value points to.</summary>
    public sealed record Entry(ushort Tag, ushort Type, uint Count, byte[] Value, Piece? Blob, Piece[] Targets);

    /// <summary>A block read with nothing but the standard: every directory's entries, and all runs of bytes in use.</summary>
    public sealed class Reader
    {
        private readonly byte[] _bytes;
        private readonly bool _bigEndian;

        public Reader(byte[] bytes)
        {
            (_bytes, _bigEndian) = (bytes, bytes[0] == 'M');
            Assert.Equal(42, U16(2));
            Used.Add((0, 8));
            Image = Read((int)U32(4), out var thumbnail);
            if (Image.TryGetValue(0x8769, out var exif)) Exif = Read((int)U32(exif.Place), out _);
            if (Image.TryGetValue(0x8825, out var gps)) Gps = Read((int)U32(gps.Place), out _);
            if (Exif.TryGetValue(0xA005, out var interoperability)) Interoperability = Read((int)U32(interoperability.Place), out _);
            if (thumbnail == 0) return;
            Thumbnail = Read(thumbnail, out _);
            if (Thumbnail.TryGetValue(0x0201, out var place)) Used.Add(((int)U32(place.Place), (int)(U32(place.Place) + U32(Thumbnail[0x0202].Place))));
        }

        public Dictionary<ushort, (ushort Type, uint Count, int Place, byte[] Value)> Image { get; }

        public Dictionary<ushort, (ushort Type, uint Count, int Place, byte[] Value)> Exif { get; } = [];

        public Dictionary<ushort, (ushort Type, uint Count, int Place, byte[] Value)> Gps { get; } = [];

        public Dictionary<ushort, (ushort Type, uint Count, int Place, byte[] Value)> Interoperability { get; } = [];

        public Dictionary<ushort, (ushort Type, uint Count, int Place, byte[] Value)> Thumbnail { get; } = [];

        public List<(int Start, int End)> Used { get; } = [];

        private Dictionary<ushort, (ushort Type, uint Count, int Place, byte[] Value)> Read(int at, out int next)
        {
            Assert.Equal(0, at % 2);
            var count = U16(at);
            var entries = new Dictionary<ushort, (ushort, uint, int, byte[])>();
            var last = -1;
            Used.Add((at, at + 2 + count * 12 + 4));
            for (at += 2; count > 0; count--, at += 12)
            {
                Assert.True(U16(at) > last, "tags have to be in ascending order");
                last = U16(at);
                var length = (int)U32(at + 4) * SizeOf(U16(at + 2));
                var place = length <= 4 ? at + 8 : (int)U32(at + 8);
                if (length > 4) Used.Add((place, place + length));
                entries.Add((ushort)last, (U16(at + 2), U32(at + 4), place, _bytes[place..(place + length)]));
            }

            next = (int)U32(at);
            return entries;
        }

        private ushort U16(int at) => _bigEndian ? BinaryPrimitives.ReadUInt16BigEndian(_bytes.AsSpan(at)) : BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan(at));

        private uint U32(int at) => _bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(_bytes.AsSpan(at)) : BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(at));
    }
}
