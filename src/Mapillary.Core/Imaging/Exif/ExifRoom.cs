namespace Mapillary.Imaging.Exif;

/// <summary>The bytes of a block that is being written, and the room that is free in them.</summary>
internal sealed class ExifRoom
{
    // Where a block is so torn that it has more holes, the smallest are of no use.
    private const int MostHoles = 256;

    private readonly List<Extent> _holes;

    /// <summary>Starts with the old bytes, and clears what is free among them.</summary>
    /// <param name="bytes">The old bytes, with room behind them.</param>
    /// <param name="length">How many old ones there are.</param>
    /// <param name="holes">What is free among them, in order.</param>
    public ExifRoom(byte[] bytes, int length, List<Extent> holes)
    {
        Bytes = bytes;
        _holes = holes;
        End = length;
        foreach (var hole in holes) bytes.AsSpan(hole.Start, hole.Length).Clear();
        if (holes.Count > 0 && holes[^1].End == length)
        {
            End = holes[^1].Start;
            holes.RemoveAt(holes.Count - 1);
        }

        if (holes.Count > MostHoles) _holes = [.. holes.OrderByDescending(h => h.Length).Take(MostHoles).OrderBy(h => h.Start)];
    }

    /// <summary>The bytes.</summary>
    public byte[] Bytes { get; }

    /// <summary>The first byte behind what is in use.</summary>
    public int End { get; private set; }

    /// <summary>Takes room at an even offset, as TIFF asks for, in the first hole that is large enough or else at the end.</summary>
    public int Take(int length)
    {
        for (var i = 0; i < _holes.Count; i++)
        {
            var start = (_holes[i].Start + 1) & ~1;
            if (start + length > _holes[i].End) continue;
            _holes[i] = new Extent(start + length, _holes[i].End);
            return start;
        }

        End += End & 1;
        var place = End;
        End += length;
        return place;
    }
}
