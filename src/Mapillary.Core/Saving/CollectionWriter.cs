using System.Text;
using System.Text.Json;
using Mapillary.Collections;
using Mapillary.Collections.Checking;
using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Collections.Tars;
using Mapillary.Graph;

namespace Mapillary.Saving;

/// <summary>
/// A user's images on disk, opened for writing by this process alone: the listing, the manifest of what is finished, the list of
/// what failed, and the files. Any number of threads may use it at once.
/// </summary>
public sealed class CollectionWriter : IDisposable
{
    private readonly object _gate = new();
    private readonly CollectionLock _lock;
    private readonly IRunLog _log;
    private readonly JsonLinesWriter _records;
    private readonly Manifest _manifest;
    private readonly ImagePlaces _places;
    private readonly ListingIndex _listed = new();
    private readonly FailedImages _failed;
    private readonly RunLogFile? _runLog;
    private CollectionState _state;
    private readonly CollectionState _before;
    // Where files lay that were replaced by others elsewhere. Their folders go at the end, when nobody writes into them any more.
    private readonly HashSet<string> _left = new(StringComparer.Ordinal);
    // What users' records are named by, other than the collection's.
    private readonly HashSet<string> _namesSaid = new(StringComparer.Ordinal);
    // Of images that somebody chose, those in the area that the collection is limited to leave it as it is.
    private ImageFilter? _area;
    // The listings that images came from, and how many of each.
    private readonly Dictionary<ListingSource, long> _sources = [];
    private readonly bool _isOfAll;
    private bool _hasSaved;
    private bool _closed;

