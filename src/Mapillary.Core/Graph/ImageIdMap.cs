using System.Collections;

namespace Mapillary.Graph;

/// <summary>Something small about each image, by the images' ids; in the order in which they were added while none is removed.</summary>
/// <typeparam name="T">What is kept of each.</typeparam>
internal sealed class ImageIdMap<T> : IEnumerable<KeyValuePair<ImageKey, T>>
{
    private readonly Dictionary<ulong, T> _numbers = [];
    private readonly Dictionary<string, T> _others = new(StringComparer.Ordinal);

    public int Count => _numbers.Count + _others.Count;

    public IEnumerable<T> Values => _numbers.Values.Concat(_others.Values);

    /// <summary>Those of the ids in their order, the numbers first.</summary>
    public IEnumerable<T> ValuesInOrder =>
        _numbers.OrderBy(n => n.Key).Select(n => n.Value).Concat(_others.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => o.Value));

    public T this[string id]
    {
        set
        {
            var key = ImageKey.Of(id);
            if (key.Other is null) _numbers[key.Number] = value;
            else _others[id] = value;
        }
    }

    public bool TryAdd(string id, T value)
    {
        var key = ImageKey.Of(id);
        return key.Other is null ? _numbers.TryAdd(key.Number, value) : _others.TryAdd(id, value);
    }

    public bool Contains(string id) => TryGetValue(ImageKey.Of(id), out _);

    public bool TryGetValue(string id, out T? value) => TryGetValue(ImageKey.Of(id), out value);

    public bool TryGetValue(ImageKey id, out T? value) =>
        id.Other is null ? _numbers.TryGetValue(id.Number, out value) : _others.TryGetValue(id.Other, out value);

    /// <summary>Nothing where there is nothing of the image.</summary>
    public T? GetValueOrDefault(string id) => TryGetValue(id, out var value) ? value : default;

    public bool Remove(string id)
    {
        var key = ImageKey.Of(id);
        return key.Other is null ? _numbers.Remove(key.Number) : _others.Remove(id);
    }

    public IEnumerator<KeyValuePair<ImageKey, T>> GetEnumerator()
    {
        foreach (var (number, value) in _numbers) yield return new(new ImageKey(number, null), value);
        foreach (var (id, value) in _others) yield return new(new ImageKey(0, id), value);
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
