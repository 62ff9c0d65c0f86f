using System.Text.Json;
using Mapillary.Tests;

namespace Mapillary.PowerShell.Tests;

/// <summary>Runs the Pester suites, each in a PowerShell of its own; each suite is a test here, and each of its failures is told.</summary>
public class PesterTests
{
    public static TheoryData<string> Suites => [.. PesterSuite.All.Except([.. PesterProcessTests.Suites, PackageTests.Suite])];

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

/// <summary>Those that start a PowerShell for most of their tests, and wait for it: beside the others.</summary>
public class PesterProcessTests
{
    public static readonly string[] Suites = ["Archive.Tests.ps1", "Cluster.Tests.ps1", "Life.Tests.ps1", "Remoting.Tests.ps1", "Scheduled.Tests.ps1"];

    public static TheoryData<string> Data => [.. Suites];

    [Theory]
    [MemberData(nameof(Data))]
    public Task Pester_suite_passes(string suite) => PesterSuite.AssertPassesAsync(suite);
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
