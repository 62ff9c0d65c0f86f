using System.Diagnostics;
using System.Text.RegularExpressions;
using Mapillary.Tests;

namespace Mapillary.PowerShell.Tests;

/// <summary>What someone meets who has just cloned the repository: the demo, the lines that it ends with, a module that is not built yet.</summary>
public partial class FirstTouchTests(Engine engine)
{
    [Fact]
    public async Task The_demo_types_the_main_job_and_ends_with_three_lines_that_work_as_printed()
    {
        var (exitCode, screen) = await RunAsync("dotnet", engine.Folder, [Path.Combine(AppContext.BaseDirectory, "Mapillary.Demo.dll")]);

        Assert.True(exitCode == 0, screen);
        foreach (var line in new[]
        {
            "PS> Get-MapillaryImage -User demo | Save-MapillaryImage -Webp | New-SequenceTar | Export-IaMetadata",
            "   60 Present",
            "PS> Test-MapillaryCollection mapillary_data/mapillary-demo-original-webp",
            "PS> Get-IaStats",
            "mapillary backup",
        }) Assert.Contains(line, screen, StringComparison.Ordinal);
        Assert.DoesNotContain("WARNING", screen, StringComparison.Ordinal);
        var map = MapLine().Match(screen).Groups[1].Value;
        Assert.StartsWith("<!DOCTYPE html>", await File.ReadAllTextAsync(map, TestContext.Current.CancellationToken), StringComparison.OrdinalIgnoreCase);
        Directory.Delete(Path.GetFullPath(Path.Combine(map, "../../..")), recursive: true);

        // The user is the emulator's, too; only the token is the reader's own.
        var lines = TypedLine().Matches(screen).Select(m => m.Groups[1].Value).ToList();
        Assert.Equal(3, lines.Count);
        var script = string.Join('\n', lines).Replace("MLY|...", engine.Emulator.Token, StringComparison.Ordinal);
        var folder = CopyModule("lines");
        var (lineExitCode, output) = await RunAsync(PowerShellProgram.Path, folder, ["-NoProfile", "-NonInteractive", "-Command", $"$ErrorActionPreference = 'Stop'\n{script}"]);

        Assert.True(lineExitCode == 0, output);
        Assert.Equal(4, Directory.GetFiles(Path.Combine(folder, "mapillary_data", "mapillary-anna-original-webp"), "*.tar").Length);
    }

    [Theory]
    [InlineData("Mapillary.PowerShell.dll")]
    [InlineData("Mapillary.Core.dll")]
    [InlineData("Mapillary.Types.psd1")]
    [InlineData("Mapillary.Format.ps1xml")]
    public async Task A_module_that_is_not_built_or_only_half_says_so_and_how_to_build_it(string missing)
    {
        var folder = CopyModule($"without-{missing}");
        File.Delete(Path.Combine(folder, "bin", missing));

        var (exitCode, output) = await RunAsync(PowerShellProgram.Path, folder, ["-NoProfile", "-NonInteractive", "-Command", "try { Import-Module ./Mapillary.psd1 } catch { \"$_\"; exit 3 }"]);

        Assert.Equal(3, exitCode);
        Assert.Equal($"The module is not built: '{Path.Combine(folder, "bin", missing)}' is missing. Run 'dotnet build -c Release' in '{folder}', then import it again.", output.Trim());
    }

    private string CopyModule(string name)
    {
        var folder = Directory.CreateDirectory(Path.Combine(engine.Folder, name)).FullName;
        var bin = Directory.GetFiles(Repository.File("bin"), "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Repository.Root, f));
        foreach (var file in bin.Append("Mapillary.psd1").Append("Mapillary.psm1"))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, file))!);
            File.Copy(Repository.File(file), Path.Combine(folder, file));
        }

        return folder;
    }

    private static Task<(int ExitCode, string Output)> RunAsync(string program, string folder, string[] arguments) =>
        PowerShellProgram.RunAsync(new ProcessStartInfo(program, arguments) { WorkingDirectory = folder }, TestContext.Current.CancellationToken);

    [GeneratedRegex(@"^The map: (.+?)\r?$", RegexOptions.Multiline)]
    private static partial Regex MapLine();

    [GeneratedRegex(@"^    (\S.+?)\r?$(?=(?:\r?\n    \S.*)*\r?\n\r?\nWithout PowerShell)", RegexOptions.Multiline)]
    private static partial Regex TypedLine();
}
