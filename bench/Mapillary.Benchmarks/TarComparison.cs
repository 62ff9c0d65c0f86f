using Mapillary.Collections;
using Mapillary.Collections.Tars;

namespace Mapillary.Benchmarks;

/// <summary>
/// Bundling against GNU <c>tar</c>. Ours brings the tar to the disk, reads it back and compares it with its sources before it has its
/// name; <c>tar --create</c> leaves all that out, so it is measured with and without.
/// </summary>
internal static class TarComparison
{
    private const string Day = "2024-01-15";

    public static async Task<IReadOnlyList<Goal>> RunAsync(Bench bench)
    {
        if (!Peer.Tar.IsThere("tar")) return [];
        var folder = bench.EmptyFolder("tar");
        for (var i = 0; i < bench.Files; i++)
        {
            var sequence = Directory.CreateDirectory(Path.Combine(folder, Day, FormattableString.Invariant($"AbCdEfGhIjKlMnOp{i / 40:000000}"))).FullName;
            await File.WriteAllBytesAsync(Path.Combine(sequence, Bench.IdOf(i) + ".jpg"), bench.FullSizePhotos[i % bench.FullSizePhotos.Count]);
        }

        var tar = Path.Combine(folder, Day + ".tar");
        var ours = new Contender("ours, on the disk and read back", () => BundleAsync(ChildProcess.Inner("tar", folder)));
        var verified = new Contender("tar --create; sync it; tar --compare", () => BundleAsync(ChildProcess.Shell(
            "tar --create --format=ustar --sort=name --file \"$1\" -C \"$2\" \"$3\" && sync \"$1\" && tar --compare --file \"$1\" -C \"$2\"", tar, folder, Day)));
        var plain = new Contender("tar --create", () => BundleAsync([Peer.Tar.Path!, "--create", "--format=ustar", "--sort=name", "--file", tar, "-C", folder, Day]));
        var race = new Race(bench, "tar", $"{bench.Files} photos, {ByteSize.Format(Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Sum(f => new FileInfo(f).Length))}; ratios to tar --create alone", [ours, verified, plain]);
        await race.RunAsync();
        return
        [
            new Goal("tar: at most the time of GNU tar with sync and compare", race.Ratio(ours, verified, m => m.Wall), 1),
            new Goal("tar: at most the time of GNU tar --create alone", race.Ratio(ours, m => m.Wall), 1),
        ];

        async Task<Measured> BundleAsync(string[] command)
        {
            File.Delete(tar);
            var measured = await ChildProcess.MeasureAsync(command);
            return File.Exists(tar) ? measured : throw new InvalidOperationException($"There is no '{tar}'.");
        }
    }

    /// <summary>Bundles a folder, as <c>New-SequenceTar -KeepSource</c> does.</summary>
    public static void Bundle(string folder)
    {
        foreach (var tar in SequenceTarBundler.Bundle(folder, pictures: null, TarGrouping.Date, keepSource: true, SilentLog.Instance, CancellationToken.None))
            Console.WriteLine($"{tar.Path}: {tar.Entries} entries, {tar.Length} bytes");
    }
}
