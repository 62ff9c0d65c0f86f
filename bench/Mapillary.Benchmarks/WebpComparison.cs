using Mapillary.Imaging.Forms;
using Mapillary.Saving;

namespace Mapillary.Benchmarks;

/// <summary>
/// Converting to WebP against <c>xargs</c> with as many <c>cwebp</c>, or libvips' own <c>vips webpsave</c>, at once as there are processors, same
/// quality and effort.
/// </summary>
internal static class WebpComparison
{
    private const int Files = 144;

    public static async Task<IReadOnlyList<Goal>> RunAsync(Bench bench)
    {
        if (!Peer.Cwebp.IsThere("webp")) return [];
        var folder = bench.EmptyFolder("webp");
        for (var i = 0; i < Files; i++) await File.WriteAllBytesAsync(Path.Combine(folder, Bench.IdOf(i) + ".jpg"), bench.Photos[i % bench.Photos.Count]);

        var ours = new Contender("ours, with its defaults", () => ConvertAsync(ChildProcess.Inner("webp", folder)));
        var byXargs = new Contender($"find | xargs -P {Environment.ProcessorCount} cwebp -q {WebpForm.DefaultQuality} -m {WebpForm.DefaultEffort}", () => ConvertAsync(ChildProcess.Shell(
            "find \"$1\" -name '*.jpg' -print0 | xargs -0 -n 1 -P \"$2\" sh -c 'exec cwebp -quiet -q \"$1\" -m \"$2\" -metadata all \"$3\" -o \"${3%.jpg}.webp\"' sh \"$3\" \"$4\"",
            folder, $"{Environment.ProcessorCount}", $"{WebpForm.DefaultQuality}", $"{WebpForm.DefaultEffort}")));
        var contenders = new List<Contender> { ours, byXargs };
        if (Peer.Vips.IsThere("webp by vips"))
        {
            contenders.Insert(1, new Contender($"find | xargs -P {Environment.ProcessorCount} vips webpsave", () => ConvertAsync(ChildProcess.Shell(
                "find \"$1\" -name '*.jpg' -print0 | VIPS_CONCURRENCY=1 xargs -0 -n 1 -P \"$2\" sh -c 'exec vips webpsave \"$3\" \"${3%.jpg}.webp\" --Q \"$1\" --effort \"$2\"' sh \"$3\" \"$4\"",
                folder, $"{Environment.ProcessorCount}", $"{WebpForm.DefaultQuality}", $"{WebpForm.DefaultEffort}"))));
        }

        // A program that has nothing to compile has to be one that fetches the photos, too.
        using var nginx = bench.NativeProgram is not null && Peer.Nginx.IsThere("webp by the native program") ? await PhotoServer.StartAsync(bench.EmptyFolder("server")) : null;
        await using var user = nginx is null ? null : await ServedUser.CreateAsync(bench.Photos, Path.Combine(bench.Folder, "server"), Files, nginx.Address, nginx.Address);
        var native = user is null ? null : new Contender("mapillary backup --webp, as a native program", async () =>
        {
            var saved = bench.EmptyFolder("saved");
            var measured = await ChildProcess.MeasureAsync(ServedUser.Backup(bench.NativeProgram!, saved, ["--webp"]), user.Services);
            return Checked(measured, Directory.GetFiles(saved, "*.webp", SearchOption.AllDirectories).Length);
        });
        if (native is not null) contenders.Insert(1, native);

        var race = new Race(bench, "webp", $"{Files} photos, {ByteSize.Format(Directory.GetFiles(folder).Sum(f => new FileInfo(f).Length))}; ratios to xargs", contenders);
        await race.RunAsync();
        Console.WriteLine(FormattableString.Invariant($"images a second: ours {Files / race.MedianOf(ours, m => m.Wall):0.00}, xargs {Files / race.MedianOf(byXargs, m => m.Wall):0.00}"));
        return
        [
            native is not null
                ? new Goal("webp: as a native program, fetching included, at most the time of xargs", race.Ratio(native, m => m.Wall), 1)
                : new Goal("webp: at most the time of xargs", race.Ratio(ours, m => m.Wall), 1),
        ];

        async Task<Measured> ConvertAsync(string[] command)
        {
            foreach (var webp in Directory.GetFiles(folder, "*.webp")) File.Delete(webp);
            var measured = await ChildProcess.MeasureAsync(command);
            return Checked(measured, Directory.GetFiles(folder, "*.webp").Length);
        }

        static Measured Checked(Measured measured, int count) =>
            count == Files ? measured : throw new InvalidOperationException($"{count} of {Files} photos were converted.");
    }

    /// <summary>Converts all photos of a folder, as <c>ConvertTo-Webp -KeepOriginal</c> does.</summary>
    public static async Task ConvertAsync(string folder)
    {
        using var converter = new WebpConverter(new WebpForm(), destination: null, keepOriginal: true, force: false, encoders: Environment.ProcessorCount, SilentLog.Instance);
        await foreach (var _ in Directory.GetFiles(folder, "*.jpg").InParallelAsync(converter.FilesAtOnce, converter.ConvertAsync))
        {
        }
    }
}
