using System.Diagnostics.CodeAnalysis;
using Mapillary.Collections;
using Mapillary.Collections.Files;

namespace Mapillary.Tests.Collections;

/// <summary>What of the Windows way can be told on any system.</summary>
[SuppressMessage("Interoperability", "CA1416:Validate platform compatibility", Justification = "These work on texts alone.")]
public class WindowsFolderTests
{
    [Theory]
    [InlineData(@"\Device\HarddiskVolume3\Archive\.staging", @"\Device\HarddiskVolume3")]
    [InlineData(@"\Device\HarddiskVolume3", @"\Device\HarddiskVolume3")]
    [InlineData(@"\Device\Mup\nas\archive\.staging", @"\Device\Mup\nas\archive")]
    [InlineData(@"\Device\Mup\;LanmanRedirector\nas\archive\.staging", @"\Device\Mup\nas\archive")]
    [InlineData(@"\Device\Mup\;LanmanRedirector\;Z:0000000000012345\nas\archive\.staging", @"\Device\Mup\nas\archive")]
    public void The_disk_of_a_folder_is_its_volume_or_its_share_however_that_was_opened(string path, string volume) => Assert.Equal(volume, WindowsFolder.VolumeOf(path));

    [Theory]
    [InlineData(@"D:\Archive", @"\\?\D:\Archive")]
    [InlineData(@"\\nas\archive", @"\\?\UNC\nas\archive")]
    [InlineData(@"\\?\D:\Archive", @"\\?\D:\Archive")]
    public void A_long_path_is_named_so_that_no_limit_holds(string path, string form) => Assert.Equal(form, WindowsFolder.LongForm(path));
}
