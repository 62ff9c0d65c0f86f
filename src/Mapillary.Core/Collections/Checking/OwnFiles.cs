using System.Text;
using Mapillary.Collections.Files;
using Mapillary.Collections.Places;
using Mapillary.Collections.Records;
using Mapillary.Graph;

namespace Mapillary.Collections.Checking;

/// <summary>
/// A collection's state, manifest, listing and list of failures: looked at, and made again where they are lost; see <see cref="CollectionRepair"/>.
/// </summary>
internal sealed class OwnFiles
{
    private const string Missing = "is missing";

    private readonly CollectionFolder _folder;
    private readonly CollectionName? _name;
    private CollectionState? _state;
    private Dictionary<string, FailedEntry> _failed = [];
    private int _images;
    private int _records;
    private readonly List<string> _setAside = [];

    private OwnFiles(CollectionFolder folder) =>
        (_folder, _name) = (folder, CollectionName.TryParse(Path.GetFileName(folder.Path)));

    /// <summary>What has to be made again, with what is the matter with it.</summary>
    public List<CollectionFinding> Faults { get; } = [];

    /// <summary>Looks at the files. Nothing is written.</summary>
    /// <exception cref="CollectionException">
    /// It is no collection, does not tell any more whose, or a file is a link or of a later version.
    /// </exception>
    public static OwnFiles Look(CollectionFolder folder, CancellationToken cancellationToken)
    {
        var files = new OwnFiles(folder);
        files.LookAtState();
        files.LookAtManifest(cancellationToken);
        files.LookAtRecords(cancellationToken);
        files.LookAtFailures();
        return files;
    }

    /// <summary>The result for a collection that nothing is the matter with.</summary>
    public RepairResult Result() => new() { Path = _folder.Path, Images = _images, Records = _records };

    /// <summary>Makes again what is lost. The lock of the collection must be held.</summary>
    public RepairResult Repair(IProgress<CheckProgress>? progress, IRunLog log, CancellationToken cancellationToken)
    {
        if (Faults.Count == 0) return Result();
        var (manifest, records) = (FaultOf(Manifest.FileName), FaultOf(ImageRecords.FileName));
        var withoutRecord = new ImageIdSet();
        RebuiltManifest? rebuilt = null;
        if (records is not null) WholeFile.Write(_folder, ImageRecords.FileName, Rebuild);
        else if (manifest is not null) Rebuild(listing: null);
        if (FaultOf(FailedEntry.FileName) is not null) PutAside(FailedEntry.FileName);

        // What is there now; only the state may still say otherwise.
        var now = Look(_folder, cancellationToken);
        var state = StateNow(now, records is not null);
        if (state != _state)
        {
            PutAside(FaultOf(CollectionState.FileName) is null ? null : CollectionState.FileName);
            (state with { Updated = DateTimeOffset.UtcNow, Tool = Product.Name }).Write(_folder.Path);
        }

        if (state.Complete) Pack(manifest is not null, records is not null, log);
        var unknown = UnknownNow(rebuilt, withoutRecord.Count).ToList();
        foreach (var fault in Faults) log.Say($"'{_folder.PathOf(fault.Path)}' {fault.Reason}; it was made again.");
        foreach (var sentence in unknown) log.Warn(sentence);
        return now.Result() with { Faults = Faults, SetAside = _setAside, LeftOut = rebuilt?.LeftOut ?? [], Unknown = unknown };

        void Rebuild(Stream? listing)
        {
            var listed = new ImageIdSet();
            if (listing is not null)
            {
                foreach (var (id, line) in RecordsLeft(cancellationToken))
                {
                    if (listed.Add(id)) WriteLine(listing, line);
                }
            }

            rebuilt = new RebuiltManifest(_folder, log, (id, record) =>
            {
                if (listing is null || listed.Contains(id)) return;
                if (record is null)
                {
                    withoutRecord.Add(id);
                    return;
                }

                listed.Add(id);
                withoutRecord.Remove(id);
                WriteLine(listing, record.Json);
            });
            rebuilt.Read(progress, cancellationToken);
            if (rebuilt.Count == 0 && Faults.Count(f => f.Reason == Missing) == 3)
            {
                throw new CollectionException(
                    CollectionFault.Mismatch, _folder.Path,
                    $"'{_folder.Path}' holds no picture that says which image it is, and none of the files of a collection. Nothing was written.");
            }

            if (manifest is not null)
            {
                rebuilt.Keep(EntriesLeft(cancellationToken));
                PutAside(Collection.At(_folder.Path).ManifestPath);
                rebuilt.Write();
            }

            // Its new file gets the name next.
            if (listing is not null) PutAside(Collection.At(_folder.Path).ListingPath);
        }
    }

