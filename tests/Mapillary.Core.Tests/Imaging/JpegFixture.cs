using System.Buffers.Binary;
using System.Text;

namespace Mapillary.Tests.Imaging;

/// <summary>Small real pictures, and ways to put segments into them.</summary>
internal static class JpegFixture
{
    public const int Width = 64;
    public const int Height = 48;

    public static readonly byte[] Baseline = Load("baseline.jpg");
    public static readonly byte[] Progressive = Load("progressive.jpg");
    public static readonly byte[] WithRestarts = Load("restart.jpg");
    public static readonly byte[] Arithmetic = Load("arithmetic.jpg");

    public static readonly byte[] Jfif = Baseline[2..20];
    public static readonly byte[] Icc = App(2, [.. "ICC_PROFILE\0"u8, 1, 1, .. SmallProfile()]);
    public static readonly byte[][] IccInParts =
    [
        App(2, [.. "ICC_PROFILE\0"u8, 1, 3, .. SmallProfile()[..50]]),
        App(2, [.. "ICC_PROFILE\0"u8, 2, 3, .. SmallProfile()[50..100]]),
        App(2, [.. "ICC_PROFILE\0"u8, 3, 3, .. SmallProfile()[100..]]),
    ];

    // A slope with edges; a slope for each colour; something wild.
    public static readonly byte[] TwelveBits = JpegWriter.Extended(12, 1, (_, x, y) => x * 60 + (y / 8 % 2) * 300);
    public static readonly byte[] TwelveBitsOfColour = JpegWriter.Extended(12, 3, (c, x, y) => c == 0 ? x * 64 : c == 1 ? y * 85 : 4095 - (x + y) * 36);
    public static readonly byte[] Lossless = JpegWriter.Lossless(12, (x, y) => (x * 37 + y * 91) % 4096);
    public static readonly byte[] Comment = Segment(0xFE, "a comment of long ago"u8);
    public static readonly byte[] Adobe = App(14, [.. "Adobe"u8, 0, 100, 0, 0, 0, 0, 1]);
    public static readonly byte[] Fill = [0xFF, 0xFF, 0xFF];
    public static readonly byte[] UnknownApp = App(11, "HDR_RI ver=11"u8);

    // An IPTC record with a city, in Photoshop's resource of that kind.
    public static readonly byte[] Photoshop = App(13, [.. "Photoshop 3.0\0"u8, .. "8BIM"u8, 4, 4, 0, 0, 0, 0, 0, 11, 0x1C, 2, 90, 0, 6, .. "Berlin"u8, 0]);

    // A C2PA manifest store as ISO 19566-5 puts it into JPEG: one box, cut into two segments.
    public static readonly byte[][] Jumbf =
    [
        App(11, [.. "JP"u8, 0, 1, 0, 0, 0, 1, .. JumbfBox()[..40]]),
        App(11, [.. "JP"u8, 0, 1, 0, 0, 0, 2, .. JumbfBox()[..8], .. JumbfBox()[40..]]),
    ];

    public const string OtherXmp = """
        <?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
        <x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Test">
         <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
          <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmp:Rating="4" xmp:Label="Rot &amp; grün">
           <dc:subject><rdf:Bag><rdf:li>street</rdf:li><rdf:li>tree</rdf:li></rdf:Bag></dc:subject>
          </rdf:Description>
         </rdf:RDF>
        </x:xmpmeta>
        <?xpacket end="w"?>
        """;

    private static readonly byte[] SecondPicture = Baseline;
    private static readonly byte[] ExtendedPacket = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about='' xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmp:Nickname='far'/></rdf:RDF></x:xmpmeta>"u8.ToArray();

    /// <summary>The two parts of an extended packet, and the packet that says it has one.</summary>
    private static readonly byte[] FirstPart = App(1, ExtendedXmp(0, ExtendedPacket[..100], (uint)ExtendedPacket.Length));
    private static readonly byte[] SecondPart = App(1, ExtendedXmp(100, ExtendedPacket[100..], (uint)ExtendedPacket.Length));
    private static readonly byte[] MainPacket = Xmp(OtherXmp.Replace("xmp:Rating=", $"xmlns:xmpNote=\"http://ns.adobe.com/xmp/note/\" xmpNote:HasExtendedXMP=\"{ExtendedXmpId}\" xmp:Rating=", StringComparison.Ordinal));

