using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using Mapillary.Graph;
using Mapillary.Imaging;

namespace Mapillary.Tests.Imaging;

/// <summary>
/// Mutated and cut files: whatever comes in, the restorer either says that it is no picture or gives a file whose picture data are what
/// was given. MAPILLARY_FUZZ sets the number of files, MAPILLARY_FUZZ_SEED another sequence of them.
/// </summary>
public class FuzzTests
{
    private const int FewestFiles = 20_000;

    // What a file of no size at all costs: the metadata themselves and, where there are packets, .NET's XML reader.
    private const long FixedAllocation = 256 * 1024;

    private static readonly MapillaryImage[] Records =
    [
        MapillaryImage.Parse("""{"id":"1","captured_at":1704103200123,"camera_type":"perspective","exif_orientation":6,"width":64,"height":48,"make":"GoPro","geometry":{"type":"Point","coordinates":[1,2]}}"""),
        MapillaryImage.Parse("""{"id":"2","camera_type":"spherical","compass_angle":5,"creator":{"username":"anna"}}"""),
    ];

    private static int Files => int.TryParse(Environment.GetEnvironmentVariable("MAPILLARY_FUZZ"), CultureInfo.InvariantCulture, out var files) ? files : FewestFiles;

    private static int Seed => int.TryParse(Environment.GetEnvironmentVariable("MAPILLARY_FUZZ_SEED"), CultureInfo.InvariantCulture, out var seed) ? seed : 7;

    [Fact]
    public void A_damaged_JPEG_is_refused_or_keeps_its_picture()
    {
        var random = new Random(Seed);
        var photos = JpegFixture.Photos.Values.ToList();
        var refused = 0;
        for (var i = 0; i < Files; i++)
        {
            var file = Damage(photos[random.Next(photos.Count)], random);
            var record = Records[random.Next(Records.Length)];
            var before = GC.GetAllocatedBytesForCurrentThread();
            RestoredImage restored;
            try
            {
                restored = MetadataRestorer.RestoreJpeg(file, record, RestoreOptions.Default);
            }
            catch (InvalidDataException)
            {
                Assert.NotNull(JpegCheck.FindFault(file));
                refused++;
                continue;
            }

            Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 4 * file.Length + FixedAllocation, Describe(i));
            byte[] once = [.. restored.Pieces.SelectMany(p => p.ToArray())];
            Assert.Equal(restored.Length, once.Length);
            Assert.True(restored.Changed || once.AsSpan().SequenceEqual(file), Describe(i));
            Assert.True(FromFirstScanOn(once).SequenceEqual(FromFirstScanOn(file)), Describe(i));
            Assert.Equal(JpegCheck.FindFault(file) is null, JpegCheck.FindFault(once) is null);
            var again = MetadataRestorer.RestoreJpeg(once, record, RestoreOptions.Default);
            Assert.True(!again.Changed, $"{Describe(i)}: changes again ({string.Join("; ", again.Notes)})");
        }