    private CollectionFinding? FaultOf(string name) => Faults.Find(f => f.Path == name);

    private void LookAtState()
    {
        try
        {
            _state = CollectionState.Read(_folder.Path);
            if (_state is not null) return;
            Faults.Add(new CollectionFinding(CollectionState.FileName, null, Missing));
        }
        catch (InvalidDataException)
        {
            Faults.Add(new CollectionFinding(CollectionState.FileName, null, "is damaged"));
        }

        if (_name is not null) return;
        throw new CollectionException(CollectionFault.Mismatch, _folder.Path, Collection.At(_folder.Path).IsThere
            ? $"'{_folder.Path}' has lost its {CollectionState.FileName}, and the folder's name does not say whose images these are, "
                + "and in which quality. Nothing was changed. Give the folder its name back, such as mapillary-anna-original, and repair it then."
            : $"'{_folder.Path}' is no collection: it is not named as one, and has none of the files of one.");
    }

    private void LookAtManifest(CancellationToken cancellationToken)
    {
        LookAt(Manifest.FileName, (path, brokenLine) =>
        {
            _images = Manifest.ReadIds(path, _ => brokenLine(), cancellationToken).Count;
            if (_images >= (_state?.Images ?? 1)) return null;
            return $"has {Amount.Of(_images, "image")}{OfSaid(_state?.Images)}";
        });
    }

    private void LookAtRecords(CancellationToken cancellationToken)
    {
        LookAt(ImageRecords.FileName, (path, brokenLine) =>
        {
            var listed = new ImageIdSet();
            foreach (var image in ImageRecords.Read(path, new BrokenLines(brokenLine)))
            {
                cancellationToken.ThrowIfCancellationRequested();
                listed.Add(image.Id);
            }

            _records = listed.Count;
            if (_records >= (_state?.Listed ?? 1)) return null;
            return $"has {Amount.Of(_records, "record")}{OfSaid(_state?.Listed)}";
        });
    }

    private static string OfSaid(long? said) => said is { } number ? $" of {Amount.Of(number)}" : "";

    /// <summary>Looks at a file of lines, which is plain or packed.</summary>
    /// <param name="name">Its plain name.</param>
    /// <param name="read">Reads it, tells each line that is none, and says what else is the matter.</param>
    private void LookAt(string name, Func<string, Action, string?> read)
    {
        string? fault;
        if (JsonLines.Find(_folder.PathOf(name)) is not { } path)
        {
            fault = Missing;
        }
        else
        {
            var broken = 0;
            try
            {
                fault = read(path, () => broken++);
                // A run that died may have left half of its last line, which the next one takes away.
                if (broken > 0 && !EndsInLine(path)) broken--;
                if (broken > 0) fault = $"has {Amount.Of(broken, "line that is no entry", "lines that are no entries")}";
            }
            catch (InvalidDataException)
            {
                fault = "is damaged, or something else";
            }
        }

        if (fault is not null) Faults.Add(new CollectionFinding(name, null, fault));
    }

    private void LookAtFailures()
    {
        try
        {
            _failed = FailedEntry.ReadAll(_folder.PathOf(FailedEntry.FileName), SilentLog.Instance);
        }
        catch (InvalidDataException)
        {
            Faults.Add(new CollectionFinding(FailedEntry.FileName, null, "is damaged, or something else"));
        }
    }

    private bool EndsInLine(string path)
    {
        if (path.EndsWith(JsonLines.Compressed, StringComparison.Ordinal)) return true;
        using var file = _folder.OpenRead(Path.GetFileName(path));
        if (file.Length == 0) return true;
        file.Seek(-1, SeekOrigin.End);
        return file.ReadByte() == '\n';
    }

    /// <summary>The records that can still be read, each with its line to the letter.</summary>
    private IEnumerable<(string Id, string Line)> RecordsLeft(CancellationToken cancellationToken)
    {
        foreach (var line in LinesLeft(ImageRecords.FileName))
        {
            cancellationToken.ThrowIfCancellationRequested();
            string id;
            try
            {
                id = MapillaryImage.Parse(line).Id;
            }
            catch (FormatException)
            {
                continue;
            }

            yield return (id, line);
        }
    }

