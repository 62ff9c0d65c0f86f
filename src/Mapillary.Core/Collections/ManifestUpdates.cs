namespace Mapillary.Collections;

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

    /// <summary>Notes that a file was changed, and perhaps renamed.</summary>
    public void Changed(string path, string newPath, long length, string sha256)
    {
        lock (_gate)
        {
            if (Find(path) is not var (root, manifest)) return;
            var entry = manifest.Manifest.FindByPath(Relative(root, path));
            // A file that went elsewhere is no longer the collection's; the next run finds it missing.
            if (entry is null || Relative(root, newPath).StartsWith("../", StringComparison.Ordinal)) return;
            manifest.Manifest.Append(entry with { Path = Relative(root, newPath), Bytes = length, Sha256 = sha256 });
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
            _lock = CollectionLock.Take(collectionPath);
            try
            {
                _wasCompressed = !new CollectionFolder(collectionPath).Has(Collections.Manifest.FileName);
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
