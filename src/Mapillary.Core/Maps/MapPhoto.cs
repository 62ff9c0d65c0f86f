using Mapillary.Graph;

namespace Mapillary.Maps;

/// <summary>What a map keeps of an image.</summary>
/// <param name="Id">The image id.</param>
/// <param name="CapturedAt">The capture time.</param>
/// <param name="Latitude">Degrees.</param>
/// <param name="Longitude">Degrees.</param>
/// <param name="Altitude">Metres above sea level.</param>
/// <param name="Direction">Degrees from true north, 0 to 360.</param>
/// <param name="Creator">The user.</param>
/// <param name="Camera">Shared by all images of the camera.</param>
/// <param name="Picture">Where its picture lies, shared by all of the folder; null where it is no file.</param>
internal readonly record struct MapPhoto(
    string Id, DateTimeOffset? CapturedAt, double Latitude, double Longitude, double? Altitude, double? Direction, string? Creator, MapCamera Camera, PicturePlace? Picture)
    : IComparable<MapPhoto>
{
    /// <summary>The photo's page on Mapillary.</summary>
    public string Url => PhotoPage.Of(Id);

    /// <summary>Whether it has a capture time, and one that can be right.</summary>
    public bool HasPossibleTime => CapturedAt is { } time && CaptureTime.IsPossible(time);

    /// <summary>By time, those without one last; then by id, so that a map does not depend on the order in which images came.</summary>
    public int CompareTo(MapPhoto other)
    {
        var order = (CapturedAt ?? DateTimeOffset.MaxValue).CompareTo(other.CapturedAt ?? DateTimeOffset.MaxValue);
        if (order == 0) order = Id.Length.CompareTo(other.Id.Length);
        return order == 0 ? string.CompareOrdinal(Id, other.Id) : order;
    }
}

/// <summary>What captured images; null where the API does not say.</summary>
internal sealed record MapCamera(string? Make, string? Model, string? Type, bool IsPanorama)
{
    /// <summary>Make and model for people; null where neither is known.</summary>
    public string? Name => string.Join(' ', new[] { Make, Model }.Where(t => t is not null)) is { Length: > 0 } name ? name : null;
}

/// <summary>Where pictures lie.</summary>
/// <param name="Folder">The folder, as a full path.</param>
/// <param name="Name">The file's name; null for those that are named by the image's id.</param>
/// <param name="Extension">The extension of those, with its dot.</param>
internal sealed record PicturePlace(string Folder, string? Name, string Extension)
{
    /// <summary>Where the picture of an image lies.</summary>
    public static PicturePlace Of(string id, string path)
    {
        var (name, extension) = (Path.GetFileName(path), Path.GetExtension(path));
        return new PicturePlace(Path.GetDirectoryName(path)!, name == id + extension ? null : name, extension);
    }
}

/// <summary>The images of a sequence in the order of their capture.</summary>
/// <param name="Id">The sequence; null for images that belong to none, and make no track.</param>
/// <param name="Photos">The images.</param>
internal sealed record MapSequence(string? Id, List<MapPhoto> Photos)
{
    /// <summary>Whose it is.</summary>
    public string? Creator => Photos.Find(p => p.Creator is not null).Creator;

    /// <summary>The earliest capture time, of those that can be right.</summary>
    public DateTimeOffset? First => Photos.Find(p => p.HasPossibleTime).CapturedAt;

    /// <summary>The latest one of those.</summary>
    public DateTimeOffset? Last => Photos.FindLast(p => p.HasPossibleTime).CapturedAt;

    /// <summary>What it was captured with, for people; cameras in their order.</summary>
    public string? Camera => string.Join(", ", Photos.Select(p => p.Camera.Name).Where(n => n is not null).Distinct(StringComparer.Ordinal)) is { Length: > 0 } names ? names : null;
}
