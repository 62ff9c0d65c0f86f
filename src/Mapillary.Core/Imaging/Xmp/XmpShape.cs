namespace Mapillary.Imaging.Xmp;

/// <summary>How XMP holds a property (XMP specification part 1, section 7).</summary>
internal enum XmpShape
{
    /// <summary>One text.</summary>
    Text,

    /// <summary>Texts in no order.</summary>
    Bag,

    /// <summary>Texts in order.</summary>
    Sequence,

    /// <summary>A text by languages.</summary>
    Language,
}
