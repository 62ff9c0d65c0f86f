using System.Formats.Tar;
using System.Security.Cryptography;
using Mapillary.Graph;

namespace Mapillary.Collections;

/// <summary>Something about a collection that is not as it should be.</summary>
/// <param name="Path">The file, in the collection, with <c>/</c> on every system; for an entry of a tar, the tar's name, a colon and the entry's.</param>
/// <param name="ImageId">The image it is about; null where it is about none.</param>
/// <param name="Reason">What is the matter.</param>
public sealed record CollectionFinding(string Path, string? ImageId, string Reason)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Path}: {Reason}";
}

/// <summary>What reading a collection back came to.</summary>
public sealed record CollectionCheck
{
    private const string MetadataFolder = ".meta/";
    private const string Thumbnail = "__ia_thumb__.jpg";
    private const string LogPrefix = "download.log.";

    /// <summary>The collection's folder.</summary>
    public required string Path { get; init; }

    /// <summary>Whether everything that the manifest names is there and the same, and nothing else is.</summary>
    public bool IsIntact => Missing.Count + Changed.Count + Unexpected.Count == 0;

    /// <summary>How many images the manifest names.</summary>
    public required int Images { get; init; }

    /// <summary>How many bytes of pictures were read and hashed.</summary>
    public required long Bytes { get; init; }

    /// <summary>How many images the listing holds that are neither here nor named as not to be had: what a run that did not end has left to do.</summary>
    public required int Pending { get; init; }

    /// <summary>What is not there.</summary>
    public required IReadOnlyList<CollectionFinding> Missing { get; init; }

    /// <summary>What is there, but is not what was written.</summary>
    public required IReadOnlyList<CollectionFinding> Changed { get; init; }

