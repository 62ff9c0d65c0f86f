using System.Globalization;
using System.Text.Json;
using Mapillary.Graph;
using Mapillary.Imaging;

namespace Mapillary.Tests.Imaging;

/// <summary>A made-up record of the API together with what a reader of the restored file should find, worked out on its own.</summary>
internal sealed class RecordSample
{
    private static readonly string[] Zones = ["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Chatham", "W. Europe Standard Time", "Tokyo Standard Time"];
    private static readonly string[] Names = ["anna", "Jürgen Ångström", "写真家", "o'brien_\"q\"", "a@b.c"];
    private static readonly string[] Makes = ["GoPro", "Insta360", "samsung", "Škoda Auto", "RICOH"];

    public string Id { get; private set; } = "";

    public (double Latitude, double Longitude)? Original { get; private set; }

    public (double Latitude, double Longitude)? Computed { get; private set; }

    public PositionSource Source { get; private set; }

    public double? SentAltitude { get; private set; }

    public double? Altitude { get; private set; }

    public double? Compass { get; private set; }

    public double? ComputedCompass { get; private set; }

    public long? Milliseconds { get; private set; }

    public string? Zone { get; private set; }

    public string? Make { get; private set; }

    public string? Model { get; private set; }

    public string? Creator { get; private set; }

    public string? CameraType { get; private set; }

    public double? Focal { get; private set; }

    public (double Latitude, double Longitude)? Position => Source == PositionSource.Original ? Original ?? Computed : Computed ?? Original;

    public RestoreOptions Options => new() { Position = Source, TimeZone = Zone is null ? null : TimeZoneInfo.FindSystemTimeZoneById(Zone) };

    public static IEnumerable<RecordSample> Make500()
    {
        var random = new Random(20260101);
        for (var i = 0; i < 500; i++) yield return Random(random, i);
    }

    public MapillaryImage ToImage()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("id", Id);
            json.WriteString("sequence", "seq-" + Id);
            if (SentAltitude is { } altitude) json.WriteNumber("altitude", altitude);
            if (Compass is { } compass) json.WriteNumber("compass_angle", compass);
            if (ComputedCompass is { } computed) json.WriteNumber("computed_compass_angle", computed);
            if (Milliseconds is { } time) json.WriteNumber("captured_at", time);
            if (Make is not null) json.WriteString("make", Make);
            if (Model is not null) json.WriteString("model", Model);
            if (CameraType is not null) json.WriteString("camera_type", CameraType);
            if (Creator is not null)
            {
                json.WriteStartObject("creator");
                json.WriteString("username", Creator);
                json.WriteEndObject();
            }

            if (Focal is { } focal)
            {
                json.WriteStartArray("camera_parameters");
                json.WriteNumberValue(focal);
                json.WriteNumberValue(-0.01);
                json.WriteNumberValue(0.002);
                json.WriteEndArray();
            }

            Point("geometry", Original);
            Point("computed_geometry", Computed);
            json.WriteNumber("computed_altitude", 77777.7);
            json.WriteEndObject();

