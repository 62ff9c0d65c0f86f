using Mapillary.Graph;

namespace Mapillary.Tests.Graph;

public class CameraTypesTests
{
    [Theory]
    [InlineData("perspective")]
    [InlineData("Fisheye")]
    [InlineData(" SPHERICAL ")]
    [InlineData("equirectangular")]
    public void One_that_there_is_is_read_in_any_case(string name) => Assert.Equal(name.Trim().ToLowerInvariant(), CameraTypes.Parse(name));

    [Theory]
    [InlineData("persective", "perspective")]
    [InlineData("perspectives", "perspective")]
    [InlineData("fish-eye", "fisheye")]
    [InlineData("sperical", "spherical")]
    [InlineData("equi", "equirectangular")]
    public void For_a_mistyped_one_the_near_one_is_offered(string name, string near)
    {
        var error = Assert.Throws<FormatException>(() => CameraTypes.Parse(name));

        Assert.Contains($"'{name}'", error.Message, StringComparison.Ordinal);
        Assert.Contains($"Did you mean {near}?", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("360")]
    [InlineData("drone")]
    [InlineData("")]
    public void For_any_other_all_are_named(string name)
    {
        var error = Assert.Throws<FormatException>(() => CameraTypes.Parse(name));

        Assert.DoesNotContain("Did you mean", error.Message, StringComparison.Ordinal);
        Assert.All(CameraTypes.All, type => Assert.Contains(type, error.Message, StringComparison.Ordinal));
    }
}
