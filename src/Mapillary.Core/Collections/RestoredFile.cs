using Mapillary.Imaging;

namespace Mapillary.Collections;

/// <summary>What the restoring of one file's metadata came to.</summary>
public sealed record RestoredFile
{
    /// <summary>The file.</summary>
    public required string Path { get; init; }

    /// <summary>Its own name.</summary>
    public string Name => System.IO.Path.GetFileName(Path);

    /// <summary>The folder that it lies in.</summary>
    public string? Directory => System.IO.Path.GetDirectoryName(Path);

    /// <summary>The image id, from the file's name.</summary>
    public required string Id { get; init; }

    /// <summary>Whether the file was changed; false when it held everything already.</summary>
    public required bool Changed { get; init; }

    /// <summary>The values put in, with what they replaced.</summary>
    public IReadOnlyList<MetadataChange> Changes { get; init => field = ItemList.Of(value); } = ItemList<MetadataChange>.Empty;

    /// <summary>What a person should know, such as a broken block that was replaced.</summary>
    public IReadOnlyList<string> Notes { get; init => field = ItemList.Of(value); } = ItemList<string>.Empty;

    /// <inheritdoc/>
    public override string ToString() => Path;
}
