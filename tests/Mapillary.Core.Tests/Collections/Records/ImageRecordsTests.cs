using System.IO.Compression;
using Mapillary.Collections.Records;

namespace Mapillary.Tests.Collections;

public class ImageRecordsTests
{
    [Theory]
    [InlineData(
        """{"id":"1","thumb_256_url":"https://a/?x=1,2","make":"A","thumb_original_url":"https://b"}""",
        """{"id":"1","make":"A"}""")]
    [InlineData("""{"thumb_256_url":"x","thumb_1024_url":"y"}""", "{}")]
    [InlineData("""{"mesh":{"id":"5","url":"u"},"sfm_cluster":{"url":"v","id":"6"},"id":"1"}""", """{"mesh":{"id":"5"},"sfm_cluster":{"id":"6"},"id":"1"}""")]
    [InlineData("""{ "id" : "1" , "thumb_256_url" : "x" }""", """{ "id" : "1"  }""")]
    [InlineData("""{"id":"1","curl":"kept","merge_cc":4.546427159383e+18}""", """{"id":"1","curl":"kept","merge_cc":4.546427159383e+18}""")]
    public void Signed_addresses_go_and_the_rest_stays_to_the_letter(string record, string expected) =>
        Assert.Equal(expected, ImageRecords.WithoutSignedAddresses(record));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_listing_is_read_without_its_end_marker_and_its_broken_lines_are_named(bool compressed)
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("mapillary-test-").FullName, compressed ? "metadata.jsonl.gz" : "metadata.jsonl");
        using (Stream file = File.Create(path))
        using (var stream = compressed ? new GZipStream(file, CompressionLevel.Fastest) : file)
            stream.Write("{\"id\":\"1\"}\n\n{\"id\":\"2\"\nrubbish\n{\"id\":\"3\"}\n{\"__complete__\": true}\n"u8);
        var log = new RecordingLog();

        var ids = ImageRecords.Read(path, log).Select(i => i.Id).ToList();

        Assert.Equal(["1", "3"], ids);
        Assert.Equal(2, log.Warned.Count);
        Assert.Contains("line 3", log.Warned[0], StringComparison.Ordinal);
        Assert.Contains("line 4", log.Warned[1], StringComparison.Ordinal);
    }
}
