namespace Mapillary.Tests.InternetArchive;

public class ByteSizeTests
{
    [Theory]
    [InlineData(0, "0 bytes")]
    [InlineData(1, "1 byte")]
    [InlineData(1023, "1,023 bytes")]
    [InlineData(1024, "1.0 KiB")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(1048575, "1.0 MiB")]
    [InlineData(1073741824, "1.0 GiB")]
    [InlineData(53687091200, "50.0 GiB")]
    [InlineData(1099511627776, "1.0 TiB")]
    [InlineData(long.MaxValue, "8.0 EiB")]
    public void A_size_is_shown_in_the_unit_that_leaves_it_below_1024(long bytes, string expected) => Assert.Equal(expected, ByteSize.Format(bytes));

    [Theory]
    [InlineData(0, "0")]
    [InlineData(1000, "1000")]
    [InlineData(1536, "1536")]
    [InlineData(1024, "1KB")]
    [InlineData(1572864, "1536KB")]
    [InlineData(53687091200, "50GB")]
    [InlineData(long.MaxValue, "9223372036854775807")]
    [InlineData(1L << 60, "1024PB")]
    public void A_size_is_typed_to_the_byte(long bytes, string typed)
    {
        Assert.Equal(typed, ByteSize.Exact(bytes));
        Assert.Equal(bytes, ByteSize.Parse(typed));
    }
}
