namespace Mapillary.Tests.Imaging;

/// <summary>
/// An EXIF block of named pieces that stand in whatever order is asked for: directories, the values that do not fit into their entries,
/// the thumbnail, maker notes. A piece may name the places of others.
/// </summary>
internal sealed class BlockLayout(bool bigEndian)
{
    private readonly TiffBuilder _bytes = new(bigEndian);
    private readonly List<Piece> _pieces = [];

    /// <summary>The names of the pieces, in the order that they were added in.</summary>
    public IEnumerable<string> Names => _pieces.Select(p => p.Name);

    /// <summary>Bytes that stand for themselves.</summary>
    public void Add(string name, byte[] content) => Add(name, content.Length, _ => content);

    /// <summary>Bytes that depend on where things stand.</summary>
    public void Add(string name, int length, Func<Func<string, uint>, byte[]> write) => _pieces.Add(new Piece(name, length, write));

    /// <summary>A directory, and a piece named "directory 0x0110" for each value that is longer than an entry has room for.</summary>
    public void AddDirectory(string name, IEnumerable<LaidOutField> fields, string? next = null)
    {
        LaidOutField[] entries = [.. fields.OrderBy(f => f.Tag)];
        Add(name, 2 + entries.Length * 12 + 4, place =>
        [
            .. _bytes.Bytes16((ushort)entries.Length),
            .. entries.SelectMany(e => Entry(name, e, place)),
            .. _bytes.Bytes32(next is null ? 0 : place(next)),
        ]);
        foreach (var entry in entries.Where(e => e.Target is null && e.Value.Length > 4)) Add(NameOf(name, entry), entry.Value);
    }

    public static string NameOf(string directory, LaidOutField field) => FormattableString.Invariant($"{directory} 0x{field.Tag:X4}");

    /// <summary>The block with these pieces in front, and these at the end.</summary>
    public byte[] Build(string[]? first = null, string[]? last = null)
    {
        var (front, back) = (first ?? [], last ?? []);
        Piece[] order =
        [
            .. front.Select(n => _pieces.Single(p => p.Name == n)),
            .. _pieces.Where(p => !front.Contains(p.Name) && !back.Contains(p.Name)),
            .. back.Select(n => _pieces.Single(p => p.Name == n)),
        ];
        var places = new Dictionary<string, uint>();
        var end = 8u;
        foreach (var piece in order)
        {
            places.Add(piece.Name, end);
            end += (uint)piece.Length;
            if (piece != order[^1]) end += end % 2;
        }

        var block = new byte[end];
        (bigEndian ? "MM\0*"u8 : "II*\0"u8).CopyTo(block);
        _bytes.Bytes32(places["image"]).CopyTo(block, 4);
        foreach (var piece in order)
        {
            var content = piece.Write(n => places[n]);
            Assert.Equal(piece.Length, content.Length);
            content.CopyTo(block, (int)places[piece.Name]);
        }

        return block;
    }

    /// <summary>A number of a type, and what is left of the four bytes of an entry.</summary>
    public byte[] Number(ushort type, uint number)
    {
        byte[] bytes = type switch { 1 or 6 => [checked((byte)number)], 3 or 8 => _bytes.Bytes16(checked((ushort)number)), _ => _bytes.Bytes32(number) };
        return [.. bytes, .. new byte[4 - bytes.Length]];
    }

    private byte[] Entry(string directory, LaidOutField field, Func<string, uint> place)
    {
        byte[] value = field.Target is { } target ? field.Type == 7 ? _bytes.Bytes32(place(target)) : Number(field.Type, place(target))
            : field.Value.Length > 4 ? _bytes.Bytes32(place(NameOf(directory, field)))
            : [.. field.Value, .. new byte[4 - field.Value.Length]];
        return [.. _bytes.Bytes16(field.Tag), .. _bytes.Bytes16(field.Type), .. _bytes.Bytes32(field.Count), .. value];
    }

    private sealed record Piece(string Name, int Length, Func<Func<string, uint>, byte[]> Write);
}

/// <summary>A field of a directory: a value, or the place of another piece.</summary>
internal readonly record struct LaidOutField(ushort Tag, ushort Type, uint Count, byte[] Value, string? Target = null)
{
    /// <summary>A value.</summary>
    public static implicit operator LaidOutField(TiffEntry entry) => new(entry.Tag, entry.Type, entry.Count, entry.Value);

    /// <summary>The place of a piece, in a number of a type. (Bytes have theirs as every value that is longer than its entry.)</summary>
    public static LaidOutField PlaceOf(ushort tag, string target, ushort type = 4) => new(tag, type, 1, [], target);
}
