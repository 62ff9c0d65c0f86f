using System.Globalization;
using System.Text.Json;
using Mapillary.Graph;

namespace Mapillary.Tests.Maps;

/// <summary>Records as the API sends them.</summary>
internal static class Records
{
    public static readonly DateTimeOffset Start = new(2024, 5, 4, 8, 30, 0, 250, TimeSpan.Zero);

    public static string Json(
        string id,
        string? sequence = "s1",
        (double Longitude, double Latitude)? original = null,
        (double Longitude, double Latitude)? computed = null,
        DateTimeOffset? capturedAt = null,
        double? altitude = null,
        double? angle = null,
        string cameraType = "perspective",
        string? make = "GoPro",
        string? model = "HERO8 Black",
        string? creator = "anna")
    {
        var fields = new Dictionary<string, object> { ["id"] = id, ["camera_type"] = cameraType };
        if (sequence is not null) fields["sequence"] = sequence;
        if (original is { } o) fields["geometry"] = new { type = "Point", coordinates = new[] { o.Longitude, o.Latitude } };
        if (computed is { } c) fields["computed_geometry"] = new { type = "Point", coordinates = new[] { c.Longitude, c.Latitude } };
        if (capturedAt is { } time) fields["captured_at"] = time.ToUnixTimeMilliseconds();
        if (altitude is { } metres) fields["altitude"] = metres;
        if (angle is { } degrees) fields["compass_angle"] = degrees;
        if (make is not null) fields["make"] = make;
        if (model is not null) fields["model"] = model;
        if (creator is not null) fields["creator"] = new { username = creator, id = "7" };
        return JsonSerializer.Serialize(fields);
    }

    public static MapillaryImage Image(
        string id,
        string? sequence = "s1",
        (double Longitude, double Latitude)? original = null,
        (double Longitude, double Latitude)? computed = null,
        DateTimeOffset? capturedAt = null,
        double? altitude = null,
        double? angle = null,
        string cameraType = "perspective",
        string? make = "GoPro",
        string? model = "HERO8 Black",
        string? creator = "anna") =>
        MapillaryImage.Parse(Json(id, sequence, original, computed, capturedAt, altitude, angle, cameraType, make, model, creator));

    /// <summary>
    /// Some drives and a walk through a town that does not exist, two of them with a panoramic camera, over three days. The streets are
    /// lines between corners in metres east and north of its middle, and there is a photo every so many metres.
    /// </summary>
    public static IEnumerable<string> Town()
    {
        (string Sequence, string Camera, string Make, string Model, double Day, double Every, (int East, int North)[] Corners)[] drives =
        [
            ("kT0u3Yw1QpWZ5aJr8cXv2A", "perspective", "GoPro", "HERO8 Black", 0, 14, [(-900, -420), (-520, -380), (-300, -250), (40, -230), (420, -160), (700, -10), (1000, 40)]),
            ("mB7s9Lq4RfGh1nDk6eTz0C", "perspective", "GoPro", "HERO8 Black", 0.03, 14, [(980, 330), (640, 300), (330, 260), (-20, 330), (-340, 300), (-760, 400), (-1010, 380)]),
            ("pX2v8Nc5JyUi3oSa7wEb4D", "spherical", "GoPro", "Max", 0.1, 20, [(-610, 560), (-560, 390), (-540, 90), (-520, -380), (-470, -640)]),
            ("rH6g1Mt9KzQx4lFd2jVn8E", "spherical", "GoPro", "Max", 1, 20, [(60, 590), (-20, 330), (10, 40), (40, -230), (90, -610), (330, -640), (380, -400), (420, -160), (360, 60), (330, 260)]),
            ("tC4b7Ws3PaYe9uIo5hRk1F", "perspective", "Apple", "iPhone 12", 1.2, 9, [(-540, 90), (-390, 60), (-250, 130), (-140, 50), (10, 40), (130, 110), (250, 60), (360, 60)]),
            ("vN9j5Xd2LqTg8mZc6yBs3G", "fisheye", "Garmin", "VIRB", 2, 16, [(700, -600), (690, -300), (700, -10), (650, 300), (740, 620)]),
        ];
        var id = 480_201_334_115_000L;
        foreach (var (sequence, camera, make, model, day, every, corners) in drives)
        {
            var time = Start.AddDays(day);
            for (var i = 1; i < corners.Length; i++)
            {
                double east = corners[i].East - corners[i - 1].East, north = corners[i].North - corners[i - 1].North;
                var length = Math.Sqrt((east * east) + (north * north));
                for (var metres = 0.0; metres < length; metres += every)
                {
                    var share = metres / length;
                    // GPS is never quite on the road.
                    double x = corners[i - 1].East + (share * east) + (2.5 * Math.Sin(id * 0.7)), y = corners[i - 1].North + (share * north) + (2.5 * Math.Cos(id * 1.3));
                    yield return Json(
                        (id += 7_919).ToString(CultureInfo.InvariantCulture), sequence,
                        original: (11.25 + (x / 72_000), 49.75 + (y / 111_320)),
                        capturedAt: time, altitude: 310 + (y / 40), angle: ((Math.Atan2(east, north) * 180 / Math.PI) + 360) % 360,
                        cameraType: camera, make: make, model: model);
                    time = time.AddMilliseconds(2_000 + (id % 700));
                }
            }
        }
    }

    /// <summary>A collection's folder with this listing.</summary>
    public static string Collection(string parent, string user, IEnumerable<string> records)
    {
        var folder = Directory.CreateDirectory(Path.Combine(parent, $"mapillary-{user}-original")).FullName;
        File.WriteAllLines(Path.Combine(folder, "metadata.jsonl"), records);
        return folder;
    }
}
