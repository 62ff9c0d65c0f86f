using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Mapillary.Collections;
using Mapillary.Graph;
using Mapillary.Imaging;
using Mapillary.Imaging.Forms;
using Mapillary.Imaging.Jpeg;
using Mapillary.Imaging.Metadata;
using Mapillary.Saving;

namespace Mapillary.Benchmarks;

/// <summary>The loops that run once an image, by BenchmarkDotNet.</summary>
[MemoryDiagnoser]
public class InnerLoops
{
    private readonly byte[] _photo = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Photos", "street-01-jfif.jpg"));
    private readonly string _record = Bench.RecordOf(1);
    private readonly MapillaryImage _image = Bench.ImageOf(1);
    private string _folder = "";
    private CollectionWriter? _collection;
    private int _listed;

    /// <summary>Runs them.</summary>
    internal static void Run(string[] arguments) =>
        // In this process: a project that is generated and built would take over the rules of this repository.
        BenchmarkSwitcher.FromTypes([typeof(InnerLoops)]).Run(
            arguments.Length == 0 ? ["--filter", "*"] : arguments,
            DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance)));

    [GlobalSetup]
    public void Open()
    {
        _folder = Directory.CreateTempSubdirectory("mapillary-bench-").FullName;
        _collection = CollectionWriter.Open(_folder, new CollectionName("anna", ImageQuality.Original, PictureForm.AsServed), CollectionLayout.Date, listing: null, SilentLog.Instance);
    }

    [GlobalCleanup]
    public void Close()
    {
        _collection?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Benchmark(Description = "segment parse, up to the first scan")]
    public int Segments()
    {
        var count = 0;
        foreach (var _ in new JpegSegments(_photo)) count++;
        return count;
    }

    [Benchmark(Description = "whole-JPEG check, all scan data (146 KB)")]
    public string? Check() => JpegCheck.FindFault(_photo);

    [Benchmark(Description = "EXIF write: parse, merge, pieces")]
    public RestoredImage Exif() => MetadataRestorer.RestoreJpeg(_photo, _image, RestoreOptions.Default);

    [Benchmark(Description = "record parse (2 KB)")]
    public MapillaryImage Record() => MapillaryImage.Parse(_record);

    [Benchmark(Description = "journal append: a record into the listing")]
    public void Append() => _collection!.List(_image with { Id = Bench.IdOf(_listed++) });
}
