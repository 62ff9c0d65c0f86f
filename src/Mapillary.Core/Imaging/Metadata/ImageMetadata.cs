using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Mapillary.Graph;
using Mapillary.Imaging.Exif;
using Mapillary.Imaging.Jpeg;
using Mapillary.Imaging.Webp;
using Mapillary.Imaging.Xmp;

namespace Mapillary.Imaging.Metadata;

/// <summary>
/// What is to be written into a picture: a record of the API, and the picture's real size, turned into values of EXIF and GPano.
/// What the API does not know is null here and is not written.
/// </summary>
public sealed record ImageMetadata
{
    // Ten million parts of a second of arc are 3 micrometres on the ground, and the seconds still fit into 32 bits.
    private const uint ArcSecondParts = 10_000_000;
    private const uint DirectionParts = 1_000_000;
    private const uint MillimetresPerMetre = 1000;

    // EXIF sets no limit; a name that is longer is not one, and must not push everything else out of the segment.
    private const int LongestText = 1000;

    // The three numbers the API gives for cameras that it knows nothing of.
    private static readonly double[] UnknownCamera = [0.85, 0, 0];

    /// <summary>Degrees, WGS-84.</summary>
    public GeoPoint? Position { get; private init; }

    /// <summary>Metres above sea level.</summary>
    public double? Altitude { get; private init; }

    /// <summary>Degrees clockwise from true north, at least 0 and less than 360.</summary>
    public double? Direction { get; private init; }

    /// <summary>The capture time with the offset of the chosen time zone at that moment.</summary>
    public DateTimeOffset? CapturedAt { get; private init; }

    /// <summary>The camera's maker.</summary>
    public string? Make { get; private init; }

    /// <summary>The camera's model.</summary>
    public string? Model { get; private init; }

    /// <summary>The user who uploaded the picture.</summary>
    public string? Artist { get; private init; }

    /// <summary>The licence of all Mapillary pictures, with the attribution it asks for.</summary>
    public required string Copyright { get; init; }

    /// <summary>The address of the photo's page.</summary>
    public required string Description { get; init; }

    /// <summary>The EXIF orientation of the pixels as served; null where nothing is known of it.</summary>
    public int? Orientation { get; private init; }

    /// <summary>Whether the picture's size proves <see cref="Orientation"/>; otherwise one in the file counts more.</summary>
    public bool IsOrientationProven { get; private init; }

    /// <summary>Width of the picture in pixels.</summary>
    public int Width { get; private init; }

    /// <summary>Height of the picture in pixels.</summary>
    public int Height { get; private init; }

    /// <summary>Focal length in millimetres of a lens with the same view on 35 mm film.</summary>
    public int? FocalLengthIn35mmFilm { get; private init; }

    /// <summary>Whether the focal length is the API's stand-in for cameras it knows nothing of.</summary>
    public bool IsFocalLengthAssumed { get; private init; }

    /// <summary>Whether the picture shows the whole sphere in equirectangular projection.</summary>
    public bool IsSphere { get; private init; }

    /// <summary>What XMP says of the sphere; null where the picture is none.</summary>
    internal Sphere? Sphere => IsSphere ? new Sphere(Width, Height, Direction) : null;

    /// <summary>The record as a JSON object in ASCII, under the API's own names; without the signed addresses.</summary>
    public required string Comment { get; init; }

