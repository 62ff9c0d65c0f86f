using Mapillary.Graph;

namespace Mapillary.Collections.Records;

/// <summary>
/// What of a collection's listing is kept in memory: of each image when it was captured and by whom, a million of them in some 30 MB. Of
/// records of the same image the first counts.
/// </summary>
internal sealed class ListingIndex
{
    private readonly ImageIdMap<Note> _images = new();
    private readonly List<string> _authors = [];
    private readonly Dictionary<string, int> _authorNumbers = new(StringComparer.Ordinal);

    /// <summary>How many images are listed, each counted once.</summary>
    public int Count => _images.Count;

    /// <summary>The listed images, in the order of the listing.</summary>
    public IEnumerable<ImageKey> Ids => _images.Select(i => i.Key);

    /// <summary>Reads a listing, in one pass.</summary>
    /// <inheritdoc cref="ImageRecords.Read"/>
    public static ListingIndex Read(string path, IRunLog log, CancellationToken cancellationToken)
    {
        var index = new ListingIndex();
        foreach (var image in ImageRecords.Read(path, log))
        {
            cancellationToken.ThrowIfCancellationRequested();
            index.Add(image);
        }

        return index;
    }

    /// <summary>Notes an image.</summary>
    /// <returns>Whether it was not listed yet.</returns>
    public bool Add(MapillaryImage image) => _images.TryAdd(image.Id, new Note(DayOf(image.CapturedAt), NumberOf(image.Creator)));

    /// <summary>Whether an image is listed.</summary>
    public bool Contains(string id) => _images.Contains(id);

    /// <summary>Counts the images that are really there.</summary>
    /// <param name="isFinished">Tells which are; null where all that is listed is to be taken as there.</param>
    /// <param name="finished">How many are, also such as have no record; null for as many as are listed of them.</param>
    public CollectionCensus CensusOf(Func<ImageKey, bool>? isFinished, int? finished)
    {
        int found = 0, dated = 0, misdated = 0;
        var authors = new int[_authors.Count];
        int first = int.MaxValue, last = int.MinValue;
        foreach (var (id, note) in _images)
        {
            if (isFinished?.Invoke(id) == false) continue;
            found++;
            if (note.Author >= 0) authors[note.Author]++;
            if (note.Day == Note.Misdated) misdated++;
            if (note.Day < 0) continue;
            dated++;
            first = Math.Min(first, note.Day);
            last = Math.Max(last, note.Day);
        }

        var images = finished ?? found;
        return new CollectionCensus(
            images, images - dated - misdated, misdated,
            dated == 0 ? null : DateOnly.FromDayNumber(first),
            dated == 0 ? null : DateOnly.FromDayNumber(last))
        {
            Authors = Enumerable.Range(0, authors.Length).Where(a => authors[a] > 0).ToDictionary(a => _authors[a], a => authors[a], StringComparer.Ordinal),
        };
    }

    private static int DayOf(DateTimeOffset? capturedAt) => capturedAt is not { } time ? Note.Undated
        : CaptureTime.IsPossible(time) ? DateOnly.FromDateTime(time.UtcDateTime).DayNumber
        : Note.Misdated;

    private int NumberOf(string? author)
    {
        if (author is not { Length: > 0 }) return Note.NoAuthor;
        if (_authorNumbers.TryGetValue(author, out var number)) return number;
        _authors.Add(author);
        return _authorNumbers[author] = _authors.Count - 1;
    }

    /// <summary>What is kept of an image.</summary>
    /// <param name="Day">The day of capture, in UTC, by its number.</param>
    /// <param name="Author">Who captured it, by its number.</param>
    private readonly record struct Note(int Day, int Author)
    {
        public const int Undated = -1;
        public const int Misdated = -2;
        public const int NoAuthor = -1;
    }
}
