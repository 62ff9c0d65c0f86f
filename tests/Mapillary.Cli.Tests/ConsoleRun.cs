using System.Diagnostics;
using System.Runtime.InteropServices;
using Mapillary.Emulator;

namespace Mapillary.Cli.Tests;

/// <summary>The program as a process of its own, against an emulator, in a folder of its own.</summary>
public sealed class ConsoleRun : IAsyncDisposable
{
    private const int HangUp = 1;
    private const int Interrupt = 2;
    private const nint Default = 0;
    private const nint Ignore = 1;

    /// <summary>
    /// A shell starts what it runs in the background with Ctrl+C ignored, and nohup with the end of the terminal; so it would be in the programs
    /// that the tests start.
    /// </summary>
    static ConsoleRun()
    {
        if (OperatingSystem.IsWindows()) return;
        // What is done about the signal comes first in that structure, whose size differs between systems.
        var action = new byte[256];
        foreach (var signal in new[] { HangUp, Interrupt })
            if (GetAction(signal, 0, action) == 0 && MemoryMarshal.Read<nint>(action) == Ignore) _ = Set(signal, Default);
    }

    private ConsoleRun(EmulatorHost emulator) => Emulator = emulator;

    public EmulatorHost Emulator { get; }

    public string Folder { get; } = Directory.CreateTempSubdirectory("mapillary-cli-").FullName;

    public int Fetches => Emulator.Requests.Count(r => r.Server == ServerKind.Cdn);

    /// <summary>Environment variables that the program gets besides those for its services; null takes one away.</summary>
    public Dictionary<string, string?> Variables { get; } = [];

    public static async Task<ConsoleRun> OpenAsync(EmulatorOptions? options = null) =>
        new(await EmulatorHost.StartAsync(options ?? new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = 40, Sequences = 3 }] }, TestContext.Current.CancellationToken));

    /// <param name="token">The access token.</param>
    /// <param name="arguments">What stands behind the program's name.</param>
    /// <param name="programFolder">Where the program is; beside the tests when null.</param>
    /// <param name="redirection">What a shell does with its streams, such as <c>&gt;&amp;-</c>; null for no shell.</param>
    public Process Start(string? token, string[] arguments, string? programFolder = null, string? redirection = null)
    {
        var native = programFolder is null ? Environment.GetEnvironmentVariable("MAPILLARY_TEST_PROGRAM") : null;
        var program = native ?? (Environment.ProcessPath is { } self && Path.GetFileNameWithoutExtension(self) == "dotnet" ? self : "dotnet");
        var start = new ProcessStartInfo(redirection is null ? program : "/bin/sh")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Folder,
        };
        foreach (var word in redirection is null ? [] : new[] { "-c", $"exec \"$0\" \"$@\" {redirection}", program }) start.ArgumentList.Add(word);
        if (native is null) start.ArgumentList.Add(Path.Combine(programFolder ?? AppContext.BaseDirectory, "mapillary.dll"));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["MAPILLARY_GRAPH_API_ENDPOINT"] = Emulator.GraphEndpoint.ToString();
        start.Environment["ARCHIVE_ORG_ENDPOINT"] = Emulator.ArchiveEndpoint.ToString();
        start.Environment["XDG_CACHE_HOME"] = Path.Combine(Folder, "cache");
        start.Environment["LOCALAPPDATA"] = Path.Combine(Folder, "cache");
        start.Environment["MAPILLARY_TOKEN"] = token;
        foreach (var (name, value) in Variables) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    public Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments) => EndAsync(Start(Emulator.Token, arguments));

    /// <summary>Waits for the end; whatever was said must not hold the token.</summary>
    public async Task<(int ExitCode, string Output, string Error)> EndAsync(Process process)
    {
        using (process)
        {
            var error = process.StandardError.ReadToEndAsync();
            var output = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            Assert.DoesNotContain(Emulator.Token, output + await error, StringComparison.Ordinal);
            return (process.ExitCode, output, await error);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Directory.Delete(Folder, recursive: true);
        await Emulator.DisposeAsync();
    }

    [DllImport("libc", EntryPoint = "sigaction")]
    private static extern int GetAction(int signal, nint action, byte[] old);

    [DllImport("libc", EntryPoint = "signal")]
    private static extern nint Set(int signal, nint handler);
}
