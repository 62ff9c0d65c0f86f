namespace Mapillary.Cli.Tests;

/// <summary><c>mapillary repair</c>: without a token, and without a request.</summary>
public class RepairTests
{
    [Fact]
    public async Task Lost_files_are_made_again_without_a_token_and_the_next_backup_fetches_nothing()
    {
        await using var run = await ConsoleRun.OpenAsync();
        Assert.Equal(0, (await run.RunAsync("backup", "anna")).ExitCode);
        var collection = Path.Combine(run.Folder, "mapillary_data", "mapillary-anna-original");
        foreach (var name in new[] { "collection.json", "manifest.jsonl.gz", "metadata.jsonl.gz" }) File.Delete(Path.Combine(collection, name));
        var (requests, fetches) = (run.Emulator.Requests.Count, run.Fetches);

        var (exitCode, shown, _) = await run.EndAsync(run.Start(token: null, ["repair", "--dry-run", collection]));

        Assert.Equal((0, 3), (exitCode, shown.Split('\n').Count(l => l.EndsWith("would be made again", StringComparison.Ordinal))));
        Assert.False(File.Exists(Path.Combine(collection, "collection.json")));
        (exitCode, var output, var error) = await run.EndAsync(run.Start(token: null, ["repair", collection]));
        Assert.True(exitCode == 0, error);
        Assert.Contains("40 images in the manifest, 40 records in the listing", output, StringComparison.Ordinal);
        Assert.Contains("warning: ", error, StringComparison.Ordinal);
        Assert.Equal(requests, run.Emulator.Requests.Count);
        Assert.Contains("nothing to repair", (await run.EndAsync(run.Start(token: null, ["repair", collection]))).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await run.RunAsync("backup", "anna")).ExitCode);
        Assert.Equal(fetches, run.Fetches);
    }

    [Fact]
    public async Task What_a_backup_cannot_go_on_with_names_the_command_and_it_helps()
    {
        await using var run = await ConsoleRun.OpenAsync();
        Assert.Equal(0, (await run.RunAsync("backup", "anna")).ExitCode);
        var collection = Path.Combine(run.Folder, "mapillary_data", "mapillary-anna-original");
        // No line, and no zeros of a power cut either.
        File.WriteAllText(Path.Combine(collection, "manifest.jsonl"), new string('x', 3 << 20));

        var (exitCode, _, error) = await run.RunAsync("backup", "anna");

        Assert.Equal(1, exitCode);
        Assert.Contains(": mapillary repair mapillary_data/mapillary-anna-original", error, StringComparison.Ordinal);
        Assert.Equal(0, (await run.RunAsync("repair", "mapillary_data/mapillary-anna-original")).ExitCode);
        var fetches = run.Fetches;
        Assert.Equal(0, (await run.RunAsync("backup", "anna")).ExitCode);
        Assert.Equal(fetches, run.Fetches);
    }

    [Fact]
    public async Task What_is_no_collection_is_an_error_and_the_others_are_repaired()
    {
        await using var run = await ConsoleRun.OpenAsync();
        await run.RunAsync("backup", "anna");
        var collection = Path.Combine(run.Folder, "mapillary_data", "mapillary-anna-original");

        Assert.Equal(2, (await run.RunAsync("repair", "nowhere", collection)).ExitCode);
        var (exitCode, _, error) = await run.RunAsync("repair", "nowhere");

        Assert.Equal(1, exitCode);
        Assert.Contains("nowhere' is not the folder of a collection", error, StringComparison.Ordinal);
    }
}
