using System.Globalization;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Exif;
using Mapillary.Imaging.Jpeg;
using Mapillary.Imaging.Metadata;

namespace Mapillary.Tests.Imaging;

/// <summary>What holds for every EXIF block, tried on random ones of every build that TIFF allows.</summary>
public sealed class ExifTreeTests : IDisposable
{
    private static readonly MapillaryImage[] Records =
    [
        MapillaryImage.Parse("""{"id":"900000000000017","altitude":12.5,"captured_at":1704103200123,"compass_angle":1.5,"geometry":{"type":"Point","coordinates":[13.5,52.6]},"make":"GoPro","model":"Max","creator":{"username":"anna"},"camera_type":"perspective","camera_parameters":[0.8,0.1,0],"sequence":"AbC","exif_orientation":1,"width":64,"height":48}"""),
        MapillaryImage.Parse("""{"id":"1","captured_at":1,"geometry":{"type":"Point","coordinates":[-1,-2]},"make":"A maker with a name that is much longer","creator":{"username":"a user with a long name as well"},"sequence":"another sequence of another length"}"""),
    ];

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Merging_keeps_every_other_value_bit_by_bit_and_what_has_a_place_at_its_place()
    {
        for (var seed = 0; seed < Thoroughness.Of(400, 2000); seed++)
        {
            var tree = TiffTree.Random(seed, alsoOdd: true);
            var merged = tree.Bytes;
            var put = new List<ExifField>();
            foreach (var record in new[] { Records[0], Records[1], Records[0] })
            {
                var fields = Fields(record);
                put.AddRange(fields);
                var notes = new List<string>();
                merged = ExifBlock.Parse(merged)!.Merge(fields, ExifBlock.LongestInJpeg, notes).ToArray();
                Assert.True(notes.Count == 0, $"block {seed}: {string.Join("; ", notes)}");
                Check(tree, merged, put, seed);
                Assert.True(ExifBlock.Parse(merged)!.Merge(fields, ExifBlock.LongestInJpeg, notes).Span.SequenceEqual(merged), $"block {seed} changes when the same values are merged again");
            }
        }
    }

    [Fact]
    public void Values_of_one_block_are_the_same_in_another_of_other_byte_order()
    {
        for (var seed = 0; seed < Thoroughness.Of(100, 500); seed++)
        {
            var tree = TiffTree.Random(seed, alsoOdd: true);
            var block = ExifBlock.Parse(tree.Bytes)!;
            foreach (var bigEndian in new[] { false, true })
            {
                var target = ExifBlock.Parse(new TiffBuilder(bigEndian) { Image = { TiffEntry.Ascii(0x0001, "own") } }.Build())!;
                var carried = target.Merge([.. block.MovableFields()], int.MaxValue, []).ToArray();
                var read = new TiffTree.Reader(carried);
                // Back into the byte order it came from.
                var back = new TiffTree.Reader(ExifBlock.Parse(new TiffBuilder(tree.Bytes[0] == 'M') { Image = { TiffEntry.Ascii(0x0001, "own") } }.Build())!
                    .Merge([.. ExifBlock.Parse(carried)!.MovableFields()], int.MaxValue, []).ToArray());
                foreach (var entry in tree.Image.Where(e => e.Targets.Length == 0))
                {
                    Assert.Equal((entry.Type, entry.Count), (read.Image[entry.Tag].Type, read.Image[entry.Tag].Count));
                    Assert.Equal(entry.Value, back.Image[entry.Tag].Value);
                }

                foreach (var entry in tree.Exif.Where(e => e.Targets.Length == 0 && e.Tag != 0x927C)) Assert.Equal(entry.Value, back.Exif[entry.Tag].Value);
                Assert.DoesNotContain(read.Exif.Keys, t => t == 0x927C);
                // A thumbnail goes with its picture or not at all.
                var picture = tree.ThumbnailTags.Find(e => e.Tag == 0x0201)?.Targets[0].Content;
                Assert.Equal(picture is not null, read.Thumbnail.Count > 0);
                if (picture is not null) Assert.True(carried.AsSpan().IndexOf(picture) > 0);
            }
        }
    }

