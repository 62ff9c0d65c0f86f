using Mapillary.Benchmarks;

switch (args)
{
    case ["metadata", .. var rest]:
        return await MetadataBenchmark.RunAsync(rest is [var photos, ..] ? photos : null);
    default:
        Console.Error.WriteLine("""
            Usage: dotnet run -c Release --project bench/Mapillary.Benchmarks -- metadata [PHOTOS]

              metadata   restores the metadata of 2,000 files, in turn with cp and exiftool on the same files,
                         and measures the work on the header alone
              PHOTOS     a folder of JPEG files to copy from; the emulator's own photos when left out
            """);
        return 1;
}
