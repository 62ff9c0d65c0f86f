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
