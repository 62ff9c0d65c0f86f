using Mapillary.Graph;

namespace Mapillary.Tests.Graph;

public class BoundingBoxTests
{
    [Fact]
    public void West_south_east_north_is_read() => Assert.Equal(new BoundingBox(-13.5, 52, 13.6, 52.75), BoundingBox.Parse(" -13.5, 52 ,13.6,52.75"));

    [Theory]
    [InlineData("", "1 part")]
    [InlineData("1,2,3", "3 parts")]
    [InlineData("1,2,3,4,5", "5 parts")]
    [InlineData("1,2,x,4", "'x' is not a number")]
    [InlineData("1,2,NaN,4", "'NaN' is not a number")]
    [InlineData("-181,2,3,4", "longitude")]
    [InlineData("1,-91,3,4", "latitude")]
    [InlineData("3,2,1,4", "west is not less than the east")]
    [InlineData("1,4,3,4", "south is not less than the north")]
    public void A_bad_one_says_what_is_wrong_with_which_value(string text, string reason)
    {
        var error = Assert.Throws<FormatException>(() => BoundingBox.Parse(text));

        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains($"'{text}'", error.Message, StringComparison.Ordinal);
        Assert.Contains("west,south,east,north", error.Message, StringComparison.Ordinal);
    }
}
