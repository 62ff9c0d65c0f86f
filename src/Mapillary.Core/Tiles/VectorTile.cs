using System.Buffers.Text;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;

namespace Mapillary.Tiles;

/// <summary>
/// Reads the images of a vector tile (https://github.com/mapbox/vector-tile-spec, versions 1 and 2), one feature at a time. The tables that
/// features point into may stand behind them, so that a tile is gone through twice: once for the tables, once for the features. What is kept
/// is bounded by the tables, 9 bytes a value, and these have a bound themselves.
/// </summary>
/// <remarks>A tile is untrusted: whatever its bytes are, it is read, or there is an <see cref="InvalidDataException"/> that says what is wrong.</remarks>
internal static class VectorTile
{
    /// <summary>The layer with a point for each image (https://www.mapillary.com/developer/api-documentation, vector tiles).</summary>
    public const string ImageLayer = "image";

    /// <summary>The most bytes of an unpacked tile; the largest that is known, of Chicago, has 2.1 million features.</summary>
    internal const long LargestTile = 512L << 20;

    /// <summary>The most values of all tables: some for each of many million features.</summary>
    internal const int MostValues = 20_000_000;

    /// <summary>The most bytes of their texts.</summary>
    internal const int MostText = 64 << 20;

    /// <summary>The most keys of a layer; the image layer has about ten.</summary>
    private const int MostKeys = 1000;

    /// <summary>The most layers; Mapillary's tiles have two.</summary>
    private const int MostLayers = 1000;

    /// <summary>The most bytes of a layer's name or a key that are compared; longer ones are none that is looked for.</summary>
    private const int LongestName = 64;

    /// <summary>The most properties of a feature.</summary>
    private const int MostProperties = MostKeys;

    /// <summary>Doubles beyond this have lost digits of a whole number, and name another image.</summary>
    private const double LargestWholeDouble = 1L << 53;

    private static ReadOnlySpan<byte> GzipMagic => [0x1F, 0x8B];

    /// <summary>The features of the image layer.</summary>
    /// <param name="body">The tile as it was answered; may be packed by gzip, and may be empty.</param>
    /// <exception cref="InvalidDataException">It is no tile, or goes beyond the bounds. Features that came before are then no whole tile.</exception>
    public static IEnumerable<TileFeature> ReadImages(ReadOnlyMemory<byte> body)
    {
        if (body.IsEmpty) yield break;
        var layers = ReadTables(body);
        using var stream = Open(body);
        var reader = new WireReader(stream, LargestTile);
        for (var number = 0; NextLayer(reader, out var end); number++)
        {
            if (layers[number] is not { } layer)
            {
                reader.SkipTo(end);
                continue;
            }

            while (reader.NextField(end, out var field, out var type))
            {
                if (field == 2 && type == WireType.Bytes) yield return layer.ReadFeature(reader, reader.EndOfBytes(end));
                else reader.Skip(type, end);
            }
        }
    }

    /// <summary>What a body is when unpacked.</summary>
    internal static Stream Open(ReadOnlyMemory<byte> body)
    {
        if (!MemoryMarshal.TryGetArray(body, out var array)) array = new ArraySegment<byte>(body.ToArray());
        var bytes = new MemoryStream(array.Array!, array.Offset, array.Count, writable: false);
        return body.Span.StartsWith(GzipMagic) ? new GZipStream(bytes, CompressionMode.Decompress) : bytes;
    }

    private static bool NextLayer(WireReader reader, out long end)
    {
        while (reader.NextField(long.MaxValue, out var field, out var type))
        {
            if (field == 3 && type == WireType.Bytes)
            {
                end = reader.EndOfBytes(long.MaxValue);
                return true;
            }

            reader.Skip(type, long.MaxValue);
        }

        end = 0;
        return false;
    }

    /// <summary>The tables of each layer in the order of the tile; null for a layer that is not the one of images.</summary>
    private static List<Layer?> ReadTables(ReadOnlyMemory<byte> body)
    {
        using var stream = Open(body);
        var reader = new WireReader(stream, LargestTile);
        var (layers, room) = (new List<Layer?>(), MostValues);
        while (NextLayer(reader, out var end))
        {
            if (layers.Count == MostLayers) throw new InvalidDataException($"it has more than {MostLayers} layers");
            var layer = Layer.Read(reader, end, room);
            layers.Add(layer.Name == ImageLayer ? layer : null);
            if (layers[^1] is not null) room -= layer.Values;
        }

        return layers;
    }

    /// <summary>The tables of a layer.</summary>
    private sealed class Layer
    {
        private readonly List<Key> _keys = [];
        private readonly ValueTable _values = new();
        private readonly List<uint> _properties = [];
        private byte[] _text = [];
        private int _textLength;
        private double _extent = 4096;

        public string? Name { get; private set; }

        public int Values => _values.Count;

