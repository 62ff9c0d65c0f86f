namespace Mapillary.InternetArchive.Uploading;

/// <summary>How a collection is uploaded.</summary>
public sealed record UploadOptions
{
    /// <summary>How many files are under way at once where nobody says otherwise. archive.org slows eager uploaders down.</summary>
    public const int DefaultThrottleLimit = 4;

    /// <summary>The most files under way at once.</summary>
    public int ThrottleLimit { get; init; } = DefaultThrottleLimit;

    /// <summary>
    /// The most bytes of one item; a larger collection is spread over several. Null puts all into one. A file that is in an item stays
    /// there, whatever comes later.
    /// </summary>
    public long? MaximumItemSize { get; init; }

    /// <summary>How long to wait for archive.org to list what it has taken over.</summary>
    public TimeSpan MaximumWait { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Whether a collection is uploaded that is not complete.</summary>
    public bool Force { get; init; }
}

/// <summary>How far an upload is, for a person to look at.</summary>
/// <param name="Identifier">The item.</param>
/// <param name="Activity">What is being done.</param>
/// <param name="Files">How many files are through.</param>
/// <param name="AllFiles">How many there are to upload.</param>
/// <param name="Bytes">How many bytes went out.</param>
/// <param name="AllBytes">How many there are to send.</param>
public sealed record UploadProgress(string Identifier, string Activity, int Files, int AllFiles, long Bytes, long AllBytes);
