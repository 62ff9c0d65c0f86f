using Mapillary.Collections.Records;

namespace Mapillary.Collections.Places;

/// <summary>
/// The collections that a person at a prompt most likely means: those in a folder, or in the folder that collections are put into there
/// where nobody says otherwise.
/// </summary>
public static class NearbyCollections
{
    /// <summary>The folder that collections are put into where nobody says otherwise.</summary>
    internal const string DefaultFolder = "mapillary_data";

    /// <summary>The users of the collections, each once, by their names.</summary>
    /// <param name="folder">The current folder.</param>
    public static IReadOnlyList<string> Users(string folder) =>
        [.. Folders(folder).Select(f => UserOf(f.Path, f.Name)).OfType<string>().Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <summary>The ids of the sequences that lie in the collections, be it in tars, each once.</summary>
    /// <param name="folder">The current folder.</param>
    public static IReadOnlyList<string> Sequences(string folder) =>
    [
        .. Folders(folder)
            .SelectMany(f => Subfolders(f.Path).Concat(Subfolders(f.Path).Where(IsDay).SelectMany(Subfolders)).Concat(Tars(f.Path)))
            .Select(p => Path.GetFileName(p)!)
            .Where(n => n[0] != '.' && !IsDay(n) && n != ImagePlaces.UnknownSequence)
            .Select(SafeName.Decode)
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal),
    ];

    private static IEnumerable<(string Path, CollectionName Name)> Folders(string folder) =>
        new[] { folder, Path.Combine(folder, DefaultFolder) }
            .SelectMany(Subfolders)
            .Select(p => (Path: p, Name: CollectionName.TryParse(Path.GetFileName(p))))
            .Where(p => p.Name is not null)
            .Select(p => (p.Path, p.Name!));

    /// <summary>The folder's name lacks what was too long of a user's name; the state has it. Null where it is an area's.</summary>
    private static string? UserOf(string path, CollectionName name)
    {
        try
        {
            return CollectionState.Read(path) is not { } state ? name.User : state.AreaName is null ? state.User : null;
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException or CollectionException)
        {
            return name.User;
        }
    }

    private static IEnumerable<string> Subfolders(string folder) => Found(folder, Directory.GetDirectories);

    /// <summary>The names of tars without what is behind them: <c>x.2.tar</c> is one of x.</summary>
    private static IEnumerable<string> Tars(string folder) => Found(folder, f => Directory.GetFiles(f, "*.tar")).Select(t => Path.GetFileName(t).Split('.')[0]);

    private static IEnumerable<string> Found(string folder, Func<string, string[]> find)
    {
        try
        {
            return Directory.Exists(folder) ? find(folder) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static bool IsDay(string path) => ImagePlaces.DateOf(Path.GetFileName(path)) is not null;
}
