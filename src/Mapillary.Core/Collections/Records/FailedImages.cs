using Mapillary.Collections.Files;

namespace Mapillary.Collections.Records;

/// <summary>
/// What a collection lacks, and why: <c>failed.jsonl</c>, appended to while a run lasts. At its end what is still missing is left in it.
/// </summary>
internal sealed class FailedImages : IDisposable
{
    private readonly CollectionFolder _folder;
    private readonly JsonLinesWriter _file;
    private readonly Dictionary<string, FailedEntry> _entries;

    private FailedImages(CollectionFolder folder, JsonLinesWriter file, IRunLog log) =>
        (_folder, _file, _entries) = (folder, file, FailedEntry.ReadAll(file.Path, log));

    /// <summary>How many images are missing.</summary>
    public int Count => _entries.Count;

    /// <summary>How many of them Mapillary does not have.</summary>
    public int Unavailable => _entries.Values.Count(e => e.Status == SavedImageStatus.Unavailable);

    /// <summary>How many of them it has.</summary>
    public int Failed => _entries.Values.Count(e => e.Status == SavedImageStatus.Failed);

    /// <summary>Opens the list of a collection, or begins one.</summary>
    public static FailedImages Open(CollectionFolder folder, IRunLog log)
    {
        var file = JsonLinesWriter.Open(folder.PathOf(FailedEntry.FileName));
        try
        {
            return new FailedImages(folder, file, log);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>What is said of an image; null where it is not missing.</summary>
    public FailedEntry? Find(string imageId) => _entries.GetValueOrDefault(imageId);

    public void Add(FailedEntry entry)
    {
        _entries[entry.Id] = entry;
        _file.Write(entry.ToLine());
    }

    /// <summary>Notes that an image is missing no more.</summary>
    public void Remove(string imageId) => _entries.Remove(imageId);

    /// <summary>Leaves in the file what is still missing; no file when nothing is. It is closed then.</summary>
    public void Close()
    {
        _file.Dispose();
        if (_entries.Count == 0)
        {
            _folder.Delete(FailedEntry.FileName);
            return;
        }

        WholeFile.Write(_folder, FailedEntry.FileName, stream =>
        {
            foreach (var entry in _entries.Values.OrderBy(e => e.Id, StringComparer.Ordinal)) stream.Write(entry.ToLine());
        });
    }

    public void Dispose() => _file.Dispose();
}
