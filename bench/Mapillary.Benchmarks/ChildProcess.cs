using System.Diagnostics;
using System.Globalization;

namespace Mapillary.Benchmarks;

/// <summary>What a command cost.</summary>
/// <param name="Wall">Seconds from start to end.</param>
/// <param name="Cpu">Seconds of processor time, in user and system mode, of the process and all its children.</param>
/// <param name="PeakBytes">The most memory that the process, or the largest of its children, had resident.</param>
internal sealed record Measured(double Wall, double Cpu, long PeakBytes);

/// <summary>Runs commands, and measures ours and others' alike: from outside, by GNU <c>time</c>.</summary>
internal static class ChildProcess
{
    private const int EndOfLog = 2000;

    /// <summary>This program with one of its inner verbs.</summary>
    public static string[] Inner(params string[] arguments) => [Path.Combine(AppContext.BaseDirectory, "Mapillary.Benchmarks"), "inner", .. arguments];

    /// <summary>A line of shell; <c>$1</c> and so on are the arguments.</summary>
    public static string[] Shell(string script, params string[] arguments) => ["sh", "-c", script, "sh", .. arguments];

    /// <summary>Runs a command to its end, after what was written before has reached the disk.</summary>
    /// <exception cref="InvalidOperationException">It fails; the message has the end of what it said.</exception>
    public static async Task<Measured> MeasureAsync(string[] command, IReadOnlyDictionary<string, string>? environment = null)
    {
        await RunAsync("sync");
        var folder = Directory.CreateTempSubdirectory("mapillary-bench-run-").FullName;
        var (log, times) = (Path.Combine(folder, "log"), Path.Combine(folder, "times"));
        try
        {
            var start = Stopwatch.GetTimestamp();
            var exitCode = await EndAsync(
                [Peer.Time.Path!, "--format", "%U %S %M", "--output", times, "--", "sh", "-c", "exec \"$@\" > \"$0\" 2>&1", log, .. command], environment);
            var wall = Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (exitCode != 0)
            {
                var said = await File.ReadAllTextAsync(log);
                throw new InvalidOperationException($"{string.Join(' ', command)} ended with {exitCode}: {said[Math.Max(0, said.Length - EndOfLog)..]}");
            }

            var numbers = (await File.ReadAllTextAsync(times)).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            return new Measured(wall, Number(numbers[0]) + Number(numbers[1]), (long)Number(numbers[2]) * 1024);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
    }

    /// <summary>Runs a command that is not measured.</summary>
    /// <exception cref="InvalidOperationException">It fails.</exception>
    public static async Task RunAsync(params string[] command)
    {
        var exitCode = await EndAsync(command, environment: null);
        if (exitCode != 0) throw new InvalidOperationException($"{string.Join(' ', command)} ended with {exitCode}.");
    }

    private static async Task<int> EndAsync(string[] command, IReadOnlyDictionary<string, string>? environment)
    {
        var start = new ProcessStartInfo(command[0], command[1..]);
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        await process.WaitForExitAsync();
        return process.ExitCode;
    }
}
