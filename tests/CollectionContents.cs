using System.IO.Compression;
using System.Text.RegularExpressions;

namespace Mapillary.Tests;

/// <summary>What a collection holds, to be held against another one: each file by its name, without what tells when and in which order it was made.</summary>
internal static partial class CollectionContents
{
    public static SortedDictionary<string, string> Of(string collection)
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFiles(collection, "*", SearchOption.AllDirectories))
        {
            var name = Path.GetRelativePath(collection, path);
            if (name.StartsWith("download.log.", StringComparison.Ordinal) || name == ".lock") continue;
            files[name] = name switch
            {
                "collection.json" => Updated().Replace(File.ReadAllText(path), ""),
                // A line as soon as an image is finished, whichever is first.
                "metadata.jsonl.gz" or "manifest.jsonl.gz" => string.Join('\n', Unpacked(path).Split('\n').Order(StringComparer.Ordinal)),
                _ => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(path))),
            };
        }

        return files;
    }

    private static string Unpacked(string path)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        return reader.ReadToEnd();
    }

    [GeneratedRegex("""
        "updated": "[^"]*",
        """)]
    private static partial Regex Updated();
}
