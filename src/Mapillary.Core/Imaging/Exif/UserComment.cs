namespace Mapillary.Imaging.Exif;

/// <summary>EXIF's UserComment, and how the ones begin that hold an image's record.</summary>
internal static class UserComment
{
    /// <summary>What a comment in ASCII begins with (EXIF 2.32, table 9).</summary>
    public static ReadOnlySpan<byte> AsciiPrefix => "ASCII\0\0\0"u8;

    /// <summary>Whether a comment begins as those that restoring writes.</summary>
    public static bool IsOurs(ReadOnlySpan<byte> comment) =>
        comment.StartsWith(AsciiPrefix) && comment[AsciiPrefix.Length..].StartsWith("{\"id\":\""u8);
}
