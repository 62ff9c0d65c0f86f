using System.Text.Json.Nodes;
using Mapillary.Collections;
using Mapillary.Collections.Records;
using Mapillary.Graph;
using Mapillary.Imaging.Forms;
using Mapillary.Saving;

namespace Mapillary.Tests.Collections;

/// <summary>A <c>collection.json</c> that a later version of this software wrote.</summary>
public sealed class LaterVersionTests : IDisposable
{
    private readonly SmallCollection _collection = new(isBundled: true);

    private string State => _collection.In(CollectionState.FileName);

    [Theory]
    [InlineData("2", "2")]
    [InlineData("\"3.1\"", "3.1")]
    [InlineData("40", "40")]
    public void One_of_a_later_version_is_refused_with_the_version_needed_and_nothing_changes(string version, string shown)
    {
        var state = JsonNode.Parse(File.ReadAllText(State))!.AsObject();
        state["version"] = JsonNode.Parse(version);
        state["tool"] = "Mapillary for PowerShell 7.5.0";
        // What may have another form by then.
        state["quality"] = new JsonObject { ["pixels"] = 2048 };
        File.WriteAllText(State, state.ToJsonString());
        var before = Contents();

        var refused = Assert.Throws<CollectionException>(() => Open());

        Assert.Equal(CollectionFault.Mismatch, refused.Fault);
        Assert.Contains($"is of version {shown}", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"reads version {shown.Split('.')[0]}", refused.Message, StringComparison.Ordinal);
        Assert.Contains("7.5.0", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, Contents());
    }

    [Fact]
    public void Fields_that_this_version_does_not_know_are_written_back_as_they_were()
    {
        const string Known = """{"a":[1,{"b":null}],"text":"\u00e9","number":1.50}""";
        var state = JsonNode.Parse(File.ReadAllText(State))!.AsObject();
        state["licence_of_pictures"] = JsonNode.Parse(Known);
        state["shots"] = 7;
        File.WriteAllText(State, state.ToJsonString());

        using (var writer = Open()) Assert.True(writer.Complete());

        var written = JsonNode.Parse(File.ReadAllText(State))!.AsObject();
        Assert.True(written["complete"]!.GetValue<bool>());
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Known), written["licence_of_pictures"]));
        Assert.Equal(7, written["shots"]!.GetValue<int>());
    }

    public void Dispose() => _collection.Dispose();

    private Dictionary<string, string> Contents() =>
        Directory.EnumerateFiles(_collection.Path, "*", SearchOption.AllDirectories).Where(f => f != _collection.In(".lock")).ToDictionary(f => f, File.ReadAllText);

    private CollectionWriter Open() => CollectionWriter.Open(
        _collection.Path, new CollectionName("anna", ImageQuality.Original, PictureForm.AsServed), CollectionLayout.Sequence, null, SilentLog.Instance);
}
