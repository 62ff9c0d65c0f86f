using System.Text.Json.Nodes;
using Mapillary.Maps;
using Mapillary.Tests.Imaging;

namespace Mapillary.Tests.Maps;

/// <summary>The page as people meet it: opened from disk in a browser that reaches no network.</summary>
public sealed class MapPageInBrowserTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(400, 800, false)]
    [InlineData(400, 800, true)]
    [InlineData(1400, 900, false)]
    [InlineData(1400, 900, true)]
    public async Task It_draws_every_sequence_in_a_colour_of_its_own_in_light_and_dark(int width, int height, bool isDark)
    {
        var path = Write(TownWithPictures());
        await using var browser = await Browser.StartAsync();

        await browser.OpenAsync(path, width, height, isDark, isPhone: width < 900);

        var screenshot = await browser.ScreenshotAsync();
        Keep($"map-{width}{(isDark ? "-dark" : "")}.png", screenshot);
        var picture = new Png(screenshot);
        Assert.Equal((width, height), (picture.Width, picture.Height));
        var stage = await BoxAsync(browser, "#map");
        var colours = Colours(picture, stage);
        Assert.Equal(isDark ? (0x14, 0x18, 0x1c) : ((byte)0xf6, (byte)0xf5, (byte)0xf1), colours.MaxBy(c => c.Value).Key);
        foreach (var swatch in (JsonArray)(await browser.EvaluateAsync("[...document.querySelectorAll('#list i')].map(i => getComputedStyle(i).backgroundColor.match(/[0-9]+/g).map(Number))"))!)
        {
            var colour = ((byte)swatch![0]!, (byte)swatch[1]!, (byte)swatch[2]!);
            Assert.InRange(colours.GetValueOrDefault(colour), 100, int.MaxValue);
            // What a graphic needs to be seen by all (WCAG 2.2, 1.4.11).
            Assert.InRange(Contrast(colour, colours.MaxBy(c => c.Value).Key), 3, 21);
        }

        Assert.Equal(6, (int?)await browser.EvaluateAsync("new Set([...document.querySelectorAll('#list i')].map(i => i.style.background)).size"));
        Assert.Matches(@"^\d+ of 670 photos drawn; zoom in for all$", await browser.TextAsync("#status"));
        Assert.Matches(@"^\d+ photos · 6 sequences · \d+ panoramas · 2024-05-04 to 2024-05-06 · 1 photo without a position not shown$", await browser.TextAsync("#summary"));
        // Nothing sticks out at the side.
        Assert.Equal(width, (int?)await browser.EvaluateAsync("document.documentElement.scrollWidth"));
        AssertCalmAndOffline(browser);
    }

    [Fact]
    public async Task A_click_shows_the_photo_and_its_facts_and_keys_go_along_the_sequence()
    {
        var path = Write(TownWithPictures());
        await using var browser = await Browser.StartAsync();
        await browser.OpenAsync(path, 1400, 900);
        // The first sequence fills the map; its first photo is the westernmost.
        await browser.EvaluateAsync("document.querySelector('#list button').click()");
        await browser.FrameAsync();
        var (x, y) = FindMark(new Png(await browser.ScreenshotAsync()), await BoxAsync(browser, "#map"), await SwatchAsync(browser));

        await browser.ClickAsync(x, y);

        var facts = await browser.TextAsync("#facts");
        Assert.Contains("kT0u3Yw1QpWZ5aJr8cXv2A (1 of ", facts, StringComparison.Ordinal);
        Assert.Contains("480201334122919", facts, StringComparison.Ordinal);
        Assert.Contains("2024-05-04 08:30:00.250 UTC", facts, StringComparison.Ordinal);
        Assert.Contains("GoPro HERO8 Black", facts, StringComparison.Ordinal);
        Assert.Contains("anna", facts, StringComparison.Ordinal);
        Assert.Equal("https://www.mapillary.com/app/?pKey=480201334122919&focus=photo", (string?)await browser.EvaluateAsync("document.querySelector('#page').href"));
        Assert.Equal(2048, (int?)await browser.EvaluateAsync("new Promise(done => { const i = document.querySelector('#photo'); i.complete && i.naturalWidth ? done(i.naturalWidth) : i.onload = () => done(i.naturalWidth); })"));
        Assert.Equal("true", (string?)await browser.EvaluateAsync("document.querySelector('#list button').getAttribute('aria-pressed')"));
        Keep("map-1400-photo.png", await browser.ScreenshotAsync());

        await browser.PressAsync("n");
        Assert.Contains("(2 of ", await browser.TextAsync("#facts"), StringComparison.Ordinal);
        Assert.Equal("none", (string?)await browser.EvaluateAsync("getComputedStyle(document.querySelector('#picture')).display"));
        await browser.PressAsync("p");
        Assert.Contains("(1 of ", await browser.TextAsync("#facts"), StringComparison.Ordinal);
        await browser.PressAsync("Escape");
        Assert.True((bool?)await browser.EvaluateAsync("document.querySelector('#card').hidden"));
        AssertCalmAndOffline(browser);
    }

    [Fact]
    public async Task It_moves_by_mouse_wheel_touch_and_keys()
    {
        var path = Write(TownWithPictures());
        await using var browser = await Browser.StartAsync();
        await browser.OpenAsync(path, 1400, 900);
        var all = await InViewAsync(browser);

        await browser.WheelAsync(500, 400, -900);
        var near = await InViewAsync(browser);
        Assert.InRange(near, 1, all - 1);
        await browser.EvaluateAsync("document.querySelector('#map').focus()");
        await browser.PressAsync("0");
        Assert.Equal(all, await InViewAsync(browser));
        await browser.PressAsync("+");
        await browser.PressAsync("+");
        Assert.InRange(await InViewAsync(browser), 1, all - 1);
        await browser.PressAsync("Enter");
        Assert.False((bool?)await browser.EvaluateAsync("document.querySelector('#card').hidden"));
        await browser.PressAsync("Escape");
        await browser.PressAsync("0");
        await browser.DragAsync((500, 400), (1000, 400));
        Assert.InRange(await InViewAsync(browser), 1, all - 1);
        await browser.EvaluateAsync("document.querySelector('#all').click()");
        await browser.FrameAsync();
        Assert.Equal(all, await InViewAsync(browser));

        await browser.OpenAsync(path, 400, 800, isPhone: true);
        await browser.TouchAsync("touchStart", (180, 300), (220, 300));
        await browser.TouchAsync("touchMove", (80, 300), (320, 300));
        await browser.TouchAsync("touchEnd");
        Assert.InRange(await InViewAsync(browser), 1, all - 1);
        await browser.TouchAsync("touchStart", (200, 300));
        await browser.TouchAsync("touchMove", (100, 330));
        await browser.TouchAsync("touchEnd");
        Assert.InRange(await InViewAsync(browser), 1, all - 1);
        await browser.EvaluateAsync("document.querySelector('#all').click(); document.querySelector('#list button').click()");
        await browser.FrameAsync();
        var (x, y) = FindMark(new Png(await browser.ScreenshotAsync()), await BoxAsync(browser, "#map"), await SwatchAsync(browser));
        await browser.TouchAsync("touchStart", (x, y));
        await browser.TouchAsync("touchEnd");
        Assert.Contains("(1 of ", await browser.TextAsync("#facts"), StringComparison.Ordinal);
        await browser.EvaluateAsync("document.querySelector('#photo').decode()");
        // The card covers the lower part of the map; the photo it tells of stays in sight.
        var screenshot = await browser.ScreenshotAsync();
        Keep("map-400-photo.png", screenshot);
        var stage = await BoxAsync(browser, "#map");
        var card = await BoxAsync(browser, "#card");
        Assert.True(card.Top < stage.Bottom);
        Assert.Contains(((byte)0x1d, (byte)0x23, (byte)0x27), Colours(new Png(screenshot), (stage.Left + 60, stage.Top + 60, stage.Right - 60, card.Top)).Keys);
        Assert.Equal(400, (int?)await browser.EvaluateAsync("document.documentElement.scrollWidth"));
        AssertCalmAndOffline(browser);
    }

    [Fact]
    public async Task The_time_line_leaves_what_was_captured_within_it()
    {
        var path = Write(TownWithPictures());
        await using var browser = await Browser.StartAsync();
        await browser.OpenAsync(path, 1400, 900);
        var all = await InViewAsync(browser);

        // The last drive alone was on the third day.
        await browser.EvaluateAsync("document.querySelector('#from').focus()");
        await browser.EvaluateAsync("(i => { i.value = 800; i.dispatchEvent(new Event('input')); })(document.querySelector('#from'))");
        await browser.FrameAsync();

        var records = Records.Town().ToList();
        Assert.Equal(records.Count(r => r.Contains("vN9j5Xd2LqTg8mZc6yBs3G", StringComparison.Ordinal)), await InViewAsync(browser));
        Assert.StartsWith("2024-05-05 ", await browser.TextAsync("#span"), StringComparison.Ordinal);
        await browser.PressAsync("ArrowRight");
        Assert.Equal("801", (string?)await browser.EvaluateAsync("document.querySelector('#from').value"));
        await browser.EvaluateAsync("document.querySelector('#whole').click()");
        await browser.FrameAsync();
        Assert.Equal(all, await InViewAsync(browser));
    }

    [Fact]
    public async Task A_finger_takes_the_handles_of_the_time_line_and_seconds_are_told_where_they_matter()
    {
        var map = new CaptureMap();
        for (var i = 0; i < 20; i++) map.Add(Records.Image($"{i}", "s", (13 + (i * 1e-4), 52), capturedAt: Records.Start.AddSeconds(i)));
        await using var browser = await Browser.StartAsync();
        await browser.OpenAsync(map.Write(Path.Combine(_folder.Path, "map.html"), MapFormat.Html, CancellationToken.None).Path, 400, 800, isPhone: true);
        Assert.Equal("2024-05-04 08:30:00 – 2024-05-04 08:30:19 UTC", await browser.TextAsync("#span"));

        // A handle is at least 24 pixels wide and high (WCAG 2.2, 2.5.8): it may be missed by eleven.
        var line = await BoxAsync(browser, "#from");
        var (x, y) = (line.Left + 12 + 11, (line.Top + line.Bottom) / 2);
        await browser.TouchAsync("touchStart", (x, y));
        await browser.TouchAsync("touchMove", ((line.Left + line.Right) / 2, y));
        await browser.TouchAsync("touchEnd");

        Assert.Equal("2024-05-04 08:30:09", (await browser.TextAsync("#span"))[..19]);
        Assert.Equal(10, await InViewAsync(browser));
    }

    [Fact]
    public async Task A_hundred_thousand_photos_are_thinned_out_and_it_says_so()
    {
        var map = new CaptureMap();
        for (var i = 0; i < 100_000; i++)
            map.Add(Records.Image($"{i + 1}", $"s{i / 500}", (11 + (i % 500 * 1.7e-4), 49 + (i / 500 * 1e-3)), capturedAt: Records.Start.AddSeconds(i * 2.1), angle: i % 360));
        var path = map.Write(Path.Combine(_folder.Path, "map.html"), MapFormat.Html, CancellationToken.None).Path;
        await using var browser = await Browser.StartAsync();

        await browser.OpenAsync(path, 1400, 900);

        Assert.Matches(@"^[\d,]+ of 100,000 photos drawn; zoom in for all$", await browser.TextAsync("#status"));
        await browser.EvaluateAsync("document.querySelector('#map').focus()");
        for (var i = 0; i < 14; i++) await browser.PressAsync("+");
        Assert.Matches(@"^[\d,]+ photos? in view$", await browser.TextAsync("#status"));
        AssertCalmAndOffline(browser);
    }

    [Theory]
    [InlineData(new double[] { 11.25, 49.75 })]
    [InlineData(new double[] { 0, 90, 0, -90 })]
    [InlineData(new double[] { 180, 0, -180, 1, 179.5, 2 })]
    [InlineData(new double[] { -180, 0, -90, 0, 0, 0, 90, 0, 180, 0 })]
    [InlineData(new double[] { 7, 7, 7, 7, 7, 7 })]
    public async Task Photos_anywhere_on_earth_are_all_in_view_at_first(double[] positions)
    {
        var map = new CaptureMap();
        foreach (var (position, i) in positions.Chunk(2).Select((p, i) => (p, i))) map.Add(Records.Image($"{i + 1}", i == 2 ? null : "s", (position[0], position[1]), altitude: i == 0 ? 1e300 : null, creator: null, make: null, model: null));
        var path = map.Write(Path.Combine(_folder.Path, "map.html"), MapFormat.Html, CancellationToken.None).Path;
        await using var browser = await Browser.StartAsync();

        await browser.OpenAsync(path, 1000, 800);

        Assert.Equal(positions.Length / 2, await InViewAsync(browser));
        await browser.EvaluateAsync("document.querySelector('#map').focus()");
        await browser.PressAsync("Enter");
        Assert.Contains("time unknown", await browser.TextAsync("#facts"), StringComparison.Ordinal);
        foreach (var key in new[] { "-", "+" })
        {
            await browser.EvaluateAsync($"for (let i = 0; i < 60; i++) document.querySelector('#map').dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}' }}))");
            await browser.FrameAsync();
        }

        AssertCalmAndOffline(browser);
    }

    [Theory]
    [InlineData(400, 800, 1)]
    [InlineData(1400, 900, 1.5)]
    public async Task Photos_in_the_corners_are_not_hidden_at_first(int width, int height, double east)
    {
        var map = new CaptureMap();
        foreach (var (position, i) in new[] { (0, 0), (0, 1), (east, 0), (east, 1) }.Select((p, i) => (p, i))) map.Add(Records.Image($"{i}", $"{i}", position, angle: null));
        await using var browser = await Browser.StartAsync();

        await browser.OpenAsync(map.Write(Path.Combine(_folder.Path, "map.html"), MapFormat.Html, CancellationToken.None).Path, width, height, isPhone: width < 900);

        var colours = Colours(new Png(await browser.ScreenshotAsync()), await BoxAsync(browser, "#map"));
        var swatches = (JsonArray)(await browser.EvaluateAsync("[...document.querySelectorAll('#list i')].map(i => getComputedStyle(i).backgroundColor.match(/[0-9]+/g).map(Number))"))!;
        Assert.Equal(4, swatches.Count);
        Assert.All(swatches, s => Assert.InRange(colours.GetValueOrDefault(((byte)s![0]!, (byte)s[1]!, (byte)s[2]!)), 12, int.MaxValue));
    }

    [Fact]
    public async Task Hostile_names_are_shown_and_not_run()
    {
        const string Hostile = "</script><script>document.title='run'</script><img src=x onerror=\"document.title='run'\">";
        var map = new CaptureMap();
        map.Add(Records.Image("1", Hostile, (179.99, 10), creator: Hostile, make: Hostile, cameraType: Hostile));
        map.Add(Records.Image("2", Hostile, (-179.99, 10), creator: Hostile, make: Hostile));
        var path = map.Write(Path.Combine(_folder.Path, "map.html"), MapFormat.Html, CancellationToken.None).Path;
        await using var browser = await Browser.StartAsync();

        await browser.OpenAsync(path, 1000, 800);
        // Both sides of the antimeridian are one place: two kilometres fill the map.
        Assert.Equal("2 photos in view", await browser.TextAsync("#status"));
        await browser.EvaluateAsync("document.querySelector('#map').focus()");
        await browser.PressAsync("Enter");

        Assert.Contains(Hostile, await browser.TextAsync("#facts"), StringComparison.Ordinal);
        Assert.Equal("Photos by " + Hostile, (string?)await browser.EvaluateAsync("document.title"));
        Assert.Equal(0, (int?)await browser.EvaluateAsync("document.querySelectorAll('img[onerror]').length"));
        AssertCalmAndOffline(browser);
    }

    private static async Task<int> InViewAsync(Browser browser)
    {
        var text = await browser.TextAsync("#status");
        var number = text.Contains(" of ", StringComparison.Ordinal) ? text.Split(" of ")[1] : text;
        return int.Parse(number.Split(' ')[0], System.Globalization.NumberStyles.AllowThousands, System.Globalization.CultureInfo.InvariantCulture);
    }

    private static async Task<(int Left, int Top, int Right, int Bottom)> BoxAsync(Browser browser, string selector)
    {
        var box = (await browser.EvaluateAsync($"(b => [b.left, b.top, b.right, b.bottom].map(Math.round))(document.querySelector('{selector}').getBoundingClientRect())"))!;
        return ((int)box[0]!, (int)box[1]!, (int)box[2]!, (int)box[3]!);
    }

    private static async Task<(byte, byte, byte)> SwatchAsync(Browser browser)
    {
        var colour = (await browser.EvaluateAsync("getComputedStyle(document.querySelector('#list i')).backgroundColor.match(/[0-9]+/g).map(Number)"))!;
        return ((byte)colour[0]!, (byte)colour[1]!, (byte)colour[2]!);
    }

    private static Dictionary<(byte, byte, byte), int> Colours(Png picture, (int Left, int Top, int Right, int Bottom) box)
    {
        var colours = new Dictionary<(byte, byte, byte), int>();
        for (var y = box.Top; y < Math.Min(box.Bottom, picture.Height); y++)
        {
            for (var x = box.Left; x < Math.Min(box.Right, picture.Width); x++) colours[picture[x, y]] = colours.GetValueOrDefault(picture[x, y]) + 1;
        }

        return colours;
    }

    /// <summary>How much two colours of sRGB differ in brightness, 1 to 21 (WCAG 2.2, contrast ratio).</summary>
    private static double Contrast((byte Red, byte Green, byte Blue) one, (byte Red, byte Green, byte Blue) other)
    {
        var (a, b) = (Luminance(one), Luminance(other));
        return (Math.Max(a, b) + 0.05) / (Math.Min(a, b) + 0.05);

        static double Luminance((byte Red, byte Green, byte Blue) colour) => (0.2126 * Linear(colour.Red)) + (0.7152 * Linear(colour.Green)) + (0.0722 * Linear(colour.Blue));
        static double Linear(byte value) => value / 255.0 is var share && share <= 0.04045 ? share / 12.92 : Math.Pow((share + 0.055) / 1.055, 2.4);
    }

    /// <summary>The westernmost point of this colour.</summary>
    private static (int X, int Y) FindMark(Png picture, (int Left, int Top, int Right, int Bottom) box, (byte, byte, byte) colour)
    {
        for (var x = box.Left; x < box.Right; x++)
        {
            for (var y = box.Top; y < box.Bottom; y++)
            {
                if (picture[x, y] == colour) return (x, y);
            }
        }

        throw new InvalidOperationException("Nothing on the map has this colour.");
    }

    /// <summary>Keeps a screenshot where whoever wants to look at it says.</summary>
    private static void Keep(string name, byte[] screenshot)
    {
        if (Environment.GetEnvironmentVariable("MAPILLARY_SCREENSHOTS") is { Length: > 0 } folder) File.WriteAllBytes(Path.Combine(folder, name), screenshot);
    }

    private void AssertCalmAndOffline(Browser browser)
    {
        Assert.Empty(browser.Complaints);
        Assert.NotEmpty(browser.Requests);
        Assert.All(browser.Requests, request => Assert.StartsWith(new Uri(_folder.Path).AbsoluteUri + "/", request, StringComparison.Ordinal));
    }

    /// <summary>The town as a collection in which the first photo of the first sequence is a file.</summary>
    private string TownWithPictures()
    {
        var records = Records.Town().Append(Records.Json("9")).ToList();
        var collection = Records.Collection(_folder.Path, "anna", records);
        var folder = Directory.CreateDirectory(Path.Combine(collection, "2024-05-04", "kT0u3Yw1QpWZ5aJr8cXv2A")).FullName;
        File.Copy(Path.Combine(AppContext.BaseDirectory, "Photos", "Renditions", "landscape-2048.jpg"), Path.Combine(folder, "480201334122919.jpg"));
        return collection;
    }

    private static string Write(string collection)
    {
        var map = new CaptureMap();
        map.AddListing(collection, new RecordingLog(), CancellationToken.None);
        return map.Write(Path.Combine(collection, "map.html"), MapFormat.Html, CancellationToken.None).Path;
    }
}
