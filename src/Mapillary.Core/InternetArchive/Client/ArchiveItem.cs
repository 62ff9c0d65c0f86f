namespace Mapillary.InternetArchive.Client;

/// <summary>Whether archive.org has an item.</summary>
public enum ArchiveItemState
{
    /// <summary>There is none of this name.</summary>
    Missing,

    /// <summary>There is one, and its files can be had.</summary>
    Present,

    /// <summary>There is one, but it is taken down: nobody can have its files.</summary>
    Dark,
}

/// <summary>What archive.org says of an item.</summary>
/// <param name="Identifier">The item's name.</param>
/// <param name="State">Whether it is there.</param>
/// <param name="Bytes">The size of all its files in bytes; null where archive.org does not say.</param>
public sealed record ArchiveItem(string Identifier, ArchiveItemState State, long? Bytes)
{
    /// <summary>The metadata key by which items described by this module are found; its value is the module's version.</summary>
    public const string ModuleTag = "mapillary_powershell";

    /// <summary>The most files of one item that archive.org recommends (https://archive.org/developers/items.html).</summary>
    internal const int MostFiles = 10_000;

    /// <summary>And the most bytes.</summary>
    internal const long MostBytes = 100_000_000_000;

    /// <summary>Its files by their names, with <c>/</c>; those of archive.org's own making among them.</summary>
    public IReadOnlyDictionary<string, ArchivedFile> Files { get; init; } = new Dictionary<string, ArchivedFile>();

    /// <summary>Who made its content: mostly one, or nobody who is named.</summary>
    public IReadOnlyList<string> Creators { get; init; } = [];

    /// <summary>Its description; null where it has none.</summary>
    public string? Description { get; init; }
}

/// <summary>A file of an item.</summary>
/// <param name="Name">Its path in the item, with <c>/</c>.</param>
/// <param name="Bytes">Its size; null where archive.org does not say.</param>
/// <param name="Md5">Its MD5, lower-case hexadecimal; null where archive.org does not say.</param>
public sealed record ArchivedFile(string Name, long? Bytes, string? Md5);
