using Mapillary.Graph;

namespace Mapillary.Tests.Graph;

public class AccessTokenTests
{
    [Theory]
    [InlineData("")]
    [InlineData(" \n")]
    [InlineData("MLY|1|abc\r\nX-Evil: 1")]
    [InlineData("MLY|1|ä")]
    public void A_malformed_token_is_refused_without_being_shown(string token)
    {
        var error = Assert.Throws<FormatException>(() => AccessToken.Parse(token));

        if (token.Trim().Length > 0) Assert.DoesNotContain(token.Trim(), error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("'MLY|1|secret'")]
    [InlineData("\"MLY|1|secret\"")]
    [InlineData(" \"MLY|1|secret\" ")]
    [InlineData("\u201cMLY|1|secret\u201d")]
    [InlineData("\"MLY|1|secret")]
    [InlineData("MLY|1|secret'")]
    public void Quotes_around_a_token_are_noticed(string token)
    {
        var error = Assert.Throws<FormatException>(() => AccessToken.Parse(token));

        Assert.Contains("quotes", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_token_shows_nothing_of_itself() => Assert.DoesNotContain("secret", AccessToken.Parse("MLY|1|secret").ToString(), StringComparison.Ordinal);
}