    /// <summary>What nobody knows of.</summary>
    public required IReadOnlyList<CollectionFinding> Unexpected { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{Path}: {(IsIntact ? "intact" : "damaged")}";

    /// <summary>Reads a collection back and hashes every picture, those in tars too, against the manifest. Nothing is written.</summary>
    /// <param name="collectionPath">The collection.</param>
    /// <param name="throttleLimit">The most files read at once.</param>
    /// <param name="progress">Told the bytes read so far; may be null.</param>
    /// <param name="log">Told each file.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <exception cref="CollectionException">It is being written, or is no collection with a manifest.</exception>
    /// <exception cref="InvalidDataException">The manifest or the listing is compressed, and damaged.</exception>
    public static async Task<CollectionCheck> RunAsync(
        string collectionPath, int throttleLimit, IProgress<long>? progress, IRunLog log, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(collectionPath);
        ArgumentNullException.ThrowIfNull(log);
        var root = System.IO.Path.GetFullPath(collectionPath);
        if (JsonLines.Find(System.IO.Path.Combine(root, Manifest.FileName)) is not { } manifestPath)
            throw new CollectionException(CollectionFault.Mismatch, root, $"'{root}' has no manifest to be read against: it is no collection of this module.");
        RefuseWhileWritten(root);

        var findings = new Findings();
        var entries = Manifest.ReadEntries(manifestPath, line => findings.Change(System.IO.Path.GetFileName(manifestPath), null, $"line {line} is no entry"), cancellationToken);
        var (files, tars) = Expected(root, entries.Values, findings);
        FindUnexpected(root, files, tars, findings);

        IEnumerable<Func<CancellationToken, Task<long>>> work =
        [
            .. tars.Select(tar => (Func<CancellationToken, Task<long>>)(ct => CheckTarAsync(root, tar.Key, tar.Value, findings, log, ct))),
            .. files.Values.Select(entry => (Func<CancellationToken, Task<long>>)(ct => CheckFileAsync(root, entry, findings, log, ct))),
        ];
        var bytes = 0L;
        await foreach (var read in work.InParallelAsync(throttleLimit, (check, ct) => check(ct), cancellationToken))
        {
            bytes += read;
            progress?.Report(bytes);
        }

        return new CollectionCheck
        {
            Path = root,
            Images = entries.Count,
            Bytes = bytes,
            Pending = CheckCounts(root, entries, findings, log, cancellationToken),
            Missing = findings.Sorted(findings.Missing),
            Changed = findings.Sorted(findings.Changed),
            Unexpected = findings.Sorted(findings.Unexpected),
        };
    }

    private static void RefuseWhileWritten(string root)
    {
        if (!File.Exists(System.IO.Path.Combine(root, CollectionLock.FileName))) return;
        try
        {
            CollectionLock.Take(root).Dispose();
        }
        catch (CollectionException e) when (e.Fault == CollectionFault.NotWritable)
        {
            // On a disk that cannot be written nobody is writing.
        }
    }

    /// <summary>The files that have to be there by their places, and the tars with what has to be in them.</summary>
    private static (Dictionary<string, ManifestEntry> Files, Dictionary<string, Dictionary<string, ManifestEntry>> Tars) Expected(
        string root, IEnumerable<ManifestEntry> entries, Findings findings)
    {
        var files = new Dictionary<string, ManifestEntry>(StringComparer.Ordinal);
        var tars = new Dictionary<string, Dictionary<string, ManifestEntry>>(StringComparer.Ordinal);
        foreach (var entry in entries)
        {
            if (!IsInside(root, entry.Path) || (entry.Tar is { } name && (!IsInside(root, name) || name.Contains('/', StringComparison.Ordinal))))
            {
                findings.Change(Manifest.FileName, entry.Id, $"names '{entry.Tar ?? entry.Path}', which is outside of the collection");
            }
            else if (entry.Tar is { } tar && File.Exists(System.IO.Path.Combine(root, tar)))
            {
                if (!tars.TryGetValue(tar, out var inside)) tars[tar] = inside = new Dictionary<string, ManifestEntry>(StringComparer.Ordinal);
                inside[entry.Path] = entry;
            }
            else if (entry.Tar is null || File.Exists(System.IO.Path.Combine(root, entry.Path)))
            {
                files[entry.Path] = entry;
            }
            else
            {
                findings.Miss(entry.Path, entry.Id, $"its tar '{entry.Tar}' is not there");
            }
        }

        return (files, tars);
    }

    private static bool IsInside(string root, string place) =>
        !place.Contains('\0', StringComparison.Ordinal)
        && System.IO.Path.GetFullPath(System.IO.Path.Combine(root, place)).StartsWith(root + System.IO.Path.DirectorySeparatorChar, StringComparison.Ordinal);

    private static void FindUnexpected(string root, Dictionary<string, ManifestEntry> files, Dictionary<string, Dictionary<string, ManifestEntry>> tars, Findings findings)
    {
        // Links are told of, not followed.
        var everything = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false };
        var found = new System.IO.Enumeration.FileSystemEnumerable<(string Path, bool IsLink)>(
            root, (ref System.IO.Enumeration.FileSystemEntry e) => (e.ToFullPath(), (e.Attributes & FileAttributes.ReparsePoint) != 0), everything)
        {
            ShouldRecursePredicate = (ref System.IO.Enumeration.FileSystemEntry e) => (e.Attributes & FileAttributes.ReparsePoint) == 0,
            ShouldIncludePredicate = (ref System.IO.Enumeration.FileSystemEntry e) => !e.IsDirectory || (e.Attributes & FileAttributes.ReparsePoint) != 0,
        };
        foreach (var (path, isLink) in found)
        {
            var place = System.IO.Path.GetRelativePath(root, path).Replace('\\', '/');
            if (isLink) findings.Surprise(place, "is a link");
            else if (!files.ContainsKey(place) && !tars.ContainsKey(place) && !IsOfCollection(place)) findings.Surprise(place, "is in no manifest");
        }
    }

    private static bool IsOfCollection(string place) =>
        place is CollectionState.FileName or ImageRecords.FileName or ImageRecords.FileName + ".gz" or Manifest.FileName or Manifest.FileName + ".gz"
            or FailedEntry.FileName or CollectionLock.FileName or Thumbnail
        || place.StartsWith(MetadataFolder, StringComparison.Ordinal)
        || (place.StartsWith(LogPrefix, StringComparison.Ordinal) && !place.Contains('/', StringComparison.Ordinal));

    private static async Task<long> CheckFileAsync(string root, ManifestEntry entry, Findings findings, IRunLog log, CancellationToken cancellationToken)
    {
        var path = System.IO.Path.Combine(root, entry.Path);
        try
        {
            await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan | FileOptions.Asynchronous);
            log.Say($"Reading {path}.");
            await CompareAsync(file, file.Length, entry, entry.Path, findings, cancellationToken);
            return file.Length;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            findings.Miss(entry.Path, entry.Id, "is not there");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            findings.Change(entry.Path, entry.Id, $"cannot be read: {e.Message}");
        }

