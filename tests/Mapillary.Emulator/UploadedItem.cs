namespace Mapillary.Emulator;

/// <summary>An item of archive.org to which files were uploaded, listed yet or not.</summary>
public sealed record UploadedItem
{
    /// <summary>The item's name in addresses.</summary>
    public required string Identifier { get; init; }

    /// <summary>Its metadata: as the upload that created it said, with what S3 fills in; those it had where it was there before.</summary>
    public required IReadOnlyDictionary<string, IReadOnlyList<string>> Metadata { get; init; }

    /// <summary>The files by their names, folders and all.</summary>
    public required IReadOnlyDictionary<string, UploadedFile> Files { get; init; }
}

/// <summary>An uploaded file.</summary>
/// <param name="Content">What is stored.</param>
/// <param name="Md5">The MD5 of that, in lower case hexadecimal.</param>
/// <param name="QueuedDerive">Whether the last upload let derivatives be made.</param>
/// <param name="Puts">How often it was stored.</param>
public sealed record UploadedFile(byte[] Content, string Md5, bool QueuedDerive, int Puts);
