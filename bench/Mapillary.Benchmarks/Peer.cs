namespace Mapillary.Benchmarks;

/// <summary>A program of others that is compared with, or needed for comparing.</summary>
/// <param name="Name">Its name on the search path.</param>
/// <param name="HowToInstall">A command that installs it on Debian, or a word where to get it.</param>
internal sealed record Peer(string Name, string HowToInstall)
{
    public static Peer Time { get; } = new("time", "apt-get install time");

    public static Peer Nginx { get; } = new("nginx", "apt-get install nginx-light");

    public static Peer Curl { get; } = new("curl", "apt-get install curl");

    public static Peer Aria2 { get; } = new("aria2c", "apt-get install aria2");

    public static Peer Exiftool { get; } = new("exiftool", "apt-get install libimage-exiftool-perl");

    public static Peer Cwebp { get; } = new("cwebp", "apt-get install webp");

    public static Peer Vips { get; } = new("vips", "apt-get install libvips-tools");

    public static Peer Dwebp { get; } = new("dwebp", "apt-get install webp");

    public static Peer Djpeg { get; } = new("djpeg", "apt-get install libjpeg-turbo-progs");

    public static Peer Tar { get; } = new("tar", "apt-get install tar");

    public static Peer Jq { get; } = new("jq", "apt-get install jq");

    public static Peer PowerShell { get; } = new("pwsh", "https://aka.ms/powershell");

    /// <summary>Where it is; null where it is not installed. Servers lie where only root's search path leads.</summary>
    public string? Path { get; } = $"{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin".Split(':').Select(p => System.IO.Path.Combine(p, Name)).FirstOrDefault(File.Exists);

    /// <summary>Whether it is there; where it is not, says so and how to install it.</summary>
    public bool IsThere(string whatIsLeftOut)
    {
        if (Path is null) Console.WriteLine($"{Name} is not installed ({HowToInstall}); left out: {whatIsLeftOut}.");
        return Path is not null;
    }
}
