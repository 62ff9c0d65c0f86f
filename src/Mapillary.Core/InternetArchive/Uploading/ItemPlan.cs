using Mapillary.InternetArchive.Client;
using Mapillary.InternetArchive.Describing;

namespace Mapillary.InternetArchive.Uploading;

/// <summary>What is to be done to an item, and what is there already.</summary>
public sealed class ItemPlan
{
    internal ItemPlan(string identifier, ArchiveItem there, IaMetadata metadata)
    {
        Identifier = identifier;
        There = there;
        Metadata = metadata;
    }

    /// <summary>The item.</summary>
    public string Identifier { get; }

    /// <summary>Whether archive.org has it already.</summary>
    public bool Exists => There.State == ArchiveItemState.Present;

    /// <summary>Its metadata, which count when it comes into being.</summary>
    public IaMetadata Metadata { get; internal set; }

    /// <summary>Its files, by their names.</summary>
    public IReadOnlyList<PublishedFile> Files => [.. Uploads.Select(u => u.ToPublished()).OrderBy(f => f.Name, StringComparer.Ordinal)];

    /// <summary>The headers of the upload that makes the item.</summary>
    public IReadOnlyList<(string Name, string Value)> Headers => ItemHeaders.ForNewItem(Metadata.Tags, Bytes);

    /// <summary>The size of all its files in bytes.</summary>
    public long Bytes { get; private set; }

    internal ArchiveItem There { get; }

    internal List<FileUpload> Uploads { get; } = [];

    internal void Add(ItemFile file)
    {
        Uploads.Add(new FileUpload(file, Identifier));
        Bytes += file.Bytes;
    }
}

/// <summary>A file on its way; changed by whoever works on it, one at a time.</summary>
internal sealed class FileUpload(ItemFile file, string identifier)
{
    public ItemFile File { get; } = file;

    public string State { get; set; } = PublishedFileState.Planned;

    public string? Md5 { get; set; }

    /// <summary>The MD5 of what archive.org lists under this name, where that is something else.</summary>
    public string? Replaced { get; set; }

    public bool IsNew { get; set; }

    public string? Error { get; set; }

    public PublishedFile ToPublished() => new() { Name = File.Name, Identifier = identifier, State = State, Length = File.Bytes, Md5 = Md5, IsNew = IsNew, Error = Error };
}
