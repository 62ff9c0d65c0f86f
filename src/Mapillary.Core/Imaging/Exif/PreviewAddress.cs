namespace Mapillary.Imaging.Exif;

/// <summary>An address in maker notes of a picture that stands behind the EXIF block.</summary>
/// <param name="At">Where the address stands, in bytes from the start of the block; it has four bytes.</param>
/// <param name="IsBigEndian">Its byte order, which can be another one than the block's.</param>
/// <param name="CountsFrom">What it counts from, in bytes from the start of the block; null for the start of the file.</param>
/// <param name="Target">Where in the file it leads to.</param>
internal readonly record struct PreviewAddress(int At, bool IsBigEndian, int? CountsFrom, int Target)
{
    /// <summary>Reads it from a block, or from the block that came out of it.</summary>
    public uint Read(ReadOnlySpan<byte> block) => ByteOrder.Read32(block, At, IsBigEndian);
}
