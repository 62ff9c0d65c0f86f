using System.Collections.Concurrent;
using System.Diagnostics.Tracing;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Mapillary.Backup;
using Mapillary.Collections;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.InternetArchive.Client;
using Mapillary.InternetArchive.Describing;
using Mapillary.Maps;
using Mapillary.Services;
using Mapillary.Tests;
using Mapillary.Tests.Backup;
using Mapillary.Tests.Graph;

namespace Mapillary.Reliability.Tests;

/// <summary>
/// Answers that nobody sends by mistake: they bring no request to where they point, no file to where they name, and no more memory than
/// there is.
/// </summary>
[CollectionDefinition(nameof(HostileAnswerTests), DisableParallelization = true)]
[Collection(nameof(HostileAnswerTests))]
public class HostileAnswerTests
{
    private const string User = "anna";
    private const int Images = 40;
    private const long Mebibyte = 1024 * 1024;

    /// <summary>What an answer may cost in memory before it has to be refused; a page of 2,000 records has some 5 MiB.</summary>
    private const long MemoryOfAnAnswer = 256 * Mebibyte;

    private static EmulatorOptions Options(Action<EmulatedImage, ImageRecord>? modify = null) =>
        new() { Users = [new EmulatedUser { Name = User, Images = Images, Sequences = 3 }], PageLimit = 10, ModifyRecord = modify };

    private static Task<BackupResult> RunAsync(Workplace place, ServiceEndpoints? endpoints = null, string user = User, string? destination = null) =>
        new UserBackup(endpoints ?? place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry).RunAsync(
            user, new BackupOptions { Save = MatrixWorld.Save with { Destination = destination ?? place.Folder } }, progress: null, TestContext.Current.CancellationToken);

    private static StubServer NeverAsked() => new(_ => StubServer.Json("""{"data":[]}"""));

    private static void AssertSecretsKept(Workplace place, params IEnumerable<string> said) =>
        Secrets.AssertKept(place.Emulator, place.Folder, [.. place.Log.Said, .. place.Log.Warned, .. said]);

    [Fact]
    public async Task A_next_page_at_another_host_is_not_asked_for()
    {
        await using var elsewhere = NeverAsked();
        await using var graph = new StubServer(_ => StubServer.Json(
            $$$"""{"data":[{"id":"1"}],"paging":{"cursors":{"after":"x"},"next":"{{{elsewhere.Address}}}images?after=x&access_token={{{Uri.EscapeDataString(Tokens.Valid)}}}"}}"""));
        await using var place = await Workplace.OpenAsync(Options());

        var error = await Assert.ThrowsAsync<GraphException>(() => RunAsync(place, place.Endpoints with { Graph = graph.Address }));

        Assert.Equal(GraphFault.BadAnswer, error.Fault);
        Assert.Empty(elsewhere.Requests);
        AssertSecretsKept(place, error.ToString());
    }

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(303)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task A_redirect_is_followed_by_no_one(int status)
    {
        await using var elsewhere = NeverAsked();
        await using var redirecting = new StubServer(_ => StubServer.Answer(status, [], $"Location: {elsewhere.Address}?access_token={Uri.EscapeDataString(Tokens.Valid)}\r\n"));
        await using var place = await Workplace.OpenAsync(Options((image, record) =>
        {
            if (image.Ordinal == 5) record.Literal["thumb_256_url"] = JsonSerializer.Serialize(redirecting.Address);
        }));

        var ofApi = await Assert.ThrowsAsync<GraphException>(() => RunAsync(place, place.Endpoints with { Graph = redirecting.Address }));
        var ofArchive = await Assert.ThrowsAsync<ArchiveException>(() => RunAsync(place, place.Endpoints with { Archive = redirecting.Address }));
        var result = await RunAsync(place);

        Assert.Equal(GraphFault.Blocked, ofApi.Fault);
        Assert.Equal(new Ledger(Images - 1, 0, 0, 1), result.Ledger);
        Assert.Contains("redirects elsewhere", MatrixWorld.FailuresOf(result.CollectionPath!).Values.Single().Reason, StringComparison.Ordinal);
        Assert.Empty(elsewhere.Requests);
        // Only the API was shown the token.
        Assert.Single(redirecting.Requests, r => r.Head.Contains("Authorization", StringComparison.OrdinalIgnoreCase));
        AssertSecretsKept(place, ofApi.ToString(), ofArchive.ToString());
    }

