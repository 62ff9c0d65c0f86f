using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Exif;
using Mapillary.Imaging.Forms;
using Mapillary.Imaging.Jpeg;
using Mapillary.Imaging.Metadata;
using Mapillary.Imaging.Webp;

namespace Mapillary.Tests.Imaging;

/// <summary>
/// Mutated and cut files: whatever comes in, the restorer either says that it is no picture or gives a file whose picture data are what
/// was given. MAPILLARY_FUZZ sets the number of files, MAPILLARY_FUZZ_SEED another sequence of them. The number is what bounds
/// the time of a run.
/// </summary>
public class FuzzTests
{
    private const int FewestFiles = 8_000;

    // What a file of no size at all costs: the metadata themselves and, where there are packets, .NET's XML reader; some of these for a packet that
    // is no XML as a whole, whose element is then looked for.
    private const long FixedAllocation = 512 * 1024;

    // A case takes less than a millisecond.
    private static readonly TimeSpan HangsAfter = TimeSpan.FromMinutes(1);

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
        var photos = JpegFixture.Photos.Values.ToList();
        var refused = 0;
        ForEachCase(Files, (random, name) =>
        {
            var file = Damage.OfJpeg(photos, random);
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
                return;
            }

            CheckAllocation(before, file, name);
            var once = Bytes(restored);
            Assert.Equal(restored.Length, once.Length);
            Assert.True(restored.Changed || once.AsSpan().SequenceEqual(file), name);
            Assert.True(FromFirstScanOn(once).SequenceEqual(FromFirstScanOn(file)), name);
            Assert.True(JpegCheck.FindFault(file) is null == JpegCheck.FindFault(once) is null, name);
            var again = MetadataRestorer.RestoreJpeg(once, record, RestoreOptions.Default);
            Assert.True(!again.Changed, $"{name}: changes again ({string.Join("; ", again.Notes)})");
        });
        Assert.InRange(refused, 1, Files - 1);
    }

    /// <summary>Every two hundredth file, and as many in which only the order and shape of the segments is unusual.</summary>
    [Fact]
    public void A_damaged_JPEG_decodes_to_the_same_pixels_or_neither_before_nor_after()
    {
        Tool.Require("djpeg");
        var photos = JpegFixture.Photos.Values.ToList();
        var decoded = 0;
        ForEachCase(Math.Max(Files / 100, 1), (random, name) =>
        {
            var file = random.Next(2) == 0 ? Damage.OfJpeg(photos, random) : Damage.OfSegments(photos[random.Next(photos.Count)], photos, random);
            var before = Tool.RunFor("djpeg", file);
            RestoredImage restored;
            try
            {
                restored = MetadataRestorer.RestoreJpeg(file, Records[random.Next(Records.Length)], RestoreOptions.Default);
            }
            catch (InvalidDataException)
            {
                return;
            }

            var after = Tool.RunFor("djpeg", Bytes(restored));
            Assert.True(before.ExitCode == after.ExitCode && before.Output.AsSpan().SequenceEqual(after.Output), $"{name}: {before.Errors} {after.Errors}");
            if (after.Output.Length > 0) decoded++;
        });
        Assert.True(decoded > 0);
    }

    /// <summary>Every twentieth file, and as many of real photos where they lie beside the checkout, through the encoder in this process.</summary>
    [Fact]
    public void A_damaged_JPEG_becomes_a_WebP_of_its_size_or_is_refused_and_the_process_lives()
    {
        var photos = JpegFixture.Photos.Values.Append(JpegWriter.Extended(8, 4, (c, x, y) => c * x + y)).Concat(RealPhotos.Files.Select(File.ReadAllBytes)).ToList();
        var (converted, refused) = (0, 0);
        ForEachCase(Math.Max(Files / 20, 1), (random, name) =>
        {
            var file = random.Next(2) == 0 ? Damage.OfBytes(photos[random.Next(photos.Count)], random) : Damage.OfJpeg(photos, random);
            PictureForm form = random.Next(2) == 0 ? new WebpForm(quality: 50, effort: 0) : new JpegForm(50);
            try
            {
                var made = form.ConvertAsync([file], CancellationToken.None).GetAwaiter().GetResult();
                var frame = JpegFrame.Read(file);
                Assert.True((frame.Width, frame.Height) == (made.Width, made.Height), name);
                converted++;
            }
            catch (Exception e) when (e is InvalidDataException or NotSupportedException or EncodingException)
            {
                Assert.True(e.Message.Length > 10 && !e.Message.Contains('\n', StringComparison.Ordinal), name);
                refused++;
            }
        });
        TestContext.Current.TestOutputHelper!.WriteLine($"{converted} converted, {refused} refused");
        Assert.True(converted > 0 && refused > 0, $"{converted} converted, {refused} refused");
    }

    [Fact]
    public void A_damaged_EXIF_block_becomes_one_without_faults()
    {
        byte[][] blocks = [JpegFixture.Camera(false), JpegFixture.Camera(true), JpegFixture.Small(false), WithMakerNote()];
        var metadata = ImageMetadata.Of(Records[0], 64, 48, RestoreOptions.Default).ToExifFields(hasColorProfile: false, Resolution.Unknown);
        ForEachCase(Files, (random, name) =>
        {
            var tiff = Damage.OfExif(random.Next(2) == 0 ? blocks[random.Next(blocks.Length)] : TiffTree.Random(random.Next(), alsoOdd: true).Bytes, random);
            var before = GC.GetAllocatedBytesForCurrentThread();
            if (ExifBlock.Parse(tiff) is not { } block) return;
            var merged = block.Merge(metadata, ExifBlock.LongestInJpeg, []);
            CheckAllocation(before, tiff, name);
            Assert.True(merged.Length <= ExifBlock.LongestInJpeg, name);
            var read = ExifBlock.Parse(merged.ToArray());
            Assert.True(read is not null && read.Faults.Count == 0, $"{name}: {string.Join("; ", read?.Faults ?? [])}");
            Assert.Equal("GoPro\0"u8, read!.ValueOf(ExifDirectory.Image, 0x010F).Span);
            Assert.Equal(24, read.ValueOf(ExifDirectory.Gps, 2).Length);
            Assert.True(read.Merge(metadata, ExifBlock.LongestInJpeg, []).Span.SequenceEqual(merged.Span), name);
        });
    }

    [Fact]
    public void A_damaged_WebP_is_refused_or_keeps_its_picture()
    {
        byte[] frame = [0x30, 0x01, 0x00, 0x9D, 0x01, 0x2A, 64, 0, 48, 0, 1, 2, 3];
        byte[] plain = [.. "RIFF"u8, 26, 0, 0, 0, .. "WEBPVP8 "u8, 13, 0, 0, 0, .. frame, 0];
        var whole = Bytes(MetadataRestorer.RestoreWebp(plain, Records[1], RestoreOptions.Default));
        var refused = 0;
        ForEachCase(Files, (random, name) =>
        {
            var file = Damage.OfWebp(random.Next(3) == 0 ? plain : whole, random);
            var record = Records[random.Next(Records.Length)];
            var before = GC.GetAllocatedBytesForCurrentThread();
            RestoredImage restored;
            try
            {
                restored = MetadataRestorer.RestoreWebp(file, record, RestoreOptions.Default);
            }
            catch (InvalidDataException)
            {
                refused++;
                return;
            }

            CheckAllocation(before, file, name);
            var once = Bytes(restored);
            var read = WebpContainer.Read(once);
            Assert.Equal((restored.Width, restored.Height), (read.Width, read.Height));
            Assert.NotNull(ExifBlock.Parse(read.Exif));
            Assert.True(Frames(once).SequenceEqual(Frames(file)), name);
            var again = MetadataRestorer.RestoreWebp(once, record, RestoreOptions.Default);
            Assert.True(!again.Changed, $"{name}: changes again ({string.Join("; ", again.Notes)})");
        });
        Assert.InRange(refused, 1, Files - 1);
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

    /// <summary>
    /// Runs as many cases as are asked for, each with random numbers of its own, so that one alone can be run again. A case that does not
    /// end is reported, instead of a run that does not.
    /// </summary>
    private static void ForEachCase(int count, Action<Random, string> run)
    {
        var current = -1;
        var work = Task.Factory.StartNew(
            () =>
            {
                for (var i = 0; i < count; i++)
                {
                    Volatile.Write(ref current, i);
                    run(new Random(unchecked(Seed * 1_000_003 + i)), Describe(i));
                }
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        var seen = -1;
        while (!((IAsyncResult)work).AsyncWaitHandle.WaitOne(HangsAfter))
        {
            Assert.True(Volatile.Read(ref current) != seen, $"{Describe(seen)} does not end");
            seen = Volatile.Read(ref current);
        }

        work.GetAwaiter().GetResult();
    }

    private static void CheckAllocation(long before, byte[] file, string name)
    {
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated < 4 * file.Length + FixedAllocation, $"{name}: {allocated} bytes for a file of {file.Length}");
    }

    private static byte[] Bytes(RestoredImage image) => [.. image.Pieces.SelectMany(p => p.ToArray())];

    private static string Describe(int i) => $"case {i} of seed {Seed}";

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
}
