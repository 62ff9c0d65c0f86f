using System.Globalization;
using System.Text;
using Mapillary.Graph;
using Mapillary.Maps;
using Mapillary.Tests.Imaging;
using Microsoft.VisualBasic.FileIO;

namespace Mapillary.Tests.Maps;

/// <summary>The rules are those of RFC 4180; the reader is the framework's own.</summary>
public sealed class CsvMapTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Each_image_is_a_row_in_the_order_of_capture_with_what_is_known_of_it()
    {
        var rows = Write(
            Records.Image("22", "b", (13.5, 52.25), capturedAt: Records.Start.AddSeconds(2), altitude: 31.5, angle: -90, cameraType: "spherical", model: "Max"),
            Records.Image("11", "b", (13.25, 52.5), (13.2512345678, 52.5), capturedAt: Records.Start, altitude: -2),
            Records.Image("33", "a", (-0.125, 0), make: null, model: null, creator: null),
            Records.Image("44", "a"));

        Assert.Equal(
            [
                ["Id", "SequenceId", "CapturedAt", "Latitude", "Longitude", "Altitude", "Direction", "CameraType", "IsPanorama", "Make", "Model", "Creator", "Url"],
                ["11", "b", "2024-05-04T08:30:00.250Z", "52.5", "13.2512346", "-2", "", "perspective", "False", "GoPro", "HERO8 Black", "anna", "https://www.mapillary.com/app/?pKey=11&focus=photo"],
                ["22", "b", "2024-05-04T08:30:02.250Z", "52.25", "13.5", "31.5", "270", "spherical", "True", "GoPro", "Max", "anna", "https://www.mapillary.com/app/?pKey=22&focus=photo"],
                ["33", "a", "", "0", "-0.125", "", "", "perspective", "False", "", "", "", "https://www.mapillary.com/app/?pKey=33&focus=photo"],
            ],
            rows);
    }

    [Fact]
    public void Names_from_outside_stay_in_their_cell_and_are_no_formulas()
    {
        var rows = Write(
            Records.Image("1", "-u1nXHiXQjVYDmtKczsS-A", (1, 1), make: "a,b\"c\"\r\nd", model: " e; ", creator: "ä😀"),
            Records.Image("2", "=1+1", (1, 1), make: "=cmd|'/C calc'!A0", model: "@SUM(A1)", creator: "-2+3"),
            Records.Image("3", "+s", (1, 1), make: "\t=1", model: "\r=1", creator: "-2"));

        Assert.Equal(3, rows.Count - 1);
        Assert.Equal(("-u1nXHiXQjVYDmtKczsS-A", "a,b\"c\"\r\nd", " e; ", "ä😀"), Texts("1"));
        Assert.Equal(("'=1+1", "'=cmd|'/C calc'!A0", "'@SUM(A1)", "'-2+3"), Texts("2"));
        Assert.Equal(("'+s", "'\t=1", "'\r=1", "-2"), Texts("3"));

        (string Sequence, string Make, string Model, string Creator) Texts(string id)
        {
            var row = Assert.Single(rows, r => r[0] == id);
            return (row[1], row[9], row[10], row[11]);
        }
    }

    [Fact]
    public void It_is_the_same_in_every_culture()
    {
        var culture = CultureInfo.CurrentCulture;
        var images = Records.Town().Take(50).Select(MapillaryImage.Parse).ToArray();
        var bytes = Bytes(images);
        try
        {
            // A decimal comma, and years of another calendar.
            CultureInfo.CurrentCulture = new CultureInfo("ar-SA") { NumberFormat = new CultureInfo("de-DE").NumberFormat };

            Assert.Equal(bytes, Bytes(images));
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
        }

        Assert.NotEqual(Encoding.UTF8.Preamble.ToArray(), bytes[..3]);
    }

    private byte[] Bytes(params MapillaryImage[] images)
    {
        var map = new CaptureMap();
        foreach (var image in images) map.Add(image);
        return File.ReadAllBytes(map.Write(Path.Combine(_folder.Path, "map.csv"), MapFormat.Csv, CancellationToken.None).Path);
    }

    private List<string[]> Write(params MapillaryImage[] images)
    {
        using var reader = new TextFieldParser(new MemoryStream(Bytes(images))) { Delimiters = [","], HasFieldsEnclosedInQuotes = true, TrimWhiteSpace = false };
        var rows = new List<string[]>();
        while (reader.ReadFields() is { } row) rows.Add(row);
        Assert.All(rows, row => Assert.Equal(13, row.Length));
        return rows;
    }
}
