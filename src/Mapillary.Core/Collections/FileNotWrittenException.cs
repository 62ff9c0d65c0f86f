namespace Mapillary.Collections;

/// <summary>A file could not be written, or does not read back as written. Other faults of files are those of reading.</summary>
public sealed class FileNotWrittenException : IOException
{
    internal FileNotWrittenException(IOException fault)
        : base(fault.Message, fault) => HResult = fault.HResult;
}
