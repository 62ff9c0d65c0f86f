using Mapillary.Collections;
using Mapillary.Collections.Files;
using Mapillary.Collections.Records;

namespace Mapillary.Saving;

/// <summary>
/// Keeps the manifests of collections true when their files are changed from outside of a run. A collection is found by the
/// manifest in a folder above the file, and is locked from its first change until disposal.
/// </summary>
internal sealed class ManifestUpdates(IRunLog log) : IDisposable
{
    private readonly object _gate = new();
    private readonly Dictionary<string, bool> _known = new(StringComparer.Ordinal);
    private readonly Dictionary<string, OpenManifest> _open = new(StringComparer.Ordinal);

    /// <summary>The folder that a file belongs to, and its place there; see <see cref="CollectionFiles.PlaceOf"/>.</summary>
    public (CollectionFolder Folder, string Place) PlaceOf(string path, bool followsLink)
    {
        lock (_gate) return CollectionFiles.PlaceOf(path, _known, followsLink);
    }

    /// <summary>Opens the manifest of the collection that holds the file, if any, before the file is changed.</summary>
    /// <returns>Whether there is such a collection.</returns>
    /// <exception cref="CollectionException">The collection is being written by another process.</exception>
    public bool Prepare(string path)
    {
        lock (_gate) return Find(path) is not null;
    }

    /// <summary>Notes that a file is about to be changed, and perhaps renamed; see <see cref="Replacement"/>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="newPath">Where it will be.</param>
    /// <param name="length">Its length in bytes then.</param>
    /// <param name="sha256">Its SHA-256 then, lower-case hexadecimal.</param>
    /// <param name="made">How it is made then.</param>
    /// <returns>The entry to go on with; null where no manifest has the file.</returns>
    public ManifestEntry? Begin(string path, string newPath, long length, string sha256, Func<ManifestEntry, MadeWith?> made)
    {
        lock (_gate)
        {
            if (Find(path) is not var (root, manifest)) return null;
            var entry = manifest.Manifest.FindByPath(Relative(root, path));
            // A file that went elsewhere is no longer the collection's; the next run finds it missing.
            if (entry is null || Relative(root, newPath).StartsWith("../", StringComparison.Ordinal)) return null;
            // A copy in a tar stays what it was.
            var next = new ManifestEntry(entry.Id, Relative(root, newPath), length, sha256, Tar: null)
            {
                Made = made(entry),
                Warning = entry.Warning,
                IsDamaged = entry.IsDamaged,
            };
            return Replacement.Begin(manifest.Manifest, next);
        }
    }

    /// <summary>Notes that the file was changed, and that no other is left of it.</summary>
    public void End(string path, ManifestEntry? entry)
    {
        lock (_gate)
        {
            if (entry is null || Find(path) is not var (root, manifest)) return;
            Replacement.End(manifest.Manifest, new CollectionFolder(root), entry, log);
        }
    }

    /// <summary>Notes that the file was not changed.</summary>
    public void Undo(string path, ManifestEntry? entry)
    {
        lock (_gate)
        {
            if (entry is not null && Find(path) is var (_, manifest)) Replacement.Undo(manifest.Manifest, entry, log);
        }
    }

    /// <summary>Notes how a file is made that stays as it is.</summary>
    public void Note(string path, Func<ManifestEntry, MadeWith?> made)
    {
        lock (_gate)
        {
            try
            {
                if (Find(path) is not var (root, manifest) || manifest.Manifest.FindByPath(Relative(root, path)) is not { } entry) return;
                if (made(entry) is { } now && now != entry.Made) manifest.Manifest.Append(entry with { Made = now });
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or CollectionException)
            {
                // A file that needs no change is no error in a collection that cannot be written.
                log.Say($"How '{path}' was made is not noted: {e.Message}");
            }
        }
    }

    public void Dispose()
    {
        foreach (var open in _open.Values) open.Dispose();
        _open.Clear();
    }

    private (string Root, OpenManifest Manifest)? Find(string path)
    {
        if (CollectionFiles.FindCollection(path, _known) is not { } root) return null;
        if (!_open.TryGetValue(root, out var open)) _open[root] = open = new OpenManifest(root, log);
        return (root, open);
    }

    private static string Relative(string root, string path) => new CollectionFolder(root).PlaceOf(path);

    private sealed class OpenManifest : IDisposable
    {
        private readonly CollectionLock _lock;
        private readonly bool _wasCompressed;

        public OpenManifest(string collectionPath, IRunLog log)
        {
            _lock = CollectionLock.Take(collectionPath, log);
            try
            {
                _wasCompressed = !new CollectionFolder(collectionPath).Has(Collections.Records.Manifest.FileName);
                Manifest = Manifest.Open(collectionPath, log);
            }
            catch
            {
                _lock.Dispose();
                throw;
            }
        }

        public Manifest Manifest { get; }

        public void Dispose()
        {
            if (_wasCompressed) Manifest.Compress();
            Manifest.Dispose();
            _lock.Dispose();
        }
    }
}
