using System.Globalization;

namespace Mapillary.Graph;

/// <summary>A point on the WGS-84 ellipsoid, in degrees.</summary>
/// <param name="Latitude">Degrees north of the equator, -90 to 90.</param>
/// <param name="Longitude">Degrees east of Greenwich, -180 to 180.</param>
public readonly record struct GeoPoint(double Latitude, double Longitude)
{
    /// <summary>Whether there is such a point: both numbers are within their bounds.</summary>
    internal bool Exists => Latitude is >= -90 and <= 90 && Longitude is >= -180 and <= 180;

    /// <summary><c>latitude,longitude</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Latitude},{Longitude}");
}
