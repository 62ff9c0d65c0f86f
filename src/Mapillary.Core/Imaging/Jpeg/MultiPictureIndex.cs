namespace Mapillary.Imaging.Jpeg;

/// <summary>
/// The index of further pictures behind the end of a JPEG (CIPA DC-007, MPF). It states their places relative to itself, so it has to
/// be put right when segments between it and them change length.
/// </summary>
internal static class MultiPictureIndex
{
    private const ushort EntriesTag = 0xB002;
    private const int EntryLength = 16;

    // The marker, the length, and the name of the segment.
    private static readonly int IndexAt = 4 + SegmentKinds.NameOf(SegmentKind.MultiPictureIndex).Length;

    /// <summary>The segment with every place moved.</summary>
    /// <param name="segment">The APP2 segment from its 0xFF on.</param>
    /// <param name="shift">Bytes by which the further pictures move away from the index.</param>
    /// <returns>Null where the index cannot be read.</returns>
    public static byte[]? Shifted(ReadOnlySpan<byte> segment, int shift)
    {
        var copy = segment.ToArray();
        var index = copy.AsSpan(IndexAt);
        if (FindEntries(index, out var isBigEndian) is not (var start, var end)) return null;
        for (var entry = start; entry + EntryLength <= end; entry += EntryLength)
        {
            // The first picture is the file itself, its place is 0 by definition.
            var place = ByteOrder.Read32(index, entry + 8, isBigEndian);
            if (place != 0) ByteOrder.Write32(index, entry + 8, (uint)(place + shift), isBigEndian);
        }

        return copy;
    }

    /// <summary>The kinds of the further pictures (CIPA DC-007, table 4): 24 bits each; none where the index cannot be read.</summary>
    /// <param name="segment">The APP2 segment from its 0xFF on.</param>
    public static List<int> Kinds(ReadOnlySpan<byte> segment)
    {
        var kinds = new List<int>();
        var index = segment[IndexAt..];
        if (FindEntries(index, out var isBigEndian) is not (var start, var end)) return kinds;
        for (var entry = start; entry + EntryLength <= end; entry += EntryLength)
        {
            if (ByteOrder.Read32(index, entry + 8, isBigEndian) == 0) continue;
            kinds.Add((int)(ByteOrder.Read32(index, entry, isBigEndian) & 0xFFFFFF));
        }

        return kinds;
    }

    /// <summary>Where the entries of an index stand; null where it cannot be read.</summary>
    private static (int Start, int End)? FindEntries(ReadOnlySpan<byte> index, out bool isBigEndian)
    {
        isBigEndian = index.StartsWith("MM"u8);
        if (index.Length < 8 || !(isBigEndian || index.StartsWith("II"u8))) return null;
        var directory = ByteOrder.Read32(index, 4, isBigEndian);
        if (directory + 2L > index.Length) return null;
        var count = ByteOrder.Read16(index, (int)directory, isBigEndian);
        for (var at = (int)directory + 2; count > 0 && at + 12 <= index.Length; at += 12, count--)
        {
            if (ByteOrder.Read16(index, at, isBigEndian) != EntriesTag) continue;
            var length = ByteOrder.Read32(index, at + 4, isBigEndian);
            var offset = ByteOrder.Read32(index, at + 8, isBigEndian);
            return length < EntryLength || (long)offset + length > index.Length ? null : ((int)offset, (int)(offset + length));
        }

        return null;
    }
}
