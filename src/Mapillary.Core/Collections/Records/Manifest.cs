using System.Text;
using Mapillary.Collections.Files;
using Mapillary.Graph;

namespace Mapillary.Collections.Records;

/// <summary>
/// The list of what is finished, one JSON object a line, appended to as images finish; a later line about an image replaces an
/// earlier one, and one that says <c>removed</c> takes the image out of the list. Lines without an id tell of tars. One that says
/// <c>damaged</c> has a file that is not what it says; the image is fetched again. In memory there is only where each image's line stands, so
/// that a million images cost some 40 MB.
/// </summary>
internal sealed class Manifest : IDisposable
{
    public const string FileName = "manifest.jsonl";

    private readonly JsonLinesWriter _file;
    private readonly ImageIdMap<long> _offsets = new();
    private readonly Dictionary<string, ManifestTar> _tars = new(StringComparer.Ordinal);
    // Where the lines of those files stand that are not named by their images' ids, by keys of their paths.
    private readonly Dictionary<ulong, long> _pathOffsets = [];
    private readonly HashSet<string> _folders = new(StringComparer.Ordinal);
    private string _lastFolder = "";
    // The images whose files a run was replacing when it died.
    private readonly HashSet<string> _pending = new(StringComparer.Ordinal);

    private readonly HashSet<string> _damaged = new(StringComparer.Ordinal);

    private int _brokenLines;
    private bool _hasEntries;

    private Manifest(JsonLinesWriter file) => _file = file;

    /// <summary>Whether nothing was written since it was compressed.</summary>
    public bool IsUnchanged => _file.IsUnchanged;

    /// <summary>How many images are finished, and not known to be damaged.</summary>
    public int Count => _offsets.Count - _damaged.Count;

    /// <summary>Whether there are files that are known to be damaged.</summary>
    public bool HasDamaged => _damaged.Count > 0;

    /// <summary>Whether an image is finished, and not known to be damaged.</summary>
    public bool IsFinished(ImageKey id) => _offsets.TryGetValue(id, out _) && (_damaged.Count == 0 || !_damaged.Contains(id.ToString()));

    /// <summary>Opens a collection's manifest, or begins one.</summary>
    public static Manifest Open(string collectionPath, IRunLog log)
    {
        var manifest = new Manifest(JsonLinesWriter.Open(Path.Combine(collectionPath, FileName)));
        try
        {
            manifest.Index(log);
            // A lost line costs an image that is fetched again. But where no line can be read, the file is something else, or of a
            // later version, and what is written now must not take its place.
            if (manifest is { _brokenLines: > 0, _hasEntries: false })
            {
                throw new InvalidDataException($"'{manifest._file.Path}' holds no manifest entry and was left unchanged. Move it away, and the next run downloads the images again.")
                    .With(Advice.RepairCollection);
            }

            var folder = new CollectionFolder(collectionPath);
            foreach (var id in manifest._pending) Replacement.TakeUp(manifest, folder, manifest.Find(id)!, log);
            return manifest;
        }
        catch
        {
            manifest.Dispose();
            throw;
        }
    }

    /// <summary>The images that are finished by a manifest, which is only read, and not known to be damaged.</summary>
    public static ImageIdSet ReadIds(string path, Action<int> brokenLine, CancellationToken cancellationToken)
    {
        var ids = new ImageIdSet();
        foreach (var line in ReadLines(path, brokenLine, cancellationToken))
        {
            if (line.Entry is { IsDamaged: false }) ids.Add(line.Id!);
            else if (line.Id is not null) ids.Remove(line.Id);
        }

        return ids;
    }

    /// <summary>
    /// The entries of a manifest, which is only read: the last of each image. It is gone through twice, so that all that is kept in
    /// memory meanwhile is a number an image.
    /// </summary>
    public static IEnumerable<ManifestEntry> ReadEntries(string path, Action<int> brokenLine, CancellationToken cancellationToken)
    {
        var last = new ImageIdMap<int>();
        var number = 0;
        foreach (var line in ReadLines(path, brokenLine, cancellationToken))
        {
            number++;
            if (line.Entry is not null) last[line.Id!] = number;
            else if (line.Id is not null) last.Remove(line.Id);
        }

        number = 0;
        foreach (var line in ReadLines(path, _ => { }, cancellationToken))
        {
            number++;
            if (line.Entry is not null && last.GetValueOrDefault(line.Id!) == number) yield return line.Entry;
        }
    }

