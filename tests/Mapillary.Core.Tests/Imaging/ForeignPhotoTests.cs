using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Metadata;

namespace Mapillary.Tests.Imaging;

/// <summary>
/// Blocks as cameras and programs of all kinds write them. Whatever exiftool reads of such a file and we do not restore, it reads
/// afterwards as well, with the same value, and it has nothing to complain about that it did not complain about before.
/// </summary>
public sealed class ForeignPhotoTests : IDisposable
{
    /// <summary>What restoring writes, by exiftool's names; and what tells where something stands.</summary>
    private static readonly HashSet<string> NotForeign =
    [
        "IFD0:Make", "IFD0:Model", "IFD0:ModifyDate", "IFD0:Artist", "IFD0:Copyright", "IFD0:ImageDescription",
        "ExifIFD:ExifVersion", "ExifIFD:DateTimeOriginal", "ExifIFD:CreateDate", "ExifIFD:ExifImageWidth", "ExifIFD:ExifImageHeight", "ExifIFD:UserComment",
        "GPS:GPSVersionID", "IFD1:ThumbnailOffset",
    ];

    private static readonly string[] NotOfTheFile = ["ExifTool:", "System:", "File:", "Composite:"];

    // A picture so small that a number of eight bits can be its length.
    private static readonly byte[] TinyPicture = [0xFF, 0xD8, 0xFF, 0xDB, .. Enumerable.Range(10, 90).Select(n => (byte)n), 0xFF, 0xD9];

    private readonly ScratchFolder _folder = new();
    private readonly Dictionary<string, IReadOnlyList<string>> _notes = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_place_or_a_length_counts_whatever_type_of_number_states_it()
    {
        string[] values = ["ExifIFD:ExposureTime", "GPS:GPSSpeed", "InteropIFD:InteropIndex", "IFD1:ThumbnailImage", "IFD1:ThumbnailImage"];
        (string Pointer, ushort Tag)[] pointers = [("exif", 0x8769), ("gps", 0x8825), ("interoperability", 0xA005), ("picture", 0x0201), ("length", 0x0202)];
        foreach (var bigEndian in new[] { false, true })
        {
            foreach (var (pointer, tag) in pointers)
            {
                foreach (ushort type in new ushort[] { 1, 3, 4, 6, 8, 9, 13 })
                {
                    var block = Camera(bigEndian, pictureType: pointer == "picture" ? type : (ushort)4, lengthType: pointer == "length" ? type : (ushort)4,
                        exifType: pointer == "exif" ? type : (ushort)4, gpsType: pointer == "gps" ? type : (ushort)4, interoperabilityType: pointer == "interoperability" ? type : (ushort)4);
                    // In front, so that its place fits into seven bits.
                    Add(FormattableString.Invariant($"{pointer} {type} {bigEndian}"), block.Build(first: pointer == "length" ? ["picture"] : [pointer]));
                }
            }
        }

        var read = Compare();

        foreach (var (file, tags) in read) Assert.Contains(values[Array.FindIndex(pointers, p => file.StartsWith(p.Pointer, StringComparison.Ordinal))], tags.Keys);
        Assert.All(_notes.Values, Assert.Empty);
    }

    [Fact]
    public void Each_piece_of_a_block_may_stand_at_either_end_of_it()
    {
        foreach (var (notes, bigEndian) in new[] { ("none", false), ("canon", true), ("nikon", false), ("none", true), ("canon", false), ("nikon", true) }.Take(Thoroughness.Of(3, 6)))
        {
            foreach (var piece in Camera(bigEndian, notes).Names)
            {
                Add($"{notes} {piece} first {bigEndian}", Camera(bigEndian, notes).Build(first: [piece]), notes);
                Add($"{notes} {piece} last {bigEndian}", Camera(bigEndian, notes).Build(last: [piece]), notes);
            }
        }

        var read = Compare();

        Assert.All(_notes.Values, Assert.Empty);
        Assert.Equal("Anna B", read["canon image first True"]["Canon:OwnerName"]);
    }

