using System.Buffers.Binary;
using System.IO.Compression;
using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Tars;
using Mapillary.Tests.InternetArchive;

namespace Mapillary.Tests.Collections;

/// <summary>Collections as people and archive.org pack them, by the tools that they use: nothing is lost sight of, and no bomb goes off.</summary>
public class PackedCollectionTests
{
    /// <summary>Ways to pack tars, each to be run in the collection's folder.</summary>
    public static TheoryData<string> WaysToPackTars =>
    [
        "gzip s1.tar",
        "gzip s1.tar s2.tar",
        "gzip s1.tar && mv s1.tar.gz s1.tgz",
        "mkdir x && tar -C x -xf s1.tar && (cd x && zip -qr ../s1.zip .) && rm -r x s1.tar",
        "mkdir x && tar -C x -xf s1.tar && (cd x && zip -q0r ../s1.zip .) && rm -r x s1.tar",
        "mkdir x && tar -C x -xf s1.tar && (cd x && zip -qr - . | cat > ../s1.zip) && rm -r x s1.tar",
        "mkdir x && tar -C x -xf s1.tar && tar -C x -czf s1.tar.gz . && rm -r x s1.tar",
        "zip -q all.zip s1.tar s2.tar && rm s1.tar s2.tar",
        "tar -czf all.tar.gz s1.tar s2.tar && rm s1.tar s2.tar",
    ];

    /// <summary>Ways to pack pictures.</summary>
    public static TheoryData<string> WaysToPackPictures =>
    [
        "zip -qr pictures.zip s1 s2 && rm -r s1 s2",
        "zip -qr s1.zip s1 && rm -r s1",
        "tar -czf pictures.tar.gz s1 s2 && rm -r s1 s2",
        "tar --format=pax -czf pictures.tgz ./s1 ./s2 && rm -r s1 s2",
        "tar --format=v7 -czf pictures.tgz s1 && rm -r s1",
        "zip -qr everything.zip . && rm -r s1 s2",
    ];

    /// <summary>Ways to pack a whole collection, and what comes out, beside it.</summary>
    public static TheoryData<string, string> WaysToPackAll => new()
    {
        { "zip -qr ../all.zip .", "all.zip" },
        { "cd .. && zip -qr all.zip mapillary-anna-original", "all.zip" },
        { "cd .. && zip -qr - mapillary-anna-original | cat > all.zip", "all.zip" },
        { "tar -czf ../all.tar.gz .", "all.tar.gz" },
        { "tar -czf ../all.tgz *", "all.tgz" },
        { "cd .. && tar -czf all.tar.gz mapillary-anna-original", "all.tar.gz" },
        { "cd .. && tar -cf all.tar mapillary-anna-original", "all.tar" },
    };

    [Theory]
    [MemberData(nameof(WaysToPackTars))]
    public async Task Tars_that_were_packed_by_hand_are_read(string way)
    {
        SkipUnlessLinux();
        using var collection = new SmallCollection(isBundled: true);

        collection.Shell(way);

        await collection.AssertIntactAsync();
    }

    [Theory]
    [MemberData(nameof(WaysToPackPictures))]
    public async Task Pictures_that_were_packed_by_hand_are_read(string way)
    {
        SkipUnlessLinux();
        using var collection = new SmallCollection(isBundled: false);

        collection.Shell(way);

        await collection.AssertIntactAsync();
    }

    [Theory]
    [MemberData(nameof(WaysToPackAll))]
    public async Task A_whole_collection_in_one_archive_is_read(string way, string archive)
    {
        SkipUnlessLinux();
        foreach (var isBundled in (bool[])[false, true])
        {
            using var collection = new SmallCollection(isBundled);
            collection.Shell(way);

            await collection.AssertIntactAsync(collection.Beside(archive));

            if (isBundled) collection.Shell("gzip s2.tar");
            FlipByte(isBundled ? collection.In("s1.tar") : collection.In("s1/11.jpg"), isBundled ? 600 : 88);
            File.WriteAllText(collection.In("notes.txt"), "mine");
            if (!isBundled) File.Delete(collection.In("s2/22.jpg"));
            File.Delete(collection.Beside(archive));
            collection.Shell(way);

            var check = await collection.CheckAsync(collection.Beside(archive));

            Assert.Equal(collection.Beside(archive), check.Path);
            Assert.Equal([isBundled ? "s1.tar:s1/11.jpg" : "s1/11.jpg"], check.Changed.Select(f => f.Path));
            Assert.Equal(["notes.txt"], check.Unexpected.Select(f => f.Path));
            Assert.Equal(isBundled ? [] : ["s2/22.jpg"], check.Missing.Select(f => f.Path));
        }
    }