    [Fact]
    public void Exiftool_finds_no_fault_in_a_merged_block_that_had_none()
    {
        Tool.Require("exiftool");
        var blocks = Thoroughness.Of(40, 150);
        for (var seed = 0; seed < blocks; seed++)
        {
            var served = JpegFixture.Photo(JpegFixture.Baseline, JpegFixture.Exif(TiffTree.Random(seed, alsoOdd: false).Bytes));
            var once = MetadataRestorer.RestoreJpeg(served, Records[1], RestoreOptions.Default).Pieces.SelectMany(p => p.ToArray()).ToArray();
            _folder.Write(FormattableString.Invariant($"{seed} a.jpg"), served);
            _folder.Write(FormattableString.Invariant($"{seed} b.jpg"), once);
            _folder.Write(FormattableString.Invariant($"{seed} c.jpg"), MetadataRestorer.RestoreJpeg(once, Records[0], RestoreOptions.Default).Pieces);
        }

        var read = Tool.ExifTool(_folder.Path, "-G1", "-u", "-warning", "-error", "-all");
        var withoutFault = 0;
        for (var seed = 0; seed < blocks; seed++)
        {
            var before = read[seed.ToString(CultureInfo.InvariantCulture) + " a.jpg"];
            if (before.Keys.Any(IsFault)) continue;
            withoutFault++;
            foreach (var restored in new[] { " b.jpg", " c.jpg" })
            {
                var after = read[seed.ToString(CultureInfo.InvariantCulture) + restored];
                Assert.True(!after.Keys.Any(IsFault), $"{seed}{restored}: {string.Join("; ", after.Where(t => IsFault(t.Key)))}");
                foreach (var (tag, value) in before.Where(t => t.Key.Contains(":Exif_0x", StringComparison.Ordinal) || t.Key.Contains("IFD1", StringComparison.Ordinal) || t.Key.Contains("MakerNote", StringComparison.Ordinal)))
                    Assert.True(tag == "IFD1:ThumbnailOffset" || after.GetValueOrDefault(tag) == value, $"{seed}{restored}: {tag} is '{after.GetValueOrDefault(tag)}', not '{value}'");
            }
        }

        Assert.InRange(withoutFault, blocks / 3, blocks);

        static bool IsFault(string tag) => tag.EndsWith(":Warning", StringComparison.Ordinal) || tag.EndsWith(":Error", StringComparison.Ordinal);
    }

    private static List<ExifField> Fields(MapillaryImage record) =>
        [.. ImageMetadata.Of(record, JpegFixture.Width, JpegFixture.Height, RestoreOptions.Default).ToExifFields(hasColorProfile: false, Resolution.Unknown)];

    private static void Check(TiffTree tree, byte[] merged, List<ExifField> fields, int seed)
    {
        var read = new TiffTree.Reader(merged);
        CheckDirectory(tree.Image, read.Image, ExifDirectory.Image);
        CheckDirectory(tree.Exif, read.Exif, ExifDirectory.Exif);
        CheckDirectory(tree.Gps, read.Gps, ExifDirectory.Gps);
        CheckDirectory(tree.Interoperability, read.Interoperability, ExifDirectory.Interoperability);
        CheckDirectory(tree.ThumbnailTags, read.Thumbnail, ExifDirectory.Thumbnail);
        foreach (var (place, bytes) in tree.PinnedBytes)
        {
            Assert.True(merged.AsSpan(place).StartsWith(bytes), $"block {seed}: the {bytes.Length} bytes at {place} are others");
            if (!read.Used.Contains((place, place + bytes.Length))) read.Used.Add((place, place + bytes.Length));
        }

        read.Used.Sort();
        for (var i = 1; i < read.Used.Count; i++)
            Assert.True(read.Used[i].Start >= read.Used[i - 1].End, $"block {seed}: {read.Used[i - 1]} and {read.Used[i]} lie over each other");

        void CheckDirectory(List<TiffTree.Entry> before, Dictionary<ushort, (ushort Type, uint Count, int Place, byte[] Value)> after, ExifDirectory directory)
        {
            foreach (var entry in before)
            {
                if (fields.Exists(f => f.Directory == directory && f.Tag == entry.Tag && f.Rule == ExifRule.Replace)) continue;
                if (entry.Tag is 0x8769 or 0x8825 or 0xA005) continue;
                var where = $"block {seed}: tag {entry.Tag:X4} of {directory}";
                Assert.True(after.TryGetValue(entry.Tag, out var now), where);
                if (fields.Exists(f => f.Directory == directory && f.Tag == entry.Tag) && entry.Value.All(b => b == 0)) continue;
                Assert.True((entry.Type, entry.Count) == (now.Type, now.Count), where);
                Assert.True(entry.Value.AsSpan().SequenceEqual(now.Value), where);
                if (entry.Blob is { IsPinned: true } blob) Assert.True(blob.Place == now.Place, where);
            }

            foreach (var tag in after.Keys)
                Assert.True(before.Exists(e => e.Tag == tag) || tag is 0x8769 or 0x8825 || fields.Exists(f => f.Directory == directory && f.Tag == tag), $"block {seed}: tag {tag:X4} came into {directory}");
        }
    }
}
