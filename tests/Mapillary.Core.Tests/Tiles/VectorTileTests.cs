using System.IO.Compression;
using Mapillary.Emulator;
using Mapillary.Tiles;

namespace Mapillary.Tests.Tiles;

/// <summary>Tiles in every form that the specification allows, and in such as nobody should send.</summary>
public class VectorTileTests
{
    private const ulong Id = 1933525276802129;

    public static TheoryData<string, object> Ids => new()
    {
        { "int", (long)Id }, { "uint", Id }, { "sint", new SignedValue((long)Id) }, { "double", (double)Id }, { "string", "1933525276802129" },
    };

    [Theory]
    [MemberData(nameof(Ids))]
    public void An_id_may_be_written_in_any_type(string type, object value)
    {
        var feature = Assert.Single(Read(new TileLayer("image").Points([(1, 2)], [("id", value)], featureId: 7)));

        Assert.Equal((type, Id), (type, feature.Id));
    }

    [Fact]
    public void Without_the_property_the_features_own_id_counts() =>
        Assert.Equal(Id, Assert.Single(Read(new TileLayer("image").Points([(1, 2)], [("is_pano", true)], featureId: Id))).Id);

    [Theory]
    [InlineData(-5L)]
    [InlineData(0.5)]
    [InlineData(-1.0)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(1.7976931348623157e308)]
    // A double has lost digits here: this one names the image before, 72057594037927937.
    [InlineData(72057594037927936.0)]
    [InlineData("")]
    [InlineData("abc")]
    [InlineData("12x")]
    [InlineData("012")]
    [InlineData("99999999999999999999999")]
    [InlineData(true)]
    public void An_id_that_is_none_is_not_replaced_by_another_number(object value) =>
        Assert.Null(Assert.Single(Read(new TileLayer("image").Points([(1, 2)], [("id", value)], featureId: 7))).Id);

    [Fact]
    public void All_that_is_filtered_by_is_read()
    {
        var layer = new TileLayer("image")
            .Points([(0, 0)], [("captured_at", 1563721072184L), ("compass_angle", 12.5f), ("id", (long)Id), ("is_pano", true), ("organization_id", 1805883732926354UL), ("sequence_id", "abc"), ("quality_score", 0.5f)])
            .Points([(0, 0)], [("captured_at", "1563721072184"), ("id", 2L), ("is_pano", "false"), ("organization_id", "18")])
            .Points([(0, 0)], [("captured_at", 1563721072184.0), ("id", 3L), ("is_pano", 0UL)])
            .Points([(0, 0)], [("captured_at", ""), ("id", 4L), ("is_pano", ""), ("organization_id", "")]);

        var features = Read(layer);

        Assert.Equal(
            [(1563721072184, true, 1805883732926354), (1563721072184, false, 18), (1563721072184, false, null), ((long?)null, (bool?)null, (ulong?)null)],
            features.Select(f => (f.CapturedAt, f.IsPanorama, f.OrganizationId)));
    }

    [Theory]
    [InlineData(1, true, false)]
    [InlineData(2, true, false)]
    [InlineData(2, false, false)]
    [InlineData(2, true, true)]
    [InlineData(1, false, true)]
    // Without a number it is version 1.
    [InlineData(null, true, false)]
    public void Versions_orders_and_unpacked_numbers_are_all_the_same(int? version, bool tablesBehind, bool unpacked)
    {
        var layer = new TileLayer("image") { Version = version, HasTablesBehind = tablesBehind, IsUnpacked = unpacked }.Points([(2048, 1024)], [("id", (long)Id), ("captured_at", 5L)]);

        Assert.Equal(new TileFeature { Id = Id, CapturedAt = 5, Points = 1, Extent = new TileExtent(0.5, 0.25, 0.5, 0.25) }, Assert.Single(Read(layer)));
    }

    [Theory]
    [InlineData(256)]
    [InlineData(4096)]
    [InlineData(65536)]
    [InlineData(null)]
    public void Any_extent_gives_the_same_place(int? extent)
    {
        var width = extent ?? 4096;
        var feature = Assert.Single(Read(new TileLayer("image") { Extent = extent }.Points([(-width / 4, width * 5 / 4)], [("id", 1L)])));

        Assert.Equal(new TileExtent(-0.25, 1.25, -0.25, 1.25), feature.Extent);
    }

