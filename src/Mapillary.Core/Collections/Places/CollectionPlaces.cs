using Mapillary.Collections.Files;

namespace Mapillary.Collections.Places;

/// <summary>How the pictures of a collection are kept, read off the tars and folders that are there.</summary>
internal sealed class CollectionPlaces
{
    private readonly List<string> _tars;
    private readonly List<string> _folders;
    private readonly CollectionFolder _collection;

    public CollectionPlaces(CollectionFolder collection)
    {
        _collection = collection;
        // x.2.tar is a further tar of x.
        _tars = [.. collection.Files(isDeep: false).Where(f => f.Extension == ".tar").Select(f => f.Name.Split('.')[0])];
        _folders = [.. collection.Folders().Where(f => !f.StartsWith('.'))];
    }

    /// <summary>What goes into one tar; null where there are none.</summary>
    public TarGrouping? Grouping => _tars.Count == 0 ? null : _tars.Exists(IsDay) ? TarGrouping.Date : TarGrouping.Sequence;

    /// <summary>How the pictures are laid out that are in no tar; null where there are none.</summary>
    public CollectionLayout? Layout => _folders.Count == 0 ? null
        : IsDay(_folders[0]) ? CollectionLayout.Date
        : TimePlaces.IsTimeFolder(_folders[0]) ? CollectionLayout.Time
        : CollectionLayout.Sequence;

    /// <summary>All of it in sentences.</summary>
    public IEnumerable<string> Sentences()
    {
        if (_tars.Exists(IsDay)) yield return "Images are bundled in uncompressed tar files by day of capture (UTC).";
        if (_tars.Exists(t => !IsDay(t))) yield return "Images are bundled in uncompressed tar files by sequence.";

        var filled = _folders.Where(f => _collection.Files(f).Any()).ToList();
        if (filled.Exists(IsDay)) yield return "Single images lie in folders by day of capture (UTC) and sequence.";
        if (filled.Exists(f => !IsDay(f))) yield return "Single images lie in folders by sequence.";
    }

    private static bool IsDay(string name) => ImagePlaces.DateOf(name) is not null;
}
