using System.Diagnostics;
using System.Text.Json;

namespace Mapillary.Tests.Imaging;

/// <summary>Programs by others that read what we write. A test that needs one is skipped where it is not installed.</summary>
internal static class Tool
{
    public static byte[] Run(string program, params string[] arguments) => RunFor(program, null, arguments).Output;

    public static (int ExitCode, byte[] Output, string Errors) RunFor(string program, byte[]? input, params string[] arguments)
    {
        Require(program);
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var errors = process.StandardError.ReadToEndAsync();
        var writing = Task.Run(() =>
        {
            using var stream = process.StandardInput.BaseStream;
            stream.Write(input ?? []);
        });
        using var output = new MemoryStream();
        process.StandardOutput.BaseStream.CopyTo(output);
        process.WaitForExit();
        writing.Wait();
        return (process.ExitCode, output.ToArray(), errors.Result);
    }

    public static void Require(string program)
    {
        var name = OperatingSystem.IsWindows() ? program + ".exe" : program;
        var found = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(d => File.Exists(Path.Combine(d, name)));
        Assert.SkipUnless(found, $"{program} is not installed");
    }

    /// <summary>What exiftool reads from every file of a folder, by file name and then by group and tag, values as numbers where they are.</summary>
    public static Dictionary<string, Dictionary<string, string>> ExifTool(string folder, params string[] arguments)
    {
        var (_, output, errors) = RunFor("exiftool", null, ["-json", "-n", "-a", .. arguments, folder]);
        Assert.True(output.Length > 0, errors);
        using var json = JsonDocument.Parse(output);
        return json.RootElement.EnumerateArray().ToDictionary(
            file => Path.GetFileName(file.GetProperty("SourceFile").GetString()!),
            file => file.EnumerateObject().Where(p => p.Name != "SourceFile").GroupBy(p => p.Name).ToDictionary(g => g.Key, g => string.Join(" | ", g.Select(p => p.Value.ToString()))));
    }

    /// <summary>All warnings and errors that exiftool's validation has for every file of a folder.</summary>
    public static Dictionary<string, IReadOnlyList<string>> ExifToolFaults(string folder, params string[] arguments) =>
        // Without the number of the copy, JSON has only the first of several warnings.
        ExifTool(folder, ["-G4", "-validate", "-warning", "-error", .. arguments]).ToDictionary(
            file => file.Key,
            file => (IReadOnlyList<string>)[.. file.Value.Where(t => t.Key.EndsWith("Warning", StringComparison.Ordinal) || t.Key.EndsWith("Error", StringComparison.Ordinal)).Select(t => t.Value)]);
}

/// <summary>A folder that goes away with the test.</summary>
internal sealed class ScratchFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("imaging-").FullName;

    public string Write(string name, IEnumerable<ReadOnlyMemory<byte>> pieces)
    {
        var path = System.IO.Path.Combine(Path, name);
        using var file = File.Create(path);
        foreach (var piece in pieces) file.Write(piece.Span);
        return path;
    }

    public string Write(string name, byte[] bytes) => Write(name, [bytes]);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
