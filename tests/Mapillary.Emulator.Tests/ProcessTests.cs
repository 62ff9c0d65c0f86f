using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Mapillary.Emulator.Tests;

public class ProcessTests
{
    [Fact]
    public async Task It_prints_its_addresses_first_and_ends_with_its_input()
    {
        using var process = Start("--port", "0", "--user", "anna", "--images", "3", "--user", "bob", "--images", "2", "--exit-with-stdin");
        var line = await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) ?? "";
        var match = Regex.Match(line, @"^graph=(http://127\.0\.0\.1:\d+) cdn=(http://127\.0\.0\.1:\d+) archive=(http://127\.0\.0\.1:\d+) s3=(http://127\.0\.0\.1:\d+) s3node=(http://127\.0\.0\.1:\d+) tiles=(http://127\.0\.0\.1:\d+) token=(MLY\|\d+\|[0-9a-f]{32}) accesskey=(\w+) secretkey=(\w+)$");
        Assert.True(match.Success, line);

        Assert.Equal("{}", await Get($"{match.Groups[3]}/metadata/x"));
        Assert.Equal(2, Regex.Count(await Get($"{match.Groups[1]}/images?creator_username=bob&access_token={Uri.EscapeDataString(match.Groups[7].Value)}"), "\"id\""));
        Assert.Contains("\"over_limit\":0", await Get($"{match.Groups[4]}/?check_limit=1&accesskey={match.Groups[8]}&bucket=x"), StringComparison.Ordinal);
        process.StandardInput.Close();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(0, process.ExitCode);
        Assert.Equal("", await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken));
        Assert.Equal("", await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_leaked_token_is_exit_code_3()
    {
        using var process = Start("--user", "anna", "--exit-with-stdin");
        var line = await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) ?? "";

        await Get($"{Regex.Match(line, @"cdn=(\S+)").Groups[1]}/x?access_token=1");
        process.StandardInput.Close();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(3, process.ExitCode);
        Assert.Contains("an access_token reached Cdn", await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("There is no argument --colour.", "--colour")]
    [InlineData("--images belongs behind a --user.", "--images", "3")]
    [InlineData("--images needs a whole number of at least 0, not 'many'.", "--user", "a", "--images", "many")]
    [InlineData("--user needs a value.", "--user")]
    [InlineData("Html503 needs a server: graph.Html503, cdn.Html503, archive.Html503, s3.Html503 or tiles.Html503.", "--fault", "Html503:1")]
    [InlineData("Cdn has no fault CutJson.", "--fault", "cdn.CutJson:1")]
    [InlineData("'2' is not a rate from 0 to 1.", "--odd", "EpochZero:2")]
    [InlineData("There are two users named 'a'.", "--user", "a", "--user", "a")]
    [InlineData("Could not find a part of the path", "--photos", "/no/such/folder")]
    public async Task A_bad_argument_is_named_and_is_exit_code_1(string message, params string[] arguments)
    {
        using var process = Start(arguments);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(1, process.ExitCode);
        Assert.Equal("", output);
        Assert.StartsWith(message, await error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_is_on_standard_output_and_names_each_argument()
    {
        using var process = Start("--user", "anna", "--help");
        var help = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(0, process.ExitCode);
        foreach (var word in new[] { "--port", "--user", "--fault", "--exit-with-stdin", "MAPILLARY_GRAPH_API_ENDPOINT", "token=" })
            Assert.Contains(word, help, StringComparison.Ordinal);
    }

    private static Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add(typeof(EmulatorHost).Assembly.Location);
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    private static async Task<string> Get(string url)
    {
        using var http = new HttpClient();
        using var response = await http.GetAsync(url, TestContext.Current.CancellationToken);
        return await Client.TextOf(response);
    }
}
