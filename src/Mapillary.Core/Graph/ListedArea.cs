namespace Mapillary.Graph;

/// <summary>An area whose images were listed, whoever captured them.</summary>
/// <param name="Name">A short name, for a folder.</param>
/// <param name="Text">The area in words.</param>
internal sealed record ListedArea(string Name, string Text);