    [Theory]
    [InlineData("zip -q0r s1.zip s1 && rm -r s1", "s1.zip")]
    [InlineData("zip -qr s1.zip s1 && rm -r s1", "s1.zip")]
    [InlineData("tar -czf s1.tar.gz s1 && rm -r s1", "s1.tar.gz")]
    public async Task One_changed_byte_in_what_was_packed_is_found_and_named(string way, string archive)
    {
        SkipUnlessLinux();
        using var collection = new SmallCollection(isBundled: false);
        FlipByte(collection.In("s1/12.jpg"), 699);

        collection.Shell(way);

        var change = Assert.Single((await collection.CheckAsync()).Changed);
        Assert.Equal(($"{archive}:s1/12.jpg", "12"), (change.Path, change.ImageId));
        Assert.Contains("SHA-256 differs", change.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("zip -q0r s1.zip s1 && rm -r s1", "s1.zip")]
    [InlineData("zip -qr s1.zip s1 && rm -r s1", "s1.zip")]
    [InlineData("tar -czf s1.tar.gz s1 && rm -r s1", "s1.tar.gz")]
    [InlineData("tar -cf x.tar s1 && gzip -9 x.tar && mv x.tar.gz s1.tgz && rm -r s1", "s1.tgz")]
    public async Task A_packed_file_that_was_cut_is_found_and_the_rest_is_read(string way, string archive)
    {
        SkipUnlessLinux();
        using var collection = new SmallCollection(isBundled: false);
        collection.Shell(way);
        var whole = File.ReadAllBytes(collection.In(archive));

        foreach (var length in new[] { 1, 10, 30, 100, 700, whole.Length / 2, whole.Length - 40, whole.Length - 9, whole.Length - 8, whole.Length - 4, whole.Length - 1 })
        {
            File.WriteAllBytes(collection.In(archive), whole[..length]);
            var check = await collection.CheckAsync();
            Assert.Contains(check.Changed, f => f.Path == archive && f.Reason.StartsWith("is damaged: ", StringComparison.Ordinal));
            Assert.DoesNotContain(check.Missing.Concat(check.Changed), f => f.Path.Contains("s2/", StringComparison.Ordinal));
        }

        if (archive.EndsWith(".zip", StringComparison.Ordinal)) return;
        File.WriteAllBytes(collection.In(archive), [.. whole, 1]);
        Assert.Contains("behind it", Assert.Single((await collection.CheckAsync()).Changed).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whatever_byte_of_a_packed_file_is_another_the_reading_goes_on_to_its_end()
    {
        SkipUnlessLinux();
        using var collection = new SmallCollection(isBundled: false);
        collection.Shell("zip -qr s1.zip s1 && tar -czf s2.tar.gz s2 && rm -r s1 s2");
        foreach (var archive in (string[])["s1.zip", "s2.tar.gz"])
        {
            var whole = File.ReadAllBytes(collection.In(archive));
            var other = archive == "s1.zip" ? "2" : "1";
            for (var at = 0; at < whole.Length; at += at < 200 || at > whole.Length - 400 ? 1 : 31)
            {
                byte[] damaged = [.. whole];
                damaged[at] ^= 0xFF;
                File.WriteAllBytes(collection.In(archive), damaged);
                var check = await collection.CheckAsync();
                Assert.DoesNotContain(check.Missing.Concat(check.Changed), f => f.ImageId?.StartsWith(other, StringComparison.Ordinal) == true);
            }

            File.WriteAllBytes(collection.In(archive), whole);
        }

        await collection.AssertIntactAsync();
    }

    [Fact]
    public async Task What_is_missing_or_too_much_or_no_file_in_what_was_packed_is_named()
    {
        SkipUnlessLinux();
        using var collection = new SmallCollection(isBundled: false);
        File.Delete(collection.In("s1/11.jpg"));
        File.WriteAllText(collection.In("s1/stray.jpg"), "x");
        File.Delete(collection.In("s2/21.jpg"));
        File.CreateSymbolicLink(collection.In("s2/21.jpg"), "22.jpg");
        collection.Shell("zip -qr --symlinks s1.zip s1 && zip -qr --symlinks s2.zip s2 && rm -r s1 s2");

        var check = await collection.CheckAsync();

        Assert.Equal(["s1/11.jpg", "s2/21.jpg"], check.Missing.Select(f => f.Path));
        Assert.Equal(["s1.zip:s1/stray.jpg", "s2.zip:s2/21.jpg"], check.Unexpected.Select(f => f.Path));
        Assert.Equal("is a link, not a file", check.Unexpected[1].Reason);
        Assert.Empty(check.Changed);
    }

    [Fact]
    public async Task A_tar_that_is_gone_and_in_no_archive_is_missing_with_its_pictures()
    {
        SkipUnlessLinux();
        using var collection = new SmallCollection(isBundled: true);
        collection.Shell("gzip s1.tar && rm s2.tar");

        var missing = (await collection.CheckAsync()).Missing;

        Assert.Equal(["s2.tar", "s2/21.jpg", "s2/22.jpg"], missing.Select(f => f.Path));
        Assert.Equal("its tar 's2.tar' is not there, and no other archive here holds it", missing[1].Reason);
    }

    [Fact]
    public async Task Pictures_that_stayed_beside_their_tars_are_read_in_a_packed_collection_too()
    {
        SkipUnlessLinux();
        using var collection = new SmallCollection(isBundled: true);
        collection.Shell("tar -xf s1.tar && zip -qr ../all.zip .");
        var check = await collection.CheckAsync(collection.Beside("all.zip"));
        Assert.True(check.IsIntact);

        FlipByte(collection.In("s1/11.jpg"), 5);
        collection.Shell("rm s2.tar ../all.zip && zip -qr ../all.zip .");
        check = await collection.CheckAsync(collection.Beside("all.zip"));
        Assert.Equal(["s1/11.jpg"], check.Changed.Select(f => f.Path));
        Assert.Equal(["s2.tar", "s2/21.jpg", "s2/22.jpg"], check.Missing.Select(f => f.Path));
    }

    [Fact]
    public async Task A_name_without_end_is_told_by_its_beginning()
    {
        using var collection = new SmallCollection(isBundled: false);
        using (var tar = new GZipStream(File.Create(collection.In("long.tar.gz")), CompressionLevel.Fastest))
        {
            TarFile.WriteHeader(tar, new string('n', 30_000), 0, DateTime.UnixEpoch);
            tar.Write(new byte[1024]);
        }

        Assert.InRange(Assert.Single((await collection.CheckAsync()).Unexpected).Path.Length, 200, 400);
    }

    [Fact]
    public async Task A_picture_that_is_in_two_archives_is_named()
    {
        SkipUnlessLinux();
        using var collection = new SmallCollection(isBundled: true);
        collection.Shell("gzip --keep s1.tar");

        var check = await collection.CheckAsync();

        Assert.Empty(check.Missing.Concat(check.Changed));
        Assert.Equal(2, check.Unexpected.Count);
        Assert.All(check.Unexpected, f => Assert.Matches(@"^is in 's1\.tar(\.gz)?' as well$", f.Reason));
    }

    [Fact]
    public async Task An_entry_with_more_than_it_should_have_is_not_unpacked_further()
    {
        using var collection = new SmallCollection(isBundled: false);
        Directory.Delete(collection.In("s1"), recursive: true);
        using (var zip = ZipFile.Open(collection.In("s1.zip"), ZipArchiveMode.Create))
        {
            foreach (var id in (string[])["11", "12"])
            {
                using var content = zip.CreateEntry(SmallCollection.PlaceOf(id)).Open();
                content.Write(SmallCollection.PictureOf(id));
                if (id == "12") content.Write(new byte[64 << 20]);
            }
        }

        var check = await collection.CheckAsync();
        var length = SmallCollection.PictureOf("12").Length;
        var change = Assert.Single(check.Changed);
        Assert.Equal(("12", $"has {length + (64 << 20)} bytes, not {length}"), (change.ImageId, change.Reason));

        // The same, but the zip says that it has what is expected.
        var bytes = File.ReadAllBytes(collection.In("s1.zip"));
        for (var at = 0; at < bytes.Length - 4; at++)
        {
            if (BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at)) == length + (64 << 20)) BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at), length);
        }

