using Mapillary.InternetArchive.Client;
using Mapillary.InternetArchive.Describing;

namespace Mapillary.InternetArchive.Uploading;

/// <summary>What is to be done to an item, and what is there already.</summary>
public sealed class ItemPlan
{
    internal ItemPlan(ArchiveItem there, IaMetadata metadata, IReadOnlyList<PlannedFile> planned)
    {
        There = there;
        Metadata = metadata;
        Planned = planned;
        Bytes = planned.Sum(p => p.File.Bytes);
        Files = ItemList.Of(planned.Select(p => p.ToPublished(Identifier)).OrderBy(f => f.Name, StringComparer.Ordinal));
    }

    /// <summary>The item.</summary>
    public string Identifier => There.Identifier;

    /// <summary>Whether archive.org has it already.</summary>
    public bool Exists => There.State == ArchiveItemState.Present;

    /// <summary>Its metadata, which count when it comes into being.</summary>
    public IaMetadata Metadata { get; }

    /// <summary>Its files, by their names.</summary>
    public IReadOnlyList<PublishedFile> Files { get; }

    /// <summary>Whether a file of it is to be uploaded.</summary>
    public bool IsNeeded => Planned.Any(p => p.State == PublishedFileState.Planned);

    /// <summary>The headers of the upload that makes the item.</summary>
    public IReadOnlyList<(string Name, string Value)> Headers => ItemHeaders.ForNewItem(Metadata.Tags, Bytes);

    /// <summary>The size of all its files in bytes.</summary>
    public long Bytes { get; }

    internal ArchiveItem There { get; }

    /// <summary>The files in the order in which they go up.</summary>
    internal IReadOnlyList<PlannedFile> Planned { get; }
}

/// <summary>A file of a collection, and how far it was when archive.org was asked.</summary>
/// <param name="File">The file.</param>
/// <param name="State">How far: Planned, Queued or Verified.</param>
internal sealed record PlannedFile(ItemFile File, string State = PublishedFileState.Planned)
{
    /// <summary>Its MD5, lower-case hexadecimal; null where it was not needed yet.</summary>
    public string? Md5 { get; init; }

    /// <summary>The MD5 of what archive.org lists under this name, where that is something else.</summary>
    public string? Replaced { get; init; }

    public PublishedFile ToPublished(string identifier) => new() { Name = File.Name, Identifier = identifier, State = State, Length = File.Bytes, Md5 = Md5 };
}
