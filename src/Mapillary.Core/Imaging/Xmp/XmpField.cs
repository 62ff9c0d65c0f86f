namespace Mapillary.Imaging.Xmp;

/// <summary>A property for XMP.</summary>
/// <param name="Name">Its usual prefix and its name: <c>dc:title</c>.</param>
/// <param name="Shape">How XMP holds it.</param>
/// <param name="Values">Its values, one where it holds only one.</param>
internal sealed record XmpField(string Name, XmpShape Shape, IReadOnlyList<string> Values);
