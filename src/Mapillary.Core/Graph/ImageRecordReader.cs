using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Mapillary.Services;

namespace Mapillary.Graph;

/// <summary>
/// Reads the API's image records. Tolerant where the API is loose: fields may be absent, null or of another type than
/// documented, numbers may come with an exponent; such a field is skipped, never the record.
/// </summary>
internal static class ImageRecordReader
{
    // Seen in the wild: 4294967281 for 15 m below sea level. No place on Earth is higher than this.
    private const double HighestPlausibleAltitude = int.MaxValue;

    /// <summary>The longest id, name or address in bytes as they are sent; signed addresses have some 500.</summary>
    public const int LongestText = 4096;

    /// <summary>The largest record in bytes; one has some 5,000.</summary>
    private const int LargestRecord = 1024 * 1024;

    /// <summary>The most fields and values of a record, those within fields included.</summary>
    private const int MostValues = 10_000;

    // Focal length and two distortions of most cameras; the other models have up to twelve coefficients.
    private const int MostParameters = 16;
    private const int MostDimensions = 3;

    public static MapillaryImage ReadImage(ReadOnlySpan<byte> utf8)
    {
        try
        {
            var reader = new Utf8JsonReader(utf8, JsonAnswer.AnyDepth);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                throw new FormatException("The record is not a JSON object.");
            return ReadImage(ref reader, utf8);
        }
        catch (JsonException e)
        {
            throw new FormatException($"The record is not valid JSON: {e.Message}", e);
        }
    }

    /// <summary>
    /// Reads the record at whose opening brace the reader stands, and leaves the reader at its closing brace. Of one that goes beyond all
    /// bounds it reads the id alone, so that it can be named.
    /// </summary>
    public static MapillaryImage ReadImage(ref Utf8JsonReader reader, ReadOnlySpan<byte> utf8)
    {
        var start = (int)reader.TokenStartIndex;
        var fault = FindFault(reader, out var end);
        if (!Utf8.IsValid(utf8[start..end]))
        {
            // Read as it will be kept, or it would not be the same when it is read back.
            reader.Skip();
            return ReadImage(Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(utf8[start..end])));
        }

        if (fault is not null)
        {
            var id = ReadId(ref reader) ?? throw new FormatException("The record has no id.");
            return new MapillaryImage { Id = id, Json = $$"""{"id":"{{JsonEncodedText.Encode(id)}}"}""", RecordFault = fault };
        }

