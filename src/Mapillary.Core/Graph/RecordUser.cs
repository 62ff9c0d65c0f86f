namespace Mapillary.Graph;

/// <summary>The user of an image, as a record has them.</summary>
/// <param name="Name">The user name.</param>
/// <param name="Id">The user's number.</param>
internal sealed record RecordUser(string? Name, string? Id);