    /// <summary>Every way in which segments may stand in a served file, by name.</summary>
    public static readonly IReadOnlyDictionary<string, byte[]> Photos = new Dictionary<string, byte[]>
    {
        ["bare"] = Photo(Baseline),
        ["jfif"] = Photo(Baseline, Jfif),
        ["progressive"] = Photo(Progressive, Jfif),
        ["restarts"] = Photo(WithRestarts, Jfif),
        ["icc"] = Photo(Baseline, Jfif, Icc),
        ["exif"] = Photo(Baseline, Exif(Camera(false))),
        ["exif big-endian"] = Photo(Baseline, Exif(Camera(true))),
        ["exif after jfif"] = Photo(Progressive, Jfif, Exif(Camera(false))),
        ["exif after icc"] = Photo(Baseline, Jfif, Icc, Exif(Camera(true))),
        ["exif before jfif"] = Photo(Baseline, Exif(Camera(false)), Jfif),
        ["exif last"] = Photo(WithRestarts, Jfif, Comment, Icc, Adobe, UnknownApp, Exif(Camera(true))),
        ["exif twice"] = Photo(Baseline, Exif(Small(false)), Icc, Exif(Camera(true))),
        ["exif three times, one broken"] = Photo(Baseline, Exif("garbage"u8.ToArray()), Exif(Camera(false)), Comment, Exif(Small(true))),
        ["fill bytes"] = Photo(Baseline, Fill, Jfif, Fill, Exif(Camera(false)), Fill, Icc, Fill),
        ["comments"] = Photo(Baseline, Comment, Jfif, Comment, Comment),
        ["xmp"] = Photo(Baseline, Jfif, Xmp(OtherXmp)),
        ["xmp before exif"] = Photo(Baseline, Xmp(OtherXmp), Exif(Camera(false))),
        ["extended xmp"] = Photo(Baseline, Exif(Camera(false)), Xmp(OtherXmp), App(1, ExtendedXmp(0, "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"u8.ToArray(), 37))),
        ["mpf"] = [.. Photo(Baseline, Exif(Camera(false)), Mpf(Baseline.Length)), .. SecondPicture],
        ["trailing bytes"] = [.. Photo(Baseline, Jfif), .. new byte[333]],
        ["trailing bytes after exif"] = [.. Photo(Progressive, Jfif, Exif(Camera(true))), .. "some text"u8],
        ["empty exif"] = Photo(Baseline, Jfif, Exif([])),
        ["truncated exif"] = Photo(Baseline, Jfif, Exif(Camera(false)[..40])),
        ["looping exif"] = Photo(Baseline, Jfif, Exif([.. "II*\0"u8, 8, 0, 0, 0, 1, 0, 0x69, 0x87, 4, 0, 1, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0])),
        ["exif beyond its end"] = Photo(Baseline, Jfif, Exif([.. "MM\0*"u8, 0xFF, 0xFF, 0xFF, 0xF0])),
        ["exif without link"] = Photo(Baseline, Jfif, Exif(WithoutLink())),
        ["exif between tables and frame"] = InFrontOf(0xC0, Photo(Baseline, Jfif, Icc), Exif(Camera(false))),
        ["exif just before the scan"] = InFrontOf(0xDA, Photo(Progressive, Jfif), Exif(Camera(true))),
        ["exif and xmp just before the scan"] = InFrontOf(0xDA, Photo(WithRestarts, Jfif, Comment), [.. Xmp(OtherXmp), .. Exif(Camera(true))]),
        ["thumbnail with exif of its own"] = Photo(Baseline, Jfif, Exif(TiffBuilder.Camera(true, Photo(Baseline, Jfif, Exif(Small(true)), Comment)).Build())),
        ["icc in parts"] = Photo(Baseline, Jfif, IccInParts[0], Exif(Camera(false)), IccInParts[1], Comment, IccInParts[2]),
        ["extended xmp after the main packet"] = Photo(Baseline, Jfif, Exif(Camera(false)), MainPacket, FirstPart, SecondPart),
        ["extended xmp before the main packet"] = Photo(Baseline, Jfif, FirstPart, SecondPart, Exif(Camera(true)), MainPacket),
        ["photoshop"] = Photo(Baseline, Jfif, Photoshop, Exif(Camera(false)), Adobe),
        ["c2pa"] = Photo(Baseline, Jfif, Jumbf[0], Jumbf[1], Exif(Camera(true)), Xmp(OtherXmp)),
        ["all at once"] =
        [
            .. Photo(Progressive, [Jfif, Exif(Camera(true)), MainPacket, FirstPart, SecondPart, .. IccInParts, Photoshop, .. Jumbf, Adobe, Comment, Fill, UnknownApp, Exif(Small(false))]),
            .. "text behind the end"u8,
        ],
        ["arithmetic"] = Photo(Arithmetic, Jfif, Icc, Exif(Camera(false))),
        ["twelve bits"] = Photo(TwelveBits, Jfif, Icc, Exif(Camera(true))),
        ["twelve bits, three components"] = Photo(TwelveBitsOfColour, Exif(Camera(false)), Xmp(OtherXmp)),
        ["lossless"] = Photo(Lossless, Comment, Exif(Camera(true))),
    };

