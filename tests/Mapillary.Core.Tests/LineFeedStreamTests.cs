using System.Text;
using System.Text.Json;

namespace Mapillary.Tests;

public class LineFeedStreamTests
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>As .NET writes indented JSON on Windows, in pieces that may end between the two.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(1000)]
    public void Indented_JSON_of_Windows_becomes_that_of_Linux_and_its_values_stay(int step)
    {
        var value = new Dictionary<string, string> { ["a"] = "line\r\nline\rline", ["b"] = "" };
        var linux = JsonSerializer.Serialize(value, Indented).ReplaceLineEndings("\n");
        var windows = Encoding.UTF8.GetBytes(linux.Replace("\n", "\r\n", StringComparison.Ordinal));
        using var written = new MemoryStream();

        using (var stream = new LineFeedStream(written))
        {
            for (var i = 0; i < windows.Length; i += step) stream.Write(windows.AsSpan(i, Math.Min(step, windows.Length - i)));
        }

        Assert.Equal(linux, Encoding.UTF8.GetString(written.ToArray()));
        Assert.Equal(value, JsonSerializer.Deserialize<Dictionary<string, string>>(written.ToArray()));
    }
}