    /// <summary>Works out the values for one picture.</summary>
    /// <param name="image">The API's record.</param>
    /// <param name="width">The picture's real width in pixels.</param>
    /// <param name="height">The picture's real height in pixels.</param>
    /// <param name="options">Position source and time zone.</param>
    public static ImageMetadata Of(MapillaryImage image, int width, int height, RestoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(options);
        var (orientation, proven) = FindOrientation(image.ExifOrientation, image.Width, image.Height, width, height);
        var creator = Clean(image.Creator);
        return new ImageMetadata
        {
            Position = options.Position == PositionSource.Original
                ? Valid(image.Geometry) ?? Valid(image.ComputedGeometry)
                : Valid(image.ComputedGeometry) ?? Valid(image.Geometry),
            Altitude = Finite(image.Altitude) is { } altitude && Math.Abs(altitude) < uint.MaxValue ? altitude : null,
            Direction = (Finite(image.ComputedCompassAngle) ?? Finite(image.CompassAngle)) is { } angle ? Modulo360(angle) : null,
            CapturedAt = image.CapturedAt is { } time ? InZone(time, options.TimeZone) : null,
            Make = Clean(image.Make),
            Model = Clean(image.Model),
            Artist = creator,
            Copyright = creator is null ? "CC BY-SA 4.0, Mapillary" : $"CC BY-SA 4.0, @{creator} on Mapillary",
            Description = $"https://www.mapillary.com/app/?pKey={image.Id}&focus=photo",
            Orientation = orientation,
            IsOrientationProven = proven,
            Width = width,
            Height = height,
            FocalLengthIn35mmFilm = FocalLength(image),
            IsFocalLengthAssumed = image.CameraParameters is { } parameters && parameters.SequenceEqual(UnknownCamera),
            IsSphere = image.CameraType is "spherical" or "equirectangular"
                || (image.IsPanorama && image.CameraType is not ("perspective" or "fisheye")),
            Comment = Describe(image),
        };
    }

    /// <summary>
    /// Which way up the pixels are. The API's size is that of the upload, before turning (mapillary-js, SpatialImageEnt), so a picture
    /// with swapped sides has been turned by Mapillary already. Orientations 2 to 4 and square pictures leave no trace in the size;
    /// what Mapillary serves is upright wherever it can be told, so 1 is the answer there, unproven.
    /// </summary>
    /// <param name="uploaded">The EXIF orientation of the upload.</param>
    /// <param name="apiWidth">Width of the upload.</param>
    /// <param name="apiHeight">Height of the upload.</param>
    /// <param name="width">Width of the picture at hand, which may be a smaller rendition.</param>
    /// <param name="height">Height of the picture at hand.</param>
    internal static (int? Orientation, bool Proven) FindOrientation(int? uploaded, int? apiWidth, int? apiHeight, int width, int height)
    {
        var turned = (apiWidth, apiHeight) is ( > 0 and var w, > 0 and var h) ? IsTurned(w, h, width, height) : null;
        if (turned == true) return (1, true);
        return uploaded switch
        {
            1 => (1, true),
            >= 5 and <= 8 when turned == false => (uploaded, true),
            >= 2 and <= 8 => (1, false),
            _ => (null, false),
        };
    }

    /// <summary>Whether the sides are swapped; null where the sizes do not tell.</summary>
    private static bool? IsTurned(int apiWidth, int apiHeight, int width, int height)
    {
        if ((width, height) == (apiWidth, apiHeight)) return apiWidth == apiHeight ? null : false;
        if ((height, width) == (apiWidth, apiHeight)) return true;

        // A smaller rendition has the same shape but for the rounding of its sides to whole pixels.
        var same = HasShape(width, height, apiWidth, apiHeight);
        var swapped = HasShape(width, height, apiHeight, apiWidth);
        return same == swapped ? null : swapped;
    }

    private static bool HasShape(long width, long height, long apiWidth, long apiHeight) =>
        Math.Abs(width * apiHeight - height * apiWidth) <= Math.Max(apiWidth, apiHeight);

    /// <summary>The values as EXIF fields.</summary>
    /// <param name="hasColorProfile">Whether the file has an ICC profile, which tells the colours better than EXIF can.</param>
    /// <param name="resolution">What a new block states as the picture's resolution.</param>
    internal List<ExifField> ToExifFields(bool hasColorProfile, Resolution resolution)
    {
        var fields = new List<ExifField>(48);
        AddCamera(fields);
        if (CapturedAt is { } time) AddTime(fields, time);
        AddPlace(fields);
        AddRequired(fields, hasColorProfile, resolution);
        return fields;
    }

