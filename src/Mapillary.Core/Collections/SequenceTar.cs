namespace Mapillary.Collections;

/// <summary>What goes into one tar.</summary>
public enum TarGrouping
{
    /// <summary>The images of one sequence.</summary>
    Sequence,

    /// <summary>The images of one day, in UTC.</summary>
    Date,
}

/// <summary>A tar that was written.</summary>
public sealed record SequenceTar
{
    /// <summary>The tar.</summary>
    public required string Path { get; init; }

    /// <summary>The sequence or day that it holds, as its name has it.</summary>
    public required string Group { get; init; }

    /// <summary>How many images it holds.</summary>
    public required int Entries { get; init; }

    /// <summary>Its size in bytes.</summary>
    public required long Length { get; init; }

    /// <summary>The folder of the collection it belongs to.</summary>
    public required string CollectionPath { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Path;
}
