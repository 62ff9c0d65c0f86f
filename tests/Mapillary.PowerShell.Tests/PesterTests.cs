using System.Text.Json;
using Mapillary.Tests;

namespace Mapillary.PowerShell.Tests;

/// <summary>Runs the Pester suites, each in a PowerShell of its own; each suite is a test here, and each of its failures is told.</summary>
public class PesterTests
{
    public static TheoryData<string> Suites => [.. PesterSuite.All.Where(s => s != PackageTests.Suite)];

    [Theory]
    [MemberData(nameof(Suites))]
    public Task Pester_suite_passes(string suite) => PesterSuite.AssertPassesAsync(suite);

    [Fact]
    public void The_tool_manifest_has_the_PowerShell_of_the_tests()
    {
        using var manifest = JsonDocument.Parse(File.ReadAllText(Repository.File(".config", "dotnet-tools.json")));
        var version = manifest.RootElement.GetProperty("tools").GetProperty("powershell").GetProperty("version").GetString();

        Assert.Equal(version, PowerShellProgram.Version);
    }
}

/// <summary>The suite that makes the package, which takes as long as several others: beside them, and not at hand.</summary>
public class PackageTests
{
    public const string Suite = "Package.Tests.ps1";

    [Theory]
    [InlineData(Suite)]
    public Task Pester_suite_passes(string suite)
    {
        Assert.SkipUnless(Thoroughness.IsFull, "it makes the package; MAPILLARY_THOROUGH=1 has it run");
        return PesterSuite.AssertPassesAsync(suite);
    }
}
