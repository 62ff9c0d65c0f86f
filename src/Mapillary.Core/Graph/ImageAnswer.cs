namespace Mapillary.Graph;

/// <summary>What the API answered about one image id: its record, or why there is none.</summary>
/// <param name="Id">The id that was asked for.</param>
/// <param name="Image">The record, or null.</param>
/// <param name="Problem">Why there is no record, or null.</param>
public sealed record ImageAnswer(string Id, MapillaryImage? Image, GraphException? Problem);
