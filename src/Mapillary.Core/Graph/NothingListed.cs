using System.Globalization;

namespace Mapillary.Graph;

/// <summary>
/// What is said where no image came. A filter may be the reason, and a name may be misspelled, or be something else than was asked for: each
/// is named.
/// </summary>
public static class NothingListed
{
    /// <summary>For a user.</summary>
    public static string OfUser(string user, ImageFilter filter)
    {
        var otherwise = Reference.InsteadOfUser(user) switch
        {
            ReferenceKind.Image => " It looks like an image id, not like a user name.",
            ReferenceKind.Sequence => " It looks like a sequence id, not like a user name.",
            _ => "",
        };
        return (Conditions(filter) is { } conditions
            ? $"No image of user '{user}' fits: {conditions}. Or there is no such user."
            : $"User '{user}' has no images on Mapillary, or there is no such user.") + otherwise;
    }

    /// <summary>For a sequence.</summary>
    public static string OfSequence(string sequenceId, ImageFilter filter) =>
        (Conditions(filter) is { } conditions
            ? $"No image of sequence '{sequenceId}' fits: {conditions}. Or there is no such sequence."
            : $"Sequence '{sequenceId}' has no images on Mapillary, or there is no such sequence.")
        + " Case matters in its id.";

    /// <summary>For an area.</summary>
    public static string OfArea(ImageFilter filter) => $"Mapillary has no image that fits: {Conditions(filter)}.";

    /// <summary>For an area, of whose images a sample was asked for.</summary>
    public static string OfSample(ImageFilter filter) =>
        $"Mapillary gave no image for: {Conditions(filter)}. Such a search is a sample: there may be images all the same.";

    /// <summary>For the listing of an earlier run.</summary>
    /// <param name="path">The file or the collection that has it.</param>
    /// <param name="filter">What was asked for.</param>
    public static string OfListing(string path, ImageFilter filter) =>
        Conditions(filter) is { } conditions ? $"No image listed in '{path}' fits: {conditions}." : $"The listing '{path}' has no images.";

    private static string? Conditions(ImageFilter filter)
    {
        IEnumerable<string?> conditions =
        [
            filter.After is { } after ? $"captured at {Time(after)} or later" : null,
            filter.Before is { } before ? $"captured at {Time(before)} or earlier" : null,
            filter.CameraTypes.Count > 0 ? $"camera type {string.Join(" or ", filter.CameraTypes)}" : null,
            filter.OrganizationId is { } organization ? $"of organization {organization}" : null,
            filter.BoundingBox is { } box ? $"in the area {box}" : null,
            filter.Area is { } area ? $"in the area {area}" : null,
            filter.Shard is { } shard ? $"in shard {shard}" : null,
        ];
        var set = string.Join(", ", conditions.OfType<string>());
        return set.Length > 0 ? set : null;
    }

    private static string Time(DateTimeOffset moment) => moment.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
}
