namespace Mapillary.Collections;

/// <summary>Another program has a file open, and did not let go of it for as long as was waited.</summary>
public sealed class FileHeldException : IOException
{
    /// <summary>The system's error for it on Windows (System Error Codes, 32).</summary>
    internal const int SharingViolation = unchecked((int)0x80070020);

    internal FileHeldException(string path, Exception inner)
        : base($"'{path}' is open in another program. Close it there, or wait until that program is done, and run again.", inner) =>
        HResult = SharingViolation;
}
