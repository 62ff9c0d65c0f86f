using System.Buffers.Binary;
using Mapillary.Imaging;

namespace Mapillary.Tests.Imaging;

public sealed class LibVipsTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_system_without_a_library_is_told_which_systems_have_one()
    {
        var error = Assert.Throws<EncoderMissingException>(() => LibVips.FindLibrary(AppContext.BaseDirectory, "linux-s390x"));
        Assert.Contains("linux-s390x", error.Message, StringComparison.Ordinal);
        Assert.All(LibVips.Systems, system => Assert.Contains(system, error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void A_library_that_is_missing_is_named_with_its_path()
    {
        var error = Assert.Throws<EncoderMissingException>(() => LibVips.FindLibrary(_folder.Path, "win-arm64"));
        Assert.Contains(Path.Combine(_folder.Path, "runtimes", "win-arm64", "native", "libvips-42.dll"), error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("linux-x64", "runtimes/linux-x64/native/libvips.so.42", "")]
    [InlineData("osx-arm64", "runtimes/osx-arm64/native/libvips.42.dylib", "osx-arm64")]
    [InlineData("win-x64", "libvips-42.dll", "")]
    public void The_library_is_found_beside_the_assembly_a_folder_up_and_in_a_program_of_one_system(string system, string place, string assemblies)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder.Path, assemblies)).FullName;
        var library = Path.Combine(_folder.Path, place);
        Directory.CreateDirectory(Path.GetDirectoryName(library)!);
        File.WriteAllBytes(library, []);
        Assert.Equal(Path.GetFullPath(library), LibVips.FindLibrary(folder, system));
    }

    [Fact]
    public async Task An_encoder_ends_when_it_is_cancelled_however_large_the_picture()
    {
        using var stop = new CancellationTokenSource();
        var encoding = LibVips.EncodeWebpAsync(JpegWriter.Flat(15_000, 12_000), quality: 100, effort: 6, stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => encoding.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
    }
}
