using System.Text.RegularExpressions;
using Mapillary.Tests;

namespace Mapillary.PowerShell.Tests;

/// <summary>The sample of a tested script, and the tests that its page shows, in Pester.</summary>
public partial class TestedScriptsTests(Engine engine)
{
    [Fact]
    public void The_sample_and_the_tests_of_its_page_pass()
    {
        using var session = engine.Open("tested-scripts");
        var page = File.ReadAllText(Repository.File("docs", "testing-scripts.md")).Replace("using module Mapillary\n", $"using module '{Repository.File("Mapillary.psd1")}'\n", StringComparison.Ordinal);
        var snippets = Snippet().Matches(page).Select(m => m.Groups[1].Value).ToList();
        for (var i = 0; i < snippets.Count; i++) File.WriteAllText(Path.Combine(engine.Folder, "tested-scripts", $"{i}.Tests.ps1"), snippets[i]);

        // The emulator has tests of its own, and to build it here takes too long.
        var outcome = session.Run($$"""
            Import-Module '{{PowerShellProgram.Pester}}'
            $configuration = New-PesterConfiguration
            $configuration.Run.Path = '{{Repository.File("samples", "Testing")}}', '.'
            $configuration.Run.PassThru = $true
            $configuration.Filter.ExcludeTag = 'Integration'
            $configuration.Output.Verbosity = 'None'
            $result = Invoke-Pester -Configuration $configuration
            $result.Failed | ForEach-Object { "$($_.ExpandedPath): $($_.ErrorRecord)" }
            $result.Containers | Where-Object Result -EQ Failed | ForEach-Object { "$($_.Item): $($_.ErrorRecord)" }
            "$($result.Result): $($result.PassedCount)"
            """).ThrowIfFailed();

        Assert.Equal(5, snippets.Count);
        // Four of the sample, six of the page.
        Assert.Equal("Passed: 10", string.Join('\n', outcome.Output));
    }

    [GeneratedRegex("^```powershell\n((?:using|Describe) .*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Snippet();
}