    [Fact]
    public void A_MultiPoint_is_one_image_in_several_places()
    {
        var feature = Assert.Single(Read(new TileLayer("image").Points([(4096, 0), (0, 2048), (1024, 4096)], [("id", 1L)])));

        Assert.Equal((3, new TileExtent(0, 0, 1, 1)), (feature.Points, feature.Extent));
    }

    [Theory]
    [InlineData(new ulong[] { })]
    [InlineData(new ulong[] { 9 })]
    [InlineData(new ulong[] { 9, 4 })]
    [InlineData(new ulong[] { 8, 0, 0 })]
    [InlineData(new ulong[] { 1, 2, 3 })]
    [InlineData(new ulong[] { 15 })]
    [InlineData(new ulong[] { 0xFFFFFFFFFFFFFFF9, 1, 1 })]
    public void A_geometry_that_is_none_leaves_the_image_without_a_place(ulong[] geometry)
    {
        var feature = Assert.Single(Read(new TileLayer("image").Feature(1, geometry, [("id", 9L)], featureId: null)));

        Assert.Equal((9UL, null), (feature.Id, feature.Extent));
    }

    [Fact]
    public void Other_layers_fields_and_geometries_are_left_out()
    {
        var tile = new TileWriter()
            .Layer(new TileLayer("sequence").Line([(0, 0), (5, 5)], [("id", "abc"), ("image_id", 7L)]))
            .Layer(new TileLayer("image").Points([(0, 0)], [("id", 1L)]))
            .Layer(new TileLayer("image").Points([(0, 0)], [("id", 2L)]))
            .Layer(new TileLayer("overview") { Version = 9 }.Points([(0, 0)], [("id", 3L)]))
            .ToArray();
        // Field 1 as a number, field 20 as text, 21 as eight bytes and 22 as four, before all the others.
        byte[] unknown = [8, 1, 0xA2, 1, 2, 65, 66, 0xA9, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0xB5, 1, 1, 2, 3, 4];

        Assert.Equal([1UL, 2UL], VectorTile.ReadImages((byte[])[.. unknown, .. tile]).Select(f => f.Id!.Value));
    }

    [Fact]
    public void A_body_may_be_packed_and_may_be_empty()
    {
        var tile = new TileWriter().Layer(new TileLayer("image").Points([(0, 0)], [("id", 1L)])).ToArray();

        Assert.Equal(1UL, Assert.Single(VectorTile.ReadImages(Packed(tile))).Id);
        Assert.Empty(VectorTile.ReadImages(Packed([])));
        Assert.Empty(VectorTile.ReadImages(Array.Empty<byte>()));
        // What is not at the beginning of its array.
        Assert.Equal(1UL, Assert.Single(VectorTile.ReadImages(((byte[])[1, 2, .. tile, 3]).AsMemory(2, tile.Length))).Id);
    }

    [Fact]
    public void A_tile_that_is_cut_anywhere_is_never_taken_for_a_whole_one()
    {
        var layer = new TileLayer("image");
        for (var i = 1; i <= 20; i++) layer.Points([(i, i)], [("id", (long)i), ("captured_at", i * 1000L)]);
        var tile = new TileWriter().Layer(layer).ToArray();

        for (var length = 1; length < tile.Length; length++)
            Assert.Throws<InvalidDataException>(() => VectorTile.ReadImages(tile.AsMemory(0, length)).Count());
    }

    [Theory]
    [InlineData("version 3", 3)]
    [InlineData("version 0", 0)]
    public void A_version_that_is_not_known_is_named(string named, int version) => AssertRefused(new TileLayer("image") { Version = version }.Points([(0, 0)], []), named);

    [Fact]
    public void An_extent_of_nothing_is_refused() => AssertRefused(new TileLayer("image") { Extent = 0 }.Points([(0, 0)], []), "extent");