    [Fact]
    public async Task Pictures_are_asked_of_no_other_host_and_by_no_other_scheme()
    {
        string[] addresses =
        [
            "https://elsewhere.example/x.jpg", "http://169.254.169.254/latest/meta-data", "http://[fe80::1]/x", "http://10.0.0.1/x", "https://127.0.0.1/x",
            "file:///etc/passwd", "file://elsewhere.example/share/x", "ftp://elsewhere.example/x", "gopher://elsewhere.example/x", "data:image/jpeg;base64,/9j/", "javascript:alert(1)",
            "//elsewhere.example/x", "/etc/passwd", "x", " ", "http://", "https://fbcdn.net.elsewhere.example/x", "https://elsewhere.example/.fbcdn.net", "https://elsewhere.example#.fbcdn.net",
            "https://scontent.xx.fbcdn.net@elsewhere.example/x", "https://user:password@scontent.xx.fbcdn.net/x", "http://scontent.xx.fbcdn.net/x", "https://scontent.xx.fbcdn.net:8443/x",
            "https://elsewhere.example／.fbcdn.net/x", "https://elsewhere.example%EF%BC%8F.fbcdn.net/x", "https://xfbcdn.net/x", "http://127.0.0.1.elsewhere.example/x", "http://localhost.elsewhere.example/x", "unix:/var/run/x.sock", "\\\\elsewhere.example\\share\\x",
        ];
        await using var place = await Workplace.OpenAsync(Options((image, record) =>
        {
            if (image.Ordinal < addresses.Length) record.Literal["thumb_256_url"] = JsonSerializer.Serialize(addresses[image.Ordinal]);
        }));
        using var asked = new RequestedHosts();

        var result = await RunAsync(place);

        var failures = MatrixWorld.FailuresOf(result.CollectionPath!);
        Assert.Equal(place.Emulator.World.Images.Take(addresses.Length).Select(i => i.Id).Order(), failures.Keys.Order());
        Assert.Equal(new Ledger(Images - addresses.Length, 0, 0, addresses.Length), result.Ledger);
        Assert.All(failures.Values, f => Assert.Contains("was not asked", f.Reason, StringComparison.Ordinal));
        Assert.NotEmpty(asked.Hosts);
        Assert.All(asked.Hosts.Distinct(), h => Assert.Equal("http 127.0.0.1", h));
        AssertSecretsKept(place);
    }

    public static TheoryData<string> Services() => ["the API", "the Internet Archive"];

    [Theory]
    [MemberData(nameof(Services))]
    public async Task An_answer_that_unpacks_without_end_is_refused(string service)
    {
        const int Size = 512;
        await using var bomb = new StubServer(_ => StubServer.Answer(200, Bomb(Size), "Content-Type: application/json\r\nContent-Encoding: gzip\r\n"));
        await using var place = await Workplace.OpenAsync(Options());
        var before = GC.GetTotalAllocatedBytes(precise: true);

        var error = await Record.ExceptionAsync(() => RunAsync(place, service == "the API" ? place.Endpoints with { Graph = bomb.Address } : place.Endpoints with { Archive = bomb.Address }));

        var cost = GC.GetTotalAllocatedBytes(precise: true) - before;
        Assert.True(error is GraphException or ArchiveException, $"{error}");
        Assert.True(cost < MemoryOfAnAnswer * bomb.Requests.Count, $"An answer of {Size} MiB cost {cost / Mebibyte} MiB in {bomb.Requests.Count} requests.");
        AssertSecretsKept(place, error.ToString());
    }

    [Theory]
    [InlineData("""{"data":[{"id":"1"}],"paging":@}""")]
    [InlineData("""{"data":@}""")]
    [InlineData("@")]
    [InlineData("""{"error":{"code":1,"message":"x","error_data":@}}""")]
    public async Task Json_nested_without_end_is_an_error_and_no_crash(string json)
    {
        const int Depth = 10_000;
        var deep = string.Concat(Enumerable.Repeat("""{"a":[""", Depth / 2)) + "1" + string.Concat(Enumerable.Repeat("]}", Depth / 2));
        await using var graph = new StubServer(_ => StubServer.Json(json.Replace("@", deep, StringComparison.Ordinal)));
        await using var place = await Workplace.OpenAsync(Options());

        var error = await Assert.ThrowsAsync<GraphException>(() => RunAsync(place, place.Endpoints with { Graph = graph.Address }));

        Assert.InRange(graph.Requests.Count, 1, Workplace.QuickRetry.Attempts);
        Assert.Empty(Tree.Files(place.Folder));
        AssertSecretsKept(place, error.ToString());
    }

    [Fact]
    public async Task A_record_of_fifty_mebibytes_costs_no_other_image()
    {
        const int Size = 50;
        await using var place = await Workplace.OpenAsync(Options((image, record) =>
        {
            if (image.Ordinal == 7) record.Make = new string('x', (int)(Size * Mebibyte));
        }));

        var result = await RunAsync(place);

        Assert.Equal(new Ledger(Images - 1, 0, 0, 1), result.Ledger);
        var (id, failure) = Assert.Single(MatrixWorld.FailuresOf(result.CollectionPath!));
        Assert.Equal(place.Emulator.World.Images[7].Id, id);
        Assert.Contains("larger than", failure.Reason, StringComparison.Ordinal);
        Assert.Empty(Tree.HalfFiles(place.Folder));
        AssertSecretsKept(place);
    }

