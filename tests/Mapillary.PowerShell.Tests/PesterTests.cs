using System.Diagnostics;
using System.Text.Json;
using System.Xml.Linq;
using Mapillary.Tests;

namespace Mapillary.PowerShell.Tests;

/// <summary>Runs the Pester suites, each in a PowerShell of its own; each suite is a test here, and each of its failures is told.</summary>
public class PesterTests
{
    private static readonly string[] OfServices =
        ["MAPILLARY_TOKEN", "MAPILLARY_GRAPH_API_ENDPOINT", "ARCHIVE_ORG_ENDPOINT", "ARCHIVE_ORG_S3_ENDPOINT", "IA_ACCESS_KEY", "IA_SECRET_KEY"];

    public static TheoryData<string> Suites() =>
        [.. Directory.EnumerateFiles(Repository.File("tests", "Pester"), "*.Tests.ps1").Select(p => Path.GetFileName(p)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Suites))]
    public async Task Pester_suite_passes(string suite)
    {
        var results = Path.Combine(Directory.CreateTempSubdirectory("mapillary-pester-").FullName, $"{suite}.xml");

        var (exitCode, output) = await RunAsync(suite, results);

        Assert.True(File.Exists(results), $"Pester wrote no results (exit code {exitCode}):\n{output}");
        TestContext.Current.AddAttachment(suite, await File.ReadAllBytesAsync(results, TestContext.Current.CancellationToken), "text/xml");
        var cases = XDocument.Load(results).Descendants("test-case").ToList();
        var failed = cases.Where(c => (string?)c.Attribute("result") is not ("Passed" or "Skipped")).ToList();
        // What breaks outside of a test, a block's set-up say, is in the output alone.
        Assert.True(failed.Count == 0, $"{string.Join("\n\n", failed.Select(f => $"{(string?)f.Attribute("name")}:\n{f.Descendants("message").FirstOrDefault()?.Value}"))}\n\n{output}");
        Assert.Contains(cases, c => (string?)c.Attribute("result") == "Passed");
        Assert.True(exitCode == 0, output);
    }

    [Fact]
    public void The_tool_manifest_has_the_PowerShell_of_the_tests()
    {
        using var manifest = JsonDocument.Parse(File.ReadAllText(Repository.File(".config", "dotnet-tools.json")));
        var version = manifest.RootElement.GetProperty("tools").GetProperty("powershell").GetProperty("version").GetString();

        Assert.Equal(version, PowerShellProgram.Version);
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(string suite, string results)
    {
        var start = new ProcessStartInfo(PowerShellProgram.Path) { WorkingDirectory = Repository.Root };
        string[] arguments =
        [
            "-NoProfile", "-NonInteractive", "-File", Repository.File("tests", "Pester", "Invoke-Suite.ps1"),
            "-Path", Repository.File("tests", "Pester", suite), "-Pester", PowerShellProgram.Pester, "-ResultPath", results,
        ];
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["PATH"] = Path.GetDirectoryName(PowerShellProgram.Path) + Path.PathSeparator + Environment.GetEnvironmentVariable("PATH");
        // What this build made, whatever its configuration.
        start.Environment["MAPILLARY_CLI"] = Path.Combine(AppContext.BaseDirectory, "mapillary.dll");
        start.Environment["MAPILLARY_EMULATOR"] = Path.Combine(AppContext.BaseDirectory, "Mapillary.Emulator.dll");
        foreach (var variable in OfServices) start.Environment.Remove(variable);
        return await PowerShellProgram.RunAsync(start, CancellationToken.None);
    }
}
