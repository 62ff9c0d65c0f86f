using System.Text;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.InternetArchive.Client;
using Mapillary.InternetArchive.Describing;
using Mapillary.InternetArchive.Statistics;
using Mapillary.InternetArchive.Uploading;
using Mapillary.Saving;

namespace Mapillary.Tests.InternetArchive;

/// <summary>Items of others that bear the name of ours, and answers of an archive.org that leads on for ever.</summary>
public class ForeignItemTests
{
    private const string Anna = "mapillary-anna-original";

    private static async Task<string> BackUpAsync(Workplace place) =>
        (await new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry).RunAsync(
            "anna", new BackupOptions { Save = new SaveOptions { Destination = place.Folder } }, null, TestContext.Current.CancellationToken)).CollectionPath!;

    private static Task<Workplace> OpenAsync() => Workplace.OpenAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = 12 }] });

    private static Task<UploadPlan> PlanAsync(Workplace place, string collection, Uri archive) => UploadPlan.MakeAsync(
        collection, place.Endpoints with { Archive = archive }, new UploadOptions(), place.Log, Workplace.QuickRetry, TestContext.Current.CancellationToken);

    [Theory]
    [InlineData("")]
    [InlineData(""","creator":null""")]
    [InlineData(""","creator":[]""")]
    [InlineData(""","creator":["mallory"]""")]
    [InlineData(""","creator":["anna","mallory"]""")]
    [InlineData(""","creator":["anna",["mallory"]],"x":0""", true)]
    [InlineData(""","creator":{"name":"anna"}""")]
    [InlineData(""","creator":5""")]
    [InlineData(""","creator":"Anna" """)]
    [InlineData(""","creator":"mallory" """)]
    [InlineData(""","creator":"\ud800" """)]
    [InlineData(""","creator":"anna" """, true)]
    [InlineData(""","creator":["anna"]""", true)]
    public async Task Nothing_goes_into_an_item_that_is_not_ours_alone(string creator, bool isOurs = false)
    {
        await using var place = await OpenAsync();
        var collection = await BackUpAsync(place);
        using var archive = new StubArchive(r => new StubAnswer(r.Path.EndsWith(Anna, StringComparison.Ordinal) ? $$"""{"metadata":{"identifier":"{{Anna}}"{{creator}}},"files":[]}""" : "{}"));

        if (isOurs)
        {
            using var plan = await PlanAsync(place, collection, archive.Address);
            Assert.True(plan.Items.Single().Exists);
            return;
        }

        var refused = await Assert.ThrowsAsync<CollectionException>(() => PlanAsync(place, collection, archive.Address));
        Assert.Contains("Nothing was uploaded into it", refused.Message, StringComparison.Ordinal);
        Assert.Contains(Anna, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(place.Emulator.Requests, r => r.Server == ServerKind.S3);
    }

    [Fact]
    public async Task The_search_for_a_part_that_is_not_there_ends()
    {
        await using var place = await OpenAsync();
        var collection = await BackUpAsync(place);
        using var archive = new StubArchive(r => new StubAnswer("""{"metadata":{"creator":"anna"},"files":[{"name":"x"},{"name":"collection.json"}]}"""));

        var error = await Assert.ThrowsAsync<ArchiveException>(() => PlanAsync(place, collection, archive.Address));

        Assert.Equal(ArchiveFault.BadAnswer, error.Fault);
        Assert.Contains("1,000 or more parts", error.Message, StringComparison.Ordinal);
        Assert.Equal(1001, archive.Requests.Count);
    }

    [Fact]
    public async Task A_search_that_leads_on_for_ever_ends()
    {
        var page = 0;
        using var archive = new StubArchive(_ => new StubAnswer($$"""{"items":[],"cursor":"{{Interlocked.Increment(ref page)}}"}"""));
        using var client = archive.Client();

        var error = await Assert.ThrowsAsync<ArchiveException>(() => Workplace.ToListAsync(client.SearchAsync("x", ["identifier"], TestContext.Current.CancellationToken)));

        Assert.Equal(ArchiveFault.BadAnswer, error.Fault);
        Assert.Contains("goes on after", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Numbers_that_no_item_has_do_not_end_the_statistics()
    {
        var items = string.Join(',', Enumerable.Range(0, 3).Select(n =>
            $$"""{"identifier":"mapillary-u{{n}}-256","description":["Contains 9,223,372,036,854,775,807 images","\ud800"],"item_size":"9223372036854775807","collection":"\udc00"}"""));
        using var archive = new StubArchive(_ => new StubAnswer($$"""{"items":[{{items}},{"identifier":"\ud800"}],"total":4}"""));
        using var client = archive.Client();
        using var folder = new TestFolder();

        var statistics = await IaStatistics.GetAsync(client, new IaStatisticsCache(Path.Combine(folder.Path, "cache.json")), refresh: true, new KeptLog(), cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal((3, 0L, 0L), (statistics.Collections, statistics.Images, statistics.Bytes));
    }

    [Theory]
    [InlineData("[@0]", "0,")]
    [InlineData("""{"metadata":{"creator":"x"},"files":[@0]}""", "{},")]
    [InlineData("""{"items":[@0]}""", "[],")]
    [InlineData("""{"error":[@0]}""", "0,")]
    public Task An_answer_of_millions_of_tiny_values_takes_little_memory(string answer, string value) => MemoryLimit.RunAsync(async () =>
    {
        var body = StubServer.JsonOf(answer, value, 60_000_000);
        await using var server = new StubServer(_ => body);
        using var client = new ArchiveClient(server.Address, StubArchive.Rules with { Attempts = 1 });

        var error = await Assert.ThrowsAsync<ArchiveException>(() => client.GetItemAsync(Anna, TestContext.Current.CancellationToken));

        Assert.Contains("more than 2000000 values", error.Message, StringComparison.Ordinal);
    });

    public static TheoryData<string, string> Errors() => new()
    {
        { "as it is", "<?xml version='1.0'?><Error><Code>NoSuchBucket</Code><Message>There is none.</Message></Error>" },
        { "deep", $"<Error><Code>x</Code>{string.Concat(Enumerable.Repeat("<a>", 9_000))}{string.Concat(Enumerable.Repeat("</a>", 9_000))}</Error>" },
        { "long", $"<Error>{new StringBuilder().Insert(0, "<a/>", 14_000_000)}</Error>" },
        { "with entities", """<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><Error><Code>&c;</Code></Error>""" },
        { "no XML", "<Error><Code>" },
    };

    /// <summary>A long one was busy for more than a minute, and a deep one of some MiB ended the program.</summary>
    [Theory]
    [MemberData(nameof(Errors))]
    public async Task An_error_of_the_upload_service_is_read_within_bounds(string kind, string xml)
    {
        await using var server = new StubServer(_ => StubServer.Answer(400, Encoding.UTF8.GetBytes(xml)));
        using var folder = new TestFolder();
        folder.Write("a.txt", "x");
        using var archive = new ArchiveClient(server.Address);
        using var uploader = new ItemUploader(server.Address, ArchiveKeys.Parse("access", "secret"), archive, StubArchive.Rules, new KeptLog());

        var error = await Assert.ThrowsAsync<ArchiveException>(() => uploader.PutAsync(Anna, ItemFile.Of(folder.Path).Single(), new string('0', 32), [], _ => { }, TestContext.Current.CancellationToken));

        Assert.Equal(ArchiveFault.Refused, error.Fault);
        Assert.Contains("HTTP 400", error.Message, StringComparison.Ordinal);
        Assert.Equal(kind == "as it is", error.Message.Contains("There is none (HTTP 400).", StringComparison.Ordinal));
        Assert.InRange(error.Message.Length, 10, 500);
    }

    [Theory]
    [InlineData("https://evil.com／.archive.org/x")]
    [InlineData("http://[::1")]
    [InlineData("//")]
    [InlineData("file:///etc/passwd")]
    public async Task A_redirect_to_no_address_is_an_error(string location)
    {
        await using var server = new StubServer(_ => StubServer.Answer(307, [], $"Location: {location}\r\n"));
        using var folder = new TestFolder();
        folder.Write("a.txt", "x");
        using var archive = new ArchiveClient(server.Address);
        using var uploader = new ItemUploader(server.Address, ArchiveKeys.Parse("access", "secret"), archive, StubArchive.Rules, new KeptLog());

        await Assert.ThrowsAsync<ArchiveException>(() => uploader.PutAsync(Anna, ItemFile.Of(folder.Path).Single(), new string('0', 32), [], _ => { }, TestContext.Current.CancellationToken));
    }
}
