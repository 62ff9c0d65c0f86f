namespace Mapillary.Imaging.Exif;

/// <summary>The entries of the five directories of a block.</summary>
internal sealed class ExifDirectories
{
    /// <summary>How many directories there are.</summary>
    public const int Count = 5;

    /// <summary>A directory of a camera has some fifty entries; all that the standards define are a few hundred.</summary>
    public const int MostEntries = 4096;

    private readonly ExifEntry[]?[] _entries = new ExifEntry[]?[Count];

    /// <summary>The directories, in the order in which they are written.</summary>
    public static ExifDirectory[] All { get; } = Enum.GetValues<ExifDirectory>();

    /// <summary>The entries of a directory; none where the block lacks it.</summary>
    public ExifEntry[] this[ExifDirectory directory] => _entries[(int)directory] ?? [];

    /// <summary>Whether the block has a directory.</summary>
    public bool Has(ExifDirectory directory) => _entries[(int)directory] is not null;

    /// <summary>The first entry of a tag; null where the directory lacks it.</summary>
    public ExifEntry? Find(ExifDirectory directory, ushort tag)
    {
        foreach (var entry in this[directory])
        {
            if (entry.Tag == tag) return entry;
        }

        return null;
    }

    /// <summary>Sets the entries of a directory.</summary>
    public void Set(ExifDirectory directory, ExifEntry[] entries) => _entries[(int)directory] = entries;

    /// <summary>Takes all entries of some tags out of a directory.</summary>
    public void Remove(ExifDirectory directory, params ushort[] tags) =>
        _entries[(int)directory] = Array.FindAll(_entries[(int)directory]!, e => !tags.Contains(e.Tag));

    /// <summary>Whether a tag names the place of another of the five.</summary>
    public static bool IsPointer(ExifDirectory directory, ushort tag) => (directory, tag) is
        (ExifDirectory.Image, ExifTag.ExifPointer) or
        (ExifDirectory.Image, ExifTag.GpsPointer) or
        (ExifDirectory.Exif, ExifTag.InteroperabilityPointer);

    /// <summary>Whether a tag tells where the strips of a picture lie that is not compressed (EXIF 2.32, section 4.6.4).</summary>
    public static bool IsStrip(ExifDirectory directory, ushort tag) =>
        directory is ExifDirectory.Image or ExifDirectory.Thumbnail && tag is ExifTag.StripOffsets or ExifTag.StripByteCounts;
}
