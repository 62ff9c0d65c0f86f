using System.Diagnostics;
using System.IO.Compression;
using System.Text.Json;
using Mapillary.Cli.Tests;
using Mapillary.Emulator;

namespace Mapillary.Reliability.Tests;

/// <summary>What <c>mapillary backup anna</c> leaves, whole or not, in a folder of its own.</summary>
public static class BackupRun
{
    public const string User = "anna";
    public const int Images = 160;
    public const int Workers = 8;

    /// <summary>Two days, so two tars, of three sequences each.</summary>
    public static EmulatorOptions Options { get; } = new() { Users = [new EmulatedUser { Name = User, Images = Images, Sequences = 6 }], PageLimit = 40 };

    public static string[] Arguments(bool webp, string output = "mapillary_data") =>
        ["backup", User, "--quality", "256", "--workers", $"{Workers}", "--output", output, .. webp ? new[] { "--webp" } : []];

    public static async Task<ConsoleRun> OpenAsync(EmulatorOptions? options = null) => (await ConsoleRun.OpenAsync(options ?? Options)).WithKeys();

    /// <summary>Where the collections of a run appear.</summary>
    public static string Output(this ConsoleRun run) => Path.Combine(run.Folder, "mapillary_data");

    /// <summary>Where the collection is while it is being made, and where it is once it is whole.</summary>
    public static string Staging(string output, bool webp = false) => Path.Combine(output, ".staging", Name(webp));

    public static string Place(string output, bool webp = false) => Path.Combine(output, Name(webp));

    /// <summary>What a collection's manifest has as finished, wherever the collection is; a last line that is only half there is nothing.</summary>
    public static Dictionary<string, JsonElement> Finished(string output, bool webp = false)
    {
        var entries = new Dictionary<string, JsonElement>();
        foreach (var collection in new[] { Staging(output, webp), Place(output, webp) })
        {
            // While one is being made of the other, both are there, and the plain one counts.
            var (plain, packed) = (Path.Combine(collection, "manifest.jsonl"), Path.Combine(collection, "manifest.jsonl.gz"));
            var text = File.Exists(plain) ? File.ReadAllText(plain) : File.Exists(packed) ? Unpack(packed) : "";
            foreach (var line in text.Split('\n')[..^1])
            {
                var entry = JsonDocument.Parse(line).RootElement;
                // A line without an id tells of a tar.
                if (entry.TryGetProperty("id", out var id)) entries[id.GetString()!] = entry;
            }
        }

        return entries;
    }

    /// <summary>The image that stands first in a finished collection's listing: the one whose small rendition becomes the thumbnail.</summary>
    public static string OfThumbnail(string output, bool webp) =>
        JsonDocument.Parse(Unpack(Path.Combine(Place(output, webp), "metadata.jsonl.gz")).Split('\n')[0]).RootElement.GetProperty("id").GetString()!;

    /// <summary>Every image that the manifest has is whole: as a file of that hash, or in its tar.</summary>
    public static void AssertFinishedAreWhole(string output, bool webp = false)
    {
        foreach (var (id, entry) in Finished(output, webp))
        {
            var collection = Directory.Exists(Staging(output, webp)) ? Staging(output, webp) : Place(output, webp);
            var bytes = entry.TryGetProperty("tar", out var tar)
                ? TarEntry(Path.Combine(collection, tar.GetString()!), entry.GetProperty("path").GetString()!)
                : File.ReadAllBytes(Path.Combine(collection, entry.GetProperty("path").GetString()!));
            Assert.True(Tree.Hash(bytes) == entry.GetProperty("sha256").GetString(), $"Image {id} is not what the manifest says.");
        }
    }

    /// <summary>Calls when a change is seen to a file whose path ends so, once, at the how manieth of its kind. The watch ends with what is returned.</summary>
    public static FileSystemWatcher OnChange(this ConsoleRun run, WatcherChangeTypes change, string end, int time, Action act)
    {
        var left = time;
        var watcher = new FileSystemWatcher(run.Folder) { IncludeSubdirectories = true, InternalBufferSize = 1 << 16 };
        watcher.Created += See;
        watcher.Changed += See;
        watcher.Deleted += See;
        watcher.Renamed += See;
        watcher.EnableRaisingEvents = true;
        return watcher;

        void See(object sender, FileSystemEventArgs e)
        {
            if (e.ChangeType == change && e.FullPath.EndsWith(end, StringComparison.Ordinal) && Interlocked.Decrement(ref left) == 0) act();
        }
    }

    /// <summary>Waits for a process to end by itself; one that does not is ended, and the test fails.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> EndByItselfAsync(this ConsoleRun run, Process process)
    {
        var id = process.Id;
        var end = run.EndAsync(process);
        if (await Task.WhenAny(end, Task.Delay(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken)) != end)
        {
            using (var stuck = Process.GetProcessById(id)) stuck.Kill();
            Assert.Fail("The process did not end by itself.");
        }

        return await end;
    }

    private static string Name(bool webp) => $"mapillary-{User}-256{(webp ? "-webp" : "")}";

    private static string Unpack(string path)
    {
        using var packed = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
        return new StreamReader(packed).ReadToEnd();
    }

    private static byte[] TarEntry(string tar, string name)
    {
        using var reader = new System.Formats.Tar.TarReader(File.OpenRead(tar));
        while (reader.GetNextEntry() is { } entry)
        {
            if (entry.Name != name) continue;
            using var content = new MemoryStream();
            entry.DataStream!.CopyTo(content);
            return content.ToArray();
        }

        throw new InvalidDataException($"{tar} has no entry {name}.");
    }
}
