using System.Text.Json;

namespace Mapillary.Cli.Tests;

/// <summary>The exit code tells how the work ended, whatever became of what was said of it.</summary>
public class StandardStreamsTests
{
    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(ConsoleRun run, string redirection, params string[] arguments)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "A POSIX shell closes the streams, and only Linux has /dev/full.");
        return await run.EndAsync(run.Start(run.Emulator.Token, arguments, redirection: redirection));
    }

    [Theory]
    [InlineData(">&-")]
    [InlineData("2>&-")]
    // .NET's own pipes take all three numbers; one of them can be written to.
    [InlineData("<&- >&- 2>&-")]
    [InlineData("<&- >&-")]
    [InlineData(">/dev/full")]
    [InlineData("2>/dev/full")]
    public async Task A_backup_whose_words_nobody_gets_is_whole_and_ends_with_0(string redirection)
    {
        await using var run = await ConsoleRun.OpenAsync();

        var (exitCode, _, _) = await RunAsync(run, redirection, "backup", "anna", "--quality", "256", "--no-tar", "--verbose");

        Assert.Equal(0, exitCode);
        var collection = Path.Combine(run.Folder, "mapillary_data", "mapillary-anna-256");
        Assert.Equal(40, Directory.EnumerateFiles(collection, "*.jpg", SearchOption.AllDirectories).Count(f => Path.GetFileName(f)[0] != '_'));
        // No word of it went into a file of ours.
        Assert.True(JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(collection, "collection.json"), TestContext.Current.CancellationToken)).RootElement.GetProperty("complete").GetBoolean());
    }

    [Theory]
    [InlineData("<&- >&- 2>&-")]
    [InlineData(">/dev/full 2>/dev/full")]
    public async Task Whatever_is_missing_still_ends_with_its_own_code(string redirection)
    {
        await using var run = await ConsoleRun.OpenAsync();

        Assert.Equal(2, (await RunAsync(run, redirection, "backup", "anna", "nobody", "--quality", "256")).ExitCode);
        Assert.Equal(1, (await RunAsync(run, redirection, "backup")).ExitCode);
    }

    [Theory]
    [InlineData("<&- >&-", "standard output is closed")]
    [InlineData(">/dev/full", "No space left on device")]
    public async Task Numbers_that_cannot_be_shown_are_not_called_shown(string redirection, string reason)
    {
        await using var run = await ConsoleRun.OpenAsync();

        var (exitCode, _, error) = await RunAsync(run, redirection, "stats");

        Assert.Equal(1, exitCode);
        Assert.Contains($"The numbers could not be shown: {reason}", error, StringComparison.Ordinal);
    }
}
