namespace Mapillary.Imaging.Forms;

/// <summary>There is no encoder for this system, or it cannot be loaded.</summary>
public sealed class EncoderMissingException : Exception
{
    /// <summary>Says why, and what to do.</summary>
    public EncoderMissingException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
