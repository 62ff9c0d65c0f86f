using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Mapillary.Tests;

/// <summary>The pwsh that runs what needs a process of its own, and the Pester that it is given.</summary>
internal static class PowerShellProgram
{
    /// <summary>The program: that of <c>MAPILLARY_TEST_PWSH</c>, else the one of the package, compiled ahead (Mapillary.TestShell).</summary>
    public static string Path { get; } = Environment.GetEnvironmentVariable("MAPILLARY_TEST_PWSH") is { Length: > 0 } other ? other : Built();

    /// <summary>The manifest of the restored Pester.</summary>
    public static string Pester { get; } = System.IO.Path.Combine(Of("Pester"), "Pester.psd1");

    /// <summary>The version of the restored PowerShell.</summary>
    public static string Version { get; } = Of("PowerShellVersion");

    /// <summary>The folder of .NET that this test runs on, for programs that look for it.</summary>
    public static string DotnetRoot { get; } = System.IO.Path.GetFullPath(System.IO.Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../.."));

    /// <summary>Runs a program, without colours, to its end.</summary>
    /// <returns>Its exit code, and what it wrote: its output, then its errors.</returns>
    public static async Task<(int ExitCode, string Output)> RunAsync(ProcessStartInfo start, CancellationToken cancellationToken)
    {
        start.RedirectStandardOutput = start.RedirectStandardError = true;
        start.Environment["NO_COLOR"] = "1";
        start.Environment["DOTNET_ROOT"] = DotnetRoot;
        // As the programs of this solution (Directory.Build.props).
        start.Environment["DOTNET_TieredPGO"] = "0";
        // Compiling again, and better, what was called thirty times pays in no process that lives for seconds: a quarter of its time.
        start.Environment["DOTNET_TC_CallCounting"] = "0";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync(cancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return (process.ExitCode, output + await error);
    }

    private static string Built()
    {
        var folder = Of("PowerShell");
        // The package has a program for the two commonest systems, and for all of them an assembly.
        if (RuntimeInformation.OSArchitecture == Architecture.X64 && !OperatingSystem.IsMacOS())
            return System.IO.Path.Combine(folder, OperatingSystem.IsWindows() ? "pwsh.exe" : "pwsh");
        var assembly = System.IO.Path.Combine(folder, "pwsh.dll");
        var program = System.IO.Path.Combine(Directory.CreateTempSubdirectory("mapillary-pwsh-").FullName, OperatingSystem.IsWindows() ? "pwsh.cmd" : "pwsh");
        File.WriteAllText(program, OperatingSystem.IsWindows() ? $"@dotnet \"{assembly}\" %*\r\n" : $"#!/bin/sh\nexec dotnet '{assembly}' \"$@\"\n");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return program;
    }

    private static string Of(string key) => typeof(PowerShellProgram).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == key).Value!;
}
