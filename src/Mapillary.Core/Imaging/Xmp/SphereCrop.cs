namespace Mapillary.Imaging.Xmp;

/// <summary>
/// Which part of the sphere a panorama shows, in pixels (https://developers.google.com/streetview/spherical-metadata). The API does not
/// know that; a file may say so itself.
/// </summary>
internal sealed class SphereCrop
{
    private const string FullWidth = "FullPanoWidthPixels";
    private const string FullHeight = "FullPanoHeightPixels";
    private const string Width = "CroppedAreaImageWidthPixels";
    private const string Height = "CroppedAreaImageHeightPixels";
    private const string Left = "CroppedAreaLeftPixels";
    private const string Top = "CroppedAreaTopPixels";

    // The largest rectangle without blank borders; only told again where all has another scale.
    private static readonly string[] AcrossInside = ["LargestValidInteriorRectLeft", "LargestValidInteriorRectWidth"];
    private static readonly string[] DownInside = ["LargestValidInteriorRectTop", "LargestValidInteriorRectHeight"];

    private readonly List<(string Name, long Pixels)> _properties;

    private SphereCrop(List<(string Name, long Pixels)> properties) => _properties = properties;

    /// <summary>A picture of the whole sphere.</summary>
    public static SphereCrop Whole(int width, int height) =>
        new([(FullWidth, width), (FullHeight, height), (Width, width), (Height, height), (Left, 0), (Top, 0)]);

    /// <summary>What a file says of its part, in pixels of the picture that it holds now.</summary>
    /// <param name="number">Gives the properties of the file; null for what it does not say.</param>
    /// <param name="width">The picture's width.</param>
    /// <param name="height">The picture's height.</param>
    /// <returns>Null where it does not say which part, or what it says cannot be, or is of a picture of another shape.</returns>
    public static SphereCrop? Read(Func<string, long?> number, int width, int height)
    {
        if (!(number(Width) is > 0 and var w && number(Height) is > 0 and var h
            && number(Left) is >= 0 and var left && number(Top) is >= 0 and var top
            && number(FullWidth) is { } fullWidth && number(FullHeight) is { } fullHeight
            && left + w <= fullWidth && top + h <= fullHeight)) return null;
        // As for smaller renditions: the same shape, but for the rounding of the sides.
        if (Math.Abs(width * h - height * w) > Math.Max(w, h)) return null;

        var (newLeft, newTop) = (Across(left), Down(top));
        List<(string, long)> properties =
        [
            (FullWidth, Math.Max(Across(fullWidth), newLeft + width)), (FullHeight, Math.Max(Down(fullHeight), newTop + height)),
            (Width, width), (Height, height), (Left, newLeft), (Top, newTop),
        ];
        if ((w, h) != (width, height))
        {
            properties.AddRange(AcrossInside.Where(n => number(n) is >= 0).Select(n => (n, Across(number(n)!.Value))));
            properties.AddRange(DownInside.Where(n => number(n) is >= 0).Select(n => (n, Down(number(n)!.Value))));
        }

        return new SphereCrop(properties);

        long Across(long pixels) => (long)Math.Round((double)pixels * width / w);

        long Down(long pixels) => (long)Math.Round((double)pixels * height / h);
    }

    /// <summary>The properties by their names in GPano.</summary>
    public IEnumerable<(string Name, long Pixels)> Properties() => _properties;
}
