using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Mapillary.Emulator;

/// <summary>An image's record in the Graph API. What is null is left out of answers.</summary>
public sealed class ImageRecord
{
    /// <summary>Metres.</summary>
    public double? Altitude { get; set; }

    /// <summary>The scale of the reconstruction.</summary>
    public double? AtomicScale { get; set; }

    /// <summary>Focal length as a fraction of the longer side, k1, k2.</summary>
    public double[]? CameraParameters { get; set; }

    /// <summary>perspective, fisheye, equirectangular, spherical, or whatever.</summary>
    public string? CameraType { get; set; }

    /// <summary>Milliseconds since 1970, UTC.</summary>
    public long? CapturedAt { get; set; }

    /// <summary>Degrees.</summary>
    public double? CompassAngle { get; set; }

    /// <summary>Metres, in the reconstruction.</summary>
    public double? ComputedAltitude { get; set; }

    /// <summary>Degrees.</summary>
    public double? ComputedCompassAngle { get; set; }

    /// <summary>Degrees.</summary>
    public (double Longitude, double Latitude)? ComputedGeometry { get; set; }

    /// <summary>An angle-axis vector.</summary>
    public double[]? ComputedRotation { get; set; }

    /// <summary>The user who uploaded the image.</summary>
    public (string Username, string Id)? Creator { get; set; }

    /// <summary>1 to 8.</summary>
    public int? ExifOrientation { get; set; }

    /// <summary>Degrees.</summary>
    public (double Longitude, double Latitude)? Geometry { get; set; }

    /// <summary>Pixels of the upload.</summary>
    public int? Height { get; set; }

    /// <summary>Whether it is a panorama.</summary>
    public bool? IsPano { get; set; }

    /// <summary>The camera's maker.</summary>
    public string? Make { get; set; }

    /// <summary>The connected component, which the API writes as a float.</summary>
    public double? MergeCc { get; set; }

    /// <summary>The mesh's id.</summary>
    public string? MeshId { get; set; }

    /// <summary>The camera's model.</summary>
    public string? Model { get; set; }

    /// <summary>The organization's id.</summary>
    public string? OrganizationId { get; set; }

    /// <summary>0 to 1.</summary>
    public double? QualityScore { get; set; }

    /// <summary>The sequence's id.</summary>
    public string? Sequence { get; set; }

    /// <summary>The reconstruction cluster's id.</summary>
    public string? SfmClusterId { get; set; }

    /// <summary>Pixels of the upload.</summary>
    public int? Width { get; set; }

    /// <summary>The renditions that have no address.</summary>
    public ISet<Rendition> MissingRenditions { get; } = new HashSet<Rendition>();

