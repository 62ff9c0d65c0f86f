namespace Mapillary.Imaging.Forms;

/// <summary>A picture has more pixels than its new form, or this machine's memory, can hold.</summary>
public sealed class PictureTooLargeException : NotSupportedException
{
    /// <summary>Says what the limit is.</summary>
    public PictureTooLargeException(string message)
        : base(message)
    {
    }
}