            void Point(string name, (double Latitude, double Longitude)? point)
            {
                if (point is not { } p) return;
                json.WriteStartObject(name);
                json.WriteString("type", "Point");
                json.WriteStartArray("coordinates");
                json.WriteNumberValue(p.Longitude);
                json.WriteNumberValue(p.Latitude);
                json.WriteEndArray();
                json.WriteEndObject();
            }
        }

        return MapillaryImage.Parse(System.Text.Encoding.UTF8.GetString(stream.ToArray()));
    }

    /// <summary>Local time, fraction and offset as EXIF spells them.</summary>
    public (string Time, string Fraction, string Offset)? Local()
    {
        if (Milliseconds is not { } milliseconds) return null;
        var time = DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
        if (Zone is not null) time = TimeZoneInfo.ConvertTime(time, TimeZoneInfo.FindSystemTimeZoneById(Zone));
        var offset = time.Offset;
        return (
            string.Create(CultureInfo.InvariantCulture, $"{time.Year:0000}:{time.Month:00}:{time.Day:00} {time.Hour:00}:{time.Minute:00}:{time.Second:00}"),
            time.Millisecond.ToString("000", CultureInfo.InvariantCulture),
            string.Create(CultureInfo.InvariantCulture, $"{(offset < TimeSpan.Zero ? '-' : '+')}{Math.Abs(offset.Hours):00}:{Math.Abs(offset.Minutes):00}"));
    }

    private static RecordSample Random(Random random, int i)
    {
        T? Maybe<T>(Func<T> make) where T : struct => random.Next(5) == 0 ? null : make();
        string? MaybeOf(string[] texts) => random.Next(5) == 0 ? null : texts[random.Next(texts.Length)];
        (double, double) Point() => (random.NextDouble() * 180 - 90, random.NextDouble() * 360 - 180);
        var sample = new RecordSample
        {
            Id = random.NextInt64(10_000_000_000_000, 99_999_999_999_999_999).ToString(CultureInfo.InvariantCulture),
            Original = Maybe(Point),
            Computed = Maybe(Point),
            Source = (PositionSource)random.Next(2),
            SentAltitude = Maybe(() => Math.Round(random.NextDouble() * 9000 - 450, 3)),
            Compass = Maybe(() => random.NextDouble() * 1200 - 600),
            ComputedCompass = Maybe(() => random.NextDouble() * 360),
            Milliseconds = Maybe(() => random.NextInt64(1_000_000_000_000, 1_800_000_000_000)),
            Zone = random.Next(2) == 0 ? null : Zones[random.Next(Zones.Length)],
            Make = MaybeOf(Makes),
            Model = MaybeOf(["HERO8 Black", "Max", "SM-G960F", "X"]),
            Creator = MaybeOf(Names),
            CameraType = MaybeOf(["perspective", "fisheye", "spherical", "equirectangular", "brown"]),
            Focal = Maybe(() => random.NextDouble() * 2 + 0.1),
        };
        sample.Altitude = sample.SentAltitude;
        switch (i % 30)
        {
            case 0: (sample.SentAltitude, sample.Altitude) = (4294967281, -15); break;
            case 1: (sample.SentAltitude, sample.Altitude, sample.Compass, sample.ComputedCompass, sample.Milliseconds) = (0, 0, 0, 0, 0); (sample.Original, sample.Computed) = ((0, 0), (0, 0)); break;
            case 2: (sample.Compass, sample.ComputedCompass) = (-10.5, null); break;
            case 3: (sample.Compass, sample.ComputedCompass) = (725.25, null); break;
            case 4: sample.ComputedCompass = 359.99999999; break;
            case 5: sample.ComputedCompass = -1e-12; break;
            case 6: sample.Milliseconds = 0; break;
            case 7: sample.Milliseconds = -1; break;
            case 8: (sample.Milliseconds, sample.Zone) = (-2_208_988_800_001, null); break;
            case 9: sample.Milliseconds = 253402300799999; break;
            case 10: sample.Milliseconds = -62135596800000; break;
            case 11: sample.Computed = (51.5, 180); break;
            case 12: sample.Computed = (-51.5, -180); break;
            case 13: sample.Computed = (90, 0.000001); break;
            case 14: sample.Computed = (-90, -0.000001); break;
            case 15: sample.Computed = (59.999999999999, 59.99999999999999); break;
            case 16: sample.Computed = (-1e-13, -1e-13); break;
            case 17: (sample.Original, sample.Computed) = (null, null); break;
            case 18: (sample.SentAltitude, sample.Altitude) = (-0.0004, -0.0004); break;
            case 19: (sample.SentAltitude, sample.Altitude) = (8848.86, 8848.86); break;
            case 20: (sample.Milliseconds, sample.Zone) = (1711846799999, "Europe/Berlin"); break;
            case 21: (sample.Milliseconds, sample.Zone) = (1711846800000, "Europe/Berlin"); break;
            case 22: sample = new RecordSample { Id = sample.Id }; break;
        }

        return sample;
    }
}
