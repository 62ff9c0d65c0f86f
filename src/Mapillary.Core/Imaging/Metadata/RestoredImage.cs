using Mapillary.Imaging.Exif;

namespace Mapillary.Imaging.Metadata;

/// <summary>A picture with its metadata restored: new header bytes and, for all that stays, slices of the bytes that were given.</summary>
public sealed class RestoredImage
{
    private readonly List<ExifChange> _exifChanges;
    private readonly List<MetadataChange> _xmpChanges;

    internal RestoredImage(
        IReadOnlyList<ReadOnlyMemory<byte>> pieces, int width, int height, IReadOnlyList<string> notes, List<ExifChange> exifChanges, List<MetadataChange> xmpChanges, bool changed)
    {
        _exifChanges = exifChanges;
        _xmpChanges = xmpChanges;
        Pieces = pieces;
        Length = pieces.Sum(p => (long)p.Length);
        Width = width;
        Height = height;
        Notes = notes;
        Changed = changed;
    }

    /// <summary>The bytes of the file, to be written one after the other.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Pieces { get; }

    /// <summary>The length of the file in bytes.</summary>
    public long Length { get; }

    /// <summary>Width in pixels, from the picture itself.</summary>
    public int Width { get; }

    /// <summary>Height in pixels, from the picture itself.</summary>
    public int Height { get; }

    /// <summary>What a person should know: "replaced a broken EXIF block".</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>The values put in, with what they replaced. Put into words at each call, from the bytes that were given.</summary>
    public IReadOnlyList<MetadataChange> DescribeChanges() => [.. _exifChanges.Select(c => c.InWords()), .. _xmpChanges];

    /// <summary>Whether anything differs from the bytes that were given.</summary>
    public bool Changed { get; }
}
