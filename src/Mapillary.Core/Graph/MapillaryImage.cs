using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Mapillary.Graph;

/// <summary>
/// One image as the Graph API describes it. Every property is the API's own value; one that the API left out is
/// <see langword="null"/>. <see cref="Json"/> is the record as it was received, to the letter.
/// </summary>
/// <remarks>
/// Scripts make images for their tests, in PowerShell with <c>[Mapillary.Graph.MapillaryImage]@{ Id = '1'; Latitude = 55.7; Longitude = 13.2 }</c>:
/// that needs a constructor without parameters, and every property set by itself.
/// </remarks>
public sealed record MapillaryImage
{
    private readonly double? _latitude;
    private readonly double? _longitude;
    private readonly GeoPoint? _geometry;
    private readonly string? _json;

    /// <summary>Makes an image by hand.</summary>
    public MapillaryImage()
    {
    }

    /// <summary>Makes an image of a record.</summary>
    /// <param name="values">What the record has for each field; an id among them.</param>
    /// <param name="json">The record, to the letter.</param>
    [SetsRequiredMembers]
    internal MapillaryImage(FieldValues values, string json)
    {
        Id = values.Get(ImageFields.Id)!;
        Json = json;
        SequenceId = values.Get(ImageFields.Sequence);
        CapturedAt = values.Get(ImageFields.CapturedAt);
        Altitude = values.Get(ImageFields.Altitude);
        CompassAngle = values.Get(ImageFields.CompassAngle);
        CameraType = values.Get(ImageFields.CameraType);
        IsPanorama = values.Get(ImageFields.IsPanorama) ?? CameraTypes.IsSpherical(CameraType);
        Make = values.Get(ImageFields.Make);
        Model = values.Get(ImageFields.Model);
        Width = values.Get(ImageFields.Width);
        Height = values.Get(ImageFields.Height);
        Creator = values.Get(ImageFields.Creator)?.Name;
        CreatorId = values.Get(ImageFields.Creator)?.Id;
        ExifOrientation = values.Get(ImageFields.ExifOrientation);
        Geometry = values.Get(ImageFields.Geometry);
        ComputedGeometry = values.Get(ImageFields.ComputedGeometry);
        ComputedAltitude = values.Get(ImageFields.ComputedAltitude);
        ComputedCompassAngle = values.Get(ImageFields.ComputedCompassAngle);
        ComputedRotation = values.Get(ImageFields.ComputedRotation);
        CameraParameters = values.Get(ImageFields.CameraParameters);
        AtomicScale = values.Get(ImageFields.AtomicScale);
        MergeCc = values.Get(ImageFields.MergeCc);
        MeshId = values.Get(ImageFields.Mesh);
        SfmClusterId = values.Get(ImageFields.SfmCluster);
        OrganizationId = values.Get(ImageFields.Organization);
        QualityScore = values.Get(ImageFields.QualityScore);
        Thumb256Url = values.Get(ImageFields.Thumb256Url);
        Thumb1024Url = values.Get(ImageFields.Thumb1024Url);
        Thumb2048Url = values.Get(ImageFields.Thumb2048Url);
        ThumbOriginalUrl = values.Get(ImageFields.ThumbOriginalUrl);
    }

    /// <summary>The image id: digits, up to 17 of them, kept as text because a double cannot hold it.</summary>
    public required string Id { get; init; }

    /// <summary>The id of the sequence the image belongs to. Case matters.</summary>
    public string? SequenceId { get; init; }

    /// <summary>The capture time in UTC, to the millisecond (API: <c>captured_at</c>).</summary>
    public DateTimeOffset? CapturedAt { get; init; }

    /// <summary>
    /// Latitude in degrees, WGS-84: the computed position where there is one, else the original one. Set together with
    /// <see cref="Longitude"/>, it is the original position of an image that has no <see cref="Geometry"/>.
    /// </summary>
    public double? Latitude
    {
        get => PositionOf(PositionSource.Computed)?.Latitude ?? _latitude;
        init => _latitude = value;
    }

    /// <summary>Longitude in degrees, WGS-84; see <see cref="Latitude"/>.</summary>
    public double? Longitude
    {
        get => PositionOf(PositionSource.Computed)?.Longitude ?? _longitude;
        init => _longitude = value;
    }

    /// <summary>
    /// Altitude in metres above sea level, from the camera (API: <c>altitude</c>). Values that the API wrapped to unsigned
    /// 32-bit numbers are negative again here.
    /// </summary>
    public double? Altitude { get; init; }

    /// <summary>The compass angle in degrees from true north as the camera had it; may lie outside 0 to 360.</summary>
    public double? CompassAngle { get; init; }

    /// <summary>
    /// The direction of view in degrees from true north, 0 to 360, to a millionth: the computed compass angle where there is one, else the
    /// original one.
    /// </summary>
    public double? Direction => BestCompassAngle is { } angle ? ((Math.Round(angle, 6) % 360) + 360) % 360 : null;

    /// <summary>The kind of camera: perspective, fisheye, equirectangular or spherical; other values occur.</summary>
    public string? CameraType { get; init; }

    /// <summary>Whether this is a panorama: what the API says, else whether the camera type is a spherical one.</summary>
    public bool IsPanorama { get; init; }

    /// <summary>The camera's maker.</summary>
    public string? Make { get; init; }

    /// <summary>The camera's model.</summary>
    public string? Model { get; init; }

