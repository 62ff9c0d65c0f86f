using Mapillary.Graph;

namespace Mapillary.Tests.Graph;

/// <summary>What people type or paste for an image, a sequence or a user.</summary>
public class ReferenceTests
{
    private const string SequenceId = "3NpXMDuHm9IZQ1vBW6q4T0";

    [Theory]
    [InlineData("1933525276802129")]
    [InlineData("  1933525276802129 \t")]
    [InlineData("https://www.mapillary.com/app/?pKey=1933525276802129")]
    [InlineData("https://www.mapillary.com/app/?lat=55.6&lng=13.1&z=17&pKey=1933525276802129&focus=photo ")]
    [InlineData("http://mapillary.com/app?PKEY=1933525276802129#top")]
    [InlineData("www.mapillary.com/app/?pKey=1933525276802129")]
    [InlineData("mapillary.com/app/?pKey=1933525276802129&x=0.5")]
    [InlineData("HTTPS://WWW.MAPILLARY.COM/app/?pKey=1933525276802129")]
    [InlineData("https://www.mapillary.com/app/user/anna?pKey=1933525276802129")]
    [InlineData("https://www.mapillary.com/embed?image_key=1933525276802129&style=photo")]
    [InlineData("https://www.mapillary.com/map/im/1933525276802129")]
    public void An_image_is_its_id_or_its_address(string text) => Assert.Equal("1933525276802129", Reference.Image(text));

    [Theory]
    [InlineData("anna", "anna")]
    [InlineData(" anna ", "anna")]
    [InlineData("@anna", "anna")]
    [InlineData("https://www.mapillary.com/app/user/anna", "anna")]
    [InlineData("https://www.mapillary.com/app/user/anna/?lat=55.6&pKey=1933525276802129", "anna")]
    [InlineData("www.mapillary.com/app/user/anna", "anna")]
    [InlineData("mapillary.com/app/user/J%C3%BCrgen%21", "Jürgen!")]
    [InlineData("https://www.mapillary.com/profile/anna", "anna")]
    [InlineData("360", "360")]
    [InlineData("a.b", "a.b")]
    [InlineData("@", "@")]
    public void A_user_is_a_name_or_an_address(string text, string name) => Assert.Equal(name, Reference.User(text));

    [Theory]
    [InlineData(SequenceId)]
    [InlineData("--49xbCtIcKmxBbYALHRWA")]
    [InlineData("s1")]
    public void A_sequence_is_its_id(string text) => Assert.Equal(text, Reference.Sequence($" {text} "));

    [Theory]
    [InlineData("anna", ReferenceKind.User, "anna")]
    [InlineData("@anna", ReferenceKind.User, "anna")]
    [InlineData("https://www.mapillary.com/app/user/anna", ReferenceKind.User, "anna")]
    [InlineData("open_street_mappers_of", ReferenceKind.User, "open_street_mappers_of")]
    [InlineData(SequenceId, ReferenceKind.Sequence, SequenceId)]
    [InlineData("7nfcwfvjdtphz7yj6zat6a", ReferenceKind.Sequence, "7nfcwfvjdtphz7yj6zat6a")]
    [InlineData("19335252 76802129", null, "19335252 76802129")]
    [InlineData("1e3", ReferenceKind.User, "1e3")]
    [InlineData("١٢٣", null, "١٢٣")]
    [InlineData("../x?y=1", null, "../x?y=1")]
    [InlineData("https://www.mapillary.com/app/?lat=55.6&lng=13.1", null, null)]
    [InlineData("https://www.mapillary.com/app/?pKey=" + SequenceId, null, null)]
    public void What_is_no_image_is_refused_with_what_it_looks_like(string text, ReferenceKind? found, string? value)
    {
        var error = Assert.Throws<ReferenceException>(() => Reference.Image(text));

        Assert.Equal((ReferenceKind.Image, found, value), (error.Expected, error.Found, error.Value));
        Assert.Contains("is no image id", error.Message, StringComparison.Ordinal);
        Assert.Contains(text.Split('?')[0].Replace("https://", "", StringComparison.Ordinal), error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1933525276802129", ReferenceKind.Image, "1933525276802129")]
    [InlineData("https://www.mapillary.com/app/?pKey=1933525276802129", ReferenceKind.Image, "1933525276802129")]
    [InlineData("https://www.mapillary.com/app/user/anna", ReferenceKind.User, "anna")]
    [InlineData("@anna", ReferenceKind.User, "anna")]
    public void What_is_no_sequence_is_refused_with_what_it_looks_like(string text, ReferenceKind? found, string? value)
    {
        var error = Assert.Throws<ReferenceException>(() => Reference.Sequence(text));

        Assert.Equal((ReferenceKind.Sequence, found, value), (error.Expected, error.Found, error.Value));
    }

    [Fact]
    public void The_address_of_an_image_is_no_user()
    {
        var error = Assert.Throws<ReferenceException>(() => Reference.User("https://www.mapillary.com/app/?pKey=1933525276802129&focus=photo"));

        Assert.Equal((ReferenceKind.User, ReferenceKind.Image, "1933525276802129"), (error.Expected, error.Found, error.Value));
    }

    [Theory]
    [InlineData("https://example.com/app/?pKey=1")]
    [InlineData("https://www.mapillary.com.example.com/app/?pKey=1")]
    [InlineData("https://www.mapillary.com@example.com/app/?pKey=1")]
    [InlineData("https://www.mаpillary.com/app/?pKey=1")]
    [InlineData("ftp://www.mapillary.com/app/?pKey=1")]
    [InlineData("www.example.com/app/user/anna?pKey=1")]
    [InlineData("https://[/app/?pKey=1")]
    public void Addresses_of_others_are_refused(string text)
    {
        foreach (var read in new Func<string, string>[] { Reference.Image, Reference.Sequence, Reference.User })
        {
            var error = Assert.Throws<ReferenceException>(() => read(text));
            Assert.Null(error.Found);
            Assert.Contains("www.mapillary.com", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("MLY|4817|5f3e")]
    [InlineData(" mly|4817|5f3e")]
    [InlineData("https://graph.mapillary.com/1933525276802129?access_token=MLY|4817|5f3e")]
    [InlineData("https://www.mapillary.com/app/?access_token=MLY|4817|5f3e")]
    public void A_token_is_shown_in_no_error(string text)
    {
        foreach (var read in new Func<string, string>[] { Reference.Image, Reference.Sequence, Reference.User })
        {
            var error = Assert.Throws<ReferenceException>(() => read(text));
            Assert.DoesNotContain("5f3e", $"{error} {error.Value}", StringComparison.Ordinal);
        }
    }
}
