using Mapillary.Emulator;
using Microsoft.PowerShell;

// The module at work on this machine alone: an emulator stands for Mapillary and archive.org, and a PowerShell in this process runs Demo.ps1,
// which types what a user would type.
await using var emulator = await EmulatorHost.StartAsync(new EmulatorOptions
{
    Users = [new EmulatedUser { Name = "demo", Images = 60, Sequences = 4 }],
    GeneratedArchivedItems = 40,
});
var folder = Directory.CreateTempSubdirectory("mapillary-demo-").FullName;
Environment.SetEnvironmentVariable("MAPILLARY_GRAPH_API_ENDPOINT", emulator.GraphEndpoint.ToString());
Environment.SetEnvironmentVariable("ARCHIVE_ORG_ENDPOINT", emulator.ArchiveEndpoint.ToString());
Environment.SetEnvironmentVariable("MAPILLARY_TOKEN", emulator.Token);
// What archive.org answers is kept for a day; these answers are not to be kept for the real ones.
Environment.SetEnvironmentVariable("XDG_CACHE_HOME", Path.Combine(folder, "cache"));
Environment.SetEnvironmentVariable("LOCALAPPDATA", Path.Combine(folder, "cache"));

string[] arguments =
[
    "-NoLogo", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass",
    "-File", Path.Combine(AppContext.BaseDirectory, "Demo.ps1"), "-Folder", folder, "-Module", FindModule(),
];
return ConsoleShell.Start(bannerText: null, helpText: null, arguments);

// The build has put the module together at the top of the repository.
static string FindModule()
{
    for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
    {
        if (Path.Combine(folder, "Mapillary.psd1") is var manifest && File.Exists(manifest)) return manifest;
    }

    throw new FileNotFoundException("The demo runs within the repository, and there is no Mapillary.psd1 above it.");
}
