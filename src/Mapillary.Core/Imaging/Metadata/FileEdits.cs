namespace Mapillary.Imaging.Metadata;

/// <summary>Bytes of a file, the end not included, and what stands there instead.</summary>
/// <param name="Start">The first byte that is replaced.</param>
/// <param name="End">The first byte behind them; the same as the start where something is put in between.</param>
/// <param name="Replacement">What stands there instead.</param>
internal readonly record struct FileEdit(int Start, int End, ReadOnlyMemory<byte> Replacement)
{
    /// <summary>By how many bytes the file grows; negative where it shrinks.</summary>
    public int Growth => Replacement.Length - (End - Start);
}

/// <summary>What is to be changed in a file. Where several put something in at one place, the first stands first.</summary>
internal sealed class FileEdits
{
    private readonly List<FileEdit> _edits = [];

    /// <summary>Whether anything changes.</summary>
    public bool Any => _edits.Count > 0;

    /// <summary>By how many bytes the file grows.</summary>
    public int Growth => _edits.Sum(e => e.Growth);

    /// <summary>Notes a change. What it replaces must not lie over what another one replaces.</summary>
    public void Replace(int start, int end, ReadOnlyMemory<byte> replacement) => _edits.Add(new FileEdit(start, end, replacement));

    /// <summary>The change of just these bytes; null where there is none.</summary>
    public FileEdit? Find(int start, int end) =>
        _edits.FindIndex(e => (e.Start, e.End) == (start, end)) is var index and >= 0 ? _edits[index] : null;

    /// <summary>Puts something else in than a change does.</summary>
    public void Change(FileEdit edit, ReadOnlyMemory<byte> replacement) =>
        _edits[_edits.IndexOf(edit)] = edit with { Replacement = replacement };

    /// <summary>Where a byte of the old file that stays stands in the new one.</summary>
    public int Moved(int position) => position + _edits.Where(e => e.End <= position).Sum(e => e.Growth);

    /// <summary>The new file: new bytes, and slices of the old ones.</summary>
    public List<ReadOnlyMemory<byte>> Apply(ReadOnlyMemory<byte> file)
    {
        var pieces = new List<ReadOnlyMemory<byte>>(_edits.Count * 2 + 1);
        var position = 0;
        foreach (var edit in _edits.OrderBy(e => e.Start).ThenBy(e => e.End))
        {
            Add(file[position..edit.Start]);
            Add(edit.Replacement);
            position = edit.End;
        }

        Add(file[position..]);
        return pieces;

        void Add(ReadOnlyMemory<byte> piece)
        {
            if (!piece.IsEmpty) pieces.Add(piece);
        }
    }
}
