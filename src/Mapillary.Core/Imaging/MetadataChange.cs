namespace Mapillary.Imaging;

/// <summary>One value that restoring put into a file.</summary>
/// <param name="Tag">The tag by the name that its standard gives it: "GPSLatitude"; with its namespace where it is XMP: "XMP-GPano:PoseHeadingDegrees".</param>
/// <param name="Before">The value that the file had, as text; null where it had none.</param>
/// <param name="After">The value that it has now, as text.</param>
public sealed record MetadataChange(string Tag, string? Before, string After)
{
    /// <inheritdoc/>
    public override string ToString() => Before is null ? $"{Tag}: {After}" : $"{Tag}: {After} (was: {Before})";
}
