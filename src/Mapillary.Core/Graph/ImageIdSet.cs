using System.Collections;
using System.Globalization;

namespace Mapillary.Graph;

/// <summary>Image ids, a million of them in some 20 MB: the API's ids are numbers, and are kept as such.</summary>
internal sealed class ImageIdSet : IEnumerable<string>
{
    private readonly HashSet<ulong> _numbers = [];
    private readonly HashSet<string> _others = new(StringComparer.Ordinal);

    public int Count => _numbers.Count + _others.Count;

    public bool Add(string id) => IsPlainNumber(id, out var number) ? _numbers.Add(number) : _others.Add(id);

    public bool Add(ulong number) => _numbers.Add(number);

    public bool Remove(string id) => IsPlainNumber(id, out var number) ? _numbers.Remove(number) : _others.Remove(id);

    public bool Contains(string id) => IsPlainNumber(id, out var number) ? _numbers.Contains(number) : _others.Contains(id);

    public IEnumerator<string> GetEnumerator() => _numbers.Select(n => n.ToString(CultureInfo.InvariantCulture)).Concat(_others).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>A leading zero would make two ids one number.</summary>
    private static bool IsPlainNumber(string id, out ulong number) =>
        ulong.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out number) && id[0] != '0';
}
