using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Mapillary.Graph;

/// <summary>Writes the record of an image that was made by hand; <see cref="ImageRecordReader"/> reads the same image from it.</summary>
internal static class ImageRecordWriter
{
    // Names stay readable; the record is never part of a page.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>One JSON object, in one line. What the image does not have is left out.</summary>
    public static string Write(MapillaryImage image)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, Options))
        {
            json.WriteStartObject();
            Text("id", image.Id);
            Text("sequence", image.SequenceId);
            Number("captured_at", image.CapturedAt?.ToUnixTimeMilliseconds());
            Number("altitude", image.Altitude);
            Number("compass_angle", image.CompassAngle);
            Text("camera_type", image.CameraType);
            json.WriteBoolean("is_pano", image.IsPanorama);
            Text("make", image.Make);
            Text("model", image.Model);
            Number("width", image.Width);
            Number("height", image.Height);
            Object("creator", ("username", image.Creator), ("id", image.CreatorId));
            Number("exif_orientation", image.ExifOrientation);
            Point("geometry", image.Geometry);
            Point("computed_geometry", image.ComputedGeometry);
            Number("computed_altitude", image.ComputedAltitude);
            Number("computed_compass_angle", image.ComputedCompassAngle);
            Numbers("computed_rotation", image.ComputedRotation);
            Numbers("camera_parameters", image.CameraParameters);
            Number("atomic_scale", image.AtomicScale);
            // The API writes a number here, with fewer digits than it has.
            if (IsNumber(image.MergeCc))
            {
                json.WritePropertyName("merge_cc");
                json.WriteRawValue(image.MergeCc);
            }
            else
            {
                Text("merge_cc", image.MergeCc);
            }

            Object("mesh", ("id", image.MeshId));
            Object("sfm_cluster", ("id", image.SfmClusterId));
            Object("organization", ("id", image.OrganizationId));
            Number("quality_score", image.QualityScore);
            Text("thumb_256_url", image.Thumb256Url);
            Text("thumb_1024_url", image.Thumb1024Url);
            Text("thumb_2048_url", image.Thumb2048Url);
            Text("thumb_original_url", image.ThumbOriginalUrl);
            json.WriteEndObject();

            void Text(string name, string? value)
            {
                if (!string.IsNullOrEmpty(value)) json.WriteString(name, value);
            }

            // JSON knows no infinity.
            void Number(string name, double? value)
            {
                if (value is { } number && double.IsFinite(number)) json.WriteNumber(name, number);
            }

            void Numbers(string name, IReadOnlyList<double>? values)
            {
                if (values is not { Count: > 0 } || !values.All(double.IsFinite)) return;
                json.WriteStartArray(name);
                foreach (var value in values) json.WriteNumberValue(value);
                json.WriteEndArray();
            }

            void Point(string name, GeoPoint? point)
            {
                if (point is not { } place || !double.IsFinite(place.Latitude) || !double.IsFinite(place.Longitude)) return;
                json.WriteStartObject(name);
                json.WriteString("type", "Point");
                // Longitude first (RFC 7946, section 3.1.1).
                Numbers("coordinates", [place.Longitude, place.Latitude]);
                json.WriteEndObject();
            }

            void Object(string name, params (string Name, string? Value)[] texts)
            {
                if (texts.All(t => string.IsNullOrEmpty(t.Value))) return;
                json.WriteStartObject(name);
                foreach (var (key, value) in texts) Text(key, value);
                json.WriteEndObject();
            }
        }

        return Encoding.UTF8.GetString(bytes.ToArray());
    }

    private static bool IsNumber([NotNullWhen(true)] string? text)
    {
        if (string.IsNullOrEmpty(text) || !(text[0] == '-' || char.IsAsciiDigit(text[0]))) return false;
        try
        {
            using var json = JsonDocument.Parse(text);
            return json.RootElement.ValueKind == JsonValueKind.Number;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