    /// <summary>JSON to answer for a field in place of its value, as it stands: <c>null</c>, <c>"7"</c>, <c>{}</c>.</summary>
    public IDictionary<string, string> Literal { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The fields that an image can be asked for.</summary>
    public static IReadOnlySet<string> FieldNames { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "id", "altitude", "atomic_scale", "camera_parameters", "camera_type", "captured_at", "compass_angle", "computed_altitude",
        "computed_compass_angle", "computed_geometry", "computed_rotation", "created_at", "creator", "detections", "exif_orientation",
        "geometry", "height", "is_pano", "make", "merge_cc", "mesh", "model", "organization", "quality_score", "sequence", "sfm_cluster",
        "thumb_256_url", "thumb_1024_url", "thumb_2048_url", "thumb_original_url", "width",
    };

    /// <summary>Writes the fields that were asked for, in their order, the id last unless it was among them.</summary>
    internal void WriteTo(StringBuilder json, string id, IReadOnlyList<string> fields, Func<Rendition, string> urlOf)
    {
        json.Append('{');
        var isFirst = true;
        foreach (var field in fields.Contains("id") ? fields : [.. fields, "id"])
        {
            var start = json.Length;
            if (!isFirst) json.Append(',');
            json.Append('"').Append(field).Append("\":");
            if (WriteValue(json, id, field, urlOf)) isFirst = false;
            else json.Length = start;
        }

        json.Append('}');
    }

    private bool WriteValue(StringBuilder json, string id, string field, Func<Rendition, string> urlOf)
    {
        if (Literal.TryGetValue(field, out var literal))
        {
            json.Append(literal);
            return true;
        }

        return field switch
        {
            "id" => Text(id),
            "altitude" => Number(Altitude),
            "atomic_scale" => Number(AtomicScale),
            "camera_parameters" => Numbers(CameraParameters),
            "camera_type" => Text(CameraType),
            "captured_at" => Whole(CapturedAt),
            "compass_angle" => Number(CompassAngle),
            "computed_altitude" => Number(ComputedAltitude),
            "computed_compass_angle" => Number(ComputedCompassAngle),
            "computed_geometry" => Point(ComputedGeometry),
            "computed_rotation" => Numbers(ComputedRotation),
            "creator" => Creator is { } creator && Raw($"{{\"username\":{GraphJson.Text(creator.Username)},\"id\":{GraphJson.Text(creator.Id)}}}"),
            "exif_orientation" => Whole(ExifOrientation),
            "geometry" => Point(Geometry),
            "height" => Whole(Height),
            "is_pano" => IsPano is { } isPano && Raw(isPano ? "true" : "false"),
            "make" => Text(Make),
            "merge_cc" => Number(MergeCc),
            "mesh" => Linked(MeshId),
            "model" => Text(Model),
            "organization" => OrganizationId is not null && Raw($"{{\"id\":{GraphJson.Text(OrganizationId)}}}"),
            "quality_score" => Number(QualityScore),
            "sequence" => Text(Sequence),
            "sfm_cluster" => Linked(SfmClusterId),
            "thumb_256_url" => Url(Rendition.Thumb256),
            "thumb_1024_url" => Url(Rendition.Thumb1024),
            "thumb_2048_url" => Url(Rendition.Thumb2048),
            "thumb_original_url" => Url(Rendition.Original),
            "width" => Whole(Width),
            _ => false,
        };

        bool Raw(string text)
        {
            json.Append(text);
            return true;
        }

        bool Text(string? text) => text is not null && Raw(GraphJson.Text(text));

        bool Number(double? number) => number is { } value && Raw(GraphJson.Number(value));

        bool Whole(long? number) => number is { } value && Raw(value.ToString(CultureInfo.InvariantCulture));

        bool Numbers(double[]? numbers) => numbers is not null && Raw($"[{string.Join(',', numbers.Select(GraphJson.Number))}]");

        bool Point((double Longitude, double Latitude)? point) => point is { } at
            && Raw($"{{\"type\":\"Point\",\"coordinates\":[{GraphJson.Number(at.Longitude)},{GraphJson.Number(at.Latitude)}]}}");

        bool Linked(string? linked) => linked is not null
            && Raw($"{{\"id\":{GraphJson.Text(linked)},\"url\":{GraphJson.Text($"https://example.invalid/{field}/{linked}")}}}");

        bool Url(Rendition rendition) => !MissingRenditions.Contains(rendition) && Raw(GraphJson.Text(urlOf(rendition)));
    }
}

/// <summary>JSON as the Graph API prints it.</summary>
internal static class GraphJson
{
    private static readonly JsonSerializerOptions Unescaped = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Text(string text) => JsonSerializer.Serialize(text, Unescaped);

    /// <summary>
    /// Fourteen significant digits as C's %.14g prints them: with an exponent of two digits or more below 1e-4 and from 1e14 on, else
    /// plain; whole numbers without a point.
    /// </summary>
    public static string Number(double value)
    {
        if (value == 0) return "0";
        var scientific = value.ToString("e13", CultureInfo.InvariantCulture);
        var e = scientific.IndexOf('e', StringComparison.Ordinal);
        var exponent = int.Parse(scientific.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        if (exponent is >= -4 and < 14)
            return decimal.Parse(scientific, NumberStyles.Float, CultureInfo.InvariantCulture).ToString("0.##############################", CultureInfo.InvariantCulture);
        var digits = scientific[..e].TrimEnd('0').TrimEnd('.');
        return string.Create(CultureInfo.InvariantCulture, $"{digits}e{(exponent < 0 ? "-" : "+")}{Math.Abs(exponent):00}");
    }
}
