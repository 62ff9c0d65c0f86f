using System.IO.Compression;
using System.Text;
using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Records;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.InternetArchive.Describing;
using Mapillary.Maps;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

/// <summary>
/// What unpacks to gigabytes, or is gigabytes without a line, is refused by name, whoever reads it, within little memory.
/// </summary>
public class BombTests
{
    /// <summary>All the memory that .NET has for a reader, in bytes.</summary>
    internal const long Heap = 192L << 20;

    private static readonly Dictionary<string, Func<string, object?>> Readers = new()
    {
        ["Get-MapillaryImage -Path"] = path => ImageRecords.Read(ImageRecords.Of(path)).Count(),
        ["Save-MapillaryImage"] = path => OpenAndClose(path),
        ["New-SequenceTar"] = path => PackedFileTests.Bundle(path).Count,
        ["Test-MapillaryCollection"] = path => CollectionCheck.RunAsync(path, 1, null, SilentLog.Instance, CancellationToken.None).GetAwaiter().GetResult() is { IsIntact: false } check
            ? throw new InvalidDataException(string.Join('\n', check.Changed))
            : null,
        ["Export-IaMetadata"] = path => IaMetadata.Describe(path, SilentLog.Instance),
        ["Export-MapillaryMap"] = path =>
        {
            new CaptureMap().AddListing(path, SilentLog.Instance, CancellationToken.None);
            return null;
        },
    };

    private static readonly Dictionary<string, string> Contents = new()
    {
        ["zeros without a line break"] = "\0",
        ["records of one image"] = "{\"id\":\"17\",\"path\":\"a/17.jpg\",\"bytes\":1,\"sha256\":\"\"}\n",
        ["line breaks"] = "\n",
        ["empty objects"] = "{}\n",
        ["lines of 900,000 characters"] = "{\"id\":\"" + new string('1', 900_000) + "\"}\n",
    };

    public static MatrixTheoryData<string, string> Cases => new(Contents.Keys.Take(Thoroughness.Of(2, Contents.Count)), ["manifest.jsonl.gz", "metadata.jsonl.gz"]);

    [Theory]
    [MemberData(nameof(Cases))]
    public Task Every_reader_ends_with_the_name_of_the_file_and_leaves_it_as_it_is(string content, string file) =>
        MemoryLimit.RunAsync(() => ReadBomb(content, file), Heap);

    private static void ReadBomb(string content, string file)
    {
        var folder = Directory.CreateTempSubdirectory("mapillary-test-").FullName;
        try
        {
            var collection = Directory.CreateDirectory(Path.Combine(folder, "mapillary-anna-original")).FullName;
            Directory.CreateDirectory(Path.Combine(collection, "2024-01-01", "s"));
            File.WriteAllText(Path.Combine(collection, "2024-01-01", "s", "1.jpg"), "a picture");
            PackedFileTests.Pack(Path.Combine(collection, "manifest.jsonl.gz"), ["{\"id\":\"1\",\"path\":\"2024-01-01/s/1.jpg\",\"bytes\":9,\"sha256\":\"\"}"]);
            PackedFileTests.Pack(Path.Combine(collection, "metadata.jsonl.gz"), ["{\"id\":\"1\"}"]);
            var bomb = Path.Combine(collection, file);
            WriteBomb(bomb, Repeated(Contents[content]));
            var before = File.ReadAllBytes(bomb);

            foreach (var (command, read) in Readers)
            {
                // The two that do not open the manifest, and the one that has nothing to do with the listing.
                if (file[1] == 'a' ? command == "Get-MapillaryImage -Path" : command == "New-SequenceTar") continue;
                var error = Assert.ThrowsAny<Exception>(() => read(collection));
                Assert.True(error is InvalidDataException or CollectionException, $"{command}: {error}");
                Assert.True(error.Message.Contains(file, StringComparison.Ordinal) && error.Message.Contains("unpacks to more than", StringComparison.Ordinal), $"{command}: {error.Message}");
                Assert.Equal(before, File.ReadAllBytes(bomb));
                Assert.False(File.Exists(bomb[..^3]), command);
                Assert.Empty(Directory.EnumerateFiles(collection, "*.tar"));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("manifest.jsonl")]
    [InlineData("metadata.jsonl")]
    [InlineData("failed.jsonl")]
    public Task A_plain_file_of_4_GiB_without_a_line_break_is_refused_and_not_cut(string file) =>
        MemoryLimit.RunAsync(() => ReadHole(file), Heap);

    private static void ReadHole(string file)
    {
        const long size = 4L << 30;
        var collection = Directory.CreateTempSubdirectory("mapillary-test-").FullName;
        try
        {
            // A hole, which takes no room on the disk.
            using (var hole = File.Create(Path.Combine(collection, file)))
            {
                if (OperatingSystem.IsWindows()) Assert.Skip("Windows writes holes out.");
                hole.SetLength(size);
            }

            var error = Assert.ThrowsAny<Exception>(() => OpenAndClose(collection));

            Assert.True(error is CollectionException { Fault: CollectionFault.Mismatch }, error.ToString());
            Assert.Contains(file, error.Message, StringComparison.Ordinal);
            Assert.Contains("without a line break", error.Message, StringComparison.Ordinal);
            Assert.Equal(size, new FileInfo(Path.Combine(collection, file)).Length);
        }
        finally
        {
            Directory.Delete(collection, recursive: true);
        }
    }

    [Theory]
    [InlineData("manifest.jsonl")]
    [InlineData("metadata.jsonl")]
    [InlineData("failed.jsonl")]
    public Task A_file_of_millions_of_lines_that_say_nothing_floods_neither_the_memory_nor_the_log(string file) =>
        MemoryLimit.RunAsync(() => ReadNothings(file), Heap);

    private static void ReadNothings(string file)
    {
        var collection = Directory.CreateTempSubdirectory("mapillary-test-").FullName;
        try
        {
            File.WriteAllBytes(Path.Combine(collection, file), Repeated("x\n"));
            var log = new RecordingLog();

            var error = Assert.Throws<CollectionException>(() => OpenAndClose(collection, log));

            Assert.Contains(file, error.Message, StringComparison.Ordinal);
            Assert.InRange(log.Warned.Count, 1, 2000);
        }
        finally
        {
            Directory.Delete(collection, recursive: true);
        }
    }

    private static object? OpenAndClose(string path, IRunLog? log = null)
    {
        CollectionWriter.Open(path, new CollectionName("anna", ImageQuality.Original, PictureForm.AsServed), CollectionLayout.Date, null, log ?? SilentLog.Instance).Dispose();
        return null;
    }

    /// <summary>Some 16 MiB of the same line.</summary>
    private static byte[] Repeated(string line)
    {
        var bytes = Encoding.ASCII.GetBytes(line);
        var all = new byte[(16 << 20) / bytes.Length * bytes.Length];
        for (var at = 0; at < all.Length; at += bytes.Length) bytes.CopyTo(all, at);
        return all;
    }

    /// <summary>A gzip may be made of several: the same 16 MiB 128 times are 2 GiB.</summary>
    private static void WriteBomb(string path, byte[] content)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.SmallestSize, leaveOpen: true)) gzip.Write(content);
        using var bomb = File.Create(path);
        for (var i = 0; i < 128; i++) bomb.Write(packed.GetBuffer(), 0, (int)packed.Length);
    }
}