    private void AddCamera(List<ExifField> fields)
    {
        AddText(ExifTag.Make, Make);
        AddText(ExifTag.Model, Model);
        AddText(ExifTag.Artist, Artist);
        AddText(ExifTag.Copyright, Copyright);
        AddText(ExifTag.ImageDescription, Description, ExifRule.IfNone);
        if (Orientation is { } orientation)
            fields.Add(ExifField.OfShort(ExifDirectory.Image, ExifTag.Orientation, orientation, IsOrientationProven ? ExifRule.Replace : ExifRule.IfNone));
        if (FocalLengthIn35mmFilm is { } focalLength)
            fields.Add(ExifField.OfShort(ExifDirectory.Exif, ExifTag.FocalLengthIn35mmFilm, focalLength, IsFocalLengthAssumed ? ExifRule.IfNone : ExifRule.Replace));
        fields.Add(ExifField.OfLong(ExifDirectory.Exif, ExifTag.PixelXDimension, (uint)Width));
        fields.Add(ExifField.OfLong(ExifDirectory.Exif, ExifTag.PixelYDimension, (uint)Height));
        fields.Add(new ExifField(ExifDirectory.Exif, ExifTag.UserComment, ExifType.Undefined, [.. UserComment.AsciiPrefix, .. Encoding.ASCII.GetBytes(Comment)]));

        void AddText(ushort tag, string? text, ExifRule rule = ExifRule.Replace)
        {
            if (text is not null) fields.Add(ExifField.OfText(ExifDirectory.Image, tag, text, rule));
        }
    }

    private static void AddTime(List<ExifField> fields, DateTimeOffset time)
    {
        var local = time.ToString("yyyy':'MM':'dd HH':'mm':'ss", CultureInfo.InvariantCulture);
        var fraction = time.ToString("fff", CultureInfo.InvariantCulture);
        var offset = time.ToString("zzz", CultureInfo.InvariantCulture);
        fields.Add(ExifField.OfText(ExifDirectory.Image, ExifTag.DateTime, local));
        fields.Add(ExifField.OfText(ExifDirectory.Exif, ExifTag.DateTimeOriginal, local));
        fields.Add(ExifField.OfText(ExifDirectory.Exif, ExifTag.DateTimeDigitized, local));
        fields.Add(ExifField.OfText(ExifDirectory.Exif, ExifTag.SubSecTime, fraction));
        fields.Add(ExifField.OfText(ExifDirectory.Exif, ExifTag.SubSecTimeOriginal, fraction));
        fields.Add(ExifField.OfText(ExifDirectory.Exif, ExifTag.SubSecTimeDigitized, fraction));
        fields.Add(ExifField.OfText(ExifDirectory.Exif, ExifTag.OffsetTime, offset));
        fields.Add(ExifField.OfText(ExifDirectory.Exif, ExifTag.OffsetTimeOriginal, offset));
        fields.Add(ExifField.OfText(ExifDirectory.Exif, ExifTag.OffsetTimeDigitized, offset));

        var utc = time.UtcDateTime;
        fields.Add(ExifField.OfText(ExifDirectory.Gps, ExifTag.GpsDateStamp, utc.ToString("yyyy':'MM':'dd", CultureInfo.InvariantCulture)));
        fields.Add(ExifField.OfRationals(ExifDirectory.Gps, ExifTag.GpsTimeStamp, ExifRule.Replace,
            (uint)utc.Hour, 1, (uint)utc.Minute, 1, (uint)(utc.Second * 1000 + utc.Millisecond), 1000));
    }

