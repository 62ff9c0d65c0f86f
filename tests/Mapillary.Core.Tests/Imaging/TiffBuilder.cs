using System.Buffers.Binary;
using System.Text;

namespace Mapillary.Tests.Imaging;

/// <summary>Lays out EXIF blocks as cameras do, in either byte order; written from the standard, not from the code under test.</summary>
internal sealed class TiffBuilder(bool bigEndian)
{
    public List<TiffEntry> Image { get; } = [];

    public List<TiffEntry> Exif { get; } = [];

    public List<TiffEntry> Gps { get; } = [];

    public List<TiffEntry> Interoperability { get; } = [];

    public List<TiffEntry> ThumbnailTags { get; } = [];

    public byte[]? Thumbnail { get; set; }

    /// <summary>Makes the maker note for the place it will have, and for the place of <see cref="Tail"/>.</summary>
    public Func<uint, uint, byte[]>? MakerNote { get; set; }

    /// <summary>Bytes behind everything else, which no standard tag mentions.</summary>
    public byte[] Tail { get; set; } = [];

    public TiffEntry Short(ushort tag, params ushort[] values) => new(tag, 3, (uint)values.Length, [.. values.SelectMany(Bytes16)]);

    public TiffEntry Long(ushort tag, params uint[] values) => new(tag, 4, (uint)values.Length, [.. values.SelectMany(Bytes32)]);

    public TiffEntry Rational(ushort tag, params uint[] values) => new(tag, 5, (uint)values.Length / 2, [.. values.SelectMany(Bytes32)]);

    public byte[] Bytes16(ushort value)
    {
        var bytes = new byte[2];
        if (bigEndian) BinaryPrimitives.WriteUInt16BigEndian(bytes, value);
        else BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
        return bytes;
    }

    public byte[] Bytes32(uint value)
    {
        var bytes = new byte[4];
        if (bigEndian) BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        else BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return bytes;
    }

    /// <summary>A directory whose values follow it at once, for a place in the block: what maker notes are made of.</summary>
    public byte[] Directory(uint at, IReadOnlyList<TiffEntry> entries, bool link = true, uint? valuesAt = null, List<byte>? values = null)
    {
        var length = 2 + entries.Count * 12 + (link ? 4 : 0);
        var ownValues = values is null;
        values ??= [];
        var start = valuesAt ?? at + (uint)length;
        var bytes = new List<byte>(Bytes16((ushort)entries.Count));
        foreach (var entry in entries)
        {
            bytes.AddRange(Bytes16(entry.Tag));
            bytes.AddRange(Bytes16(entry.Type));
            bytes.AddRange(Bytes32(entry.Count));
            if (entry.Value.Length <= 4)
            {
                bytes.AddRange(entry.Value);
                bytes.AddRange(new byte[4 - entry.Value.Length]);
            }
            else
            {
                bytes.AddRange(Bytes32(start + (uint)values.Count));
                values.AddRange(entry.Value);
                if (values.Count % 2 != 0) values.Add(0);
            }
        }

        if (link) bytes.AddRange(new byte[4]);
        if (ownValues) bytes.AddRange(values);
        return [.. bytes];
    }