    /// <summary>Photos that are right, but that the usual decoders do not decode.</summary>
    public static readonly IReadOnlySet<string> Undecodable = new HashSet<string> { "twelve bits", "twelve bits, three components", "lossless" };

    public static byte[] Load(string name)
    {
        using var stream = typeof(JpegFixture).Assembly.GetManifestResourceStream(name)!;
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        return memory.ToArray();
    }

    /// <summary>The picture with these segments in place of its own JFIF segment.</summary>
    public static byte[] Photo(byte[] picture, params byte[][] segments) => [0xFF, 0xD8, .. segments.SelectMany(s => s), .. picture[20..]];

    /// <summary>The file with a segment in front of the first one with a marker.</summary>
    public static byte[] InFrontOf(byte marker, byte[] jpeg, byte[] segment)
    {
        var position = 2;
        while (jpeg[position + 1] != marker)
            position += jpeg[position + 1] is 0xFF ? 1 : 2 + BinaryPrimitives.ReadUInt16BigEndian(jpeg.AsSpan(position + 2));
        return [.. jpeg[..position], .. segment, .. jpeg[position..]];
    }

    public static byte[] Segment(byte marker, ReadOnlySpan<byte> content)
    {
        var segment = new byte[4 + content.Length];
        (segment[0], segment[1]) = (0xFF, marker);
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(2), checked((ushort)(content.Length + 2)));
        content.CopyTo(segment.AsSpan(4));
        return segment;
    }

    public static byte[] App(int number, ReadOnlySpan<byte> content) => Segment((byte)(0xE0 + number), content);

    public static byte[] Exif(byte[] tiff) => App(1, [.. "Exif\0\0"u8, .. tiff]);

    public static byte[] Xmp(string packet) => App(1, [.. "http://ns.adobe.com/xap/1.0/\0"u8, .. Encoding.UTF8.GetBytes(packet)]);

    public static byte[] Camera(bool bigEndian) => TiffBuilder.Camera(bigEndian, Progressive).Build();

    /// <summary>A block with few tags, one of which no other has.</summary>
    public static byte[] Small(bool bigEndian)
    {
        var block = new TiffBuilder(bigEndian);
        block.Image.AddRange([TiffEntry.Ascii(0x010D, "the document"), block.Rational(0x011A, 72, 1), block.Rational(0x011B, 72, 1), block.Short(0x0128, 2), block.Short(0x0213, 1)]);
        return block.Build();
    }

    /// <summary>All segments but EXIF and XMP up to the first scan, one after the other, with the fill bytes that belong to them.</summary>
    public static byte[] OtherSegments(ReadOnlySpan<byte> jpeg)
    {
        var others = new List<byte>();
        var position = 2;
        while (true)
        {
            var start = position;
            while (jpeg[position + 1] == 0xFF) position++;
            if (jpeg[position + 1] == 0xDA) return [.. others];
            var end = position + 2 + BinaryPrimitives.ReadUInt16BigEndian(jpeg[(position + 2)..]);
            var content = jpeg[(position + 4)..end];
            if (!content.StartsWith("Exif\0"u8) && !content.StartsWith("http://ns.adobe.com/xap/1.0/\0"u8)) others.AddRange(jpeg[start..end]);
            position = end;
        }
    }

    /// <summary>All bytes from the header of the first scan to the end of the file.</summary>
    public static ReadOnlySpan<byte> FromScanOn(ReadOnlySpan<byte> jpeg)
    {
        var position = 2;
        while (jpeg[position + 1] != 0xDA)
            position += jpeg[position + 1] == 0xFF ? 1 : 2 + BinaryPrimitives.ReadUInt16BigEndian(jpeg[(position + 2)..]);
        return jpeg[position..];
    }

    /// <summary>The contents of the EXIF segments before the first scan.</summary>
    public static List<byte[]> ExifBlocks(ReadOnlySpan<byte> jpeg) => App1Contents(jpeg, "Exif\0\0"u8);

    /// <summary>The XMP packets before the first scan.</summary>
    public static List<byte[]> XmpPackets(ReadOnlySpan<byte> jpeg) => App1Contents(jpeg, "http://ns.adobe.com/xap/1.0/\0"u8);

    public const string ExtendedXmpId = "0123456789ABCDEF0123456789ABCDEF";

    /// <summary>One part of an extended packet.</summary>
    public static byte[] ExtendedXmp(uint offset, byte[] part, uint wholeLength)
    {
        var bytes = new TiffBuilder(bigEndian: true);
        return [.. "http://ns.adobe.com/xmp/extension/\0"u8, .. Encoding.ASCII.GetBytes(ExtendedXmpId), .. bytes.Bytes32(wholeLength), .. bytes.Bytes32(offset), .. part];
    }

    /// <summary>An index of two pictures, of which the second stands behind the first.</summary>
    /// <param name="pictureLength">Length of each picture as it is in the fixtures.</param>
    /// <param name="lengthBetween">Length of the segments between the index and the first picture's tables.</param>
    public static byte[] Mpf(int pictureLength, int lengthBetween = 0)
    {
        var index = new TiffBuilder(bigEndian: true);
        // From the index's own start to the end of the file: the rest of the index, then all of the picture but its first 20 bytes.
        const int indexLength = 8 + 2 + 3 * 12 + 4 + 32;
        var place = (uint)(indexLength + lengthBetween + pictureLength - 20);
        index.Image.AddRange([
            TiffEntry.Undefined(0xB000, "0100"u8.ToArray()),
            index.Long(0xB001, 2),
            TiffEntry.Undefined(0xB002, [.. index.Bytes32(0x20030000), .. index.Bytes32((uint)pictureLength), .. new byte[8], .. index.Bytes32(0), .. index.Bytes32((uint)pictureLength), .. index.Bytes32(place), .. new byte[4]]),
        ]);
        return App(2, [.. "MPF\0"u8, .. index.Build()]);
    }

    private static List<byte[]> App1Contents(ReadOnlySpan<byte> jpeg, ReadOnlySpan<byte> prefix)
    {
        var found = new List<byte[]>();
        var position = 2;
        while (jpeg[position + 1] != 0xDA)
        {
            if (jpeg[position + 1] == 0xFF)
            {
                position++;
                continue;
            }

            var end = position + 2 + BinaryPrimitives.ReadUInt16BigEndian(jpeg[(position + 2)..]);
            var content = jpeg[(position + 4)..end];
            if (jpeg[position + 1] == 0xE1 && content.StartsWith(prefix)) found.Add(content[prefix.Length..].ToArray());
            position = end;
        }

        return found;
    }

    // As seen on served pictures: one tag, and nothing behind it, not even the link to the next directory.
    private static byte[] WithoutLink()
    {
        var block = new TiffBuilder(bigEndian: false);
        block.Image.Add(TiffEntry.Ascii(0x010E, "abc"));
        return block.Build()[..^4];
    }

    /// <summary>The header of an ICC profile and an empty table of tags: enough to be carried.</summary>
    private static byte[] SmallProfile()
    {
        var profile = new byte[132];
        BinaryPrimitives.WriteUInt32BigEndian(profile, 132);
        "mntrRGB XYZ "u8.CopyTo(profile.AsSpan(12));
        "acsp"u8.CopyTo(profile.AsSpan(36));
        profile[8] = 2;
        return profile;
    }

    /// <summary>A superbox with a description box, whose type is C2PA's, and one box of data.</summary>
    private static byte[] JumbfBox()
    {
        byte[] description = [.. "c2pa"u8, 0x00, 0x11, 0x00, 0x10, 0x80, 0x00, 0x00, 0xAA, 0x00, 0x38, 0x9B, 0x71, 3, .. "c2pa\0"u8];
        return Box("jumb"u8, [.. Box("jumd"u8, description), .. Box("json"u8, "{\"claim\":\"none\"}"u8)]);

        static byte[] Box(ReadOnlySpan<byte> type, ReadOnlySpan<byte> content) =>
            [.. new TiffBuilder(bigEndian: true).Bytes32((uint)content.Length + 8), .. type, .. content];
    }
}
