using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using Mapillary.Emulator;
using Microsoft.PowerShell;
using Shell = System.Management.Automation.PowerShell;

[assembly: AssemblyFixture(typeof(Mapillary.PowerShell.Tests.Engine))]

namespace Mapillary.PowerShell.Tests;

/// <summary>
/// A PowerShell engine in this process: sessions in which the module is imported by its manifest, as users do, and one emulator that
/// all of them ask. It has the users "anna" (24 images in 4 sequences), "ben" (6 images) and "cora" (8 images in 2 sequences).
/// </summary>
public sealed class Engine : IAsyncLifetime
{
    private EmulatorHost? _emulator;
    private volatile bool _isCoraBroken;
    private volatile string? _missingTile;

    /// <summary>A folder for what the tests write.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("mapillary-engine-").FullName;

    /// <summary>The services.</summary>
    public EmulatorHost Emulator => _emulator!;

    public async ValueTask InitializeAsync()
    {
        _emulator = await EmulatorHost.StartAsync(new EmulatorOptions
        {
            Users =
            [
                new EmulatedUser { Name = "anna", Images = 24, Sequences = 4 },
                new EmulatedUser { Name = "ben", Images = 6, Sequences = 1 },
                new EmulatedUser { Name = "cora", Images = 8, Sequences = 2 },
            ],
            // Fails at once, without waits.
            Faults =
            [
                new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.BadRequest400, Times = int.MaxValue, Which = t => _isCoraBroken && t.Ordinal >= 30 && t.Ordinal % 2 == 1 },
                new FaultRule { Server = ServerKind.Tiles, Kind = FaultKind.TileMissing404, Times = int.MaxValue, Which = t => _missingTile is { } tile && t.Path.EndsWith($"/{tile}", StringComparison.Ordinal) },
            ],
        });
        // The process's own, for that is where the cmdlets look.
        Environment.SetEnvironmentVariable("MAPILLARY_GRAPH_API_ENDPOINT", Emulator.GraphEndpoint.ToString());
        Environment.SetEnvironmentVariable("ARCHIVE_ORG_ENDPOINT", Emulator.ArchiveEndpoint.ToString());
        Environment.SetEnvironmentVariable("ARCHIVE_ORG_S3_ENDPOINT", Emulator.S3Endpoint.ToString());
        Environment.SetEnvironmentVariable("MAPILLARY_TILES_ENDPOINT", Emulator.TilesEndpoint.ToString());
        Environment.SetEnvironmentVariable("MAPILLARY_TOKEN", Emulator.Token);
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", Path.Combine(Folder, "cache"));
        Environment.SetEnvironmentVariable("LOCALAPPDATA", Path.Combine(Folder, "cache"));
    }

    /// <summary>Every second image of "cora" cannot be fetched, until what this gives is disposed of. For one test class.</summary>
    public IDisposable BreakCora()
    {
        _isCoraBroken = true;
        return new Repair(this);
    }

    /// <summary>A tile, such as 14/8191/5448, is answered with 404; null for none. For tests that are alone.</summary>
    public void LoseTile(string? tile) => _missingTile = tile;

    /// <summary>Opens a session in a folder.</summary>
    /// <param name="folder">Its current folder; made where it is missing.</param>
    public Session Open(string folder)
    {
        var state = InitialSessionState.CreateDefault2();
        if (OperatingSystem.IsWindows()) state.ExecutionPolicy = ExecutionPolicy.Bypass;
        state.ImportPSModule(Repository.File("Mapillary.psd1"));
        var runspace = RunspaceFactory.CreateRunspace(state);
        runspace.Open();
        var session = new Session(runspace);
        session.Run($"Set-Location -LiteralPath '{Directory.CreateDirectory(Path.Combine(Folder, folder)).FullName}'").ThrowIfFailed();
        return session;
    }

    public async ValueTask DisposeAsync()
    {
        Directory.Delete(Folder, recursive: true);
        await Emulator.DisposeAsync();
    }

    private sealed class Repair(Engine engine) : IDisposable
    {
        public void Dispose() => engine._isCoraBroken = false;
    }
}

/// <summary>A session without a host: where a person would be asked something, there is an error.</summary>
public sealed class Session(Runspace runspace) : IDisposable
{
    /// <summary>Runs a script to its end.</summary>
    public SessionOutcome Run(string script)
    {
        using var shell = Shell.Create(runspace);
        Collection<PSObject> output = [];
        var errors = new List<ErrorRecord>();
        try
        {
            output = shell.AddScript(script).Invoke();
        }
        catch (RuntimeException e)
        {
            errors.Add(e.ErrorRecord);
        }

        return new SessionOutcome(
            output, [.. shell.Streams.Error, .. errors], [.. shell.Streams.Debug.Select(d => d.Message)], [.. shell.Streams.Warning.Select(w => w.Message)],
            [.. shell.Streams.Information.Select(i => i.ToString())])
        {
            Verbose = [.. shell.Streams.Verbose.Select(v => v.Message)],
        };
    }

    public void Dispose() => runspace.Dispose();
}

/// <summary>What a script came to; the error that ended it, where one did, is the last of the errors.</summary>
public sealed record SessionOutcome(
    IReadOnlyList<PSObject> Output, IReadOnlyList<ErrorRecord> Errors, IReadOnlyList<string> Debug, IReadOnlyList<string> Warnings,
    IReadOnlyList<string> Information)
{
    /// <summary>What was said with -Verbose.</summary>
    public IReadOnlyList<string> Verbose { get; init; } = [];

    /// <summary>The same, where nothing went wrong.</summary>
    public SessionOutcome ThrowIfFailed()
    {
        Assert.True(Errors.Count == 0, string.Join(Environment.NewLine, Errors.Select(e => $"{e.FullyQualifiedErrorId}: {e}")));
        return this;
    }
}
