using Mapillary.Emulator;

namespace Mapillary.Benchmarks;

/// <summary>How long PowerShell takes to load the module, and to have the first image of a large account.</summary>
internal static class ImportComparison
{
    private const string Manifest = "Mapillary.psd1";
    private const int AccountImages = 20_000;

    public static async Task<IReadOnlyList<Goal>> RunAsync(Bench bench)
    {
        if (!Peer.PowerShell.IsThere("import")) return [];
        var root = AppContext.BaseDirectory;
        while (root is not null && !File.Exists(Path.Combine(root, Manifest))) root = Path.GetDirectoryName(root);
        if (root is null)
        {
            Console.WriteLine($"{Manifest} is nowhere above {AppContext.BaseDirectory}; left out: import.");
            return [];
        }

        await using var emulator = await EmulatorHost.StartAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = "anna", Images = AccountImages }] });
        var environment = new Dictionary<string, string>
        {
            ["MAPILLARY_GRAPH_API_ENDPOINT"] = emulator.GraphEndpoint.ToString(),
            ["ARCHIVE_ORG_ENDPOINT"] = emulator.ArchiveEndpoint.ToString(),
            ["MAPILLARY_TOKEN"] = emulator.Token,
            ["POWERSHELL_TELEMETRY_OPTOUT"] = "1",
            ["POWERSHELL_UPDATECHECK"] = "Off",
        };
        var import = $"$ErrorActionPreference = 'Stop'; Import-Module '{Path.Combine(root, Manifest)}'";
        var imported = new Contender("pwsh, Import-Module", () => ShellAsync(import));
        var first = new Contender("pwsh, Import-Module, the first image of 20,000", () => ShellAsync($"{import}; if (-not (Get-MapillaryImage -User anna | Select-Object -First 1)) {{ throw 'none' }}"));
        var empty = new Contender("pwsh, nothing", () => ShellAsync("1"));
        var race = new Race(bench, "import", "a PowerShell of its own each; ratios to one that does nothing", [imported, first, empty]);
        await race.RunAsync();
        var (importing, firstImage) = (race.MedianOf(imported, m => m.Wall) - race.MedianOf(empty, m => m.Wall), race.MedianOf(first, m => m.Wall) - race.MedianOf(imported, m => m.Wall));
        Console.WriteLine(FormattableString.Invariant($"import {importing * 1e3:0} ms; first image after that {firstImage * 1e3:0} ms, a page of 2,000 records from the emulator included"));
        return [new Goal("import: under 150 ms over an empty PowerShell", importing * 1e3, 150)];

        Task<Measured> ShellAsync(string command) => ChildProcess.MeasureAsync([Peer.PowerShell.Path!, "-NoProfile", "-NonInteractive", "-Command", command], environment);
    }
}