    /// <summary>Writes a manifest anew, whole or not at all.</summary>
    public static void Write(CollectionFolder folder, IEnumerable<ManifestTar> tars, IEnumerable<ManifestEntry> entries) => WholeFile.Write(folder, FileName, stream =>
    {
        foreach (var tar in tars.OrderBy(t => t.Name, StringComparer.Ordinal)) stream.Write(ManifestLine.Of(tar));
        foreach (var entry in entries) stream.Write(ManifestLine.Of(entry));
    });

    /// <summary>The tars of a manifest, by their names; it is only read.</summary>
    public static Dictionary<string, ManifestTar> ReadTars(string path, CancellationToken cancellationToken)
    {
        var tars = new Dictionary<string, ManifestTar>(StringComparer.Ordinal);
        foreach (var line in ReadLines(path, _ => { }, cancellationToken))
        {
            if (line.Tar is { } tar) tars[tar.Name] = tar;
        }

        return tars;
    }

    public ManifestEntry? Find(string id) => _offsets.TryGetValue(id, out var offset) ? ReadAt(offset) : null;

    /// <summary>The entry of the image whose file has this path in the collection. Its name holds its id mostly, but not in every layout, and not a long one.</summary>
    public ManifestEntry? FindByPath(string path)
    {
        if (Find(SafeName.Decode(Path.GetFileNameWithoutExtension(path))) is { } named && named.Path == path) return named;
        // The line may be one that a later line about its image replaced.
        return _pathOffsets.TryGetValue(TextKey.Of(path), out var offset)
            && ReadAt(offset) is { } entry && entry.Path == path && _offsets.TryGetValue(entry.Id, out var last) && last == offset ? entry : null;
    }

    /// <summary>The entries of all images, as they are at the beginning; others may be appended meanwhile.</summary>
    public IEnumerable<ManifestEntry> Entries() => _offsets.Values.ToList().Select(ReadAt).OfType<ManifestEntry>();

    /// <summary>The folders of the collection in which images lie, or lay before they went into tars.</summary>
    public IReadOnlySet<string> Folders => _folders;

    public void Append(ManifestEntry entry)
    {
        var offset = _file.Position;
        _file.Write(ManifestLine.Of(entry));
        Note(entry, offset);
    }

    /// <summary>Notes a tar, before the images that are in it say so.</summary>
    public void Append(ManifestTar tar)
    {
        _file.Write(ManifestLine.Of(tar));
        _tars[tar.Name] = tar;
    }

    /// <summary>Whether a tar was noted.</summary>
    public bool HasTar(string name) => _tars.ContainsKey(name);

    /// <summary>Takes an image out of the list, because it is not there any more.</summary>
    public void Remove(string id)
    {
        if (!_offsets.Contains(id)) return;
        _file.Write(ManifestLine.OfRemoved(id));
        Forget(id);
    }

    /// <summary>Waits until everything is on the disk itself.</summary>
    public void Flush() => _file.Flush();

    /// <summary>Closes the manifest and compresses it: the tars, and the last line of each image, in the order of their names and ids.</summary>
    public void Compress()
    {
        var tars = _tars.Values.OrderBy(t => t.Name, StringComparer.Ordinal).Select(t => Encoding.UTF8.GetString(ManifestLine.Of(t)).TrimEnd('\n'));
        _file.Compress(_ => tars.Concat(_offsets.ValuesInOrder.Select(offset => Encoding.UTF8.GetString(LineAt(offset)))));
    }

    public void Dispose() => _file.Dispose();

