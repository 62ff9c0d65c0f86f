using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.InternetArchive.Client;
using Mapillary.InternetArchive.Uploading;
using Mapillary.Services;

namespace Mapillary.Tests;

public class ServiceEndpointsTests
{
    private const string Variable = "MAPILLARY_GRAPH_API_ENDPOINT";

    public static TheoryData<string> ElsewhereInClear() =>
    [
        "http://elsewhere.example", "http://graph.mapillary.com", "http://10.0.0.1:8080", "http://127.0.0.1.elsewhere.example", "http://localhost.elsewhere.example",
        "http://[2001:db8::1]", "http://0.0.0.0", "http://128.0.0.1", "http://user:secret@elsewhere.example",
    ];

    public static TheoryData<string> Sound() =>
    [
        "https://elsewhere.example", "https://elsewhere.example:8443/api", "http://localhost:8080", "http://LOCALHOST", "http://127.0.0.1:8080", "http://127.1.2.3", "http://[::1]:8080",
    ];

    [Theory]
    [MemberData(nameof(ElsewhereInClear))]
    public void A_token_is_not_sent_in_clear_to_another_machine(string endpoint)
    {
        var error = Assert.Throws<FormatException>(() => new GraphClient(new Uri(endpoint), AccessToken.Parse(Tokens.Valid)));

        Assert.Contains("plain http to another machine", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret@", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(ElsewhereInClear))]
    public void Keys_are_not_sent_in_clear_to_another_machine(string endpoint)
    {
        using var archive = new ArchiveClient(new Uri("https://archive.org"));

        var error = Assert.Throws<FormatException>(() => new ItemUploader(new Uri(endpoint), ArchiveKeys.Parse("access", "secret"), archive, new RetryRules(), new RecordingLog()));

        Assert.Contains("plain http to another machine", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Sound))]
    public void Https_to_anywhere_and_plain_http_on_this_machine_are_taken(string endpoint)
    {
        using var client = new GraphClient(new Uri(endpoint), AccessToken.Parse(Tokens.Valid));

        ServiceEndpoints.RefuseClearText(new Uri(endpoint), Variable);
    }

    [Theory]
    [MemberData(nameof(ElsewhereInClear))]
    [InlineData("ftp://localhost")]
    [InlineData("file:///etc/passwd")]
    [InlineData("localhost")]
    [InlineData("https://")]
    [InlineData("https://evil.com／.fbcdn.net")]
    public void What_a_variable_says_is_looked_at(string value) => Assert.Contains(Variable, Assert.Throws<FormatException>(() => ServiceEndpoints.Read(Variable, value)).Message, StringComparison.Ordinal);

    [Fact]
    public void The_tiles_are_Mapillarys_unless_the_Graph_API_is_not()
    {
        Assert.Equal(new Uri("https://tiles.mapillary.com"), new ServiceEndpoints().RequireTiles());
        var elsewhere = new ServiceEndpoints { Graph = new Uri("http://127.0.0.1:1"), Tiles = null };

        Assert.Contains("MAPILLARY_TILES_ENDPOINT", Assert.Throws<FormatException>(elsewhere.RequireTiles).Message, StringComparison.Ordinal);
    }
}
