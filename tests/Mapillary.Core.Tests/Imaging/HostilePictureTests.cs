using System.Buffers.Binary;
using System.Text;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Jpeg;
using Mapillary.Imaging.Metadata;
using Mapillary.Imaging.Webp;
using Mapillary.Imaging.Xmp;

namespace Mapillary.Tests.Imaging;

/// <summary>Pictures that are made to cost much. What is asserted is the outcome; a walk of squares would not come to it in time.</summary>
public class HostilePictureTests
{
    private const string Head = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about=''";
    private const string Tail = "</rdf:Description></rdf:RDF></x:xmpmeta>";

    private static readonly TimeSpan HangsAfter = TimeSpan.FromMinutes(3);

    private static readonly MapillaryImage Sphere = MapillaryImage.Parse("""{"id":"1","camera_type":"spherical"}""");
    private static readonly MapillaryImage Plain = MapillaryImage.Parse("""{"id":"1","camera_type":"perspective"}""");

    private static Task<T> InTimeAsync<T>(Func<T> work) => Task.Run(work).WaitAsync(HangsAfter, TestContext.Current.CancellationToken);

    private static string Nested(int depth) => $"{Head}>{new StringBuilder().Insert(0, "<a>", depth)}{new StringBuilder().Insert(0, "</a>", depth)}{Tail}";

    private static byte[] Webp(params (string Name, byte[] Payload)[] chunks)
    {
        byte[] vp8 = [0x30, 0x01, 0x00, 0x9D, 0x01, 0x2A, 64, 0, 48, 0, 1, 2, 3, 0];
        var body = new List<byte>("WEBP"u8.ToArray());
        foreach (var (name, payload) in chunks.Prepend(("VP8 ", vp8)))
        {
            body.AddRange(Encoding.ASCII.GetBytes(name));
            body.AddRange(BitConverter.GetBytes(payload.Length));
            body.AddRange(payload);
            if (payload.Length % 2 != 0) body.Add(0);
        }

        return [.. "RIFF"u8, .. BitConverter.GetBytes(body.Count), .. body];
    }

    /// <summary>It ended the program, and each later run that came to the picture.</summary>
    [Theory]
    [InlineData(75_000)]
    [InlineData(1_000_000)]
    public async Task A_packet_nested_without_end_counts_as_broken(int depth)
    {
        var packet = Encoding.UTF8.GetBytes(Nested(depth));
        var file = Webp(("XMP ", packet));

        var sphere = await InTimeAsync(() => MetadataRestorer.RestoreWebp(file, Sphere, RestoreOptions.Default));
        var plain = await InTimeAsync(() => MetadataRestorer.RestoreWebp(file, Plain, RestoreOptions.Default));

        Assert.Contains(sphere.Notes, n => n.StartsWith("replaced a broken XMP packet: <x:xmpmeta", StringComparison.Ordinal) && n.Length < 4100);
        // Of a picture that is no sphere the packet is nobody's business.
        Assert.True(WebpContainer.Read(plain.Pieces.SelectMany(p => p.ToArray()).ToArray()).Xmp.Span.SequenceEqual(packet));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_packet_nested_as_deep_as_a_segment_allows_counts_as_broken(int packets)
    {
        var segment = JpegFixture.Xmp(Nested(9_000));

        var restored = MetadataRestorer.RestoreJpeg(JpegFixture.Photo(JpegFixture.Baseline, [.. Enumerable.Repeat(segment, packets)]), Sphere, RestoreOptions.Default);

        Assert.Contains(restored.Notes, n => n.StartsWith("replaced a broken XMP packet: <x:xmpmeta", StringComparison.Ordinal) && n.Length < 4100);
    }

    public static TheoryData<string, bool> Packets() => new()
    {
        { Nested(BoundedXml.DeepestLevel - 3), true },
        { Nested(BoundedXml.DeepestLevel + 1), false },
        { $"{Head} {Attributes(900)}>{Tail}", true },
        { $"{Head} {Attributes(BoundedXml.MostAttributes)}>{Tail}", false },
        { $"{Head}>{new StringBuilder().Insert(0, "<a/>", BoundedXml.MostNodes - 100)}{Tail}", true },
        { $"{Head}>{new StringBuilder().Insert(0, "<a/>", BoundedXml.MostNodes)}{Tail}", false },
        { $"{Head}><a>{new string('x', BoundedXml.LongestText - 1000)}</a>{Tail}", true },
        { $"{Head}><a>{new string('x', BoundedXml.LongestText)}</a>{Tail}", false },
    };

    [Theory]
    [MemberData(nameof(Packets), DisableDiscoveryEnumeration = true)]
    public void A_packet_is_read_up_to_its_bounds(string packet, bool isReadable) =>
        Assert.Equal(isReadable ? 1 : 0, XmpPacket.FindReadable([Encoding.UTF8.GetBytes(packet)]).Count);

    /// <summary>Three hundred took most of a minute, since each was held against all before.</summary>
    [Fact]
    public async Task Many_packets_are_joined_in_one_walk()
    {
        var packets = Enumerable.Range(0, 400).Select(n => JpegFixture.Xmp($"{Head} {Attributes(950, n)}>{new StringBuilder().Insert(0, $"<p{n}/>", 4_000)}{Tail}")).ToArray();
        var file = JpegFixture.Photo(JpegFixture.Baseline, packets);

        var restored = await InTimeAsync(() => MetadataRestorer.RestoreJpeg(file, Sphere, RestoreOptions.Default));

        Assert.Contains(restored.Notes, n => n.StartsWith("joined ", StringComparison.Ordinal));
        Assert.Contains(restored.Notes, n => n.Contains("XMP packet", StringComparison.Ordinal));
    }

    /// <summary>A directory of as many entries, each with a list of as many places: twenty thousand took most of a minute.</summary>
    [Fact]
    public async Task Lists_of_directories_that_lie_over_each_other_are_not_walked_each_by_itself()
    {
        const int Many = 60_000;
        const int Table = 26, List = Table + 2 + (Many * 12) + 4;
        var tiff = new byte[List + (Many * 4)];
        "II*\0"u8.CopyTo(tiff);
        BinaryPrimitives.WriteUInt32LittleEndian(tiff.AsSpan(4), 8);
        BinaryPrimitives.WriteUInt16LittleEndian(tiff.AsSpan(8), 1);
        Entry(10, 0x014A, 1, Table);
        BinaryPrimitives.WriteUInt16LittleEndian(tiff.AsSpan(Table), Many);
        for (var i = 0; i < Many; i++)
        {
            Entry(Table + 2 + (i * 12), i, Many, List);
            BinaryPrimitives.WriteUInt32LittleEndian(tiff.AsSpan(List + (i * 4)), Table);
        }

        var file = Webp(("EXIF", tiff));

        var restored = await InTimeAsync(() => MetadataRestorer.RestoreWebp(file, Plain, RestoreOptions.Default));

        // What nobody knows the meaning of stays where it was.
        var kept = WebpContainer.Read(restored.Pieces.SelectMany(p => p.ToArray()).ToArray()).Exif;
        Assert.True(kept.Span[Table..tiff.Length].SequenceEqual(tiff.AsSpan(Table)));

        void Entry(int at, int tag, int count, int value)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(tiff.AsSpan(at), (ushort)tag);
            BinaryPrimitives.WriteUInt16LittleEndian(tiff.AsSpan(at + 2), 13);
            BinaryPrimitives.WriteInt32LittleEndian(tiff.AsSpan(at + 4), count);
            BinaryPrimitives.WriteInt32LittleEndian(tiff.AsSpan(at + 8), value);
        }
    }