        public static Layer Read(WireReader reader, long end, int room)
        {
            var (layer, version) = (new Layer(), 1UL);
            while (reader.NextField(end, out var field, out var type))
            {
                switch (field, type)
                {
                    case (1, WireType.Bytes): layer.Name = ShortText(reader, end); break;
                    case (3, WireType.Bytes):
                        if (layer._keys.Count == MostKeys) throw new InvalidDataException($"a layer has more than {MostKeys} keys");
                        layer._keys.Add(KeyOf(ShortText(reader, end)));
                        break;
                    // Of a layer that is known to be another one, nothing is kept.
                    case (4, WireType.Bytes) when layer.Name is null or ImageLayer:
                        if (layer._values.Count >= room) throw new InvalidDataException($"it has more than {MostValues} values");
                        layer.AddValue(reader, reader.EndOfBytes(end));
                        break;
                    case (5, WireType.Varint):
                        layer._extent = reader.Varint(end) is > 0 and <= uint.MaxValue and var extent
                            ? extent
                            : throw new InvalidDataException("a layer has an extent that is none");
                        break;
                    case (15, WireType.Varint): version = reader.Varint(end); break;
                    default: reader.Skip(type, end); break;
                }
            }

            if (layer.Name == ImageLayer && version is not (1 or 2))
                throw new InvalidDataException($"its layer '{ImageLayer}' is of version {version}, which is not known");
            return layer;
        }

        public TileFeature ReadFeature(WireReader reader, long end)
        {
            _properties.Clear();
            var (geometry, featureId) = (new Geometry(), (ulong?)null);
            while (reader.NextField(end, out var field, out var type))
            {
                switch (field, type)
                {
                    case (1, WireType.Varint): featureId = reader.Varint(end); break;
                    // Numbers that are usually packed may stand one by one.
                    case (2, WireType.Varint): AddProperty(reader.Varint(end)); break;
                    case (2, WireType.Bytes):
                        for (var last = reader.EndOfBytes(end); reader.Position < last;) AddProperty(reader.Varint(last));
                        break;
                    case (4, WireType.Varint): geometry.Add(reader.Varint(end)); break;
                    case (4, WireType.Bytes):
                        for (var last = reader.EndOfBytes(end); reader.Position < last;) geometry.Add(reader.Varint(last));
                        break;
                    default: reader.Skip(type, end); break;
                }
            }

            return WithProperties(new TileFeature { Points = geometry.Points, Extent = geometry.Within(_extent) }, featureId);
        }

        private TileFeature WithProperties(TileFeature feature, ulong? featureId)
        {
            var hasOwnId = false;
            for (var i = 0; i + 1 < _properties.Count; i += 2)
            {
                var (key, value) = (_properties[i], _properties[i + 1]);
                // What points nowhere belongs to a tile whose tables are lost.
                if (key >= _keys.Count || value >= _values.Count) throw new InvalidDataException("a feature points to a value that is not there");
                switch (_keys[(int)key])
                {
                    case Key.Id: (feature, hasOwnId) = (feature with { Id = Whole((int)value) }, true); break;
                    case Key.CapturedAt: feature = feature with { CapturedAt = (long?)Whole((int)value) }; break;
                    case Key.IsPano: feature = feature with { IsPanorama = Truth((int)value) }; break;
                    case Key.OrganizationId: feature = feature with { OrganizationId = Whole((int)value) }; break;
                }
            }

            return hasOwnId ? feature : feature with { Id = featureId is 0 ? null : featureId };
        }

        private void AddProperty(ulong number)
        {
            if (_properties.Count == 2 * MostProperties) throw new InvalidDataException($"a feature has more than {MostProperties} properties");
            _properties.Add(number <= uint.MaxValue ? (uint)number : uint.MaxValue);
        }

        private void AddValue(WireReader reader, long end)
        {
            var (kind, bits) = (Kind.None, 0UL);
            while (reader.NextField(end, out var field, out var type))
            {
                switch (field, type)
                {
                    case (1, WireType.Bytes): (kind, bits) = (Kind.Text, AddText(reader, reader.EndOfBytes(end))); break;
                    case (2, WireType.Fixed32):
                        (kind, bits) = (Kind.Double, BitConverter.DoubleToUInt64Bits(BitConverter.UInt32BitsToSingle(reader.Fixed32(end))));
                        break;
                    case (3, WireType.Fixed64): (kind, bits) = (Kind.Double, reader.Fixed64(end)); break;
                    case (4, WireType.Varint): (kind, bits) = (Kind.Signed, reader.Varint(end)); break;
                    case (5, WireType.Varint): (kind, bits) = (Kind.Unsigned, reader.Varint(end)); break;
                    case (6, WireType.Varint): (kind, bits) = (Kind.Signed, (ulong)ZigZag(reader.Varint(end))); break;
                    case (7, WireType.Varint): (kind, bits) = (Kind.Truth, reader.Varint(end)); break;
                    default: reader.Skip(type, end); break;
                }
            }

            _values.Add(kind, bits);
        }

        private ulong AddText(WireReader reader, long end)
        {
            var length = end - reader.Position;
            if (length > MostText - _textLength) throw new InvalidDataException($"its texts have more than {ByteSize.Format(MostText)}");
            if (_textLength + length > _text.Length) Array.Resize(ref _text, (int)Math.Min(MostText, Math.Max(_textLength + length, 2L * _text.Length)));
            reader.Copy(_text.AsSpan(_textLength, (int)length), end);
            var place = ((ulong)_textLength << 32) | (uint)length;
            _textLength += (int)length;
            return place;
        }

