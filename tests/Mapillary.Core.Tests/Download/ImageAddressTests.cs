using Mapillary.Download;
using Mapillary.Services;

namespace Mapillary.Tests.Download;

public class ImageAddressTests
{
    [Theory]
    [InlineData("https://scontent-lhr8-1.xx.fbcdn.net/m1/v/t6/An9?oe=65FA9E45")]
    [InlineData("https://scontent.fabc1-1.fna.fbcdn.net/m1/v/t6/An9?oe=65FA9E45")]
    [InlineData("https://SCONTENT.XX.FBCDN.NET/x")]
    [InlineData("https://scontent.xx.fbcdn.net:443/x")]
    public void Mapillarys_image_servers_are_asked(string address)
    {
        Assert.True(ImageAddress.TryAccept(address, loopbackAllowed: false, out _, out _));
        Assert.True(ImageAddress.TryAccept(address, loopbackAllowed: true, out _, out _));
    }

    [Theory]
    [InlineData("http://scontent.xx.fbcdn.net/x")]
    [InlineData("https://scontent.xx.fbcdn.net:8443/x")]
    [InlineData("https://fbcdn.net.evil.com/x")]
    [InlineData("https://evilfbcdn.net/x")]
    [InlineData("https://fbcdn.net@evil.com/x")]
    [InlineData("https://evil.com/fbcdn.net")]
    [InlineData("https://evil.com/?a=.fbcdn.net")]
    [InlineData("https://evil.com#.fbcdn.net")]
    [InlineData("https://evil.com\\.fbcdn.net/x")]
    [InlineData("https://user@scontent.xx.fbcdn.net/x")]
    [InlineData("https://user:secret@scontent.xx.fbcdn.net/x")]
    [InlineData("https://scontent.xx.fbcdn.net./x")]
    [InlineData("https://scontent.xx.fbcdո.net/x")]
    [InlineData("https://scontent.xx.ｆbcdn.net/x")]
    [InlineData("https://scontent.xx.fbcdn。net/x")]
    [InlineData("https://scontent.xx.fb\u00ADcdn.net/x")]
    [InlineData("https://157.240.1.1/x")]
    [InlineData("https://[2a03:2880::1]/x")]
    [InlineData("https://0x7f000001/x")]
    [InlineData("https://127.0.0.1/x")]
    [InlineData("https://localhost/x")]
    [InlineData("http://localhost.evil.com/x")]
    [InlineData("http://127.0.0.1.evil.com/x")]
    [InlineData("http://user@127.0.0.1/x")]
    [InlineData("http://169.254.169.254/latest/meta-data")]
    [InlineData("http://10.0.0.1/x")]
    [InlineData("ftp://scontent.xx.fbcdn.net/x")]
    [InlineData("file:///etc/passwd")]
    [InlineData("file://scontent.xx.fbcdn.net/x")]
    [InlineData("data:image/jpeg;base64,/9j/")]
    [InlineData("javascript:alert(1)")]
    [InlineData("//scontent.xx.fbcdn.net/x")]
    [InlineData("/m1/v/t6/An9")]
    [InlineData("scontent.xx.fbcdn.net/x")]
    [InlineData("https://")]
    [InlineData(" ")]
    // A host that .NET takes, and then throws over when it is asked for its name.
    [InlineData("https://evil.com／.fbcdn.net/x")]
    [InlineData("https://evil.com%EF%BC%8F.fbcdn.net/x")]
    [InlineData("https://evil.com\u2100.fbcdn.net/x")]
    [InlineData("https://xn--0.fbcdn.net／x/x")]
    [InlineData("https://\uD800.fbcdn.net/x")]
    [InlineData("https://evil.com\u0000.fbcdn.net/x")]
    [InlineData("https://.fbcdn.net／/x")]
    [InlineData("http://localhost:99999/x")]
    public void No_other_server_is_asked(string address)
    {
        Assert.False(ImageAddress.TryAccept(address, loopbackAllowed: false, out _, out var refusal));
        Assert.False(ImageAddress.TryAccept(address, loopbackAllowed: true, out _, out _));
        Assert.NotEmpty(refusal);
        Assert.DoesNotContain("secret", refusal, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://127.0.0.1:5001/x")]
    [InlineData("http://[::1]:5001/x")]
    [InlineData("http://localhost/x")]
    [InlineData("http://127.8.9.10/x")]
    public void This_machine_is_asked_only_where_that_is_allowed(string address)
    {
        Assert.True(ImageAddress.TryAccept(address, loopbackAllowed: true, out _, out _));
        Assert.False(ImageAddress.TryAccept(address, loopbackAllowed: false, out _, out _));
    }

    [Theory]
    [InlineData("http://127.0.0.1:5000", true)]
    [InlineData("https://graph.mapillary.com", false)]
    [InlineData("https://127.0.0.1:5000", false)]
    [InlineData("http://graph.mapillary.com", false)]
    public void That_is_allowed_only_where_the_API_itself_is_asked_by_plain_http(string endpoint, bool allowed) =>
        Assert.Equal(allowed, FetchRules.For(new ServiceEndpoints { Graph = new Uri(endpoint) }).LoopbackAllowed);

    [Theory]
    [InlineData("https://x.fbcdn.net/p?ccb=10-5&oh=00_Af&oe=65FA9E45&_nc_sid=201bca", 1710923333, true)]
    [InlineData("https://x.fbcdn.net/p?ccb=10-5&oh=00_Af&oe=65FA9E45&_nc_sid=201bca", 1710923332, false)]
    [InlineData("https://x.fbcdn.net/p?oe=", 1710923333, false)]
    [InlineData("https://x.fbcdn.net/p?oe=never", 1710923333, false)]
    [InlineData("https://x.fbcdn.net/p?oe=FFFFFFFFFFFFFFFFFFFFFF", 1710923333, false)]
    [InlineData("https://x.fbcdn.net/p", 1710923333, false)]
    public void An_address_tells_when_it_has_run_out(string address, long now, bool expired) =>
        Assert.Equal(expired, ImageAddress.HasExpired(new Uri(address), DateTimeOffset.FromUnixTimeSeconds(now)));
}