    [Fact]
    public async Task Many_blocks_of_many_tags_are_joined_in_one_walk()
    {
        var blocks = Enumerable.Range(0, 300).Select(n => JpegFixture.Exif(Block(n))).ToArray();
        var file = JpegFixture.Photo(JpegFixture.Baseline, blocks);

        var restored = await InTimeAsync(() => MetadataRestorer.RestoreJpeg(file, Plain, RestoreOptions.Default));

        Assert.Contains("dropped all but the first 16 of 300 EXIF blocks", restored.Notes);
        byte[] once = [.. restored.Pieces.SelectMany(p => p.ToArray())];
        Assert.False(MetadataRestorer.RestoreJpeg(once, Plain, RestoreOptions.Default).Changed);

        static byte[] Block(int number)
        {
            const int Many = 4_000;
            var tiff = new byte[8 + 2 + (Many * 12) + 4];
            "II*\0"u8.CopyTo(tiff);
            BinaryPrimitives.WriteUInt32LittleEndian(tiff.AsSpan(4), 8);
            BinaryPrimitives.WriteUInt16LittleEndian(tiff.AsSpan(8), Many);
            for (var i = 0; i < Many; i++)
            {
                var entry = tiff.AsSpan(10 + (i * 12));
                BinaryPrimitives.WriteUInt16LittleEndian(entry, (ushort)(0xA500 + ((number * Many) + i) % 20_000));
                BinaryPrimitives.WriteUInt16LittleEndian(entry[2..], 3);
                BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], 1);
            }

            return tiff;
        }
    }

    [Fact]
    public void A_picture_of_more_segments_than_any_has_is_no_picture_to_anyone()
    {
        byte[] Photo(int segments) => JpegFixture.Photo(JpegFixture.Baseline, [.. Enumerable.Repeat(JpegFixture.Exif([]), segments)]);

        Assert.Null(JpegCheck.FindFault(Photo(10_000)));
        Assert.Contains("segments", JpegCheck.FindFault(Photo(20_000)), StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => MetadataRestorer.RestoreJpeg(Photo(20_000), Plain, RestoreOptions.Default));
    }

    [Fact]
    public void A_WebP_of_more_chunks_than_any_has_is_refused() =>
        Assert.Throws<InvalidDataException>(() => WebpContainer.Read(Webp([.. Enumerable.Repeat(("ABCD", Array.Empty<byte>()), 100_000)])));

    private static string Attributes(int count, int series = 0) => string.Join(' ', Enumerable.Range(0, count).Select(n => $"xmlns:n{n}='urn:{series}:{n}'").Take(1)
        .Concat(Enumerable.Range(0, count).Select(n => $"n0:a{series}_{n}=''")));
}
