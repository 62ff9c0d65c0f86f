using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Mapillary.Tests.Imaging;

namespace Mapillary.Tests.Maps;

/// <summary>A real browser without a window and without a network, driven by the Chrome DevTools Protocol (https://chromedevtools.github.io/devtools-protocol/).</summary>
internal sealed class Browser : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly ScratchFolder _profile;
    private readonly ClientWebSocket _socket = new();
    private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonNode>> _answers = new();
    private readonly ConcurrentQueue<string> _complaints = [];
    private readonly ConcurrentQueue<string> _requests = [];
    private Task _reading = Task.CompletedTask;
    private Task _draining = Task.CompletedTask;
    private string? _session;
    private int _number;

    private Browser(Process process, ScratchFolder profile) => (_process, _profile) = (process, profile);

    /// <summary>What the page wrote to the console, its errors and breaches of its policy.</summary>
    public IReadOnlyCollection<string> Complaints => _complaints;

    /// <summary>All that the page asked for.</summary>
    public IReadOnlyCollection<string> Requests => _requests;

    /// <summary>Starts a browser; skips the test where none is installed.</summary>
    public static async Task<Browser> StartAsync()
    {
        var program = new[] { "chromium", "chromium-browser", "google-chrome", "google-chrome-stable" }.FirstOrDefault(name =>
            (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(d => File.Exists(Path.Combine(d, name))));
        Assert.SkipWhen(program is null, "there is neither chromium nor google-chrome on the PATH");
        var profile = new ScratchFolder();
        var process = Process.Start(new ProcessStartInfo(program!, [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--disable-background-networking",
            "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-port=0", $"--user-data-dir={profile.Path}", "about:blank"])
        { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var browser = new Browser(process, profile);
        try
        {
            await browser.ConnectAsync();
            return browser;
        }
        catch
        {
            await browser.DisposeAsync();
            throw;
        }
    }

    /// <summary>Opens a file in a window of this size, in pixels, and waits until it is loaded.</summary>
    public async Task OpenAsync(string path, int width, int height, bool isDark = false, bool isPhone = false)
    {
        await SendAsync("Emulation.setDeviceMetricsOverride", new { width, height, deviceScaleFactor = 1, mobile = isPhone });
        await SendAsync("Emulation.setTouchEmulationEnabled", new { enabled = isPhone });
        await SendAsync("Emulation.setEmulatedMedia", new { features = new[] { new { name = "prefers-color-scheme", value = isDark ? "dark" : "light" } } });
        await SendAsync("Page.navigate", new { url = new Uri(path).AbsoluteUri });
        // Two frames on: what the first one draws can be seen.
        await EvaluateAsync("new Promise(done => { const wait = () => document.readyState === 'complete' && location.protocol === 'file:' ? requestAnimationFrame(() => requestAnimationFrame(() => done(1))) : setTimeout(wait, 10); wait(); })");
    }

    /// <summary>What an expression comes to in the page.</summary>
    public async Task<JsonNode?> EvaluateAsync(string expression)
    {
        var answer = await SendAsync("Runtime.evaluate", new { expression, returnByValue = true, awaitPromise = true });
        Assert.True(answer["exceptionDetails"] is null, answer.ToJsonString());
        return answer["result"]?["value"];
    }

    /// <summary>The text of an element as a person reads it.</summary>
    public async Task<string> TextAsync(string selector) => (string?)await EvaluateAsync($"document.querySelector({JsonSerializer.Serialize(selector)}).innerText") ?? "";

    /// <summary>Waits for the frame in which changes are drawn.</summary>
    public Task FrameAsync() => EvaluateAsync("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))");

    public async Task ClickAsync(double x, double y)
    {
        await SendAsync("Input.dispatchMouseEvent", new { type = "mousePressed", x, y, button = "left", buttons = 1, clickCount = 1 });
        await SendAsync("Input.dispatchMouseEvent", new { type = "mouseReleased", x, y, button = "left", clickCount = 1 });
        await FrameAsync();
    }

    public async Task DragAsync((double X, double Y) from, (double X, double Y) to)
    {
        await SendAsync("Input.dispatchMouseEvent", new { type = "mousePressed", x = from.X, y = from.Y, button = "left", buttons = 1, clickCount = 1 });
        await SendAsync("Input.dispatchMouseEvent", new { type = "mouseMoved", x = (from.X + to.X) / 2, y = (from.Y + to.Y) / 2, button = "left", buttons = 1 });
        await SendAsync("Input.dispatchMouseEvent", new { type = "mouseMoved", x = to.X, y = to.Y, button = "left", buttons = 1 });
        await SendAsync("Input.dispatchMouseEvent", new { type = "mouseReleased", x = to.X, y = to.Y, button = "left", clickCount = 1 });
        await FrameAsync();
    }

    public async Task WheelAsync(double x, double y, double deltaY)
    {
        await SendAsync("Input.dispatchMouseEvent", new { type = "mouseWheel", x, y, deltaX = 0, deltaY });
        await FrameAsync();
    }

    public async Task TouchAsync(string type, params (double X, double Y)[] points)
    {
        await SendAsync("Input.dispatchTouchEvent", new { type, touchPoints = points.Select((p, id) => new { x = p.X, y = p.Y, id }) });
        await FrameAsync();
    }

    public async Task PressAsync(string key)
    {
        var text = key.Length == 1 ? key : key == "Enter" ? "\r" : null;
        await SendAsync("Input.dispatchKeyEvent", new { type = text is null ? "rawKeyDown" : "keyDown", key, text, windowsVirtualKeyCode = key switch { "Enter" => 13, "Escape" => 27, "ArrowLeft" => 37, "ArrowRight" => 39, _ => 0 } });
        await SendAsync("Input.dispatchKeyEvent", new { type = "keyUp", key });
        await FrameAsync();
    }

    public async Task<byte[]> ScreenshotAsync()
    {
        await FrameAsync();
        return Convert.FromBase64String((string)(await SendAsync("Page.captureScreenshot", new { format = "png" }))["data"]!);
    }

    public async ValueTask DisposeAsync()
    {
        _socket.Abort();
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        await Task.WhenAll(_reading, _draining).ContinueWith(_ => { }, TaskScheduler.Default);
        _socket.Dispose();
        _process.Dispose();
        _profile.Dispose();
    }

    private async Task ConnectAsync()
    {
        const string Greeting = "DevTools listening on ";
        using var patience = new CancellationTokenSource(Patience);
        var said = new StringBuilder();
        while (await _process.StandardError.ReadLineAsync(patience.Token) is { } line)
        {
            said.AppendLine(line);
            if (!line.StartsWith(Greeting, StringComparison.Ordinal)) continue;
            // Read on, or it would stand still when the pipe is full.
            _draining = Task.WhenAll(_process.StandardError.ReadToEndAsync(), _process.StandardOutput.ReadToEndAsync());
            await _socket.ConnectAsync(new Uri(line[Greeting.Length..]), patience.Token);
            _reading = Task.Run(ReadAsync);
            var target = (await SendAsync("Target.createTarget", new { url = "about:blank" }))["targetId"]!.GetValue<string>();
            _session = (await SendAsync("Target.attachToTarget", new { targetId = target, flatten = true }))["sessionId"]!.GetValue<string>();
            foreach (var domain in new[] { "Page", "Runtime", "Log", "Network" }) await SendAsync($"{domain}.enable", new { });
            return;
        }

        Assert.Fail($"The browser ended: {said}");
    }

    private async Task<JsonNode> SendAsync(string method, object parameters)
    {
        var id = Interlocked.Increment(ref _number);
        var answer = _answers[id] = new TaskCompletionSource<JsonNode>(TaskCreationOptions.RunContinuationsAsynchronously);
        await _socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(new { id, method, @params = parameters, sessionId = _session }, WithoutNulls), WebSocketMessageType.Text, true, CancellationToken.None);
        return await answer.Task.WaitAsync(Patience);
    }

    private static readonly JsonSerializerOptions WithoutNulls = new() { DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull };

    private async Task ReadAsync()
    {
        var buffer = new byte[1 << 16];
        using var message = new MemoryStream();
        while (_socket.State == WebSocketState.Open)
        {
            var part = await _socket.ReceiveAsync(buffer, CancellationToken.None);
            message.Write(buffer, 0, part.Count);
            if (!part.EndOfMessage) continue;
            Take(JsonNode.Parse(message.ToArray())!);
            message.SetLength(0);
        }
    }

    private void Take(JsonNode message)
    {
        if (message["id"]?.GetValue<int>() is { } id && _answers.TryRemove(id, out var answer))
        {
            if (message["error"] is { } error) answer.SetException(new InvalidOperationException(error.ToJsonString()));
            else answer.SetResult(message["result"]!);
            return;
        }

        switch ((string?)message["method"])
        {
            case "Runtime.exceptionThrown" or "Runtime.consoleAPICalled" or "Log.entryAdded": _complaints.Enqueue(message["params"]!.ToJsonString()); break;
            case "Network.requestWillBeSent": _requests.Enqueue((string)message["params"]!["request"]!["url"]!); break;
        }
    }
}