    public byte[] Build()
    {
        static uint Size(int count) => 2 + (uint)count * 12 + 4;
        var image = new List<TiffEntry>(Image);
        var exif = new List<TiffEntry>(Exif);
        var thumbnail = new List<TiffEntry>(ThumbnailTags);
        if (MakerNote is not null) exif.Add(TiffEntry.Undefined(0x927C, MakerNote(0, 0)));
        var hasExif = exif.Count > 0 || Interoperability.Count > 0;
        if (hasExif) image.Add(Long(0x8769, 0));
        if (Gps.Count > 0) image.Add(Long(0x8825, 0));
        if (Interoperability.Count > 0) exif.Add(Long(0xA005, 0));
        if (Thumbnail is not null) thumbnail.AddRange([Long(0x0201, 0), Long(0x0202, (uint)Thumbnail.Length)]);

        uint imageAt = 8, exifAt = imageAt + Size(image.Count), gpsAt = exifAt + (hasExif ? Size(exif.Count) : 0);
        var interoperabilityAt = gpsAt + (Gps.Count > 0 ? Size(Gps.Count) : 0);
        var thumbnailAt = interoperabilityAt + (Interoperability.Count > 0 ? Size(Interoperability.Count) : 0);
        var valuesAt = thumbnailAt + (thumbnail.Count > 0 ? Size(thumbnail.Count) : 0);

        uint Room(List<TiffEntry> entries) => (uint)entries.Where(e => e.Value.Length > 4).Sum(e => e.Value.Length + e.Value.Length % 2);
        var pictureAt = valuesAt + Room(image) + Room(exif) + Room(Gps) + Room(Interoperability) + Room(thumbnail);
        var tailAt = pictureAt + (uint)(Thumbnail?.Length ?? 0);
        tailAt += tailAt % 2;
        if (MakerNote is not null)
        {
            exif.Sort((a, b) => a.Tag.CompareTo(b.Tag));
            var before = (uint)exif.TakeWhile(e => e.Tag != 0x927C).Where(e => e.Value.Length > 4).Sum(e => e.Value.Length + e.Value.Length % 2);
            Replace(exif, TiffEntry.Undefined(0x927C, MakerNote(valuesAt + Room(image) + before, tailAt)));
        }

        if (hasExif) Replace(image, Long(0x8769, exifAt));
        if (Gps.Count > 0) Replace(image, Long(0x8825, gpsAt));
        if (Interoperability.Count > 0) Replace(exif, Long(0xA005, interoperabilityAt));
        if (Thumbnail is not null) Replace(thumbnail, Long(0x0201, pictureAt));

        var values = new List<byte>();
        var bytes = new List<byte>(bigEndian ? "MM"u8.ToArray() : "II"u8.ToArray());
        bytes.AddRange(Bytes16(42));
        bytes.AddRange(Bytes32(imageAt));
        Add(image, true);
        if (hasExif) Add(exif, true);
        if (Gps.Count > 0) Add(Gps, true);
        if (Interoperability.Count > 0) Add(Interoperability, true);
        if (thumbnail.Count > 0) Add(thumbnail, true);
        if (thumbnail.Count > 0)
        {
            var link = Bytes32(thumbnailAt);
            for (var i = 0; i < 4; i++) bytes[(int)(imageAt + Size(image.Count) - 4) + i] = link[i];
        }

        bytes.AddRange(values);
        bytes.AddRange(Thumbnail ?? []);
        if (bytes.Count % 2 != 0) bytes.Add(0);
        bytes.AddRange(Tail);
        return [.. bytes];

        void Add(List<TiffEntry> entries, bool link)
        {
            entries.Sort((a, b) => a.Tag.CompareTo(b.Tag));
            bytes.AddRange(Directory(0, entries, link, valuesAt, values));
        }

        static void Replace(List<TiffEntry> entries, TiffEntry entry) => entries[entries.FindIndex(e => e.Tag == entry.Tag)] = entry;
    }

    /// <summary>A block as a camera writes it: every directory, a thumbnail, tags that nobody restores.</summary>
    public static TiffBuilder Camera(bool bigEndian, byte[] thumbnail)
    {
        var block = new TiffBuilder(bigEndian) { Thumbnail = thumbnail };
        block.Image.AddRange([
            TiffEntry.Ascii(0x010F, "OldMake"), TiffEntry.Ascii(0x0110, "OldModel"), block.Short(0x0112, 1), block.Rational(0x011A, 300, 1), block.Rational(0x011B, 300, 1),
            block.Short(0x0128, 2), TiffEntry.Ascii(0x0131, "Firmware 1.2.3"), TiffEntry.Ascii(0x0132, "1999:01:02 03:04:05"), block.Short(0x0213, 1)]);
        block.Exif.AddRange([
            block.Rational(0x829A, 1, 250), block.Rational(0x829D, 28, 10), block.Short(0x8827, 100), TiffEntry.Undefined(0x9000, "0220"u8.ToArray()),
            TiffEntry.Ascii(0x9003, "1999:01:02 03:04:05"), TiffEntry.Ascii(0x9004, "1999:01:02 03:04:05"), TiffEntry.Undefined(0x9101, 1, 2, 3, 0),
            TiffEntry.Undefined(0x9286, [.. "ASCII\0\0\0"u8, .. "an old remark"u8]), TiffEntry.Undefined(0xA000, "0100"u8.ToArray()), block.Short(0xA001, 1),
            block.Long(0xA002, 9999), block.Long(0xA003, 8888), TiffEntry.Ascii(0xA434, "A lens 28-70mm")]);
        block.Gps.AddRange([
            new TiffEntry(0x0000, 1, 4, [2, 2, 0, 0]), TiffEntry.Ascii(0x0001, "S"), block.Rational(0x0002, 1, 1, 2, 1, 3, 1), TiffEntry.Ascii(0x0003, "W"),
            block.Rational(0x0004, 4, 1, 5, 1, 6, 1), block.Rational(0x000B, 25, 10), TiffEntry.Ascii(0x000C, "K"), block.Rational(0x000D, 33, 1)]);
        block.Interoperability.AddRange([TiffEntry.Ascii(0x0001, "R98"), TiffEntry.Undefined(0x0002, "0100"u8.ToArray())]);
        block.ThumbnailTags.AddRange([block.Short(0x0103, 6), block.Rational(0x011A, 72, 1), block.Rational(0x011B, 72, 1), block.Short(0x0128, 2)]);
        return block;
    }
}

internal readonly record struct TiffEntry(ushort Tag, ushort Type, uint Count, byte[] Value)
{
    public static TiffEntry Ascii(ushort tag, string text) => new(tag, 2, (uint)text.Length + 1, Encoding.ASCII.GetBytes(text + "\0"));

    public static TiffEntry Undefined(ushort tag, params byte[] value) => new(tag, 7, (uint)value.Length, value);
}
