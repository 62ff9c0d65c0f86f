namespace Mapillary.Imaging.Exif;

/// <summary>What goes into each of the five directories of a new block.</summary>
/// <param name="keepsThumbnail">Whether the old thumbnail stays.</param>
internal sealed class ExifPlan(bool keepsThumbnail)
{
    private readonly ExifDirectoryPlan?[] _directories = new ExifDirectoryPlan?[ExifDirectories.Count];

    /// <summary>Whether the old thumbnail stays.</summary>
    public bool KeepsThumbnail => keepsThumbnail;

    /// <summary>What goes into a directory; it is made if there is none yet.</summary>
    public ExifDirectoryPlan this[ExifDirectory directory] => _directories[(int)directory] ??= new ExifDirectoryPlan();

    /// <summary>What goes into a directory; null where nothing was planned.</summary>
    public ExifDirectoryPlan? Find(ExifDirectory directory) => _directories[(int)directory];

    /// <summary>Whether anything goes into a directory.</summary>
    public bool HasEntries(ExifDirectory directory) => Find(directory) is { Slots.Count: > 0 };
}