        return 0;
    }

    private static async Task<long> CheckTarAsync(
        string root, string name, Dictionary<string, ManifestEntry> expected, Findings findings, IRunLog log, CancellationToken cancellationToken)
    {
        var path = System.IO.Path.Combine(root, name);
        var read = 0L;
        log.Say($"Reading {path}.");
        try
        {
            await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 17, FileOptions.SequentialScan | FileOptions.Asynchronous);
            await using var tar = new TarReader(file);
            while (await tar.GetNextEntryAsync(copyData: false, cancellationToken) is { } item)
            {
                var place = $"{name}:{item.Name}";
                if (!expected.Remove(item.Name, out var entry))
                {
                    findings.Surprise(place, "is in no manifest, or twice in the tar");
                    continue;
                }

                await CompareAsync(item.DataStream ?? Stream.Null, item.Length, entry, place, findings, cancellationToken);
                read += item.Length;
            }
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            findings.Change(name, null, $"cannot be read to its end: {e.Message}");
        }

        foreach (var entry in expected.Values) findings.Miss($"{name}:{entry.Path}", entry.Id, "is not in the tar");
        return read;
    }

    private static async Task CompareAsync(Stream content, long length, ManifestEntry entry, string place, Findings findings, CancellationToken cancellationToken)
    {
        if (length != entry.Bytes)
        {
            findings.Change(place, entry.Id, FormattableString.Invariant($"has {length} bytes, not {entry.Bytes}"));
            return;
        }

        var sha256 = Convert.ToHexString(await SHA256.HashDataAsync(content, cancellationToken));
        if (!sha256.Equals(entry.Sha256, StringComparison.OrdinalIgnoreCase)) findings.Change(place, entry.Id, "has another content: its SHA-256 differs");
    }

    /// <summary>Holds the listing and the state against the manifest.</summary>
    /// <returns>How many listed images are neither here nor named as not to be had.</returns>
    private static int CheckCounts(string root, Dictionary<string, ManifestEntry> entries, Findings findings, IRunLog log, CancellationToken cancellationToken)
    {
        var failed = FailedEntry.ReadAll(System.IO.Path.Combine(root, FailedEntry.FileName), log);
        var state = CollectionState.Read(root);
        var pending = new ImageIdSet();
        if (ImageRecords.FindIn(root) is { } listing)
        {
            foreach (var image in ImageRecords.Read(listing, log))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (entries.ContainsKey(image.Id) || failed.ContainsKey(image.Id) || !pending.Add(image.Id)) continue;
                if (state?.Complete == true) findings.Miss(ImageRecords.FileName, image.Id, "lists it, and the collection, which calls itself complete, does not have it");
            }
        }
        else
        {
            findings.Miss(ImageRecords.FileName, null, "is not there");
        }

        if (state is null) findings.Miss(CollectionState.FileName, null, "is not there");
        else if (state.Complete && state.Images != entries.Count) findings.Change(CollectionState.FileName, null, FormattableString.Invariant($"says {state.Images} images, and the manifest has {entries.Count}"));
        return pending.Count;
    }

    private sealed class Findings
    {
        private readonly object _gate = new();

        public List<CollectionFinding> Missing { get; } = [];

        public List<CollectionFinding> Changed { get; } = [];

        public List<CollectionFinding> Unexpected { get; } = [];

        public void Miss(string path, string? id, string reason) => Add(Missing, new CollectionFinding(path, id, reason));

        public void Change(string path, string? id, string reason) => Add(Changed, new CollectionFinding(path, id, reason));

        public void Surprise(string path, string reason) => Add(Unexpected, new CollectionFinding(path, null, reason));

        public IReadOnlyList<CollectionFinding> Sorted(List<CollectionFinding> findings)
        {
            lock (_gate) return [.. findings.OrderBy(f => f.Path, StringComparer.Ordinal).ThenBy(f => f.ImageId, StringComparer.Ordinal)];
        }

        private void Add(List<CollectionFinding> findings, CollectionFinding finding)
        {
            lock (_gate) findings.Add(finding);
        }
    }
}
