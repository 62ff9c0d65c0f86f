using System.Text;

namespace Mapillary.Graph;

/// <summary>
/// The table of the fields of the API's image records: every documented one but the detections, which are other people's guesses about the
/// content (https://www.mapillary.com/developer/api-documentation, image). What is asked for, read, written, looked for by a diagnosis and
/// kept in a picture's comment comes from here. A new field is a line here, and a property of <see cref="MapillaryImage"/> with its line in
/// the constructor.
/// </summary>
/// <remarks>The order is that in which they are asked for. The API answers in the same order, so the listing has it too.</remarks>
internal static class ImageFields
{
    // First, because the lines below add themselves.
    private static readonly List<ImageField> Table = [];

    public static readonly ImageField<string?> Id =
        Add("id", FieldShapes.Text, i => i.Id, comment: 1);

    public static readonly ImageField<double?> Altitude =
        Add("altitude", FieldShapes.Altitude, i => i.Altitude, diagnosis: 4, comment: 12);

    public static readonly ImageField<double?> AtomicScale =
        Add("atomic_scale", FieldShapes.Number, i => i.AtomicScale, spare: true, comment: 17);

    public static readonly ImageField<IReadOnlyList<double>?> CameraParameters =
        Add("camera_parameters", FieldShapes.Coefficients, i => i.CameraParameters, diagnosis: 8, comment: 6);

    public static readonly ImageField<string?> CameraType =
        Add("camera_type", FieldShapes.Text, i => i.CameraType, diagnosis: 7, comment: 4);

    public static readonly ImageField<DateTimeOffset?> CapturedAt =
        Add("captured_at", FieldShapes.Time, i => i.CapturedAt, diagnosis: 1, comment: 3);

    public static readonly ImageField<double?> CompassAngle =
        Add("compass_angle", FieldShapes.Number, i => i.CompassAngle, diagnosis: 5, comment: 14);

    public static readonly ImageField<double?> ComputedAltitude =
        Add("computed_altitude", FieldShapes.Number, i => i.ComputedAltitude, comment: 13);

    public static readonly ImageField<double?> ComputedCompassAngle =
        Add("computed_compass_angle", FieldShapes.Number, i => i.ComputedCompassAngle, diagnosis: 6, comment: 15);

    public static readonly ImageField<GeoPoint?> ComputedGeometry =
        Add("computed_geometry", FieldShapes.Point, i => i.ComputedGeometry, diagnosis: 3, comment: 11);

    public static readonly ImageField<IReadOnlyList<double>?> ComputedRotation =
        Add("computed_rotation", FieldShapes.Vector, i => i.ComputedRotation, comment: 16);

    public static readonly ImageField<RecordUser?> Creator =
        Add("creator", FieldShapes.User, i => new(i.Creator, i.CreatorId), diagnosis: 14, comment: 22, commentName: "creator_id");

    public static readonly ImageField<int?> ExifOrientation =
        Add("exif_orientation", FieldShapes.WholeNumber, i => i.ExifOrientation, diagnosis: 13, comment: 9);

    public static readonly ImageField<GeoPoint?> Geometry =
        Add("geometry", FieldShapes.Point, i => i.Geometry, diagnosis: 2, comment: 10);

    public static readonly ImageField<int?> Height =
        Add("height", FieldShapes.WholeNumber, i => i.Height, diagnosis: 12, comment: 8);

    public static readonly ImageField<bool?> IsPanorama =
        Add("is_pano", FieldShapes.Truth, i => i.IsPanorama, comment: 5);

    public static readonly ImageField<string?> Make =
        Add("make", FieldShapes.Text, i => i.Make, diagnosis: 9);

    public static readonly ImageField<string?> Model =
        Add("model", FieldShapes.Text, i => i.Model, diagnosis: 10);

    public static readonly ImageField<string?> MergeCc =
        Add("merge_cc", FieldShapes.Digits, i => i.MergeCc, spare: true, comment: 18);

    public static readonly ImageField<string?> Mesh =
        Add("mesh", FieldShapes.ObjectId, i => i.MeshId, spare: true, comment: 19);

