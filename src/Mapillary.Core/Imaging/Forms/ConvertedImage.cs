namespace Mapillary.Imaging.Forms;

/// <summary>A file made from a JPEG.</summary>
public sealed class ConvertedImage
{
    internal ConvertedImage(IReadOnlyList<ReadOnlyMemory<byte>> pieces, int width, int height)
    {
        Pieces = pieces;
        Length = pieces.Sum(p => (long)p.Length);
        Width = width;
        Height = height;
    }

    /// <summary>The bytes of the file, to be written one after the other.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Pieces { get; }

    /// <summary>The length of the file in bytes.</summary>
    public long Length { get; }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>Whole things that the JPEG holds besides its picture and that the new file cannot hold, in words: "a video (2.1 MiB)".</summary>
    public IReadOnlyList<string> Parts { get; init; } = [];

    /// <summary>What else of the JPEG is not in the new file, in words.</summary>
    public IReadOnlyList<string> LeftOut { get; init; } = [];
}
