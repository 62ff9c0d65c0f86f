using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using Mapillary.Backup;
using Mapillary.Cli.Tests;
using Mapillary.Collections;
using Mapillary.Collections.Records;
using Mapillary.Graph;
using Mapillary.Saving;
using Mapillary.Tests;

namespace Mapillary.Reliability.Tests;

/// <summary>
/// All passing faults of the services and of the disk together, on 600 images: the file system sets no times and its locks keep nobody out, the
/// collection's own files are emptied and zeroed between the runs, and the machine loses power. What comes out is what comes out without.
/// </summary>
public class DiskFaultMatrixTests(MatrixWorld world) : IClassFixture<MatrixWorld>
{
    private const string ResultVariable = "MAPILLARY_TEST_RESULT";
    private const int FirstRun = 250;
    private const int SecondRun = 150;
    private const int Zeroed = 5;

    [Fact]
    public async Task All_passing_faults_of_the_services_and_the_disk_together_leave_no_trace()
    {
        await using var run = await ConsoleRun.OpenAsync();
        run.Preload(PreloadLibrary.NoLocks(areGranted: false) + "\n" + PreloadLibrary.NoTimes);
        var result = Path.Combine(run.Folder, "result");
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var word in new[] { typeof(DiskFaultMatrixTests).Assembly.Location, "-explicit", "on", "-method", $"*{nameof(Within_a_process_that_has_such_a_disk)}", "-noColor" }) start.ArgumentList.Add(word);
        start.Environment["LD_PRELOAD"] = run.Variables["LD_PRELOAD"];
        start.Environment[ResultVariable] = result;

        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.True(process.ExitCode == 0 && output.Contains("Total: 1, Errors: 0, Failed: 0, Skipped: 0, Not Run: 0", StringComparison.Ordinal), output + await error);
        // This really was such a disk.
        Assert.All(MatrixWorld.PicturesOf(result), p => Assert.True(File.GetLastWriteTimeUtc(Path.Combine(result, p)) > DateTime.UtcNow.AddHours(-1)));
        var tree = Tree.Read(result);
        foreach (var kept in tree.Keys.Where(p => p.StartsWith(".damaged-", StringComparison.Ordinal)).ToList()) tree.Remove(kept);
        // How an image was made is not known any more where the manifest was lost.
        tree["manifest.jsonl.gz"] = ManifestOf(result);
        var expected = new SortedDictionary<string, string>(world.Contents, StringComparer.Ordinal) { ["manifest.jsonl.gz"] = ManifestOf(world.Folder) };
        Tree.AssertSame(expected, tree);
    }

    /// <summary>Run by the test above, in a process of its own.</summary>
    [Fact(Explicit = true)]
    public async Task Within_a_process_that_has_such_a_disk()
    {
        var result = Environment.GetEnvironmentVariable(ResultVariable);
        Assert.SkipWhen(result is null, "Run by another test.");
        await using var place = await Workplace.OpenAsync(MatrixWorld.Options(FaultMatrixTests.AllPassing(FaultMatrixTests.PassingInContent)));

        // Power is lost, and of the collection's own files nothing is left.
        var first = await RunAsync(place, FirstRun);
        Assert.Equal((BackupStatus.Stopped, FirstRun), (first.Status, first.Ledger.Saved));
        var staged = first.CollectionPath!;
        ZeroPictures(staged, seed: 1);
        File.WriteAllBytes(Path.Combine(staged, "collection.json"), []);
        Zero(Path.Combine(staged, "manifest.jsonl"));
        File.WriteAllBytes(Path.Combine(staged, "metadata.jsonl"), []);

        var second = await RunAsync(place, SecondRun);
        Assert.Equal((BackupStatus.Stopped, SecondRun), (second.Status, second.Ledger.Saved));
        Assert.Equal([".damaged-collection.json", ".damaged-manifest.jsonl"], Directory.EnumerateFiles(staged, ".damaged-*").Select(Path.GetFileName).Order(StringComparer.Ordinal));

        // Power is lost again; the manifest is whole, and names pictures that are not.
        var there = FirstRun - Zeroed + SecondRun;
        Assert.Equal(there, CollectionState.Read(staged)!.Images);
        ZeroPictures(staged, seed: 2);
        File.WriteAllText(Path.Combine(staged, ".lock.owner"), "process 1 on a machine\n00000000-0000-4000-8000-000000000000");

        var third = await RunAsync(place, images: null);

        MatrixWorld.AssertLedger(new Ledger(MatrixWorld.Images - (there - Zeroed), there - Zeroed, 0, 0), third, place);
        Assert.Equal(BackupStatus.Complete, third.Status);
        Assert.Equal(3, place.Log.Warned.Count(w => w.Contains("no locks that keep other processes out", StringComparison.Ordinal)));
        Secrets.AssertKept(place.Emulator, place.Folder, [.. place.Log.Said, .. place.Log.Warned]);
        Directory.Move(third.CollectionPath!, result!);
    }

    private static async Task<BackupResult> RunAsync(Workplace place, int? images)
    {
        using var budget = new RunBudget(new StopRules { MaximumImages = images });
        return await new UserBackup(place.Endpoints, AccessToken.Parse(place.Emulator.Token), place.Log, Workplace.QuickRetry).RunAsync(
            MatrixWorld.User,
            new BackupOptions { Save = MatrixWorld.Save with { Destination = place.Folder, Budget = budget }, Tar = null },
            progress: null,
            TestContext.Current.CancellationToken);
    }

    private static void ZeroPictures(string collection, int seed)
    {
        var pictures = MatrixWorld.PicturesOf(collection).Select(p => Path.Combine(collection, p)).Where(p => File.ReadAllBytes(p)[0] != 0).ToArray();
        new Random(seed).Shuffle(pictures);
        Array.ForEach(pictures[..Zeroed], Zero);
    }

    private static void Zero(string file) => File.WriteAllBytes(file, new byte[new FileInfo(file).Length]);

    /// <summary>A manifest's lines in the order of their texts, without how the images were made.</summary>
    private static string ManifestOf(string collection)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(Path.Combine(collection, "manifest.jsonl.gz")), CompressionMode.Decompress), Encoding.UTF8);
        var lines = reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line =>
        {
            var entry = JsonNode.Parse(line)!.AsObject();
            entry.Remove("made");
            entry.Remove("warning");
            return entry.ToJsonString();
        });
        return string.Join('\n', lines.Order(StringComparer.Ordinal));
    }
}
