using System.Diagnostics;
using System.Xml.Linq;
using Mapillary.Tests;

namespace Mapillary.PowerShell.Tests;

/// <summary>The Pester suites of <c>tests/Pester</c>.</summary>
internal static class PesterSuite
{
    private static readonly string[] OfServices =
        ["MAPILLARY_TOKEN", "MAPILLARY_GRAPH_API_ENDPOINT", "MAPILLARY_TILES_ENDPOINT", "ARCHIVE_ORG_ENDPOINT", "ARCHIVE_ORG_S3_ENDPOINT", "IA_ACCESS_KEY", "IA_SECRET_KEY"];

    /// <summary>The names of their files.</summary>
    public static IEnumerable<string> All =>
        Directory.EnumerateFiles(Repository.File("tests", "Pester"), "*.Tests.ps1").Select(p => Path.GetFileName(p)).Order(StringComparer.Ordinal);

    /// <summary>Runs a suite in a PowerShell of its own. Its results are kept beside those of this test, where they are counted.</summary>
    /// <param name="suite">The name of its file.</param>
    public static async Task AssertPassesAsync(string suite)
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

    private static Task<(int ExitCode, string Output)> RunAsync(string suite, string results)
    {
        string[] arguments =
        [
            "-NoProfile", "-NonInteractive", "-File", Repository.File("tests", "Pester", "Invoke-Suite.ps1"),
            "-Path", Repository.File("tests", "Pester", suite), "-Pester", PowerShellProgram.Pester, "-ResultPath", results,
        ];
        var start = new ProcessStartInfo(PowerShellProgram.Path, arguments) { WorkingDirectory = Repository.Root };
        start.Environment["PATH"] = Path.GetDirectoryName(PowerShellProgram.Path) + Path.PathSeparator + Environment.GetEnvironmentVariable("PATH");
        // What this build made, whatever its configuration.
        start.Environment["MAPILLARY_CLI"] = Path.Combine(AppContext.BaseDirectory, "mapillary.dll");
        start.Environment["MAPILLARY_EMULATOR"] = Path.Combine(AppContext.BaseDirectory, "Mapillary.Emulator.dll");
        foreach (var variable in OfServices) start.Environment.Remove(variable);
        return PowerShellProgram.RunAsync(start, CancellationToken.None);
    }
}