    /// <summary>The lines of a manifest, which is only read, in one pass. A later line about an image replaces an earlier one.</summary>
    /// <param name="path">The manifest; compressed when it ends in <c>.gz</c>.</param>
    /// <param name="brokenLine">Told the number of each line that says nothing.</param>
    /// <param name="cancellationToken">Stops between two lines.</param>
    /// <exception cref="InvalidDataException">It is damaged or cut, or no manifest.</exception>
    public static IEnumerable<ManifestLine> ReadLines(string path, Action<int> brokenLine, CancellationToken cancellationToken)
    {
        int number = 0, broken = 0;
        foreach (var line in JsonLines.Read(path))
        {
            cancellationToken.ThrowIfCancellationRequested();
            number++;
            if (line.Length == 0) continue;
            if (ManifestLine.Parse(Encoding.UTF8.GetBytes(line)) is { } parsed)
            {
                yield return parsed;
                continue;
            }

            if (++broken > JsonLines.MostBrokenLines) throw JsonLines.TooManyBroken(path);
            brokenLine(number);
        }

        ReadingPass.End(path);
    }

    private void Index(IRunLog log) => ForEachLine(
        (line, offset) =>
        {
            _hasEntries = true;
            if (line.Tar is { } tar)
            {
                _tars[tar.Name] = tar;
                return;
            }

            if (line.Entry is { } entry) Note(entry, offset);
            else Forget(line.Id!);
            if (line.Entry is { IsPending: true }) _pending.Add(line.Id!);
            else if (_pending.Count > 0) _pending.Remove(line.Id!);
        },
        offset =>
        {
            if (++_brokenLines > JsonLines.MostBrokenLines) throw JsonLines.TooManyBroken(_file.Path);
            log.Warn($"{_file.Path}: a line at byte {offset} is not an entry and was skipped; its image will be fetched again.");
        });

    /// <summary>Goes through all lines, each with the place where it stands.</summary>
    private void ForEachLine(Action<ManifestLine, long> read, Action<long> brokenLine)
    {
        var chunk = new byte[1 << 16];
        var offset = 0L;
        // Of each chunk the whole lines; what is left of the last one comes again with the next.
        for (int length; (length = RandomAccess.Read(_file.Handle, chunk, offset)) > 0;)
        {
            var lines = chunk.AsSpan(0, length);
            if (lines.IndexOf((byte)'\n') < 0)
            {
                if (length < chunk.Length) break;
                if (length > JsonLines.LongestLine) throw JsonLines.TooLong(_file.Path, FormattableString.Invariant($"at byte {offset}"));
                Array.Resize(ref chunk, chunk.Length * 2);
                continue;
            }

            for (int end; (end = lines.IndexOf((byte)'\n')) >= 0; lines = lines[(end + 1)..], offset += end + 1)
            {
                if (ManifestLine.Parse(lines[..end]) is { } line) read(line, offset);
                else if (end > 0) brokenLine(offset);
            }
        }

        ReadingPass.End(_file.Path);
    }

    private byte[] LineAt(long offset)
    {
        var buffer = new byte[512];
        for (var length = 0; ;)
        {
            var read = RandomAccess.Read(_file.Handle, buffer.AsSpan(length), offset + length);
            var end = buffer.AsSpan(length, read).IndexOf((byte)'\n');
            if (end >= 0) return buffer[..(length + end)];
            if (read == 0) throw new InvalidDataException($"{_file.Path} ends within a line; another program changed it.");
            length += read;
            if (length > 2 * JsonLines.LongestLine) throw JsonLines.TooLong(_file.Path, FormattableString.Invariant($"at byte {offset}"));
            if (length == buffer.Length) Array.Resize(ref buffer, length * 2);
        }
    }

    private ManifestEntry? ReadAt(long offset) => ManifestLine.Parse(LineAt(offset))?.Entry;

    private void Note(ManifestEntry entry, long offset)
    {
        _offsets[entry.Id] = offset;
        if (entry.IsDamaged) _damaged.Add(entry.Id);
        else if (_damaged.Count > 0) _damaged.Remove(entry.Id);
        if (SafeName.Decode(Path.GetFileNameWithoutExtension(entry.Path)) != entry.Id) _pathOffsets[TextKey.Of(entry.Path)] = offset;
        // Mostly that of the image before.
        if (entry.Path.IndexOf('/', StringComparison.Ordinal) is > 0 and var slash && !entry.Path.AsSpan(0, slash).SequenceEqual(_lastFolder))
            _folders.Add(_lastFolder = entry.Path[..slash]);
    }

    private void Forget(string id)
    {
        _damaged.Remove(id);
        _offsets.Remove(id);
    }
}