    private void AddPlace(List<ExifField> fields)
    {
        if (Position is { } position)
        {
            AddAngle(fields, ExifTag.GpsLatitudeRef, position.Latitude < 0 ? "S" : "N", ExifTag.GpsLatitude, position.Latitude);
            AddAngle(fields, ExifTag.GpsLongitudeRef, position.Longitude < 0 ? "W" : "E", ExifTag.GpsLongitude, position.Longitude);
            fields.Add(ExifField.OfText(ExifDirectory.Gps, ExifTag.GpsMapDatum, "WGS-84"));
        }

        if (Altitude is { } altitude)
        {
            // Beyond four thousand kilometres the millimetres no longer fit into 32 bits.
            var parts = Math.Abs(altitude) < uint.MaxValue / MillimetresPerMetre ? MillimetresPerMetre : 1;
            var height = (uint)Math.Round(Math.Abs(altitude) * parts);
            fields.Add(new ExifField(ExifDirectory.Gps, ExifTag.GpsAltitudeRef, ExifType.Byte, [(byte)(altitude < 0 && height > 0 ? 1 : 0)]));
            fields.Add(ExifField.OfRationals(ExifDirectory.Gps, ExifTag.GpsAltitude, ExifRule.Replace, height, parts));
        }

        if (Direction is { } direction)
        {
            fields.Add(ExifField.OfText(ExifDirectory.Gps, ExifTag.GpsImgDirectionRef, "T"));
            fields.Add(ExifField.OfRationals(ExifDirectory.Gps, ExifTag.GpsImgDirection, ExifRule.Replace,
                (uint)Math.Round(direction * DirectionParts) % (360 * DirectionParts), DirectionParts));
        }

        if (fields.Exists(f => f.Directory == ExifDirectory.Gps))
            fields.Add(new ExifField(ExifDirectory.Gps, ExifTag.GpsVersionId, ExifType.Byte, [2, 3, 0, 0], ExifRule.IfLower));
    }

    private static void AddAngle(List<ExifField> fields, ushort refTag, string reference, ushort tag, double degrees)
    {
        var parts = (ulong)Math.Round(Math.Abs(degrees) * 3600 * ArcSecondParts);
        const ulong perMinute = 60UL * ArcSecondParts;
        fields.Add(ExifField.OfText(ExifDirectory.Gps, refTag, parts == 0 && degrees < 0 ? (tag == ExifTag.GpsLatitude ? "N" : "E") : reference));
        fields.Add(ExifField.OfRationals(ExifDirectory.Gps, tag, ExifRule.Replace,
            (uint)(parts / perMinute / 60), 1, (uint)(parts / perMinute % 60), 1, (uint)(parts % perMinute), ArcSecondParts));
    }

    /// <summary>What EXIF asks of every JPEG (2.32, section 4.6.8, tables 17 to 20), and the version that knows the times' offsets.</summary>
    private static void AddRequired(List<ExifField> fields, bool hasColorProfile, Resolution resolution)
    {
        fields.Add(ExifField.OfRationals(ExifDirectory.Image, ExifTag.XResolution, ExifRule.IfNewDirectory, resolution.X, 1));
        fields.Add(ExifField.OfRationals(ExifDirectory.Image, ExifTag.YResolution, ExifRule.IfNewDirectory, resolution.Y, 1));
        fields.Add(ExifField.OfShort(ExifDirectory.Image, ExifTag.ResolutionUnit, resolution.Unit, ExifRule.IfNewDirectory));
        fields.Add(ExifField.OfShort(ExifDirectory.Image, ExifTag.YCbCrPositioning, 1, ExifRule.IfNewDirectory));
        fields.Add(new ExifField(ExifDirectory.Exif, ExifTag.ExifVersion, ExifType.Undefined, "0232"u8.ToArray(), ExifRule.IfLower));
        fields.Add(new ExifField(ExifDirectory.Exif, ExifTag.ComponentsConfiguration, ExifType.Undefined, [1, 2, 3, 0], ExifRule.IfNewDirectory));
        fields.Add(new ExifField(ExifDirectory.Exif, ExifTag.FlashpixVersion, ExifType.Undefined, "0100"u8.ToArray(), ExifRule.IfNewDirectory));
        fields.Add(ExifField.OfShort(ExifDirectory.Exif, ExifTag.ColorSpace, hasColorProfile ? 0xFFFF : 1, ExifRule.IfNewDirectory));
    }

