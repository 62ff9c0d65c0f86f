namespace Mapillary.Imaging.Exif;

/// <summary>A run of bytes.</summary>
/// <param name="Start">The first byte.</param>
/// <param name="End">The first byte behind it.</param>
internal readonly record struct Extent(int Start, int End)
{
    /// <summary>How many bytes it has.</summary>
    public int Length => End - Start;

    /// <summary>The bytes of one set that are not in the other, in order.</summary>
    public static List<Extent> Subtract(List<Extent> from, List<Extent> what)
    {
        from.Sort(static (a, b) => a.Start.CompareTo(b.Start));
        what.Sort(static (a, b) => a.Start.CompareTo(b.Start));
        var left = new List<Extent>(from.Count);
        int position = 0, next = 0;
        foreach (var extent in from)
        {
            position = Math.Max(position, extent.Start);
            while (position < extent.End)
            {
                while (next < what.Count && what[next].End <= position) next++;
                if (next == what.Count || what[next].Start >= extent.End)
                {
                    Add(left, position, extent.End);
                    position = extent.End;
                }
                else
                {
                    if (what[next].Start > position) Add(left, position, what[next].Start);
                    position = what[next].End;
                }
            }
        }

        return left;
    }

    private static void Add(List<Extent> extents, int start, int end)
    {
        if (extents.Count > 0 && extents[^1].End == start) extents[^1] = new Extent(extents[^1].Start, end);
        else extents.Add(new Extent(start, end));
    }
}
