using System.Globalization;
using System.Security.Cryptography;

namespace Mapillary.Emulator;

/// <summary>What archive.org holds: items, and of those that were uploaded to, the files.</summary>
internal sealed class ItemStore
{
    private readonly object _lock = new();
    private readonly SortedDictionary<string, Item> _items = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Identifier, string Name), int> _puts = [];
    private readonly EmulatorOptions _options;

    public ItemStore(EmulatorOptions options)
    {
        _options = options;
        AtStart = [.. options.ArchivedItems, .. Enumerable.Range(0, options.GeneratedArchivedItems).Select(i => MadeUp(options.Seed, i))];
        foreach (var item in AtStart) _items.Add(item.Identifier, new Item(item, IsNew: false));
    }

    public IReadOnlyList<ArchivedItem> AtStart { get; }

    /// <summary>An item as S3 sees it, files waiting to be listed or not.</summary>
    public ArchivedItem? FindStored(string identifier)
    {
        lock (_lock) return _items.TryGetValue(identifier, out var item) ? item.Current : null;
    }

    /// <summary>An item as readers see it: one that was created by an upload is not there until a file of it is listed.</summary>
    public ArchivedItem? Find(string identifier)
    {
        lock (_lock) return _items.TryGetValue(identifier, out var item) && item.IsThere ? item.Current : null;
    }

    /// <summary>An item and its listed files, for somebody who reads its metadata; files in waiting come closer to being listed by it.</summary>
    public (ArchivedItem Item, List<(string Name, UploadedFile File, long Mtime)> Files)? Read(string identifier)
    {
        lock (_lock)
        {
            if (!_items.TryGetValue(identifier, out var item)) return null;
            (ArchivedItem, List<(string, UploadedFile, long)>)? answer = item.IsThere
                ? (item.Current, item.Files.Where(f => f.Value.Listed is not null).Select(f => (f.Key, f.Value.Listed!.File, f.Value.Listed.Mtime)).ToList())
                : null;
            foreach (var file in item.Files.Values) file.NoteRead();
            return answer;
        }
    }

    /// <summary>A file that was uploaded and is listed; null where there is none.</summary>
    public UploadedFile? FindListed(string identifier, string name)
    {
        lock (_lock) return _items.GetValueOrDefault(identifier)?.Files.GetValueOrDefault(name)?.Listed?.File;
    }

    /// <summary>The items that a search finds.</summary>
    public List<ArchivedItem> Visible()
    {
        lock (_lock) return _items.Values.Where(i => i.IsThere && !i.AtStart.IsDark).Select(i => i.Current).ToList();
    }

    public IReadOnlyDictionary<string, UploadedItem> Uploaded()
    {
        lock (_lock)
        {
            return _items.Where(i => i.Value.Files.Count > 0).ToDictionary(
                i => i.Key,
                i => new UploadedItem
                {
                    Identifier = i.Key,
                    Metadata = i.Value.AtStart.Metadata,
                    Files = i.Value.Files.ToDictionary(f => f.Key, f => f.Value.Newest.File with { Puts = _puts[(i.Key, f.Key)] }, StringComparer.Ordinal),
                },
                StringComparer.Ordinal);
        }
    }

    /// <summary>Notes that a file arrived whole, whatever becomes of it.</summary>
    public void NotePut(string identifier, string name)
    {
        lock (_lock) _puts[(identifier, name)] = _puts.GetValueOrDefault((identifier, name)) + 1;
    }

    /// <param name="metadata">The item's metadata, where it is not there yet.</param>
    public void Store(string identifier, string name, byte[] content, bool queuedDerive, IReadOnlyDictionary<string, IReadOnlyList<string>> metadata)
    {
        // MD5 is what archive.org lists; nothing is made safe by it.
#pragma warning disable CA5351
        var md5 = Convert.ToHexString(MD5.HashData(content)).ToLowerInvariant();
#pragma warning restore CA5351
        var version = new Version(new UploadedFile(content, md5, queuedDerive, 0), _options.Clock.GetUtcNow().ToUnixTimeSeconds());
        lock (_lock)
        {
            if (!_items.TryGetValue(identifier, out var item))
            {
                var created = new ArchivedItem { Identifier = identifier, Collection = [], Uploader = "uploader@example.org", Metadata = metadata };
                _items[identifier] = item = new Item(created, IsNew: true);
            }

            if (!item.Files.TryGetValue(name, out var file)) item.Files[name] = file = new File();
            file.Put(version, _options.ListedAfterReads);
        }
    }

    private static ArchivedItem MadeUp(int seed, int number)
    {
        var qualities = new[] { "original", "2048", "1024", "256" };
        var quality = qualities[(int)(Chance.Share(seed, number, 1) * 4)];
        var isWebp = Chance.Share(seed, number, 2) < 0.3;
        var user = $"mapper{number / 2:0000}";
        var images = 1 + (long)(Chance.Share(seed, number, 3) * 40000);
        var first = new DateTime(2015, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddDays((int)(Chance.Share(seed, number, 4) * 3000));
        var last = first.AddDays((int)(Chance.Share(seed, number, 5) * 700));
        var span = string.Create(CultureInfo.InvariantCulture, $"{first:yyyy-MM-dd} and {last:yyyy-MM-dd}");
        return new ArchivedItem
        {
            Identifier = $"mapillary-{user}-{quality}{(isWebp ? "-webp" : "")}{(number % 2 == 0 ? "" : "-2")}",
            Description = string.Create(
                CultureInfo.InvariantCulture,
                $"Street-level imagery from Mapillary user '{user}'. Contains {images:N0} images in {quality} resolution captured between {span}."),
            ItemSize = images * (quality == "original" ? 3_000_000 : 200_000),
            Collection = number % 3 == 0 ? ["mapillary-images", "opensource_media"] : ["mapillary-images"],
            Uploader = $"{user}@example.org",
            Metadata = new Dictionary<string, IReadOnlyList<string>>
            {
                ["title"] = [$"Mapillary images by {user}"],
                ["mediatype"] = ["data"],
                ["subject"] = ["mapillary", "street-view"],
                ["mapillary_downloader"] = ["0.12.0"],
            },
        };
    }

    private sealed record Version(UploadedFile File, long Mtime);

    private sealed record Item(ArchivedItem AtStart, bool IsNew)
    {
        public SortedDictionary<string, File> Files { get; } = new(StringComparer.Ordinal);

        public bool IsThere => !IsNew || Files.Values.Any(f => f.Listed is not null);

        public ArchivedItem Current => Files.Count == 0 ? AtStart : AtStart with { ItemSize = AtStart.ItemSize + Files.Values.Sum(f => f.Listed?.File.Content.LongLength ?? 0) };
    }

    private sealed class File
    {
        private Version? _waiting;
        private int _readsToWait;

        public Version? Listed { get; private set; }

        public Version Newest => _waiting ?? Listed!;

        public void Put(Version version, int readsToWait)
        {
            (_waiting, _readsToWait) = (version, readsToWait);
            if (readsToWait == 0) List();
        }

        public void NoteRead()
        {
            if (_waiting is not null && --_readsToWait == 0) List();
        }

        private void List() => (Listed, _waiting) = (_waiting, null);
    }
}
