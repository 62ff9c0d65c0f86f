namespace Mapillary.Imaging.Exif;

/// <summary>What goes into a directory, and which tags that is, so that nobody has to search for one that is not there.</summary>
internal sealed class ExifDirectoryPlan
{
    private readonly HashSet<ushort> _tags = new(48);

    /// <summary>The entries; in the order of their tags only once they are written.</summary>
    public List<ExifSlot> Slots { get; } = new(48);

    /// <summary>Whether there is an entry of a tag.</summary>
    public bool Has(ushort tag) => _tags.Contains(tag);

    /// <summary>Adds an entry.</summary>
    public void Add(ExifSlot slot)
    {
        Slots.Add(slot);
        _tags.Add(slot.Tag);
    }
}