    [Fact]
    public async Task A_record_nested_without_end_costs_no_other_image()
    {
        await using var place = await Workplace.OpenAsync(Options((image, record) =>
        {
            if (image.Ordinal == 7) record.Literal["mesh"] = string.Concat(Enumerable.Repeat("[", 10_000)) + string.Concat(Enumerable.Repeat("]", 10_000));
        }));

        var result = await RunAsync(place);

        Assert.Equal(new Ledger(Images - 1, 0, 0, 1), result.Ledger);
        Assert.Contains("levels deep", Assert.Single(MatrixWorld.FailuresOf(result.CollectionPath!)).Value.Reason, StringComparison.Ordinal);
        AssertSecretsKept(place);
    }

    /// <summary>All that is done with records: places, metadata, tars, the description for the Internet Archive, maps.</summary>
    [Theory]
    [InlineData(CollectionLayout.Date)]
    [InlineData(CollectionLayout.Sequence)]
    [InlineData(CollectionLayout.Time)]
    public async Task Values_that_no_record_has_cost_no_image(CollectionLayout layout)
    {
        const int Many = 300;
        await using var place = await Workplace.OpenAsync(Options((image, record) =>
        {
            var random = new Random(image.Ordinal);
            foreach (var field in random.GetItems(HostileRecords.Fields, 3).Where(f => f != "thumb_256_url")) record.Literal[field] = HostileRecords.Value(random);
        }) with { Users = [new EmulatedUser { Name = User, Images = Many, Sequences = 3 }], PageLimit = 50 });

        var result = await new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry).RunAsync(
            User, new BackupOptions { Save = MatrixWorld.Save with { Destination = place.Folder, Layout = layout } }, progress: null, TestContext.Current.CancellationToken);

