using System.Formats.Tar;
using Mapillary;
using Mapillary.Cli;
using Mapillary.Emulator;
using Mapillary.Imaging;
using MetadataExtractor;
using Directory = System.IO.Directory;

// The main job from end to end on this machine alone: an emulator stands for Mapillary and archive.org, and the console front end
// runs against it as it would against the real ones.
const string User = "demo";
const int Images = 60;

await using var emulator = await EmulatorHost.StartAsync(new EmulatorOptions { Users = [new EmulatedUser { Name = User, Images = Images, Sequences = 4 }] });
Environment.SetEnvironmentVariable("MAPILLARY_GRAPH_API_ENDPOINT", emulator.GraphEndpoint.ToString());
Environment.SetEnvironmentVariable("ARCHIVE_ORG_ENDPOINT", emulator.ArchiveEndpoint.ToString());
Environment.SetEnvironmentVariable("MAPILLARY_TOKEN", emulator.Token);
var folder = Directory.CreateTempSubdirectory("mapillary-demo-").FullName;
Console.WriteLine($"An emulated Mapillary runs at {emulator.GraphEndpoint}, with a user '{User}' of {Images} photos in 4 sequences.");

if (!await BackUpAsync("mapillary-demo-original")) return 1;
Console.WriteLine();
Console.WriteLine("What is now in one of the photos, read back by another library:");
ShowMetadata(Path.Combine(folder, "mapillary-demo-original"));

Console.WriteLine();
try
{
    WebpEncoder.Find();
    Console.WriteLine("cwebp is here, so the same once more as WebP:");
    if (!await BackUpAsync("mapillary-demo-original-webp", "--webp")) return 1;
    Console.WriteLine();
    Console.WriteLine($"As JPEG {ByteSize.Format(TarsOf("mapillary-demo-original"))}, as WebP {ByteSize.Format(TarsOf("mapillary-demo-original-webp"))}.");
}
catch (EncoderMissingException e)
{
    Console.WriteLine($"The WebP way is left out: {e.Message}");
}

Console.WriteLine();
Console.WriteLine("The same in PowerShell 7.4 or later, with your own token and user name:");
Console.WriteLine();
Console.WriteLine("    Import-Module ./Mapillary.psd1");
Console.WriteLine("    $env:MAPILLARY_TOKEN = 'MLY|...'");
Console.WriteLine("    Get-MapillaryImage -User <name> | Save-MapillaryImage -Webp | New-SequenceTar | Export-IaMetadata");
Console.WriteLine();
Console.WriteLine($"Everything the demo made is in {folder}; delete it when you have looked at it.");
return 0;

async Task<bool> BackUpAsync(string collection, params string[] options)
{
    string[] arguments = ["backup", User, "--output", folder, .. options];
    Console.WriteLine();
    Console.WriteLine($"> mapillary {string.Join(' ', arguments)}");
    var exitCode = await CommandLine.RunAsync(arguments);
    var entries = Directory.Exists(Path.Combine(folder, collection)) ? ShowTree(Path.Combine(folder, collection)) : 0;
    if (exitCode == 0 && entries == Images) return true;
    Console.Error.WriteLine($"The demo failed: exit code {exitCode}, {entries} of {Images} photos in the tars.");
    return false;
}

int ShowTree(string collection)
{
    Console.WriteLine();
    Console.WriteLine(Path.GetFileName(collection) + Path.DirectorySeparatorChar);
    var entries = 0;
    foreach (var file in Directory.EnumerateFiles(collection).Order(StringComparer.Ordinal))
    {
        var note = "";
        if (file.EndsWith(".tar", StringComparison.Ordinal))
        {
            var inside = EntriesOf(file).Count();
            entries += inside;
            note = $"   {inside} photos";
        }

        Console.WriteLine($"  {Path.GetFileName(file),-30} {ByteSize.Format(new FileInfo(file).Length),12}{note}");
    }

    var tags = Directory.GetDirectories(Path.Combine(collection, ".meta")).Select(Path.GetFileName).Order(StringComparer.Ordinal);
    Console.WriteLine($"  {".meta" + Path.DirectorySeparatorChar,-30} {string.Join(", ", tags)}");
    Console.WriteLine($"{entries} photos in all.");
    return entries;
}

void ShowMetadata(string collection)
{
    var (name, bytes) = EntriesOf(Directory.EnumerateFiles(collection, "*.tar").Order(StringComparer.Ordinal).First()).First();
    Console.WriteLine(name);
    string[] wanted = ["Make", "Model", "Artist", "Copyright", "Date/Time Original", "Sub-Sec Time Original", "Time Zone Original", "GPS Latitude", "GPS Longitude", "GPS Altitude", "GPS Img Direction", "GPS Time-Stamp", "GPS Date Stamp"];
    using var stream = new MemoryStream(bytes);
    foreach (var tag in ImageMetadataReader.ReadMetadata(stream).SelectMany(d => d.Tags).Where(t => wanted.Contains(t.Name)))
        Console.WriteLine($"  {tag.Name,-22} {tag.Description}");
}

long TarsOf(string collection) => Directory.EnumerateFiles(Path.Combine(folder, collection), "*.tar").Sum(f => new FileInfo(f).Length);

static IEnumerable<(string Name, byte[] Bytes)> EntriesOf(string path)
{
    using var tar = new TarReader(File.OpenRead(path));
    while (tar.GetNextEntry() is { DataStream: { } data } entry)
    {
        using var copy = new MemoryStream();
        data.CopyTo(copy);
        yield return (entry.Name, copy.ToArray());
    }
}
