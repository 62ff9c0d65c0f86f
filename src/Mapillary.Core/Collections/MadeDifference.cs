namespace Mapillary.Collections;

/// <summary>In what an image that is there is not what a run would make of it.</summary>
[Flags]
internal enum MadeDifference
{
    /// <summary>In nothing, or in nothing that was noted.</summary>
    None = 0,

    /// <summary>One has restored metadata, the other those that were served.</summary>
    Metadata = 1,

    /// <summary>The position that was written.</summary>
    Position = 2,

    /// <summary>The time zone.</summary>
    TimeZone = 4,

    /// <summary>The quality of the WebP.</summary>
    WebpQuality = 8,

    /// <summary>The folders.</summary>
    Layout = 16,
}