        private ReadOnlySpan<byte> Utf8(ulong place) => _text.AsSpan((int)(place >> 32), (int)(place & uint.MaxValue));

        /// <summary>A value as a whole number from 0 on; null where it is none.</summary>
        private ulong? Whole(int value)
        {
            var (kind, bits) = _values[value];
            switch (kind)
            {
                case Kind.Unsigned: return bits;
                case Kind.Signed: return (long)bits >= 0 ? bits : null;
                case Kind.Double:
                    return BitConverter.UInt64BitsToDouble(bits) is >= 0 and <= LargestWholeDouble and var whole && whole == Math.Floor(whole) ? (ulong)whole : null;
                case Kind.Text:
                    var text = Utf8(bits);
                    // A leading zero would make two ids one number.
                    return text is [not (byte)'0', ..] or [_] && Utf8Parser.TryParse(text, out ulong number, out var used) && used == text.Length ? number : null;
                default: return null;
            }
        }

        private bool? Truth(int value) => _values[value] switch
        {
            (Kind.Truth or Kind.Unsigned or Kind.Signed, var bits) => bits != 0,
            (Kind.Text, var place) when Utf8(place).SequenceEqual("true"u8) => true,
            (Kind.Text, var place) when Utf8(place).SequenceEqual("false"u8) => false,
            _ => null,
        };

        private static Key KeyOf(string? name) => name switch
        {
            "id" => Key.Id,
            "captured_at" => Key.CapturedAt,
            "is_pano" => Key.IsPano,
            "organization_id" => Key.OrganizationId,
            _ => Key.Other,
        };

        private static string? ShortText(WireReader reader, long end)
        {
            var last = reader.EndOfBytes(end);
            if (last - reader.Position > LongestName)
            {
                reader.SkipTo(last);
                return null;
            }

            Span<byte> text = stackalloc byte[(int)(last - reader.Position)];
            reader.Copy(text, last);
            return Encoding.UTF8.GetString(text);
        }
    }

    /// <summary>The values of a layer, of which there may be millions, in pieces: one list would be copied as it grows.</summary>
    private sealed class ValueTable
    {
        private const int Piece = 1 << 16;

        private readonly List<(Kind[] Kinds, ulong[] Bits)> _pieces = [];

        public int Count { get; private set; }

        public (Kind Kind, ulong Bits) this[int index] => (_pieces[index / Piece].Kinds[index % Piece], _pieces[index / Piece].Bits[index % Piece]);

        public void Add(Kind kind, ulong bits)
        {
            if (Count % Piece == 0) _pieces.Add((new Kind[Piece], new ulong[Piece]));
            (_pieces[^1].Kinds[Count % Piece], _pieces[^1].Bits[Count % Piece]) = (kind, bits);
            Count++;
        }
    }

    private static long ZigZag(ulong number) => (long)(number >> 1) ^ -(long)(number & 1);

    /// <summary>Follows the commands of a geometry, number by number (specification, 4.3).</summary>
    private struct Geometry
    {
        private const int MoveTo = 1;
        private const int LineTo = 2;
        private const int ClosePath = 7;

        private long _x, _y, _left, _top, _right, _bottom;
        private ulong _numbersLeft;
        private bool _isOdd;
        private bool _isMoving;
        private bool _isBroken;

        /// <summary>How many points it moved to.</summary>
        public int Points { get; private set; }

        public void Add(ulong number)
        {
            if (_numbersLeft == 0)
            {
                var (command, count) = (number & 7, number >> 3);
                _isBroken |= command is not (MoveTo or LineTo or ClosePath) || count is 0 or > uint.MaxValue;
                _isMoving = command == MoveTo;
                _numbersLeft = command == ClosePath || _isBroken ? 0 : 2 * count;
                return;
            }

            _numbersLeft--;
            // Around the corner of the numbers nothing is right any more, but nothing fails.
            if (!_isOdd) _x += ZigZag(number);
            else _y += ZigZag(number);
            _isOdd = !_isOdd;
            if (_isOdd) return;
            (_left, _right) = Points == 0 ? (_x, _x) : (Math.Min(_left, _x), Math.Max(_right, _x));
            (_top, _bottom) = Points == 0 ? (_y, _y) : (Math.Min(_top, _y), Math.Max(_bottom, _y));
            if (_isMoving && Points < int.MaxValue) Points++;
        }

        public readonly TileExtent? Within(double extent) => _isBroken || _numbersLeft > 0 || Points == 0
            ? null
            : new TileExtent(_left / extent, _top / extent, _right / extent, _bottom / extent);
    }

    private enum Key : byte
    {
        Other,
        Id,
        CapturedAt,
        IsPano,
        OrganizationId,
    }

    private enum Kind : byte
    {
        None,
        Text,
        Double,
        Signed,
        Unsigned,
        Truth,
    }
}