    /// <summary>The local time; UTC where the offset would leave the years 1 to 9999.</summary>
    private static DateTimeOffset InZone(DateTimeOffset time, TimeZoneInfo? zone)
    {
        var utc = time.ToUniversalTime();
        if (zone is null) return utc;
        var offset = zone.GetUtcOffset(utc);
        var local = utc.Ticks + offset.Ticks;
        return local < 0 || local > DateTime.MaxValue.Ticks ? utc : utc.ToOffset(offset);
    }

    private static int? FocalLength(MapillaryImage image)
    {
        if (image.CameraType is not ("perspective" or "fisheye") || image.CameraParameters is not [var focal, ..]) return null;
        var millimetres = Math.Round(focal * 36);
        return millimetres is >= 1 and <= ushort.MaxValue ? (int)millimetres : null;
    }

    private static GeoPoint? Valid(GeoPoint? point) =>
        point is { Latitude: >= -90 and <= 90, Longitude: >= -180 and <= 180 } ? point : null;

    private static double? Finite(double? number) => number is { } value && double.IsFinite(value) ? value : null;

    private static double Modulo360(double angle)
    {
        var rest = angle % 360;
        if (rest < 0) rest += 360;
        return rest >= 360 ? 0 : rest;
    }

    /// <summary>Text without control characters, which would end or garble it in a reader; null if nothing is left.</summary>
    private static string? Clean(string? text)
    {
        if (text is null) return null;
        var clean = text.AsSpan().Trim();
        if (clean.Length > LongestText) clean = clean[..(LongestText - (char.IsHighSurrogate(clean[LongestText - 1]) ? 1 : 0))];
        foreach (var c in clean)
        {
            if (char.IsControl(c)) return Clean(string.Concat(text.Where(t => !char.IsControl(t))));
        }

        return clean.IsEmpty ? null : clean.ToString();
    }

    /// <summary>The image id that restoring wrote into a picture's UserComment; null where there is none.</summary>
    /// <param name="picture">A JPEG or WebP file.</param>
    /// <exception cref="InvalidDataException">It is a WebP that is cut or broken.</exception>
    internal static string? FindId(ReadOnlyMemory<byte> picture) => InBlocks(picture, block => ReadComment(block, root => TextOf(root, "id")));

    /// <summary>
    /// The record that restoring wrote into a picture: what its UserComment has, with the maker, the model and the user's name, which stand in
    /// fields of their own. Null where there is none. Addresses are not in it.
    /// </summary>
    /// <param name="picture">A JPEG or WebP file.</param>
    /// <exception cref="InvalidDataException">It is a WebP that is cut or broken.</exception>
    internal static MapillaryImage? FindRecord(ReadOnlyMemory<byte> picture) => InBlocks(picture, block => ReadComment(block, root => ReadRecord(block, root)));

    /// <summary>What the first block that has it says.</summary>
    private static T? InBlocks<T>(ReadOnlyMemory<byte> picture, Func<ExifBlock, T?> read)
        where T : class
    {
        var blocks = picture.Span.StartsWith("RIFF"u8)
            ? WebpContainer.Read(picture).ExifBlocks
            : JpegHeader.Read(picture.Span).ExifBlocks(picture);
        return blocks.Select(tiff => ExifBlock.Parse(tiff) is { } block ? read(block) : null).FirstOrDefault(found => found is not null);
    }

