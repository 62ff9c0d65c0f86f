namespace Mapillary.Imaging.Forms;

/// <summary>A picture could not be encoded.</summary>
public sealed class EncodingException : Exception
{
    /// <summary>Says why.</summary>
    public EncodingException(string message)
        : base(message)
    {
    }
}
