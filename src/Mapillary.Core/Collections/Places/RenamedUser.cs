using Mapillary.Collections.Records;

namespace Mapillary.Collections.Places;

/// <summary>
/// Finds the collection of a user who has another name by now, or whose name is written in another way: its number at Mapillary stays the same.
/// </summary>
internal static class RenamedUser
{
    /// <summary>The collection to go on with for the images of a user.</summary>
    /// <param name="wanted">The collection by the user's name.</param>
    /// <param name="creatorId">The user's number; null where it is not known.</param>
    /// <param name="folders">The folders that hold collections.</param>
    /// <param name="log">Told where the collection is one of another name.</param>
    /// <returns>The one that is there by that name or under another one, else the one by that name.</returns>
    public static CollectionName CollectionFor(CollectionName wanted, string? creatorId, string[] folders, IRunLog log)
    {
        if (creatorId is null) return wanted;
        // By its exact name: where the file system takes Anna for anna, that may be another user's.
        var there = folders.Where(Directory.Exists).SelectMany(f => Directory.EnumerateDirectories(f, "mapillary-*")).Order(StringComparer.Ordinal).ToList();
        if (there.Any(path => Path.GetFileName(path) == wanted.ToString())) return wanted;
        foreach (var path in there)
        {
            if (CollectionName.TryParse(Path.GetFileName(path)) is not { } name) continue;
            if ((name.Quality, name.Form.NameSuffix) != (wanted.Quality, wanted.Form.NameSuffix)) continue;
            try
            {
                var collection = Collection.At(path);
                if (collection.State is not { AreaName: null } state || collection.FindCreatorId() != creatorId) continue;
                if (state.User != wanted.User)
                    log.Warn($"User '{wanted.User}' is the one that '{path}' has as '{state.User}' (number {creatorId}). Going on there.");
                return wanted with { User = state.User };
            }
            catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException or CollectionException)
            {
                log.Say($"Whose collection '{path}' is cannot be told: {e.Message}");
            }
        }

        return wanted;
    }
}
