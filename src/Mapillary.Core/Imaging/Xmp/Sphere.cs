namespace Mapillary.Imaging.Xmp;

/// <summary>A picture of a sphere, as GPano tells of it.</summary>
/// <param name="Width">The picture's width in pixels.</param>
/// <param name="Height">The picture's height in pixels.</param>
/// <param name="Direction">Where its middle looks, in degrees clockwise from north; null where that is not known.</param>
internal sealed record Sphere(int Width, int Height, double? Direction);