        Assert.InRange(refused, 1, Files - 1);
    }

    [Fact]
    public void A_damaged_EXIF_block_becomes_one_without_faults()
    {
        var random = new Random(Seed);
        byte[][] blocks = [JpegFixture.Camera(false), JpegFixture.Camera(true), JpegFixture.Small(false), WithMakerNote()];
        var metadata = ImageMetadata.Of(Records[0], 64, 48, RestoreOptions.Default).ToExifFields(hasColorProfile: false, Resolution.Unknown);
        for (var i = 0; i < Files; i++)
        {
            var tiff = Damage(blocks[random.Next(blocks.Length)], random);
            if (ExifBlock.Parse(tiff) is not { } block) continue;
            var merged = block.Merge(metadata, ExifBlock.LongestInJpeg, []);
            Assert.True(merged.Length <= ExifBlock.LongestInJpeg, Describe(i));
            var read = ExifBlock.Parse(merged.ToArray());
            Assert.True(read is not null && read.Faults.Count == 0, $"{Describe(i)}: {string.Join("; ", read?.Faults ?? [])}");
            Assert.Equal("GoPro\0"u8, read!.ValueOf(ExifDirectory.Image, 0x010F).Span);
            Assert.Equal(24, read.ValueOf(ExifDirectory.Gps, 2).Length);
            Assert.True(read.Merge(metadata, ExifBlock.LongestInJpeg, []).Span.SequenceEqual(merged.Span), Describe(i));
        }
    }

    [Fact]
    public void A_damaged_WebP_is_refused_or_keeps_its_picture()
    {
        var random = new Random(Seed);
        byte[] frame = [0x30, 0x01, 0x00, 0x9D, 0x01, 0x2A, 64, 0, 48, 0, 1, 2, 3];
        byte[] plain = [.. "RIFF"u8, 26, 0, 0, 0, .. "WEBPVP8 "u8, 13, 0, 0, 0, .. frame, 0];
        byte[] whole = [.. MetadataRestorer.RestoreWebp(plain, Records[1], RestoreOptions.Default).Pieces.SelectMany(p => p.ToArray())];
        for (var i = 0; i < Files; i++)
        {
            var file = Damage(random.Next(3) == 0 ? plain : whole, random);
            RestoredImage restored;
            try
            {
                restored = MetadataRestorer.RestoreWebp(file, Records[random.Next(Records.Length)], RestoreOptions.Default);
            }
            catch (InvalidDataException)
            {
                continue;
            }

            byte[] once = [.. restored.Pieces.SelectMany(p => p.ToArray())];
            var read = WebpContainer.Read(once);
            Assert.Equal((restored.Width, restored.Height), (read.Width, read.Height));
            Assert.NotNull(ExifBlock.Parse(read.Exif));
            Assert.True(Frames(once).SequenceEqual(Frames(file)), Describe(i));
        }
    }

    /// <summary>Files as big as photos; the run is bounded in time, nothing is asserted about it.</summary>
    [Fact]
    public void Reading_rubbish_ends()
    {
        var random = new Random(Seed);
        var rubbish = new byte[300_000];
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < 200 && clock.Elapsed < TimeSpan.FromSeconds(20); i++)
        {
            random.NextBytes(rubbish);
            (rubbish[0], rubbish[1]) = (0xFF, 0xD8);
            Assert.NotNull(JpegCheck.FindFault(rubbish));
        }
    }

    /// <summary>The picture's chunks in a WebP, one after the other.</summary>
    private static byte[] Frames(byte[] webp)
    {
        var frames = new List<byte>();
        var end = 8 + BinaryPrimitives.ReadUInt32LittleEndian(webp.AsSpan(4));
        for (var at = 12; at + 8 <= end;)
        {
            var length = (int)BinaryPrimitives.ReadUInt32LittleEndian(webp.AsSpan(at + 4));
            if (webp.AsSpan(at).StartsWith("VP8 "u8)) frames.AddRange(webp.AsSpan(at, 8 + length));
            at += 8 + length + length % 2;
        }

        return [.. frames];
    }

    private static string Describe(int i) => $"file {i} of seed {Seed}";

    private static byte[] WithMakerNote()
    {
        var block = TiffBuilder.Camera(bigEndian: true, JpegFixture.Baseline);
        block.MakerNote = (at, _) => block.Directory(at, [TiffEntry.Ascii(0x0006, "IMG:EOS 300D DIGITAL")]);
        return block.Build();
    }

    private static ReadOnlySpan<byte> FromFirstScanOn(ReadOnlySpan<byte> jpeg)
    {
        var segments = new JpegSegments(jpeg);
        while (segments.MoveNext())
        {
        }

        return jpeg[segments.Current.Offset..];
    }

    /// <summary>Flips, sets, removes, repeats or inserts bytes, or cuts the file, a few times over; mostly near the front, where the structure is.</summary>
    private static byte[] Damage(byte[] original, Random random)
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

        return [.. file];
    }
}