    /// <summary>The entries that can still be read; none of a file that is something else.</summary>
    private List<ManifestEntry> EntriesLeft(CancellationToken cancellationToken)
    {
        var entries = new List<ManifestEntry>();
        foreach (var path in PathsOf(Manifest.FileName))
        {
            try
            {
                entries.AddRange(Manifest.ReadEntries(path, _ => { }, cancellationToken));
            }
            catch (InvalidDataException)
            {
                // That was told.
            }
        }

        return entries;
    }

    /// <summary>The lines of a file up to where it cannot be read any more.</summary>
    private IEnumerable<string> LinesLeft(string name)
    {
        foreach (var path in PathsOf(name))
        {
            using var lines = JsonLines.Read(path).GetEnumerator();
            while (HasNext(lines)) yield return lines.Current;
        }

        static bool HasNext(IEnumerator<string> lines)
        {
            try
            {
                return lines.MoveNext();
            }
            catch (InvalidDataException)
            {
                return false;
            }
        }
    }

    /// <summary>
    /// The packed and the plain file, where they are there. A run that died while it made one of the other leaves both; the plain one is later.
    /// </summary>
    private IEnumerable<string> PathsOf(string name) =>
        new[] { name + JsonLines.Compressed, name }.Where(_folder.Has).Select(_folder.PathOf);

    private void PutAside(string? path)
    {
        if (path is null || !_folder.Has(Path.GetFileName(path))) return;
        _setAside.Add(CollectionRepair.SetAside(_folder, Path.GetFileName(path)));
    }

    private CollectionState StateNow(OwnFiles now, bool areRecordsNew)
    {
        var state = _state ?? CollectionState.Of(_name!) with { CreatorId = Collection.At(_folder.Path).FindCreatorIdInRecords() };
        return state with
        {
            Listed = now._records,
            Images = now._images,
            Unavailable = now._failed.Values.Count(f => f.Status == SavedImageStatus.Unavailable),
            Failed = now._failed.Values.Count(f => f.Status == SavedImageStatus.Failed),
            Complete = state.Complete && now._records >= state.Listed && now._images >= state.Images,
            // A cursor is one of the records before it.
            Cursor = areRecordsNew ? null : state.Cursor,
        };
    }

    /// <summary>Packs what a complete collection has packed.</summary>
    private void Pack(bool isManifestNew, bool areRecordsNew, IRunLog log)
    {
        if (areRecordsNew)
        {
            using var records = JsonLinesWriter.Open(_folder.PathOf(ImageRecords.FileName));
            records.Compress(lines => lines.Where(l => l.Length > 0).Select(ImageRecords.WithoutSignedAddresses));
        }

        if (!isManifestNew) return;
        using var manifest = Manifest.Open(_folder.Path, log);
        manifest.Compress();
    }

    private IEnumerable<string> UnknownNow(RebuiltManifest? rebuilt, int withoutRecord)
    {
        if (FaultOf(CollectionState.FileName) is not null)
        {
            yield return $"'{_folder.Path}': whether all images were listed, and whether they were limited to an area or are one shard, "
                + "is not known any more. It counts as a selection that is limited to nothing.";
            if (!_name!.Form.IsConversion)
                yield return $"'{_folder.Path}': whether its pictures were compressed again is not known any more. They count as served.";
        }

        if (FaultOf(Manifest.FileName) is not null)
        {
            yield return $"'{_folder.Path}': the manifest was made of the files that are there, {Amount.Of(rebuilt!.Count, "image")}. "
                + "With which options they were made, which were doubtful, and whether other images were there is not known any more. "
                + "Their hashes are those of the files as they are now.";
        }

        if (FaultOf(ImageRecords.FileName) is null) yield break;
        yield return $"'{_folder.Path}': records were taken from the pictures, in another order and without what the pictures do not hold. "
            + "Those of images that are not here, as images that failed, are not known any more.";
        if (withoutRecord == 0) yield break;
        yield return $"'{_folder.Path}': {Amount.Of(withoutRecord, "picture holds", "pictures hold")} no record of their image; the listing lacks these.";
    }

    private static void WriteLine(Stream listing, string record) => listing.Write(Encoding.UTF8.GetBytes(record + "\n"));

    /// <summary>A log that only hears of lines that are none.</summary>
    private sealed class BrokenLines(Action broken) : IRunLog
    {
        public void Say(string message)
        {
        }

        public void Warn(string message) => broken();
    }
}