    [Fact]
    public void A_value_that_is_not_there_is_refused()
    {
        // Layer: name, then a feature with the tags 0, 0, and no tables.
        byte[] layer = [10, 5, .. "image"u8, 0x12, 4, 0x12, 2, 0, 0];

        var error = Assert.Throws<InvalidDataException>(() => VectorTile.ReadImages((byte[])[0x1A, (byte)layer.Length, .. layer]).Count());

        Assert.Contains("not there", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void More_values_than_a_tile_can_have_are_refused_before_they_take_the_memory()
    {
        var values = new byte[2 * (VectorTile.MostValues + 1)];
        for (var i = 0; i < values.Length; i += 2) values[i] = 0x22;

        AssertRefusedLayer(values, "values");
    }

    [Fact]
    public void More_text_than_a_tile_can_have_is_refused_before_it_takes_the_memory()
    {
        var text = new List<byte>();
        var value = new byte[(1 << 20) + 8];
        (value[0], value[1], value[2], value[3]) = (0x0A, 0x80, 0x80, 0x40);
        for (var i = 0; i <= VectorTile.MostText >> 20; i++)
        {
            // A value of 1 MiB and 4 bytes: its own field, and the text's.
            text.AddRange([0x22, 0x84, 0x80, 0x40]);
            text.AddRange(value.AsSpan(0, (1 << 20) + 4));
        }

        AssertRefusedLayer(text.ToArray(), "texts");
    }

    [Fact]
    public void What_unpacks_without_end_is_stopped()
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            var some = new byte[1 << 20];
            // Layers of 1 MiB less their own head, of another name.
            (some[0], some[1], some[2], some[3]) = (0x1A, 0xFC, 0xFF, 0x3F);
            (some[4], some[5], some[6], some[7], some[8], some[9]) = (0x0A, 1, (byte)'x', 0x4A, 0xF5, 0xFF);
            some[10] = 0x3F;
            for (var i = 0; i <= VectorTile.LargestTile >> 20; i++) gzip.Write(some);
        }

        var error = Assert.Throws<InvalidDataException>(() => VectorTile.ReadImages(packed.ToArray()).Count());

        Assert.Contains("512.0 MiB when unpacked", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Whatever the bytes are, they are read or refused, and by no other exception.</summary>
    [Fact]
    public void No_bytes_bring_it_down()
    {
        var random = new Random(22);
        var layer = new TileLayer("image");
        for (var i = 1; i <= 30; i++) layer.Points([(i, i), (2 * i, 5)], [("id", i % 2 == 0 ? (long)i : $"{i}"), ("captured_at", i * 1000.0), ("is_pano", i % 3 == 0)], (ulong)i);
        var tile = new TileWriter().Layer(new TileLayer("sequence").Line([(0, 0), (5, 5)], [("id", "abc")])).Layer(layer).ToArray();
        var packed = Packed(tile);
        var (read, refused) = (0, 0);
        for (var n = 0; n < Thoroughness.Of(4_000, 200_000); n++)
        {
            var body = (n % 4 == 3 ? packed : tile).ToArray();
            switch (n % 3)
            {
                case 0:
                    for (var i = random.Next(1, 6); i > 0; i--) body[random.Next(body.Length)] = (byte)random.Next(256);
                    break;
                case 1:
                    body = [.. body[..random.Next(body.Length)], .. body[random.Next(body.Length)..]];
                    break;
                default:
                    body = new byte[random.Next(300)];
                    random.NextBytes(body);
                    if (body.Length > 2 && n % 2 == 0) (body[0], body[1]) = (0x1A, (byte)(body.Length - 2));
                    break;
            }

            try
            {
                read += VectorTile.ReadImages(body).Count() >= 0 ? 1 : 0;
            }
            catch (InvalidDataException e)
            {
                Assert.NotEmpty(e.Message);
                refused++;
            }
        }

        Assert.True(read > 100 && refused > 100, $"{read} read, {refused} refused");
    }

    private static List<TileFeature> Read(TileLayer layer) => [.. VectorTile.ReadImages(new TileWriter().Layer(layer).ToArray())];

    private static void AssertRefused(TileLayer layer, string named) =>
        Assert.Contains(named, Assert.Throws<InvalidDataException>(() => Read(layer)).Message, StringComparison.Ordinal);

    private static void AssertRefusedLayer(byte[] content, string named)
    {
        byte[] name = [10, 5, .. "image"u8];
        var head = new List<byte> { 0x1A };
        for (var length = (uint)(name.Length + content.Length); ; length >>= 7)
        {
            head.Add((byte)(length < 0x80 ? length : length | 0x80));
            if (length < 0x80) break;
        }

        byte[] tile = [.. head, .. name, .. content];
        Assert.Contains(named, Assert.Throws<InvalidDataException>(() => VectorTile.ReadImages(tile).Count()).Message, StringComparison.Ordinal);
    }

    private static byte[] Packed(byte[] tile)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest)) gzip.Write(tile);
        return packed.ToArray();
    }
}
