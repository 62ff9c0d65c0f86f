namespace Mapillary.Download;

/// <summary>An image that could not be downloaded. The text names the image and the reason, never its signed address.</summary>
public sealed class DownloadException : Exception
{
    /// <summary>Makes the error.</summary>
    internal DownloadException(string imageId, string reason, bool isUnavailable, int attempts = 1, Exception? inner = null)
        : base($"Image {imageId}: {reason}", inner)
    {
        ImageId = imageId;
        Reason = reason;
        IsUnavailable = isUnavailable;
        Attempts = attempts;
    }

    /// <summary>The image.</summary>
    public string ImageId { get; }

    /// <summary>The reason alone, which is the same for all images that share it.</summary>
    public string Reason { get; }

    /// <summary>Whether Mapillary does not have it (any more), as against a download that failed.</summary>
    public bool IsUnavailable { get; }

    /// <summary>How often it was tried.</summary>
    public int Attempts { get; }
}
