using System.Diagnostics;
using System.Text.RegularExpressions;
using Mapillary.Collections;
using Mapillary.Download;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.InternetArchive.Client;
using Mapillary.Saving;
using Mapillary.Services;

namespace Mapillary.Tests;

/// <summary>An emulator, a folder of its own, and what is needed to work with both.</summary>
public sealed partial class Workplace : IAsyncDisposable
{
    /// <summary>Waits so short that a test with retries ends at once; how many there are is what counts.</summary>
    public static readonly RetryRules QuickRetry = new()
    {
        FirstWait = TimeSpan.FromMilliseconds(1),
        LongestWait = TimeSpan.FromMilliseconds(5),
        RateLimitWait = TimeSpan.FromMilliseconds(2),
    };

    private Workplace(EmulatorHost emulator, string folder)
    {
        Emulator = emulator;
        Folder = folder;
        Graph = new GraphClient(emulator.GraphEndpoint, AccessToken.Parse(emulator.Token), QuickRetry, Log);
    }

    public EmulatorHost Emulator { get; }

    public string Folder { get; }

    public GraphClient Graph { get; }

    public RecordingLog Log { get; } = new();

    public ServiceEndpoints Endpoints => new() { Graph = Emulator.GraphEndpoint, Archive = Emulator.ArchiveEndpoint, ArchiveS3 = Emulator.S3Endpoint, Tiles = Emulator.TilesEndpoint };

    public ArchiveKeys Keys => ArchiveKeys.Parse(Emulator.S3AccessKey, Emulator.S3SecretKey);

    public ImageListing Listing => new(Graph);

    public string Collection(string user, string suffix = "original") => Path.Combine(Folder, $"mapillary-{user}-{suffix}");

    public static async Task<Workplace> OpenAsync(EmulatorOptions? options = null)
    {
        var emulator = await EmulatorHost.StartAsync(options ?? new EmulatorOptions(), TestContext.Current.CancellationToken);
        return new Workplace(emulator, Directory.CreateTempSubdirectory("mapillary-test-").FullName);
    }

    public ImageSaver Saver(SaveOptions? options = null, GraphClient? graph = null, FetchRules? rules = null) => new(
        (options ?? new SaveOptions()) with { Destination = Folder },
        rules ?? FetchRules.For(Endpoints, QuickRetry),
        graph ?? Graph,
        Log);

    /// <summary>Lists a user's images and saves them.</summary>
    public async Task<List<SavedImage>> SaveAsync(string user, SaveOptions? options = null)
    {
        using var saver = Saver(options);
        return await ToListAsync(saver.SaveAsync(Listing.OfUserAsync(user, ImageFilter.None), TestContext.Current.CancellationToken));
    }

    public int Fetches => Emulator.Requests.Count(r => r.Server == ServerKind.Cdn);

    public int Pages => Emulator.Requests.Count(r => r.Server == ServerKind.Graph && r.PathAndQuery.StartsWith("/images?creator", StringComparison.Ordinal));

    public static async Task<List<T>> ToListAsync<T>(IAsyncEnumerable<T> items)
    {
        var list = new List<T>();
        await foreach (var item in items) list.Add(item);
        return list;
    }

    /// <summary>Runs a program and gives its output; skips the test where it is not installed.</summary>
    public static string Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["TZ"] = "UTC";
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip($"{program} is not installed.");
            throw;
        }

        using (process)
        {
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}: {output}");
            return output;
        }
    }

    /// <summary>Runs a line of the shell in a folder; skips the test where zip is in it and is not installed.</summary>
    public static void Shell(string folder, string line)
    {
        if (Zip().IsMatch(line)) Run("zip", "--version");
        Run("sh", "-ec", $"cd '{folder}' && {line}");
    }

    public async ValueTask DisposeAsync()
    {
        Graph.Dispose();
        Directory.Delete(Folder, recursive: true);
        await Emulator.DisposeAsync();
    }

    [GeneratedRegex(@"\bzip ")]
    private static partial Regex Zip();
}

/// <summary>Keeps what a run said.</summary>
public sealed class RecordingLog : IRunLog
{
    private readonly List<string> _said = [];
    private readonly List<string> _warned = [];

    public IReadOnlyList<string> Said
    {
        get
        {
            lock (_said) return [.. _said];
        }
    }

    public IReadOnlyList<string> Warned
    {
        get
        {
            lock (_said) return [.. _warned];
        }
    }

    public void Say(string message)
    {
        lock (_said) _said.Add(message);
    }

    public void Warn(string message)
    {
        lock (_said) _warned.Add(message);
    }
}
