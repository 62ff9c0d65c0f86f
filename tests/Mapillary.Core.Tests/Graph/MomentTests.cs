using System.Globalization;
using Mapillary.Graph;

namespace Mapillary.Tests.Graph;

/// <summary>Dates that people write: those that two cultures read differently are refused, on every machine.</summary>
public class MomentTests
{
    [Theory]
    [InlineData("2024-06-01", "2024-06-01T00:00:00Z")]
    [InlineData(" 2024-06-01 ", "2024-06-01T00:00:00Z")]
    [InlineData("2024-06", "2024-06-01T00:00:00Z")]
    [InlineData("2024/06/01", "2024-06-01T00:00:00Z")]
    [InlineData("2024-06-01T12:00:00+02:00", "2024-06-01T10:00:00Z")]
    [InlineData("2024-06-01T12:00:00.250Z", "2024-06-01T12:00:00.250Z")]
    [InlineData("2024-06-01 12:00", "2024-06-01T12:00:00Z")]
    [InlineData("2024-06-01 12:00:00.250 UTC", "2024-06-01T12:00:00.250Z")]
    [InlineData("1 June 2024", "2024-06-01T00:00:00Z")]
    [InlineData("Jun 1, 2024", "2024-06-01T00:00:00Z")]
    [InlineData("Sat, 01 Jun 2024 12:00:00 GMT", "2024-06-01T12:00:00Z")]
    public void A_date_that_can_be_read_in_one_way_is_read_so_in_every_culture(string text, string expected)
    {
        foreach (var culture in new[] { "", "de-DE", "en-US", "ar-SA", "fa-IR", "th-TH" })
            Assert.Equal(DateTimeOffset.Parse(expected, CultureInfo.InvariantCulture), In(culture, () => Moment.Parse(text)));
    }

    [Theory]
    [InlineData("5.3.2023")]
    [InlineData("3/5/2023")]
    [InlineData("03-05-2023")]
    [InlineData("3/5/2023 12:00:00")]
    [InlineData("3/5/23")]
    [InlineData("25.3.2023")]
    [InlineData("10:30")]
    [InlineData("1 June")]
    [InlineData("2024")]
    [InlineData("2024-13-01")]
    [InlineData("yesterday")]
    [InlineData("")]
    public void Any_other_is_refused_with_how_to_write_it(string text)
    {
        foreach (var culture in new[] { "", "de-DE", "en-US" })
        {
            var error = Assert.Throws<FormatException>(() => In(culture, () => Moment.Parse(text)));
            Assert.Contains($"'{text}'", error.Message, StringComparison.Ordinal);
            Assert.Contains("2024-06-01", error.Message, StringComparison.Ordinal);
        }
    }

    private static T In<T>(string culture, Func<T> read)
    {
        var before = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = new CultureInfo(culture);
        try
        {
            return read();
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }
}