        File.WriteAllBytes(collection.In("s1.zip"), bytes);
        change = Assert.Single((await collection.CheckAsync()).Changed);
        Assert.Equal(("12", $"has more than {length} bytes"), (change.ImageId, change.Reason));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_packed_tar_is_not_unpacked_much_further_than_what_is_expected(bool isInZip)
    {
        using var collection = new SmallCollection(isBundled: false);
        using (var zip = isInZip ? new ZipArchive(File.Create(collection.In("bomb.zip")), ZipArchiveMode.Create) : null)
        {
            using Stream bomb = zip is null ? new GZipStream(File.Create(collection.In("bomb.tar.gz")), CompressionLevel.Fastest) : zip.CreateEntry("s9.tar").Open();
            TarFile.WriteHeader(bomb, "zeros", 1L << 30, DateTime.UnixEpoch);
            for (var i = 0; i < 400; i++) bomb.Write(new byte[1 << 20]);
        }

        // A tar that the manifest names is read wherever it is.
        if (isInZip) File.AppendAllText(collection.In("manifest.jsonl"), """{"id":"91","path":"s9/91.jpg","bytes":1,"sha256":"00","tar":"s9.tar"}""" + "\n");
        var check = await collection.CheckAsync();

        Assert.Contains(check.Changed, f => f.Path == (isInZip ? "bomb.zip:s9.tar" : "bomb.tar.gz") && f.Reason.Contains("far more than is expected; the rest was not read", StringComparison.Ordinal));
        Assert.Equal(SmallCollection.Ids.Sum(i => (long)SmallCollection.PictureOf(i).Length), check.Bytes);
    }

