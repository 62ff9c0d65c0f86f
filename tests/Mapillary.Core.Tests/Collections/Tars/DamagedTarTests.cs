using System.Buffers.Binary;
using System.Formats.Tar;
using System.Text;
using Mapillary.Collections;
using Mapillary.Collections.Files;
using Mapillary.Collections.Tars;
using Mapillary.Tests.InternetArchive;
using TarFile = Mapillary.Collections.Tars.TarFile;

namespace Mapillary.Tests.Collections;

/// <summary>Tars from elsewhere: what is damaged or meant to do harm is named, and ends nothing; what real tools write is read.</summary>
public class DamagedTarTests
{
    /// <summary>Tars that someone else put in the place of a sound one, each by what is the matter with it.</summary>
    private static readonly Dictionary<string, byte[]> Hostile = new()
    {
        ["8 GiB that are not there"] = [.. Header("s1/11.jpg", '0', "77777777777"), .. new byte[1024]],
        ["4 EiB that are not there"] = [.. Header("s1/11.jpg", '0', Binary(1L << 62)), .. new byte[1024]],
        ["the most that a number can say"] = [.. Header("s1/11.jpg", '0', Binary(long.MaxValue)), .. new byte[1024]],
        ["a negative length"] = [.. Header("s1/11.jpg", '0', Binary(-512)), .. new byte[1024]],
        ["a length that is no number"] = [.. Header("s1/11.jpg", '0', "12x45678901"), .. new byte[1024]],
        ["a length in a pax record that is too large"] = [.. Pax("size=9223372036854775807"), .. Header("s1/11.jpg", '0', "0"), .. new byte[1024]],
        ["a length in a pax record that is negative"] = [.. Pax("size=-5"), .. Header("s1/11.jpg", '0', "0"), .. new byte[1024]],
        ["a pax record that is none"] = [.. Header("x", 'x', "1000"), .. Block("999999999 path=x\n"), .. Header("s1/11.jpg", '0', "0"), .. new byte[1024]],
        ["a pax header of 8 GiB"] = [.. Header("x", 'x', "77777777777"), .. new byte[2048]],
        ["a pax header of a negative length"] = [.. Header("x", 'x', Binary(-1)), .. new byte[2048]],
        ["a name of 1 GiB"] = [.. Header("././@LongLink", 'L', "10000000000"), .. new byte[2048]],
        ["a time that is none"] = [.. Pax("mtime=1e300"), .. Header("s1/11.jpg", '0', "0"), .. new byte[1024]],
        ["headers without end"] = [.. Enumerable.Repeat(Pax("comment=x"), 2000).SelectMany(p => p), .. Header("s1/11.jpg", '0', "0"), .. new byte[1024]],
        ["global headers without end"] = [.. Enumerable.Repeat(Header("x", 'g', "0"), 4000).SelectMany(p => p), .. new byte[1024]],
        ["a tar and a bzip2 as well"] = [.. Header("BZh91AY&SY", 'x', "1000"), .. Block("999999999 path=x\n"), .. new byte[1024]],
        ["a bzip2"] = [.. "BZh91AY&SY"u8, .. new byte[2048]],
        ["a gzip"] = [0x1F, 0x8B, 8, .. new byte[2048]],
        ["an xz"] = [0xFD, .. "7zXZ\0"u8, .. new byte[2048]],
        ["a wrong sum"] = [.. Header("s1/11.jpg", '0', "0", sum: 1), .. new byte[1024]],
        ["a wrong sum of a pax header"] = [.. Header("x", 'x', "0", sum: 1), .. Header("s1/11.jpg", '0', "0"), .. new byte[1024]],
        ["no name"] = [.. Header("", '0', "0"), .. new byte[1024]],
        ["nothing but a header"] = Header("s1/11.jpg", '0', "0"),
        ["half of the mark of its end"] = [.. Header("s1/11.jpg", '0', "0"), .. new byte[512]],
        ["half of a header"] = Header("s1/11.jpg", '0', "0")[..256],
        ["a header behind its end"] = [.. new byte[1024], .. Header("s1/11.jpg", '0', "0"), .. new byte[1024]],
        ["something between two entries"] = [.. Header("s1/11.jpg", '0', "1"), 1, .. Enumerable.Repeat((byte)7, 511), .. new byte[1024]],
        ["a sparse file whose map goes on"] = [.. Header("s1/11.jpg", 'S', "1000", isExtendedSparse: true), .. Block("the map"), .. Block("the picture"), .. new byte[1024]],
        ["text"] = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("no tar at all, but a text of some length. ", 100))),
    };

    public static TheoryData<string> Matters => [.. Hostile.Keys];

    [Theory]
    [MemberData(nameof(Matters))]
    public async Task A_damaged_tar_is_named_and_the_rest_of_the_collection_is_read(string matter)
    {
        using var collection = new SmallCollection(isBundled: true);
        File.WriteAllBytes(collection.In("s1.tar"), Hostile[matter]);

        var check = await collection.CheckAsync();

        Assert.Contains(check.Changed, f => f.Path == "s1.tar" && f.ImageId is null && f.Reason.StartsWith("is damaged: ", StringComparison.Ordinal));
        Assert.DoesNotContain(check.Changed, f => f.Reason.Contains("EOF", StringComparison.Ordinal));
        Assert.Equal(["11", "12"], check.Changed.Concat(check.Missing).Select(f => f.ImageId).OfType<string>().Distinct().Order());
        Assert.DoesNotContain(check.Missing.Concat(check.Changed).Concat(check.Unexpected), f => f.Path.StartsWith("s2", StringComparison.Ordinal));
        Assert.True(check.Bytes >= new[] { "21", "22" }.Sum(i => (long)SmallCollection.PictureOf(i).Length));
    }

    [Theory]
    [MemberData(nameof(Matters))]
    public void Bundling_beside_a_damaged_tar_leaves_it_alone_and_keeps_every_picture(string matter)
    {
        using var collection = new SmallCollection(isBundled: false);
        File.WriteAllBytes(collection.In("s1.tar"), Hostile[matter]);

        var tars = SequenceTarBundler.Bundle(collection.Path, null, TarGrouping.Sequence, keepSource: false, SilentLog.Instance, TestContext.Current.CancellationToken).ToList();

        Assert.Equal(["s1.2.tar", "s2.tar"], tars.Select(t => Path.GetFileName(t.Path)));
        Assert.Equal(Hostile[matter], File.ReadAllBytes(collection.In("s1.tar")));
        Assert.Equal([2, 2], tars.Select(t => EntriesOf(t.Path).Count));
        foreach (var id in SmallCollection.Ids)
            Assert.Contains(tars, t => EntriesOf(t.Path).TryGetValue(SmallCollection.PlaceOf(id), out var content) && content.SequenceEqual(SmallCollection.PictureOf(id)));
    }

    [Fact]
    public async Task A_tar_of_millions_of_entries_is_not_read_to_its_end()
    {
        using var collection = new SmallCollection(isBundled: true);
        using (var tar = File.Create(collection.In("s1.tar")))
        {
            for (var i = 0; i < 20_000; i++) tar.Write(Header($"{i}.jpg", '0', "0"));
            tar.Write(new byte[1024]);
        }

        var check = await collection.CheckAsync();

        Assert.Contains("the rest was not read", Assert.Single(check.Changed).Reason, StringComparison.Ordinal);
        Assert.InRange(check.Unexpected.Count, 10_000, 11_000);
        Assert.Equal(["11", "12"], check.Missing.Select(f => f.ImageId));
    }

    [Theory]
    [InlineData("--format=gnu")]
    [InlineData("--format=oldgnu")]
    [InlineData("--format=pax")]
    [InlineData("--format=ustar")]
    [InlineData("--format=v7")]
    [InlineData("--format=gnu --owner=x:300000000 --group=y:300000000 --mode=7777")]
    [InlineData("--format=pax --pax-option=globexthdr.name=x,comment=hello")]
    [InlineData("--format=gnu --blocking-factor=200")]
    public async Task A_tar_that_GNU_tar_writes_is_read_in_each_of_its_formats(string format)
    {
        SkipUnlessLinux();
        using var collection = new SmallCollection(isBundled: true);
        collection.Shell($"tar -xf s1.tar && tar {format} -cf s1.tar s1/11.jpg s1/12.jpg && rm -r s1");

        await collection.AssertIntactAsync();
    }

    [Fact]
    public async Task Pictures_from_before_1970_and_with_long_names_are_read_from_the_tars_of_GNU_tar()
    {
        SkipUnlessLinux();
        foreach (var name in (string[])["s1", new string('n', 150), "größe-日本", " blank"])
        {
            foreach (var format in (string[])["gnu", "pax"])
            {
                using var collection = new SmallCollection(isBundled: true, new DateTime(1960, 1, 1, 0, 0, 0, DateTimeKind.Utc), name);
                await collection.AssertIntactAsync();
                collection.Shell($"tar -xf '{name}.tar' && tar --format={format} -cf '{name}.tar' '{name}/11.jpg' '{name}/12.jpg' && rm -r '{name}'");

                await collection.AssertIntactAsync();
            }
        }
    }

    [Fact]
    public async Task Links_pipes_and_sparse_files_in_a_tar_are_no_pictures()
    {
        SkipUnlessLinux();
        using var collection = new SmallCollection(isBundled: true);
        collection.Shell("mkdir s1 && cd s1 && ln -s /etc/passwd 11.jpg && mkfifo 12.jpg && cd .. && tar -cf s1.tar s1/11.jpg s1/12.jpg");
        collection.Shell("truncate -s 1M 21.jpg && mkdir s2 && mv 21.jpg s2 && printf x >> s2/21.jpg && touch s2/22.jpg && ln -f s2/22.jpg s2/23.jpg && tar -Scf s2.tar s2/21.jpg s2/23.jpg s2/22.jpg && rm -r s1 s2");

        var check = await collection.CheckAsync();

        Assert.Equal(
            ["s1.tar:s1/11.jpg: is a link, not a file", "s1.tar:s1/12.jpg: is something else, not a file", "s2.tar:s2/21.jpg: is a sparse file, not a file",
                "s2.tar:s2/22.jpg: is a link, not a file", "s2.tar:s2/23.jpg: is an entry of the tar that the manifest does not know"],
            check.Unexpected.Select(f => f.ToString()));
        Assert.Equal(SmallCollection.Ids, check.Missing.Select(f => f.ImageId));
        Assert.Empty(check.Changed);
    }

    [Fact]
    public void What_nobody_asks_for_in_a_tar_is_sought_past()
    {
        using var folder = new TestFolder();
        folder.Write("s/1.jpg", "wanted");
        folder.Write("s/2.jpg", "another");
        var path = Path.Combine(folder.Path, "s.tar");
        const long hole = 1L << 40;
        using (var tar = File.Create(path))
        {
            try
            {
                TarFile.WriteHeader(tar, "s/huge.jpg", hole, DateTime.UnixEpoch);
                tar.SetLength(tar.Position + hole);
            }
            catch (IOException)
            {
                Assert.Skip("No file of 1 TiB can be made here.");
            }

            tar.Seek(0, SeekOrigin.End);
            tar.Write([.. Header("s/1.jpg", '0', "6"), .. Block("wanted"), .. Header("s/2.jpg", '0', "7"), .. Block("others!"), .. new byte[1024]]);
        }

        Assert.Equal(["s/1.jpg"], TarFile.FindSame(path, folder.Path, new HashSet<string> { "s/1.jpg", "s/2.jpg" }, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void A_disk_that_fails_is_no_damaged_tar()
    {
        using var tar = PictureArchive.OpenTar(new TarStream(Header("s/1.jpg", '0', "100000"), _ => throw new IOException("the disk is gone")), long.MaxValue, TestContext.Current.CancellationToken);

        Assert.True(tar.MoveNext());
        Assert.Equal("the disk is gone", Assert.Throws<IOException>(() => tar.EntryContent.Read(new byte[10], 0, 10)).Message);
        Assert.Equal("the disk is gone", Assert.Throws<IOException>(() => tar.MoveNext()).Message);
    }

    [Fact]
    public void Reading_what_nobody_asked_for_can_be_stopped()
    {
        using var stop = new CancellationTokenSource();
        var reads = 0;
        using var stream = new TarStream(Header("s/1.jpg", '0', Binary(1L << 60)), count =>
        {
            if (++reads == 100) stop.Cancel();
            return count;
        });
        using var tar = PictureArchive.OpenTar(stream, long.MaxValue, stop.Token);

        Assert.True(tar.MoveNext());
        Assert.ThrowsAny<OperationCanceledException>(() => tar.MoveNext());
    }

    private static void SkipUnlessLinux() => Assert.SkipUnless(OperatingSystem.IsLinux(), "GNU tar writes here.");

    /// <summary>What .NET's own reader finds in a tar.</summary>
    private static Dictionary<string, byte[]> EntriesOf(string path)
    {
        using var tar = new TarReader(File.OpenRead(path));
        var entries = new Dictionary<string, byte[]>();
        while (tar.GetNextEntry() is { } entry)
        {
            var content = new MemoryStream();
            entry.DataStream!.CopyTo(content);
            entries.Add(entry.Name, content.ToArray());
        }

        return entries;
    }

    private static byte[] Header(string name, char type, string size, int sum = 0, bool isExtendedSparse = false) =>
        Header(name, type, Encoding.ASCII.GetBytes(size.PadLeft(11, '0')), sum, isExtendedSparse);

    private static byte[] Header(string name, char type, byte[] size, int sum = 0, bool isExtendedSparse = false)
    {
        var header = new byte[512];
        Encoding.UTF8.GetBytes(name, header);
        "0000644\00000000\00000000\0"u8.CopyTo(header.AsSpan(100));
        size.CopyTo(header, 124);
        "00000000000\0        "u8.CopyTo(header.AsSpan(136));
        header[156] = (byte)type;
        "ustar\000"u8.CopyTo(header.AsSpan(257));
        if (isExtendedSparse) header[482] = 1;
        Encoding.ASCII.GetBytes(Convert.ToString(header.Sum(b => b) + sum, 8).PadLeft(6, '0') + "\0 ", header.AsSpan(148));
        return header;
    }

    private static byte[] Binary(long size)
    {
        var field = new byte[12];
        field.AsSpan(0, 4).Fill(size < 0 ? (byte)0xFF : (byte)0);
        field[0] |= 0x80;
        BinaryPrimitives.WriteInt64BigEndian(field.AsSpan(4), size);
        return field;
    }

    private static byte[] Pax(string record)
    {
        var text = $"{record.Length + 4} {record}\n";
        return [.. Header("x", 'x', Convert.ToString(text.Length, 8)), .. Block(text)];
    }

    private static byte[] Block(string text)
    {
        var block = new byte[512];
        Encoding.UTF8.GetBytes(text, block);
        return block;
    }

    /// <summary>A tar that goes on as the test says.</summary>
    private sealed class TarStream(byte[] beginning, Func<int, int> goOn) : ForwardStream
    {
        private int _at;

        public override int Read(byte[] buffer, int offset, int count)
        {
            var read = Math.Min(count, beginning.Length - _at);
            if (read == 0) return goOn(count);
            beginning.AsSpan(_at, read).CopyTo(buffer.AsSpan(offset));
            _at += read;
            return read;
        }
    }
}
