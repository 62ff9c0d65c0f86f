using System.IO.Compression;
using System.Text;
using Mapillary.Download;
using Mapillary.Emulator;
using Mapillary.Graph;
using Mapillary.Imaging.Jpeg;
using Mapillary.Saving;
using Mapillary.Services;

namespace Mapillary.Tests.Download;

public class ImageFetcherTests
{
    /// <summary>The least that is a whole JPEG: a frame of 16 × 16, a scan of two bytes, an end.</summary>
    private static readonly byte[] Jpeg =
        [0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 0, 16, 0, 16, 1, 1, 0x11, 0, 0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 0x12, 0x34, 0xFF, 0xD9];

    private readonly VirtualClock _clock = new(runsAhead: true);
    private readonly RecordingLog _log = new();

    private RetryRules Retry => new() { Attempts = 3, RateLimitAttempts = 4, Clock = _clock };

    private ImageFetcher Fetcher(GraphClient? graph = null, FetchRules? rules = null) =>
        new((rules ?? new FetchRules()) with { Retry = Retry, LoopbackAllowed = true }, JpegCheck.FindFault, graph, _log);

    private static MapillaryImage Image(StubServer server, int number = 7, string query = "") =>
        MapillaryImage.Parse($$"""{"id":"{{number}}","thumb_original_url":"{{server.Address}}p/{{number}}{{query}}"}""");

    private static async Task<byte[]> FetchAsync(ImageFetcher fetcher, MapillaryImage image)
    {
        using var fetched = await fetcher.FetchAsync(image, ImageQuality.Original, TestContext.Current.CancellationToken);
        return fetched.Bytes.ToArray();
    }

    private static byte[] Head(string headers, byte[] body) => StubServer.Raw($"HTTP/1.1 200 OK\r\nConnection: close\r\n{headers}\r\n", body);

    private static byte[] Chunk(byte[] bytes) => [.. Encoding.ASCII.GetBytes($"{bytes.Length:x}\r\n"), .. bytes, .. "\r\n"u8];

    private static byte[] Gzip(byte[] bytes)
    {
        using var output = new MemoryStream();
        using (var gzip = new GZipStream(output, CompressionLevel.Fastest)) gzip.Write(bytes);
        return output.ToArray();
    }

    public static TheoryData<string, byte[], string> BrokenAnswers() => new()
    {
        { "shorter than announced", Head("Content-Length: 100\r\n", Jpeg), "broke off" },
        { "cut by its announced length", Head($"Content-Length: {Jpeg.Length - 2}\r\n", Jpeg), "ends before its end marker" },
        { "chunks without an end", Head("Transfer-Encoding: chunked\r\n", Chunk(Jpeg)), "broke off" },
        { "broken chunks", Head("Transfer-Encoding: chunked\r\n", Jpeg), "broke off" },
        { "cut without a length", Head("", Jpeg[..^2]), "ends before its end marker" },
        { "cut in the head", Head("Content-Length: 9\r\n", Jpeg[..9]), "" },
        { "nothing", Head("Content-Length: 0\r\n", []), "empty" },
        { "nothing, without a length", Head("", []), "empty" },
        { "no content", StubServer.Answer(204, []), "HTTP 204" },
        { "a part", StubServer.Answer(206, Jpeg[..20]), "HTTP 206" },
        { "HTML", StubServer.Answer(200, "<!DOCTYPE html><html>Log in</html>"u8.ToArray(), "Content-Type: text/html\r\n"), "an HTML page" },
        { "HTML that says it is a JPEG", StubServer.Answer(200, "\n<html>Log in</html>"u8.ToArray(), "Content-Type: image/jpeg\r\n"), "an HTML page" },
        { "JSON", StubServer.Answer(200, "{\"error\":{}}"u8.ToArray()), "JSON" },
        { "text", StubServer.Answer(200, "Bad URL hash"u8.ToArray()), "Bad URL hash" },
        { "a PNG", StubServer.Answer(200, [0x89, .. "PNG\r\n\u001a\n"u8]), "PNG" },
        { "a WebP", StubServer.Answer(200, [.. "RIFF\0\0\0\0WEBPVP8 "u8]), "WebP" },
        { "a gzip", StubServer.Answer(200, Gzip(Jpeg), "Content-Encoding: gzip\r\n"), "gzip" },
        { "noise that says it is a gzip", StubServer.Answer(200, [1, 2, 3, 4], "Content-Encoding: gzip\r\n"), "not a JPEG" },
        { "no frame", StubServer.Answer(200, [0xFF, 0xD8, 0xFF, 0xD9]), "" },
        { "a frame without size", StubServer.Answer(200, [.. Jpeg[..7], 0, 0, 0, 0, .. Jpeg[11..]]), "size" },
        { "no HTTP", "Hello!\r\n\r\n"u8.ToArray(), "broke off" },
        { "a redirect", StubServer.Answer(302, [], "Location: /login\r\n"), "redirects" },
        { "a failing server", StubServer.Answer(503, []), "HTTP 503" },
    };

