namespace Mapillary.Collections.Checking;

/// <summary>What the repair of a collection came to.</summary>
public sealed record RepairResult
{
    /// <summary>The collection's folder.</summary>
    public required string Path { get; init; }

    /// <summary>That folder's own name.</summary>
    public string Collection => System.IO.Path.GetFileName(Path);

    /// <summary>Sound, where nothing was to be repaired and nothing was written; else Repaired.</summary>
    public string Status => Faults.Count == 0 ? "Sound" : "Repaired";

    /// <summary>How many images the manifest has now; those that are known to be damaged do not count.</summary>
    public required int Images { get; init; }

    /// <summary>How many records the listing has now.</summary>
    public required int Records { get; init; }

    /// <summary>The collection's own files that were made again, with what was the matter with each.</summary>
    public IReadOnlyList<CollectionFinding> Faults { get; init => field = ItemList.Of(value); } = ItemList<CollectionFinding>.Empty;

    /// <summary>The names that the damaged files have now.</summary>
    public IReadOnlyList<string> SetAside { get; init => field = ItemList.Of(value); } = ItemList<string>.Empty;

    /// <summary>Pictures and tars that are there and could not be taken in.</summary>
    public IReadOnlyList<CollectionFinding> LeftOut { get; init => field = ItemList.Of(value); } = ItemList<CollectionFinding>.Empty;

    /// <summary>What the lost files said and nothing tells any more; each a sentence or two.</summary>
    public IReadOnlyList<string> Unknown { get; init => field = ItemList.Of(value); } = ItemList<string>.Empty;

    /// <inheritdoc/>
    public override string ToString() => $"{Path}: {Status}";
}
