using System.Text;

namespace Mapillary.Emulator;

/// <summary>Writes vector tiles (https://github.com/mapbox/vector-tile-spec, 2.1), well-formed ones and such as nobody should send.</summary>
public sealed class TileWriter
{
    private readonly List<byte> _bytes = [];

    /// <summary>The tile so far.</summary>
    public byte[] ToArray() => [.. _bytes];

    /// <summary>Adds a layer.</summary>
    public TileWriter Layer(TileLayer layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        Bytes(_bytes, 3, layer.ToBytes());
        return this;
    }

    internal static void Varint(List<byte> bytes, ulong number)
    {
        for (; number >= 0x80; number >>= 7) bytes.Add((byte)(number | 0x80));
        bytes.Add((byte)number);
    }

    internal static void Number(List<byte> bytes, int field, ulong number)
    {
        Varint(bytes, (ulong)field << 3);
        Varint(bytes, number);
    }

    internal static void Bytes(List<byte> bytes, int field, ReadOnlySpan<byte> content)
    {
        Varint(bytes, ((ulong)field << 3) | 2);
        Varint(bytes, (ulong)content.Length);
        bytes.AddRange(content);
    }
}

/// <summary>A layer of a tile.</summary>
/// <param name="Name">Its name.</param>
public sealed record TileLayer(string Name)
{
    private readonly List<byte> _features = [];
    private readonly List<string> _keys = [];
    private readonly Dictionary<string, int> _keyNumbers = new(StringComparer.Ordinal);
    private readonly Dictionary<object, int> _values = [];

    /// <summary>The version of the specification.</summary>
    public int? Version { get; init; } = 2;

    /// <summary>How many units a tile is wide; null leaves it out, and it is 4096.</summary>
    public int? Extent { get; init; } = 4096;

    /// <summary>Whether name, keys and values stand behind the features, as most writers have them; else before.</summary>
    public bool HasTablesBehind { get; init; } = true;

    /// <summary>Whether numbers that are usually packed stand one by one.</summary>
    public bool IsUnpacked { get; init; }

    /// <summary>Adds a feature of one or several points.</summary>
    /// <param name="points">Where, in units of the extent.</param>
    /// <param name="properties">A value is a string, bool, long (int), ulong (uint), float, double, or <see cref="SignedValue"/> (sint).</param>
    /// <param name="featureId">The feature's own id; null for none.</param>
    public TileLayer Points(IReadOnlyList<(int X, int Y)> points, IEnumerable<(string Key, object Value)> properties, ulong? featureId = null)
    {
        ArgumentNullException.ThrowIfNull(points);
        var geometry = new List<ulong> { ((ulong)points.Count << 3) | 1 };
        var (x, y) = (0, 0);
        foreach (var point in points)
        {
            geometry.Add(ZigZag(point.X - x));
            geometry.Add(ZigZag(point.Y - y));
            (x, y) = point;
        }

        return Feature(1, geometry, properties, featureId);
    }

    /// <summary>Adds a feature that is a line.</summary>
    public TileLayer Line(IReadOnlyList<(int X, int Y)> points, IEnumerable<(string Key, object Value)> properties)
    {
        ArgumentNullException.ThrowIfNull(points);
        var geometry = new List<ulong> { (1 << 3) | 1, ZigZag(points[0].X), ZigZag(points[0].Y), ((ulong)(points.Count - 1) << 3) | 2 };
        for (var i = 1; i < points.Count; i++)
        {
            geometry.Add(ZigZag(points[i].X - points[i - 1].X));
            geometry.Add(ZigZag(points[i].Y - points[i - 1].Y));
        }

        return Feature(2, geometry, properties, featureId: null);
    }

    /// <summary>Adds a feature of whatever geometry.</summary>
    /// <param name="kind">1 for points, 2 for lines, 3 for polygons.</param>
    /// <param name="geometry">Its commands and parameters.</param>
    /// <param name="properties">Its properties.</param>
    /// <param name="featureId">Its own id; null for none.</param>
    public TileLayer Feature(int kind, IReadOnlyList<ulong> geometry, IEnumerable<(string Key, object Value)> properties, ulong? featureId)
    {
        ArgumentNullException.ThrowIfNull(properties);
        var feature = new List<byte>();
        if (featureId is { } id) TileWriter.Number(feature, 1, id);
        Numbers(feature, 2, properties.SelectMany(p => new[] { (ulong)KeyNumber(p.Key), (ulong)ValueNumber(p.Value) }));
        TileWriter.Number(feature, 3, (ulong)kind);
        Numbers(feature, 4, geometry);
        TileWriter.Bytes(_features, 2, feature.ToArray());
        return this;
    }

    internal byte[] ToBytes()
    {
        var tables = new List<byte>();
        foreach (var key in _keys) TileWriter.Bytes(tables, 3, Encoding.UTF8.GetBytes(key));
        foreach (var value in _values.OrderBy(v => v.Value)) TileWriter.Bytes(tables, 4, ValueBytes(value.Key));
        var head = new List<byte>();
        TileWriter.Bytes(head, 1, Encoding.UTF8.GetBytes(Name));
        var bytes = new List<byte>(_features.Count + tables.Count + 64);
        if (Version is { } version) TileWriter.Number(bytes, 15, (ulong)version);
        if (HasTablesBehind) bytes.AddRange([.. _features, .. head, .. tables]);
        else bytes.AddRange([.. head, .. tables, .. _features]);
        if (Extent is { } extent) TileWriter.Number(bytes, 5, (ulong)extent);
        return [.. bytes];
    }

    private static ulong ZigZag(int number) => (uint)((number << 1) ^ (number >> 31));

    private void Numbers(List<byte> bytes, int field, IEnumerable<ulong> numbers)
    {
        if (IsUnpacked)
        {
            foreach (var number in numbers) TileWriter.Number(bytes, field, number);
            return;
        }

        var packed = new List<byte>();
        foreach (var number in numbers) TileWriter.Varint(packed, number);
        TileWriter.Bytes(bytes, field, packed.ToArray());
    }

    private int KeyNumber(string key)
    {
        if (!_keyNumbers.TryGetValue(key, out var number))
        {
            _keyNumbers[key] = number = _keys.Count;
            _keys.Add(key);
        }

        return number;
    }

    private int ValueNumber(object value)
    {
        if (!_values.TryGetValue(value, out var number)) _values[value] = number = _values.Count;
        return number;
    }

    private static byte[] ValueBytes(object value)
    {
        var bytes = new List<byte>();
        switch (value)
        {
            case string text: TileWriter.Bytes(bytes, 1, Encoding.UTF8.GetBytes(text)); break;
            case float number: bytes.Add((2 << 3) | 5); bytes.AddRange(BitConverter.GetBytes(number)); break;
            case double number: bytes.Add((3 << 3) | 1); bytes.AddRange(BitConverter.GetBytes(number)); break;
            case long number: TileWriter.Number(bytes, 4, (ulong)number); break;
            case ulong number: TileWriter.Number(bytes, 5, number); break;
            case SignedValue { Number: var number }: TileWriter.Number(bytes, 6, (ulong)((number << 1) ^ (number >> 63))); break;
            case bool truth: TileWriter.Number(bytes, 7, truth ? 1UL : 0); break;
            default: throw new ArgumentException($"A {value.GetType()} is no value of a tile.", nameof(value));
        }

        return [.. bytes];
    }
}

/// <summary>A value that is written as a sint.</summary>
public sealed record SignedValue(long Number);