        Assert.Equal((new Ledger(Many, 0, 0, 0), BackupStatus.Complete), (result.Ledger, result.Status));
        Assert.Equal(Many, UserBackupTests.EntriesOf(result.CollectionPath!).Count);
        Assert.Equal(Many, IaMetadata.Describe(result.CollectionPath!, place.Log).Images);
        foreach (var format in Enum.GetValues<MapFormat>())
        {
            var map = new CaptureMap();
            map.AddListing(Path.Combine(result.CollectionPath!, "metadata.jsonl.gz"), place.Log, TestContext.Current.CancellationToken);
            Assert.Equal(Many, map.Images + map.WithoutPosition);
            map.Write(Path.Combine(place.Folder, $"map.{format}"), format, TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task An_address_that_cannot_be_used_fails_its_image_by_name()
    {
        const int Many = 300;
        await using var place = await Workplace.OpenAsync(Options((image, record) =>
        {
            if (image.Ordinal % 3 == 0) record.Literal["thumb_256_url"] = HostileRecords.Value(new Random(image.Ordinal));
        }) with { Users = [new EmulatedUser { Name = User, Images = Many, Sequences = 3 }], PageLimit = 50 });

        var result = await RunAsync(place);

        var ledger = result.Ledger;
        Assert.Equal((Many, Many * 2 / 3, 0), (ledger.Saved + ledger.Unavailable + ledger.Failed, ledger.Saved, ledger.Present));
        Assert.All(MatrixWorld.FailuresOf(result.CollectionPath!), f => Assert.Contains(f.Key, f.Value.Reason, StringComparison.Ordinal));
        Assert.NotEqual(0, ledger.Failed);
    }

    /// <summary>Names that would lead out of the collection, or that some system does not take.</summary>
    private static readonly string[] HostileNames =
    [
        "../../../escaped", "..", ".", "/tmp/escaped", @"..\..\escaped", @"C:\escaped", "a/b\\c:d", "CON", "nul.jpg", "-rf", "--help", "~", "*", " ", "trailing.", "a\0b", "a\nb", "a\u001b[2Jb",
        "%2e%2e%2fescaped", "\u202egpj.x", "é", "e\u0301", "x",
    ];

    [Fact]
    public async Task Names_from_outside_lead_nowhere_but_into_the_collection()
    {
        await using var place = await Workplace.OpenAsync(Options((image, record) =>
        {
            if (image.Ordinal >= HostileNames.Length) return;
            record.Literal["id"] = JsonSerializer.Serialize(HostileNames[image.Ordinal]);
            record.Sequence = HostileNames[^(image.Ordinal + 1)];
            record.Creator = (HostileNames[image.Ordinal], "1");
        }));
        var destination = Path.Combine(place.Folder, "a", "b", "c");

        var result = await RunAsync(place, destination: destination);

        Assert.Equal(new Ledger(Images, 0, 0, 0), result.Ledger);
        var collection = result.CollectionPath!;
        Assert.All(Tree.Files(place.Folder), f => Assert.StartsWith(collection + Path.DirectorySeparatorChar, f, StringComparison.Ordinal));
        Assert.False(File.Exists("/tmp/escaped") || File.Exists("/tmp/escaped.jpg"));
        var entries = UserBackupTests.EntriesOf(collection);
        Assert.Equal(Images, entries.Distinct(StringComparer.OrdinalIgnoreCase).Count());
        Assert.All(entries, e => Assert.True(
            !Path.IsPathRooted(e) && e.Split('/') is [_, _, _] parts && parts.All(p => p is not ("" or "." or "..") && p.All(c => !char.IsControl(c) && c is not ('\\' or ':'))), e));

        // The same names are found again.
        var again = await RunAsync(place, destination: destination);
        Assert.Equal(new Ledger(0, Images, 0, 0), again.Ledger);
        AssertSecretsKept(place);
    }

    [Fact]
    public async Task An_id_too_long_for_a_file_name_is_found_again()
    {
        await using var place = await Workplace.OpenAsync(Options((image, record) =>
        {
            if (image.Ordinal == 3) record.Literal["id"] = $"\"{new string('x', 300)}\"";
        }));
        var first = await RunAsync(place);

        var again = await RunAsync(place);

        Assert.Equal((new Ledger(Images, 0, 0, 0), new Ledger(0, Images, 0, 0)), (first.Ledger, again.Ledger));
        Assert.Equal(Images, UserBackupTests.EntriesOf(again.CollectionPath!).Count);
    }

    [Theory]
    [InlineData("../../escaped")]
    [InlineData("..")]
    [InlineData("CON")]
    [InlineData("-rf")]
    [InlineData("a\u001b[2Jb")]
    public async Task A_user_name_leads_nowhere_but_into_the_destination(string user)
    {
        await using var place = await Workplace.OpenAsync(Options() with { Users = [new EmulatedUser { Name = user, Images = 5 }] });
        var destination = Path.Combine(place.Folder, "a", "b", "c");

        var result = await new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry).RunAsync(
            user, new BackupOptions { Save = MatrixWorld.Save with { Destination = destination }, SkipArchived = false }, progress: null, TestContext.Current.CancellationToken);

        Assert.Equal(BackupStatus.Complete, result.Status);
        Assert.Equal(destination, Path.GetDirectoryName(result.CollectionPath));
        Assert.All(Tree.Files(place.Folder), f => Assert.StartsWith(destination + Path.DirectorySeparatorChar, f, StringComparison.Ordinal));
        AssertSecretsKept(place);
    }

    [Fact]
    public async Task A_symlink_in_the_destination_leads_no_picture_out_of_it()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows lets only administrators make symlinks.");
        await using var place = await Workplace.OpenAsync(Options());
        var outside = Directory.CreateDirectory(Path.Combine(place.Folder, "outside")).FullName;
        var destination = Path.Combine(place.Folder, "destination");
        var staging = Directory.CreateDirectory(BackupRun.Staging(destination)).FullName;
        var days = place.Emulator.World.Images.Select(i => DateTimeOffset.FromUnixTimeMilliseconds(i.TrueCapturedAt).ToString("yyyy-MM-dd", null)).Distinct();
        foreach (var day in days) Directory.CreateSymbolicLink(Path.Combine(staging, day), outside);

        var error = await Record.ExceptionAsync(() => RunAsync(place, destination: destination));

        Assert.Empty(Directory.EnumerateFileSystemEntries(outside));
        Assert.True(error is null or CollectionException, $"{error}");
        AssertSecretsKept(place);
    }

    /// <summary>Blanks, packed: a gzip may have many members, so one mebibyte is packed once.</summary>
    private static byte[] Bomb(int mebibytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(Encoding.ASCII.GetBytes(new string(' ', (int)Mebibyte)));
        return [.. Enumerable.Repeat(packed.ToArray(), mebibytes).SelectMany(m => m)];
    }

    /// <summary>Whom .NET's own HTTP client says that it asks, whichever code of this process makes it do so.</summary>
    private sealed class RequestedHosts : EventListener
    {
        private readonly ConcurrentQueue<string> _hosts = [];

        public IEnumerable<string> Hosts => _hosts;

        protected override void OnEventSourceCreated(EventSource eventSource)
        {
            if (eventSource.Name == "System.Net.Http") EnableEvents(eventSource, EventLevel.Informational);
        }

        protected override void OnEventWritten(EventWrittenEventArgs eventData)
        {
            // Scheme and host are the first two of its values. The field is not there yet while the base class is being made.
            if (eventData.EventName == "RequestStart") _hosts?.Enqueue($"{eventData.Payload![0]} {eventData.Payload[1]}");
        }
    }
}
