using System.Collections;

namespace Mapillary.Graph;

/// <summary>Image ids, a million of them in some 20 MB: the API's ids are numbers, and are kept as such.</summary>
internal sealed class ImageIdSet : IEnumerable<ImageKey>
{
    private readonly HashSet<ulong> _numbers = [];
    private readonly HashSet<string> _others = new(StringComparer.Ordinal);

    public int Count => _numbers.Count + _others.Count;

    public bool Add(string id) => ImageKey.Of(id) is { Other: null } key ? _numbers.Add(key.Number) : _others.Add(id);

    public bool Add(ulong number) => _numbers.Add(number);

    public bool Remove(string id) => ImageKey.Of(id) is { Other: null } key ? _numbers.Remove(key.Number) : _others.Remove(id);

    public bool Contains(string id) => Contains(ImageKey.Of(id));

    public bool Contains(ImageKey id) => id.Other is null ? _numbers.Contains(id.Number) : _others.Contains(id.Other);

    public IEnumerator<ImageKey> GetEnumerator() =>
        _numbers.Select(n => new ImageKey(n, null)).Concat(_others.Select(o => new ImageKey(0, o))).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