    [Fact]
    public void A_value_of_the_maker_notes_may_lie_in_any_field_that_is_replaced()
    {
        foreach (var bigEndian in new[] { false, true })
        {
            foreach (var field in new[] { "image", "exif", "gps", "thumbnail", "image 0x010F", "exif 0x9003", "exif 0x9286", "gps 0x0004" })
                Add($"{field} {bigEndian}", Camera(bigEndian, "canon", ownerIn: field).Build(), "canon");
            // As Nikon's COOLPIX P6000 does: the last value begins in the notes and ends four bytes behind them, in a blank comment.
            Add($"behind {bigEndian}", Camera(bigEndian, "nikon").Build(first: ["notes", "exif 0x9286"]), "nikon");
        }

        var read = Compare();

        Assert.Equal("Canon", read["image 0x010F False"]["Canon:OwnerName"]);
        Assert.Equal("0 0 0 0", read["behind True"]["Nikon:NEFBitDepth"]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    [InlineData(60_000)]
    public void A_thumbnail_that_is_said_to_end_behind_the_block_stays_as_long_as_it_is(int over)
    {
        Tool.Require("exiftool");
        var block = Camera(bigEndian: false, pictureLength: TinyPicture.Length + over).Build(last: ["picture"]);
        var restored = Restore(block, out var notes);

        Assert.Equal(["corrected the length of the EXIF thumbnail, which reached behind the block"], notes);
        var path = _folder.Write("thumbnail.jpg", restored);
        Assert.Equal(TinyPicture, Tool.Run("exiftool", "-b", "-ThumbnailImage", path));
        var read = Tool.ExifTool(_folder.Path, "-G1", "-IFD1:all")["thumbnail.jpg"];
        Assert.Equal(("6", "72"), (read["IFD1:Compression"], read["IFD1:XResolution"]));
        Assert.False(MetadataRestorer.RestoreJpeg(restored, Record("1", "OldMake"), RestoreOptions.Default).Changed);
    }

    [Fact]
    public void A_thumbnail_without_its_end_costs_no_other_tag_of_its_directory()
    {
        Tool.Require("exiftool");
        var block = Camera(bigEndian: true, pictureLength: TinyPicture.Length + 1).Build(last: ["picture"]);
        var restored = Restore(block[..^2], out var notes);

        Assert.Equal(["dropped an EXIF thumbnail that lies outside of the block"], notes);
        _folder.Write("thumbnail.jpg", restored);
        var read = Tool.ExifTool(_folder.Path, "-G1", "-IFD1:all", "-warning")["thumbnail.jpg"];
        Assert.Equal(["IFD1:Compression", "IFD1:ResolutionUnit", "IFD1:XResolution", "IFD1:YResolution"], read.Keys.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("canon")]
    [InlineData("nikon")]
    public void A_block_with_maker_notes_does_not_grow_with_every_record(string maker)
    {
        var file = Restore(Camera(bigEndian: false, maker).Build(), out _);
        var length = 0;
        for (var i = 0; i < 20; i++)
        {
            foreach (var record in new[] { Record("12345678901234567", "Another maker"), Record("1", MakerOf(maker)) })
                file = [.. MetadataRestorer.RestoreJpeg(file, record, RestoreOptions.Default).Pieces.SelectMany(p => p.ToArray())];
            if (i == 2) length = file.Length;
        }

        Assert.Equal(length, file.Length);
    }

    private static byte[] Restore(byte[] block, out IReadOnlyList<string> notes)
    {
        var restored = MetadataRestorer.RestoreJpeg(JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Exif(block)), Record("1", "OldMake"), RestoreOptions.Default);
        notes = restored.Notes;
        return [.. restored.Pieces.SelectMany(p => p.ToArray())];
    }

    /// <summary>A block with every directory, a thumbnail, and values that are restored and that are not.</summary>
    private static BlockLayout Camera(
        bool bigEndian, string notes = "none", string ownerIn = "value", ushort pictureType = 4, ushort lengthType = 4, ushort exifType = 4, ushort gpsType = 4, ushort interoperabilityType = 4, int? pictureLength = null)
    {
        var layout = new BlockLayout(bigEndian);
        var builder = new TiffBuilder(bigEndian);
        layout.AddDirectory("image",
        [
            TiffEntry.Ascii(0x010F, MakerOf(notes)), TiffEntry.Ascii(0x0110, "A model of old"), builder.Rational(0x011A, 300, 1), builder.Rational(0x011B, 300, 1), builder.Short(0x0128, 2),
            TiffEntry.Ascii(0x0131, "Firmware 1.2.3"), builder.Short(0x0213, 1), LaidOutField.PlaceOf(0x8769, "exif", exifType), LaidOutField.PlaceOf(0x8825, "gps", gpsType),
        ], next: "thumbnail");
        List<LaidOutField> exif =
        [
            builder.Rational(0x829A, 1, 250), TiffEntry.Undefined(0x9000, "0220"u8.ToArray()), TiffEntry.Ascii(0x9003, "1999:01:02 03:04:05"), TiffEntry.Undefined(0x9101, 1, 2, 3, 0),
            TiffEntry.Undefined(0x9286, new byte[60]), TiffEntry.Undefined(0xA000, "0100"u8.ToArray()), builder.Short(0xA001, 1), builder.Long(0xA002, 64), builder.Long(0xA003, 48),
            LaidOutField.PlaceOf(0xA005, "interoperability", interoperabilityType), TiffEntry.Ascii(0xA434, "A lens 28-70mm"),
        ];
        if (notes != "none") exif.Add(new LaidOutField(0x927C, 7, notes == "canon" ? 52u : 64u, [], "notes"));
        layout.AddDirectory("exif", exif);
        layout.AddDirectory("gps", [new TiffEntry(0x0000, 1, 4, [2, 2, 0, 0]), TiffEntry.Ascii(0x0003, "W"), builder.Rational(0x0004, 4, 1, 5, 1, 6, 1), TiffEntry.Ascii(0x000C, "K"), builder.Rational(0x000D, 33, 1)]);
        layout.AddDirectory("interoperability", [TiffEntry.Ascii(0x0001, "R98"), TiffEntry.Undefined(0x0002, "0100"u8.ToArray())]);
        layout.AddDirectory("thumbnail",
        [
            builder.Short(0x0103, 6), builder.Rational(0x011A, 72, 1), builder.Rational(0x011B, 72, 1), builder.Short(0x0128, 2), LaidOutField.PlaceOf(0x0201, "picture", pictureType),
            new TiffEntry(0x0202, lengthType, 1, layout.Number(lengthType, (uint)(pictureLength ?? TinyPicture.Length))),
        ]);
        layout.Add("picture", TinyPicture);
        switch (notes)
        {
            case "canon":
                // A directory that counts from the start of the block; one of its values stands elsewhere.
                layout.Add("notes", 52, place =>
                {
                    byte[] directory = [.. builder.Directory(place("notes"), [TiffEntry.Ascii(0x0006, "IMG:EOS 300D DIGITAL"), new TiffEntry(0x0009, 2, 6, new byte[6])])[..52]];
                    builder.Bytes32(place(ownerIn)).CopyTo(directory, 2 + 12 + 8);
                    return directory;
                });
                layout.Add("value", "Anna B\0"u8.ToArray());
                break;
            case "nikon":
                // A structure of its own, whose last value, four zeros of two bytes, ends behind what the notes' entry says.
                byte[] header = [.. "Nikon\0"u8, 2, 0x10, 0, 0, .. bigEndian ? "MM"u8 : "II"u8, .. builder.Bytes16(42), .. builder.Bytes32(8)];
                layout.Add("notes", [.. header, .. builder.Directory(8, [TiffEntry.Undefined(0x0001, "0210"u8.ToArray()), TiffEntry.Undefined(0x0004, "FINE"u8.ToArray()), builder.Short(0x0E22, 0, 0, 0, 0)])[..^4]]);
                break;
        }

        return layout;
    }

    private static string MakerOf(string notes) => notes switch { "canon" => "Canon", "nikon" => "NIKON", _ => "OldMake" };

    /// <summary>Writes a file, and what restoring makes of it twice: the second time with other values, in the room of the first.</summary>
    private void Add(string name, byte[] block, string notes = "none", byte[]? behind = null)
    {
        byte[] served = [.. JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Exif(block)), .. behind ?? []];
        _folder.Write(name + " a.jpg", served);
        var once = MetadataRestorer.RestoreJpeg(served, Record("1", MakerOf(notes)), RestoreOptions.Default);
        _notes.Add(name, once.Notes);
        byte[] bytes = [.. once.Pieces.SelectMany(p => p.ToArray())];
        Assert.False(MetadataRestorer.RestoreJpeg(bytes, Record("1", MakerOf(notes)), RestoreOptions.Default).Changed, name);
        _folder.Write(name + " b.jpg", MetadataRestorer.RestoreJpeg(bytes, Record("12345678901234567", MakerOf(notes)), RestoreOptions.Default).Pieces);
    }

    private static MapillaryImage Record(string id, string make) => MapillaryImage.Parse(
        $$"""{"id":"{{id}}","captured_at":1704103200123,"make":"{{make}}","geometry":{"type":"Point","coordinates":[13.5,52.6]},"creator":{"username":"user {{id}}"},"sequence":"AbC"}""");

    /// <summary>Compares what exiftool reads; gives what it read of the files as they were.</summary>
    private Dictionary<string, Dictionary<string, string>> Compare()
    {
        Tool.Require("exiftool");
        // Once for values and faults: it is slow. The number of the copy keeps several warnings apart.
        var read = Tool.ExifTool(_folder.Path, "-G1:4", "-u", "-b", "-validate", "-warning", "-error", "-all");
        var served = read.Where(r => r.Key.EndsWith(" a.jpg", StringComparison.Ordinal)).ToDictionary(r => r.Key[..^6], r => r.Value);
        Assert.NotEmpty(served);
        foreach (var (name, before) in served)
        {
            var after = read[name + " b.jpg"];
            foreach (var (tag, value) in before.Where(t => IsForeign(t.Key)))
                Assert.True(after.GetValueOrDefault(tag) == value, $"{name}: {tag} is '{after.GetValueOrDefault(tag)}', not '{value}'");
            var fresh = Faults(after).Except(Faults(before)).ToList();
            Assert.True(fresh.Count == 0, $"{name}: {string.Join("; ", fresh)}");
        }

        return served;

        static IEnumerable<string> Faults(Dictionary<string, string> tags) =>
            tags.Where(t => t.Key.EndsWith(":Warning", StringComparison.Ordinal) || t.Key.EndsWith(":Error", StringComparison.Ordinal)).Select(t => t.Value);
    }

    private static bool IsForeign(string tag) =>
        !NotForeign.Contains(tag) && !NotOfTheFile.Any(g => tag.StartsWith(g, StringComparison.Ordinal)) && (!tag.StartsWith("GPS:", StringComparison.Ordinal) || tag.Contains("Speed", StringComparison.Ordinal));
}