    [Fact]
    public async Task A_packed_collection_that_is_cut_before_its_manifest_is_refused_and_behind_it_is_read()
    {
        SkipUnlessLinux();
        using var collection = new SmallCollection(isBundled: false);
        collection.Shell("tar --sort=name -cf ../all.tar .");
        var whole = File.ReadAllBytes(collection.Beside("all.tar"));
        var manifest = whole.AsSpan().IndexOf("./manifest.jsonl"u8);
        foreach (var length in (int[])[manifest, manifest + 512 + 5])
        {
            File.WriteAllBytes(collection.Beside("all.tar"), whole[..length]);
            var refused = await Assert.ThrowsAsync<InvalidDataException>(() => collection.CheckAsync(collection.Beside("all.tar")));
            Assert.Contains("all.tar' is damaged", refused.Message, StringComparison.Ordinal);
        }

        File.WriteAllBytes(collection.Beside("all.tar"), whole[..(whole.AsSpan().LastIndexOf("./s2/22.jpg"u8) + 600)]);
        var check = await collection.CheckAsync(collection.Beside("all.tar"));
        Assert.Contains(check.Changed, f => f.Path == "all.tar" && f.Reason.StartsWith("is damaged: ", StringComparison.Ordinal));
        Assert.Equal(["22"], check.Missing.Select(f => f.ImageId));
    }