    private CollectionWriter(string path, CollectionState state, CollectionLayout layout, AccountListing? listing, CollectionLock @lock, IRunLog log, bool keepsRunLog)
    {
        Path = path;
        Folder = new CollectionFolder(path);
        _before = state;
        _isOfAll = listing is not null;
        var area = listing is null ? state.Area : listing.Area;
        if (listing is null && area is not null) _area = new ImageFilter { BoundingBox = area };
        // A cursor is one of the listing that gave it.
        _state = state with { BoundingBox = area?.ToString(), Cursor = area == state.Area ? state.Cursor : null, Complete = false, Stopped = null, ListedToEnd = listing is null ? state.ListedToEnd : false };
        _lock = @lock;
        _log = log;
        _runLog = keepsRunLog ? new RunLogFile(SilentLog.Instance, System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path)) ?? path) : null;
        try
        {
            _records = JsonLinesWriter.Open(System.IO.Path.Combine(path, ImageRecords.FileName));
            _failed = FailedImages.Open(Folder, log);
            _manifest = Manifest.Open(path, log);
            _places = new ImagePlaces(path, layout, _manifest);
            foreach (var image in ImageRecords.Read(_records.Path, log))
            {
                _listed.Add(image);
                _places.Recall(image);
                // A run that died may have kept the record and not the number.
                if (_state.CreatorId is null && image.CreatorId is { } id) _state = _state with { CreatorId = id };
            }
        }
        catch
        {
            _manifest?.Dispose();
            _failed?.Dispose();
            _records?.Dispose();
            throw;
        }

        ListedBefore = _listed.Count;
        if (_listed.Count >= state.Listed) return;
        // Going on behind records that are lost would leave them out for ever.
        _state = _state with { Cursor = null };
        log.Warn($"'{_records.Path}' has {Amount.Of(_listed.Count, "record")} of {Amount.Of(state.Listed)}; the others were lost, and are asked for again.");
    }

    /// <summary>The collection's folder.</summary>
    public string Path { get; }

    /// <summary>Its files.</summary>
    internal CollectionFolder Folder { get; }

    /// <summary>How many images earlier runs listed.</summary>
    public long ListedBefore { get; }

    /// <summary>What the collection is and how far it has come, as it was written last; at the end that is how it ended.</summary>
    public CollectionState State
    {
        get
        {
            lock (_gate) return _state;
        }
    }

    /// <summary>Whether it was complete, and the run that completed it again found nothing new; its files are then what they were.</summary>
    public bool IsUnchanged { get; private set; }

    /// <summary>Whether images failed so far that Mapillary has.</summary>
    public bool HasFailed
    {
        get
        {
            lock (_gate) return _failed.Failed > 0;
        }
    }

    /// <summary>Opens a collection for writing; makes it where there is none.</summary>
    /// <param name="path">Its folder.</param>
    /// <param name="name">Whose images, in which form.</param>
    /// <param name="layout">How new images are laid out; those that are there stay where they are.</param>
    /// <param name="listing">The listing that the images to come are all of; null for images that somebody chose.</param>
    /// <param name="log">Told what is repaired.</param>
    /// <param name="keepsRunLog">Whether a run that changes something leaves a log of its own there.</param>
    /// <param name="cancellationToken">Stops where files have to be read first.</param>
    /// <exception cref="CollectionException">
    /// It cannot be written, is in use, is another user's, of another area, or one shard of them where all were asked for, or its pictures are in another form.
    /// </exception>
    public static CollectionWriter Open(string path, CollectionName name, CollectionLayout layout, AccountListing? listing, IRunLog log, bool keepsRunLog = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(name);
        path = System.IO.Path.GetFullPath(path);
        CollectionLock? taken = null;
        CollectionWriter? collection = null;
        try
        {
            new CollectionFolder(path).Make();
            taken = CollectionLock.Take(path, log);
            CollectionRepair.Mend(path, name, listing, log, cancellationToken);
            collection = new CollectionWriter(path, new WantedCollection(name, listing).ReadState(path), layout, listing, taken, log, keepsRunLog);
            if (taken.FollowsPowerCut) collection.LookAtPictures(cancellationToken);
            collection.WriteState();
            return collection;
        }
        catch (Exception e)
        {
            collection?.CloseFiles();
            taken?.Dispose();
            if (e is InvalidDataException) throw new CollectionException(CollectionFault.Mismatch, path, e.Message, e) { Advice = e.AdviceOf() };
            if (e is IOException or UnauthorizedAccessException) throw CollectionException.NotWritable(path, e);
            throw;
        }
    }

    /// <summary>
    /// Reads what earlier runs saved and is in no tar yet, and marks what is not what the manifest says: a power cut leaves files that have their
    /// names and lengths and hold nothing.
    /// </summary>
    private void LookAtPictures(CancellationToken cancellationToken)
    {
        _log.Warn($"The last run that wrote '{Path}' died, and the machine was begun anew since, or it was another one. The files that it saved are read first.");
        foreach (var entry in _manifest.Entries().Where(e => e is { Tar: null, IsDamaged: false }))
        {
            cancellationToken.ThrowIfCancellationRequested();
            // What is gone, or has another length, is found by itself.
            if (CollectionFiles.FindPlace(Path, entry.Path) is not { } place || Folder.FindLength(place) != entry.Bytes) continue;
            if (TarFile.Differs(Path, place, entry.Sha256)) SequenceTarBundler.NoteDamage(Path, place, _manifest, _log);
        }

        _manifest.Flush();
        _lock.NoteLookedAt();
    }

    /// <summary>Adds an image to the listing, once, and gives it its place. To be called in the order of the listing.</summary>
    /// <returns>Where its file belongs, in the collection, with <c>/</c> on every system and without extension.</returns>
    public string List(MapillaryImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        lock (_gate)
        {
            NoteOrigin(image);
            if (!_listed.Contains(image.Id))
            {
                var record = RecordOf(image);
                _listed.Add(record == image.Json ? image : new MapillaryImage { Id = image.Id });
                if (_area?.Wants(image) == false) LeaveArea();
                NoteCreator(image);
                // The record goes on one line; the API sends no line breaks, but a listing made by someone else may hold some.
                _records.Write(Encoding.UTF8.GetBytes(record.ReplaceLineEndings(" ") + "\n"));
            }

            return _places.Of(image);
        }
    }

    /// <summary>
    /// Keeps which shard of the user's images the collection is, and refuses what is of another one: a picture that two shards hold, or
    /// none, would be noticed by nobody.
    /// </summary>
    /// <exception cref="CollectionException">The image belongs to another shard.</exception>
    private void NoteOrigin(MapillaryImage image)
    {
        var source = image.Origin.Listing;
        var (own, offered) = (_state.Part, source?.Shard);
        if (own is not null && offered is not null && own != offered) throw WantedCollection.OfOtherShard(Path, _state, $"these images are shard {offered}");
        if (own is not null && offered is null && !own.Has(image)) throw WantedCollection.OfOtherShard(Path, _state, $"image {image.Id} is not in that shard");
        if (source is null) return;
        var isNew = !_sources.TryGetValue(source, out var arrived);
        _sources[source] = arrived + 1;
        if (!isNew) return;
        if (own is null && offered is not null && MayBecome(offered)) _state = _state with { Shard = offered.ToString() };
        _state = _state with { ListedToEnd = false };
        WriteState();
    }

    /// <summary>Whether the collection is this shard from now on. One of the whole account, or of what somebody chose, stays what it is.</summary>
    private bool MayBecome(Shard shard)
    {
        if (_listed.Count == 0) return true;
        // An earlier version did not note the shard.
        if (_before is not { Complete: false, ListedToEnd: null }) return false;
        _records.Flush();
        return ImageRecords.Read(_records.Path, _log).All(shard.Has);
    }

    /// <summary>
    /// Keeps the number of the user whose collection this is, and says where a record names another user, or the same one in another way.
    /// </summary>
    private void NoteCreator(MapillaryImage image)
    {
        if (image.CreatorId is not { } id || _state.AreaName is not null) return;
        if (_state.CreatorId is null) _state = _state with { CreatorId = id };
        if (image.Creator is not { } name || (name == _state.User && id == _state.CreatorId) || !_namesSaid.Add(name)) return;
        if (id != _state.CreatorId)
            _log.Warn($"The images for '{Path}' hold some of another user, '{name}' (number {id}); they are saved too, and name their own user.");
        else if (name.Equals(_state.User, StringComparison.OrdinalIgnoreCase))
            _log.Say($"Mapillary writes the user '{_state.User}' as '{name}'.");
        else
            _log.Warn($"User '{_state.User}' is called '{name}' at Mapillary now; '{Path}' keeps its name.");
    }

    /// <summary>
    /// Notes that the collection is not limited to its area any more, before it holds anything else. All of the user's images it does not
    /// hold for that: it is a selection from now on.
    /// </summary>
    private void LeaveArea()
    {
        _log.Warn($"'{Path}' was limited to the area {_state.BoundingBox}; it is not any more, for an image outside of it was added.");
        _area = null;
        _state = _state with { BoundingBox = null, Cursor = null };
        WriteState();
    }

    /// <summary>Notes how far the user's listing was read, after the records up to there.</summary>
    /// <param name="cursor">Where it goes on; null at its end.</param>
    internal void ListedUpTo(string? cursor)
    {
        lock (_gate)
        {
            // A cursor must never be ahead of the records on disk.
            _records.Flush();
            _state = _state with { Cursor = cursor, ListedToEnd = cursor is null };
            WriteState();
        }
    }

    /// <summary>Notes that a stop rule ended the run.</summary>
    internal void Stop(string reason)
    {
        lock (_gate) _state = _state with { Stopped = reason };
    }

    /// <summary>Notes in the run's own log, where it has one, why the run did not come to its end.</summary>
    internal void NoteEnd(Exception e)
    {
        lock (_gate)
        {
            if (_runLog is { IsOpen: true }) _runLog.SayEnd(e);
        }
    }

    /// <summary>The whole path of a file of this collection.</summary>
    internal string FullPath(string place) => Folder.PathOf(place);

    /// <summary>
    /// The image, when it is finished and still there: as a file of the size that the manifest says, or in a tar; else null. A manifest
    /// that someone else wrote may name files outside of the collection; those do not count.
    /// </summary>
    internal ManifestEntry? FindFinished(string imageId)
    {
        ManifestEntry? entry;
        lock (_gate) entry = _manifest.Find(imageId);
        if (entry is null or { IsDamaged: true }) return null;
        if (IsInTar(entry)) return entry;
        return CollectionFiles.FindPlace(Path, entry.Path) is { } place && Folder.FindLength(place) == entry.Bytes ? entry with { Tar = null, Offset = null } : null;
    }

    /// <summary>The images that earlier runs listed, that this one's listing has not brought, and that have not ended yet.</summary>
    /// <param name="brought">The ids of those that it has brought.</param>
    internal IEnumerable<MapillaryImage> ReadOpen(ImageIdSet brought)
    {
        var open = _listed.Ids.Where(id => !brought.Contains(id)).Select(id => id.ToString()).Where(id => !HasEnded(id))
            .ToHashSet(StringComparer.Ordinal);
        // Mostly there are none, and the listing need not be read again.
        return open.Count == 0 ? [] : ImageRecords.Read(_records.Path).Where(image => open.Remove(image.Id));
    }

    /// <summary>Whether nothing is left to do for an image: it is finished and still there, or Mapillary does not have it.</summary>
    private bool HasEnded(string imageId)
    {
        lock (_gate)
        {
            if (_failed.Find(imageId) is { } failed) return failed.Status == SavedImageStatus.Unavailable;
        }

        return FindFinished(imageId) is not null;
    }

    /// <summary>The images listed that are finished, in the order of the listing.</summary>
    internal IEnumerable<MapillaryImage> ReadFinished() => ImageRecords.Read(_records.Path, _log).Where(image => FindFinished(image.Id) is not null);

    /// <summary>Notes that the file of an image is about to get its name; see <see cref="Replacement"/>.</summary>
    /// <returns>The entry to go on with.</returns>
    internal ManifestEntry Begin(ManifestEntry entry)
    {
        lock (_gate) return Replacement.Begin(_manifest, entry);
    }

    /// <summary>Notes that the file did not get its name.</summary>
    internal void Undo(ManifestEntry entry)
    {
        lock (_gate) Replacement.Undo(_manifest, entry, _log);
    }

    /// <summary>Notes that an image is finished; its file must have its final name.</summary>
    internal void Finish(ManifestEntry entry)
    {
        lock (_gate)
        {
            foreach (var copy in entry.Superseded.Where(c => c.Path != entry.Path)) _left.Add(copy.Path);
            entry = Replacement.End(_manifest, Folder, entry, _log);
            _failed.Remove(entry.Id);
            _hasSaved = true;
            Tell()?.Say($"Saved image {entry.Id} as {entry.Path}, {ByteSize.Format(entry.Bytes)}.");
        }
    }

    /// <summary>Notes a tar that is there, once.</summary>
    internal void Note(ManifestTar tar)
    {
        lock (_gate)
        {
            if (!_manifest.HasTar(tar.Name)) _manifest.Append(tar);
        }
    }

    /// <summary>Notes that an image failed or is unavailable. One that an earlier run finished, and that is gone from the disk, counts as finished no more.</summary>
    internal void Fail(FailedEntry entry)
    {
        var isThere = FindFinished(entry.Id) is not null;
        lock (_gate)
        {
            if (isThere || GoBack(entry.Id)) return;
            // What is damaged stays where it is, and stays known to be damaged.
            if (_manifest.Find(entry.Id) is not { IsDamaged: true }) _manifest.Remove(entry.Id);
            _failed.Add(entry);
            Tell()?.Warn(entry.Reason);
        }
    }

    private bool IsInTar(ManifestEntry entry) =>
        entry.Tar is { } tar && CollectionFiles.FindPlace(Path, tar) is { } place && Folder.FindLength(place) is not null;

    /// <summary>Lets an earlier copy in a tar count again, where the file that replaced it is gone.</summary>
    private bool GoBack(string imageId)
    {
        if (_manifest.Find(imageId) is not { } lost) return false;
        if (lost.Superseded.LastOrDefault(IsInTar) is not { } copy) return false;
        _manifest.Append(lost.BackTo(copy));
        _failed.Remove(imageId);
        _log.Warn($"Image {imageId}: '{lost.Path}' is gone; the earlier copy in '{copy.Tar}' counts again.");
        return true;
    }

    /// <summary>The run's own log, begun with what it is to tell first: a run that changes nothing leaves none.</summary>
    private RunLogFile? Tell()
    {
        if (_runLog is not { IsOpen: false }) return _runLog;
        _runLog.OpenFile(Path);
        _runLog.Say($"{Product.Name} saves images of {_state.Owner} in quality {_state.QualityInWords}.");
        return _runLog;
    }

    /// <summary>Bundles what is in no tar yet; see <see cref="SequenceTarBundler"/>. Not while images are being saved.</summary>
    /// <param name="grouping">What goes into one tar.</param>
    /// <param name="cancellationToken">Stops; the tar begun is dropped.</param>
    /// <exception cref="IOException">A tar cannot be written, or does not read back as written.</exception>
    public IEnumerable<SequenceTar> Bundle(TarGrouping grouping, CancellationToken cancellationToken) =>
        SequenceTarBundler.Bundle(Path, pictures: null, _manifest, grouping, keepSource: false, _log, cancellationToken);

    /// <summary>
    /// Ends a run that read the listing to its end. When nothing failed, the collection is complete: the listing loses its signed
    /// addresses, and it and the manifest are compressed.
    /// </summary>
    /// <returns>Whether it is complete.</returns>
    public bool Complete()
    {
        lock (_gate)
        {
            if (_isOfAll) _state = _state with { ListedToEnd = true };
            var failed = _failed.Failed;
            var missing = _listed.Count - _manifest.Count - _failed.Count;
            if (failed > 0 || missing > 0)
            {
                _log.Say($"The collection '{Path}' is not complete: {failed} failed, {Math.Max(0, missing)} not tried.");
                return false;
            }

            _failed.Close();
            IsUnchanged = _before.Complete && _records.IsUnchanged && _manifest.IsUnchanged;
            WriteState(complete: true);
            _records.Compress(lines => lines.Where(l => l.Length > 0).Select(ImageRecords.WithoutSignedAddresses));
            _manifest.Compress();
            _closed = true;
            return true;
        }
    }

    /// <summary>The collection, to be read with what is known of it, so that the listing and the manifest need not be read again.</summary>
    internal Collection ToRead()
    {
        lock (_gate) return Collection.At(Path, _listed.CensusOf(_manifest.IsFinished, _manifest.Count));
    }

    /// <summary>Writes what is to be written and lets the collection go. An error here must not hide the one that ended the run.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            try
            {
                DeleteLeftFolders();
                if (!_isOfAll && _sources.Count > 0) _state = _state with { ListedToEnd = _sources.All(source => source.Key.EndedWith(source.Value)) };
                // What was complete before and lacks nothing now is complete again.
                if (!_closed && !(_before.Complete && _before.Area == _state.Area && _state.Stopped is null && Complete()))
                {
                    _failed.Close();
                    WriteState();
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                _log.Warn($"The state of '{Path}' could not be written: {e.Message} The next run counts again.");
            }
            finally
            {
                _closed = true;
                if (_runLog is { IsOpen: true })
                {
                    _runLog.Say(
                        $"Listed {Amount.Of(_state.Listed)}: {Amount.Of(_state.Images)} are here, {Amount.Of(_state.Unavailable)} unavailable, "
                        + $"{Amount.Of(_state.Failed)} failed{(_state.Stopped is null ? "" : $". Stopped, because {_state.Stopped}")}.");
                    _runLog.Dispose();
                }

                CloseFiles();
                if (_hasSaved) Flush();
                _lock.Dispose();
            }
        }
    }

    /// <summary>Waits until the pictures are on the disk itself: whoever finds the lock let go of takes them for safe.</summary>
    private void Flush()
    {
        try
        {
            Folder.Flush();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _log.Say($"Whether all files of '{Path}' are on the disk itself cannot be told: {e.Message}");
        }
    }

    private void CloseFiles()
    {
        _records.Dispose();
        _failed.Dispose();
        _manifest.Dispose();
    }

    private void DeleteLeftFolders()
    {
        try
        {
            Folder.DeleteEmptyFolders(_left.Select(place => CollectionFiles.FindPlace(Path, place)).OfType<string>());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CollectionException)
        {
            _log.Say($"An empty folder stays in '{Path}': {e.Message}");
        }
    }

    private void WriteState(bool complete = false)
    {
        var now = _state with
        {
            Listed = _listed.Count,
            Images = _manifest.Count,
            Unavailable = _failed.Unavailable,
            Failed = _failed.Failed,
            Complete = complete,
            Updated = DateTimeOffset.UtcNow,
            Tool = Product.Name,
        };
        _state = IsUnchanged && now with { Updated = _before.Updated, Tool = _before.Tool } == _before ? _before : now;
        _state.Write(Path);
    }

    /// <summary>The record as the listing keeps it: to the letter, but for one that is too long to be read again.</summary>
    private string RecordOf(MapillaryImage image)
    {
        if (image.Json.Length <= JsonLines.LongestLine) return image.Json;
        _log.Warn($"The record of image {image.Id} has more than {ByteSize.Format(JsonLines.LongestLine)}; the listing keeps no more of it than the id.");
        return $$"""{"id":{{JsonSerializer.Serialize(image.Id, CollectionJson.Default.String)}}}""";
    }
}
