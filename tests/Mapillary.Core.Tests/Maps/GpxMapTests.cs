using System.Globalization;
using System.Xml.Linq;
using Mapillary.Graph;
using Mapillary.Maps;
using Mapillary.Tests.Imaging;

namespace Mapillary.Tests.Maps;

public sealed class GpxMapTests : IDisposable
{
    private static readonly XNamespace Gpx = "http://www.topografix.com/GPX/1/1";

    /// <summary>The elements of the schema that stand in a fixed order: http://www.topografix.com/GPX/1/1/gpx.xsd.</summary>
    private static readonly Dictionary<string, string[]> Order = new()
    {
        ["gpx"] = ["metadata", "wpt", "rte", "trk", "extensions"],
        ["trk"] = ["name", "cmt", "desc", "src", "link", "number", "type", "extensions", "trkseg"],
        ["trkseg"] = ["trkpt", "extensions"],
        ["trkpt"] = Waypoint,
        ["wpt"] = Waypoint,
        ["link"] = ["text", "type"],
    };

    private readonly ScratchFolder _folder = new();

    private static string[] Waypoint =>
    [
        "ele", "time", "magvar", "geoidheight", "name", "cmt", "desc", "src", "link", "sym", "type",
        "fix", "sat", "hdop", "vdop", "pdop", "ageofdgpsdata", "dgpsid", "extensions",
    ];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Each_sequence_is_a_track_in_the_order_of_capture()
    {
        var gpx = Write(
            Records.Image("2", "b", (13.5, 52.25), capturedAt: Records.Start.AddSeconds(2), altitude: 31.5),
            Records.Image("1", "b", (13.25, -0.0000001), capturedAt: Records.Start),
            Records.Image("3", "a", (180, -90), capturedAt: Records.Start.AddDays(1)),
            Records.Image("4", null, (-180, 90)));

        var tracks = gpx.Elements(Gpx + "trk").ToList();
        Assert.Equal(["b", "a"], tracks.Select(t => (string)t.Element(Gpx + "name")!));
        var points = tracks[0].Element(Gpx + "trkseg")!.Elements(Gpx + "trkpt").ToList();
        Assert.Equal([("13.25", "-0.0000001"), ("13.5", "52.25")], points.Select(p => ((string)p.Attribute("lon")!, (string)p.Attribute("lat")!)));
        Assert.Equal([null, "31.5"], points.Select(p => (string?)p.Element(Gpx + "ele")));
        Assert.Equal(["2024-05-04T08:30:00.250Z", "2024-05-04T08:30:02.250Z"], points.Select(p => (string?)p.Element(Gpx + "time")));
        Assert.Equal("https://www.mapillary.com/app/?pKey=1&focus=photo", (string?)points[0].Element(Gpx + "link")!.Attribute("href"));
        Assert.Equal("-180", (string?)tracks[1].Descendants(Gpx + "trkpt").Single().Attribute("lon"));
        Assert.Equal("4", (string?)gpx.Elements(Gpx + "wpt").Single().Element(Gpx + "name"));
    }

    [Fact]
    public void It_is_as_the_schema_wants_it_in_any_culture_and_with_any_names()
    {
        var culture = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = new CultureInfo("ar-SA") { NumberFormat = new CultureInfo("de-DE").NumberFormat };
        try
        {
            var images = Records.Town().Select(MapillaryImage.Parse).Append(Records.Image("&<9", "</name>]]>\u0001\uffff", (180, 90), creator: "\"'\u0000😀", make: "\u000b"));

            var gpx = Write([.. images]);

            Assert.Equal("1.1", (string?)gpx.Attribute("version"));
            Assert.NotEmpty((string?)gpx.Attribute("creator") ?? "");
            foreach (var element in gpx.DescendantsAndSelf())
            {
                Assert.Equal(Gpx, element.Name.Namespace);
                if (!Order.TryGetValue(element.Name.LocalName, out var order)) { Assert.Empty(element.Elements()); continue; }
                var places = element.Elements().Select(e => Array.IndexOf(order, e.Name.LocalName)).ToList();
                Assert.DoesNotContain(-1, places);
                Assert.Equal(places.Order(), places);
                if (element.Attribute("lat") is not { } latitude) continue;
                Assert.InRange(decimal.Parse(latitude.Value, CultureInfo.InvariantCulture), -90, 90);
                Assert.InRange(decimal.Parse(element.Attribute("lon")!.Value, CultureInfo.InvariantCulture), -180, 179.9999999m);
                Assert.Single(element.Elements(Gpx + "name"));
            }

            Assert.Contains("</name>]]>\uFFFD\uFFFD", gpx.Descendants(Gpx + "name").Select(n => n.Value));
            Assert.Contains("@\"'\uFFFD😀 on Mapillary", gpx.Descendants(Gpx + "src").Select(n => n.Value));
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
        }
    }

    private XElement Write(params MapillaryImage[] images)
    {
        var map = new CaptureMap();
        foreach (var image in images) map.Add(image);
        return XDocument.Load(map.Write(Path.Combine(_folder.Path, "map.gpx"), MapFormat.Gpx, CancellationToken.None).Path).Root!;
    }
}