    [Fact]
    public async Task A_manifest_that_is_a_bomb_is_not_unpacked()
    {
        using var folder = new TestFolder();
        var path = Path.Combine(folder.Path, "all.zip");
        using (var zip = ZipFile.Open(path, ZipArchiveMode.Create))
        {
            using var content = zip.CreateEntry("manifest.jsonl").Open();
            for (var i = 0; i < 400; i++) content.Write(new byte[1 << 20]);
        }

        var refused = await Assert.ThrowsAnyAsync<Exception>(() => CollectionCheck.RunAsync(path, 1, null, SilentLog.Instance, TestContext.Current.CancellationToken));
        Assert.Contains("far more than is expected", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entries_without_number_end_the_reading_of_an_archive()
    {
        using var collection = new SmallCollection(isBundled: false);
        using (var bomb = new GZipStream(File.Create(collection.In("bomb.tgz")), CompressionLevel.Fastest))
        {
            for (var i = 0; i < 11_000; i++) TarFile.WriteHeader(bomb, $"{i}.txt", 0, DateTime.UnixEpoch);
        }

        using (var zip = ZipFile.Open(collection.In("bomb.zip"), ZipArchiveMode.Create))
        {
            for (var i = 0; i < 11_000; i++) zip.CreateEntry($"{i}/");
        }

        var check = await collection.CheckAsync();

        Assert.Equal(["bomb.tgz", "bomb.zip"], check.Changed.Select(f => f.Path));
        Assert.All(check.Changed, f => Assert.Contains("the rest was not read", f.Reason, StringComparison.Ordinal));
        Assert.Empty(check.Missing);
    }

    [Fact]
    public async Task An_encrypted_zip_is_named()
    {
        SkipUnlessLinux();
        using var collection = new SmallCollection(isBundled: false);
        collection.Shell("zip -qr -P secret s1.zip s1 && rm -r s1");

        var check = await collection.CheckAsync();

        Assert.Equal(["11", "12"], check.Changed.Select(f => f.ImageId));
        Assert.All(check.Changed, f => Assert.Contains("encrypted zip", f.Reason, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(12, "BZip2")]
    [InlineData(14, "LZMA")]
    [InlineData(93, "ZStandard")]
    [InlineData(95, "Xz")]
    [InlineData(98, "PPMd")]
    public async Task A_zip_that_is_packed_in_a_way_that_may_want_gigabytes_of_memory_is_named_and_not_unpacked(int method, string name)
    {
        using var collection = new SmallCollection(isBundled: false);
        ZipFile.CreateFromDirectory(collection.In("s1"), collection.In("s1.zip"), CompressionLevel.NoCompression, includeBaseDirectory: true);
        Directory.Delete(collection.In("s1"), recursive: true);
        var bytes = File.ReadAllBytes(collection.In("s1.zip"));
        for (var at = 0; at < bytes.Length - 12; at++)
        {
            // The headers before the files and those in the directory (APPNOTE.TXT, 4.3.7 and 4.3.12).
            if (bytes.AsSpan(at, 4).SequenceEqual("PK\x03\x04"u8)) bytes[at + 8] = (byte)method;
            if (bytes.AsSpan(at, 4).SequenceEqual("PK\x01\x02"u8)) bytes[at + 10] = (byte)method;
        }

        File.WriteAllBytes(collection.In("s1.zip"), bytes);

        var check = await collection.CheckAsync();

        Assert.Equal(["11", "12"], check.Changed.Select(f => f.ImageId));
        Assert.All(check.Changed, f => Assert.Contains(name, f.Reason, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task A_zip_within_an_archive_is_named_and_not_read()
    {
        SkipUnlessLinux();
        using var collection = new SmallCollection(isBundled: false);
        collection.Shell("zip -qr s1.zip s1 && rm -r s1 && zip -qr ../all.zip .");

        var check = await collection.CheckAsync(collection.Beside("all.zip"));

        Assert.Equal(["s1.zip"], check.Changed.Select(f => f.Path));
        Assert.Contains("unpack the outer one", check.Changed[0].Reason, StringComparison.Ordinal);
        Assert.Equal(["s1/11.jpg", "s1/12.jpg"], check.Missing.Select(f => f.Path));
    }

    [Fact]
    public async Task An_archive_that_holds_no_collection_or_nothing_readable_is_refused()
    {
        using var folder = new TestFolder();
        using (var zip = ZipFile.Open(Path.Combine(folder.Path, "other.zip"), ZipArchiveMode.Create)) zip.CreateEntry("a/b/manifest.jsonl");
        folder.Write("text.zip", "no zip");
        folder.Write("text.tar.gz", "no gzip");

        var refused = await Assert.ThrowsAsync<CollectionException>(() => CheckAsync("other.zip"));
        Assert.Contains("no manifest.jsonl in it", refused.Message, StringComparison.Ordinal);
        foreach (var name in (string[])["text.zip", "text.tar.gz"])
            Assert.Contains($"{name}' is damaged", (await Assert.ThrowsAsync<InvalidDataException>(() => CheckAsync(name))).Message, StringComparison.Ordinal);

        Task<CollectionCheck> CheckAsync(string name) => CollectionCheck.RunAsync(Path.Combine(folder.Path, name), 1, null, SilentLog.Instance, TestContext.Current.CancellationToken);
    }

    private static void SkipUnlessLinux() => Assert.SkipUnless(OperatingSystem.IsLinux(), "GNU tar and zip pack here.");

    private static void FlipByte(string path, int at)
    {
        var bytes = File.ReadAllBytes(path);
        bytes[at] ^= 1;
        File.WriteAllBytes(path, bytes);
    }
}
