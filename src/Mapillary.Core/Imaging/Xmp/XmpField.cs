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

/// <summary>A property for XMP.</summary>
/// <param name="Name">Its usual prefix and its name: <c>dc:title</c>.</param>
/// <param name="Shape">How XMP holds it.</param>
/// <param name="Values">Its values, one where it holds only one.</param>
internal sealed record XmpField(string Name, XmpShape Shape, IReadOnlyList<string> Values);
