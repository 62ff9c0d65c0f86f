using System.Diagnostics;

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

    // So much work takes some seconds.
    private static readonly TimeSpan HangsAfter = TimeSpan.FromMinutes(5);

    /// <summary>Runs the test that calls this, and nothing else, in a process with little memory.</summary>
    public static async Task RunAsync(Func<Task> work)
    {
        var name = TestContext.Current.Test!.TestDisplayName;
        if (Environment.GetEnvironmentVariable(WantedTest) is not { } wanted)
        {
            await RunItselfAsync(name);
            return;
        }

        Assert.SkipUnless(wanted == name, "Another row of the same test.");
        await work();
        Process.GetCurrentProcess().Refresh();
        Assert.InRange(Process.GetCurrentProcess().PeakWorkingSet64, 0, Bytes);
    }

    private static async Task RunItselfAsync(string name)
    {
        var context = TestContext.Current;
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            ArgumentList = { context.TestAssembly!.AssemblyPath, "-method", $"{context.TestClass!.TestClassName}.{context.TestMethod!.MethodName}" },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment[WantedTest] = name;
        start.Environment[Variable.Key] = Variable.Value;
        using var process = Process.Start(start)!;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        limit.CancelAfter(HangsAfter);
        try
        {
            var error = process.StandardError.ReadToEndAsync(limit.Token);
            var output = await process.StandardOutput.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            Assert.True(process.ExitCode == 0, $"It ended with {process.ExitCode}.\n{output}\n{await error}");
            // A name that nothing bears would pass as well.
            Assert.Contains("Total: ", output, StringComparison.Ordinal);
            Assert.DoesNotContain("Total: 0", output, StringComparison.Ordinal);
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }
}
