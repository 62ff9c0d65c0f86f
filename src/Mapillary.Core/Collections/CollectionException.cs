using Mapillary.Graph;

namespace Mapillary.Collections;

/// <summary>What keeps a collection from being written.</summary>
public enum CollectionFault
{
    /// <summary>Another process writes it, or has a file of it open.</summary>
    InUse,

    /// <summary>Its folder cannot be written, or the disk is full.</summary>
    NotWritable,

    /// <summary>What is there is something else, or damaged.</summary>
    Mismatch,

    /// <summary>It is of an area, and what is to be added is not of that area; or the other way round.</summary>
    OtherArea,

    /// <summary>It is one shard of a user's images, and what is to be added is not of that shard.</summary>
    OtherShard,

    /// <summary>Images are missing, and what was asked for wants all of them.</summary>
    Incomplete,
}

/// <summary>A collection cannot be written; the run ends, and all that is finished stays valid.</summary>
public sealed class CollectionException(CollectionFault fault, string path, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>What keeps it from being written.</summary>
    public CollectionFault Fault { get; } = fault;

    /// <summary>The collection or folder.</summary>
    public string Path { get; } = path;

    /// <summary>What to do about it, where the text does not say so.</summary>
    public Advice? Advice { get; init; }

    /// <summary>With <see cref="CollectionFault.OtherArea"/>: the area that the collection is limited to; null for none.</summary>
    public BoundingBox? RecordedArea { get; init; }

    internal static CollectionException NotWritable(string path, Exception e) => new(
        e is FileHeldException ? CollectionFault.InUse : CollectionFault.NotWritable, path, $"'{path}' cannot be written: {e.Message} All that was finished before is valid.", e);
}
