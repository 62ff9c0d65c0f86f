namespace Mapillary.Graph;

/// <summary>Image ids, a million of them in some 20 MB: the API's ids are numbers, and are kept as such.</summary>
internal sealed class ImageIdSet
{
    private readonly HashSet<ulong> _numbers = [];
    private readonly HashSet<string> _others = new(StringComparer.Ordinal);

    public int Count => _numbers.Count + _others.Count;

    public bool Add(string id) => ImageNumber.TryParse(id, out var number) ? _numbers.Add(number) : _others.Add(id);

    public bool Add(ulong number) => _numbers.Add(number);

    public bool Remove(string id) => ImageNumber.TryParse(id, out var number) ? _numbers.Remove(number) : _others.Remove(id);

    public bool Contains(string id) => ImageNumber.TryParse(id, out var number) ? _numbers.Contains(number) : _others.Contains(id);
}