    /// <summary>Width in pixels of the picture as uploaded, before any turning.</summary>
    public int? Width { get; init; }

    /// <summary>Height in pixels of the picture as uploaded, before any turning.</summary>
    public int? Height { get; init; }

    /// <summary>The name of the user who uploaded the image.</summary>
    public string? Creator { get; init; }

    /// <summary>The id of the user who uploaded the image.</summary>
    public string? CreatorId { get; init; }

    /// <summary>The EXIF orientation, 1 to 8, of the file as uploaded.</summary>
    public int? ExifOrientation { get; init; }

    /// <summary>The position that the camera recorded (API: <c>geometry</c>).</summary>
    public GeoPoint? Geometry
    {
        get => _geometry ?? (_latitude is { } latitude && _longitude is { } longitude ? new GeoPoint(latitude, longitude) : null);
        init => _geometry = value;
    }

    /// <summary>The position after Mapillary's reconstruction (API: <c>computed_geometry</c>).</summary>
    public GeoPoint? ComputedGeometry { get; init; }

    /// <summary>Altitude in metres after reconstruction. Relative to the reconstruction, not reliably above sea level.</summary>
    public double? ComputedAltitude { get; init; }

    /// <summary>The compass angle in degrees after reconstruction.</summary>
    public double? ComputedCompassAngle { get; init; }

    /// <summary>The camera's orientation after reconstruction: an angle-axis vector of three numbers.</summary>
    public IReadOnlyList<double>? ComputedRotation { get; init; }

    /// <summary>Focal length as a fraction of the longer side, then the radial distortions k1 and k2. Absent for panoramas.</summary>
    public IReadOnlyList<double>? CameraParameters { get; init; }

    /// <summary>The scale of the reconstruction around this image.</summary>
    public double? AtomicScale { get; init; }

    /// <summary>The connected component of the reconstruction; opaque and rounded by the API itself, kept as its text.</summary>
    public string? MergeCc { get; init; }

    /// <summary>The id of the image's mesh.</summary>
    public string? MeshId { get; init; }

    /// <summary>The id of the image's reconstruction cluster.</summary>
    public string? SfmClusterId { get; init; }

    /// <summary>The id of the organization the image was captured for.</summary>
    public string? OrganizationId { get; init; }

    /// <summary>Mapillary's guess of the visual quality, 0 to 1.</summary>
    public double? QualityScore { get; init; }

    /// <summary>Signed address of the rendition 256 pixels wide; lives about a month.</summary>
    public string? Thumb256Url { get; init; }

    /// <summary>Signed address of the rendition 1024 pixels wide; lives about a month.</summary>
    public string? Thumb1024Url { get; init; }

    /// <summary>Signed address of the rendition 2048 pixels wide; lives about a month.</summary>
    public string? Thumb2048Url { get; init; }

    /// <summary>Signed address of the picture in its full size; lives about a month.</summary>
    public string? ThumbOriginalUrl { get; init; }

    /// <summary>The renditions that the record has an address of, from the smallest: 256, 1024, 2048, original.</summary>
    public IReadOnlyList<string> Renditions => ItemList.Of(ImageQualityNames.All.Where(n => !string.IsNullOrEmpty(UrlOf(ImageQualityNames.Parse(n)))));

    /// <summary>The address of the image's page on Mapillary.</summary>
    public string Url => PhotoPage.Of(Id);

    /// <summary>The API's record, to the letter; of an image that was made by hand, the record that the API would send.</summary>
    public string Json
    {
        get => _json ?? ImageRecordWriter.Write(this);
        init => _json = value;
    }

    /// <summary>
    /// The computed compass angle where there is one, else the original one: degrees from true north, of any size, but a number.
    /// </summary>
    internal double? BestCompassAngle => ComputedCompassAngle is { } computed && double.IsFinite(computed) ? computed
        : CompassAngle is { } original && double.IsFinite(original) ? original
        : null;

    /// <summary>Why the API's record was not read but for its id, in words for a person; null for a record that was.</summary>
    internal string? RecordFault { get; init; }

    /// <summary>The listing of a user's or an area's images that this one came from, in this process.</summary>
    internal ImageOrigin Origin { get; init; }

    /// <summary>Reads one record.</summary>
    /// <param name="json">One JSON object as the API sends it.</param>
    /// <exception cref="FormatException">The text is not a JSON object, has no id, or is larger than a record can be.</exception>
    public static MapillaryImage Parse(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        var image = ImageRecordReader.ReadImage(Encoding.UTF8.GetBytes(json));
        return image.RecordFault is null ? image : throw new FormatException($"The record of image {image.Id} {image.RecordFault}.");
    }

    /// <summary>The signed address of a rendition, or null where the API gave none.</summary>
    public string? UrlOf(ImageQuality quality) => quality switch
    {
        ImageQuality.Thumb256 => Thumb256Url,
        ImageQuality.Thumb1024 => Thumb1024Url,
        ImageQuality.Thumb2048 => Thumb2048Url,
        _ => ThumbOriginalUrl,
    };

    /// <summary>The position from one source; where there is none, or one that cannot be, that from the other.</summary>
    internal GeoPoint? PositionOf(PositionSource source)
    {
        var (first, second) = source == PositionSource.Original ? (Geometry, ComputedGeometry) : (ComputedGeometry, Geometry);
        return first is { Exists: true } ? first : second is { Exists: true } ? second : null;
    }

    /// <inheritdoc/>
    public override string ToString() => Id;
}