    [Theory]
    [MemberData(nameof(BrokenAnswers))]
    public async Task What_is_not_the_whole_picture_is_asked_for_as_often_as_the_rules_say_and_named(string what, byte[] answer, string reason)
    {
        await using var server = new StubServer(_ => answer);
        using var fetcher = Fetcher();

        var error = await Assert.ThrowsAsync<DownloadException>(() => FetchAsync(fetcher, Image(server)));

        Assert.False(error.IsUnavailable, what);
        Assert.Equal(3, error.Attempts);
        Assert.Equal(3, server.Requests.Count);
        Assert.Contains("Image 7: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(server.Address.ToString(), error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(BrokenAnswers))]
    public async Task A_picture_that_comes_whole_in_the_end_is_had(string what, byte[] answer, string reason)
    {
        var failed = 0;
        await using var server = new StubServer(_ => failed++ < 2 ? answer : StubServer.Answer(200, Jpeg));
        using var fetcher = Fetcher();

        Assert.Equal(Jpeg, await FetchAsync(fetcher, Image(server)));
        Assert.True(server.Requests.Count == 3, $"{what} ({reason})");
    }

    public static TheoryData<string, byte[], byte[]> WholeAnswers() => new()
    {
        { "bytes behind the end", StubServer.Answer(200, [.. Jpeg, .. "left over"u8, 0xFF, 0xD8]), [.. Jpeg, .. "left over"u8, 0xFF, 0xD8] },
        { "longer than announced", Head($"Content-Length: {Jpeg.Length}\r\n", [.. Jpeg, 1, 2, 3]), Jpeg },
        { "chunks", Head("Transfer-Encoding: chunked\r\n", [.. Chunk(Jpeg[..10]), .. Chunk(Jpeg[10..]), .. "0\r\n\r\n"u8]), Jpeg },
        { "no length", Head("", Jpeg), Jpeg },
        { "a senseless length", Head("Content-Length: -1\r\n", Jpeg), Jpeg },
        { "another content type", StubServer.Answer(200, Jpeg, "Content-Type: text/html\r\n"), Jpeg },
    };

    [Fact]
    public Task A_picture_of_megabytes_is_kept_as_served_though_no_length_is_said() =>
        A_whole_picture_is_kept_as_served("no length and megabytes", Head("", [.. Jpeg, .. new byte[9_000_000]]), [.. Jpeg, .. new byte[9_000_000]]);

    [Theory]
    [MemberData(nameof(WholeAnswers))]
    public async Task A_whole_picture_is_kept_as_served(string what, byte[] answer, byte[] expected)
    {
        await using var server = new StubServer(_ => answer);
        using var fetcher = Fetcher();

        Assert.True((await FetchAsync(fetcher, Image(server))).AsSpan().SequenceEqual(expected), what);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task A_connection_that_ends_without_a_word_is_a_passing_fault()
    {
        await using var server = new StubServer(_ => []);
        using var fetcher = Fetcher();

        var error = await Assert.ThrowsAsync<DownloadException>(() => FetchAsync(fetcher, Image(server)));

        Assert.Equal(3, error.Attempts);
        // .NET itself opens up to three further connections for a request that found its connection closed.
        Assert.InRange(server.Requests.Count, 3, 3 * 4);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(405)]
    public async Task A_final_answer_is_asked_for_once(int status)
    {
        await using var server = new StubServer(_ => StubServer.Answer(status, []));
        using var fetcher = Fetcher();

        var error = await Assert.ThrowsAsync<DownloadException>(() => FetchAsync(fetcher, Image(server)));

        Assert.False(error.IsUnavailable);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task More_bytes_than_any_picture_has_are_not_waited_for()
    {
        await using var server = new StubServer(_ => Head("Content-Length: 99999999999\r\n", Jpeg));
        using var fetcher = Fetcher();

        await Assert.ThrowsAsync<DownloadException>(() => FetchAsync(fetcher, Image(server)));

        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task A_transfer_that_trickles_is_given_up_whatever_its_size()
    {
        // A thousand bytes a second of two hundred million: two days.
        await using var server = StubServer.OfPieces(_ => Trickle("Content-Length: 200000000\r\n", new byte[1000], TimeSpan.FromSeconds(1)));
        using var fetcher = Fetcher();

        var error = await Assert.ThrowsAsync<DownloadException>(() => FetchAsync(fetcher, Image(server)));

        Assert.Contains("too slowly", error.Message, StringComparison.Ordinal);
        Assert.Equal(3, server.Requests.Count);
    }

    /// <summary>Pieces without end, between which time goes by.</summary>
    private IEnumerable<byte[]> Trickle(string headers, byte[] piece, TimeSpan pause)
    {
        yield return Head(headers, []);
        while (true)
        {
            yield return piece;
            _clock.Advance(pause);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("Transfer-Encoding: chunked\r\n")]
    public async Task A_body_that_does_not_say_its_length_and_does_not_end_is_given_up(string headers)
    {
        await using var server = StubServer.OfPieces(_ => Endless(headers));
        using var fetcher = Fetcher();

        var error = await Assert.ThrowsAsync<DownloadException>(() => FetchAsync(fetcher, Image(server)));

        Assert.Contains("no picture is that large", error.Message, StringComparison.Ordinal);
        Assert.Single(server.Requests);
    }

    /// <summary>Each of them grew to half a GiB by itself.</summary>
    [Fact]
    public Task Endless_bodies_share_the_memory_that_there_is() => MemoryLimit.RunAsync(async () =>
    {
        await using var server = StubServer.OfPieces(_ => Endless(""));
        using var fetcher = Fetcher();

        var errors = await Task.WhenAll(Enumerable.Range(1, 24).Select(n => Record.ExceptionAsync(() => FetchAsync(fetcher, Image(server, n))).AsTask()));

        Assert.All(errors, e => Assert.Contains("no picture is that large", Assert.IsType<DownloadException>(e).Message, StringComparison.Ordinal));
        Assert.Equal(24, server.Requests.Count);
    });

    private static readonly byte[] Mebibyte = new byte[1024 * 1024];

    private static IEnumerable<byte[]> Endless(string headers)
    {
        yield return Head(headers, []);
        while (true) yield return headers.Length == 0 ? Mebibyte : Chunk(Mebibyte);
    }

    [Theory]
    [InlineData(9 * 1024 * 1024)]
    [InlineData(100 * 1024 * 1024)]
    public async Task A_picture_larger_than_most_comes_whole_whether_it_says_its_length_or_not(int size)
    {
        byte[] picture = [.. Jpeg, .. new byte[size - Jpeg.Length]];
        new Random(1).NextBytes(picture.AsSpan(Jpeg.Length));
        await using var server = new StubServer(r => Head(r.Target.EndsWith('1') ? $"Content-Length: {size}\r\n" : "", picture));
        using var fetcher = Fetcher();

        var both = await Task.WhenAll(FetchAsync(fetcher, Image(server, 1)), FetchAsync(fetcher, Image(server, 2)));

        Assert.All(both, bytes => Assert.True(bytes.AsSpan().SequenceEqual(picture)));
    }

    [Fact]
    public async Task A_transfer_that_stands_still_is_given_up_however_large_it_is()
    {
        await using var server = new StubServer(_ => Head("Content-Length: 100000000\r\n", Jpeg), staysOpen: true);
        using var fetcher = Fetcher(rules: new FetchRules { Patience = TimeSpan.FromMilliseconds(300) });

        var error = await Assert.ThrowsAsync<DownloadException>(() => FetchAsync(fetcher, Image(server)));

        Assert.Contains("too slowly", error.Message, StringComparison.Ordinal);
        Assert.Equal(3, server.Requests.Count);
    }

    [Fact]
    public async Task The_image_servers_get_no_token_and_are_asked_for_JPEG_as_it_is()
    {
        await using var server = new StubServer(_ => StubServer.Answer(200, Jpeg));
        using var fetcher = Fetcher();

        await FetchAsync(fetcher, Image(server));

        var head = Assert.Single(server.Requests).Head;
        Assert.DoesNotContain("Authorization", head, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("Accept-Encoding", head, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("Accept: image/jpeg\r\n", head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Too_many_requests_to_the_image_servers_are_waited_out()
    {
        var failed = 0;
        await using var server = new StubServer(_ => Interlocked.Increment(ref failed) <= 3 ? StubServer.Answer(429, [], "Retry-After: 40\r\n") : StubServer.Answer(200, Jpeg));
        using var fetcher = Fetcher();

        await FetchAsync(fetcher, Image(server));

        Assert.Equal(4, server.Requests.Count);
        Assert.Equal([40, 40, 40], _clock.Waits.Select(w => w.TotalSeconds));
    }

    [Fact]
    public async Task Too_many_requests_for_ever_end_the_run_and_fail_no_image()
    {
        await using var server = new StubServer(_ => StubServer.Answer(429, []));
        using var fetcher = Fetcher();

        var errors = new List<GraphException>();
        foreach (var number in Enumerable.Range(1, 3)) errors.Add(await Assert.ThrowsAsync<GraphException>(() => FetchAsync(fetcher, Image(server, number))));

        Assert.All(errors, e => Assert.Equal(GraphFault.RateLimited, e.Fault));
        Assert.Equal(4, server.Requests.Count);
    }

    [Theory]
    [InlineData(200)]
    [InlineData(302)]
    public async Task Web_pages_for_many_images_in_a_row_are_a_block(int status)
    {
        await using var server = new StubServer(_ => StubServer.Answer(status, "<html>Log in</html>"u8.ToArray()));
        using var fetcher = Fetcher();
        for (var number = 1; number < 10; number++)
            await Assert.ThrowsAsync<DownloadException>(() => FetchAsync(fetcher, Image(server, number)));

        var error = await Assert.ThrowsAsync<GraphException>(() => FetchAsync(fetcher, Image(server, 10)));
        var asked = server.Requests.Count;
        await Assert.ThrowsAsync<GraphException>(() => FetchAsync(fetcher, Image(server, 11)));

        Assert.Equal(GraphFault.Blocked, error.Fault);
        Assert.Contains("trying on extends the block", error.Message, StringComparison.Ordinal);
        Assert.Equal(10 * 3, asked);
        Assert.Equal(asked, server.Requests.Count);
    }

    [Fact]
    public async Task Web_pages_for_many_images_with_pictures_between_are_no_block()
    {
        await using var server = new StubServer(r => r.Target.EndsWith('0') ? StubServer.Answer(200, Jpeg) : StubServer.Answer(200, "<html>Log in</html>"u8.ToArray()));
        using var fetcher = Fetcher();

        for (var number = 1; number <= 40; number++)
        {
            if (number % 10 == 0) await FetchAsync(fetcher, Image(server, number));
            else await Assert.ThrowsAsync<DownloadException>(() => FetchAsync(fetcher, Image(server, number)));
        }
    }

    [Fact]
    public async Task A_block_of_the_image_servers_stops_all_workers()
    {
        await using var place = await Workplace.OpenAsync(new EmulatorOptions
        {
            Users = [new EmulatedUser { Name = "anna", Images = 200 }],
            Faults = [new FaultRule { Server = ServerKind.Cdn, Kind = FaultKind.Html200, Times = int.MaxValue }],
        });

        var error = await Assert.ThrowsAsync<GraphException>(() => place.SaveAsync("anna"));

        Assert.Equal(GraphFault.Blocked, error.Fault);
        Assert.InRange(place.Fetches, 1, (10 + SaveOptions.DefaultThrottleLimit) * Workplace.QuickRetry.Attempts);
    }
}