    private static T? ReadComment<T>(ExifBlock block, Func<JsonElement, T?> read)
        where T : class
    {
        var comment = block.ValueOf(ExifDirectory.Exif, ExifTag.UserComment);
        // In a JPEG none can be longer.
        if (comment.Length > ExifBlock.LongestInJpeg || !comment.Span.StartsWith(UserComment.AsciiPrefix)) return null;
        try
        {
            using var json = JsonDocument.Parse(comment[UserComment.AsciiPrefix.Length..].TrimEnd(" \0"u8));
            return json.RootElement.ValueKind == JsonValueKind.Object ? read(json.RootElement) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            // Someone else's comment.
            return null;
        }
    }

    private static MapillaryImage? ReadRecord(ExifBlock block, JsonElement root)
    {
        if (TextOf(root, "id") is null) return null;
        var image = MapillaryImage.Parse(root.GetRawText()) with
        {
            Make = TextIn(ExifTag.Make),
            Model = TextIn(ExifTag.Model),
            Creator = TextIn(ExifTag.Artist),
            CreatorId = TextOf(root, "creator_id"),
            MeshId = TextOf(root, "mesh"),
            SfmClusterId = TextOf(root, "sfm_cluster"),
            OrganizationId = TextOf(root, "organization"),
        };
        return image with { Json = ImageRecordWriter.Write(image) };

        string? TextIn(ushort tag) => Clean(Encoding.UTF8.GetString(block.ValueOf(ExifDirectory.Image, tag).Span.TrimEnd((byte)0)));
    }

    private static string? TextOf(JsonElement root, string name) =>
        root.TryGetProperty(name, out var text) && text.ValueKind == JsonValueKind.String ? text.GetString() : null;

    private static string Describe(MapillaryImage image)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("id", image.Id);
            Text("sequence", image.SequenceId);
            if (image.CapturedAt is { } time) json.WriteNumber("captured_at", time.ToUnixTimeMilliseconds());
            Text("camera_type", image.CameraType);
            json.WriteBoolean("is_pano", image.IsPanorama);
            Numbers("camera_parameters", image.CameraParameters);
            Whole("width", image.Width);
            Whole("height", image.Height);
            Whole("exif_orientation", image.ExifOrientation);
            Point("geometry", image.Geometry);
            Point("computed_geometry", image.ComputedGeometry);
            Number("altitude", image.Altitude);
            Number("computed_altitude", image.ComputedAltitude);
            Number("compass_angle", image.CompassAngle);
            Number("computed_compass_angle", image.ComputedCompassAngle);
            Numbers("computed_rotation", image.ComputedRotation);
            Number("atomic_scale", image.AtomicScale);
            Text("merge_cc", image.MergeCc);
            Text("mesh", image.MeshId);
            Text("sfm_cluster", image.SfmClusterId);
            Text("organization", image.OrganizationId);
            Text("creator_id", image.CreatorId);
            Number("quality_score", image.QualityScore);
            json.WriteEndObject();

            void Text(string name, string? value)
            {
                if (value is not null) json.WriteString(name, value);
            }

            void Whole(string name, int? value)
            {
                if (value is not null) json.WriteNumber(name, value.Value);
            }

            void Number(string name, double? value)
            {
                if (Finite(value) is { } finite) json.WriteNumber(name, finite);
            }

            void Numbers(string name, IReadOnlyList<double>? values)
            {
                if (values is null || !values.All(double.IsFinite)) return;
                json.WriteStartArray(name);
                foreach (var value in values) json.WriteNumberValue(value);
                json.WriteEndArray();
            }

            void Point(string name, GeoPoint? value)
            {
                if (Valid(value) is not { } point) return;
                json.WriteStartObject(name);
                json.WriteString("type", "Point");
                json.WriteStartArray("coordinates");
                json.WriteNumberValue(point.Longitude);
                json.WriteNumberValue(point.Latitude);
                json.WriteEndArray();
                json.WriteEndObject();
            }
        }

        return Encoding.ASCII.GetString(buffer.WrittenSpan);
    }
}
