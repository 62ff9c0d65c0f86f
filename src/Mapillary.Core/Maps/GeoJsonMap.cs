using System.Globalization;
using System.Text.Json;

namespace Mapillary.Maps;

/// <summary>
/// Writes GeoJSON (RFC 7946): of each sequence its line, then its images as points. Altitudes are a property: as a coordinate they would be
/// heights above the ellipsoid (3.1.1, 4), which are up to 100 m away from those above the sea.
/// </summary>
internal static class GeoJsonMap
{
    /// <summary>Seven decimals of a degree are a centimetre, and what readers of GeoJSON expect.</summary>
    private const int Decimals = 7;

    public static void Write(Stream stream, IReadOnlyList<MapSequence> sequences, CancellationToken cancellationToken)
    {
        using var json = new Utf8JsonWriter(stream);
        json.WriteStartObject();
        json.WriteString("type", "FeatureCollection");
        json.WriteStartArray("features");
        foreach (var sequence in sequences)
        {
            cancellationToken.ThrowIfCancellationRequested();
            WriteLine(json, sequence);
            foreach (var photo in sequence.Photos)
            {
                WritePoint(json, sequence, photo);
                if (json.BytesPending > 1 << 16) json.Flush();
            }
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>A time as ISO 8601 in UTC, to the millisecond.</summary>
    public static string? Time(DateTimeOffset? time) => time?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private static void WriteLine(Utf8JsonWriter json, MapSequence sequence)
    {
        // A line has two positions or more (3.1.4): a sequence of one image is its point alone.
        if (sequence.Id is null || AntimeridianCut.Of(sequence.Photos) is not { Count: > 0 } parts) return;
        json.WriteStartObject();
        json.WriteString("type", "Feature");
        json.WriteStartObject("geometry");
        json.WriteString("type", parts.Count == 1 ? "LineString" : "MultiLineString");
        json.WriteStartArray("coordinates");
        foreach (var part in parts)
        {
            if (parts.Count > 1) json.WriteStartArray();
            foreach (var position in part) WritePosition(json, position);
            if (parts.Count > 1) json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteStartObject("properties");
        WriteText(json, "sequence", sequence.Id);
        json.WriteNumber("count", sequence.Photos.Count);
        WriteText(json, "first", Time(sequence.First));
        WriteText(json, "last", Time(sequence.Last));
        WriteText(json, "camera", sequence.Camera);
        WriteText(json, "creator", sequence.Creator);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WritePoint(Utf8JsonWriter json, MapSequence sequence, MapPhoto photo)
    {
        json.WriteStartObject();
        json.WriteString("type", "Feature");
        json.WriteStartObject("geometry");
        json.WriteString("type", "Point");
        json.WritePropertyName("coordinates");
        WritePosition(json, new MapPosition(photo.Longitude, photo.Latitude));
        json.WriteEndObject();
        json.WriteStartObject("properties");
        WriteText(json, "id", photo.Id);
        WriteText(json, "sequence", sequence.Id);
        WriteText(json, "captured_at", Time(photo.CapturedAt));
        WriteNumber(json, "altitude", photo.Altitude, 3);
        WriteNumber(json, "compass_angle", photo.Direction, 6);
        WriteText(json, "camera_type", photo.Camera.Type);
        json.WriteBoolean("is_pano", photo.Camera.IsPanorama);
        WriteText(json, "make", photo.Camera.Make);
        WriteText(json, "model", photo.Camera.Model);
        WriteText(json, "creator", photo.Creator);
        json.WriteString("url", photo.Url);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WritePosition(Utf8JsonWriter json, MapPosition position)
    {
        json.WriteStartArray();
        json.WriteNumberValue(Math.Round(position.Longitude, Decimals));
        json.WriteNumberValue(Math.Round(position.Latitude, Decimals));
        json.WriteEndArray();
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, double? number, int decimals)
    {
        if (number is { } value) json.WriteNumber(name, Math.Round(value, decimals));
        else json.WriteNull(name);
    }

    private static void WriteText(Utf8JsonWriter json, string name, string? text) => json.WriteString(name, text);
}
