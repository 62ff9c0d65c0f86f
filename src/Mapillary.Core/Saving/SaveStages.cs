namespace Mapillary.Saving;

/// <summary>How far the saving of images is, stage by stage.</summary>
public readonly record struct SaveStages
{
    /// <summary>How many images were listed; some of them wait for their transfer.</summary>
    public long Listed { get; init; }

    /// <summary>Whether the listing was read to its end.</summary>
    public bool IsListingRead { get; init; }

    /// <summary>How many pictures came whole.</summary>
    public long Downloaded { get; init; }

    /// <summary>Their size in bytes, as served.</summary>
    public long DownloadedBytes { get; init; }

    /// <summary>How many pictures were converted; null where none are to be.</summary>
    public long? Encoded { get; init; }

    /// <summary>How many transfers go on at once at most.</summary>
    public int Connections { get; init; }

    /// <summary>How many requests met a passing fault and wait before they are made again.</summary>
    public int RequestsWaiting { get; init; }

    /// <summary>For how long all requests are held back, because a service asks for fewer; zero where they are not.</summary>
    public TimeSpan HeldBackFor { get; init; }
}
