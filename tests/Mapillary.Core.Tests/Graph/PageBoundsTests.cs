using System.Text;
using System.Text.Json;
using Mapillary.Graph;

namespace Mapillary.Tests.Graph;

/// <summary>Answers that are larger than any can be. They cost what they have to, and what can be named is named.</summary>
public class PageBoundsTests
{
    private static readonly int Length = Thoroughness.Of(24_000_000, 60_000_000);

    private static readonly AccessToken Token = AccessToken.Parse(Emulator.Tokens.Valid);

    private static string Repeated(string text, int length) => new StringBuilder().Insert(0, text, length / text.Length).ToString();

    [Theory]
    [InlineData("""{"data":[@{"id":"1"}]}""", """{"id":"1"},""")]
    [InlineData("""{"data":[@0]}""", "0,")]
    [InlineData("""{"data":[@[]]}""", "[],")]
    [InlineData("""{"data":[{"id":"7",@"x":0}]}""", "\"x\":0,")]
    [InlineData("""{"data":[{"id":"7","camera_parameters":[@0]}]}""", "0,")]
    [InlineData("""{"data":[{"id":"7","x":[@0]}]}""", "[[]],")]
    [InlineData("""{"data":[{"id":"1"}],"paging":{"x":[@0]}}""", "0,")]
    [InlineData("""{"data":[{"id":"1"}],@"x":0}""", "\"x\":{},")]
    [InlineData("""{"error":{"message":"x","code":1,"error_data":[@0]}}""", "0,")]
    public Task A_page_of_millions_of_tiny_values_takes_little_memory(string page, string value) => MemoryLimit.RunAsync(async () =>
    {
        var answer = StubServer.JsonOf(page, value, Length);
        await using var server = new StubServer(_ => answer);
        using var client = new GraphClient(server.Address, Token, Workplace.QuickRetry with { Attempts = 1 });

        var outcome = await Record.ExceptionAsync(async () =>
        {
            await foreach (var image in new ImageListing(client).OfUserAsync("anna", ImageFilter.None, cancellationToken: TestContext.Current.CancellationToken))
                Assert.True(image.Id is "1" or "7");
        });

        Assert.True(outcome is null or GraphException, $"{outcome}");
    });

    [Fact]
    public Task A_list_of_millions_of_ids_takes_little_memory() => MemoryLimit.RunAsync(async () =>
    {
        var answer = StubServer.JsonOf("""{"data":[@{"id":1}]}""", """{"id":1},""", Length);
        await using var server = new StubServer(_ => answer);
        using var client = new GraphClient(server.Address, Token, Workplace.QuickRetry with { Attempts = 1 });

        var error = await Assert.ThrowsAsync<GraphException>(() => client.GetImageIdsAsync("s", TestContext.Current.CancellationToken));

        Assert.Contains("more than 2000000 values", error.Message, StringComparison.Ordinal);
    });

    [Fact]
    public void More_records_than_a_page_has_are_an_error_and_not_cut_off()
    {
        var record = """{"id":"1"},""";

        Assert.Equal(2000, ImagePage.Parse(Encoding.UTF8.GetBytes($$"""{"data":[{{Repeated(record, record.Length * 1999)}}{"id":"2"}]}""")).Images.Count);
        var error = Assert.Throws<GraphException>(() => ImagePage.Parse(Encoding.UTF8.GetBytes($$"""{"data":[{{Repeated(record, record.Length * 2000)}}{"id":"2"}]}""")));
        Assert.Equal(GraphFault.BadAnswer, error.Fault);
    }

    public static TheoryData<string, string> TooMuch() => new()
    {
        { JsonSerializer.Serialize(new string('x', 1024 * 1024)), "larger than 1024 KiB" },
        { string.Concat(Enumerable.Repeat("[", 5000)) + string.Concat(Enumerable.Repeat("]", 5000)), "nested more than 32 levels deep" },
        { $"[{Repeated("0,", 40_000)}0]", "more than 10000 values" },
    };

    [Theory]
    [MemberData(nameof(TooMuch))]
    public async Task A_record_that_is_too_much_is_named_and_its_neighbours_are_read(string value, string fault)
    {
        await using var server = new StubServer(_ => StubServer.Json($$"""{"data":[{"id":"1","make":"a"},{"make":{{value}},"id":"2"},{"id":"3","make":"c"}]}"""));
        var log = new RecordingLog();
        using var client = new GraphClient(server.Address, Token, Workplace.QuickRetry, log);

        var images = await Workplace.ToListAsync(new ImageListing(client).OfUserAsync("anna", ImageFilter.None, cancellationToken: TestContext.Current.CancellationToken));

        Assert.Equal(["1", "2", "3"], images.Select(i => i.Id));
        Assert.Equal(["a", null, "c"], images.Select(i => i.Make));
        Assert.Contains(fault, Assert.Single(log.Warned, w => w.Contains("image 2", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("camera_parameters", "[0.85,0,0]", true)]
    [InlineData("camera_parameters", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]", false)]
    [InlineData("computed_rotation", "[1,2,3]", true)]
    [InlineData("computed_rotation", "[1,2,3,4]", false)]
    [InlineData("geometry", """{"coordinates":[1,2]}""", true)]
    [InlineData("geometry", """{"coordinates":[1,2,3,4]}""", false)]
    public void An_array_longer_than_it_can_be_counts_as_absent(string field, string value, bool isThere)
    {
        var image = MapillaryImage.Parse($$"""{"id":"1","{{field}}":{{value}},"make":"GoPro"}""");

        Assert.Equal(isThere, image.CameraParameters is not null || image.ComputedRotation is not null || image.Geometry is not null);
        Assert.Equal("GoPro", image.Make);
    }

    [Fact]
    public async Task A_cursor_longer_than_any_is_not_followed()
    {
        await using var server = new StubServer(r => StubServer.Json(
            $$$"""{"data":[{"id":"1"}],"paging":{"cursors":{"after":"{{{new string('x', 5000)}}}"},"next":"http://{{{HostOf(r)}}}/images?after=x"}}"""));
        using var client = new GraphClient(server.Address, Token, Workplace.QuickRetry);

        var error = await Assert.ThrowsAsync<GraphException>(() =>
            Workplace.ToListAsync(new ImageListing(client).OfUserAsync("anna", ImageFilter.None, cancellationToken: TestContext.Current.CancellationToken)));

        Assert.Equal(GraphFault.BadAnswer, error.Fault);
        Assert.Contains("cursor", error.Message, StringComparison.Ordinal);
        // The page once more, but not the one that it leads to.
        Assert.All(server.Requests, r => Assert.DoesNotContain("after=", r.Target, StringComparison.Ordinal));

        static string HostOf(RawRequest request) => request.Head.Split('\n').First(l => l.StartsWith("Host:", StringComparison.OrdinalIgnoreCase))[5..].Trim();
    }
}
