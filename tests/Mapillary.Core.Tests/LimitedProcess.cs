using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Mapillary.Tests;

/// <summary>Runs tests in a process of their own whose memory ends where theirs should.</summary>
internal static class LimitedProcess
{
    private const string Variable = "MAPILLARY_TEST_UNDER_LIMIT";

    /// <summary>All that .NET may have, of which the runner of tests needs some 20 MiB itself.</summary>
    private const long HeapLimit = 192L << 20;

    private static readonly TimeSpan HangsAfter = TimeSpan.FromMinutes(15);

    /// <summary>Skips a test that is for the process with the limit.</summary>
    public static void Require() => Assert.SkipUnless(Environment.GetEnvironmentVariable(Variable) == "1", "Runs in a process whose memory is limited, which another test starts.");

    /// <summary>Runs the tests of a class under the limit.</summary>
    public static async Task RunAsync(Type tests, CancellationToken cancellationToken, long heapLimit = HeapLimit)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in new[] { tests.Assembly.Location, "-class", tests.FullName!, "-noColor" }) start.ArgumentList.Add(argument);
        start.Environment[Variable] = "1";
        start.Environment["DOTNET_GCHeapHardLimit"] = heapLimit.ToString("x", System.Globalization.CultureInfo.InvariantCulture);
        using var process = Process.Start(start)!;
        var said = Task.WhenAll(process.StandardOutput.ReadToEndAsync(cancellationToken), process.StandardError.ReadToEndAsync(cancellationToken));
        try
        {
            await process.WaitForExitAsync(cancellationToken).WaitAsync(HangsAfter, cancellationToken);
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }

        var output = string.Join('\n', await said);
        Assert.True(process.ExitCode == 0, output);
        Assert.True(Regex.IsMatch(output, @"Total: [1-9][0-9]*, Errors: 0, Failed: 0, Skipped: 0"), output);
    }
}
