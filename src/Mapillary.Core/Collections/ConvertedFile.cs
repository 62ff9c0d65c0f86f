namespace Mapillary.Collections;

/// <summary>A JPEG that became a WebP.</summary>
public sealed record ConvertedFile
{
    /// <summary>The WebP.</summary>
    public required string Path { get; init; }

    /// <summary>Its own name.</summary>
    public string Name => System.IO.Path.GetFileName(Path);

    /// <summary>The folder that it lies in.</summary>
    public string? Directory => System.IO.Path.GetDirectoryName(Path);

    /// <summary>The JPEG it was made from; it may be gone.</summary>
    public required string SourcePath { get; init; }

    /// <summary>Whether the JPEG is still there.</summary>
    public required bool IsSourceKept { get; init; }

    /// <summary>
    /// Whole things that the JPEG holds besides its picture and that the WebP cannot hold, in words: a video, a further picture, a map of
    /// depth or light. For these the JPEG is kept.
    /// </summary>
    public IReadOnlyList<string> Parts { get; init => field = ItemList.Of(value); } = ItemList<string>.Empty;

    /// <summary>What else of the JPEG is not in the WebP, in words: segments of makers' own, bytes behind the end.</summary>
    public IReadOnlyList<string> LeftOut { get; init => field = ItemList.Of(value); } = ItemList<string>.Empty;

    /// <summary>The size of the WebP in bytes.</summary>
    public required long Length { get; init; }

    /// <summary>The size of the JPEG in bytes.</summary>
    public required long SourceLength { get; init; }

    /// <summary>How large the WebP is, as a part of the JPEG's size: 0.6 is 60 %; null where that is not known.</summary>
    public double? Share => SourceLength > 0 ? (double)Length / SourceLength : null;

    /// <inheritdoc/>
    public override string ToString() => Path;
}
