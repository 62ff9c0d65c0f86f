namespace Mapillary.Graph;

/// <summary>The renditions in which Mapillary serves a picture.</summary>
public enum ImageQuality
{
    /// <summary>The full size.</summary>
    Original = 0,

    /// <summary>256 pixels wide.</summary>
    Thumb256 = 256,

    /// <summary>1024 pixels wide.</summary>
    Thumb1024 = 1024,

    /// <summary>2048 pixels wide.</summary>
    Thumb2048 = 2048,
}