    public static readonly ImageField<string?> Organization =
        Add("organization", FieldShapes.ObjectId, i => i.OrganizationId, spare: true, comment: 21);

    public static readonly ImageField<double?> QualityScore =
        Add("quality_score", FieldShapes.Number, i => i.QualityScore, spare: true, comment: 23);

    public static readonly ImageField<string?> Sequence =
        Add("sequence", FieldShapes.Text, i => i.SequenceId, diagnosis: 15, comment: 2);

    public static readonly ImageField<string?> SfmCluster =
        Add("sfm_cluster", FieldShapes.ObjectId, i => i.SfmClusterId, spare: true, comment: 20);

    public static readonly ImageField<string?> Thumb256Url =
        Add("thumb_256_url", FieldShapes.Text, i => i.Thumb256Url);

    public static readonly ImageField<string?> Thumb1024Url =
        Add("thumb_1024_url", FieldShapes.Text, i => i.Thumb1024Url);

    public static readonly ImageField<string?> Thumb2048Url =
        Add("thumb_2048_url", FieldShapes.Text, i => i.Thumb2048Url);

    public static readonly ImageField<string?> ThumbOriginalUrl =
        Add("thumb_original_url", FieldShapes.Text, i => i.ThumbOriginalUrl);

    public static readonly ImageField<int?> Width =
        Add("width", FieldShapes.WholeNumber, i => i.Width, diagnosis: 11, comment: 7);

    /// <summary>All fields, in the order in which they are asked for.</summary>
    public static IReadOnlyList<ImageField> All => Table;

    /// <summary>The fields that a diagnosis names where a record lacks them, in the order in which it names them.</summary>
    public static IReadOnlyList<ImageField> Diagnosed { get; } =
        [.. Table.Where(f => f.DiagnosisPlace is not null).OrderBy(f => f.DiagnosisPlace)];

    /// <summary>The fields that a picture's comment has, in their order there.</summary>
    public static IReadOnlyList<ImageField> InComment { get; } =
        [.. Table.Where(f => f.CommentPlace is not null).OrderBy(f => f.CommentPlace)];

    // Behind the lists that they are made of.
    private static readonly NameTable Names = new(All, f => f.Name);
    private static readonly NameTable CommentNames = new(InComment, f => f.CommentName);

    /// <summary>The field of a name; null where there is none.</summary>
    /// <param name="name">The name in UTF-8, without escapes.</param>
    /// <param name="isComment">Whether it stands in the comment of a picture.</param>
    public static ImageField? Find(ReadOnlySpan<byte> name, bool isComment) => (isComment ? CommentNames : Names).Find(name);

    private static ImageField<T> Add<T>(
        string name,
        FieldShape<T> shape,
        Func<MapillaryImage, T> valueOf,
        bool spare = false,
        int? diagnosis = null,
        int? comment = null,
        string? commentName = null)
    {
        var field = new ImageField<T>(name, Table.Count, shape, valueOf)
        {
            IsSpare = spare,
            DiagnosisPlace = diagnosis,
            CommentPlace = comment,
            CommentName = commentName ?? name,
        };
        Table.Add(field);
        return field;
    }

    /// <summary>Finds fields by their names without making a text of these: a page has sixty thousand.</summary>
    private sealed class NameTable
    {
        private readonly (byte[] Name, ImageField Field)[][] _byLength;

        public NameTable(IReadOnlyList<ImageField> fields, Func<ImageField, string> nameOf)
        {
            var names = fields.Select(f => (Name: Encoding.UTF8.GetBytes(nameOf(f)), Field: f)).ToList();
            var lengths = Enumerable.Range(0, names.Max(n => n.Name.Length) + 1);
            _byLength = [.. lengths.Select(length => names.Where(n => n.Name.Length == length).ToArray())];
        }

        public ImageField? Find(ReadOnlySpan<byte> name)
        {
            if (name.Length >= _byLength.Length) return null;
            foreach (var (known, field) in _byLength[name.Length])
            {
                if (name.SequenceEqual(known)) return field;
            }

            return null;
        }
    }
}