        var fields = new Fields();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            fields.ReadProperty(ref reader);
        var json = Encoding.UTF8.GetString(utf8[start..(int)reader.BytesConsumed]);
        if (string.IsNullOrEmpty(fields.Id))
            throw new FormatException("The record has no id.");
        return fields.ToImage(json);
    }

    /// <summary>What is wrong with the size of a record, in words for a person; null where nothing is.</summary>
    /// <param name="reader">A copy of the one that is to read it: it goes on from there.</param>
    /// <param name="end">Where the record ends.</param>
    private static string? FindFault(Utf8JsonReader reader, out int end)
    {
        var (start, level, values, isDeep) = (reader.TokenStartIndex, reader.CurrentDepth, 0, false);
        while (reader.Read() && reader.CurrentDepth > level)
        {
            values++;
            isDeep |= reader.CurrentDepth - level > JsonAnswer.DeepestLevel / 2;
        }

        end = (int)reader.BytesConsumed;
        return end - start > LargestRecord ? $"is larger than {LargestRecord / 1024} KiB"
            : isDeep ? $"is nested more than {JsonAnswer.DeepestLevel / 2} levels deep"
            : values > MostValues ? $"has more than {MostValues} values"
            : null;
    }

    /// <summary>Reads the id of a record, and skips all else.</summary>
    private static string? ReadId(ref Utf8JsonReader reader)
    {
        string? id = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isId = reader.ValueSpan.SequenceEqual("id"u8);
            reader.Read();
            if (isId) id = Text(ref reader);
            else reader.Skip();
        }

        return id;
    }

    /// <summary>A text; null for one that is none, such as half of a surrogate pair. The record itself keeps it to the letter.</summary>
    private static string? Decoded(ref Utf8JsonReader reader)
    {
        if (reader.ValueSpan.Length > LongestText) return null;
        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>A string, or a number's own digits; an empty string counts as absent.</summary>
    private static string? Text(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.String: return Decoded(ref reader) is { Length: > 0 } text ? text : null;
            case JsonTokenType.Number: return reader.ValueSpan.Length <= LongestText ? Encoding.ASCII.GetString(reader.ValueSpan) : null;
            default: reader.Skip(); return null;
        }
    }

    private struct Fields
    {
        public string? Id;
        private string? _sequence, _cameraType, _make, _model, _creator, _creatorId, _mergeCc, _mesh, _sfmCluster, _organization;
        private string? _thumb256, _thumb1024, _thumb2048, _thumbOriginal;
        private double? _capturedAt, _altitude, _compass, _computedAltitude, _computedCompass, _atomicScale, _quality, _width, _height, _orientation;
        private bool? _isPano;
        private GeoPoint? _geometry, _computedGeometry;
        private double[]? _rotation, _parameters;

        public void ReadProperty(ref Utf8JsonReader reader)
        {
            var name = Decoded(ref reader);
            reader.Read();
            switch (name)
            {
                case "id": Id = Text(ref reader); break;
                case "sequence": _sequence = Text(ref reader); break;
                case "captured_at": _capturedAt = Number(ref reader); break;
                case "altitude": _altitude = Number(ref reader); break;
                case "compass_angle": _compass = Number(ref reader); break;
                case "camera_type": _cameraType = Text(ref reader); break;
                case "is_pano": _isPano = Truth(ref reader); break;
                case "make": _make = Text(ref reader); break;
                case "model": _model = Text(ref reader); break;
                case "width": _width = Number(ref reader); break;
                case "height": _height = Number(ref reader); break;
                case "creator": (_creator, _creatorId) = Creator(ref reader); break;
                case "exif_orientation": _orientation = Number(ref reader); break;
                case "geometry": _geometry = Point(ref reader); break;
                case "computed_geometry": _computedGeometry = Point(ref reader); break;
                case "computed_altitude": _computedAltitude = Number(ref reader); break;
                case "computed_compass_angle": _computedCompass = Number(ref reader); break;
                case "computed_rotation": _rotation = Numbers(ref reader, MostDimensions); break;
                case "camera_parameters": _parameters = Numbers(ref reader, MostParameters); break;
                case "atomic_scale": _atomicScale = Number(ref reader); break;
                case "merge_cc": _mergeCc = Text(ref reader); break;
                case "mesh": _mesh = IdOf(ref reader); break;
                case "sfm_cluster": _sfmCluster = IdOf(ref reader); break;
                case "organization": _organization = IdOf(ref reader); break;
                case "quality_score": _quality = Number(ref reader); break;
                case "thumb_256_url": _thumb256 = Text(ref reader); break;
                case "thumb_1024_url": _thumb1024 = Text(ref reader); break;
                case "thumb_2048_url": _thumb2048 = Text(ref reader); break;
                case "thumb_original_url": _thumbOriginal = Text(ref reader); break;
                default: reader.Skip(); break;
            }
        }

        public readonly MapillaryImage ToImage(string json) => new()
        {
            Id = Id!,
            Json = json,
            SequenceId = _sequence,
            CapturedAt = Time(_capturedAt),
            Altitude = _altitude is > HighestPlausibleAltitude and <= uint.MaxValue ? _altitude - 4294967296.0 : _altitude,
            CompassAngle = _compass,
            CameraType = _cameraType,
            IsPanorama = _isPano ?? _cameraType is "spherical" or "equirectangular",
            Make = _make,
            Model = _model,
            Width = Whole(_width),
            Height = Whole(_height),
            Creator = _creator,
            CreatorId = _creatorId,
            ExifOrientation = Whole(_orientation),
            Geometry = _geometry,
            ComputedGeometry = _computedGeometry,
            ComputedAltitude = _computedAltitude,
            ComputedCompassAngle = _computedCompass,
            ComputedRotation = ItemList.Of(_rotation),
            CameraParameters = ItemList.Of(_parameters),
            AtomicScale = _atomicScale,
            MergeCc = _mergeCc,
            MeshId = _mesh,
            SfmClusterId = _sfmCluster,
            OrganizationId = _organization,
            QualityScore = _quality,
            Thumb256Url = _thumb256,
            Thumb1024Url = _thumb1024,
            Thumb2048Url = _thumb2048,
            ThumbOriginalUrl = _thumbOriginal,
        };

        private static DateTimeOffset? Time(double? milliseconds) =>
            milliseconds is >= -62135596800000 and <= 253402300799999
                ? DateTimeOffset.FromUnixTimeMilliseconds((long)milliseconds.Value)
                : null;

        private static int? Whole(double? number) => number is >= int.MinValue and <= int.MaxValue ? (int)number.Value : null;

        private static double? Number(ref Utf8JsonReader reader)
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.Number when reader.TryGetDouble(out var number) && double.IsFinite(number): return number;
                case JsonTokenType.String when double.TryParse(Decoded(ref reader), NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                    && double.IsFinite(number): return number;
                default: reader.Skip(); return null;
            }
        }

        private static bool? Truth(ref Utf8JsonReader reader)
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.True: return true;
                case JsonTokenType.False: return false;
                default: reader.Skip(); return null;
            }
        }

        /// <summary>Numbers; null where there are none, others among them, or more than there can be.</summary>
        private static double[]? Numbers(ref Utf8JsonReader reader, int most)
        {
            if (reader.TokenType != JsonTokenType.StartArray)
            {
                reader.Skip();
                return null;
            }

            var numbers = new List<double>(3);
            var whole = true;
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (Number(ref reader) is { } number && numbers.Count < most) numbers.Add(number);
                else whole = false;
            }

            return whole && numbers.Count > 0 ? [.. numbers] : null;
        }

        /// <summary>A GeoJSON point; its coordinates are longitude, then latitude (RFC 7946, section 3.1.1).</summary>
        private static GeoPoint? Point(ref Utf8JsonReader reader)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                reader.Skip();
                return null;
            }

            double[]? coordinates = null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var wanted = Decoded(ref reader) == "coordinates";
                reader.Read();
                if (wanted) coordinates = Numbers(ref reader, MostDimensions);
                else reader.Skip();
            }

            return coordinates is [>= -180 and <= 180 and var longitude, >= -90 and <= 90 and var latitude, ..]
                ? new GeoPoint(latitude, longitude)
                : null;
        }

        private static (string? Name, string? Id) Creator(ref Utf8JsonReader reader)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                reader.Skip();
                return default;
            }

            string? name = null, id = null;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var property = Decoded(ref reader);
                reader.Read();
                switch (property)
                {
                    case "username": name = Text(ref reader); break;
                    case "id": id = Text(ref reader); break;
                    default: reader.Skip(); break;
                }
            }

            return (name, id);
        }

        private static string? IdOf(ref Utf8JsonReader reader) => Creator(ref reader).Id;
    }
}
