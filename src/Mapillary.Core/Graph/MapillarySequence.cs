using System.Globalization;

namespace Mapillary.Graph;

/// <summary>What is known of a sequence from its images: of those that were listed and fit what was asked for.</summary>
public sealed record MapillarySequence
{
    /// <summary>The sequence id; case matters.</summary>
    public required string Id { get; init; }

    /// <summary>The same, under the name that an image has for it.</summary>
    public string SequenceId => Id;

    /// <summary>How many images it has.</summary>
    public required int Images { get; init; }

    /// <summary>How many of them are panoramas.</summary>
    public required int Panoramas { get; init; }

    /// <summary>Whether all of them are.</summary>
    public bool IsPanorama => Panoramas == Images;

    /// <summary>The first capture time in UTC; null where no image has one.</summary>
    public DateTimeOffset? First { get; init; }

    /// <summary>The day of that, <c>yyyy-MM-dd</c> in UTC; null where no image has a time.</summary>
    public string? Date => First?.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>The last capture time in UTC; null where no image has one.</summary>
    public DateTimeOffset? Last { get; init; }

    /// <summary>The camera type that most of the images have; null where none says.</summary>
    public string? CameraType { get; init; }

    /// <summary>
    /// The area that holds all known positions; with one of them only it has no extent. Null where none is known. A sequence across the
    /// 180th meridian has one around the Earth.
    /// </summary>
    public BoundingBox? Bounds { get; init; }

    /// <summary>
    /// The way from the first capture to the last in kilometres, straight from image to image along WGS-84. Images without time or position
    /// are skipped.
    /// </summary>
    public required double LengthKm { get; init; }

    /// <summary>The user who uploaded it.</summary>
    public string? Creator { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Id;
}
