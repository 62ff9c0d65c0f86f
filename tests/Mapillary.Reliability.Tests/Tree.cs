using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Mapillary.Collections.Records;

namespace Mapillary.Reliability.Tests;

/// <summary>What a folder holds, so that two can be compared: each file's path and the hash of its content.</summary>
public static class Tree
{
    /// <summary>Reads a folder, all but what differs between two runs that did the same: logs, and the time in <c>collection.json</c>.</summary>
    public static SortedDictionary<string, string> Read(string folder)
    {
        var tree = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in Files(folder))
        {
            var path = Path.GetRelativePath(folder, file).Replace('\\', '/');
            var name = Path.GetFileName(file);
            if (name.StartsWith("download.log.", StringComparison.Ordinal)) continue;
            tree[path] = Hash(name == CollectionState.FileName ? WithoutTime(file) : File.ReadAllBytes(file));
        }

        return tree;
    }

    /// <summary>Fails with the paths that differ, rather than with two long lists.</summary>
    public static void AssertSame(SortedDictionary<string, string> expected, SortedDictionary<string, string> actual, string when = "")
    {
        var missing = expected.Keys.Except(actual.Keys);
        var unexpected = actual.Keys.Except(expected.Keys);
        var changed = expected.Keys.Intersect(actual.Keys).Where(p => expected[p] != actual[p]);
        var differences = missing.Select(p => $"missing: {p}").Concat(unexpected.Select(p => $"unexpected: {p}")).Concat(changed.Select(p => $"changed: {p}")).ToList();
        Assert.True(differences.Count == 0, $"{when}{Environment.NewLine}{string.Join(Environment.NewLine, differences.Take(20))}{Environment.NewLine}({differences.Count} differences)");
    }

    /// <summary>All files, hidden ones too.</summary>
    public static IEnumerable<string> Files(string folder) =>
        Directory.EnumerateFiles(folder, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 });

    /// <summary>The files that are not whole, which no end of a run may leave.</summary>
    public static IEnumerable<string> HalfFiles(string folder) => Files(folder).Where(f => f.EndsWith(".part", StringComparison.Ordinal));

    public static string Hash(byte[] bytes) => Convert.ToHexString(SHA256.HashData(bytes)).ToLowerInvariant();

    private static byte[] WithoutTime(string file)
    {
        var state = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        Assert.True(state.Remove("updated"), $"{file} does not say when it was written.");
        return Encoding.UTF8.GetBytes(state.ToJsonString());
    }
}
