namespace Mapillary;

/// <summary>Which of the two positions of an image counts.</summary>
public enum PositionSource
{
    /// <summary>The one Mapillary computed by reconstruction; where there is none, the original one.</summary>
    Computed,

    /// <summary>The one the camera recorded; where there is none, the computed one.</summary>
    Original,
}
