using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Mapillary.Tests;

/// <summary>Work that has to do with little memory, in a process of its own: of this one nobody knows what the other tests take.</summary>
public static class MemoryLimit
{
    /// <summary>The most memory of such a process, in bytes.</summary>
    private const long Bytes = 1L << 30;

    /// <summary>What .NET reads the limit of its heap from, hexadecimal: three quarters, which it takes by itself where a container has so much.</summary>
    public static KeyValuePair<string, string?> Variable { get; } = new("DOTNET_GCHeapHardLimit", $"{Bytes / 4 * 3:x}");

    /// <summary>In the process of its own, which test that is.</summary>
    private const string WantedTest = "MAPILLARY_TEST_IN_LIMIT";

    // Such work takes some seconds; with many more collections, as CI has them, minutes.
    private static readonly TimeSpan HangsAfter = TimeSpan.FromMinutes(15);

    /// <summary>Runs the test that calls this, and nothing else, in a process with little memory.</summary>
    /// <param name="work">What the test does there.</param>
    /// <param name="heap">The most bytes that .NET may have there, of which the runner of tests needs some 20 MiB itself.</param>
    public static async Task RunAsync(Func<Task> work, long heap = Bytes / 4 * 3)
    {
        var name = TestContext.Current.Test!.TestDisplayName;
        if (Environment.GetEnvironmentVariable(WantedTest) is not { } wanted)
        {
            await RunItselfAsync(name, heap);
            return;
        }

        Assert.SkipUnless(wanted == name, "Another row of the same test.");
        await work();
        Process.GetCurrentProcess().Refresh();
        Assert.InRange(Process.GetCurrentProcess().PeakWorkingSet64, 0, Bytes);
    }

    /// <inheritdoc cref="RunAsync(Func{Task}, long)"/>
    public static Task RunAsync(Action work, long heap) => RunAsync(
        () =>
        {
            work();
            return Task.CompletedTask;
        },
        heap);

    private static async Task RunItselfAsync(string name, long heap)
    {
        var context = TestContext.Current;
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            ArgumentList = { context.TestAssembly!.AssemblyPath, "-method", $"{context.TestClass!.TestClassName}.{context.TestMethod!.MethodName}" },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment[WantedTest] = name;
        start.Environment[Variable.Key] = $"{heap:x}";
        using var process = Process.Start(start)!;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        limit.CancelAfter(HangsAfter);
        try
        {
            var error = process.StandardError.ReadToEndAsync(limit.Token);
            var output = await process.StandardOutput.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            Assert.True(process.ExitCode == 0, $"It ended with {process.ExitCode}.\n{output}\n{await error}");
            // This row ran, and the others of its test were skipped: a name that nothing bears would pass as well.
            var counts = Regex.Match(output, @"Total: (\d+), Errors: 0, Failed: 0, Skipped: (\d+)");
            Assert.True(counts.Success && Number(1) == Number(2) + 1, output);
            int Number(int group) => int.Parse(counts.Groups[group].ValueSpan, CultureInfo.InvariantCulture);
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }
}
