using System.Diagnostics;
using System.Security.Cryptography;
using Mapillary.Backup;
using Mapillary.Collections.Records;
using Mapillary.Download;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Saving;
using Mapillary.Services;
using Mapillary.Tests;

namespace Mapillary.PowerShell.Tests;

/// <summary>
/// A merge whose process is killed (SIGKILL) at any moment and that is run again ends as one that was not, and between the two no picture is lost.
/// The moments are drawn from a seed each.
/// </summary>
public sealed class MergeKillTests(MergeKillTests.Account account) : IClassFixture<MergeKillTests.Account>, IDisposable
{
    private const int AllMoments = 20;

    /// <summary>Each kind of moment once.</summary>
    private const int MomentsAtHand = 5;

    /// <summary>How often a moment that came too late, the process having ended, is tried again.</summary>
    private const int Tries = 10;

    private const int KilledBySignal9 = 128 + 9;

    private readonly string _folder = Directory.CreateTempSubdirectory("mapillary-merge-").FullName;

    public static TheoryData<int> Moments => [.. Enumerable.Range(0, Thoroughness.Of(MomentsAtHand, AllMoments))];

    private string Merged => Path.Combine(_folder, "all", Account.Collection);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Moments))]
    public async Task Killed_and_run_again_a_merge_ends_as_if_nothing_had_been(int seed)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows knows no SIGKILL; there a process that is ended leaves the same.");
        var sources = Enumerable.Range(1, Account.Shards).Select(n => Path.Combine(_folder, $"{n}", Account.Collection)).ToList();
        var (what, isNow) = MomentOf(seed, sources);
        for (var left = Tries; ; left--)
        {
            foreach (var folder in Directory.EnumerateDirectories(_folder)) Directory.Delete(folder, recursive: true);
            Copy(account.Folder, _folder);
            // What is somebody's own stays, beside the shards and in one.
            await File.WriteAllTextAsync(Path.Combine(_folder, "notes.txt"), "mine", TestContext.Current.CancellationToken);
            await File.WriteAllTextAsync(Path.Combine(sources[0], "notes.txt"), "mine", TestContext.Current.CancellationToken);
            if (await IsKilledAsync(sources, isNow)) break;
            Assert.True(left > 0, $"The process was never caught alive when {what}.");
        }

        // Each picture is whole, in its shard or in the merged collection; one that has two names at this moment counts once.
        Assert.Equal(account.Pictures, PicturesIn(_folder));

        var check = await CollectionMerge.RunAsync(
            sources, Path.Combine(_folder, "all"), Account.Shards, [], 2, progress: null, SilentLog.Instance, TestContext.Current.CancellationToken);

        Assert.True((check.IsIntact, check.Images, check.Pending) == (true, Account.Images, 0), $"When {what}: {string.Join('\n', check.Missing.Concat(check.Changed).Concat(check.Unexpected))}");
        var merged = CollectionContents.Of(Merged);
        Assert.True(account.Expected.SequenceEqual(merged), $"When {what}: {string.Join('\n', account.Expected.Except(merged).Select(f => $"expected: {f}").Concat(merged.Except(account.Expected).Select(f => $"is: {f}")))}");
        Assert.Empty(sources.SelectMany(s => Directory.EnumerateFiles(s, "*.jpg", SearchOption.AllDirectories)));
        Assert.Equal(["1", "2", "3", "all", "notes.txt"], Directory.EnumerateFileSystemEntries(_folder).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
        Assert.Equal(["mine", "mine"], [File.ReadAllText(Path.Combine(_folder, "notes.txt")), File.ReadAllText(Path.Combine(sources[0], "notes.txt"))]);
    }

    /// <summary>When the process is killed: what has then just been seen.</summary>
    private (string What, Func<bool> IsNow) MomentOf(int seed, List<string> sources)
    {
        var random = new Random(seed);
        var shard = random.Next(Account.Shards);
        // Not those of the very end, when the process may be done before the signal is there.
        var picture = account.PlacesOf(shard + 1)[random.Next(account.PlacesOf(shard + 1).Count)];
        return (seed % MomentsAtHand) switch
        {
            0 => ("the merged collection is begun", () => File.Exists(Path.Combine(Merged, CollectionState.FileName))),
            1 or 2 => ($"'{picture}' leaves shard {shard + 1}", () => !File.Exists(Path.Combine(sources[shard], picture))),
            3 => ($"'{picture}' comes from shard {shard + 1}", () => File.Exists(Path.Combine(Merged, picture))),
            _ => ("the listing is packed", () => File.Exists(Path.Combine(Merged, "metadata.jsonl.gz"))),
        };
    }

    private async Task<bool> IsKilledAsync(List<string> sources, Func<bool> isNow)
    {
        var command = $"Import-Module '{Repository.File("Mapillary.psd1")}'; Merge-MapillaryCollection -LiteralPath {string.Join(',', sources.Select(s => $"'{s}'"))} '{Path.Combine(_folder, "all")}'";
        var start = new ProcessStartInfo(PowerShellProgram.Path, ["-NoProfile", "-NonInteractive", "-Command", command]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["DOTNET_ROOT"] = PowerShellProgram.DotnetRoot;
        using var process = Process.Start(start)!;
        // From the first file on by asking all the time: a merge takes milliseconds.
        var killing = Task.Factory.StartNew(
            () =>
            {
                while (!Directory.Exists(Merged))
                {
                    if (process.HasExited) return;
                    Thread.Sleep(1);
                }

                for (var i = 0; !isNow(); i++)
                    if (i % 1000 == 0 && process.HasExited) return;
                process.Kill();
            },
            TestContext.Current.CancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        await killing;
        Assert.True(process.ExitCode is 0 or KilledBySignal9, output + await error);
        return process.ExitCode == KilledBySignal9;
    }

    private static SortedSet<string> PicturesIn(string folder) =>
        new(Directory.EnumerateFiles(folder, "*.jpg", SearchOption.AllDirectories).Select(f => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f)))), StringComparer.Ordinal);

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    /// <summary>An account that is saved in shards, and on one machine.</summary>
    public sealed class Account : IAsyncLifetime
    {
        public const int Shards = 3;
        public const int Images = 300;
        public const string Collection = "mapillary-anna-256";

        private readonly string _place = Directory.CreateTempSubdirectory("mapillary-shards-").FullName;

        /// <summary>The folders of the shards, "1" to "3".</summary>
        public string Folder => Path.Combine(_place, "shards");

        public SortedDictionary<string, string> Expected { get; private set; } = null!;

        /// <summary>The hashes of all pictures.</summary>
        public SortedSet<string> Pictures { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            await using var emulator = await EmulatorHost.StartAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = Images, Sequences = 20 }] });
            for (var number = 1; number <= Shards; number++) await SaveAsync(emulator, Path.Combine(Folder, $"{number}"), Shard.Parse($"{number}/{Shards}"));
            var backup = await new UserBackup(EndpointsOf(emulator), AccessToken.Parse(emulator.Token), SilentLog.Instance).RunAsync(
                "anna", new BackupOptions { Tar = null, Save = new SaveOptions { Destination = Path.Combine(_place, "single"), Quality = ImageQuality.Thumb256 } }, null, CancellationToken.None);
            Expected = CollectionContents.Of(backup.CollectionPath!);
            // What a backup makes besides the collection itself.
            foreach (var extra in Expected.Keys.Where(k => k == "__ia_thumb__.jpg" || k.StartsWith(".meta", StringComparison.Ordinal)).ToList()) Expected.Remove(extra);
            Pictures = PicturesIn(Folder);
            // Without this nothing would be compared: each picture is its own.
            Assert.Equal(Images, Pictures.Count);
        }

        public List<string> PlacesOf(int shard)
        {
            var collection = Path.Combine(Folder, $"{shard}", Collection);
            return [.. Directory.EnumerateFiles(collection, "*.jpg", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(collection, f)).Order(StringComparer.Ordinal)];
        }

        public ValueTask DisposeAsync()
        {
            Directory.Delete(_place, recursive: true);
            return ValueTask.CompletedTask;
        }

        private static ServiceEndpoints EndpointsOf(EmulatorHost emulator) =>
            new() { Graph = emulator.GraphEndpoint, Archive = emulator.ArchiveEndpoint, ArchiveS3 = emulator.S3Endpoint };

        private static async Task SaveAsync(EmulatorHost emulator, string destination, Shard shard)
        {
            var endpoints = EndpointsOf(emulator);
            using var graph = new GraphClient(endpoints.Graph, AccessToken.Parse(emulator.Token));
            using var saver = new ImageSaver(new SaveOptions { Destination = destination, Quality = ImageQuality.Thumb256 }, FetchRules.For(endpoints), graph, SilentLog.Instance);
            await foreach (var saved in saver.SaveAsync(new ImageListing(graph).OfUserAsync("anna", new ImageFilter { Shard = shard }), CancellationToken.None)) Assert.Null(saved.Error);
        }
    }
}
