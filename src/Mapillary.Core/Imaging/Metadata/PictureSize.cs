using System.Globalization;
using Mapillary.Graph;

namespace Mapillary.Imaging.Metadata;

/// <summary>
/// Compares a served picture with what its record says. Mapillary sometimes serves a small placeholder, which is a whole JPEG.
/// </summary>
internal static class PictureSize
{
    // A full size may be somewhat smaller than the upload, and a smaller rendition has the shape of its picture.
    private const int MuchSmaller = 2;

    /// <summary>Says that a picture is much smaller than it should be; null where it is not, or where the record has no size.</summary>
    /// <param name="image">The record, with the size of the upload.</param>
    /// <param name="quality">The rendition.</param>
    /// <param name="width">The picture's width in pixels.</param>
    /// <param name="height">The picture's height in pixels.</param>
    public static string? FindShortfall(MapillaryImage image, ImageQuality quality, int width, int height)
    {
        if ((image.Width, image.Height) is not ( > 0 and var uploadedWidth, > 0 and var uploadedHeight)) return null;
        var longest = Math.Max(uploadedWidth, uploadedHeight);
        var expected = quality switch
        {
            ImageQuality.Thumb256 => Math.Min(256, longest),
            ImageQuality.Thumb1024 => Math.Min(1024, longest),
            ImageQuality.Thumb2048 => Math.Min(2048, longest),
            _ => longest,
        };
        if ((long)Math.Max(width, height) * MuchSmaller >= expected) return null;
        var upload = string.Create(CultureInfo.InvariantCulture, $"an upload of {uploadedWidth} x {uploadedHeight}");
        return string.Create(
            CultureInfo.InvariantCulture, $"the picture has {width} x {height} pixels, much less than rendition '{quality.ToName()}' of {upload}");
    }
}
