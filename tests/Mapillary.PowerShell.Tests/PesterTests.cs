using System.Diagnostics;
using System.Xml.Linq;

namespace Mapillary.PowerShell.Tests;

/// <summary>Runs the Pester suites in a real PowerShell, where there is one; each suite is a test here, and each of its failures is told.</summary>
public class PesterTests
{
    private static readonly Lazy<string?> WhyNot = new(FindWhyNot);

    public static TheoryData<string> Suites() =>
        [.. Directory.EnumerateFiles(Repository.File("tests", "Pester"), "*.Tests.ps1").Select(p => Path.GetFileName(p)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Suites))]
    public async Task Pester_suite_passes(string suite)
    {
        Assert.SkipWhen(WhyNot.Value is not null, WhyNot.Value ?? "");
        var results = Path.Combine(Directory.CreateTempSubdirectory("mapillary-pester-").FullName, "results.xml");

        var (exitCode, output) = await RunAsync("-NoProfile", "-NonInteractive", "-File", Repository.File("tests", "Pester", "Invoke-Suite.ps1"), "-Path", Repository.File("tests", "Pester", suite), "-ResultPath", results);

        Assert.True(File.Exists(results), $"Pester wrote no results (exit code {exitCode}):\n{output}");
        var cases = XDocument.Load(results).Descendants("test-case").ToList();
        var failed = cases.Where(c => (string?)c.Attribute("result") is not ("Success" or "Ignored" or "Skipped")).ToList();
        Assert.True(failed.Count == 0, string.Join("\n\n", failed.Select(f => $"{(string?)f.Attribute("description")}:\n{f.Descendants("message").FirstOrDefault()?.Value}")));
        Assert.Contains(cases, c => (string?)c.Attribute("result") == "Success");
        // What breaks outside of a test, a block's set-up say, is in no result.
        Assert.True(exitCode == 0, output);
        TestContext.Current.TestOutputHelper?.WriteLine($"{cases.Count} Pester tests, {cases.Count(c => (string?)c.Attribute("result") == "Success")} passed.");
        // The skipped ones, with the reason, which the results do not have.
        foreach (var line in output.Split('\n').Where(l => l.Contains("[!]", StringComparison.Ordinal))) TestContext.Current.TestOutputHelper?.WriteLine(line.Trim());
    }

    private static string? FindWhyNot()
    {
        try
        {
            var (_, output) = RunAsync("-NoProfile", "-NonInteractive", "-Command", "$PSVersionTable.PSVersion -ge '7.4' -and [bool](Get-Module Pester -ListAvailable | Where-Object { $_.Version.Major -eq 5 })").GetAwaiter().GetResult();
            return output.Trim().EndsWith("True", StringComparison.Ordinal) ? null : "There is no PowerShell 7.4 or later with Pester 5: Install-Module Pester -MinimumVersion 5.0 -MaximumVersion 5.99.";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "There is no pwsh on the PATH; see https://aka.ms/powershell.";
        }
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("pwsh") { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Repository.Root };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["NO_COLOR"] = "1";
        // What this build made, whatever its configuration.
        start.Environment["MAPILLARY_CLI"] = Path.Combine(AppContext.BaseDirectory, "mapillary.dll");
        start.Environment["MAPILLARY_EMULATOR"] = Path.Combine(AppContext.BaseDirectory, "Mapillary.Emulator.dll");
        foreach (var variable in new[] { "MAPILLARY_TOKEN", "MAPILLARY_GRAPH_API_ENDPOINT", "ARCHIVE_ORG_ENDPOINT", "ARCHIVE_ORG_S3_ENDPOINT", "IA_ACCESS_KEY", "IA_SECRET_KEY" }) start.Environment.Remove(variable);
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output + await error);
    }
}
